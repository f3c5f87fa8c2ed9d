import * as Arr from "effect/Array"
import * as Option from "effect/Option"
import { PCGRandom } from "effect/Utils"
import type { AIProvider } from "../../../AIProvider.js"
import type { Outcome } from "../../Outcomes.js"
import { costOf, qualityOf, sum } from "../recorded.js"
import type { Result } from "./policy.js"

/** A family with fewer tasks than this says nothing of its floor. */
export const fewestOfFamily = 60

/** What a policy came to on some tasks. */
export interface Figures {
  /** The share of the best single provider's quality that was kept. */
  readonly kept: number
  /** The share of that provider's cost that was saved. */
  readonly saved: number
}

/** The totals that figures are made of, so that they can be drawn again. */
export interface Totals {
  readonly quality: number
  readonly cost: number
  readonly bestQuality: number
  readonly bestCost: number
}

const figuresOf = (all: ReadonlyArray<Totals>): Figures => ({
  kept: sum(all.map(({ quality }) => quality)) / sum(all.map(({ bestQuality }) => bestQuality)),
  saved: 1 - sum(all.map(({ cost }) => cost)) / sum(all.map(({ bestCost }) => bestCost))
})

const totalsOf = ({ costUsd, outcome, quality }: Result, best: AIProvider): Totals => ({
  quality,
  cost: costUsd,
  bestQuality: qualityOf(outcome, best),
  bestCost: costOf(outcome, best)
})

export const figures = (results: ReadonlyArray<Result>, best: AIProvider): Figures =>
  figuresOf(results.map((result) => totalsOf(result, best)))

/** The share of quality that each family kept that has enough tasks. */
export const families = (
  results: ReadonlyArray<Result>,
  best: AIProvider
): ReadonlyArray<{ readonly family: string } & Figures> =>
  Array.from(new Set(results.map(({ outcome }) => outcome.family))).flatMap((family) => {
    const own = results.filter(({ outcome }) => outcome.family === family)
    return own.length < fewestOfFamily ? [] : [{ family, ...figures(own, best) }]
  })

/** Tasks of one group come and go together. */
export const groups = (results: ReadonlyArray<Result>, best: AIProvider): ReadonlyArray<Totals> =>
  Object.values(Arr.groupBy(results, ({ outcome }) => outcome.group)).map((group) => {
    const totals = group.map((result) => totalsOf(result, best))
    return {
      quality: sum(totals.map(({ quality }) => quality)),
      cost: sum(totals.map(({ cost }) => cost)),
      bestQuality: sum(totals.map(({ bestQuality }) => bestQuality)),
      bestCost: sum(totals.map(({ bestCost }) => bestCost))
    }
  })

/** The middle 95 % of the figures over tasks drawn again; of several sets, of the mean over them. */
export interface Interval {
  readonly kept: readonly [number, number]
  readonly saved: readonly [number, number]
}

const draws = 400

/** The figures of as many tasks as there are, each drawn from all. */
const drawn = (set: ReadonlyArray<Totals>, random: PCGRandom): Figures => {
  let [quality, cost, bestQuality, bestCost] = [0, 0, 0, 0]
  for (let count = 0; count < set.length; count++) {
    const one = Arr.unsafeGet(set, random.integer(set.length))
    quality += one.quality
    cost += one.cost
    bestQuality += one.bestQuality
    bestCost += one.bestCost
  }
  return { kept: quality / bestQuality, saved: 1 - cost / bestCost }
}

export const bootstrap = (sets: ReadonlyArray<ReadonlyArray<Totals>>, seed: number): Interval => {
  const random = new PCGRandom(seed)
  const means = Array.from({ length: draws }, () => {
    const each = sets.map((set) => drawn(set, random))
    return {
      kept: sum(each.map(({ kept }) => kept)) / sets.length,
      saved: sum(each.map(({ saved }) => saved)) / sets.length
    }
  })
  const between = (numbers: ReadonlyArray<number>): readonly [number, number] => {
    const sorted = numbers.toSorted((left, right) => left - right)
    const at = (share: number): number => Arr.unsafeGet(sorted, Math.round(share * (sorted.length - 1)))
    return [at(0.025), at(0.975)]
  }
  return { kept: between(means.map(({ kept }) => kept)), saved: between(means.map(({ saved }) => saved)) }
}

