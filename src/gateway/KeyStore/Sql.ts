/**
 * Keys in a database, beside the ledger: SQLite for one machine, PostgreSQL for many. All processes that use it take the
 * same keys.
 *
 * What was changed is a table of its own (`arc_saga_key_audit`), whose rows the database lets nobody change or remove.
 *
 * Needs the package `@effect/sql` and a client, as `SpendLedger/Sql` does.
 *
 * @since 0.1.0
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as database from "../../internal/sql.js"
import * as keyChanges from "../internal/keyChanges.js"
import { Change, KeyStoreError } from "../internal/keyModel.js"
import {
  type Kind,
  type Records,
  schemas,
  type Step,
  type Storage,
  type Stored
} from "../internal/keyRecords.js"
import * as KeyStore from "../KeyStore.js"

/** What has to be so for every statement that would change or remove a row. */
const appendOnly = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () => [
      sql`CREATE OR REPLACE FUNCTION arc_saga_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'arc_saga_key_audit is append-only'; END $$`,
      sql`CREATE TRIGGER arc_saga_key_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON arc_saga_key_audit
        FOR EACH STATEMENT EXECUTE FUNCTION arc_saga_append_only()`
    ],
    orElse: () =>
      ["UPDATE", "DELETE"].map(
        (statement) =>
          sql`CREATE TRIGGER IF NOT EXISTS ${sql.literal(`arc_saga_key_audit_no_${statement.toLowerCase()}`)}
            BEFORE ${sql.literal(statement)} ON arc_saga_key_audit
            BEGIN SELECT RAISE(ABORT, 'arc_saga_key_audit is append-only'); END`
      )
  })

