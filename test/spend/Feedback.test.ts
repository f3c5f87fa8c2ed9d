import { assert, describe, it } from "@effect/vitest"
import { Feedback } from "arc-saga"
import * as FeedbackSql from "arc-saga/Feedback/Sql"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { databases } from "../utils/databases.js"
import { flaky, refused } from "../utils/flakySql.js"

/** A store that keeps so many of a key. */
type Made = (options?: Feedback.Options) => Effect.Effect<Layer.Layer<Feedback.Feedback>, never, Scope.Scope>

const stores: ReadonlyArray<readonly [string, Made]> = [
  ["memory", (options) => Effect.succeed(Layer.orDie(Feedback.layerMemory(options)))],
  ...databases.map(({ fresh, name }): readonly [string, Made] => [
    name,
    (options) => Effect.map(fresh, (client) => Layer.orDie(Layer.provide(FeedbackSql.layer(options), client)))
  ])
]

const all = Effect.flatMap(Feedback.Feedback, ({ judgements }) =>
  Effect.map(Stream.runCollect(judgements), Chunk.toReadonlyArray)
)

const record = (judgement: Feedback.Judgement) =>
  Effect.flatMap(Feedback.Feedback, (feedback) => feedback.record(judgement))

describe.each(stores)("Feedback in %s", (_, made) => {
  it.scopedLive("keeps what is said of each task, and of what is said twice the later", () =>
    Effect.gen(function* () {
      const first = { taskId: "one", score: 0.25, at: 1 }
      const second = { taskId: "two", score: 1, keyId: "web", comment: "“Good”, with a \u{1F600}", at: 2 }
      const again = { taskId: "one", score: 1, comment: "after all", at: 3 }
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* all, [])
        yield* record(first)
        yield* record(second)
        assert.deepStrictEqual(yield* all, [first, second])
        yield* record(again)
        assert.deepStrictEqual(yield* all, [second, again])
      }).pipe(Effect.provide(yield* made()))
    })
  )

  it.scopedLive("gives more than a page of them, each once", () =>
    Effect.gen(function* () {
      const some = Array.from({ length: 501 }, (_, at) => ({
        taskId: `task ${at}`,
        score: 0.5,
        // Some at once.
        at: Math.floor(at / 3)
      }))
      yield* Effect.gen(function* () {
        yield* Effect.forEach(some, record)
        const ids = (yield* all).map(({ taskId }) => taskId)
        assert.deepStrictEqual(new Set(ids).size, some.length)
        assert.lengthOf(ids, some.length)
      }).pipe(Effect.provide(yield* made()))
    })
  )

  it.scopedLive(
    "keeps so many of each key and of callers without one, the latest, and at most a tenth more",
    () =>
      Effect.gen(function* () {
        const perKey = 10
        const keys = ["web", undefined, "other"]
        yield* Effect.gen(function* () {
          for (let at = 0; at < 30; at++) {
            for (const keyId of at < 3 ? keys : keys.slice(0, 2)) {
              const judgement = { taskId: `${keyId} ${at}`, score: 1, at }
              yield* record(keyId === undefined ? judgement : { ...judgement, keyId })
            }
            const kept = yield* all
            for (const keyId of keys.slice(0, 2)) {
              const times = kept.filter((each) => each.keyId === keyId).map((each) => each.at)
              assert.isAtMost(times.length, perKey + perKey / 10)
              assert.isAtLeast(times.length, Math.min(at + 1, perKey))
              assert.deepStrictEqual(
                times,
                times.map((_, index) => at + 1 - times.length + index)
              )
            }
          }
          const others = (yield* all).filter(({ keyId }) => keyId === "other")
          assert.lengthOf(others, 3)
        }).pipe(Effect.provide(yield* made({ perKey })))
      })
  )
})

describe("Feedback/Sql", () => {
  it.scopedLive(
    "removes what is too much of a key with the first of it that is written since the start",
    () =>
      Effect.gen(function* () {
        const client = yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh))
        const some = Array.from({ length: 10 }, (_, at) => ({
          taskId: `task ${at}`,
          score: 1,
          keyId: "web",
          at
        }))
        yield* Effect.forEach(some, record).pipe(Effect.provide(Layer.provide(FeedbackSql.layer(), client)))
        yield* Effect.gen(function* () {
          yield* record({ taskId: "task 10", score: 1, keyId: "web", at: 10 })
          assert.deepStrictEqual(
            (yield* all).map(({ at }) => at),
            [7, 8, 9, 10]
          )
        }).pipe(Effect.provide(Layer.provide(FeedbackSql.layer({ perKey: 4 }), client)))
      })
  )

  it.scopedLive("says that it can't write or read while its database is away", () =>
    Effect.gen(function* () {
      const sql = flaky(yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh)))
      yield* Effect.gen(function* () {
        sql.before = refused
        const written = yield* Effect.flip(record({ taskId: "one", score: 1, at: 1 }))
        assert.strictEqual(written.operation, "written")
        assert.match(written.message, /^Feedback can't be written: .+\. Look whether its database/)
        const read = yield* Effect.flip(all)
        assert.strictEqual(read.operation, "read")
      }).pipe(Effect.provide(Layer.provide(FeedbackSql.layer(), sql.client)))
    })
  )
})
