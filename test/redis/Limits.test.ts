import * as Effect from "effect/Effect"
import { limitStoreContract } from "../utils/limitStoreContract.js"
import { limitsOf, prefix, urls } from "../utils/redis.js"

for (const url of urls) {
  limitStoreContract(
    "Redis",
    Effect.suspend(() => {
      const prefixed = prefix()
      return Effect.all([limitsOf(url, prefixed), limitsOf(url, prefixed)])
    })
  )
}
