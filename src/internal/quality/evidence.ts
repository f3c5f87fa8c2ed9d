import { inner, logistic, type Sample, sigmoid } from "./linear.js"

/** An answer of a cascade, as far as others can be held against it. */
export interface Said {
  /** The answer in the form in which answers are compared; empty when there is none. */
  readonly answer: string
  /** The score that a model gives the provider for this task. */
  readonly score: number
}

/** A stage of a cascade as it was learned: what so many answers are evidence of. */
export interface Stage {
  /** Weights: that the answer which speaks most for itself is good. */
  readonly accepted: ReadonlyArray<number>
  /** Weights: that the last provider's answer would be good. */
  readonly escalated: ReadonlyArray<number>
}

/** What the answers so far are evidence of. */
export interface Verdict {
  /** The position of the first provider that gave the answer which speaks most for itself. */
  readonly index: number
  /** How likely that answer is good, 0 to 1. */
  readonly quality: number
  /** How likely the answer of the last provider would be better, −1 to 1. */
  readonly gain: number
}

/** The different answers: who gave each first. */
const different = (said: ReadonlyArray<Said>): ReadonlyArray<number> =>
  said.flatMap(({ answer }, index) =>
    answer !== "" && said.findIndex((other) => other.answer === answer) === index ? [index] : []
  )

/** What speaks for and against one of the answers. */
const inputsOf = (said: ReadonlyArray<Said>, index: number, lastScore: number): ReadonlyArray<number> => {
  const claimed = said[index]?.answer
  return [
    1,
    lastScore,
    different(said).length,
    ...said.flatMap(({ answer, score }) =>
      answer === claimed ? [1, score, 0] : [0, 0, answer === "" ? 0 : score]
    )
  ]
}

const sizeOf = (answers: number): number => 3 + 3 * answers

const strongest = (
  accepted: Stage["accepted"],
  said: ReadonlyArray<Said>,
  lastScore: number
): { readonly index: number; readonly score: number } | undefined =>
  different(said).reduce<{ readonly index: number; readonly score: number } | undefined>((best, index) => {
    const score = inner(inputsOf(said, index, lastScore), accepted)
    return best === undefined || score > best.score ? { index, score } : best
  }, undefined)

/** What the answers are evidence of; undefined when none can be compared. */
export const weigh = (stage: Stage, said: ReadonlyArray<Said>, lastScore: number): Verdict | undefined => {
  const best = strongest(stage.accepted, said, lastScore)
  if (best === undefined) return undefined
  const quality = sigmoid(best.score)
  const last = sigmoid(inner(inputsOf(said, best.index, lastScore), stage.escalated))
  return { index: best.index, quality, gain: last - quality }
}

/** What was recorded of a stage. */
export interface Record {
  readonly said: ReadonlyArray<Said & { readonly quality: number }>
  readonly last: { readonly score: number; readonly quality: number }
}

/** Learns what so many answers are evidence of. */
export const learn = (records: ReadonlyArray<Record>): Stage => {
  const size = sizeOf(records[0]?.said.length ?? 0)
  const accepted = logistic(
    records.flatMap(({ last, said }) =>
      different(said).map((index): Sample => ({
        inputs: inputsOf(said, index, last.score),
        target: said[index]?.quality ?? 0
      }))
    ),
    size
  )
  const escalated = logistic(
    records.flatMap(({ last, said }): ReadonlyArray<Sample> => {
      const best = strongest(accepted, said, last.score)
      return best === undefined
        ? []
        : [{ inputs: inputsOf(said, best.index, last.score), target: last.quality }]
    }),
    size
  )
  return { accepted, escalated }
}
