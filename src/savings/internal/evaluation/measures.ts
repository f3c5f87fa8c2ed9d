import * as Option from "effect/Option"
import type { AIProvider } from "../../../AIProvider.js"
import type { Outcome } from "../../Outcomes.js"
import { costOf, qualityOf, sum } from "../recorded.js"
import type { Result } from "./policy.js"

/** A family with fewer tasks than this says nothing of what is kept in it. */
export const fewestOfFamily = 60

/** What a policy came to on some tasks. */
export interface Figures {
  /** The share of the best single provider's quality that was kept. */
  readonly kept: number
  /** The share of that provider's cost that was saved. */
  readonly saved: number
}

/** The totals that figures are made of. */
interface Totals {
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

const byFamily = (results: ReadonlyArray<Result>) =>
  Array.from(new Set(results.map(({ outcome }) => outcome.family))).flatMap((family) => {
    const own = results.filter(({ outcome }) => outcome.family === family)
    return own.length < fewestOfFamily ? [] : [{ family, own }]
  })

/** The share of quality that each family kept that has enough tasks. */
export const families = (
  results: ReadonlyArray<Result>,
  best: AIProvider
): ReadonlyArray<{ readonly family: string } & Figures> =>
  byFamily(results).map(({ family, own }) => ({ family, ...figures(own, best) }))

/** The middle part of what figures may be behind the ones that were seen, for another draw of the tasks. */
export interface Interval {
  readonly kept: readonly [number, number]
  readonly saved: readonly [number, number]
}

/** By how many standard errors an interval reaches to either side. */
export const reaches = { ninety: 1.645, ninetyFive: 1.96 } as const

/** By how much each group moves a ratio of sums; tasks of one group come and go together. */
const influences = (
  totals: ReadonlyArray<Totals & { readonly group: string }>,
  over: (totals: Totals) => number,
  under: (totals: Totals) => number
): ReadonlyMap<string, number> => {
  const all = sum(totals.map(under))
  const ratio = sum(totals.map(over)) / all
  const moved = new Map<string, number>()
  for (const each of totals) {
    moved.set(each.group, (moved.get(each.group) ?? 0) + (over(each) - ratio * under(each)) / all)
  }
  return moved
}

/** The standard error of the mean of ratios over sets that have groups in common. */
const errorOf = (sets: ReadonlyArray<ReadonlyMap<string, number>>): number => {
  const moved = new Map<string, number>()
  for (const set of sets) {
    for (const [group, each] of set) moved.set(group, (moved.get(group) ?? 0) + each / sets.length)
  }
  return Math.sqrt(sum(Array.from(moved.values(), (each) => each * each)))
}

/** The interval around the figures of some results, or around their mean over several sets. */
export const interval = (
  sets: ReadonlyArray<{ readonly results: ReadonlyArray<Result>; readonly best: AIProvider }>,
  reach: number
): Interval => {
  const totals = sets.map(({ best, results }) =>
    results.map((result) => ({ ...totalsOf(result, best), group: result.outcome.group }))
  )
  const around = (
    middle: (figures: Figures) => number,
    over: (totals: Totals) => number,
    under: (totals: Totals) => number
  ): readonly [number, number] => {
    const center = sum(totals.map((set) => middle(figuresOf(set)))) / sets.length
    const error = errorOf(totals.map((set) => influences(set, over, under)))
    return [center - reach * error, center + reach * error]
  }
  return {
    kept: around(
      ({ kept }) => kept,
      ({ quality }) => quality,
      ({ bestQuality }) => bestQuality
    ),
    saved: around(
      ({ saved }) => saved,
      ({ cost }) => cost,
      ({ bestCost }) => bestCost
    )
  }
}

/**
 * Whether results break the promise to keep a share: the 90 % interval of what they kept lies below it, over
 * all or in a family with enough tasks.
 */
export const breaks = (results: ReadonlyArray<Result>, best: AIProvider, keep: number): boolean =>
  [results, ...byFamily(results).map(({ own }) => own)].some(
    (own) => interval([{ results: own, best }], reaches.ninety).kept[1] < keep
  )

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
