/**
 * What came of a task: the answer, what it cost, and every attempt that was made for it.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AIProvider from "./AIProvider.js"
import * as AITask from "./AITask.js"
import * as EngineError from "./EngineError.js"
import * as TokenUsage from "./TokenUsage.js"
import * as Usd from "./Usd.js"
import * as Wire from "./Wire.js"

/**
 * How an attempt ended: with an answer (`succeeded`), with an error (`failed`; a timeout is one), with an
 * error after part of its text had been delivered (`cut`), because the caller went away (`interrupted`),
 * or because its answer wasn't needed (`discarded`). One that wasn't made, because the answer was there already, is
 * `cached`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Outcome = Schema.Literal("succeeded", "failed", "cut", "interrupted", "discarded", "cached")

/**
 * How an attempt ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = typeof Outcome.Type

/**
 * Whose a cost is: `provider` where the providers told it, as they bill it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CostSource = Schema.Literal("provider")

/**
 * Whose a cost is.
 *
 * @since 0.1.0
 * @category models
 */
export type CostSource = typeof CostSource.Type

/**
 * One request to one provider, however it ended.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Attempt = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** The model that answered, or the one that was asked where none did. */
  model: Schema.String,
  outcome: Outcome,
  /** Why it didn't succeed. */
  error: Schema.OptionFromNullOr(EngineError.EngineError),
  /** What it used; estimated where the provider charges and didn't say. */
  usage: TokenUsage.TokenUsage,
  /** What it cost in USD; none when the price is unknown and something was used. */
  cost: Schema.OptionFromNullOr(Usd.Usd),
  /** `provider` where its cost is what the provider says that it bills; absent where the engine's price says it. */
  costSource: Schema.optional(CostSource),
  /**
   * What the provider's cache saved by the engine's price: below zero where it cost more to fill it. Absent where
   * nothing was read from it or written to it, or the price isn't known.
   */
  cacheSaved: Schema.optional(Usd.Usd),
  /** When it began, in milliseconds of the Clock. */
  startedAt: Schema.Number,
  /** Milliseconds until it ended. */
  durationMs: Schema.Number,
  /** Milliseconds until its first content. */
  firstTokenMs: Schema.OptionFromNullOr(Schema.Number)
})

/**
 * One request to one provider, however it ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt extends Schema.Schema.Type<typeof Attempt> {}

/**
 * Whether an attempt was given up and may be charged all the same: a time limit ended it, it broke off, or
 * its answer wasn't needed any more. Its usage is then mostly an estimate.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isPaidInVain = ({ outcome, usage }: Attempt): boolean =>
  outcome !== "succeeded" && TokenUsage.isUsed(usage)

/**
 * Whether an attempt used something whose price isn't known.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isUnpriced = ({ cost, usage }: Pick<Attempt, "cost" | "usage">): boolean =>
  Option.isNone(cost) && TokenUsage.isUsed(usage)

/**
 * Whether an attempt failed: with an error, be it after part of its text. One whose caller went away, or whose
 * answer wasn't needed, didn't.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isFailure = ({ outcome }: Pick<Attempt, "outcome">): boolean =>
  outcome === "failed" || outcome === "cut"

/**
 * How an answer came of the cache of answers.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CacheUse = Schema.Literal("hit", "joined", "miss")

/**
 * How an answer came of the cache of answers.
 *
 * @since 0.1.0
 * @category models
 */
export type CacheUse = typeof CacheUse.Type

