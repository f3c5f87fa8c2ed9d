/** What the configuration file says of saving money per task, and of learning it. */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AIProvider from "../../AIProvider.js"
import * as duration from "../../internal/duration.js"
import * as numbers from "../../internal/numbers.js"
import * as Learning from "../../savings/Learning/Settings.js"
import { exact, limit } from "./fields.js"

/** What a timer can wait, in milliseconds. */
const longestTimer = 2_147_483_647

const shareOfQuality = numbers.upTo("a share of quality", 1)

/** Where a share is kept: in each family (`families`, when absent), or on the `whole` alone. */
const scope = Schema.optionalWith(Schema.Literal("families", "whole"), exact)

/** One call per task, to the provider that a model expects to be worth its cost. */
export const Savings = Schema.Struct({
  /** The share of the best provider's quality to keep, 0 to 1. */
  keep: shareOfQuality,
  scope,
  /** The share of the input that providers read from their caches, 0 to 1; 0 when absent. */
  cachedShare: Schema.optionalWith(numbers.upTo("a share of the input", 1), exact),
  /** The share of the tasks whose providers are drawn by how likely each is the best; none when absent. */
  explore: Schema.optionalWith(
    Schema.Struct({ share: numbers.upTo("a share of the tasks", 1), seed: Schema.Int }),
    exact
  )
})

/** What the answers of cheap providers are compared by. */
const comparisons = ["shortAnswer", "number", "choice", "json", "code"] as const

const Step = Schema.Union(AIProvider.AIProvider, Schema.NonEmptyArray(AIProvider.AIProvider)).annotations({
  description: "a provider, or several that are asked at once"
})

const comparison = Schema.Literal(...comparisons)

/** Cheap answers first, where there is evidence that they are good. */
export const Cascade = Schema.Union(
  /** Another provider gives the same answer. */
  Schema.Struct({
    accept: Schema.Literal("agreement"),
    comparison,
    /** Who is asked first, in turn; several in one step are asked at once. */
    asks: Schema.NonEmptyArray(Step),
    /** Who answers when no answer was accepted. */
    last: AIProvider.AIProvider,
    /** Milliseconds for a task that doesn't say. */
    timeoutMs: limit
  }),
  /** What the model has learned of such answers; it also says who is asked. */
  Schema.Struct({
    accept: Schema.Literal("learned"),
    comparison,
    /** The share of the last provider's quality to keep, 0 to 1. */
    keep: shareOfQuality,
    scope,
    timeoutMs: limit
  })
)

/** Cheap answers first, where there is evidence that they are good. */
export type Cascade = typeof Cascade.Type

/** Who says how good answers are: a provider's answers are good, and those that are the same; or a provider's scores. */
const Judge = Schema.Union(
  Schema.Struct({
    by: Schema.Literal("agreement"),
    comparison,
    /** The provider whose answers are taken to be good. */
    reference: AIProvider.AIProvider
  }),
  Schema.Struct({
    by: Schema.Literal("provider"),
    /** Who is asked for scores. */
    provider: AIProvider.AIProvider,
    /** How answers are recorded, so that a cascade can be learned; they aren't when absent. */
    comparison: Schema.optionalWith(comparison, exact)
  })
)

/** What `serve` learns from what it serves. */
export const Learn = Schema.Struct({
  ...Learning.Settings.fields,
  /** The file that outcomes are written to. */
  outcomes: Schema.NonEmptyString,
  /** The most bytes of that file and the older one together; 67,108,864 when absent. */
  maxBytes: Schema.optionalWith(numbers.count("a number of bytes"), exact),
  judge: Judge,
  /** How often the model is trained anew, as `12h` or `1d`; never when absent. */
  retrain: Schema.optionalWith(
    Schema.String.pipe(
      Schema.filter(
        (text) => Option.exists(Either.getRight(duration.parse(text)), (ms) => ms > 0 && ms <= longestTimer),
        {
          description: "a duration above 0 and of at most 24 days, such as 12h or 1d"
        }
      )
    ),
    exact
  )
})

/** What `serve` learns from what it serves. */
export type Learn = typeof Learn.Type
