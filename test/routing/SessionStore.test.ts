import { assert, describe, it } from "@effect/vitest"
import { SessionStore } from "arc-saga"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { entry, sessionStoreContract } from "../utils/sessionStoreContract.js"

describe("SessionStore in memory", () => {
  sessionStoreContract(Effect.succeed(SessionStore.layerMemory()))

  it.effect("forgets the session that was used least lately where there is no room", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore.makeMemory({ capacity: 2 })
      yield* store.put("a", entry())
      yield* store.put("b", entry())
      yield* store.put("a", entry({ provider: "gpt4" }))
      yield* store.put("c", entry())
      const kept = yield* Effect.forEach(["a", "b", "c"], (name) => store.get(name))
      assert.deepStrictEqual(
        kept.map((entries) => entries.length),
        [2, 0, 1]
      )
    })
  )

  it.effect("forgets what had no call for a while", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore.makeMemory({ idleMs: 1000 })
      yield* store.put("a", entry())
      yield* TestClock.adjust(1000)
      assert.lengthOf(yield* store.get("a"), 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* store.get("a"), [])
      // What comes later begins anew, and has the rest removed.
      yield* store.put("a", entry({ provider: "gpt4" }))
      assert.lengthOf(yield* store.get("a"), 1)
    })
  )

  it.effect("keeps a day by default", () =>
    Effect.gen(function* () {
      const store = yield* SessionStore.makeMemory()
      yield* store.put("a", entry())
      yield* TestClock.adjust("1 day")
      assert.lengthOf(yield* store.get("a"), 1)
    })
  )

  it.effect("names the number that can't be used", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(SessionStore.makeMemory({ capacity: 0 }))
      assert.include(message, "SessionStore.capacity")
    })
  )
})
