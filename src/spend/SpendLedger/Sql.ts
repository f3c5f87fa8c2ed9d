/**
 * The spend ledger in a database: SQLite for one machine, PostgreSQL for many.
 *
 * Needs the package `@effect/sql` and a client: that of `SpendLedger/Sqlite`, or `@effect/sql-pg` for
 * PostgreSQL.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import type * as Statement from "@effect/sql/Statement"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as numbers from "../../internal/numbers.js"
import { given } from "../../internal/options.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { byName, dayMs, dayOf } from "../internal/memoryLedger.js"
import * as database from "../../internal/sql.js"
import * as validation from "../../internal/validation.js"
import * as writer from "../internal/writer.js"
import * as SpendLedger from "../SpendLedger.js"
import * as Usd from "../../Usd.js"

const Options = Schema.Struct({
  writeTimeoutMs: Schema.optional(numbers.millis),
  drainMs: Schema.optional(numbers.millis),
  maxWaiting: Schema.optional(numbers.above0("a number of rows"))
})

/**
 * How rows are written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Milliseconds that a call waits for its row to be durable before it goes on; 1,000 when absent. */
  readonly writeTimeoutMs?: number | undefined
  /** Milliseconds that closing the Layer waits for rows that aren't written yet; 10,000 when absent. */
  readonly drainMs?: number | undefined
  /**
   * The rows that may wait in memory while the database can't be reached, 100,000 when absent (some 60 MB).
   * Each further one is lost, and told whole in the log event `ledger_rows_lost`.
   */
  readonly maxWaiting?: number | undefined
}

const decode = validation.decoder("SpendLedger", Options)

