import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import type { AIProvider } from "../../../AIProvider.js"
import type { InvalidArgumentError } from "../../../InvalidArgument.js"
import { type Outcome, type Parts, providers } from "../../Outcomes.js"
import { type Model, train } from "../../QualityModel.js"
import { run } from "../cascades.js"
import { choose } from "../choice.js"
import { unpack } from "../file.js"
import { share } from "../hash.js"
import { type Estimate, estimateOf, predict, type Predictor } from "../predictor.js"
import { answerOf, meanCost, meanQuality, qualityOf } from "../recorded.js"
import { find, type Thresholds, worthOf } from "../thresholds.js"
import type { Decide, Fitted, Policy } from "./policy.js"

const constant = (provider: AIProvider): Fitted => {
  const decide: Decide = () => provider
  return { at: () => decide, curve: [decide] }
}

/** Always the same provider. */
export const single = (provider: AIProvider): Policy => ({
  name: provider,
  fit: () => Either.right(constant(provider))
})

/** Always the provider that costs least. */
export const cheapest: Policy = {
  name: "cheapest only",
  fit: ({ byCost: [first] }) => Either.right(constant(first))
}

const curveSteps = 20
const shares = Array.from({ length: curveSteps + 1 }, (_, step) => step / curveSteps)

/** The best provider for a share of the tasks, the one with which that saves most for the rest. */
export const randomMixture: Policy = {
  name: "random mixture",
  fit: ({ best, byCost, validation: held }) => {
    const full = meanQuality(held, best)
    const mixed =
      (other: AIProvider, part: number): Decide =>
      ({ id }) =>
        share(`mixture/${id}`) < part ? best : other
    const partOf = (other: AIProvider, keep: number): number => {
      const lost = full - meanQuality(held, other)
      return lost <= 0 ? 0 : Math.max(0, 1 - ((1 - keep) * full) / lost)
    }
    const savedWith = (other: AIProvider, keep: number): number =>
      (1 - partOf(other, keep)) * (1 - meanCost(held, other) / meanCost(held, best))
    const otherFor = (keep: number): AIProvider =>
      byCost.reduce((most, next) => (savedWith(next, keep) > savedWith(most, keep) ? next : most), best)
    return Either.right({
      at: (keep) => mixed(otherFor(keep), partOf(otherFor(keep), keep)),
      curve: shares.map((part) => mixed(otherFor(0.98), 1 - part))
    })
  }
}

/** Worths of a dollar for a curve: those that were tried, thinned out. */
const curveOf = ({ kept }: Thresholds): ReadonlyArray<number> =>
  kept.filter((_, index) => index % 3 === 0).map(({ worth }) => worth)

/** Knows nothing of a task but its family: what merely recognizing benchmarks is worth. */
export const familyLabel: Policy = {
  name: "family label only",
  fit: ({ best, byCost, train, validation }) => {
    const estimatesOf = (family: string): Arr.NonEmptyReadonlyArray<Estimate> => {
      const own = train.filter((outcome) => outcome.family === family)
      return Arr.map(byCost, (provider) => ({
        provider,
        score: 0,
        quality: meanQuality(own, provider),
        costUsd: meanCost(own, provider),
        outputTokens: undefined
      }))
    }
    const known = new Map<string, ReturnType<typeof estimatesOf>>()
    const chosen = (family: string, worth: number): AIProvider => {
      const estimates = known.get(family) ?? estimatesOf(family)
      known.set(family, estimates)
      return choose(estimates, worth).provider
    }
    const thresholds = find(
      validation.map((outcome) => ({
        family: outcome.family,
        best: qualityOf(outcome, best),
        quality: (worth) => qualityOf(outcome, chosen(outcome.family, worth))
      })),
      meanCost(validation, best)
    )
    return Either.right({
      at:
        (keep) =>
        ({ family }) => {
          const worth = worthOf(thresholds, keep, family)
          return worth === undefined ? best : chosen(family, worth)
        },
      curve: curveOf(thresholds).map(
        (worth): Decide =>
          ({ family }) =>
            chosen(family, worth)
      )
    })
  }
}

