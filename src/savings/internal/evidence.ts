import type { AIProvider } from "../../AIProvider.js"
import { inner, logistic, type Sample, sigmoid } from "./linear.js"

/** An answer of a cascade, as far as others can be held against it. */
export interface Said {
  readonly provider: AIProvider
  /** The answer in the form in which answers are compared; empty when there is none. */
  readonly answer: string
  /** The score that a model gives the provider for this task. */
  readonly score: number
}

/** The evidence of so many answers. */
export interface Weights {
  /** That the answer which speaks most for itself is good. */
  readonly accepted: ReadonlyArray<number>
  /** That the last provider's answer would be better, by how much it would. */
  readonly better: ReadonlyArray<number>
  /** The same for worse. */
  readonly worse: ReadonlyArray<number>
}

/** What the answers so far are evidence of. */
export interface Verdict<S extends Said> {
  /** The answer that speaks most for itself, as its first provider gave it. */
  readonly said: S
  /** How much better the answer of the last provider is expected to be, −1 to 1. */
  readonly gain: number
}

/** The different answers, each as its first provider gave it. */
const different = <S extends Said>(said: ReadonlyArray<S>): ReadonlyArray<S> =>
  said.filter(
    ({ answer }, index) => answer !== "" && said.findIndex((other) => other.answer === answer) === index
  )

/** What speaks for and against one of the answers. */
const inputsOf = (said: ReadonlyArray<Said>, claim: string, lastScore: number): ReadonlyArray<number> => [
  1,
  lastScore,
  different(said).length,
  ...said.flatMap(({ answer, score }) =>
    answer === claim ? [1, score, 0] : [0, 0, answer === "" ? 0 : score]
  )
]

const sizeOf = (answers: number): number => inputsOf([], "", 0).length + 3 * answers

/** The answer that speaks most for itself; undefined when none can be compared. */
const strongest = <S extends Said>(
  accepted: Weights["accepted"],
  said: ReadonlyArray<S>,
  lastScore: number
) =>
  different(said)
    .map((each) => ({ said: each, score: inner(inputsOf(said, each.answer, lastScore), accepted) }))
    .toSorted((left, right) => right.score - left.score)
    .at(0)

/** What the answers are evidence of; undefined when none can be compared. */
export const weigh = <S extends Said>(
  { accepted, better, worse }: Weights,
  said: ReadonlyArray<S>,
  lastScore: number
): Verdict<S> | undefined => {
  const best = strongest(accepted, said, lastScore)
  if (best === undefined) return undefined
  const inputs = inputsOf(said, best.said.answer, lastScore)
  return { said: best.said, gain: sigmoid(inner(inputs, better)) - sigmoid(inner(inputs, worse)) }
}

/** The records of so many answers, and of the last provider's. */
export interface Record {
  readonly said: ReadonlyArray<Said & { readonly quality: number }>
  readonly last: { readonly score: number; readonly quality: number }
}

/** Learns what so many answers are evidence of. */
export const learn = (records: ReadonlyArray<Record>, answers: number): Weights => {
  const accepted = logistic(
    records.flatMap(({ last, said }) =>
      different(said).map(({ answer, quality }): Sample => ({
        inputs: inputsOf(said, answer, last.score),
        target: quality
      }))
    ),
    sizeOf(answers)
  )
  // What one answer betters is learned itself: as the difference of two qualities it would have the errors of both.
  const differences = records.flatMap(({ last, said }) => {
    const best = strongest(accepted, said, last.score)
    return best === undefined
      ? []
      : [
          {
            inputs: inputsOf(said, best.said.answer, last.score),
            gain: last.quality - best.said.quality
          }
        ]
  })
  const towards = (sign: number) =>
    logistic(
      differences.map(({ gain, inputs }): Sample => ({ inputs, target: Math.max(0, sign * gain) })),
      sizeOf(answers)
    )
  return { accepted, better: towards(1), worse: towards(-1) }
}
