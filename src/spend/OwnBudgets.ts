/**
 * Budgets that users, keys and teams have of their own: kept with them, and known while a program runs. `Budgets`
 * holds attempts against them beside its own.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { BudgetUnavailableError, Scope } from "../BudgetExceeded.js"
import type { OwnBudget } from "./internal/budget.js"

export { OwnBudget } from "./internal/budget.js"

/**
 * Whose budgets are looked at.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  readonly userId?: string | undefined
  readonly keyId?: string | undefined
  readonly team?: string | undefined
}

/**
 * The budgets that one of them has. Each of a period and a unit has an account, which goes on when its limit changes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Held {
  readonly scope: Exclude<typeof Scope.Type, "overall">
  /** The id of the user, the key or the team. */
  readonly subject: string
  readonly budgets: ReadonlyArray<OwnBudget>
}

/**
 * Knows them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The budgets that a task of the given user, key and team falls under. No attempt is made where they aren't known. */
  readonly of: (subject: Subject) => Effect.Effect<ReadonlyArray<Held>, BudgetUnavailableError>
}

/**
 * Knows them.
 *
 * @since 0.1.0
 * @category tags
 */
export class OwnBudgets extends Context.Tag("arc-saga/OwnBudgets")<OwnBudgets, Service>() {}
