/**
 * Keeps retries within a share of the calls, so that retries don't multiply an outage.
 *
 * A retry that isn't allowed isn't waited for: the call falls over at once. Falling over isn't a retry.
 * Off unless its Layer is there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { RatioLimiter } from "./internal/ratioLimiter.js"
import * as validation from "../internal/validation.js"

/**
 * Keeps retries within a share of the calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** A call has begun, at an instant of the Clock. */
  readonly unsafeCall: (now: number) => void
  /** Takes one retry, if there is one left. */
  readonly unsafeTake: (now: number) => boolean
}

/**
 * Keeps retries within a share of the calls.
 *
 * @since 0.1.0
 * @category tags
 */
export class RetryBudget extends Context.Tag("arc-saga/RetryBudget")<RetryBudget, Service>() {}

/**
 * How many retries there may be.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Retries per call over the window, 0 to 1; 0.2 when absent. */
  share: numbers.withDefault(numbers.upTo("a share", 1), 0.2),
  /**
   * How many there may be over the window in any case, so that little traffic can always retry; 300 when
   * absent, five a second.
   */
  minimum: numbers.withDefault(numbers.countFrom0("a number of retries"), 300),
  /** For how many milliseconds calls and retries are counted; 60,000 when absent. */
  windowMs: numbers.withDefault(numbers.millis, 60_000)
})

/**
 * How many retries there may be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("RetryBudget", Settings)

/**
 * Makes a budget of retries. Fails with an InvalidArgumentError when a number is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ minimum, share, windowMs }) => {
    const budget = new RatioLimiter(share, minimum, windowMs)
    return { unsafeCall: (now) => budget.call(now), unsafeTake: (now) => budget.take(now) }
  })

/**
 * Bounds the retries of the routers that are built on this Layer, all together.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<RetryBudget, InvalidArgumentError> =>
  Layer.effect(RetryBudget, make(options))
