import { assert, describe, it } from "@effect/vitest"
import { Shared } from "arc-saga/redis"
import * as Layer from "effect/Layer"
import * as Effect from "effect/Effect"
import { circuitStoreContract } from "../utils/circuitStoreContract.js"
import { poolStoreContract } from "../utils/poolStoreContract.js"
import { circuitsOf, prefix, urls } from "../utils/redis.js"

describe("shared state", () => {
  it.effect("is refused with settings that are out of range", () =>
    Effect.gen(function* () {
      for (const [field, options] of [
        ["share", { share: 0 }],
        ["share", { share: 1.1 }],
        ["leaseMs", { leaseMs: 0 }],
        ["refreshMs", { refreshMs: -1 }],
        ["timeoutMs", { timeoutMs: 0 }],
        ["prefix", { prefix: "" }]
      ] as const) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Shared.layer(options))))
        assert.strictEqual(error.field, field)
      }
    })
  )
})

for (const url of urls) {
  for (const contract of [circuitStoreContract, poolStoreContract]) {
    contract("Redis", (count) =>
      Effect.suspend(() => {
        const prefixed = prefix()
        return Effect.map(
          Effect.all(Array.from({ length: count }, () => circuitsOf(url, prefixed))),
          (processes) => ({
            stores: processes.map(({ store }) => store),
            settled: Effect.forEach(processes, ({ refresh }) => refresh, { discard: true })
          })
        )
      })
    )
  }
}
