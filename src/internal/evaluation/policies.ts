import * as Either from "effect/Either"
import type { AIProvider } from "../../AIProvider.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { answered, type Outcome, type Parts, providers } from "../../Outcomes.js"
import { type Model, train } from "../../QualityModel.js"
import { run } from "../quality/cascades.js"
import { choose } from "../quality/choice.js"
import { unpack } from "../quality/file.js"
import { share } from "../quality/hash.js"
import { type Estimate, predict, type Predictor } from "../quality/predictor.js"
import { find, type Thresholds, worthOf } from "../quality/thresholds.js"
import type { Decide, Fitted, Policy } from "./policy.js"

const mean = (numbers: ReadonlyArray<number>): number =>
  numbers.reduce((sum, n) => sum + n, 0) / Math.max(1, numbers.length)

const qualityOf = (outcomes: ReadonlyArray<Outcome>, provider: AIProvider): number =>
  mean(outcomes.map((outcome) => answered(outcome, provider)?.quality ?? 0))

const costOf = (outcomes: ReadonlyArray<Outcome>, provider: AIProvider): number =>
  mean(outcomes.map((outcome) => answered(outcome, provider)?.costUsd ?? 0))

/** The provider that is the best on the whole, and all by rising cost. */
const standing = ({ train: seen, validation }: Omit<Parts, "test">) => {
  const known = [...seen, ...validation]
  const all = providers(known)
  const best = all.reduce((most, next) => (qualityOf(known, next) > qualityOf(known, most) ? next : most))
  return { best, byCost: all.toSorted((left, right) => costOf(known, left) - costOf(known, right)) }
}

/** The best single provider of what a policy may see: that with which all policies are compared. */
export const bestOf = (parts: Omit<Parts, "test">): AIProvider => standing(parts).best

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
  fit: (parts) => {
    const { best, byCost } = standing(parts)
    return Either.right(constant(byCost[0] ?? best))
  }
}

const curveSteps = 20
const shares = Array.from({ length: curveSteps + 1 }, (_, step) => step / curveSteps)

/** The best provider for a share of the tasks, the one with which that saves most for the rest. */
export const randomMixture: Policy = {
  name: "random mixture",
  fit: (parts) => {
    const { best, byCost } = standing(parts)
    const held = parts.validation
    const full = qualityOf(held, best)
    const mixed =
      (other: AIProvider, part: number): Decide =>
      ({ id }) =>
        share(`mixture/${id}`) < part ? best : other
    const partOf = (other: AIProvider, keep: number): number => {
      const lost = full - qualityOf(held, other)
      return lost <= 0 ? 0 : Math.max(0, 1 - ((1 - keep) * full) / lost)
    }
    const savedWith = (other: AIProvider, keep: number): number =>
      (1 - partOf(other, keep)) * (1 - costOf(held, other) / costOf(held, best))
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
  fit: (parts) => {
    const { best, byCost } = standing(parts)
    const families = new Map<string, ReadonlyArray<Estimate>>()
    for (const family of new Set(parts.train.map((outcome) => outcome.family))) {
      const own = parts.train.filter((outcome) => outcome.family === family)
      const estimates = byCost.map((provider) => ({
        provider,
        score: 0,
        quality: qualityOf(own, provider),
        costUsd: costOf(own, provider),
        outputTokens: undefined
      }))
      families.set(family, estimates)
    }
    const chosen = (family: string, worth: number): AIProvider =>
      choose(families.get(family) ?? [], worth)?.provider ?? best
    const thresholds = find(
      parts.validation.map((outcome) => ({
        family: outcome.family,
        best: answered(outcome, best)?.quality ?? 0,
        quality: (worth) => answered(outcome, chosen(outcome.family, worth))?.quality ?? 0
      })),
      costOf(parts.validation, best)
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
      return worth === undefined ? model.best : (choose(estimates, worth)?.provider ?? model.best)
    }
  return {
    at: (keep) => decide((family) => worthOf(model.thresholds, keep, family)),
    curve: curveOf(model.thresholds).map((worth) => decide(() => worth)),
    gain: (features, stronger, weaker) => {
      const { estimates } = predict(predictor, features)
      const of = (provider: AIProvider) =>
        estimates.find((estimate) => estimate.provider === provider)?.quality ?? 0
      return of(stronger) - of(weaker)
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
  fit: (parts) => {
    const { best, byCost } = standing(parts)
    const [first, ...others] = byCost.slice(0, byCost.indexOf(best)).slice(0, 3)
    const decide: Decide = ({ ask }) => {
      if (first === undefined) return best
      const answer = ask(first)
      return answer !== "" && others.some((other) => ask(other) === answer) ? first : best
    }
    return Either.right({ at: () => decide, curve: [decide] })
  }
}

/** All policies that can be compared on some outcomes. */
export const all = (outcomes: ReadonlyArray<Outcome>, given?: Model): ReadonlyArray<Policy> => {
  const trained = trainer(given)
  const comparable = outcomes.some((outcome) =>
    Object.values(outcome.outcomes).some(({ answer = "" }) => answer !== "")
  )
  return [
    ...providers(outcomes).map(single),
    cheapest,
    randomMixture,
    familyLabel,
    prediction(trained),
    ...(comparable ? [agreement, cascade(trained)] : [])
  ]
}
