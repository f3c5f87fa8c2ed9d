/**
 * Ledger and budgets over any database.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Cause from "effect/Cause"
import * as Layer from "effect/Layer"
import * as BudgetsSql from "../../Budgets/Sql.js"
import type * as BudgetStore from "../../BudgetStore.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as database from "../../internal/sql.js"
import * as SpendLedger from "../../SpendLedger.js"
import * as SpendLedgerSql from "../../SpendLedger/Sql.js"

/**
 * A ledger and the accounts of budgets.
 *
 * @since 0.1.0
 * @category models
 */
export type Stores = Layer.Layer<
  SpendLedger.SpendLedger | BudgetStore.BudgetStore,
  SpendLedger.LedgerError | BudgetStore.BudgetStoreError | InvalidArgumentError
>

/** A driver dies of a file that it can't open. */
const openable = (
  client: Layer.Layer<SqlClient.SqlClient, SqlError>
): Layer.Layer<SqlClient.SqlClient, SpendLedger.LedgerError> =>
  Layer.catchAllCause(client, (cause) => {
    const error = Cause.squash(cause)
    const reason = database.reasonOf(error instanceof SqlError ? error : new SqlError({ cause: error }))
    return Layer.fail(new SpendLedger.LedgerError({ operation: "set up", reason }))
  })

/**
 * Ledger and budgets in the database of a client.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (client: Layer.Layer<SqlClient.SqlClient, SqlError>): Stores =>
  Layer.merge(SpendLedgerSql.layer(), BudgetsSql.layerStore()).pipe(Layer.provide(openable(client)))
