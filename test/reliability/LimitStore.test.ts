import { assert, describe, it } from "@effect/vitest"
import { LimitStore } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as TestClock from "effect/TestClock"
import { limitStoreContract } from "../utils/limitStoreContract.js"

limitStoreContract(
  "memory",
  Effect.map(LimitStore.makeMemory, (store) => [store, store] as const)
)

describe("LimitStore.makeMemory", () => {
  it.effect("forgets keys that hold nothing back, and no others", () =>
    Effect.gen(function* () {
      const store = yield* LimitStore.makeMemory
      const limits = { requestsPerMinute: 1 }
      const begin = (key: string) => store.take(key, limits, 0)
      const held = yield* begin("under way")
      const stated = yield* begin("stated")
      if (Either.isRight(stated)) yield* stated.right.settle({ tokens: 0, retryAfterMs: 1e9 })
      for (let key = 0; key < 1100; key++) {
        const taken = yield* begin(`k${key}`)
        if (Either.isRight(taken)) yield* taken.right.settle({ tokens: 0 })
      }
      yield* TestClock.adjust(61_000)
      for (let key = 0; key < 3000; key++) yield* begin(`later${key}`)
      assert.strictEqual(store.unsafeReadyAt("stated", limits, 61_000), 1e9)
      assert.isTrue(Either.isRight(held))
      assert.isAbove(store.unsafeReadyAt("later2999", limits, 61_000), 61_000)
    })
  )
})
