import { assert, describe, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import { SpendLedger } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as SpendLedgerSql from "../../src/SpendLedger/Sql.js"
import { databases } from "../utils/databases.js"
import { attempt, rowsOf, task } from "../utils/ledger.js"
import { ledgerContract } from "../utils/ledgerContract.js"

describe.each(databases)("SpendLedger/Sql on $name", ({ fresh }) => {
  ledgerContract(Effect.map(fresh, (client) => Layer.orDie(Layer.provide(SpendLedgerSql.layer(), client))))

  it.scopedLive("is set up by processes that begin at once, and again, and keeps what is there", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const process = (id: string) =>
        Effect.provide(
          Effect.flatMap(SpendLedger.SpendLedger, (ledger) => ledger.observe(attempt(), task({ id }))),
          Layer.provide(SpendLedgerSql.layer(), Layer.fresh(client))
        )
      yield* Effect.all(["a", "b", "c", "d", "e"].map(process), { concurrency: "unbounded" })
      yield* process("f")
      const rows = yield* Effect.provide(
        Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)),
        Layer.provide(SpendLedgerSql.layer(), client)
      )
      assert.deepStrictEqual(rows.map(({ taskId }) => taskId).toSorted(), ["a", "b", "c", "d", "e", "f"])
    })
  )
})