/** A model as policies use it. */
interface Trained {
  readonly model: Model
  readonly predictor: Predictor
}

/** Trains one model for all policies that are fitted on the same outcomes, or gives the one that there is. */
export const trainer = (
  given?: Model
): ((parts: Omit<Parts, "test">) => Either.Either<Trained, InvalidArgumentError>) => {
  const known = new WeakMap<ReadonlyArray<Outcome>, Either.Either<Trained, InvalidArgumentError>>()
  return (parts) => {
    const before = known.get(parts.train)
    if (before !== undefined) return before
    // What is measured is what a file of it holds: weights in steps.
    const trained = Either.map(given === undefined ? train(parts) : Either.right(given), (model) => ({
      model,
      predictor: unpack(model)
    }))
    known.set(parts.train, trained)
    return trained
  }
}

type Trainer = ReturnType<typeof trainer>

const predicting = ({ model, predictor }: Trained): Fitted => {
  const decide =
    (worthFor: (family: string) => number | undefined): Decide =>
    ({ features }) => {
      const { estimates, family } = predict(predictor, features)
      const worth = worthFor(family)
      return worth === undefined ? model.best : choose(estimates, worth).provider
    }
  return {
    at: (keep) => decide((family) => worthOf(model.thresholds, keep, family)),
    curve: curveOf(model.thresholds).map((worth) => decide(() => worth)),
    gain: (features, stronger, weaker) => {
      const { estimates } = predict(predictor, features)
      return estimateOf(estimates, stronger).quality - estimateOf(estimates, weaker).quality
    }
  }
}

/** Chooses one provider by what a model predicts. */
export const prediction = (trained: Trainer): Policy => ({
  name: "prediction",
  fit: (parts) => Either.map(trained(parts), predicting)
})

const cascading = ({ model, predictor }: Trained): Fitted => {
  const learned = model.cascade
  if (learned === undefined) return constant(model.best)
  const decide =
    (worthFor: (family: string) => number | undefined): Decide =>
    ({ ask, features }) => {
      const { estimates, family } = predict(predictor, features)
      const worth = worthFor(family)
      return worth === undefined ? model.best : run(learned, { ask, estimates }, worth)
    }
  return {
    at: (keep) => decide((family) => worthOf(learned.thresholds, keep, family)),
    curve: curveOf(learned.thresholds).map((worth) => decide(() => worth))
  }
}

/** Asks cheap providers first and accepts what their answers are evidence enough for. */
export const cascade = (trained: Trainer): Policy => ({
  name: "cascade, learned",
  fit: (parts) => Either.map(trained(parts), cascading)
})

/**
 * Takes the answer of the cheapest provider as soon as one of the next two gives the same, and else that of
 * the best. It learns nothing: it knows what providers cost, and which is the best.
 */
export const agreement: Policy = {
  name: "cascade, agreement only",
  fit: ({ best, byCost }) => {
    const [first = best, ...others] = byCost.slice(0, byCost.indexOf(best)).slice(0, 3)
    const decide: Decide = ({ ask }) => {
      const answer = ask(first)
      return answer !== "" && others.some((other) => ask(other) === answer) ? first : best
    }
    return Either.right({ at: () => decide, curve: [decide] })
  }
}

/** All policies that can be compared on some outcomes. */
export const all = (outcomes: ReadonlyArray<Outcome>, given?: Model): ReadonlyArray<Policy> => {
  const trained = trainer(given)
  const known = providers(outcomes)
  const comparable = outcomes.some((outcome) => known.some((provider) => answerOf(outcome, provider) !== ""))
  return [
    ...known.map(single),
    cheapest,
    randomMixture,
    familyLabel,
    prediction(trained),
    ...(comparable ? [agreement, cascade(trained)] : [])
  ]
}
