import { CircuitStore } from "arc-saga"
import * as Effect from "effect/Effect"
import { circuitStoreContract } from "../utils/circuitStoreContract.js"

circuitStoreContract("memory", (count) =>
  Effect.map(CircuitStore.makeMemory, (store) => ({
    stores: Array.from({ length: count }, () => store),
    settled: Effect.void
  }))
)
