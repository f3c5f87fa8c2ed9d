/**
 * All that keeps providers healthy, in one Layer: circuit breaker, rate limits, retry budget and live
 * metrics, by their default numbers or by the caller's.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as validation from "../internal/validation.js"
import * as CircuitBreaker from "./CircuitBreaker.js"
import type * as CircuitStore from "./CircuitStore.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type * as LimitStore from "./LimitStore.js"
import * as LiveMetrics from "./LiveMetrics.js"
import * as RateLimits from "./RateLimits.js"
import * as RetryBudget from "./RetryBudget.js"

/**
 * What can be set; the defaults of each where it is absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly circuitBreaker?: CircuitBreaker.Options | undefined
  readonly rateLimits?: RateLimits.Options | undefined
  readonly retryBudget?: RetryBudget.Options | undefined
  readonly liveMetrics?: LiveMetrics.Options | undefined
}

const known = validation.known<Options>("Reliability", {
  circuitBreaker: true,
  rateLimits: true,
  retryBudget: true,
  liveMetrics: true
})

/** The layer, where all options are known. */
const checked = <A, E, R>(options: Options, layer: Layer.Layer<A, E, R>) =>
  Layer.unwrapEffect(Effect.as(known(options), layer))

/**
 * Guards the routers and optimizers that are built on this Layer. Hedging isn't part of it: it costs extra
 * calls, and is added by a Layer of its own. Fails with an InvalidArgumentError when a number is out of
 * range.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Hedging, MultiLLMOrchestrator, Reliability } from "arc-saga"
 * import { Layer } from "effect"
 *
 * const Guards = Layer.provideMerge(Hedging.layer({ share: 0.02 }), Reliability.layer())
 *
 * // What remains is the registry with the engines.
 * export const Orchestrator = Layer.provide(MultiLLMOrchestrator.layerFor({}), Guards)
 * ```
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  CircuitBreaker.CircuitBreaker | LiveMetrics.LiveMetrics | RateLimits.RateLimits | RetryBudget.RetryBudget,
  InvalidArgumentError
> =>
  checked(
    options,
    Layer.mergeAll(
      CircuitBreaker.layer(options.circuitBreaker),
      RateLimits.layer(options.rateLimits),
      RetryBudget.layer(options.retryBudget),
      LiveMetrics.layer(options.liveMetrics)
    )
  )

/**
 * The same over the stores of the context, which may be shared by several processes: they keep to rate limits
 * together, and an open circuit is open in all of them. Retry budgets and live metrics are each process's own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options = {}
): Layer.Layer<
  CircuitBreaker.CircuitBreaker | LiveMetrics.LiveMetrics | RateLimits.RateLimits | RetryBudget.RetryBudget,
  InvalidArgumentError,
  CircuitStore.CircuitStore | LimitStore.LimitStore
> =>
  checked(
    options,
    Layer.mergeAll(
      CircuitBreaker.layerStore(options.circuitBreaker),
      RateLimits.layerStore(options.rateLimits),
      RetryBudget.layer(options.retryBudget),
      LiveMetrics.layer(options.liveMetrics)
    )
  )
