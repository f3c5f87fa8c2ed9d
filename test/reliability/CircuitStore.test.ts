import { CircuitStore } from "arc-saga"
import * as Effect from "effect/Effect"
import { circuitStoreContract } from "../utils/circuitStoreContract.js"
import { poolStoreContract } from "../utils/poolStoreContract.js"

for (const contract of [circuitStoreContract, poolStoreContract]) {
  contract("memory", (count) =>
    Effect.map(CircuitStore.makeMemory, (store) => ({
      stores: Array.from({ length: count }, () => store),
      settled: Effect.void
    }))
  )
}
