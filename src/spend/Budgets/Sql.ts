/**
 * The accounts of budgets in a database, shared by all processes that use it: SQLite for one machine,
 * PostgreSQL for many.
 *
 * Each process has a row of its own in an account, with what it has spent and what it has reserved; all rows
 * together are the account. Only its process writes a row, always whole and with a rising version, so that a
 * write can be repeated and can come late without counting anything twice. What is reserved in a row counts
 * only until the row expires: a process extends its rows while it lives, and what one that crashed had
 * reserved is free again once its rows have expired.
 *
 * Needs the package `@effect/sql` and a client: that of `SpendLedger/Sqlite`, or `@effect/sql-pg` for
 * PostgreSQL.
 *
 * @since 0.1.0
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Array from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as numbers from "../../internal/numbers.js"
import * as Budgets from "../Budgets.js"
import * as BudgetStore from "../BudgetStore.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { forEachBatch } from "../internal/batches.js"
import { ReservationTable } from "../internal/reservations.js"
import * as table from "../internal/table.js"
import * as ids from "../../internal/ids.js"
import * as validation from "../../internal/validation.js"
import * as writer from "../internal/writer.js"

const Options = Schema.Struct({
  leaseMs: Schema.optional(numbers.millis),
  reserveMs: Schema.optional(numbers.millis),
  writeTimeoutMs: Schema.optional(numbers.millis),
  drainMs: Schema.optional(numbers.millis)
})

/**
 * How accounts are shared.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Milliseconds after which what a crashed process had reserved is free again; 60,000 when absent. The
   * clocks of the machines have to agree to well within it, and a process that can't reach the database for
   * longer loses its reservations to the others.
   */
  readonly leaseMs?: number | undefined
  /** Milliseconds that a call waits for its reservation, within its own deadline; 5,000 when absent. */
  readonly reserveMs?: number | undefined
  /** Milliseconds that a call waits for what it spent to be written; 1,000 when absent. */
  readonly writeTimeoutMs?: number | undefined
  /** Milliseconds that closing the Layer waits for what isn't written yet; 10,000 when absent. */
  readonly drainMs?: number | undefined
}

const decode = validation.decoder("BudgetStore", Options)

/** The charge that an account doesn't allow, by its place among the charges. */
interface Lacking {
  readonly index: number
  readonly balance: BudgetStore.Balance
}

/** A reservation that is waited for. */
interface Request {
  readonly charges: ReadonlyArray<BudgetStore.Charge>
  readonly outcome: Deferred.Deferred<Option.Option<Lacking>, BudgetStore.BudgetStoreError>
  state: "waiting" | "granted" | "refused" | "abandoned"
}

/** What accounts have, by their ids. */
type Balances = Map<string, BudgetStore.Balance>

const isMissing = ({ account, amount }: BudgetStore.Charge, { reserved, spent }: BudgetStore.Balance) =>
  spent + reserved + amount > account.limit

/** Takes charges from what accounts have if all of them are allowed. */
const take = (charges: ReadonlyArray<BudgetStore.Charge>, balances: Balances): boolean => {
  if (Option.isSome(firstMissing(charges, balances))) return false
  for (const { account, amount } of charges) {
    const { reserved, spent } = balances.get(account.id) ?? nothing
    balances.set(account.id, { spent, reserved: reserved + amount })
  }
  return true
}

const nothing: BudgetStore.Balance = { spent: 0n, reserved: 0n }

const firstMissing = (
  charges: ReadonlyArray<BudgetStore.Charge>,
  balances: Balances
): Option.Option<Lacking> => {
  const index = charges.findIndex((charge) => isMissing(charge, balances.get(charge.account.id) ?? nothing))
  return Option.map(Array.get(charges, index), ({ account }) => ({
    index,
    balance: balances.get(account.id) ?? nothing
  }))
}

