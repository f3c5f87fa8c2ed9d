import { PCGRandom } from "effect/Utils"
import { bucketCount, type Features, formSize } from "./features.js"

/** A linear model: a weight for each bucket and each number of the form. */
export interface Head {
  readonly words: Float32Array
  readonly form: Float64Array
}

/**
 * The inner product; what the shorter list lacks counts as 0. Here and below loops read what they index by
 * themselves: a function for it would see arrays of many kinds and be slow for all of them.
 */
export const inner = (left: ReadonlyArray<number>, right: ReadonlyArray<number>): number => {
  let sum = 0
  for (let index = 0; index < left.length; index++) sum += (left[index] ?? 0) * (right[index] ?? 0)
  return sum
}

export const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score))

export const scoreOf = (head: Head, { amounts, buckets, form }: Features): number => {
  let score = 0
  for (let index = 0; index < buckets.length; index++) {
    score += (head.words[buckets[index] ?? 0] ?? 0) * (amounts[index] ?? 0)
  }
  for (let index = 0; index < formSize; index++) score += (head.form[index] ?? 0) * (form[index] ?? 0)
  return score
}

/** Moves a head so that what it says of a task rises, or falls where the step is below 0. */
export const nudge = (head: Head, { amounts, buckets, form }: Features, step: number): void => {
  for (let index = 0; index < buckets.length; index++) {
    const bucket = buckets[index] ?? 0
    head.words[bucket] = (head.words[bucket] ?? 0) + step * (amounts[index] ?? 0)
  }
  for (let index = 0; index < formSize; index++) {
    head.form[index] = (head.form[index] ?? 0) + step * (form[index] ?? 0)
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
  const head: Head = { words: new Float32Array(bucketCount), form: new Float64Array(formSize) }
  const wordSquares = new Float64Array(bucketCount).fill(1e-6)
  const formSquares = new Float64Array(formSize).fill(1e-6)
  const random = new PCGRandom(seed)

  const descend = (
    weights: Float32Array | Float64Array,
    squares: Float64Array,
    index: number,
    slope: number
  ): void => {
    const weight = weights[index] ?? 0
    const gradient = slope + training.penalty * weight
    const square = (squares[index] ?? 0) + gradient * gradient
    squares[index] = square
    weights[index] = weight - (training.rate * gradient) / Math.sqrt(square)
  }

  for (let epoch = 0; epoch < training.epochs; epoch++) {
    for (const { features, target } of shuffled(examples, random)) {
      const { amounts, buckets, form } = features
      const error = sigmoid(scoreOf(head, features)) - target
      for (let index = 0; index < buckets.length; index++) {
        descend(head.words, wordSquares, buckets[index] ?? 0, error * (amounts[index] ?? 0))
      }
      for (let index = 0; index < formSize; index++) {
        descend(head.form, formSquares, index, error * (form[index] ?? 0))
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
      const factor = (below[pivot] ?? 0) / (row[pivot] ?? 0)
      for (let column = pivot; column < row.length; column++) {
        below[column] = (below[column] ?? 0) - factor * (row[column] ?? 0)
      }
      right[pivot + 1 + offset] = (right[pivot + 1 + offset] ?? 0) - factor * (right[pivot] ?? 0)
    }
  }
  const solution = Array.from(right, () => 0)
  for (const [pivot, row] of Array.from(matrix.entries()).toReversed()) {
    solution[pivot] = ((right[pivot] ?? 0) - inner(solution, Array.from(row))) / (row[pivot] ?? 0)
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
      const scaled = weight * (inputs[index] ?? 0)
      if (scaled === 0) continue
      right[index] = (right[index] ?? 0) + scaled * target
      for (let column = 0; column < size; column++) {
        row[column] = (row[column] ?? 0) + scaled * (inputs[column] ?? 0)
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
    const moved = next.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (weights[index] ?? 0))),
      0
    )
    weights = next
    if (moved < 1e-6) break
  }
  return weights
}
