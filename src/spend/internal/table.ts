import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Account, type Balance, BudgetStoreError, type Charge } from "../BudgetStore.js"
import * as database from "../../internal/sql.js"
import type { ReservationTable } from "./reservations.js"

/** Each process writes its own rows, so whatever it writes can be written again. */
const migrations: ReadonlyArray<database.Migration> = [
  (sql) => [
    sql`CREATE TABLE IF NOT EXISTS arc_saga_budget_shares (
      account TEXT NOT NULL,
      owner TEXT NOT NULL,
      version BIGINT NOT NULL,
      spent BIGINT NOT NULL,
      reserved BIGINT NOT NULL,
      ends_at DOUBLE PRECISION NOT NULL,
      expires_at DOUBLE PRECISION NOT NULL,
      PRIMARY KEY (account, owner)
    )`,
    sql`CREATE INDEX IF NOT EXISTS arc_saga_budget_shares_ends_at ON arc_saga_budget_shares (ends_at)`
  ],
  (sql) => [
    sql`CREATE INDEX IF NOT EXISTS arc_saga_budget_shares_unspent ON arc_saga_budget_shares (expires_at)
      WHERE spent = 0`
  ]
]

/** More than any budget allows, and few enough that sums of them fit 64 bits. */
const most = 1_000_000_000_000_000_000n

const atMost = (amount: bigint): bigint => (amount < most ? amount : most)

/** How long an account is kept once its period is over: attempts may still be under way. */
const keptMs = 86_400_000

/** Rows that are removed at once, so that other writers don't wait for long. */
const cleanedAtOnce = 500

const failed = (error: SqlError) => new BudgetStoreError({ reason: database.reasonOf(error) })

const decodeOthers = Schema.decodeUnknown(
  Schema.Struct({ account: Schema.String, spent: Schema.String, reserved: Schema.String })
)

export interface Table {
  /** Reserves the charges beside what this process has reserved already; false where one isn't allowed. */
  readonly reserve: (charges: ReadonlyArray<Charge>) => Effect.Effect<boolean, BudgetStoreError>
  /** Writes what this process has spent and reserved of the accounts. */
  readonly save: (accounts: ReadonlyArray<Account>) => Effect.Effect<void, BudgetStoreError>
  readonly balances: (
    accounts: ReadonlyArray<Account>
  ) => Effect.Effect<ReadonlyArray<Balance>, BudgetStoreError>
  /** Removes the rows that count nothing: of periods that ended long ago, and where nothing is spent or reserved. */
  readonly clean: Effect.Effect<void, BudgetStoreError>
}

/** What this process is to have of an account. */
interface Mine extends Balance {
  readonly account: Account
}

