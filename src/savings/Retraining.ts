/**
 * Trains a model anew on outcomes that have come together, and says whether it is to take the place of the one in use.
 *
 * The outcomes are split as for `train`. A candidate learns of 80 % of them, and its thresholds are chosen by tests as
 * always. Of the others one half says whether it saves more than the model in use; the other half is looked at last and
 * by nothing else: there the candidate mustn't break what is promised.
 *
 * Many trainings look at much the same outcomes, and each could be the one that passes by luck. So they share what the
 * confidence leaves: the k-th tests at 6/(π²k²) of it. What all of them may err adds up to the whole (the sum of 1/k²
 * is π²/6), whatever they have in common (Boole's inequality): with the confidence none of the models that are ever
 * taken breaks what it promises by one way of routing. Spending an error over a sequence of tests that nobody knows
 * the end of is alpha spending (Foster and Stine 2008; Ramdas et al. 2017).
 *
 * @since 0.1.0
 */
import type * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as numbers from "../internal/numbers.js"
import { given } from "../internal/options.js"
import * as validation from "../internal/validation.js"
import * as measures from "./internal/evaluation/measures.js"
import * as policies from "./internal/evaluation/policies.js"
import { know, type Known, play, type Result } from "./internal/evaluation/policy.js"
import { share } from "../internal/hash.js"
import { Confidence } from "./internal/guarantees.js"
import { complete, mean } from "./internal/recorded.js"
import { seen } from "./internal/train.js"
import * as Outcomes from "./Outcomes.js"
import * as QualityModel from "./QualityModel.js"

/**
 * A share of quality that a way of routing is to keep.
 *
 * @since 0.1.0
 * @category models
 */
export interface Promised {
  /** By choosing a provider for each task, or by a learned cascade. */
  readonly by: "prediction" | "cascade"
  /** The share of the best provider's quality, 0 to 1. */
  readonly keep: number
  /** "families" when absent. */
  readonly scope?: QualityModel.Scope | undefined
}

/**
 * What a candidate is held against.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The model in use; a candidate that saves anything is better than none. */
  readonly current?: QualityModel.Model | undefined
  /** What is promised with the model. */
  readonly promises: Arr.NonEmptyReadonlyArray<Promised>
  /** What chance is drawn from; 1 when absent. */
  readonly seed?: number | undefined
  /** How sure it must be that a share is kept, from 0 to below 1; 0.9 when absent. */
  readonly confidence?: number | undefined
  /**
   * Which training this is of those whose candidates may follow one another, from 1: it has its part of what the
   * confidence leaves. All of it when absent, as of a training that stays the only one.
   */
  readonly training?: number | undefined
}

/**
 * How sure the tests of a training have to be, from 1, so that all trainings together may err no more than the
 * confidence leaves.
 *
 * @since 0.1.0
 * @category getters
 */
export const confidenceOf = (confidence: number, training: number): number =>
  1 - ((1 - confidence) * 6) / (Math.PI * training) ** 2

const decodeOptions = validation.decoder(
  "Retraining",
  Schema.Struct({
    training: Schema.optional(numbers.count("a number of trainings")),
    confidence: Confidence
  })
)

/**
 * What became of a candidate. It is taken with what it saves and keeps on the outcomes that were looked at last, means
 * over the promises; or it is refused: too few outcomes could tell, they know a provider of the model in use no more,
 * it saves no more than that one, or it breaks a promise.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision =
  | {
      readonly _tag: "Taken"
      readonly model: QualityModel.Model
      /** The share of the best provider's cost that is saved. */
      readonly saved: number
      /** The share of its quality that is kept. */
      readonly kept: number
      /** By how many outcomes that is known. */
      readonly tasks: number
    }
  | {
      readonly _tag: "Refused"
      readonly why: "too-few" | "lacks-a-provider" | "saves-no-more" | "breaks-a-promise"
      /** The same in words. */
      readonly reason: string
    }

/** The salt of the split by which `train` leaves outcomes alone. */
const salt = "s0"

