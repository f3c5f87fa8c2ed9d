import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Order from "effect/Order"
import type { AIProvider } from "../../../AIProvider.js"
import { InvalidArgumentError } from "../../../InvalidArgument.js"
import { type Outcome, type Parts, providers } from "../../Outcomes.js"
import type { Features } from "../features.js"
import type { Guarantee } from "../guarantees.js"
import { answerOf, bestOf, costOf, meanCost, qualityOf, sum } from "../recorded.js"
import type { Seen } from "../train.js"

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
  /** What it promises when it is asked for a share; absent where it promises nothing. */
  readonly guarantee?: ((keep: number) => Guarantee) | undefined
  /** How much likelier the first provider is right than the second; absent where it doesn't say. */
  readonly gain?: ((features: Features, stronger: AIProvider, weaker: AIProvider) => number) | undefined
}

/** What a policy may know: outcomes that aren't those it is measured by. */
export interface Known extends Omit<Parts, "test"> {
  /** The provider that is the best on the whole, with which all policies are compared. */
  readonly best: AIProvider
  readonly byCost: Arr.NonEmptyReadonlyArray<AIProvider>
}

/** A policy is made by a function that isn't given what it will be measured by. */
export interface Policy {
  readonly name: string
  readonly fit: (known: Known) => Either.Either<Fitted, InvalidArgumentError>
}

/** What policies may know of a split. Fails when a part of it is empty. */
export const know = ({
  train,
  validation
}: Omit<Parts, "test">): Either.Either<Known, InvalidArgumentError> => {
  const outcomes = [...train, ...validation]
  const all = providers(outcomes)
  return Arr.isNonEmptyReadonlyArray(all)
    ? Either.right({
        train,
        validation,
        best: bestOf(outcomes, all),
        byCost: Arr.sort(
          all,
          Order.mapInput(Order.number, (provider: AIProvider) => meanCost(outcomes, provider))
        )
      })
    : Either.left(
        new InvalidArgumentError({
          subject: "Outcomes",
          field: "",
          reason: "Expected outcomes with an answer of every provider, actual too few to split"
        })
      )
}

/** What came of one task. */
export interface Result {
  readonly outcome: Outcome
  readonly quality: number
  readonly costUsd: number
}

/** Plays a policy over outcomes: every provider that it asks is paid, once, and whose answer it takes. */
export const play = (decide: Decide, seen: ReadonlyArray<Seen>): ReadonlyArray<Result> =>
  seen.map(({ features, outcome }) => {
    const asked = new Set<AIProvider>()
    const taken = decide({
      id: outcome.id,
      family: outcome.family,
      features,
      ask: (provider) => {
        asked.add(provider)
        return answerOf(outcome, provider)
      }
    })
    asked.add(taken)
    return {
      outcome,
      quality: qualityOf(outcome, taken),
      costUsd: sum(Array.from(asked, (provider) => costOf(outcome, provider)))
    }
  })