export const make = (options: {
  readonly owner: string
  readonly leaseMs: number
  readonly reservations: ReservationTable
}): Effect.Effect<Table, BudgetStoreError, SqlClient.SqlClient> =>
  Effect.gen(function* () {
    const { leaseMs, owner, reservations } = options
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    yield* Effect.mapError(database.migrate("budgets", migrations), failed)
    let version = 0

    /** The rows as a table of their own; each value says its type, which PostgreSQL can't guess here. */
    const values = (mine: ReadonlyArray<Mine>, now: number) =>
      sql.csv(
        mine.map(
          ({ account, reserved, spent }) =>
            sql`(CAST(${account.id} AS TEXT), CAST(${owner} AS TEXT), CAST(${version} AS BIGINT),
              CAST(${atMost(spent)} AS BIGINT), CAST(${reserved} AS BIGINT),
              CAST(${account.endsAt} AS DOUBLE PRECISION), CAST(${now + leaseMs} AS DOUBLE PRECISION),
              CAST(${account.limit} AS BIGINT))`
        )
      )

    /** Writes the rows where the condition holds; a later version is never overwritten by an earlier one. */
    const upsert = (mine: ReadonlyArray<Mine>, now: number, condition: ReturnType<typeof sql.literal>) =>
      sql`WITH mine (account, owner, version, spent, reserved, ends_at, expires_at, allowed) AS (VALUES ${values(mine, now)})
        INSERT INTO arc_saga_budget_shares (account, owner, version, spent, reserved, ends_at, expires_at)
        SELECT account, owner, version, spent, reserved, ends_at, expires_at FROM mine WHERE ${condition}
        ON CONFLICT (account, owner) DO UPDATE SET version = excluded.version, spent = excluded.spent,
          reserved = excluded.reserved, expires_at = excluded.expires_at
          WHERE arc_saga_budget_shares.version < excluded.version
        RETURNING account`

    /** Whether no account would have more than it allows. */
    const isAllowed = (now: number) => sql`NOT EXISTS (
      SELECT 1 FROM mine AS m WHERE m.spent + m.reserved > m.allowed - (
        SELECT COALESCE(SUM(s.spent + CASE WHEN s.expires_at > ${now} THEN s.reserved ELSE 0 END), 0)
        FROM arc_saga_budget_shares AS s WHERE s.account = m.account AND s.owner <> m.owner))`

    /**
     * On PostgreSQL two processes would else look at once, and both find enough. A process that has waited for the
     * lock has to see the later rows. SQLite lets one statement write at a time.
     */
    const locked = <A>(mine: ReadonlyArray<Mine>, effect: Effect.Effect<A, SqlError>) =>
      sql.onDialectOrElse({
        pg: () =>
          sql.withTransaction(
            Effect.zipRight(
              Effect.zipRight(
                sql`SET TRANSACTION ISOLATION LEVEL READ COMMITTED`,
                Effect.forEach(
                  mine.map(({ account }) => account.id).toSorted(),
                  (account) => sql`SELECT pg_advisory_xact_lock(hashtextextended(${account}, 0))`,
                  { discard: true }
                )
              ),
              effect
            )
          ),
        orElse: () => effect
      })

    const mineWith = (charges: ReadonlyArray<Charge>): ReadonlyArray<Mine> => {
      const mine = new Map<string, Mine>()
      for (const { account, amount } of charges) {
        const { reserved, spent } = mine.get(account.id) ?? reservations.of(account)
        mine.set(account.id, { account, spent, reserved: reserved + amount })
      }
      return Array.from(mine.values())
    }

    return {
      reserve: (charges) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const mine = mineWith(charges)
          // What doesn't fit by itself may be more than the database can count.
          if (mine.some(({ account, reserved, spent }) => spent + reserved > account.limit)) {
            return Effect.succeed(false)
          }
          version++
          return database
            .patiently(locked(mine, upsert(mine, now, isAllowed(now))))
            .pipe(Effect.mapBoth({ onFailure: failed, onSuccess: (written) => written.length > 0 }))
        }),
      save: (accounts) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          version++
          const mine = mineWith(accounts.map((account) => ({ account, amount: 0n })))
          return database
            .patiently(upsert(mine, now, sql.literal("TRUE")))
            .pipe(Effect.mapBoth({ onFailure: failed, onSuccess: () => undefined }))
        }),
      balances: (accounts) =>
        Effect.gen(function* () {
          if (accounts.length === 0) return []
          const now = yield* Clock.currentTimeMillis
          const rows = yield* Effect.mapError(
            database.patiently(sql`SELECT account, CAST(SUM(spent) AS TEXT) AS spent,
              CAST(SUM(CASE WHEN expires_at > ${now} THEN reserved ELSE 0 END) AS TEXT) AS reserved
              FROM arc_saga_budget_shares
              WHERE ${sql.in(
                "account",
                accounts.map(({ id }) => id)
              )} AND owner <> ${owner} GROUP BY account`),
            failed
          )
          const others = yield* Effect.mapError(
            Effect.forEach(rows, (row) => decodeOthers(row)),
            ({ message }) => new BudgetStoreError({ reason: message })
          )
          return accounts.map((account) => {
            const mine = reservations.of(account)
            const other = others.find((row) => row.account === account.id)
            return {
              spent: mine.spent + BigInt(other?.spent ?? 0),
              reserved: mine.reserved + BigInt(other?.reserved ?? 0)
            }
          })
        }),
      clean: Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const ended = now - keptMs
        reservations.prune(ended)
        // Each half has an index; neither takes a row in which something is reserved.
        const unneeded = sql`(ends_at < ${ended} AND expires_at <= ${now} OR spent = 0 AND expires_at <= ${now})`
        // The condition is asked of the row itself, too: it may have changed while the statement waited for it.
        const batch = sql`DELETE FROM arc_saga_budget_shares WHERE ${unneeded} AND (account, owner) IN (
          SELECT account, owner FROM arc_saga_budget_shares WHERE ${unneeded} LIMIT ${cleanedAtOnce})
          RETURNING account`
        return Effect.asVoid(
          Effect.repeat(Effect.mapError(database.patiently(batch), failed), {
            while: ({ length }) => length === cleanedAtOnce
          })
        )
      })
    }
  })