/** The first charge that its account doesn't allow; where meanwhile all do, the first of them. */
const lacking = (charges: ReadonlyArray<BudgetStore.Charge>, balances: Balances): Option.Option<Lacking> =>
  Option.orElse(firstMissing(charges, balances), () =>
    Option.map(Array.head(charges), ({ account }) => ({
      index: 0,
      balance: balances.get(account.id) ?? nothing
    }))
  )

/** How many reservations are tried at once. */
const batchSize = 100

const chargesOf = (requests: ReadonlyArray<Request>): ReadonlyArray<BudgetStore.Charge> =>
  requests.flatMap(({ charges }) => charges)

/**
 * A store in the database of the context, whose table is made when it isn't there.
 *
 * Reservations that are asked for at once are written at once. The spend is written while the call
 * waits, for `writeTimeoutMs` at most; after that the call goes on, and it is written as soon as the database
 * lets it (`budget_write_failed` tells of each failure). Until then others see it as reserved.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  BudgetStore.Service,
  BudgetStore.BudgetStoreError | InvalidArgumentError,
  SqlClient.SqlClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const {
      drainMs = 10_000,
      leaseMs = 60_000,
      writeTimeoutMs = 1000,
      reserveMs = 5000
    } = yield* decode(options)
    const owner = yield* Effect.flatMap(Clock.currentTimeMillis, ids.row)
    const reservations = new ReservationTable()
    const accounts = yield* table.make({ owner, leaseMs, reservations })
    /** One write at a time, so that the latest numbers are written last. */
    const turn = yield* Effect.makeSemaphore(1)

    const write = yield* writer.make<BudgetStore.Account, BudgetStore.BudgetStoreError>({
      key: ({ id }) => id,
      store: (changed) => turn.withPermits(1)(accounts.save(changed)),
      batchSize: 500,
      capacity: Number.POSITIVE_INFINITY,
      writeTimeoutMs,
      drainMs,
      events: { failed: "budget_write_failed", lost: "budget_writes_lost" },
      describe: ({ id }) => ({ account: id })
    })
    const save = (changed: ReadonlyArray<BudgetStore.Account>): Effect.Effect<void> =>
      Effect.forEach(changed, write, { concurrency: "unbounded", discard: true })

    const grantAll = (requests: ReadonlyArray<Request>): Effect.Effect<void> =>
      Effect.forEach(
        requests.filter(({ state }) => state !== "abandoned"),
        (request) => {
          request.state = "granted"
          for (const charge of request.charges) reservations.reserve(charge)
          return Deferred.succeed(request.outcome, Option.none())
        },
        { discard: true }
      )

    const refuse = (requests: ReadonlyArray<Request>, balances: Balances): Effect.Effect<void> =>
      Effect.forEach(
        requests,
        (request) => {
          if (request.state === "waiting") request.state = "refused"
          return Deferred.succeed(request.outcome, lacking(request.charges, balances))
        },
        { discard: true }
      )

    /**
     * Reserves for all of them at once; where they don't fit together, for those that do in their order.
     * Another process may take the same amount meanwhile: it is tried again, so many times.
     */
    const serve = (
      requests: ReadonlyArray<Request>,
      times = 3
    ): Effect.Effect<void, BudgetStore.BudgetStoreError> =>
      Effect.gen(function* () {
        if (yield* accounts.reserve(chargesOf(requests))) return yield* grantAll(requests)
        const all = chargesOf(requests).map(({ account }) => account)
        const found = yield* accounts.balances(all)
        const balances: Balances = new Map(Array.zipWith(all, found, ({ id }, balance) => [id, balance]))
        const fitting = requests.filter(({ charges }) => take(charges, balances))
        if (fitting.length === 0 || times === 0) return yield* refuse(requests, balances)
        if (fitting.length < requests.length && (yield* accounts.reserve(chargesOf(fitting)))) {
          yield* grantAll(fitting)
          return yield* refuse(
            requests.filter((request) => !fitting.includes(request)),
            balances
          )
        }
        return yield* serve(requests, times - 1)
      })

    const scope = yield* Effect.scope
    const serveBatch = (requests: ReadonlyArray<Request>): Effect.Effect<void> =>
      Effect.catchAll(turn.withPermits(1)(serve(requests)), (error) =>
        Effect.forEach(requests, ({ outcome }) => Deferred.fail(outcome, error), { discard: true })
      ).pipe(
        // A reservation without a waiting call, or written although the statement failed, is taken back.
        Effect.zipRight(
          Effect.suspend(() => {
            const left = requests.filter(({ state }) => state === "waiting" || state === "abandoned")
            return left.length === 0
              ? Effect.void
              : Effect.forkIn(save(chargesOf(left).map(({ account }) => account)), scope)
          })
        )
      )

    const requests = yield* Mailbox.make<Request>()
    yield* Effect.forkScoped(Effect.interruptible(forEachBatch(requests, batchSize, serveBatch)))
    yield* Effect.addFinalizer(() => requests.end)

    const live = Effect.suspend(() => save(reservations.open))
    yield* Effect.forkScoped(
      Effect.interruptible(Effect.schedule(live, Schedule.spaced(Duration.millis(leaseMs / 3))))
    )
    yield* Effect.forkScoped(
      Effect.interruptible(Effect.repeat(Effect.ignore(accounts.clean), Schedule.spaced("1 minute")))
    )

    return {
      reserve: (charges, deadline) =>
        Effect.gen(function* () {
          const outcome = yield* Deferred.make<Option.Option<Lacking>, BudgetStore.BudgetStoreError>()
          const request: Request = { charges, outcome, state: "waiting" }
          if (!requests.unsafeOffer(request)) {
            return yield* new BudgetStore.BudgetStoreError({ reason: "the store has been closed" })
          }
          const waitMs = Math.min(reserveMs, deadline - (yield* Clock.currentTimeMillis))
          const answer = yield* Effect.timeoutOption(
            // In a fiber of its own, so that the wait ends where the caller can't be interrupted.
            Effect.interruptible(Deferred.await(outcome)),
            Duration.millis(waitMs)
          )
          if (Option.isNone(answer)) {
            // It may have been granted at this very moment.
            if (isGranted(request)) return Option.none()
            request.state = "abandoned"
            return yield* new BudgetStore.BudgetStoreError({
              reason: `the database didn't answer within ${Math.max(0, waitMs)} ms`
            })
          }
          return Option.flatMap(answer.value, ({ balance, index }) =>
            Option.map(Array.get(charges, index), (charge) => ({ charge, balance }))
          )
        }).pipe(Effect.uninterruptible),
      settle: (charges) =>
        Effect.suspend(() => {
          for (const { charge, spent } of charges) reservations.settle(charge, spent)
          return save(charges.map(({ charge }) => charge.account))
        }),
      balances: accounts.balances
    }
  })

const isGranted = ({ state }: Request): boolean => state === "granted"

/**
 * A store in the database of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options = {}
): Layer.Layer<
  BudgetStore.BudgetStore,
  BudgetStore.BudgetStoreError | InvalidArgumentError,
  SqlClient.SqlClient
> => Layer.scoped(BudgetStore.BudgetStore, make(options))

/**
 * Budgets whose accounts are in the database of the context.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import * as BudgetsSql from "arc-saga/Budgets/Sql"
 * import { Config, Layer } from "effect"
 *
 * export const Limits = BudgetsSql.layer({
 *   budgets: [
 *     { name: "everybody", scope: "overall", period: "month", usd: 500 },
 *     { name: "each user", scope: "user", period: "day", usd: 2 }
 *   ]
 * }).pipe(Layer.provide(PgClient.layerConfig({ url: Config.redacted("DATABASE_URL") })))
 * ```
 */
export const layer = (
  budgets: Budgets.Options,
  options: Options = {}
): Layer.Layer<Budgets.Budgets, BudgetStore.BudgetStoreError | InvalidArgumentError, SqlClient.SqlClient> =>
  Layer.provide(Budgets.layerStore(budgets), layerStore(options))
