/** Batches over any database. */
import * as Layer from "effect/Layer"
import type * as Batches from "../../batch/Batches.js"
import * as BatchesSql from "../../batch/Batches/Sql.js"
import type * as BatchQueue from "../../batch/BatchQueue.js"
import type * as SpendLedger from "../../spend/SpendLedger.js"
import * as Stores from "./Stores.js"

/** Batches in the database of a client. */
export const layer = (
  client: Stores.Client
): Layer.Layer<Batches.Batches | BatchQueue.BatchQueue, Batches.BatchStoreError | SpendLedger.LedgerError> =>
  Layer.provide(BatchesSql.layer, Stores.openable(client))
