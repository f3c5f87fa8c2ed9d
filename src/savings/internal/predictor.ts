import * as Arr from "effect/Array"
import type { AIProvider } from "../../AIProvider.js"
import type { Features } from "./features.js"
import { type Head, inner, scoreOf, sigmoid } from "./linear.js"

/** What tells one kind of task from the others. */
export interface Family {
  readonly name: string
  readonly head: Head
}

/** What is known of a provider. */
export interface Judge {
  readonly provider: AIProvider
  readonly head: Head
  /** Turns the score of the head into that of a chance. */
  readonly slope: number
  readonly offset: number
  /** Weights of the form, of the family and, where there are any, of steps: the logarithm of the cost in USD. */
  readonly cost: ReadonlyArray<number>
  /** The same for the tokens that it writes; undefined when they weren't recorded. */
  readonly outputTokens: ReadonlyArray<number> | undefined
}

/** A trained model as it is used. */
export interface Predictor {
  readonly families: Arr.NonEmptyReadonlyArray<Family>
  readonly judges: Arr.NonEmptyReadonlyArray<Judge>
}

/** What is expected of a provider. */
export interface Estimate {
  readonly provider: AIProvider
  /** The logarithm of the odds that its answer is good. */
  readonly score: number
  /** How likely its answer is good, 0 to 1. */
  readonly quality: number
  readonly costUsd: number
  readonly outputTokens: number | undefined
}

/** What is expected of a task. */
export interface Prediction {
  readonly family: string
  readonly estimates: Arr.NonEmptyReadonlyArray<Estimate>
}

/** What is expected of a provider; of one that isn't known, nothing in particular. */
export const estimateOf = (estimates: ReadonlyArray<Estimate>, provider: AIProvider): Estimate =>
  estimates.find((estimate) => estimate.provider === provider) ?? {
    provider,
    score: 0,
    quality: sigmoid(0),
    costUsd: 0,
    outputTokens: undefined
  }

/** The family that a task most likely belongs to. */
const familyOf = ([first, ...others]: Predictor["families"], features: Features): string => {
  if (others.length === 0) return first.name
  const scored = ({ head, name }: Family) => ({ name, score: scoreOf(head, features) })
  return others.map(scored).reduce((best, next) => (next.score > best.score ? next : best), scored(first))
    .name
}

/** The numbers that costs and lengths are predicted from. */
export const sizeInputs = (
  features: Features,
  family: string,
  families: ReadonlyArray<{ readonly name: string }>
): ReadonlyArray<number> => [
  ...features.form,
  ...families.map(({ name }) => (name === family ? 1 : 0)),
  ...(features.step ?? [])
]

export const scoreBy = (judge: Pick<Judge, "head" | "slope" | "offset">, features: Features): number =>
  judge.slope * scoreOf(judge.head, features) + judge.offset

/** What is expected of a task; `family` where it is known. */
export const predict = (predictor: Predictor, features: Features, known?: string): Prediction => {
  const family = known ?? familyOf(predictor.families, features)
  const inputs = sizeInputs(features, family, predictor.families)
  const estimates = Arr.map(predictor.judges, (judge) => {
    const score = scoreBy(judge, features)
    return {
      provider: judge.provider,
      score,
      quality: sigmoid(score),
      costUsd: Math.exp(inner(inputs, judge.cost)),
      outputTokens: judge.outputTokens === undefined ? undefined : Math.exp(inner(inputs, judge.outputTokens))
    }
  })
  return { family, estimates }
}
