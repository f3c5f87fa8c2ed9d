import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type * as Statement from "@effect/sql/Statement"
import * as Effect from "effect/Effect"
import * as database from "../../internal/sql.js"
import { BatchStoreError } from "../Batches.js"
import * as outcome from "./outcome.js"

/** The database, and its present instant in milliseconds. */
export interface Connection {
  readonly sql: SqlClient.SqlClient
  readonly now: Effect.Effect<Statement.Fragment>
}

export const failedTo =
  (operation: BatchStoreError["operation"]) =>
  (error: SqlError): BatchStoreError =>
    new BatchStoreError({ operation, reason: database.reasonOf(error) })

/** Runs statements that change something. */
export const write = <A>(statements: Effect.Effect<A, SqlError>): Effect.Effect<A, BatchStoreError> =>
  Effect.mapError(database.patiently(statements), failedTo("written"))

/** Runs statements that change nothing. */
export const read = <A>(statements: Effect.Effect<A, SqlError>): Effect.Effect<A, BatchStoreError> =>
  Effect.mapError(database.patiently(statements), failedTo("read"))

/** Ends the tasks of cancelled batches among these that no worker has. */
export const endCancelled = (
  sql: SqlClient.SqlClient,
  batches: ReadonlyArray<string>
): Effect.Effect<void, BatchStoreError> =>
  batches.length === 0
    ? Effect.void
    : Effect.asVoid(
        write(
          sql`UPDATE arc_saga_batch_tasks SET state = 'cancelled', outcome = ${outcome.cancelled}, task = ''
            WHERE state = 'waiting' AND worker IS NULL AND batch IN
              (SELECT batch FROM arc_saga_batches WHERE cancelled = 1 AND ${sql.in("batch", batches)})`
        )
      )
