import * as Either from "effect/Either"
import type { AIProvider } from "../../AIProvider.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import { type Outcome, providers, split } from "../../Outcomes.js"
import type { Model } from "../../QualityModel.js"
import { complete, mean, meanCost, meanQuality, qualityOf, sum } from "../quality/recorded.js"
import { type Seen, seen } from "../quality/train.js"
import * as measures from "./measures.js"
import { all } from "./policies.js"
import { type Fitted, know, play, type Policy } from "./policy.js"

/** The salts of the splits: fixed, so that figures can be compared. */
export const salts = ["s0", "s1", "s2", "s3", "s4"] as const

/** The shares of the best single provider's quality that are asked for. */
export const keeps = [0.98, 0.99, 1] as const

/** One test part of the outcomes, and a policy's figures on it. */
interface Trial extends measures.Figures {
  readonly families: ReadonlyArray<{ readonly family: string } & measures.Figures>
}

/** A number over the splits. */
export interface Spread {
  readonly mean: number
  readonly deviation: number
}

/** What a policy came to that was asked to keep a share. */
export interface Row {
  readonly policy: string
  readonly keep: number
  readonly saved: Spread
  readonly kept: Spread
  readonly interval: measures.Interval
  /** The least share of quality that a family kept on average, and in how many splits one fell below 95 %. */
  readonly floor: { readonly family: string; readonly kept: number; readonly broken: number } | undefined
}

/** A point of a picture: mean cost and quality of a task. */
export interface Point {
  readonly costUsd: number
  readonly quality: number
}

/** What was measured on some outcomes. */
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

const floorOf = (trials: ReadonlyArray<Trial>): Row["floor"] => {
  const names = Array.from(new Set(trials.flatMap(({ families }) => families.map(({ family }) => family))))
  const broken = trials.filter(({ families }) => families.some(({ kept }) => kept < 0.95)).length
  const means = names.map((family) => {
    const kept = trials.flatMap((trial) => trial.families.filter((each) => each.family === family))
    return { family, kept: mean(kept.map((each) => each.kept)), broken }
  })
  const [first, ...rest] = means
  return first === undefined
    ? undefined
    : rest.reduce((least, next) => (next.kept < least.kept ? next : least), first)
}

const points = (policy: Fitted, tested: ReadonlyArray<Seen>): ReadonlyArray<Point> =>
  policy.curve.map((decide) => {
    const results = play(decide, tested)
    return {
      costUsd: mean(results.map(({ costUsd }) => costUsd)),
      quality: mean(results.map(({ quality }) => quality))
    }
  })

const oracleCurve = (tested: ReadonlyArray<Outcome>, best: AIProvider): ReadonlyArray<Point> => {
  const bound = measures.oracle(tested, best)
  return Array.from({ length: 41 }, (_, step) => bound(step / 20)).map(({ kept, saved }) => ({
    costUsd: (1 - saved) * meanCost(tested, best),
    quality: kept * meanQuality(tested, best)
  }))
}

/** A provider stronger than another, where there are only two. */
const pairOf = (outcomes: ReadonlyArray<Outcome>, best: AIProvider) => {
  const known = providers(outcomes)
  const weaker = known.find((provider) => provider !== best)
  return known.length === 2 && weaker !== undefined ? { stronger: best, weaker } : undefined
}

/** Fits policies on two parts of each split and measures them on the third. */
export const evaluate = (
  outcomes: ReadonlyArray<Outcome>,
  options: {
    readonly salts?: ReadonlyArray<string>
    readonly policies?: ReadonlyArray<Policy>
    readonly model?: Model
  } = {}
): Either.Either<Report, InvalidArgumentError> => {
  // Nobody knows what those who weren't asked would have said.
  const rows = complete(outcomes, providers(outcomes))
  const policies = options.policies ?? all(rows, options.model)
  const fitted = (options.salts ?? salts).map((salt) => {
    const { test, ...parts } = split(rows, salt)
    return Either.flatMap(know(parts), (known) => {
      const fits = policies.map(({ fit, name }) => Either.map(fit(known), (policy) => ({ name, policy })))
      return Either.map(Either.all(fits), (fitted): Split => ({
        tested: test.map(seen),
        best: known.best,
        fitted
      }))
    })
  })
  return Either.map(Either.all(fitted), (splits) => report(rows, policies, splits))
}

/** One split: what policies learned of two parts of it, and the third. */
interface Split {
  readonly tested: ReadonlyArray<Seen>
  /** The best single provider, by what policies may see. */
  readonly best: AIProvider
  readonly fitted: ReadonlyArray<{ readonly name: string; readonly policy: Fitted }>
}

const report = (
  rows: ReadonlyArray<Outcome>,
  policies: ReadonlyArray<Policy>,
  splits: ReadonlyArray<Split>
): Report => {
  const measured = keeps.flatMap((keep) =>
    policies.map(({ name }): Row => {
      const played = splits.flatMap(({ best, fitted, tested }) => {
        const policy = fitted.find((each) => each.name === name)?.policy
        return policy === undefined ? [] : [{ best, results: play(policy.at(keep), tested) }]
      })
      const trials = played.map(({ best, results }): Trial => ({
        ...measures.figures(results, best),
        families: measures.families(results, best)
      }))
      return {
        policy: name,
        keep,
        saved: spread(trials.map(({ saved }) => saved)),
        kept: spread(trials.map(({ kept }) => kept)),
        interval: measures.bootstrap(
          played.map(({ best, results }) => measures.groups(results, best)),
          1
        ),
        floor: floorOf(trials)
      }
    })
  )

  const bounds = keeps.map((keep) => {
    const each = splits.map(({ best, tested }) =>
      measures.oracle(
        tested.map(({ outcome }) => outcome),
        best
      )(keep)
    )
    return { keep, saved: spread(each.map(({ saved }) => saved)), kept: spread(each.map(({ kept }) => kept)) }
  })

  const [first] = splits
  const pair = first === undefined ? undefined : pairOf(rows, first.best)
  const within = [undefined, ...Array.from(new Set(rows.map(({ family }) => family))).toSorted()]
  const recovered = within.flatMap((family) => {
    const each = splits.flatMap(({ fitted, tested }) => {
      const gain = fitted.find(({ policy }) => policy.gain !== undefined)?.policy.gain
      if (pair === undefined || gain === undefined) return []
      const own = tested.filter(({ outcome }) => family === undefined || outcome.family === family)
      return (
        measures.recovery(
          own.map(({ features, outcome }) => ({
            expected: gain(features, pair.stronger, pair.weaker),
            actual: qualityOf(outcome, pair.stronger) - qualityOf(outcome, pair.weaker)
          }))
        ) ?? []
      )
    })
    return each.length === 0
      ? []
      : [
          {
            within: family ?? "all",
            apgr: spread(each.map(({ apgr }) => apgr)),
            cpt50: spread(each.map(({ cpt50 }) => cpt50)),
            cpt80: spread(each.map(({ cpt80 }) => cpt80))
          }
        ]
  })

  return {
    tasks: rows.length,
    tested: sum(splits.map(({ tested }) => tested.length)),
    splits: splits.length,
    best: first?.best,
    rows: measured,
    oracle: bounds,
    recovery: recovered,
    curves:
      first === undefined
        ? []
        : [
            ...first.fitted.map(({ name, policy }) => ({ name, points: points(policy, first.tested) })),
            {
              name: "oracle",
              points: oracleCurve(
                first.tested.map(({ outcome }) => outcome),
                first.best
              )
            }
          ]
  }
}
