/**
 * Measures what routing saves on recorded outcomes, and what it costs in quality: policies are fitted on one
 * part of the outcomes and measured on another, twenty times over.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { AIProvider } from "../AIProvider.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { type Outcome, providers, salts, split } from "./Outcomes.js"
import type { Model } from "./QualityModel.js"
import { complete, mean, meanCost, meanQuality, qualityOf, sum } from "./internal/recorded.js"
import { type Seen, seen } from "./internal/train.js"
import * as measures from "./internal/evaluation/measures.js"
import { all } from "./internal/evaluation/policies.js"
import { type Fitted, type Known, know, play, type Policy } from "./internal/evaluation/policy.js"

export { salts } from "./Outcomes.js"

/**
 * The shares of the best single provider's quality that are asked for.
 *
 * @since 0.1.0
 * @category defaults
 */
export const keeps = [0.98, 0.99, 1] as const

/** One test part of the outcomes, and a policy's figures on it. */
interface Trial extends measures.Figures {
  readonly families: ReadonlyArray<{ readonly family: string } & measures.Figures>
}

/**
 * A number over the splits.
 *
 * @since 0.1.0
 * @category models
 */
export interface Spread {
  readonly mean: number
  readonly deviation: number
}

/**
 * What a policy came to that was asked to keep a share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly policy: string
  readonly keep: number
  readonly saved: Spread
  readonly kept: Spread
  /** 95 % of what the means over the splits may be for another draw of the tasks. */
  readonly interval: measures.Interval
  /** The least share of quality that a family kept on average; undefined where families are too small. */
  readonly worst: { readonly family: string; readonly kept: number } | undefined
  /**
   * In how many splits the promise was broken: the 90 % interval of what was kept on the test part lies below
   * what was asked, on the whole or in a family with 60 tests at least.
   */
  readonly broken: number
  /** In how many splits families were left to the best provider, and why. */
  readonly withheld: ReadonlyArray<{
    readonly families: string
    /** Splits in which more outcomes were needed to promise anything. */
    readonly tooFew: number
    /** Splits in which the share wasn't shown to be kept. */
    readonly notShown: number
  }>
}

/**
 * A point of a picture: mean cost and quality of a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Point {
  readonly costUsd: number
  readonly quality: number
}

/**
 * The measures on some outcomes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly tasks: number
  readonly tested: number
  readonly splits: number
  /** The best single provider, in what policies may see of the first split; undefined without outcomes. */
  readonly best: AIProvider | undefined
  readonly rows: ReadonlyArray<Row>
  readonly oracle: ReadonlyArray<{ readonly keep: number; readonly saved: Spread; readonly kept: Spread }>
  /** For two providers: how well the prediction knows when to ask the stronger, over all and by family. */
  readonly recovery: ReadonlyArray<{
    readonly within: string
    readonly apgr: Spread
    readonly cpt50: Spread
    readonly cpt80: Spread
  }>
  /** Of the first split. */
  readonly curves: ReadonlyArray<{ readonly name: string; readonly points: ReadonlyArray<Point> }>
}

const spread = (numbers: ReadonlyArray<number>): Spread => {
  const middle = mean(numbers)
  const squares = sum(numbers.map((n) => (n - middle) ** 2))
  return { mean: middle, deviation: Math.sqrt(squares / Math.max(1, numbers.length - 1)) }
}

const worstOf = (trials: ReadonlyArray<Trial>): Row["worst"] => {
  const names = Array.from(new Set(trials.flatMap(({ families }) => families.map(({ family }) => family))))
  return names
    .map((family) => {
      const own = trials.flatMap((trial) => trial.families.filter((each) => each.family === family))
      return { family, kept: mean(own.map(({ kept }) => kept)) }
    })
    .toSorted((left, right) => left.kept - right.kept)
    .at(0)
}

const withheldOf = ({ each }: Fit, keep: number): Row["withheld"] => {
  const withheld = each.flatMap(({ fitted }) =>
    (fitted.guarantee?.(keep).parts ?? []).filter(({ verdict }) => verdict._tag !== "Kept")
  )
  return Object.entries(Arr.groupBy(withheld, ({ families }) => families.join(", "))).map(
    ([families, parts]) => {
      const tooFew = parts.filter(({ verdict }) => verdict._tag === "TooFew").length
      return { families, tooFew, notShown: parts.length - tooFew }
    }
  )
}

const points = ({ fitted, tested }: Fit["each"][number]): ReadonlyArray<Point> =>
  fitted.curve.map((decide) => {
    const results = play(decide, tested)
    return {
      costUsd: mean(results.map(({ costUsd }) => costUsd)),
      quality: mean(results.map(({ quality }) => quality))
    }
  })

const oracleCurve = ({ known: { best }, tested }: Split): ReadonlyArray<Point> => {
  const outcomes = tested.map(({ outcome }) => outcome)
  const bound = measures.oracle(outcomes, best)
  return Array.from({ length: 41 }, (_, step) => bound(step / 20)).map(({ kept, saved }) => ({
    costUsd: (1 - saved) * meanCost(outcomes, best),
    quality: kept * meanQuality(outcomes, best)
  }))
}

