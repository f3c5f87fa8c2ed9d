import * as Effect from "effect/Effect"
import { circuitStoreContract } from "../utils/circuitStoreContract.js"
import { circuitsOf, prefix, urls } from "../utils/redis.js"

for (const url of urls) {
  circuitStoreContract("Redis", (count) =>
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
