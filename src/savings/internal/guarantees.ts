/**
 * A routing that weighs quality against cost has one number: the quality that a dollar is worth. The more it
 * is, the more is saved. Here it is chosen how much that may be, so that a share of the best provider's
 * quality is kept with a stated confidence.
 *
 * It is done by learning then testing (Angelopoulos et al. 2021): every worth is a hypothesis, "with it less
 * than the share is kept", and worths are tested by rising worth until the first that can't be rejected. A
 * fixed sequence needs no correction for its length. Tested are outcomes that the routing didn't learn of, one
 * of each group, because prompts that repeat each other say the same.
 *
 * Of several families each has a threshold, and so a sequence, of its own. Each of them may err, and one that
 * errs breaks the promise: their chances add up, and each sequence has its part of what the confidence leaves
 * (Bonferroni; Holm's step-down adds nothing, because sequences end at a hypothesis that stands). An
 * intersection–union test (Berger 1982) would need no correction, but is one decision about all families at
 * once: its single sequence ends with the first family that can't be shown to keep the share. What is kept in
 * each family is kept on the whole, by that very argument, without a test.
 */
import { hash } from "../../internal/hash.js"
import * as numbers from "../../internal/numbers.js"
import { mean, sum } from "./recorded.js"
import { type Pair, pairedPValue, pValueOf } from "./bounds.js"

/** How sure a promise is. */
export const Confidence = numbers.number("a confidence (a number from 0 to below 1)", (n) => n >= 0 && n < 1)

/** Where a share is kept: in each family, or on the whole alone. */
export type Scope = "families" | "whole"

/** What was shown of the worths of a dollar on some held-back tasks. */
export interface Sequence {
  /** Independent tasks. */
  readonly tasks: number
  /** The mean quality of the best provider on them; 1 of none. */
  readonly quality: number
  /** By rising worth, as far as it saves anything: the share that is shown to be kept by it and all smaller ones. */
  readonly shown: ReadonlyArray<{ readonly worth: number; readonly share: number }>
}

/** What was shown of a routing. */
export interface Shown {
  readonly confidence: number
  readonly whole: Sequence
  /** Families with enough tasks stand alone; the others are one part together. */
  readonly families: ReadonlyArray<Sequence & { readonly names: ReadonlyArray<string> }>
}

/** What came of a task. */
export interface Played {
  readonly quality: number
  readonly costUsd: number
}

/** What is known of a task that was held back. */
export interface Trial {
  /** The family that the task was taken for. */
  readonly family: string
  readonly group: string
  /** The provider that is the best of all on the whole. */
  readonly best: Played
  /** What routing leads to. */
  readonly routed: (worth: number) => Played
}

/** A family has a sequence of its own from so many tasks on: fewer can't show 98 % of anything. */
const fewest = 100

/**
 * The shares that are tested. Who asks for one between them has the next. Each is tested by itself: the p-value of a
 * higher share may be the lower one, where few answers differ.
 */
const shares = [
  0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99, 0.995, 1
] as const

/** Worths from nothing to where everything is given for the least cost; `meanCost` gives their scale. */
export const worths = (meanCost: number): ReadonlyArray<number> =>
  Array.from({ length: 61 }, (_, step) =>
    step === 0 ? 0 : 10 ** (-3 + step / 12) / Math.max(meanCost, 1e-12)
  )

/** One task of each group, in an order that nothing was chosen by. */
const independent = (trials: ReadonlyArray<Trial>): ReadonlyArray<Trial> =>
  Array.from(new Map(trials.map((trial) => [trial.group, trial])).values())
    .map((trial) => ({ trial, at: hash(trial.group) }))
    .toSorted((left, right) => left.at - right.at)
    .map(({ trial }) => trial)

/** The highest share up to one that passes with all below it; undefined when the least doesn't. */
const highest = (most: number, passes: (share: number) => boolean): number | undefined => {
  const failing = shares.findIndex((share) => share > most || !passes(share))
  return failing === -1 ? shares.at(-1) : shares[failing - 1]
}

/** What of the error that the confidence leaves is each sequence's. */
const levelOf = (confidence: number, sequences: number): number => (1 - confidence) / Math.max(1, sequences)

