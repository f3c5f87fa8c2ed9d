import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BudgetsSql from "../../src/Budgets/Sql.js"
import { budgetStoreContract } from "../utils/budgetStoreContract.js"
import { databases } from "../utils/databases.js"

describe.each(databases)("Budgets/Sql on $name", ({ fresh }) => {
  budgetStoreContract(
    Effect.map(fresh, (client) => {
      const store = () => Layer.orDie(Layer.provide(BudgetsSql.layerStore(), Layer.fresh(client)))
      return [store(), store()] as const
    })
  )
})
