/**
 * A routing that weighs quality against cost has one number: the quality that a dollar is worth. The more
 * it is, the more is saved. Here it is found how much that may be.
 */

import { mean, sum } from "./recorded.js"

/** How much a dollar may be worth. */
export interface Thresholds {
  /** By rising worth: the share of the best provider's quality that at least was kept. */
  readonly kept: ReadonlyArray<{ readonly worth: number; readonly share: number }>
  /** The most that a dollar may be worth in a family, so that its floor holds. */
  readonly floors: Readonly<Record<string, number>>
}

/** What is known of a task that was held back. */
export interface Trial {
  readonly family: string
  /** The quality of the provider that is the best of all on the whole. */
  readonly best: number
  /** The quality that routing leads to. */
  readonly quality: (worth: number) => number
}

/** The share of the best provider's quality that every family keeps. */
export const floor = 0.95

/** A family is held to its floor from so many trials on: fewer say nothing. */
const fewest = 30

/**
 * By how many standard errors less than the seen quality is believed to be kept: on the whole, and of a family,
 * where a floor that breaks is worse than a dollar.
 */
const caution = { whole: 0.5, family: 1 } as const

const steps = 120

/** The standard error of the sum of the differences. */
const errorOf = (differences: ReadonlyArray<number>): number => {
  const middle = mean(differences)
  return Math.sqrt(sum(differences.map((difference) => (difference - middle) ** 2)))
}

const shareOf = (
  trials: ReadonlyArray<Trial>,
  worthOf: (family: string) => number,
  errors: number
): number => {
  const best = sum(trials.map((trial) => trial.best))
  const differences = trials.map((trial) => trial.quality(worthOf(trial.family)) - trial.best)
  return best === 0 ? 1 : (best + sum(differences) - errors * errorOf(differences)) / best
}

/** Worths from nothing to where everything is given for the least cost; `meanCost` gives their scale. */
const worthsOf = (meanCost: number): ReadonlyArray<number> =>
  Array.from({ length: steps + 1 }, (_, step) =>
    step === 0 ? 0 : 10 ** (-3 + (6 * step) / steps) / Math.max(meanCost, 1e-12)
  )

/**
 * Finds the thresholds by trials. A share counts only if every smaller worth keeps as much: one lucky
 * worth between two that keep less is none.
 */
export const find = (trials: ReadonlyArray<Trial>, meanCost: number): Thresholds => {
  const worths = worthsOf(meanCost)
  const floors: Record<string, number> = {}
  for (const family of new Set(trials.map((trial) => trial.family))) {
    const own = trials.filter((trial) => trial.family === family)
    if (own.length < fewest) continue
    const broken = worths.findIndex((worth) => shareOf(own, () => worth, caution.family) < floor)
    if (broken !== -1) floors[family] = worths[broken - 1] ?? 0
  }
  let least = Number.POSITIVE_INFINITY
  const kept = worths.map((worth) => {
    least = Math.min(
      least,
      shareOf(trials, (family) => Math.min(worth, floors[family] ?? Number.POSITIVE_INFINITY), caution.whole)
    )
    return { worth, share: least }
  })
  return { kept, floors }
}

/** The most that a dollar may be worth for a task of a family; undefined when nothing may be traded. */
export const worthOf = ({ floors, kept }: Thresholds, keep: number, family: string): number | undefined => {
  const most = kept.findLast(({ share }) => share >= keep)
  return most === undefined ? undefined : Math.min(most.worth, floors[family] ?? Number.POSITIVE_INFINITY)
}
