import { describe } from "@effect/vitest"
import { BudgetStore } from "arc-saga"
import * as Effect from "effect/Effect"
import { budgetStoreContract } from "../utils/budgetStoreContract.js"

describe("BudgetStore in memory", () => {
  budgetStoreContract(Effect.succeed(BudgetStore.layerMemory))
})
