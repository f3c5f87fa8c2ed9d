import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import type { AIProvider } from "../../../AIProvider.js"
import type { InvalidArgumentError } from "../../../InvalidArgument.js"
import { type Outcome, providers } from "../../Outcomes.js"
import { type Model, train, type TrainOptions } from "../../QualityModel.js"
import { run } from "../cascades.js"
import { choose } from "../choice.js"
import { unpack } from "../file.js"
import type { Features } from "../features.js"
import { guaranteeOf, type Scope, show, worthOf, worths } from "../guarantees.js"
import { share } from "../../../internal/hash.js"
import { type Estimate, estimateOf, predict, type Prediction, type Predictor } from "../predictor.js"
import { answerOf, meanCost, meanQuality, playedBy } from "../recorded.js"
import type { Decide, Fitted, Known, Policy } from "./policy.js"

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

/** Worths of a dollar for a curve: those that are tried, thinned out. */
const curveOf = (tried: ReadonlyArray<number>): ReadonlyArray<number> =>
  tried.filter((_, index) => index % 3 === 0)

/** Knows nothing of a task but its family: what merely recognizing benchmarks is worth. */
export const familyLabel = (confidence: number): Policy => ({
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
    const tried = worths(meanCost(validation, best))
    const shown = show(
      validation.map((outcome) => ({
        family: outcome.family,
        group: outcome.group,
        best: playedBy(outcome, best),
        routed: (worth) => playedBy(outcome, chosen(outcome.family, worth))
      })),
      tried,
      confidence
    )
    return Either.right({
      at:
        (keep) =>
        ({ family }) => {
          const worth = worthOf(shown, keep, family, "families")
          return worth === undefined ? best : chosen(family, worth)
        },
      guarantee: (keep) => guaranteeOf(shown, keep, "families"),
      curve: curveOf(tried).map(
        (worth): Decide =>
          ({ family }) =>
            chosen(family, worth)
      )
    })
  }
})

/** A model as policies use it. */
interface Trained {
  readonly model: Model
  readonly predictor: Predictor
  readonly predicted: (features: Features) => Prediction
  /** What a dollar may be worth in a curve. */
  readonly curve: ReadonlyArray<number>
}

/** Trains one model for all policies that are fitted on the same outcomes, or gives the one that there is. */
export const trainer = (
  options: TrainOptions = {},
  given?: Model
): ((known: Known) => Either.Either<Trained, InvalidArgumentError>) => {
  const known = new WeakMap<ReadonlyArray<Outcome>, Either.Either<Trained, InvalidArgumentError>>()
  return (parts) => {
    const before = known.get(parts.train)
    if (before !== undefined) return before
    const trained = Either.map(given === undefined ? train(parts, options) : Either.right(given), (model) => {
      // What is measured is what a file of it holds: weights in steps.
      const predictor = unpack(model)
      const predictions = new WeakMap<Features, Prediction>()
      return {
        model,
        predictor,
        predicted: (features: Features): Prediction => {
          const prediction = predictions.get(features) ?? predict(predictor, features)
          predictions.set(features, prediction)
          return prediction
        },
        curve: curveOf(worths(meanCost(parts.train, model.best)))
      }
    })
    known.set(parts.train, trained)
    return trained
  }
}

type Trainer = ReturnType<typeof trainer>

/** How a policy is called that promises something on the whole alone. */
const nameFor = (name: string, scope: Scope): string => (scope === "whole" ? `${name}, whole` : name)

const predicting = ({ curve, model, predicted }: Trained, scope: Scope): Fitted => {
  const decide =
    (worthFor: (family: string) => number | undefined): Decide =>
    ({ features }) => {
      const { estimates, family } = predicted(features)
      const worth = worthFor(family)
      return worth === undefined ? model.best : choose(estimates, worth).provider
    }
  return {
    at: (keep) => decide((family) => worthOf(model.shown, keep, family, scope)),
    guarantee: (keep) => guaranteeOf(model.shown, keep, scope),
    ...(scope === "whole"
      ? { curve: [] }
      : {
          curve: curve.map((worth) => decide(() => worth)),
          gain: (features, stronger, weaker) => {
            const { estimates } = predicted(features)
            return estimateOf(estimates, stronger).quality - estimateOf(estimates, weaker).quality
          }
        })
  }
}

/** Chooses one provider by what a model predicts. */
export const prediction = (trained: Trainer, scope: Scope = "families"): Policy => ({
  name: nameFor("prediction", scope),
  fit: (known) => Either.map(trained(known), (model) => predicting(model, scope))
})

const cascading = ({ curve, model, predicted }: Trained, scope: Scope): Fitted => {
  const learned = model.cascade
  if (learned === undefined) return constant(model.best)
  const decide =
    (worthFor: (family: string) => number | undefined): Decide =>
    ({ ask, features }) => {
      const { estimates, family } = predicted(features)
      const worth = worthFor(family)
      return worth === undefined ? model.best : run(learned, { ask, estimates }, worth)
    }
  return {
    at: (keep) => decide((family) => worthOf(learned.shown, keep, family, scope)),
    guarantee: (keep) => guaranteeOf(learned.shown, keep, scope),
    curve: scope === "whole" ? [] : curve.map((worth) => decide(() => worth))
  }
}

/** Asks cheap providers first and accepts what their answers are evidence enough for. */
export const cascade = (trained: Trainer, scope: Scope = "families"): Policy => ({
  name: nameFor("cascade, learned", scope),
  fit: (known) => Either.map(trained(known), (model) => cascading(model, scope))
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
export const all = (
  outcomes: ReadonlyArray<Outcome>,
  confidence: number,
  given?: Model
): ReadonlyArray<Policy> => {
  const trained = trainer({ confidence }, given)
  const known = providers(outcomes)
  const comparable = outcomes.some((outcome) => known.some((provider) => answerOf(outcome, provider) !== ""))
  return [
    ...known.map(single),
    cheapest,
    randomMixture,
    familyLabel(confidence),
    prediction(trained),
    prediction(trained, "whole"),
    ...(comparable ? [agreement, cascade(trained), cascade(trained, "whole")] : [])
  ]
}
