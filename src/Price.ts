/**
 * What a provider charges for tokens, and what a usage costs at that price.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "./internal/numbers.js"
import type * as InvalidArgument from "./InvalidArgument.js"
import * as validation from "./internal/validation.js"
import type * as TokenUsage from "./TokenUsage.js"
import * as Usd from "./Usd.js"

/**
 * USD per million tokens, 0 or more.
 *
 * @since 0.1.0
 * @category schemas
 */
export const PerMillion = Schema.Number.pipe(
  Schema.finite(),
  Schema.filter((price) => price >= 0 && price <= 1_000_000, {
    description: "a price from 0 to 1000000 USD per million tokens"
  })
)

const rates = {
  /** USD per million input tokens. */
  input: PerMillion,
  /** USD per million output tokens. */
  output: PerMillion,
  /** USD per million tokens read from the cache; absent: charged as input. */
  cacheRead: Schema.optional(PerMillion),
  /** USD per million tokens written to the cache; absent: charged as input. */
  cacheWrite: Schema.optional(PerMillion),
  /** USD per million tokens written to the cache for an hour; absent: charged as other cache writes. */
  cacheWrite1h: Schema.optional(PerMillion)
}

const TierOptions = Schema.Struct({
  /** The tier is for requests with more input tokens than this, cached ones included. */
  above: numbers.countFrom0("a number of tokens"),
  ...rates
})

/**
 * A price list for one model.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  ...rates,
  /**
   * What long requests are charged instead, as a whole: not only what is above the threshold, and their
   * output too. Of several that apply, the one with the highest threshold counts.
   */
  tiers: Schema.optional(Schema.Array(TierOptions))
})

/**
 * A price list for one model, in USD per million tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * What one token costs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rates {
  readonly input: Usd.Usd
  readonly output: Usd.Usd
  readonly cacheRead: Usd.Usd
  readonly cacheWrite: Usd.Usd
  readonly cacheWrite1h: Usd.Usd
}

/**
 * What one token of a long request costs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tier extends Rates {
  /** The request has more input tokens than this. */
  readonly above: number
}

/**
 * A resolved price: what one token costs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Price extends Rates {
  /** By falling thresholds: the first that applies counts. */
  readonly tiers: ReadonlyArray<Tier>
}

const perToken = (perMillion: number): Usd.Usd => Usd.fromNumber(perMillion / 1e6)

const resolveRates = (options: Omit<Options, "tiers">): Rates => {
  const cacheWrite = options.cacheWrite ?? options.input
  return {
    input: perToken(options.input),
    output: perToken(options.output),
    cacheRead: perToken(options.cacheRead ?? options.input),
    cacheWrite: perToken(cacheWrite),
    cacheWrite1h: perToken(options.cacheWrite1h ?? cacheWrite)
  }
}

const resolve = ({ tiers = [], ...base }: Options): Price => ({
  ...resolveRates(base),
  tiers: tiers
    .map(({ above, ...long }) => ({ above, ...resolveRates(long) }))
    .toSorted((left, right) => right.above - left.above)
})

const decode = validation.decoder("Price", Options)

/**
 * Resolves a price list; done once per model, so that costing an attempt is a few multiplications.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Either.Either<Price, InvalidArgument.InvalidArgumentError> =>
  Either.map(decode(options), resolve)

const perMillion = ({ pico }: Usd.Usd): number => Number(pico) / 1e6

const listRates = (price: Rates): Omit<Options, "tiers"> => ({
  input: perMillion(price.input),
  output: perMillion(price.output),
  cacheRead: perMillion(price.cacheRead),
  cacheWrite: perMillion(price.cacheWrite),
  cacheWrite1h: perMillion(price.cacheWrite1h)
})

/**
 * The price list of a price, for display and for files: `make` gives the same price of it.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toOptions = (price: Price): Options => ({
  ...listRates(price),
  ...(price.tiers.length === 0
    ? {}
    : { tiers: price.tiers.map((tier) => ({ above: tier.above, ...listRates(tier) })) })
})

/**
 * The exact cost of the usage of one request, on whose length its price may depend. Cached tokens are part
 * of `inputTokens` and are charged at their own price.
 *
 * @since 0.1.0
 * @category costs
 */
export const cost = (price: Price, usage: TokenUsage.TokenUsage): Usd.Usd => {
  const { cacheReadTokens, cacheWrite1hTokens, cacheWriteTokens, inputTokens } = usage
  const rates = price.tiers.find(({ above }) => inputTokens > above) ?? price
  const plain = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens)
  return Usd.fromPico(
    BigInt(plain) * rates.input.pico +
      BigInt(cacheReadTokens) * rates.cacheRead.pico +
      BigInt(Math.max(0, cacheWriteTokens - cacheWrite1hTokens)) * rates.cacheWrite.pico +
      BigInt(cacheWrite1hTokens) * rates.cacheWrite1h.pico +
      BigInt(usage.outputTokens) * rates.output.pico
  )
}

/**
 * What the provider's cache saved of the cost of one request, exactly: what its cached tokens would have cost as
 * input, less what they did. Below zero where writing to the cache cost more than reading from it saved.
 *
 * @since 0.1.0
 * @category costs
 */
export const cacheSaved = (price: Price, usage: TokenUsage.TokenUsage): Usd.Usd => {
  const uncached = { ...usage, cacheReadTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0 }
  return Usd.fromPico(cost(price, uncached).pico - cost(price, usage).pico)
}

/**
 * One number for ranking providers: USD per token at three input tokens to one output token, the mix that
 * price comparisons of the field use, of a request of usual length.
 *
 * @since 0.1.0
 * @category costs
 */
export const blendedPerToken = (price: Price): number =>
  (3 * Usd.toNumber(price.input) + Usd.toNumber(price.output)) / 4