/** Money is in two whole numbers, microdollars and the picodollars beyond, so that no sum overflows. */
const migrations: ReadonlyArray<database.Migration> = [
  (sql) => [
    sql`CREATE TABLE IF NOT EXISTS arc_saga_spend (
      id TEXT NOT NULL PRIMARY KEY,
      task_id TEXT NOT NULL,
      user_id TEXT,
      key_id TEXT,
      provider TEXT NOT NULL,
      model TEXT NOT NULL,
      outcome TEXT NOT NULL,
      error TEXT,
      input_tokens BIGINT NOT NULL,
      output_tokens BIGINT NOT NULL,
      cache_read_tokens BIGINT NOT NULL,
      cache_write_tokens BIGINT NOT NULL,
      cache_write_1h_tokens BIGINT NOT NULL,
      reasoning_tokens BIGINT NOT NULL,
      estimated INTEGER NOT NULL,
      cost_micro BIGINT,
      cost_pico BIGINT,
      started_at DOUBLE PRECISION NOT NULL,
      duration_ms DOUBLE PRECISION NOT NULL,
      first_token_ms DOUBLE PRECISION
    )`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_spend_started_at ON arc_saga_spend (started_at, id)`
  ],
  (sql) => [database.addColumn(sql, "arc_saga_spend", "cost_source TEXT")],
  (sql) => ["session TEXT", "agent TEXT"].map((column) => database.addColumn(sql, "arc_saga_spend", column)),
  (sql) =>
    ["cache_saved_micro BIGINT", "cache_saved_pico BIGINT"].map((column) =>
      database.addColumn(sql, "arc_saga_spend", column)
    ),
  (sql) => [database.addColumn(sql, "arc_saga_spend", "team TEXT")]
]

const micro = 1_000_000n

/** PostgreSQL takes no text with this character, and one row that it doesn't take would hold up all others. */
const text = (value: string): string => value.replaceAll("\u0000", "\uFFFD")

const textOrNull = (value: Option.Option<string>): string | null => Option.getOrNull(Option.map(value, text))

const toColumns = (row: SpendLedger.Row) => ({
  id: row.id,
  task_id: text(row.taskId),
  user_id: textOrNull(row.userId),
  key_id: textOrNull(row.keyId),
  team: textOrNull(Option.fromNullable(row.team)),
  session: textOrNull(Option.fromNullable(row.session)),
  agent: textOrNull(Option.fromNullable(row.agent)),
  provider: row.provider,
  model: text(row.model),
  outcome: row.outcome,
  error: Option.getOrNull(row.error),
  input_tokens: row.usage.inputTokens,
  output_tokens: row.usage.outputTokens,
  cache_read_tokens: row.usage.cacheReadTokens,
  cache_write_tokens: row.usage.cacheWriteTokens,
  cache_write_1h_tokens: row.usage.cacheWrite1hTokens,
  reasoning_tokens: row.usage.reasoningTokens,
  estimated: row.usage.estimated ? 1 : 0,
  cost_micro: Option.getOrNull(Option.map(row.cost, ({ pico }) => pico / micro)),
  cost_pico: Option.getOrNull(Option.map(row.cost, ({ pico }) => pico % micro)),
  cost_source: row.costSource ?? null,
  cache_saved_micro: row.cacheSaved === undefined ? null : row.cacheSaved.pico / micro,
  cache_saved_pico: row.cacheSaved === undefined ? null : row.cacheSaved.pico % micro,
  started_at: row.startedAt,
  duration_ms: row.durationMs,
  first_token_ms: Option.getOrNull(row.firstTokenMs)
})

/** A whole number as the drivers give it: one of 64 bits is a text, or a number where it fits. */
const Whole = Schema.Union(Schema.Number, Schema.NumberFromString)
const Big = Schema.transform(Schema.Union(Schema.Number, Schema.String), Schema.BigIntFromSelf, {
  strict: true,
  decode: (value) => BigInt(value),
  encode: String
})

const Usage = {
  input_tokens: Whole,
  output_tokens: Whole,
  cache_read_tokens: Whole,
  cache_write_tokens: Whole,
  cache_write_1h_tokens: Whole,
  reasoning_tokens: Whole
}

const Columns = Schema.Struct({
  ...Usage,
  id: Schema.String,
  task_id: Schema.String,
  user_id: Schema.NullOr(Schema.String),
  key_id: Schema.NullOr(Schema.String),
  team: Schema.NullOr(Schema.String),
  session: Schema.NullOr(Schema.String),
  agent: Schema.NullOr(Schema.String),
  provider: Schema.String,
  model: Schema.String,
  outcome: Schema.String,
  error: Schema.NullOr(Schema.String),
  estimated: Whole,
  cost_micro: Schema.NullOr(Big),
  cost_pico: Schema.NullOr(Big),
  cost_source: Schema.NullOr(Schema.String),
  cache_saved_micro: Schema.NullOr(Big),
  cache_saved_pico: Schema.NullOr(Big),
  started_at: Schema.Number,
  duration_ms: Schema.Number,
  first_token_ms: Schema.NullOr(Schema.Number)
})

const Sums = Schema.Struct({
  ...Usage,
  name: Schema.NullOr(Schema.Union(Schema.String, Schema.Number)),
  attempts: Whole,
  cached: Whole,
  succeeded: Whole,
  estimated: Whole,
  cost_micro: Big,
  cost_pico: Big,
  billed_micro: Big,
  billed_pico: Big,
  cache_saved_micro: Big,
  cache_saved_pico: Big,
  unpriced: Whole
})

const usageOf = (columns: Schema.Struct.Type<typeof Usage>, estimated: number) => ({
  inputTokens: columns.input_tokens,
  outputTokens: columns.output_tokens,
  cacheReadTokens: columns.cache_read_tokens,
  cacheWriteTokens: columns.cache_write_tokens,
  cacheWrite1hTokens: columns.cache_write_1h_tokens,
  reasoningTokens: columns.reasoning_tokens,
  estimated: estimated > 0
})

const usdOf = (microdollars: bigint, rest: bigint): Usd.Usd => Usd.fromPico(microdollars * micro + rest)

const decodeColumns = Schema.decodeUnknown(Columns)
const decodeRow = Schema.decodeUnknown(SpendLedger.Row)
const decodeSums = Schema.decodeUnknown(Sums)

const fromColumns = (columns: typeof Columns.Type) =>
  decodeRow({
    id: columns.id,
    taskId: columns.task_id,
    userId: columns.user_id,
    keyId: columns.key_id,
    ...given({
      team: columns.team ?? undefined,
      session: columns.session ?? undefined,
      agent: columns.agent ?? undefined
    }),
    provider: columns.provider,
    model: columns.model,
    outcome: columns.outcome,
    error: columns.error,
    usage: usageOf(columns, columns.estimated),
    cost:
      columns.cost_micro === null || columns.cost_pico === null
        ? null
        : Usd.toDecimal(usdOf(columns.cost_micro, columns.cost_pico)),
    ...(columns.cost_source === null ? {} : { costSource: columns.cost_source }),
    ...(columns.cache_saved_micro === null || columns.cache_saved_pico === null
      ? {}
      : { cacheSaved: Usd.toDecimal(usdOf(columns.cache_saved_micro, columns.cache_saved_pico)) }),
    startedAt: columns.started_at,
    durationMs: columns.duration_ms,
    firstTokenMs: columns.first_token_ms
  })

const toGroup = (by: SpendLedger.By, sums: typeof Sums.Type): SpendLedger.Group => ({
  name: Option.map(Option.fromNullable(sums.name), (name) =>
    by === "day" ? dayOf(Number(name) * dayMs) : String(name)
  ),
  attempts: sums.attempts,
  cached: sums.cached,
  succeeded: sums.succeeded,
  usage: usageOf(sums, sums.estimated),
  estimated: sums.estimated,
  cost: usdOf(sums.cost_micro, sums.cost_pico),
  billed: usdOf(sums.billed_micro, sums.billed_pico),
  cacheSaved: usdOf(sums.cache_saved_micro, sums.cache_saved_pico),
  unpriced: sums.unpriced
})

const unreadable = (reason: string) => new SpendLedger.LedgerError({ operation: "read", reason })

const failedTo = (operation: SpendLedger.LedgerError["operation"]) => (error: SqlError) =>
  new SpendLedger.LedgerError({ operation, reason: database.reasonOf(error) })

const pageSize = 500

const conditions = (
  sql: SqlClient.SqlClient,
  filter: SpendLedger.Filter
): ReadonlyArray<Statement.Fragment> => [
  ...(filter.since === undefined ? [] : [sql`started_at >= ${filter.since}`]),
  ...(filter.until === undefined ? [] : [sql`started_at < ${filter.until}`]),
  ...(filter.provider === undefined ? [] : [sql`provider = ${filter.provider}`]),
  ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
  ...(filter.keyId === undefined ? [] : [sql`key_id = ${filter.keyId}`]),
  ...(filter.team === undefined ? [] : [sql`team = ${filter.team}`]),
  ...(filter.taskId === undefined ? [] : [sql`task_id = ${filter.taskId}`]),
  ...(filter.session === undefined ? [] : [sql`session = ${filter.session}`])
]

const nameIn = (sql: SqlClient.SqlClient, by: SpendLedger.By): Statement.Fragment => {
  switch (by) {
    case "provider":
      return sql`provider`
    case "user":
      return sql`user_id`
    case "key":
      return sql`key_id`
    case "team":
      return sql`team`
    case "session":
      return sql`session`
    case "agent":
      return sql`agent`
    case "model":
      return sql`model`
    case "day":
      return sql`FLOOR(started_at / ${sql.literal(String(dayMs))})`
  }
}

/**
 * A ledger in the database of the context, whose tables are made when they aren't there.
 *
 * `observe` hands its row to one fiber, which writes all rows that have come meanwhile in one transaction,
 * and waits until that is durable, for `writeTimeoutMs` at most. After that the call goes on and the row is
 * written as soon as the database lets it: each failure is a log event `ledger_write_failed`. A row is
 * written once, however often that is tried. Rows that a process couldn't write before it ended are lost;
 * `ledger_rows_lost` says how many, unless it was killed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  SpendLedger.Service,
  SpendLedger.LedgerError | InvalidArgumentError,
  SqlClient.SqlClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const { drainMs = 10_000, maxWaiting = 100_000, writeTimeoutMs = 1000 } = yield* decode(options)
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    yield* Effect.mapError(database.migrate("spend", migrations), failedTo("set up"))

    const write = yield* writer.make<SpendLedger.Row, SpendLedger.LedgerError>({
      key: ({ id }) => id,
      store: (rows) =>
        // One statement is one transaction.
        database
          .patiently(
            sql`INSERT INTO arc_saga_spend ${sql.insert(rows.map(toColumns))} ON CONFLICT DO NOTHING`
          )
          .pipe(Effect.mapError(failedTo("written"))),
      batchSize: pageSize,
      capacity: maxWaiting,
      writeTimeoutMs,
      drainMs,
      events: { failed: "ledger_write_failed", lost: "ledger_rows_lost" },
      describe: (row) => ({ row: JSON.stringify(Schema.encodeSync(SpendLedger.Row)(row)) })
    })

    const page = (
      filter: SpendLedger.Filter,
      after: SpendLedger.Row | undefined
    ): Effect.Effect<ReadonlyArray<SpendLedger.Row>, SpendLedger.LedgerError> => {
      const later = after === undefined ? [] : [sql`(started_at, id) > (${after.startedAt}, ${after.id})`]
      const where = sql.and([...conditions(sql, filter), ...later])
      return database
        .patiently(sql`SELECT * FROM arc_saga_spend WHERE ${where} ORDER BY started_at, id LIMIT ${pageSize}`)
        .pipe(
          Effect.mapError(failedTo("read")),
          Effect.flatMap(
            Effect.forEach((columns) =>
              decodeColumns(columns).pipe(
                Effect.flatMap(fromColumns),
                Effect.mapError(({ message }) => unreadable(message))
              )
            )
          )
        )
    }

    return {
      observe: (attempt, task) => Effect.flatMap(SpendLedger.rowOf(attempt, task), write),
      rows: (filter = {}) =>
        Stream.paginateChunkEffect(undefined as SpendLedger.Row | undefined, (after) =>
          Effect.map(page(filter, after), (rows) => [
            Chunk.unsafeFromArray(rows),
            rows.length < pageSize ? Option.none() : Option.fromNullable(rows.at(-1))
          ])
        ),
      summary: ({ by, ...filter }) =>
        database
          .patiently(
            sql`SELECT ${nameIn(sql, by)} AS name,
              SUM(CASE WHEN outcome = 'cached' THEN 0 ELSE 1 END) AS attempts,
              SUM(CASE WHEN outcome = 'cached' THEN 1 ELSE 0 END) AS cached,
              SUM(CASE WHEN outcome = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
              CAST(SUM(input_tokens) AS TEXT) AS input_tokens,
              CAST(SUM(output_tokens) AS TEXT) AS output_tokens,
              CAST(SUM(cache_read_tokens) AS TEXT) AS cache_read_tokens,
              CAST(SUM(cache_write_tokens) AS TEXT) AS cache_write_tokens,
              CAST(SUM(cache_write_1h_tokens) AS TEXT) AS cache_write_1h_tokens,
              CAST(SUM(reasoning_tokens) AS TEXT) AS reasoning_tokens,
              SUM(estimated) AS estimated,
              CAST(COALESCE(SUM(cost_micro), 0) AS TEXT) AS cost_micro,
              CAST(COALESCE(SUM(cost_pico), 0) AS TEXT) AS cost_pico,
              CAST(COALESCE(SUM(CASE WHEN cost_source = 'provider' THEN cost_micro END), 0) AS TEXT) AS billed_micro,
              CAST(COALESCE(SUM(CASE WHEN cost_source = 'provider' THEN cost_pico END), 0) AS TEXT) AS billed_pico,
              CAST(COALESCE(SUM(cache_saved_micro), 0) AS TEXT) AS cache_saved_micro,
              CAST(COALESCE(SUM(cache_saved_pico), 0) AS TEXT) AS cache_saved_pico,
              SUM(CASE WHEN cost_micro IS NULL AND input_tokens + output_tokens > 0 THEN 1 ELSE 0 END) AS unpriced
              FROM arc_saga_spend WHERE ${sql.and(conditions(sql, filter))} GROUP BY 1`
          )
          .pipe(
            Effect.mapError(failedTo("read")),
            Effect.flatMap(
              Effect.forEach((sums) =>
                Effect.mapError(decodeSums(sums), ({ message }) => unreadable(message))
              )
            ),
            Effect.map((groups) => groups.map((sums) => toGroup(by, sums)).toSorted(byName))
          )
    }
  })

/**
 * The error of a ledger whose database can't be opened, whether its driver failed or died of it.
 *
 * @since 0.1.0
 * @category errors
 */
export const notOpened = (cause: Cause.Cause<unknown>): SpendLedger.LedgerError => {
  const error = Cause.squash(cause)
  return failedTo("set up")(error instanceof SqlError ? error : new SqlError({ cause: error }))
}

/**
 * A ledger in the database of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
 * import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
 * import { Layer } from "effect"
 *
 * export const Ledger = SpendLedgerSql.layer().pipe(
 *   Layer.provide(Sqlite.layer({ path: "spend.db" }))
 * )
 * ```
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  SpendLedger.SpendLedger,
  SpendLedger.LedgerError | InvalidArgumentError,
  SqlClient.SqlClient
> => Layer.scoped(SpendLedger.SpendLedger, make(options))