/**
 * Fits policies on two parts of each split and measures them on the third.
 *
 * @since 0.1.0
 * @category constructors
 */
export const evaluate = (
  outcomes: ReadonlyArray<Outcome>,
  options: {
    readonly salts?: ReadonlyArray<string> | undefined
    readonly policies?: ReadonlyArray<Policy> | undefined
    readonly model?: Model | undefined
    /** How sure policies must be that an asked share is kept; 0.9 when absent. A model has its own. */
    readonly confidence?: number | undefined
  } = {}
): Either.Either<Report, InvalidArgumentError> => {
  // The answers of providers that weren't asked are unknown.
  const rows = complete(outcomes, providers(outcomes))
  const policies = options.policies ?? all(rows, options.confidence ?? 0.9, options.model)
  return Either.gen(function* () {
    const splits: Array<Split> = []
    for (const salt of options.salts ?? salts) {
      const { test, ...parts } = split(rows, salt)
      splits.push({ tested: test.map(seen), known: yield* know(parts) })
    }
    const fitted: Array<Fit> = []
    for (const { fit, name } of policies) {
      const each: Array<Fit["each"][number]> = []
      for (const { known, tested } of splits)
        each.push({ fitted: yield* fit(known), best: known.best, tested })
      fitted.push({ name, each })
    }
    return report(rows, splits, fitted)
  })
}

/** What policies may know of a split, and what they are measured by. */
interface Split {
  readonly known: Known
  readonly tested: ReadonlyArray<Seen>
}

/** What a policy learned of each split. */
interface Fit {
  readonly name: string
  readonly each: ReadonlyArray<{
    readonly fitted: Fitted
    /** The best single provider, by what policies may see. */
    readonly best: AIProvider
    readonly tested: ReadonlyArray<Seen>
  }>
}

const rowOf = (fit: Fit, keep: number): Row => {
  const { each, name } = fit
  const played = each.map(({ best, fitted, tested }) => ({ best, results: play(fitted.at(keep), tested) }))
  const trials = played.map(({ best, results }): Trial => ({
    ...measures.figures(results, best),
    families: measures.families(results, best)
  }))
  return {
    policy: name,
    keep,
    saved: spread(trials.map(({ saved }) => saved)),
    kept: spread(trials.map(({ kept }) => kept)),
    interval: measures.interval(played, measures.reaches.ninetyFive),
    worst: worstOf(trials),
    broken: played.filter(({ best, results }) => measures.breaks(results, best, keep)).length,
    withheld: withheldOf(fit, keep)
  }
}

/** How well a policy of two providers knows when to ask the stronger, within a family or over all. */
const recoveryOf = ({ each }: Fit, family: string | undefined): Report["recovery"] => {
  const recovered = each.flatMap(({ best, fitted: { gain }, tested }) => {
    const own = tested.filter(({ outcome }) => family === undefined || outcome.family === family)
    const pair = providers(tested.map(({ outcome }) => outcome))
    const weaker = pair.find((provider) => provider !== best)
    if (pair.length !== 2 || weaker === undefined || gain === undefined) return []
    const gains = own.map(({ features, outcome }) => ({
      expected: gain(features, best, weaker),
      actual: qualityOf(outcome, best) - qualityOf(outcome, weaker)
    }))
    return Option.toArray(measures.recovery(gains))
  })
  return recovered.length === 0
    ? []
    : [
        {
          within: family ?? "all",
          apgr: spread(recovered.map(({ apgr }) => apgr)),
          cpt50: spread(recovered.map(({ cpt50 }) => cpt50)),
          cpt80: spread(recovered.map(({ cpt80 }) => cpt80))
        }
      ]
}

const report = (
  rows: ReadonlyArray<Outcome>,
  splits: ReadonlyArray<Split>,
  fitted: ReadonlyArray<Fit>
): Report => {
  const bounds = keeps.map((keep) => {
    const each = splits.map(({ known, tested }) =>
      measures.oracle(
        tested.map(({ outcome }) => outcome),
        known.best
      )(keep)
    )
    return { keep, saved: spread(each.map(({ saved }) => saved)), kept: spread(each.map(({ kept }) => kept)) }
  })
  const families = Array.from(new Set(rows.map(({ family }) => family))).toSorted()
  const [first] = splits
  return {
    tasks: rows.length,
    tested: sum(splits.map(({ tested }) => tested.length)),
    splits: splits.length,
    best: first?.known.best,
    rows: keeps.flatMap((keep) => fitted.map((fit) => rowOf(fit, keep))),
    oracle: bounds,
    recovery: [undefined, ...families].flatMap((family) => fitted.flatMap((fit) => recoveryOf(fit, family))),
    curves: [
      ...fitted.map(({ each, name }) => ({ name, points: each.slice(0, 1).flatMap(points) })),
      { name: "oracle", points: splits.slice(0, 1).flatMap(oracleCurve) }
    ]
  }
}
