import type { AIProvider } from "../../AIProvider.js"
import { type Answered, answered, type Outcome } from "../../Outcomes.js"
import { type Features, formSize, ofPrompt } from "./features.js"
import { hash } from "./hash.js"
import { type Example, fit, leastSquares, logistic, inner, scoreOf } from "./linear.js"
import { type Family, type Judge, type Predictor, sizeInputs } from "./predictor.js"

/** An outcome and what a model sees of it. */
export interface Seen {
  readonly outcome: Outcome
  readonly features: Features
}

export const seen = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Seen> =>
  outcomes.map((outcome) => ({ outcome, features: ofPrompt(outcome.prompt) }))

/** The outcomes in which all of some providers were asked. */
export const complete = (
  rows: ReadonlyArray<Seen>,
  providers: ReadonlyArray<AIProvider>
): ReadonlyArray<Seen> =>
  rows.filter(({ outcome }) => providers.every((provider) => answered(outcome, provider) !== undefined))

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

/** Weights that predict the logarithm of a size; the mean of what they predict is that of what was seen. */
const sizes = (
  rows: ReadonlyArray<{ readonly inputs: ReadonlyArray<number>; readonly size: number }>
): ReadonlyArray<number> => {
  const weights = leastSquares(
    rows.map(({ inputs, size }) => ({ inputs, target: Math.log(Math.max(size, leastSize)) })),
    rows[0]?.inputs.length ?? formSize
  )
  const actual = rows.reduce((sum, { size }) => sum + Math.max(size, leastSize), 0)
  const predicted = rows.reduce((sum, { inputs }) => sum + Math.exp(inner(inputs, weights)), 0)
  // The form begins with a number that is always 1.
  return weights.map((weight, index) => (index === 0 ? weight + Math.log(actual / predicted) : weight))
}

/** Recognizes families. */
const trainFamilies = (rows: ReadonlyArray<Seen>, seed: number): ReadonlyArray<Family> =>
  Array.from(new Set(rows.map(({ outcome }) => outcome.family)))
    .toSorted()
    .map((name) => ({
      name,
      head: fit(
        rows.map(({ features, outcome }): Example => ({ features, target: outcome.family === name ? 1 : 0 })),
        seed ^ hash(name)
      )
    }))

const trainHead = (rows: ReadonlyArray<Seen>, provider: AIProvider, seed: number) =>
  fit(
    of(rows, provider).map((row): Example => ({ features: row.features, target: row.of.quality })),
    seed ^ hash(provider)
  )

/** Trains on one part of the outcomes and calibrates on another. */
export const trainPredictor = (
  train: ReadonlyArray<Seen>,
  validation: ReadonlyArray<Seen>,
  providers: ReadonlyArray<AIProvider>,
  seed: number
): Predictor => {
  const families = trainFamilies(train, seed)
  const judges = providers.map((provider): Judge => {
    const head = trainHead(train, provider, seed)
    const [slope = 1, offset = 0] = logistic(
      of(validation, provider).map((row) => ({
        inputs: [scoreOf(head, row.features), 1],
        target: row.of.quality
      })),
      2
    )
    const own = of(train, provider).map((row) => ({
      ...row,
      inputs: sizeInputs(row.features, row.outcome.family, families)
    }))
    const lengths = own.flatMap(({ inputs, of: { outputTokens } }) =>
      outputTokens === undefined ? [] : [{ inputs, size: outputTokens }]
    )
    return {
      provider,
      head,
      slope,
      offset,
      cost: sizes(own.map(({ inputs, of: { costUsd } }) => ({ inputs, size: costUsd }))),
      outputTokens: lengths.length === 0 ? undefined : sizes(lengths)
    }
  })
  return { families, judges }
}

const folds = 3

/**
 * The scores of providers for outcomes that the heads which give them weren't trained on: what is learned
 * of scores must not believe those that a head has by heart.
 */
export const unseenScores = (
  rows: ReadonlyArray<Seen>,
  { judges }: Predictor,
  seed: number
): ReadonlyArray<ReadonlyMap<AIProvider, number>> => {
  const foldOf = ({ outcome }: Seen): number => hash(`${seed}/${outcome.group}`) % folds
  const byFold = Array.from({ length: folds }, (_, fold) => {
    const others = rows.filter((row) => foldOf(row) !== fold)
    return judges.map((judge) => ({ ...judge, head: trainHead(others, judge.provider, seed) }))
  })
  return rows.map((row) => {
    const heads = byFold[foldOf(row)] ?? judges
    return new Map(
      heads.map((judge) => [judge.provider, judge.slope * scoreOf(judge.head, row.features) + judge.offset])
    )
  })
}
