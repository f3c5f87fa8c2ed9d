/**
 * What a provider charges for tokens, and what a usage costs at that price.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
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

/**
 * A price list for one model.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  /** USD per million input tokens. */
  input: PerMillion,
  /** USD per million output tokens. */
  output: PerMillion,
  /** USD per million tokens read from the cache; absent: charged as input. */
  cacheRead: Schema.optionalWith(PerMillion, { exact: true }),
  /** USD per million tokens written to the cache; absent: charged as input. */
  cacheWrite: Schema.optionalWith(PerMillion, { exact: true })
})

/**
 * A price list for one model, in USD per million tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * A resolved price: what one token costs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Price {
  readonly input: Usd.Usd
  readonly output: Usd.Usd
  readonly cacheRead: Usd.Usd
  readonly cacheWrite: Usd.Usd
}

const perToken = (perMillion: number): Usd.Usd => Usd.fromNumber(perMillion / 1e6)

const resolve = (options: Options): Price => ({
  input: perToken(options.input),
  output: perToken(options.output),
  cacheRead: perToken(options.cacheRead ?? options.input),
  cacheWrite: perToken(options.cacheWrite ?? options.input)
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

/**
 * The exact cost of a usage. Cached tokens are part of `inputTokens` and are charged at their own price.
 *
 * @since 0.1.0
 * @category costs
 */
export const cost = (price: Price, usage: TokenUsage.TokenUsage): Usd.Usd => {
  const plain = Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens)
  return Usd.fromPico(
    BigInt(plain) * price.input.pico +
      BigInt(usage.cacheReadTokens) * price.cacheRead.pico +
      BigInt(usage.cacheWriteTokens) * price.cacheWrite.pico +
      BigInt(usage.outputTokens) * price.output.pico
  )
}

/**
 * One number for ranking providers: USD per token at three input tokens to one output token, the mix that
 * price comparisons of the field use.
 *
 * @since 0.1.0
 * @category costs
 */
export const blendedPerToken = (price: Price): number =>
  (3 * Usd.toNumber(price.input) + Usd.toNumber(price.output)) / 4