/**
 * The answer to a task.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AIResult = Schema.Struct({
  taskId: Schema.String,
  text: Schema.String,
  /** What the model thought, as far as its provider gave it; absent where it gave nothing. */
  reasoning: Schema.optional(Schema.Array(AITask.ReasoningPart)),
  toolCalls: Schema.Array(AITask.ToolCall),
  finishReason: Schema.Literal("stop", "length", "tool_calls", "other"),
  /** The finish reason in the provider's own word (`end_turn`, `eos`), where it has another one. */
  rawFinishReason: Schema.optional(Schema.String),
  /** The stop sequence that the model stopped at, where the provider says which. */
  stopSequence: Schema.optional(Schema.String),
  /** The sources that the answer names, as its provider has them. */
  citations: Schema.optional(Schema.Array(Schema.Unknown)),
  /** The log probabilities of the answer, as its provider has them. */
  logProbabilities: Schema.optional(Schema.Unknown),
  /** The service tier that answered, in the provider's word. */
  serviceTier: Schema.optional(Schema.String),
  /** Who answered; after a resumed cut, who finished the answer. */
  provider: AIProvider.AIProvider,
  model: Schema.String,
  /** The tokens of the answer: of the attempts that its text came from. */
  usage: TokenUsage.TokenUsage,
  /** USD for all attempts together, failed ones included; none when one of them is unknown. */
  cost: Schema.OptionFromNullOr(Usd.Usd),
  /** `provider` where all of its cost is what providers say that they bill. */
  costSource: Schema.optional(CostSource),
  /**
   * Where providers were chosen to save money: the provider that would have been asked otherwise, and what the
   * tokens of the answer cost there; none where its price isn't known.
   */
  baseline: Schema.optional(
    Schema.Struct({ provider: AIProvider.AIProvider, cost: Schema.OptionFromNullOr(Usd.Usd) })
  ),
  /**
   * Whether the answer was kept (`hit`), or that of an equal call at the same time (`joined`): then no provider was
   * asked for this one, it cost nothing, and `baseline` has what it cost before. `miss` where the cache was used and
   * had none; absent where it wasn't.
   */
  cache: Schema.optional(CacheUse),
  /** Milliseconds for the whole call, waits included. */
  durationMs: Schema.Number,
  /** Milliseconds until the first content of the answer was there; none when it is empty. */
  firstTokenMs: Schema.OptionFromNullOr(Schema.Number),
  /** Whether the provider that answered can stream. */
  streamAvailable: Schema.Boolean,
  /** Every attempt, in the order in which they began. */
  attempts: Schema.Array(Attempt),
  /** What the caller should know: dropped parameters, a tool call that was cut. */
  warnings: Schema.Array(Schema.String),
  /** The fields of the task that were left out; absent where nothing was. */
  dropped: Schema.optional(Schema.Array(Schema.String)),
  /**
   * The provider's body as it came, where the task has an original of its wire and the answer is of one attempt:
   * JSON, or server-sent events where the original asks for a stream.
   */
  native: Schema.optional(Schema.Struct({ wire: Wire.Wire, body: Schema.String }))
})

/**
 * The answer to a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface AIResult extends Schema.Schema.Type<typeof AIResult> {}

/**
 * USD that the choice of providers saved: what the answer's tokens cost at the baseline, less what all attempts
 * cost. Below zero where it cost more; none where there is no baseline, or one of both isn't known.
 *
 * @since 0.1.0
 * @category getters
 */
export const saved = ({ baseline, cost }: Pick<AIResult, "baseline" | "cost">): Option.Option<Usd.Usd> =>
  baseline === undefined
    ? Option.none()
    : Option.zipWith(baseline.cost, cost, (before, now) => Usd.fromPico(before.pico - now.pico))

/**
 * USD that the providers' caches saved, of all attempts together: below zero where it cost more to fill them. None
 * where there was nothing of a cache.
 *
 * @since 0.1.0
 * @category getters
 */
export const cacheSaved = ({ attempts }: Pick<AIResult, "attempts">): Option.Option<Usd.Usd> =>
  attempts.reduce<Option.Option<Usd.Usd>>(
    (sum, attempt) =>
      attempt.cacheSaved === undefined
        ? sum
        : Option.some(
            Usd.add(
              Option.getOrElse(sum, () => Usd.zero),
              attempt.cacheSaved
            )
          ),
    Option.none()
  )

/**
 * The result as JSON: costs as exact decimals, what is absent or unknown as null.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toJson: (result: AIResult) => Schema.Schema.Encoded<typeof AIResult> =
  Schema.encodeSync(AIResult)
