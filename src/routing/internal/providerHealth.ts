import * as Effect from "effect/Effect"
import type { AIProvider } from "../../AIProvider.js"
import { optional } from "../../internal/optional.js"
import type { ProviderMetrics } from "../../ProviderMetrics.js"
import * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import * as LiveMetrics from "../../reliability/LiveMetrics.js"
import * as RateLimits from "../../reliability/RateLimits.js"

/** What circuit breaker, rate limits and live metrics know of providers before they are asked. */
export interface ProviderHealth {
  /**
   * The numbers with what is measured: not of a provider whose circuit is half-open, which was measured in
   * its outage: by those numbers it would never be chosen for a probe.
   */
  readonly measured: (known: ProviderMetrics, now: number) => ProviderMetrics
  /** Whether an attempt would find an open circuit at an instant. */
  readonly isCircuitOpen: (provider: AIProvider, userId: string | undefined, at: number) => boolean
  /** Whether the provider's limits are used up, so that an attempt would wait. */
  readonly isExhausted: (provider: AIProvider, now: number) => boolean
}

/** Looks for the optional services, once; undefined when none is there. */
export const fromContext: Effect.Effect<ProviderHealth | undefined> = Effect.map(
  Effect.all([
    optional(CircuitBreaker.CircuitBreaker),
    optional(RateLimits.RateLimits),
    optional(LiveMetrics.LiveMetrics)
  ]),
  ([breaker, limits, live]) => {
    if (breaker === undefined && limits === undefined && live === undefined) return undefined
    return {
      measured: (known, now) =>
        live === undefined || breaker?.unsafeState(known.provider, now)._tag === "half-open"
          ? known
          : live.unsafeBlend(known, now),
      isCircuitOpen: (provider, userId, at) => breaker?.unsafeRefuses(provider, userId, at) === true,
      isExhausted: (provider, now) => limits !== undefined && limits.unsafeReadyAt(provider, now) > now
    }
  }
)

/** Whether an attempt would be refused now, by what is known already. */
export const refuses = (
  health: ProviderHealth | undefined,
  provider: AIProvider,
  userId: string | undefined,
  now: number
): boolean =>
  health !== undefined && (health.isCircuitOpen(provider, userId, now) || health.isExhausted(provider, now))
