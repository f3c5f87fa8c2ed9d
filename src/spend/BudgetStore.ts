/**
 * Where budgets keep what is spent and what is reserved: in memory, or shared by several processes.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Account, Balance, Charge } from "./internal/account.js"
import { maxAccounts, ReservationTable } from "./internal/reservations.js"

export type { Account, Balance, Charge } from "./internal/account.js"

/**
 * An account that doesn't allow a charge, and what it had.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refusal<out C extends Charge = Charge> {
  readonly charge: C
  readonly balance: Balance
}

/**
 * The store can't say what is left, or didn't in time.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetStoreError extends Schema.TaggedError<BudgetStoreError>("arc-saga/BudgetStoreError")(
  "BudgetStoreError",
  {
    /** What the database said. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `The budgets can't be read or written: ${this.reason}. Look whether their database can be reached and used`
  }
}

/**
 * Keeps the accounts of budgets.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Reserves all charges or, where an account has less left, none. It may be run uninterruptibly: it gives
   * up at `deadline`, in milliseconds of the Clock, and what is reserved after that is given back.
   */
  readonly reserve: <C extends Charge>(
    charges: ReadonlyArray<C>,
    deadline: number
  ) => Effect.Effect<Option.Option<Refusal<C>>, BudgetStoreError>
  /**
   * Ends the reservation of each charge and counts its spend instead. Never fails, and waits only so
   * long for the database: what it can't write yet is written later.
   */
  readonly settle: (
    charges: ReadonlyArray<{ readonly charge: Charge; readonly spent: bigint }>
  ) => Effect.Effect<void>
  /** What the accounts have, in their order. */
  readonly balances: (
    accounts: ReadonlyArray<Account>
  ) => Effect.Effect<ReadonlyArray<Balance>, BudgetStoreError>
}

/**
 * Keeps the accounts of budgets.
 *
 * @since 0.1.0
 * @category tags
 */
export class BudgetStore extends Context.Tag("arc-saga/BudgetStore")<BudgetStore, Service>() {}

const tooMany = new BudgetStoreError({
  reason: `memory holds no more than ${maxAccounts} accounts. Name fewer users, or keep the budgets in a database`
})

/**
 * Accounts in memory: of this process alone, and gone with it. Accounts of past periods are dropped once
 * nothing is reserved in them. It has room for 250,000 accounts in which something was spent; a call that needs
 * one more fails with a BudgetStoreError, since none of them may be forgotten.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<Service> = Effect.sync(() => {
  const reservations = new ReservationTable()
  return {
    reserve: (charges) =>
      Effect.clockWith((clock) =>
        Effect.suspend(() => {
          reservations.prune(clock.unsafeCurrentTimeMillis())
          if (!reservations.has(charges)) return tooMany
          const refused = charges.find(({ account, amount }) => {
            const { reserved, spent } = reservations.of(account)
            return spent + reserved + amount > account.limit
          })
          if (refused !== undefined) {
            return Effect.succeed(Option.some({ charge: refused, balance: reservations.of(refused.account) }))
          }
          for (const charge of charges) reservations.reserve(charge)
          return Effect.succeedNone
        })
      ),
    settle: (charges) =>
      Effect.sync(() => {
        for (const { charge, spent } of charges) reservations.settle(charge, spent)
      }),
    balances: (accounts) => Effect.sync(() => accounts.map((account) => reservations.of(account)))
  }
})

/**
 * Accounts in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<BudgetStore> = Layer.effect(BudgetStore, makeMemory)
