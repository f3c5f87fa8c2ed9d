/**
 * What is known of a provider: the numbers that strategies choose by.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Function from "effect/Function"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "./internal/numbers.js"
import * as AIProvider from "./AIProvider.js"
import type * as InvalidArgument from "./InvalidArgument.js"
import { type Given, given } from "./internal/options.js"
import * as validation from "./internal/validation.js"
import * as Price from "./Price.js"

/**
 * A provider's numbers.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ProviderMetrics = Schema.Struct({
  provider: AIProvider.AIProvider,
  /** USD per token; absent when unknown, which isn't 0: an unknown price ranks last. */
  costPerToken: Schema.optional(numbers.from0("USD per token")),
  /** The price list, for strategies that reckon what a task costs; absent when unknown. */
  price: Schema.optional(Price.Options),
  /** Milliseconds that half of the answers take at most. */
  p50LatencyMs: numbers.from0("milliseconds"),
  /** Milliseconds that 99 % of the answers take at most. */
  p99LatencyMs: numbers.from0("milliseconds"),
  /** Milliseconds until the first content, of half of the answers at most; absent when unknown. */
  p50FirstTokenMs: Schema.optional(numbers.from0("milliseconds")),
  /** Milliseconds until the first content, of 99 % of the answers at most; absent when unknown. */
  p99FirstTokenMs: Schema.optional(numbers.from0("milliseconds")),
  /** Tokens per second after the first content; absent when unknown. */
  tokensPerSecond: Schema.optional(numbers.from0("tokens per second")),
  /** The share of attempts that succeed, 0 to 1. */
  successRate: numbers.upTo("a share", 1),
  /** How good the answers are, 0 to 10. */
  qualityScore: numbers.upTo("a score", 10),
  /** Whether it can be chosen at all. */
  available: Schema.Boolean
})

/**
 * A provider's numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProviderMetrics extends Schema.Schema.Type<typeof ProviderMetrics> {}

/**
 * The numbers as a caller gives them; all but the provider have a default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Given<Omit<ProviderMetrics, "provider">> {
  readonly provider: string
}

const decode = validation.decoder("ProviderMetrics", ProviderMetrics)

/**
 * Makes metrics, or fails with an InvalidArgumentError that names the field and the value. What isn't
 * given: price unknown, p50 1,000 ms, p99 3 times the p50, success rate 1, quality 5, available.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Either.Either<ProviderMetrics, InvalidArgument.InvalidArgumentError> => {
  const p50LatencyMs = options.p50LatencyMs ?? 1000
  return decode({
    p50LatencyMs,
    p99LatencyMs: 3 * p50LatencyMs,
    successRate: 1,
    qualityScore: 5,
    available: true,
    ...given(options)
  })
}

/**
 * The numbers with a price, and the cost per token that it means, where they don't say one: that of three
 * input tokens to one output token. Without a price both stay unknown.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPrice: {
  (price: Option.Option<Price.Price>): (options: Options) => Options
  (options: Options, price: Option.Option<Price.Price>): Options
} = Function.dual(2, (options: Options, price: Option.Option<Price.Price>): Options =>
  Option.match(price, {
    onNone: () => options,
    onSome: (known) => ({
      costPerToken: Price.blendedPerToken(known),
      price: Price.toOptions(known),
      ...given(options),
      provider: options.provider
    })
  })
)

/** A price list stays the same object, and so does the price that is made of it. */
const resolved = new WeakMap<Price.Options, Option.Option<Price.Price>>()

/**
 * The price of a provider, resolved once for each list; none where it isn't known.
 *
 * @since 0.1.0
 * @category getters
 */
export const priceOf = ({ price: list }: Pick<ProviderMetrics, "price">): Option.Option<Price.Price> => {
  if (list === undefined) return Option.none()
  const known = resolved.get(list)
  if (known !== undefined) return known
  const price = Either.getRight(Price.make(list))
  resolved.set(list, price)
  return price
}
