import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"

/** What a driver's error says of itself. */
const detailOf = (cause: unknown): { readonly code: string; readonly message: string } => ({
  code: Predicate.hasProperty(cause, "code") ? String(cause.code) : "",
  message: Predicate.hasProperty(cause, "message") ? String(cause.message) : ""
})

const credentials = /\/\/[^/\s@]*@/g

/** What the database said, on one line and without the credentials of an address. */
export const reasonOf = (error: SqlError): string => {
  const { code, message } = detailOf(error.cause)
  return [error.message, code, message]
    .filter((part) => part !== undefined && part !== "")
    .join(": ")
    .replaceAll(credentials, "//")
    .replaceAll(/\s+/g, " ")
}

/** Another process holds the lock (SQLite), or two transactions crossed (PostgreSQL): worth another try. */
const isBusy = (error: SqlError): boolean =>
  /^(SQLITE_(BUSY|LOCKED)|40001|40P01)/.test(detailOf(error.cause).code)

/** From 5 ms up to 100 ms, for 2 s; the driver's own wait would hold up everything else. */
const lockWait = Schedule.exponential("5 millis").pipe(
  Schedule.union(Schedule.spaced("100 millis")),
  Schedule.jittered,
  Schedule.upTo(Duration.seconds(2))
)

/** How long a statement may take: a connection that was cut off may say nothing for much longer. */
const limit = Duration.seconds(10)

const late = (): SqlError => new SqlError({ message: "No answer within 10 s", cause: undefined })

/**
 * Tries again while the database is locked, has what a driver dies of fail, and doesn't wait for ever. What
 * isn't waited for any more may still be done, later.
 */
export const patiently = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
  effect.pipe(
    // A transaction dies when its commit or its rollback fails.
    Effect.catchAllDefect((cause) => Effect.fail(new SqlError({ cause, message: "The transaction failed" }))),
    Effect.interruptible,
    Effect.disconnect,
    Effect.timeoutFail({ duration: limit, onTimeout: late }),
    Effect.retry({ schedule: lockWait, while: isBusy })
  )

/** Statements that bring tables from one version to the next. Each can be run again. */
export type Migration = (sql: SqlClient.SqlClient) => ReadonlyArray<Effect.Effect<unknown, SqlError>>

/** Adds a column, unless it is there: SQLite has no words for that. */
export const addColumn = (
  sql: SqlClient.SqlClient,
  table: string,
  column: string
): Effect.Effect<unknown, SqlError> =>
  sql.onDialectOrElse({
    pg: () => sql`ALTER TABLE ${sql.literal(table)} ADD COLUMN IF NOT EXISTS ${sql.literal(column)}`,
    orElse: () =>
      Effect.catchIf(
        sql`ALTER TABLE ${sql.literal(table)} ADD COLUMN ${sql.literal(column)}`,
        (error) => /duplicate column/i.test(detailOf(error.cause).message),
        () => Effect.void
      )
  })

/** Any number, the same in every process. */
const migrationLock = 4_702_953_821

/**
 * Brings the tables of a component up to date. Processes that start at once wait for each other on
 * PostgreSQL. On SQLite they may all run the same statement: each is a transaction of its own, here as
 * everywhere, because a client of libsql is never heard of again when it can't begin one.
 */
export const migrate = (
  component: string,
  migrations: ReadonlyArray<Migration>
): Effect.Effect<void, SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => {
    const steps = Effect.gen(function* () {
      yield* patiently(sql`CREATE TABLE IF NOT EXISTS arc_saga_migrations (
        component TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (component, version))`)
      const done = yield* patiently(
        sql<{ version: number | null }>`SELECT MAX(version) AS version FROM arc_saga_migrations
          WHERE component = ${component}`
      )
      for (const [index, migration] of migrations.entries()) {
        const version = index + 1
        if (version <= (done[0]?.version ?? 0)) continue
        for (const statement of migration(sql)) yield* patiently(statement)
        yield* patiently(sql`INSERT INTO arc_saga_migrations (component, version)
          VALUES (${component}, ${version}) ON CONFLICT DO NOTHING`)
      }
    })
    return sql.onDialectOrElse({
      pg: () =>
        patiently(
          sql.withTransaction(
            Effect.zipRight(sql`SELECT pg_advisory_xact_lock(${migrationLock}::bigint)`, steps)
          )
        ),
      orElse: () => steps
    })
  })
