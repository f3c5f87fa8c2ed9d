/**
 * Asks a second provider when the first is late, and takes whichever begins to answer first.
 *
 * Late is what few answers are: when the first content hasn't come by the time at which a given share of
 * the provider's first contents were there, the next provider of the chain is asked as well. The one
 * with content first is delivered, the other is interrupted. Extra calls stay within a share of all calls.
 *
 * Off unless its Layer is there. Until a provider has been measured enough, nothing is hedged.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { AIProvider } from "../AIProvider.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { RatioLimiter } from "./internal/ratioLimiter.js"
import * as validation from "../internal/validation.js"
import { LiveMetrics } from "./LiveMetrics.js"

/**
 * Says when a second provider is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** A call has begun, at an instant of the Clock. */
  readonly unsafeCall: (now: number) => void
  /** After how many milliseconds a provider's first content is late; undefined when that isn't known. */
  readonly unsafeDelayMs: (provider: AIProvider, now: number) => number | undefined
  /** Takes one extra call, if there is one left. */
  readonly unsafeTake: (now: number) => boolean
}

/**
 * Says when a second provider is asked.
 *
 * @since 0.1.0
 * @category tags
 */
export class Hedging extends Context.Tag("arc-saga/Hedging")<Hedging, Service>() {}

/**
 * What is hedged.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** The share of first contents that are in time, above 0 and below 1; 0.95 when absent. */
  quantile: numbers.withDefault(
    numbers.number("a share (a number above 0 and below 1)", (n) => n > 0 && n < 1),
    0.95
  ),
  /** Extra calls per call over the window, 0 to 1; 0.05 when absent. */
  share: numbers.withDefault(numbers.upTo("a share", 1), 0.05),
  /** For how many milliseconds calls and extra calls are counted; 60,000 when absent. */
  windowMs: numbers.withDefault(numbers.millis, 60_000),
  /** The least time that a provider is given, in milliseconds; 50 when absent. */
  leastMs: numbers.withDefault(numbers.millis, 50)
})

/**
 * What is hedged.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Hedging", Settings)

/**
 * Makes a hedging service on what is measured. Fails with an InvalidArgumentError when a number is out of
 * range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError, LiveMetrics> =>
  Effect.zipWith(LiveMetrics, decode(options), (live, { leastMs, quantile, share, windowMs }) => {
    const extra = new RatioLimiter(share, 0, windowMs)
    return {
      unsafeCall: (now) => extra.call(now),
      unsafeDelayMs: (provider, now) => {
        const late = live.unsafeFirstTokenMs(provider, quantile, now)
        return late === undefined ? undefined : Math.max(leastMs, Math.ceil(late))
      },
      unsafeTake: (now) => extra.take(now)
    }
  })

/**
 * Hedges the calls of the routers that are built on this Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Hedging, InvalidArgumentError, LiveMetrics> =>
  Layer.effect(Hedging, make(options))
