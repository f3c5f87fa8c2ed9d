import * as Schema from "effect/Schema"
import * as numbers from "../../internal/numbers.js"
import * as BudgetExceeded from "../../BudgetExceeded.js"

/** A number of tokens that something is bounded by. */
export const Tokens = numbers.tokens

/**
 * How long a budget's period is: a day or a month of UTC.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Period = Schema.Literal("day", "month")

/** How much may be spent, and in which time. */
const amount = {
  period: Period,
  /** What may be spent in a period, in USD. Either this or `tokens`. */
  usd: Schema.optional(
    Schema.Number.pipe(
      Schema.filter((usd) => usd >= 0 && usd <= 1_000_000, { description: "an amount from 0 to 1000000 USD" })
    )
  ),
  /** The tokens that may be used in a period, read and written ones together. Either this or `usd`. */
  tokens: Schema.optional(Tokens)
}

const unitFault = ({
  tokens,
  usd
}: {
  readonly usd?: number | undefined
  readonly tokens?: number | undefined
}) => {
  if ((usd === undefined) !== (tokens === undefined)) return undefined
  return {
    path: ["usd"],
    message: `Expected either usd or tokens, actual ${usd === undefined ? "neither" : "both"}`
  }
}

/**
 * What a user, a key or a team may spend by its own account.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OwnBudget = Schema.Struct(amount).pipe(Schema.filter(unitFault))

/**
 * What a user, a key or a team may spend by its own account.
 *
 * @since 0.1.0
 * @category models
 */
export interface OwnBudget extends Schema.Schema.Type<typeof OwnBudget> {}

/**
 * A budget.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Budget = Schema.Struct({
  /** Names it in errors and in the store. */
  name: Schema.NonEmptyString,
  /**
   * Whose it is. A task without a `userId` isn't counted by a budget of users, one without a `keyId` by
   * none of keys, and one without a `team` by none of teams.
   */
  scope: BudgetExceeded.Scope,
  /** The one user, key or team that it is for; when absent, each has such a budget. */
  subject: Schema.optional(Schema.NonEmptyString),
  ...amount
}).pipe(
  Schema.filter((budget) => {
    const fault = unitFault(budget)
    if (fault !== undefined) return fault
    return budget.scope === "overall" && budget.subject !== undefined
      ? { path: ["subject"], message: "Expected none in a budget of everybody, actual one" }
      : undefined
  })
)

/**
 * A budget.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget extends Schema.Schema.Type<typeof Budget> {}
