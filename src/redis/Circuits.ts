/**
 * The open circuits in Redis, shared by all processes: a provider that one of them has found failing isn't asked by
 * any, and one attempt of all of them is the probe that finds out when it is back.
 *
 * Each process looks every `refreshMs` at what the others have found out, so that no call waits for it; only a probe
 * asks. While Redis is away this process goes by what it knows, and probes by itself; what it found out meanwhile is
 * written when Redis is back.
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
import * as CircuitStore from "../reliability/CircuitStore.js"
import type { Connection } from "./Connection.js"
import * as circuits from "./internal/circuits.js"

/**
 * How circuits are shared.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Milliseconds between two looks at what others have found out; 250 when absent. */
  refreshMs: numbers.withDefault(numbers.millis, 250)
})

/**
 * How circuits are shared.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Redis", Settings)

/**
 * Keeps open circuits in the Redis of the context. Fails with an InvalidArgumentError when a setting is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<CircuitStore.Service, InvalidArgumentError, Connection | Scope.Scope> =>
  Effect.map(
    Effect.flatMap(decode(options), (settings) => circuits.make(settings)),
    ({ store }) => store
  )

/**
 * Keeps open circuits in the Redis of the context: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<CircuitStore.CircuitStore, InvalidArgumentError, Connection> =>
  Layer.scoped(CircuitStore.CircuitStore, make(options))