/** What a strong provider betters over a weak one on a task, and how much that was expected to be. */
export interface Gain {
  readonly expected: number
  readonly actual: number
}

/** How well a router of two knows when to ask the stronger. */
export interface Recovery {
  /** The mean share of the gap that is recovered over all shares of strong calls: 0.5 by chance. */
  readonly apgr: number
  /** The least share of strong calls that recovers half of the gap. */
  readonly cpt50: number
  /** The same for 80 %. */
  readonly cpt80: number
}

/** None where the stronger isn't better on the whole. */
export const recovery = (gains: ReadonlyArray<Gain>): Option.Option<Recovery> => {
  const gap = sum(gains.map(({ actual }) => actual))
  if (gap <= 0) return Option.none()
  const sorted = gains.toSorted((left, right) => right.expected - left.expected)
  let recovered = 0
  let area = 0
  let cpt50 = 1
  let cpt80 = 1
  for (const [index, { actual }] of sorted.entries()) {
    const before = recovered
    recovered += actual / gap
    area += (before + recovered) / 2
    const calls = (index + 1) / sorted.length
    if (recovered >= 0.5) cpt50 = Math.min(cpt50, calls)
    if (recovered >= 0.8) cpt80 = Math.min(cpt80, calls)
  }
  return Option.some({ apgr: area / sorted.length, cpt50, cpt80 })
}

interface Upgrade {
  readonly quality: number
  readonly cost: number
}

/** By which better answers cost least: the steps of a task from its cheapest provider to its best. */
const upgradesOf = (outcome: Outcome): { readonly from: Upgrade; readonly steps: ReadonlyArray<Upgrade> } => {
  const offers = Object.values(outcome.outcomes).map(({ costUsd, quality }) => ({ quality, cost: costUsd }))
  const cheapest = offers.reduce((best, next) =>
    next.cost < best.cost || (next.cost === best.cost && next.quality > best.quality) ? next : best
  )
  const steps: Array<Upgrade> = []
  let at = cheapest
  for (;;) {
    const rate = (next: Upgrade) => (next.quality - at.quality) / Math.max(next.cost - at.cost, 1e-15)
    const better = offers.filter(({ quality }) => quality > at.quality)
    const [first, ...rest] = better
    if (first === undefined) return { from: cheapest, steps }
    const next = rest.reduce((best, offer) => (rate(offer) > rate(best) ? offer : best), first)
    steps.push({ quality: next.quality - at.quality, cost: next.cost - at.cost })
    at = next
  }
}

/**
 * The least cost of any choice that keeps a quality, by an oracle that knows every answer and may split a
 * task: no policy does better. What all together can't reach is bounded by what they can.
 */
export const oracle = (outcomes: ReadonlyArray<Outcome>, best: AIProvider): ((keep: number) => Figures) => {
  const tasks = outcomes.map(upgradesOf)
  const bestQuality = sum(outcomes.map((outcome) => qualityOf(outcome, best)))
  const bestCost = sum(outcomes.map((outcome) => costOf(outcome, best)))
  const startQuality = sum(tasks.map(({ from }) => from.quality))
  const startCost = sum(tasks.map(({ from }) => from.cost))
  const steps = tasks
    .flatMap((task) => task.steps)
    .toSorted((left, right) => right.quality / right.cost - left.quality / left.cost)
  return (keep) => {
    let quality = startQuality
    let cost = startCost
    for (const step of steps) {
      const missing = keep * bestQuality - quality
      if (missing <= 0) break
      const part = Math.min(1, missing / step.quality)
      quality += part * step.quality
      cost += part * step.cost
    }
    return { kept: quality / bestQuality, saved: 1 - cost / bestCost }
  }
}
