import * as Arr from "effect/Array"
import * as Order from "effect/Order"
import type { AIProvider } from "../../AIProvider.js"
import { type Answered, answered, type Outcome } from "../Outcomes.js"
import { type Features, formSize, fromWritten, ofPrompt, withStep } from "./features.js"
import { hash } from "../../internal/hash.js"
import { blank, type Example, fit, type Head, inner, leastSquares, logistic, scoreOf } from "./linear.js"
import { type Family, type Judge, type Predictor, sizeInputs } from "./predictor.js"

/** An outcome and what a model sees of it. */
export interface Seen {
  readonly outcome: Outcome
  readonly features: Features
}

/** An outcome is looked at in many splits. */
const looked = new WeakMap<Outcome, Seen>()

export const seen = (outcome: Outcome): Seen => {
  const { features, prompt = "", step } = outcome
  const known = looked.get(outcome) ?? {
    outcome,
    features: withStep(features === undefined ? ofPrompt(prompt) : fromWritten(features), step)
  }
  looked.set(outcome, known)
  return known
}

/** What a provider answered of the outcomes that it was asked for. */
const of = (
  rows: ReadonlyArray<Seen>,
  provider: AIProvider
): ReadonlyArray<Seen & { readonly of: Answered }> =>
  rows.flatMap((row) => {
    const known = answered(row.outcome, provider)
    return known === undefined ? [] : [{ ...row, of: known }]
  })

/** Less than this counts as this: the logarithm of nothing isn't a number. */
const leastSize = 1e-9

/** Weights that predict the logarithm of a size; the mean of the predictions is that of the observations. */
const sizes = (
  rows: ReadonlyArray<{ readonly inputs: ReadonlyArray<number>; readonly size: number }>,
  families: number
): ReadonlyArray<number> => {
  const weights = leastSquares(
    rows.map(({ inputs, size }) => ({ inputs, target: Math.log(Math.max(size, leastSize)) })),
    // Inputs of steps are longer.
    rows.reduce((most, { inputs }) => Math.max(most, inputs.length), formSize + families)
  )
  const actual = rows.reduce((sum, { size }) => sum + Math.max(size, leastSize), 0)
  const predicted = rows.reduce((sum, { inputs }) => sum + Math.exp(inner(inputs, weights)), 0)
  // The form begins with a number that is always 1.
  return weights.map((weight, index) => (index === 0 ? weight + Math.log(actual / predicted) : weight))
}

/** Recognizes families. */
const trainFamilies = (
  rows: Arr.NonEmptyReadonlyArray<Seen>,
  seed: number
): Arr.NonEmptyReadonlyArray<Family> =>
  Arr.map(Arr.sort(Arr.dedupe(Arr.map(rows, ({ outcome }) => outcome.family)), Order.string), (name) => ({
    name,
    head: fit(
      rows.map(({ features, outcome }): Example => ({ features, target: outcome.family === name ? 1 : 0 })),
      seed ^ hash(name)
    )
  }))

/** The heads of all providers, by provider. */
export type Heads = Readonly<Record<AIProvider, Head>>

export const trainHeads = (
  rows: ReadonlyArray<Seen>,
  providers: ReadonlyArray<AIProvider>,
  seed: number
): Heads =>
  Object.fromEntries(
    providers.map((provider) => [
      provider,
      fit(
        of(rows, provider).map((row): Example => ({ features: row.features, target: row.of.quality })),
        seed ^ hash(provider)
      )
    ])
  )

const noHead = blank()

export const headOf = (heads: Heads, provider: AIProvider): Head => heads[provider] ?? noHead

/**
 * Makes a predictor of heads. It is calibrated on what heads say of outcomes that they weren't trained on:
 * `headsFor` gives those.
 */
export const trainPredictor = (
  rows: Arr.NonEmptyReadonlyArray<Seen>,
  providers: Arr.NonEmptyReadonlyArray<AIProvider>,
  options: { readonly heads: Heads; readonly headsFor: (row: Seen) => Heads; readonly seed: number }
): Predictor => {
  const { heads, headsFor, seed } = options
  const families = trainFamilies(rows, seed)
  const judges = Arr.map(providers, (provider): Judge => {
    const own = of(rows, provider).map((row) => ({
      ...row,
      inputs: sizeInputs(row.features, row.outcome.family, families)
    }))
    const [slope = 1, offset = 0] = logistic(
      own.map((row) => ({
        inputs: [scoreOf(headOf(headsFor(row), provider), row.features), 1],
        target: row.of.quality
      })),
      2
    )
    const lengths = own.flatMap(({ inputs, of: { outputTokens } }) =>
      outputTokens === undefined ? [] : [{ inputs, size: outputTokens }]
    )
    return {
      provider,
      head: headOf(heads, provider),
      slope,
      offset,
      cost: sizes(
        own.map(({ inputs, of: { costUsd } }) => ({ inputs, size: costUsd })),
        families.length
      ),
      outputTokens: lengths.length === 0 ? undefined : sizes(lengths, families.length)
    }
  })
  return { families, judges }
}
