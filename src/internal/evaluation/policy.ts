import type * as Either from "effect/Either"
import type { AIProvider } from "../../AIProvider.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { answered, type Outcome, type Parts } from "../../Outcomes.js"
import type { Features } from "../quality/features.js"

/** A task as a policy sees it: without what its answers were worth. */
export interface Question {
  readonly id: string
  readonly family: string
  readonly features: Features
  /** The answer of a provider, in the form in which answers are compared. Asking is charged. */
  readonly ask: (provider: AIProvider) => string
}

/** Whose answer is taken. */
export type Decide = (question: Question) => AIProvider

/** A policy that has learned what it could. */
export interface Fitted {
  /** Keeps the share of the best provider's quality that it is asked for, as far as it knows. */
  readonly at: (keep: number) => Decide
  /** What it does from dear to cheap, for a curve. */
  readonly curve: ReadonlyArray<Decide>
  /** How much likelier the first provider is right than the second; absent where it doesn't say. */
  readonly gain?: (features: Features, stronger: AIProvider, weaker: AIProvider) => number
}

/** A policy learns from outcomes that aren't those it is measured by: it isn't given them. */
export interface Policy {
  readonly name: string
  readonly fit: (parts: Omit<Parts, "test">) => Either.Either<Fitted, InvalidArgumentError>
}

/** What came of one task. */
export interface Result {
  readonly outcome: Outcome
  readonly quality: number
  readonly costUsd: number
}

/** Plays a policy over outcomes: every provider that it asks is paid, once, and whose answer it takes. */
export const play = (
  decide: Decide,
  outcomes: ReadonlyArray<{ readonly outcome: Outcome; readonly features: Features }>
): ReadonlyArray<Result> =>
  outcomes.map(({ features, outcome }) => {
    const asked = new Set<AIProvider>()
    const taken = decide({
      id: outcome.id,
      family: outcome.family,
      features,
      ask: (provider) => {
        asked.add(provider)
        return answered(outcome, provider)?.answer ?? ""
      }
    })
    asked.add(taken)
    return {
      outcome,
      quality: answered(outcome, taken)?.quality ?? 0,
      costUsd: Array.from(asked).reduce((sum, each) => sum + (answered(outcome, each)?.costUsd ?? 0), 0)
    }
  })