const sequence = (
  trials: ReadonlyArray<Trial>,
  tried: ReadonlyArray<number>,
  confidence: number,
  sequences = 1
): Sequence => {
  const level = levelOf(confidence, sequences)
  const shown: Array<Sequence["shown"][number]> = []
  let most = 1
  for (const worth of tried) {
    const played = trials.map(({ best, routed }) => ({ best, routed: routed(worth) }))
    const pValue = pValueOf(
      played.map(({ best, routed }): Pair => ({ best: best.quality, quality: routed.quality })),
      1 - confidence
    )
    const share = highest(most, (each) => pValue(each, level) <= level)
    if (share === undefined) break
    most = share
    // What only asks more providers, or dearer ones, isn't worth a trade.
    if (sum(played.map(({ best, routed }) => best.costUsd - routed.costUsd)) <= 0) continue
    // Of worths that are shown to keep the same the highest counts.
    if (shown.at(-1)?.share === share) shown.pop()
    shown.push({ worth, share })
  }
  const quality = trials.length === 0 ? 1 : mean(trials.map(({ best }) => best.quality))
  return { tasks: trials.length, quality, shown }
}

/** Tests what worths of a dollar keep on the whole. */
export const showWhole = (
  trials: ReadonlyArray<Trial>,
  tried: ReadonlyArray<number>,
  confidence: number
): Sequence => sequence(independent(trials), tried, confidence)

/** Tests on the whole and in the families what worths of a dollar keep. */
export const show = (
  trials: ReadonlyArray<Trial>,
  tried: ReadonlyArray<number>,
  confidence: number
): Shown => {
  const all = independent(trials)
  const names = Array.from(new Set(trials.map(({ family }) => family))).toSorted()
  const of = (some: ReadonlyArray<string>) => all.filter(({ family }) => some.includes(family))
  const small = names.filter((name) => of([name]).length < fewest)
  const parts = [
    ...names.filter((name) => !small.includes(name)).map((name) => [name]),
    ...(small.length === 0 ? [] : [small])
  ]
  return {
    confidence,
    whole: sequence(all, tried, confidence),
    families: parts.map((part) => ({
      names: part,
      ...sequence(of(part), tried, confidence, parts.length)
    }))
  }
}

/** The most that a dollar may be worth; undefined when nothing may be traded. */
export const mostIn = ({ shown }: Sequence, keep: number): number | undefined =>
  shown.findLast(({ share }) => share >= keep)?.worth

/** The most that a dollar may be worth for a task of a family; undefined when nothing may be traded. */
export const worthOf = (
  { families, whole }: Shown,
  keep: number,
  family: string,
  scope: Scope
): number | undefined => {
  const own = scope === "whole" ? whole : families.find(({ names }) => names.includes(family))
  return own === undefined ? undefined : mostIn(own, keep)
}

/** What is promised of a part of the tasks. */
export type Verdict =
  /** The share is kept while a dollar is worth so much quality. */
  | { readonly _tag: "Kept"; readonly worth: number }
  /** The best provider answers: even without a single loss so many tasks were needed to show the share. */
  | { readonly _tag: "TooFew"; readonly needed: number }
  /** The best provider answers: what saves was shown to keep no more than `share`; 0 when nothing was. */
  | { readonly _tag: "NotShown"; readonly share: number }

/** What is promised. */
export interface Guarantee {
  readonly keep: number
  readonly confidence: number
  readonly scope: Scope
  /** The families that are judged together, the tasks they are judged by, and what is promised of them. */
  readonly parts: ReadonlyArray<{
    readonly families: ReadonlyArray<string>
    readonly tasks: number
    readonly verdict: Verdict
  }>
}

/** More tasks than this are never asked for. */
const mostNeeded = 2 ** 20

/** The fewest tasks that show a share to be kept when not one is lost. */
const neededFor = (quality: number, keep: number, confidence: number, sequences: number): number => {
  const level = levelOf(confidence, sequences)
  const enough = (tasks: number): boolean =>
    pairedPValue({ tasks, good: Math.round(tasks * quality), helps: 0, harms: 0 }, 1 - confidence)(keep) <=
    level
  let [low, high] = [0, 1]
  while (high < mostNeeded && !enough(high)) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return high
}

const verdictOf = (own: Sequence, keep: number, confidence: number, sequences: number): Verdict => {
  const worth = mostIn(own, keep)
  if (worth !== undefined) return { _tag: "Kept", worth }
  const needed = neededFor(own.quality, keep, confidence, sequences)
  return own.tasks < needed && needed < mostNeeded
    ? { _tag: "TooFew", needed }
    : { _tag: "NotShown", share: own.shown[0]?.share ?? 0 }
}

/** What is promised when a share is asked for. */
export const guaranteeOf = (
  { confidence, families, whole }: Shown,
  keep: number,
  scope: Scope
): Guarantee => {
  const parts = scope === "whole" ? [{ names: families.flatMap(({ names }) => names), ...whole }] : families
  return {
    keep,
    confidence,
    scope,
    parts: parts.map(({ names, ...own }) => ({
      families: names,
      tasks: own.tasks,
      verdict: verdictOf(own, keep, confidence, parts.length)
    }))
  }
}
