import * as Option from "effect/Option"
import type * as AIResult from "../AIResult.js"
import * as Usd from "../Usd.js"

type Costs = Pick<AIResult.AIResult, "cost" | "costSource">

/** What attempts cost together; none when one of them is unknown. All of it is the providers' to say, or none. */
export const sum = (attempts: ReadonlyArray<AIResult.Attempt>): Costs => {
  const cost = attempts
    .map((attempt) => attempt.cost)
    .reduce((sum, cost) => Option.zipWith(sum, cost, Usd.add), Option.some(Usd.zero))
  const paid = attempts.filter(
    (attempt) => attempt.costSource !== undefined || Option.exists(attempt.cost, ({ pico }) => pico > 0n)
  )
  const isTold = paid.length > 0 && paid.every(({ costSource }) => costSource === "provider")
  return { cost, ...(isTold && Option.isSome(cost) ? { costSource: "provider" } : {}) }
}
