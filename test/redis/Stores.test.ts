/** Sessions and answers in Redis, where REDIS_URL is set. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AnswerCache, SessionStore, StateOwners } from "arc-saga"
import { Answers, Connection, Sessions, StateOwners as SharedOwners } from "arc-saga/redis"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { nowhere, prefix, urls } from "../utils/redis.js"
import { entry, sessionStoreContract } from "../utils/sessionStoreContract.js"

const connected = (url: string, prefixed = prefix()) =>
  Connection.layer({ url, prefix: prefixed, timeoutMs: 10_000 })

const answersOf = (url: string, options: Answers.Options = {}, prefixed = prefix()) =>
  Effect.map(
    Layer.build(Layer.provide(Answers.layer(options), connected(url, prefixed))),
    Context.get(AnswerCache.AnswerCache)
  )

const ownersOf = (url: string, prefixed = prefix()) =>
  Effect.map(
    Layer.build(Layer.provide(SharedOwners.layer(), connected(url, prefixed))),
    Context.get(StateOwners.StateOwners)
  )

const owner = { provider: AIProvider.Claude, member: "east" }

describe("who keeps what", () => {
  it.scopedLive("is known by a process that has seen it where there is no Redis", () =>
    Effect.gen(function* () {
      const { get, put } = yield* ownersOf(nowhere)
      yield* put(["a", "b"], owner)
      assert.deepStrictEqual(yield* get(["a", "b"]), [owner])
      assert.deepStrictEqual(yield* get(["c"]), [])
      const error = yield* Effect.flip(
        Layer.build(Layer.provide(SharedOwners.layer({ keptMs: 0 }), connected(nowhere)))
      )
      assert.strictEqual(error.field, "keptMs")
    })
  )
})

describe("stores in Redis", () => {
  it.effect("are refused with settings that are out of range", () =>
    Effect.gen(function* () {
      const Away = connected(nowhere)
      const answers = yield* Effect.flip(
        Layer.build(Layer.provide(Answers.layer({ maxCharacters: 0 }), Away))
      )
      assert.strictEqual(answers.field, "maxCharacters")
      const sessions = yield* Effect.flip(Layer.build(Layer.provide(Sessions.layer({ idleMs: 0 }), Away)))
      assert.strictEqual(sessions.field, "idleMs")
    }).pipe(Effect.scoped)
  )

  it.scopedLive("know nothing where there is none, and hold up nobody", () =>
    Effect.gen(function* () {
      const { get, set } = yield* answersOf(nowhere)
      yield* set("a", "1", 1000)
      assert.deepStrictEqual(yield* get("a"), Option.none())
      const sessions = Context.get(
        yield* Layer.build(Layer.provide(Sessions.layer(), connected(nowhere))),
        SessionStore.SessionStore
      )
      yield* sessions.put("a", entry())
      assert.deepStrictEqual(yield* sessions.get("a"), [])
    })
  )
})

for (const url of urls) {
  describe("sessions in Redis", () => {
    sessionStoreContract(Effect.sync(() => Layer.orDie(Layer.provide(Sessions.layer(), connected(url)))))
  })

  describe("answers in Redis", () => {
    it.scopedLive("are there for other processes, for their time", () =>
      Effect.gen(function* () {
        const prefixed = prefix()
        const one = yield* answersOf(url, {}, prefixed)
        const other = yield* answersOf(url, {}, prefixed)
        yield* one.set("question", "answer", 60_000)
        yield* one.set("brief", "answer", 1)
        // What was sent before is read before.
        yield* one.get("question")
        assert.deepStrictEqual(yield* other.get("question"), Option.some("answer"))
        yield* other.set("question", "another", 60_000)
        assert.deepStrictEqual(yield* other.get("question"), Option.some("another"))
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* other.get("brief"), Option.none())
        assert.deepStrictEqual(yield* (yield* answersOf(url)).get("question"), Option.none())
      })
    )

    it.scopedLive("are none that are too long", () =>
      Effect.gen(function* () {
        const { get, set } = yield* answersOf(url, { maxCharacters: 3 })
        yield* set("a", "long", 60_000)
        yield* set("b", "two", 60_000)
        assert.deepStrictEqual([yield* get("a"), yield* get("b")], [Option.none(), Option.some("two")])
      })
    )
  })

  describe("who keeps what, in Redis", () => {
    it.scopedLive("is known to other processes", () =>
      Effect.gen(function* () {
        const prefixed = prefix()
        const one = yield* ownersOf(url, prefixed)
        const other = yield* ownersOf(url, prefixed)
        yield* one.put(["a", "b"], owner)
        yield* one.put(["c"], { provider: AIProvider.Gpt4 })
        // What was sent before is read before.
        yield* one.get(["d"])
        assert.deepStrictEqual(yield* other.get(["a", "c", "b", "d"]), [owner, { provider: AIProvider.Gpt4 }])
        assert.deepStrictEqual(yield* (yield* ownersOf(url)).get(["a"]), [])
      })
    )
  })
}