const refused = (
  why: Extract<Decision, { _tag: "Refused" }>["why"],
  reason: string
): Either.Either<Decision> => Either.right({ _tag: "Refused", why, reason })

/** What a model comes to on outcomes when it is to keep a promise. */
type Play = (promise: Promised, rows: ReadonlyArray<Outcomes.Outcome>) => ReadonlyArray<Result>

const playing = (model: QualityModel.Model, known: Known): Play => {
  const trained = policies.trainer({}, model)
  return ({ by, keep, scope }, rows) => {
    const policy = by === "cascade" ? policies.cascade(trained, scope) : policies.prediction(trained, scope)
    // The model is there: nothing is trained, and so nothing fails.
    return play(Either.getOrThrow(policy.fit(known)).at(keep), rows.map(seen))
  }
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`

/**
 * Decides on a candidate. The same outcomes and options give the same decision. Fails with an InvalidArgumentError
 * when an option is out of range or the outcomes are too few to train on.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decide = (
  outcomes: ReadonlyArray<Outcomes.Outcome>,
  { current, promises, seed, ...sureness }: Options
): Either.Either<Decision, InvalidArgumentError> =>
  Either.gen(function* () {
    const { confidence, training } = yield* decodeOptions({ confidence: 0.9, ...given(sureness) })
    const { test, ...parts } = Outcomes.split(outcomes, salt)
    const candidate = yield* QualityModel.train(
      parts,
      given({
        confidence: training === undefined ? confidence : confidenceOf(confidence, training),
        seed,
        keep: promises[0].keep
      })
    )
    const providers = candidate.providers.map(({ provider }) => provider)
    const lost = current?.providers.find(({ provider }) => !providers.includes(provider))
    if (lost !== undefined) {
      return yield* refused(
        "lacks-a-provider",
        `no outcomes of ${lost.provider}, which the model in use knows`
      )
    }
    const known = yield* know(parts)
    const held = complete(test, providers).map((outcome) => ({
      outcome,
      isLast: share(`${salt}/last/${outcome.group}`) < 0.5
    }))
    const of = (last: boolean) => held.flatMap(({ isLast, outcome }) => (isLast === last ? [outcome] : []))
    const [compared, last] = [of(false), of(true)]
    const fewest = Math.min(compared.length, last.length)
    if (fewest < measures.fewestOfFamily) {
      return yield* refused(
        "too-few",
        `only ${fewest} outcomes to test by: ${measures.fewestOfFamily} or more are needed`
      )
    }

    const { best } = known
    const figuresOf = (plays: Play, rows: ReadonlyArray<Outcomes.Outcome>): measures.Figures => {
      const each = promises.map((promise) => measures.figures(plays(promise, rows), best))
      return { kept: mean(each.map(({ kept }) => kept)), saved: mean(each.map(({ saved }) => saved)) }
    }
    const brokenIn = (plays: Play, rows: ReadonlyArray<Outcomes.Outcome>): Promised | undefined =>
      promises.find((promise) => measures.breaks(plays(promise, rows), best, promise.keep))

    const own = playing(candidate, known)
    const before = current === undefined ? undefined : playing(current, known)
    // A model that breaks what it promised is no measure of what can be saved.
    const toBeat =
      before === undefined || brokenIn(before, compared) !== undefined ? 0 : figuresOf(before, compared).saved
    const { saved } = figuresOf(own, compared)
    if (saved <= toBeat) {
      return yield* refused(
        "saves-no-more",
        `it saves ${percent(saved)}, where ${percent(toBeat)} are saved now`
      )
    }
    for (const rows of [compared, last]) {
      const broken = brokenIn(own, rows)
      if (broken === undefined) continue
      const { kept } = measures.figures(own(broken, rows), best)
      return yield* refused(
        "breaks-a-promise",
        `by ${broken.by} it keeps ${percent(kept)} in a test, or less in a family, of ${percent(broken.keep)}`
      )
    }
    return { _tag: "Taken", model: candidate, ...figuresOf(own, last), tasks: last.length } as const
  })
