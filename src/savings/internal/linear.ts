import { PCGRandom } from "effect/Utils"
import { bucketCount, type Features, formSize } from "./features.js"
import { names } from "./steps.js"

const stepSize = names.length

/** A number of a list; there is one at every index that is asked for. */
const at = (list: ArrayLike<number>, index: number): number => list[index] ?? 0

/** A linear model: a weight for each bucket, each number of the form, and each of a step. */
export interface Head {
  readonly words: Float32Array
  readonly form: Float64Array
  /** All 0 where no outcome was of a step. */
  readonly step: Float64Array
}

/** A head that has learned nothing. */
export const blank = (): Head => ({
  words: new Float32Array(bucketCount),
  form: new Float64Array(formSize),
  step: new Float64Array(stepSize)
})

/**
 * The inner product; what the shorter list lacks counts as 0. Here and below loops read what they index by
 * themselves: a function for it would see arrays of many kinds and be slow for all of them.
 */
export const inner = (left: ReadonlyArray<number>, right: ReadonlyArray<number>): number => {
  let sum = 0
  for (let index = 0; index < left.length; index++) sum += at(left, index) * at(right, index)
  return sum
}

export const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score))

export const scoreOf = (head: Head, { amounts, buckets, form, step }: Features): number => {
  let score = 0
  for (let index = 0; index < buckets.length; index++) {
    score += at(head.words, at(buckets, index)) * at(amounts, index)
  }
  for (let index = 0; index < formSize; index++) score += at(head.form, index) * at(form, index)
  if (step === undefined) return score
  for (let index = 0; index < stepSize; index++) score += at(head.step, index) * at(step, index)
  return score
}

/** Moves a head so that what it says of a task rises, or falls where the size is below 0. */
export const nudge = (head: Head, { amounts, buckets, form, step }: Features, size: number): void => {
  for (let index = 0; index < buckets.length; index++) {
    const bucket = at(buckets, index)
    head.words[bucket] = at(head.words, bucket) + size * at(amounts, index)
  }
  for (let index = 0; index < formSize; index++) {
    head.form[index] = at(head.form, index) + size * at(form, index)
  }
  if (step === undefined) return
  for (let index = 0; index < stepSize; index++) {
    head.step[index] = at(head.step, index) + size * at(step, index)
  }
}

/** An example to learn from: its features, and its outcome from 0 to 1. */
export interface Example {
  readonly features: Features
  readonly target: number
}

/** How a head is trained; chosen by cross-validation within a training part. */
export const training = { epochs: 3, rate: 0.05, penalty: 1e-4 } as const

/**
 * Trains a head by AdaGrad on the logistic loss with an L2 penalty on what an example shows. The same
 * examples and seed give the same head.
 */
export const fit = (examples: ReadonlyArray<Example>, seed: number): Head => {
  const head = blank()
  const wordSquares = new Float64Array(bucketCount).fill(1e-6)
  const formSquares = new Float64Array(formSize).fill(1e-6)
  const stepSquares = new Float64Array(stepSize).fill(1e-6)
  const random = new PCGRandom(seed)

  const descend = (
    weights: Float32Array | Float64Array,
    squares: Float64Array,
    index: number,
    slope: number
  ): void => {
    const weight = at(weights, index)
    const gradient = slope + training.penalty * weight
    const square = at(squares, index) + gradient * gradient
    squares[index] = square
    weights[index] = weight - (training.rate * gradient) / Math.sqrt(square)
  }

  for (let epoch = 0; epoch < training.epochs; epoch++) {
    for (const { features, target } of shuffled(examples, random)) {
      const { amounts, buckets, form, step } = features
      const error = sigmoid(scoreOf(head, features)) - target
      for (let index = 0; index < buckets.length; index++) {
        descend(head.words, wordSquares, at(buckets, index), error * at(amounts, index))
      }
      for (let index = 0; index < formSize; index++) {
        descend(head.form, formSquares, index, error * at(form, index))
      }
      if (step === undefined) continue
      for (let index = 0; index < stepSize; index++) {
        descend(head.step, stepSquares, index, error * at(step, index))
      }
    }
  }
  return head
}

/** A list in an order by chance. */
export const shuffled = <A>(list: ReadonlyArray<A>, random: PCGRandom): ReadonlyArray<A> =>
  list
    .map((value) => ({ value, key: random.number() }))
    .toSorted((left, right) => left.key - right.key)
    .map(({ value }) => value)

/** Solves the linear equations of a symmetric, positive definite matrix; its arguments are used up. */
const solve = (matrix: ReadonlyArray<Float64Array>, right: Float64Array): Array<number> => {
  for (const [pivot, row] of matrix.entries()) {
    for (const [offset, below] of matrix.slice(pivot + 1).entries()) {
      const factor = at(below, pivot) / at(row, pivot)
      for (let column = pivot; column < row.length; column++) {
        below[column] = at(below, column) - factor * at(row, column)
      }
      right[pivot + 1 + offset] = at(right, pivot + 1 + offset) - factor * at(right, pivot)
    }
  }
  const solution = Array.from(right, () => 0)
  for (const [pivot, row] of Array.from(matrix.entries()).toReversed()) {
    solution[pivot] = (at(right, pivot) - inner(solution, Array.from(row))) / at(row, pivot)
  }
  return solution
}

/** What a few numbers say of another. */
export interface Sample {
  readonly inputs: ReadonlyArray<number>
  readonly target: number
}

/** The normal equations of samples with other targets and weights, and a penalty on what is sought. */
const equations = (
  samples: ReadonlyArray<Sample>,
  size: number,
  penalty: number,
  aimOf: (sample: Sample) => { readonly target: number; readonly weight: number }
): { readonly matrix: ReadonlyArray<Float64Array>; readonly right: Float64Array } => {
  const matrix = Array.from({ length: size }, (_, index) => {
    const row = new Float64Array(size)
    row[index] = penalty
    return row
  })
  const right = new Float64Array(size)
  for (const sample of samples) {
    const { inputs } = sample
    const { target, weight } = aimOf(sample)
    for (const [index, row] of matrix.entries()) {
      const scaled = weight * at(inputs, index)
      if (scaled === 0) continue
      right[index] = at(right, index) + scaled * target
      for (let column = 0; column < size; column++) {
        row[column] = at(row, column) + scaled * at(inputs, column)
      }
    }
  }
  return { matrix, right }
}

/** Least squares with a penalty on the weights. */
export const leastSquares = (samples: ReadonlyArray<Sample>, size: number, penalty = 1): Array<number> => {
  const { matrix, right } = equations(samples, size, penalty, ({ target }) => ({ target, weight: 1 }))
  return solve(matrix, right)
}

/** Logistic regression of a few numbers, by Newton's steps, with a penalty on the weights. */
export const logistic = (samples: ReadonlyArray<Sample>, size: number, penalty = 1): Array<number> => {
  let weights = Array.from({ length: size }, () => 0)
  for (let step = 0; step < 20; step++) {
    const { matrix, right } = equations(samples, size, penalty, ({ inputs, target }) => {
      const score = inner(inputs, weights)
      const chance = sigmoid(score)
      const weight = Math.max(chance * (1 - chance), 1e-4)
      return { weight, target: score + (target - chance) / weight }
    })
    const next = solve(matrix, right)
    const moved = next.reduce((most, value, index) => Math.max(most, Math.abs(value - at(weights, index))), 0)
    weights = next
    if (moved < 1e-6) break
  }
  return weights
}
