/**
 * What a call fails with that a budget doesn't allow, or whose budgets can't be checked.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The scope of a budget: all calls together, one user's, those of one of the caller's keys, or of one of its teams.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Scope = Schema.Literal("overall", "user", "key", "team")

/**
 * What a budget counts.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Unit = Schema.Literal("usd", "tokens")

/**
 * A budget has less left than the call may cost at worst, or what the call costs isn't known.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExceededError extends Schema.TaggedError<BudgetExceededError>(
  "arc-saga/BudgetExceededError"
)("BudgetExceededError", {
  /** The name of the budget. */
  budget: Schema.String,
  scope: Scope,
  /** The user, key or team whose budget it is; absent when it is the overall one. */
  subject: Schema.optional(Schema.String),
  unit: Unit,
  /** What the budget allows in its period, in USD or tokens. */
  limit: Schema.Number,
  /** What is left of it, reservations of calls under way taken off, in USD or tokens. */
  left: Schema.Number,
  /** What the call may cost at worst, in USD or tokens; absent when its provider's price isn't known. */
  needed: Schema.optional(Schema.Number),
  /** When the next period begins, in milliseconds of the Clock. */
  resetsAt: Schema.Number
}) {
  override get message(): string {
    const amount = (value: number) =>
      this.unit === "usd" ? `$${Number(value.toFixed(6))}` : `${Math.floor(value)} tokens`
    const whose = this.subject === undefined ? "" : ` of ${this.scope} ${JSON.stringify(this.subject)}`
    const resets = new Date(this.resetsAt).toISOString()
    const why =
      this.needed === undefined
        ? "the price of the provider isn't known. Give the provider a price (0 if it is free)"
        : `the call may need ${amount(this.needed)} and ${amount(this.left)} of ${amount(this.limit)} are left. Ask for less, or wait until ${resets}`
    return `The budget ${JSON.stringify(this.budget)}${whose} doesn't allow the call: ${why}`
  }
}

/**
 * The budgets can't be checked, so the call isn't made: their database doesn't answer, or not in time. No
 * provider has been asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetUnavailableError extends Schema.TaggedError<BudgetUnavailableError>(
  "arc-saga/BudgetUnavailableError"
)("BudgetUnavailableError", {
  /** What the database said. */
  reason: Schema.String
}) {
  override get message(): string {
    return `The call isn't made, because its budgets can't be checked: ${this.reason}. Try again when their database answers`
  }
}

/**
 * What budgets refuse an attempt with.
 *
 * @since 0.1.0
 * @category schemas
 */
export const BudgetError = Schema.Union(BudgetExceededError, BudgetUnavailableError)

/**
 * What budgets refuse an attempt with.
 *
 * @since 0.1.0
 * @category errors
 */
export type BudgetError = typeof BudgetError.Type

/**
 * Whether it is a budget that refuses an attempt, and no provider that failed.
 *
 * @since 0.1.0
 * @category guards
 */
export const isBudgetError = <E extends { readonly _tag: string }>(
  error: E
): error is Extract<E, { readonly _tag: BudgetError["_tag"] }> =>
  error._tag === "BudgetExceededError" || error._tag === "BudgetUnavailableError"
