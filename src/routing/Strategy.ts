/**
 * By what a provider is chosen. A strategy is a value: a name and a score.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { AIProvider } from "../AIProvider.js"
import type { AITask } from "../AITask.js"
import type * as InvalidArgument from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import type { ProviderMetrics } from "../ProviderMetrics.js"
import type { Outlook } from "./internal/outlook.js"

/**
 * By what a provider is chosen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Strategy {
  /** Names the strategy in logs and tables. */
  readonly name: string
  /**
   * The least score is chosen; ties go to the provider that is expected to cost least, where a session says, and
   * else to the one that was given first. NaN ranks last. Where providers have some of the task's session cached,
   * `costPerToken` is what is expected of the call.
   */
  readonly score: (metrics: ProviderMetrics) => number
  /**
   * For a strategy that looks at the task: what scores its providers, in place of `score`. The outlook is there
   * where providers have some of the task's session cached.
   */
  readonly scoreFor?: ((task: AITask, outlook?: Outlook) => Strategy["score"]) | undefined
  /** For a strategy that saves money: the provider that would be asked if it didn't. Results say what was saved. */
  readonly baseline?: AIProvider | undefined
}

// An infinite weight makes a score of NaN.
const weight = numbers.from0("a weight")

const scale = numbers.above0("a scale")

/**
 * Weights of a mixed strategy and the scales that make its parts comparable.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Weights = Schema.Struct({
  /** The weight of the price, 0 or more. */
  cost: weight,
  /** The weight of the p50 latency, 0 or more. */
  latency: weight,
  /** The weight of the missing quality, 0 or more. */
  quality: weight,
  /** USD per token that count as 1; what is above counts as 1 too. */
  costScale: Schema.optionalWith(scale, { default: () => 0.01 }),
  /** Milliseconds that count as 1; what is above counts as 1 too. */
  latencyScaleMs: Schema.optionalWith(scale, { default: () => 1000 })
}).pipe(
  Schema.filter((weights) =>
    weights.cost + weights.latency + weights.quality > 0
      ? undefined
      : { path: ["cost"], message: "Expected at least one weight above 0, actual all 0" }
  )
)

/**
 * Weights of a mixed strategy.
 *
 * @since 0.1.0
 * @category models
 */
export interface Weights extends Schema.Schema.Encoded<typeof Weights> {}

/**
 * The least USD per token; providers of unknown price come last.
 *
 * @since 0.1.0
 * @category strategies
 */
export const cheapest: Strategy = {
  name: "cheapest",
  score: (metrics) => metrics.costPerToken ?? Number.POSITIVE_INFINITY
}

/**
 * The least p50 latency.
 *
 * @since 0.1.0
 * @category strategies
 */
export const fastest: Strategy = { name: "fastest", score: (metrics) => metrics.p50LatencyMs }

/**
 * The highest quality score.
 *
 * @since 0.1.0
 * @category strategies
 */
export const quality: Strategy = { name: "quality", score: (metrics) => -metrics.qualityScore }

const mixed =
  (weights: typeof Weights.Type): Strategy["score"] =>
  (metrics) =>
    weights.cost * Math.min((metrics.costPerToken ?? Number.POSITIVE_INFINITY) / weights.costScale, 1) +
    weights.latency * Math.min(metrics.p50LatencyMs / weights.latencyScaleMs, 1) +
    weights.quality * (1 - metrics.qualityScore / 10)

const decode = validation.decoder("Strategy", Weights)

/**
 * A mixed strategy: `cost·min(costPerToken/costScale, 1) + latency·min(p50/latencyScaleMs, 1) +
 * quality·(1 − qualityScore/10)`, least wins. Fails with an InvalidArgumentError when a weight is negative
 * or all are 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const weighted = (
  name: string,
  weights: Weights
): Either.Either<Strategy, InvalidArgument.InvalidArgumentError> =>
  Either.map(decode(weights), (decoded) => ({ name, score: mixed(decoded) }))

/**
 * Price, latency and quality at once:
 * `0.5·min(cost/0.01, 1) + 0.3·min(p50/1000, 1) + 0.2·(1 − quality/10)`.
 *
 * @since 0.1.0
 * @category strategies
 */
export const balanced: Strategy = {
  name: "balanced",
  score: mixed({ cost: 0.5, latency: 0.3, quality: 0.2, costScale: 0.01, latencyScaleMs: 1000 })
}

/**
 * The strategies that have a name.
 *
 * @since 0.1.0
 * @category strategies
 */
export const named = { cheapest, fastest, quality, balanced } as const
