/** What clients say of answers, over sockets. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AnswerObserver, Feedback } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { given } from "../../src/internal/options.js"
import { post, start } from "./harness.js"

const key = "test-key-web"
const sha256 = createHash("sha256").update(key).digest("hex")
const authorization = { authorization: `Bearer ${key}` }

/** A gateway with whatever judges there are, and what they were told. */
const judged = (judges: {
  readonly store?: "kept" | "away"
  readonly learns?: boolean
  readonly requestsPerMinute?: number
}) =>
  Effect.gen(function* () {
    const kept: Array<Feedback.Judgement> = []
    const learned: Array<readonly [string, number]> = []
    const store =
      judges.store === undefined
        ? Layer.empty
        : Layer.succeed(Feedback.Feedback, {
            record: (judgement) =>
              judges.store === "kept"
                ? Effect.sync(() => void kept.push(judgement))
                : new Feedback.FeedbackError({ operation: "written", reason: "postgres://me:secret@db" }),
            judgements: Stream.empty
          })
    const observer = Layer.succeed(AnswerObserver.AnswerObserver, {
      answered: () => Effect.void,
      ...(judges.learns === true
        ? {
            judged: (taskId: string, score: number) => Effect.sync(() => void learned.push([taskId, score]))
          }
        : {})
    })
    const { url } = yield* start({
      engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
      gateway: {
        keys: [{ id: "web", sha256, ...given({ requestsPerMinute: judges.requestsPerMinute }) }]
      },
      around: Layer.merge(store, observer)
    })
    const tell = (body: unknown, headers: Readonly<Record<string, string>> = authorization) =>
      Effect.map(post(`${url}/v1/feedback`, body, headers), ({ status, text }) => ({
        status,
        told: JSON.parse(text)
      }))
    return { url, kept, learned, tell }
  })

const call = { model: "claude", max_tokens: 9, messages: [{ role: "user", content: "Hello" }] }

describe("POST /v1/feedback", () => {
  it.scopedLive(
    "keeps what is said of an answer, by the id of its call or of its body, and has it learned",
    () =>
      Effect.gen(function* () {
        const { kept, learned, tell, url } = yield* judged({ store: "kept", learns: true })
        const chat = yield* post(`${url}/v1/chat/completions`, call, authorization)
        const id = chat.headers.get("x-request-id") ?? ""
        const ids = [id, JSON.parse(chat.text).id, `msg_${id}`, `resp_${id}`]
        for (const [index, each] of ids.entries()) {
          const { status, told } = yield* tell({ id: each, score: index / 4, comment: "well" })
          assert.strictEqual(status, 200)
          assert.deepStrictEqual(told, { id, score: index / 4, kept: true })
        }
        assert.deepStrictEqual(
          learned,
          ids.map((_, index) => [id, index / 4] as const)
        )
        assert.deepInclude(kept[1], { taskId: id, score: 0.25, keyId: "web", comment: "well" })
        assert.closeTo(kept[1]?.at ?? 0, Date.now(), 60_000)
      })
  )

  it.scopedLive("is enough for a model to learn from, where nothing keeps it", () =>
    Effect.gen(function* () {
      const { learned, tell } = yield* judged({ learns: true })
      assert.deepStrictEqual((yield* tell({ id: "a", score: 1 })).told, { id: "a", score: 1, kept: false })
      assert.deepStrictEqual(learned, [["a", 1]])
    })
  )

  it.scopedLive("is kept where nothing learns from it", () =>
    Effect.gen(function* () {
      const { kept, tell } = yield* judged({ store: "kept" })
      assert.strictEqual((yield* tell({ id: "a", score: 0 })).status, 200)
      assert.lengthOf(kept, 1)
    })
  )

  it.scopedLive("says that nothing keeps it", () =>
    Effect.gen(function* () {
      const { tell } = yield* judged({})
      const { status, told } = yield* tell({ id: "a", score: 1 })
      assert.strictEqual(status, 404)
      assert.strictEqual(told.error.code, "feedback_not_kept")
    })
  )

  it.scopedLive("says that its store is away, and not what the database says; nothing is learned then", () =>
    Effect.gen(function* () {
      const { learned, tell } = yield* judged({ store: "away", learns: true })
      const { status, told } = yield* tell({ id: "a", score: 1 })
      assert.strictEqual(status, 503)
      assert.strictEqual(told.error.code, "feedback_unavailable")
      assert.notInclude(JSON.stringify(told), "secret")
      assert.deepStrictEqual(learned, [])
    })
  )

  it.scopedLive("counts against the limit of its key, with the calls", () =>
    Effect.gen(function* () {
      const { kept, tell, url } = yield* judged({ store: "kept", requestsPerMinute: 3 })
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, call, authorization)).status, 200)
      assert.strictEqual((yield* tell({ id: "a", score: 1 })).status, 200)
      assert.strictEqual((yield* tell({ id: "b", score: 2 })).status, 400)
      const { status, told } = yield* tell({ id: "c", score: 1 })
      assert.strictEqual(status, 429)
      assert.strictEqual(told.error.code, "key_limit_exceeded")
      assert.deepStrictEqual(
        kept.map(({ taskId }) => taskId),
        ["a"]
      )
    })
  )

  it.scopedLive("refuses what isn't feedback, and who has no key", () =>
    Effect.gen(function* () {
      const { kept, tell } = yield* judged({ store: "kept" })
      for (const [body, param] of [
        [{ score: 1 }, "id"],
        [{ id: "", score: 1 }, "id"],
        [{ id: "a".repeat(257), score: 1 }, "id"],
        [{ id: "a" }, "score"],
        [{ id: "a", score: 1.1 }, "score"],
        [{ id: "a", score: "good" }, "score"],
        [{ id: "a", score: 1, comment: "x".repeat(4097) }, "comment"],
        [{ id: "a", score: 1, mark: 1 }, "mark"],
        [[], ""]
      ] as const) {
        const { status, told } = yield* tell(body)
        assert.strictEqual(status, 400, JSON.stringify(body).slice(0, 40))
        assert.strictEqual(told.error.param, param)
      }
      assert.strictEqual((yield* tell({ id: "a", score: 1 }, {})).status, 401)
      assert.deepStrictEqual(kept, [])
    })
  )
})
