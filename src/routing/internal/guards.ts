import * as Effect from "effect/Effect"
import * as AttemptGuard from "../../AttemptGuard.js"
import * as AttemptObserver from "../../AttemptObserver.js"
import { optional } from "../../internal/optional.js"
import * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import * as Hedging from "../../reliability/Hedging.js"
import * as LiveMetrics from "../../reliability/LiveMetrics.js"
import * as RateLimits from "../../reliability/RateLimits.js"
import * as RetryBudget from "../../reliability/RetryBudget.js"
import * as Sessions from "../Sessions.js"
import * as StateOwners from "../StateOwners.js"
import * as Budgets from "../../spend/Budgets.js"
import * as SpendLedger from "../../spend/SpendLedger.js"
import type * as Telemetry from "../../telemetry/Telemetry.js"
import type { Admission } from "./admission.js"
import * as providerHealth from "./providerHealth.js"
import * as traced from "./traced.js"

/** The optional services of a router; undefined where they aren't there. */
export interface Guards extends Admission {
  readonly health: providerHealth.ProviderHealth | undefined
  readonly retryBudget: RetryBudget.Service | undefined
  readonly hedging: Hedging.Service | undefined
  readonly tracing: Telemetry.Tracing | undefined
  readonly owners: StateOwners.Service
}

const joined = <A>(
  found: ReadonlyArray<A | undefined>,
  all: (some: ReadonlyArray<A>) => A
): A | undefined => {
  const some = found.filter((one) => one !== undefined)
  return some.length > 1 ? all(some) : some[0]
}

/** Looks for the optional services, once. */
export const fromContext: Effect.Effect<Guards> = Effect.gen(function* () {
  const tracing = yield* traced.fromContext
  // The cheap ones are asked first.
  const guards: ReadonlyArray<AttemptGuard.Service | undefined> = [
    tracing?.guard,
    yield* optional(CircuitBreaker.CircuitBreaker),
    yield* optional(RateLimits.RateLimits),
    yield* optional(Budgets.Budgets),
    yield* optional(AttemptGuard.AttemptGuard)
  ]
  const observers: ReadonlyArray<AttemptObserver.Service | undefined> = [
    yield* optional(LiveMetrics.LiveMetrics),
    yield* optional(SpendLedger.SpendLedger),
    yield* optional(Sessions.Sessions),
    yield* optional(AttemptObserver.AttemptObserver)
  ]
  return {
    guard: joined(guards, AttemptGuard.all),
    observer: joined(observers, AttemptObserver.all),
    health: yield* providerHealth.fromContext,
    retryBudget: yield* optional(RetryBudget.RetryBudget),
    hedging: yield* optional(Hedging.Hedging),
    tracing,
    // The numbers are the default ones.
    owners: (yield* optional(StateOwners.StateOwners)) ?? (yield* Effect.orDie(StateOwners.makeMemory()))
  }
})
