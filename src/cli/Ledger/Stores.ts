/** Ledger and budgets over any database. */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Layer from "effect/Layer"
import type * as KeyStore from "../../gateway/KeyStore.js"
import * as KeyStoreSql from "../../gateway/KeyStore/Sql.js"
import * as BudgetsSql from "../../spend/Budgets/Sql.js"
import type * as BudgetStore from "../../spend/BudgetStore.js"
import type * as Feedback from "../../spend/Feedback.js"
import * as FeedbackSql from "../../spend/Feedback/Sql.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import type * as SpendLedger from "../../spend/SpendLedger.js"
import * as SpendLedgerSql from "../../spend/SpendLedger/Sql.js"

/** A database. */
export type Client = Layer.Layer<SqlClient.SqlClient, SqlError | InvalidArgumentError>

/** A ledger and the accounts of budgets. */
export type Stores = Layer.Layer<
  SpendLedger.SpendLedger | BudgetStore.BudgetStore | Feedback.Feedback,
  SpendLedger.LedgerError | BudgetStore.BudgetStoreError | Feedback.FeedbackError | InvalidArgumentError
>

/** A driver dies of a file that it can't open. */
export const openable = (client: Client): Layer.Layer<SqlClient.SqlClient, SpendLedger.LedgerError> =>
  Layer.catchAllCause(client, (cause) => Layer.fail(SpendLedgerSql.notOpened(cause)))

/** Ledger and budgets in the database of a client. */
export const layer = (client: Client): Stores =>
  Layer.mergeAll(SpendLedgerSql.layer(), BudgetsSql.layerStore(), FeedbackSql.layer()).pipe(
    Layer.provide(openable(client))
  )

/** Keys in the database of a client. */
export const keys = (
  client: Layer.Layer<SqlClient.SqlClient, SqlError | InvalidArgumentError>
): Layer.Layer<KeyStore.KeyStore, KeyStore.KeyStoreError | SpendLedger.LedgerError> =>
  Layer.provide(KeyStoreSql.layer, openable(client))
