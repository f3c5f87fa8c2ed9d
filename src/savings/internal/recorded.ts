import type { AIProvider } from "../../AIProvider.js"
import { type Answered, answered, type Outcome } from "../Outcomes.js"

/** A provider that wasn't asked gave nothing, for nothing. */
const nothing: Answered = { quality: 0, costUsd: 0, answer: "" }

const of = (outcome: Outcome, provider: AIProvider): Answered => answered(outcome, provider) ?? nothing

export const qualityOf = (outcome: Outcome, provider: AIProvider): number => of(outcome, provider).quality

export const costOf = (outcome: Outcome, provider: AIProvider): number => of(outcome, provider).costUsd

export const playedBy = (outcome: Outcome, provider: AIProvider): Pick<Answered, "quality" | "costUsd"> =>
  of(outcome, provider)

/** The answer in the form in which answers are compared; empty when there is none. */
export const answerOf = (outcome: Outcome, provider: AIProvider): string => of(outcome, provider).answer ?? ""

export const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, n) => total + n, 0)

/** 0 of nothing. */
export const mean = (numbers: ReadonlyArray<number>): number => sum(numbers) / Math.max(1, numbers.length)

export const meanQuality = (outcomes: ReadonlyArray<Outcome>, provider: AIProvider): number =>
  mean(outcomes.map((outcome) => qualityOf(outcome, provider)))

export const meanCost = (outcomes: ReadonlyArray<Outcome>, provider: AIProvider): number =>
  mean(outcomes.map((outcome) => costOf(outcome, provider)))

/** The outcomes in which all of some providers were asked. */
export const complete = (
  outcomes: ReadonlyArray<Outcome>,
  providers: ReadonlyArray<AIProvider>
): ReadonlyArray<Outcome> =>
  outcomes.filter((outcome) => providers.every((provider) => answered(outcome, provider) !== undefined))

/** The provider that is the best on the whole; the first of equals. */
export const bestOf = (
  outcomes: ReadonlyArray<Outcome>,
  [first, ...others]: readonly [AIProvider, ...ReadonlyArray<AIProvider>]
): AIProvider =>
  others.reduce(
    (best, next) => (meanQuality(outcomes, next) > meanQuality(outcomes, best) ? next : best),
    first
  )
