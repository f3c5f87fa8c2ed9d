import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AIResult from "../AIResult.js"
import * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"

/**
 * The sum of some attempts.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Totals = Schema.Struct({
  attempts: Schema.Int,
  /** Answers that were there already: no attempts. */
  cached: Schema.Int,
  /** Attempts that gave an answer. */
  succeeded: Schema.Int,
  /** All tokens; estimated when those of one attempt are. */
  usage: TokenUsage.TokenUsage,
  /** Attempts whose tokens are estimated. */
  estimated: Schema.Int,
  /** The exact sum of the costs that are known. */
  cost: Usd.Usd,
  /** The part of `cost` that providers said themselves; the rest is computed from tokens and prices. */
  billed: Usd.Usd,
  /** What caches saved, exactly; below zero where it cost more to fill them. Not part of `cost`. */
  cacheSaved: Usd.Usd,
  /** Attempts that used something at a price that isn't known: no part of `cost`. */
  unpriced: Schema.Int
})

/**
 * The sum of some attempts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals extends Schema.Schema.Type<typeof Totals> {}

export const nothing: Totals = {
  attempts: 0,
  cached: 0,
  succeeded: 0,
  usage: TokenUsage.none,
  estimated: 0,
  cost: Usd.zero,
  billed: Usd.zero,
  cacheSaved: Usd.zero,
  unpriced: 0
}

/** What of an attempt is summed; a provider's own outcomes may be more. */
export interface Summand extends Pick<AIResult.Attempt, "usage" | "cost" | "costSource" | "cacheSaved"> {
  readonly outcome: string
}

/** The totals of one attempt. */
export const of = (attempt: Summand): Totals => {
  const cost = Option.getOrElse(attempt.cost, () => Usd.zero)
  const cached = attempt.outcome === "cached" ? 1 : 0
  return {
    attempts: 1 - cached,
    cached,
    succeeded: attempt.outcome === "succeeded" ? 1 : 0,
    usage: attempt.usage,
    estimated: attempt.usage.estimated ? 1 : 0,
    cost,
    billed: attempt.costSource === "provider" ? cost : Usd.zero,
    cacheSaved: attempt.cacheSaved ?? Usd.zero,
    unpriced: AIResult.isUnpriced(attempt) ? 1 : 0
  }
}

export const add = (left: Totals, right: Totals): Totals => ({
  attempts: left.attempts + right.attempts,
  cached: left.cached + right.cached,
  succeeded: left.succeeded + right.succeeded,
  usage: TokenUsage.add(left.usage, right.usage),
  estimated: left.estimated + right.estimated,
  cost: Usd.add(left.cost, right.cost),
  billed: Usd.add(left.billed, right.billed),
  cacheSaved: Usd.add(left.cacheSaved, right.cacheSaved),
  unpriced: left.unpriced + right.unpriced
})

/** What attempts cost together; none when one of them is unknown. All of it is the providers' to say, or none. */
export const costOf = (
  attempts: ReadonlyArray<AIResult.Attempt>
): Pick<AIResult.AIResult, "cost" | "costSource"> => {
  const { cost, unpriced } = attempts.map(of).reduce(add, nothing)
  if (unpriced > 0) return { cost: Option.none() }
  const paid = attempts.filter(
    (attempt) => attempt.costSource !== undefined || Option.exists(attempt.cost, ({ pico }) => pico > 0n)
  )
  const isTold = paid.length > 0 && paid.every(({ costSource }) => costSource === "provider")
  return { cost: Option.some(cost), ...(isTold ? { costSource: "provider" } : {}) }
}
