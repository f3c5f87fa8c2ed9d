import * as Arr from "effect/Array"
import type { AIProvider } from "../../AIProvider.js"
import { hash } from "../../internal/hash.js"
import { predict, type Prediction, type Predictor } from "./predictor.js"
import { headOf, type Heads, type Seen, trainHeads, trainPredictor } from "./train.js"

/** Outcomes are dealt by group into so many parts. */
const folds = 4

/** What was learned of some outcomes. */
export interface Fit {
  readonly predictor: Predictor
  /**
   * These outcomes with what is expected of them by heads that weren't trained on them: what is learned of
   * scores must not believe those that a head has by heart.
   */
  readonly unseen: ReadonlyArray<Seen & Prediction>
}

/** What was learned of all outcomes but a fold's, and that fold: it has no part in anything beside it. */
export interface Fold {
  readonly fit: Fit
  readonly held: ReadonlyArray<Seen>
}

/** What was learned of all outcomes, and to test what such learning is worth, of all but each fold. */
export interface CrossFit {
  readonly whole: Fit
  readonly folds: ReadonlyArray<Fold>
}

type Part = Arr.NonEmptyReadonlyArray<Seen>

/** Learns of outcomes; undefined where they are of too few groups for three folds. */
export const crossFit = (
  rows: ReadonlyArray<Seen>,
  providers: Arr.NonEmptyReadonlyArray<AIProvider>,
  seed: number
): CrossFit | undefined => {
  const parts: ReadonlyArray<Part> = Object.values(
    Arr.groupBy(rows, ({ outcome }) => String(hash(`${seed}/${outcome.group}`) % folds))
  )
  const [first, second, ...more] = parts
  if (first === undefined || second === undefined || more.length === 0) return undefined

  const known = new Map<string, Heads>()
  /** Heads of some parts. Those that lack two of all serve two fits. */
  const headsOf = (own: ReadonlyArray<Part>): Heads => {
    const key = own.map((part) => parts.indexOf(part)).join()
    const heads = known.get(key) ?? trainHeads(own.flat(), providers, seed)
    known.set(key, heads)
    return heads
  }

  const fit = (own: Arr.NonEmptyReadonlyArray<Part>): Fit => {
    const rows = Arr.flatten(own)
    const heads = headsOf(own)
    const unseenBy = new Map(
      own.flatMap((part) => {
        const others = headsOf(own.filter((other) => other !== part))
        return part.map((row) => [row, others] as const)
      })
    )
    const headsFor = (row: Seen): Heads => unseenBy.get(row) ?? heads
    const predictor = trainPredictor(rows, providers, { heads, headsFor, seed })
    const unseen = rows.map((row) => {
      const judges = Arr.map(predictor.judges, (judge) => ({
        ...judge,
        head: headOf(headsFor(row), judge.provider)
      }))
      return { ...row, ...predict({ ...predictor, judges }, row.features, row.outcome.family) }
    })
    return { predictor, unseen }
  }

  const others = (held: Part): Arr.NonEmptyReadonlyArray<Part> =>
    held === first ? [second, ...more] : [first, ...[second, ...more].filter((part) => part !== held)]
  return {
    whole: fit([first, second, ...more]),
    folds: parts.map((held) => ({ fit: fit(others(held)), held }))
  }
}
