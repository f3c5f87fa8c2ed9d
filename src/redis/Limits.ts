/**
 * Rate limits in Redis, kept to by all processes together.
 *
 * One script per admission and one round trip, by the clock of the server. In no minute does more begin than is
 * allowed; calls under way are leases, which expire when a process dies. What a provider states (what is left, when
 * to come back) holds for all processes once one has heard it.
 *
 * While Redis is away this process keeps to its own share of each limit, and for a minute after that to both.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import * as LimitStore from "../reliability/LimitStore.js"
import type { Connection } from "./Connection.js"
import * as limits from "./internal/limits.js"

/**
 * How limits are shared.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /**
   * The share of each limit, above 0 to 1, that this process keeps to by itself while Redis is away: 1 divided by
   * the number of processes, say. 0.5 when absent. At least one request, one token and one call are left.
   */
  share: numbers.withDefault(
    numbers.number("a share (a number above 0, at most 1)", (n) => n > 0 && n <= 1),
    0.5
  ),
  /** Milliseconds after which the calls under way of a process that died are forgotten; 10,000 when absent. */
  leaseMs: numbers.withDefault(numbers.millis, 10_000)
})

/**
 * How limits are shared.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Redis", Settings)

/**
 * Keeps limits in the Redis of the context. Fails with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<LimitStore.Service, InvalidArgumentError, Connection | Scope.Scope> =>
  Effect.flatMap(decode(options), limits.make)

/**
 * Keeps limits in the Redis of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<LimitStore.LimitStore, InvalidArgumentError, Connection> =>
  Layer.scoped(LimitStore.LimitStore, make(options))
