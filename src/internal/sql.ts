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

/** Two transactions crossed on PostgreSQL: worth another try. The client of SQLite waits for locks itself. */
const isCrossed = (error: SqlError): boolean => /^(40001|40P01)$/.test(detailOf(error.cause).code)

/** From 5 ms up to 100 ms, for 2 s. */
const crossedWait = Schedule.exponential("5 millis").pipe(
  Schedule.union(Schedule.spaced("100 millis")),
  Schedule.jittered,
  Schedule.upTo(Duration.seconds(2))
)

/** How long a statement may take: a connection that was cut off may say nothing for much longer. */
const limit = Duration.seconds(10)

const late = (): SqlError => new SqlError({ message: "No answer within 10 s", cause: undefined })

/**
 * Tries again what crossed another transaction, has what a driver dies of fail, and doesn't wait for ever. What
 * isn't waited for any more may still be done, later.
 */
export const patiently = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
  effect.pipe(
    // A transaction dies when its commit or its rollback fails.
    Effect.catchAllDefect((cause) => Effect.fail(new SqlError({ cause, message: "The transaction failed" }))),
    Effect.interruptible,
    Effect.disconnect,
    Effect.timeoutFail({ duration: limit, onTimeout: late }),
    Effect.retry({ schedule: crossedWait, while: isCrossed })
  )

/** Statements that bring tables from one version to the next. */
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
 * Brings the tables of a component up to date in one transaction; processes that start at once do so one
 * after the other. Where nothing is to be done nothing is locked: it may be a reader that starts.
 */
export const migrate = (
  component: string,
  migrations: ReadonlyArray<Migration>
): Effect.Effect<void, SqlError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const done = Effect.map(
      sql<{ version: number | null }>`SELECT MAX(version) AS version FROM arc_saga_migrations
        WHERE component = ${component}`,
      ([row]) => row?.version ?? 0
    )
    // It fails where no table is there yet; what else is wrong, the transaction says.
    if ((yield* Effect.orElseSucceed(patiently(done), () => 0)) >= migrations.length) return
    yield* patiently(
      sql.withTransaction(
        Effect.gen(function* () {
          yield* sql.onDialectOrElse({
            pg: () => sql`SELECT pg_advisory_xact_lock(${migrationLock}::bigint)`,
            orElse: () => Effect.void
          })
          yield* sql`CREATE TABLE IF NOT EXISTS arc_saga_migrations (
            component TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (component, version))`
          const current = yield* done
          for (const [index, migration] of migrations.entries()) {
            const version = index + 1
            if (version <= current) continue
            for (const statement of migration(sql)) yield* statement
            yield* sql`INSERT INTO arc_saga_migrations (component, version) VALUES (${component}, ${version})`
          }
        })
      )
    )
  })
