/**
 * Batches in a database: SQLite for one machine, PostgreSQL for many.
 *
 * Needs the package `@effect/sql` and a client: that of `SpendLedger/Sqlite`, or `@effect/sql-pg` for
 * PostgreSQL. The database holds the prompts of the tasks and their answers.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as database from "../../internal/sql.js"
import * as Batches from "../Batches.js"
import * as BatchQueue from "../BatchQueue.js"
import { failedTo } from "../internal/connection.js"
import * as keeping from "../internal/keeping.js"
import * as taking from "../internal/taking.js"

const migrations: ReadonlyArray<database.Migration> = [
  (sql) => [
    sql`CREATE TABLE IF NOT EXISTS arc_saga_batches (
      batch TEXT NOT NULL PRIMARY KEY,
      created_at DOUBLE PRECISION NOT NULL,
      submitted INTEGER NOT NULL,
      cancelled INTEGER NOT NULL
    )`,
    sql`CREATE TABLE IF NOT EXISTS arc_saga_batch_workers (
      worker TEXT NOT NULL PRIMARY KEY,
      expires_at DOUBLE PRECISION NOT NULL
    )`,
    sql`CREATE TABLE IF NOT EXISTS arc_saga_batch_tasks (
      batch TEXT NOT NULL,
      line INTEGER NOT NULL,
      input TEXT NOT NULL,
      task_id TEXT,
      task TEXT NOT NULL,
      provider TEXT,
      queued_at DOUBLE PRECISION NOT NULL,
      state TEXT NOT NULL,
      worker TEXT,
      taken_over INTEGER NOT NULL,
      outcome TEXT,
      PRIMARY KEY (batch, line)
    )`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_batch_tasks_free ON arc_saga_batch_tasks (queued_at, batch, line)
      WHERE state = 'waiting' AND worker IS NULL`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_batch_tasks_taken ON arc_saga_batch_tasks (worker)
      WHERE state = 'waiting' AND worker IS NOT NULL`
  ]
]

/**
 * Makes what keeps batches and what workers take tasks from, in the database of the context, whose tables are made
 * when they aren't there.
 *
 * Leases go by the clock of the database on PostgreSQL, and by that of the machine on SQLite.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  Context.Context<Batches.Batches | BatchQueue.BatchQueue>,
  Batches.BatchStoreError,
  SqlClient.SqlClient
> = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  yield* Effect.mapError(database.migrate("batches", migrations), failedTo("set up"))
  const now = sql.onDialectOrElse({
    pg: () => Effect.succeed(sql.literal("(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)")),
    orElse: () => Effect.map(Clock.currentTimeMillis, (millis) => sql`${millis}`)
  })
  const connection = { sql, now }
  return Context.make(Batches.Batches, keeping.make(connection)).pipe(
    Context.add(BatchQueue.BatchQueue, taking.make(connection))
  )
})

/**
 * Batches, and what workers take tasks from, in the database of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { BatchesSql } from "arc-saga/batch"
 * import { Config, Layer } from "effect"
 *
 * export const Queue = BatchesSql.layer.pipe(
 *   Layer.provide(PgClient.layerConfig({ url: Config.redacted("DATABASE_URL") })),
 * )
 * ```
 */
export const layer: Layer.Layer<
  Batches.Batches | BatchQueue.BatchQueue,
  Batches.BatchStoreError,
  SqlClient.SqlClient
> = Layer.effectContext(make)