/** Records are read whole, and by the number of their last change: what is in them is no column. */
const migrations: ReadonlyArray<database.Migration> = [
  (sql) => [
    sql`CREATE TABLE IF NOT EXISTS arc_saga_keys (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      version BIGINT NOT NULL,
      record TEXT NOT NULL,
      PRIMARY KEY (kind, id)
    )`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_keys_version ON arc_saga_keys (version)`,
    sql`CREATE TABLE IF NOT EXISTS arc_saga_key_audit (
      version BIGINT NOT NULL PRIMARY KEY,
      at DOUBLE PRECISION NOT NULL,
      by_whom TEXT NOT NULL,
      action TEXT NOT NULL,
      subject TEXT NOT NULL,
      id TEXT NOT NULL,
      before_it TEXT,
      after_it TEXT NOT NULL
    )`,
    ...appendOnly(sql)
  ]
]

/** Any number, the same in every process, and another than that of migrations. */
const changeLock = 4_702_953_822

/** A whole number as the drivers give it. */
const Whole = Schema.Union(Schema.Number, Schema.NumberFromString)

const columns = { id: Schema.String, version: Whole }

const decodeStored: (row: unknown) => Effect.Effect<Stored, { readonly message: string }> =
  Schema.decodeUnknown(
    Schema.Union(
      Schema.Struct({ ...columns, kind: Schema.Literal("key"), record: Schema.parseJson(schemas.key) }),
      Schema.Struct({ ...columns, kind: Schema.Literal("team"), record: Schema.parseJson(schemas.team) })
    )
  )

const { after, before } = Change.fields

const decodeChange = Schema.decodeUnknown(
  Schema.Struct({
    version: Whole,
    at: Schema.Number,
    by_whom: Schema.String,
    action: Change.fields.action,
    subject: Change.fields.subject,
    id: Schema.String,
    before_it: Schema.NullOr(Schema.parseJson(before)),
    after_it: Schema.parseJson(after)
  })
)

/** A row that isn't as it was written. */
const unreadable = ({ message }: { readonly message: string }) => new SqlError({ cause: undefined, message })

const failedTo = (operation: KeyStoreError["operation"]) => (error: SqlError) =>
  new KeyStoreError({ operation, reason: database.reasonOf(error) })

const storage = (sql: SqlClient.SqlClient): Storage => {
  /** The record itself: what is found under a kind is of that kind. */
  const find = <K extends Kind>(kind: K, id: string): Effect.Effect<Records[K] | undefined, SqlError> =>
    Effect.flatMap(
      sql`SELECT kind, id, version, record FROM arc_saga_keys WHERE kind = ${kind} AND id = ${id}`,
      ([row]) =>
        row === undefined
          ? Effect.succeed(undefined)
          : Effect.mapBoth(decodeStored(row), {
              onFailure: unreadable,
              onSuccess: ({ record }) => record as Records[K]
            })
    )

  const write = <K extends Kind>(kind: K, version: number, { change, record }: Step<K>) => {
    const row = {
      kind,
      id: record.id,
      version,
      record: JSON.stringify(Schema.encodeSync(schemas[kind])(record))
    }
    const entry = {
      version,
      at: change.at,
      by_whom: change.by,
      action: change.action,
      subject: change.subject,
      id: change.id,
      before_it: change.before === null ? null : JSON.stringify(change.before),
      after_it: JSON.stringify(change.after)
    }
    return Effect.zipRight(
      sql`INSERT INTO arc_saga_key_audit ${sql.insert(entry)}`,
      sql`INSERT INTO arc_saga_keys ${sql.insert(row)}
        ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, record = excluded.record`
    )
  }

  return {
    update: <K extends Kind, E>(
      kind: K,
      id: string,
      step: (current: Records[K] | undefined) => Either.Either<Step<K>, E>
    ) =>
      sql
        .withTransaction(
          Effect.gen(function* () {
            // One change after the other: a number that is lower than one that others have read comes never later.
            yield* sql.onDialectOrElse({
              pg: () => sql`SELECT pg_advisory_xact_lock(${changeLock}::bigint)`,
              orElse: () => Effect.void
            })
            const next = step(yield* find(kind, id))
            if (Either.isLeft(next)) return Either.left(next.left)
            const [last] = yield* sql<{ version: number | string | null }>`
              SELECT MAX(version) AS version FROM arc_saga_key_audit`
            yield* write(kind, Number(last?.version ?? 0) + 1, next.right)
            return Either.right(next.right.record)
          })
        )
        .pipe(
          database.patiently,
          Effect.mapError(failedTo("written")),
          Effect.flatMap((done): Either.Either<Records[K], E> => done)
        ),
    since: (version) =>
      database
        .patiently(
          Effect.flatMap(
            sql`SELECT kind, id, version, record FROM arc_saga_keys WHERE version > ${version} ORDER BY version`,
            Effect.forEach((row) => Effect.mapError(decodeStored(row), unreadable))
          )
        )
        .pipe(Effect.mapError(failedTo("read"))),
    audit: ({ before: earlier, id, limit }) => {
      const conditions = sql.and([
        ...(earlier === undefined ? [] : [sql`version < ${earlier}`]),
        ...(id === undefined ? [] : [sql`id = ${id}`])
      ])
      return database
        .patiently(
          Effect.flatMap(
            sql`SELECT * FROM arc_saga_key_audit WHERE ${conditions} ORDER BY version DESC LIMIT ${limit}`,
            Effect.forEach((row) => Effect.mapError(decodeChange(row), unreadable))
          )
        )
        .pipe(
          Effect.mapBoth({
            onFailure: failedTo("read"),
            onSuccess: (rows) =>
              rows.map(({ after_it: after, before_it: before, by_whom: by, ...change }) => ({
                ...change,
                by,
                before,
                after
              }))
          })
        )
    }
  }
}

/**
 * Makes a store in the database of the context, whose tables are made when they aren't there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<KeyStore.Service, KeyStoreError, SqlClient.SqlClient> = Effect.gen(
  function* () {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    yield* Effect.mapError(database.migrate("keys", migrations), failedTo("set up"))
    return keyChanges.make(storage(sql))
  }
)

/**
 * Keys in the database of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<KeyStore.KeyStore, KeyStoreError, SqlClient.SqlClient> = Layer.effect(
  KeyStore.KeyStore,
  make
)
