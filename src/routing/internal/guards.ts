import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import type { AIProvider } from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import * as AttemptGuard from "../../AttemptGuard.js"
import * as AttemptObserver from "../../AttemptObserver.js"
import * as Budgets from "../../spend/Budgets.js"
import * as CircuitBreaker from "../../reliability/CircuitBreaker.js"
import * as Hedging from "../../reliability/Hedging.js"
import * as LiveMetrics from "../../reliability/LiveMetrics.js"
import * as RateLimits from "../../reliability/RateLimits.js"
import * as RetryBudget from "../../reliability/RetryBudget.js"
import * as SpendLedger from "../../spend/SpendLedger.js"
import * as Telemetry from "../../telemetry/Telemetry.js"
import type { ProviderMetrics } from "../../ProviderMetrics.js"

/** The guards and observers of a router's attempts. */
export interface Guards {
  readonly guard: AttemptGuard.Service | undefined
  readonly observer: AttemptObserver.Service | undefined
  readonly retryBudget: RetryBudget.Service | undefined
  readonly hedging: Hedging.Service | undefined
  readonly tracing: Telemetry.Tracing | undefined
  /** Whether an attempt would find an open circuit at an instant, by what is known already. */
  readonly isCircuitOpen: (provider: AIProvider, task: AITask.AITask, at: number) => boolean
  /** Whether an attempt would be refused now, by what is known already. */
  readonly refuses: (provider: AIProvider, task: AITask.AITask, now: number) => boolean
}

/** What an optimizer knows of its providers besides the numbers that it was given. */
export interface ProviderHealth {
  /**
   * The numbers with what is measured: not of a provider whose circuit is half-open, which was measured in
   * its outage: by those numbers it would never be chosen for a probe.
   */
  readonly measured: (known: ProviderMetrics, now: number) => ProviderMetrics
  /** Whether the provider's circuit is open: it isn't to be chosen now. */
  readonly isCircuitOpen: (provider: AIProvider, userId: string | undefined, now: number) => boolean
  /** Whether it could be asked only after a while: others are chosen before it. */
  readonly exhausted: (provider: AIProvider, now: number) => boolean
}

/** Looks for the optional services of an optimizer, once; none when none is there. */
export const healthFromContext: Effect.Effect<Option.Option<ProviderHealth>> = Effect.map(
  Effect.all([
    Effect.serviceOption(CircuitBreaker.CircuitBreaker),
    Effect.serviceOption(RateLimits.RateLimits),
    Effect.serviceOption(LiveMetrics.LiveMetrics)
  ]),
  ([breaker, limits, live]) => {
    if (Option.isNone(breaker) && Option.isNone(limits) && Option.isNone(live)) return Option.none()
    return Option.some({
      measured: Option.match(live, {
        onNone: () => (known: ProviderMetrics) => known,
        onSome:
          ({ unsafeBlend }) =>
          (known: ProviderMetrics, now: number) =>
            Option.exists(breaker, ({ unsafeState }) => unsafeState(known.provider, now)._tag === "half-open")
              ? known
              : unsafeBlend(known, now)
      }),
      isCircuitOpen: Option.match(breaker, {
        onNone: () => () => false,
        onSome: ({ unsafeRefuses }) => unsafeRefuses
      }),
      exhausted: Option.match(limits, {
        onNone: () => () => false,
        onSome:
          ({ unsafeReadyAt }) =>
          (provider: AIProvider, now: number) =>
            unsafeReadyAt(provider, now) > now
      })
    })
  }
)

/** Looks for the telemetry, once. */
export const tracingFromContext: Effect.Effect<Telemetry.Tracing | undefined> = Effect.map(
  Effect.all([
    Effect.serviceOption(Telemetry.Telemetry),
    Effect.serviceOption(CircuitBreaker.CircuitBreaker)
  ]),
  ([telemetry, breaker]) => Option.getOrUndefined(telemetry)?.tracing(breaker)
)

const joined = <A>(
  found: ReadonlyArray<Option.Option<A>>,
  all: (some: ReadonlyArray<A>) => A
): A | undefined => {
  const some = Arr.getSomes(found)
  return some.length > 1 ? all(some) : some[0]
}

/** Looks for the optional services, once. */
export const fromContext: Effect.Effect<Guards> = Effect.map(
  Effect.all([
    Effect.serviceOption(CircuitBreaker.CircuitBreaker),
    Effect.serviceOption(RateLimits.RateLimits),
    Effect.serviceOption(Budgets.Budgets),
    Effect.serviceOption(AttemptGuard.AttemptGuard),
    Effect.serviceOption(LiveMetrics.LiveMetrics),
    Effect.serviceOption(SpendLedger.SpendLedger),
    Effect.serviceOption(AttemptObserver.AttemptObserver),
    Effect.serviceOption(RetryBudget.RetryBudget),
    Effect.serviceOption(Hedging.Hedging),
    tracingFromContext
  ]),
  ([breaker, limits, budgets, own, live, ledger, observer, retryBudget, hedging, tracing]) => {
    const circuits = Option.getOrUndefined(breaker)
    const rates = Option.getOrUndefined(limits)
    const isCircuitOpen: Guards["isCircuitOpen"] = (provider, { userId }, at) =>
      circuits?.unsafeRefuses(provider, userId, at) === true
    return {
      // The cheap ones are asked first.
      guard: joined<AttemptGuard.Service>(
        [Option.fromNullable(tracing?.guard), breaker, limits, budgets, own],
        AttemptGuard.all
      ),
      observer: joined<AttemptObserver.Service>([live, ledger, observer], AttemptObserver.all),
      retryBudget: Option.getOrUndefined(retryBudget),
      hedging: Option.getOrUndefined(hedging),
      tracing,
      isCircuitOpen,
      refuses: (provider, task, now) =>
        isCircuitOpen(provider, task, now) ||
        (rates !== undefined && rates.unsafeReadyAt(provider, now) > now)
    }
  }
)

/** Settles the lease of an ended attempt, then tells the observers. */
export const ended = (
  { observer }: Guards,
  lease: AttemptGuard.Lease | undefined,
  record: AIResult.Attempt,
  task: AITask.AITask
): Effect.Effect<void> => {
  const observed = observer?.observe(record, task) ?? Effect.void
  return lease === undefined ? observed : Effect.zipRight(lease.settle(record), observed)
}
