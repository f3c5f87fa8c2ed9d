import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import * as totals from "../../spend/totals.js"

/** Seconds up to which the times of attempts are counted together. */
const boundaries = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const

/** Times in a form that can be added up over processes. */
export interface Times {
  /** How many took no longer than so many seconds, for each boundary. */
  readonly buckets: ReadonlyArray<readonly [seconds: number, count: number]>
  readonly count: number
  /** Of all times, in seconds. */
  readonly sum: number
}

const noTimes: Times = { buckets: boundaries.map((seconds) => [seconds, 0]), count: 0, sum: 0 }

const counted = ({ buckets, count, sum }: Times, ms: number): Times => ({
  buckets: buckets.map(([seconds, before]) => [seconds, ms <= seconds * 1000 ? before + 1 : before]),
  count: count + 1,
  sum: sum + ms / 1000
})

/** What attempts at a provider have used and taken since the process began: it only grows. */
export interface Lifetime {
  readonly totals: totals.Totals
  /** Until the first content. */
  readonly firstToken: Times
  /** Of the attempts that gave an answer, until its end. */
  readonly answer: Times
}

export const nothing: Lifetime = { totals: totals.nothing, firstToken: noTimes, answer: noTimes }

/** With one attempt more. An answer that was there already took no time of a provider. */
export const add = (before: Lifetime, attempt: AIResult.Attempt): Lifetime => ({
  totals: totals.add(before.totals, totals.of(attempt)),
  firstToken:
    attempt.outcome === "cached"
      ? before.firstToken
      : Option.match(attempt.firstTokenMs, {
          onNone: () => before.firstToken,
          onSome: (ms) => counted(before.firstToken, ms)
        }),
  answer: attempt.outcome === "succeeded" ? counted(before.answer, attempt.durationMs) : before.answer
})
