/**
 * Admits or refuses every attempt at a provider, and learns how it ended.
 *
 * Circuit breaker, rate limits and budgets are guards; this module is their contract, and the place for
 * one of the user's own. All guards are optional services: a router that finds none does nothing for them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as AIResult from "./AIResult.js"
import type * as AITask from "./AITask.js"
import type { BudgetError } from "./BudgetExceeded.js"
import type { EngineError } from "./EngineError.js"
import { inTurn } from "./internal/inTurn.js"
import type * as ReasoningEngine from "./ReasoningEngine.js"

/**
 * The attempt that asks for admission.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdmissionRequest {
  readonly engine: ReasoningEngine.ReasoningEngine
  /** The task; it always has an id. */
  readonly task: AITask.AITask
  /** The part of the answer that the engine is asked to go on from. */
  readonly prefill: string | undefined
  /** The instant at which the call has to be done, in milliseconds of the Clock. */
  readonly deadline: number
}

/**
 * Why an attempt isn't made. It isn't an attempt then, and isn't accounted as one. An engine's error does
 * what it does in the routing policy, save that an open circuit is never waited for.
 *
 * @since 0.1.0
 * @category errors
 */
export type Refusal = EngineError | BudgetError

/**
 * The lease of an admitted attempt. It is released once, uninterruptibly: by `settle` or by `cancel`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lease {
  /** The most tokens that may be written, where the guard bounds them. */
  readonly maxTokens?: number | undefined
  /** Wraps the attempt: the place for a span. Run once, when all guards have admitted it. */
  readonly wrap?: (<A, E>(attempt: Effect.Effect<A, E>) => Effect.Effect<A, E>) | undefined
  /** Called at the provider's first content, or its first other sign of work. */
  readonly onFirstToken?: (() => void) | undefined
  /** Called with each report that the provider gives of its rate limits. */
  readonly onRateLimits?: ((limits: ReasoningEngine.RateLimitsEvent) => void) | undefined
  /** Called when the provider says that its answer is complete. */
  readonly onFinish?: ((finish: ReasoningEngine.Finish) => void) | undefined
  /** Run when the attempt has ended, with its record. */
  readonly settle: (attempt: AIResult.Attempt) => Effect.Effect<void>
  /** Run in place of `settle` when the attempt wasn't made: another guard refused it. */
  readonly cancel: Effect.Effect<void>
}

/**
 * Admits or refuses every attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Admits an attempt, or fails with the reason. Runs uninterruptibly: it keeps to `deadline` by itself. */
  readonly admit: (request: AdmissionRequest) => Effect.Effect<Lease, Refusal>
}

const join = (leases: ReadonlyArray<Lease>): Lease => {
  const [only] = leases
  if (leases.length === 1 && only !== undefined) return only
  const maxTokens = leases.reduce(
    (least, lease) => Math.min(least, lease.maxTokens ?? least),
    Number.POSITIVE_INFINITY
  )
  return {
    maxTokens: maxTokens === Number.POSITIVE_INFINITY ? undefined : maxTokens,
    wrap: (attempt) =>
      leases.reduce((inner, { wrap }) => (wrap === undefined ? inner : wrap(inner)), attempt),
    onFirstToken: () => {
      for (const { onFirstToken } of leases) onFirstToken?.()
    },
    onRateLimits: (limits) => {
      for (const { onRateLimits } of leases) onRateLimits?.(limits)
    },
    onFinish: (finish) => {
      for (const { onFinish } of leases) onFinish?.(finish)
    },
    settle: (attempt) => inTurn(leases, ({ settle }) => settle(attempt)),
    cancel: inTurn(leases, ({ cancel }) => cancel)
  }
}

/**
 * Several guards as one. They are asked in their order; when one refuses the attempt, the leases of those
 * before are cancelled. The least `maxTokens` holds, and a later guard's `wrap` encloses an earlier one's.
 * A context has room for one guard of the user's own: where there are several, this joins them.
 *
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { AttemptGuard } from "arc-saga"
 * import { Layer } from "effect"
 *
 * export const both = (hours: AttemptGuard.Service, region: AttemptGuard.Service) =>
 *   Layer.succeed(AttemptGuard.AttemptGuard, AttemptGuard.all([hours, region]))
 * ```
 */
export const all = ([first, ...others]: ReadonlyArray<Service>): Service => ({
  admit: (request) =>
    first === undefined
      ? Effect.succeed(join([]))
      : Effect.map(
          others.reduce<Effect.Effect<ReadonlyArray<Lease>, Refusal>>(
            (before, guard) =>
              Effect.flatMap(before, (leases) =>
                Effect.tapErrorCause(
                  Effect.map(guard.admit(request), (lease) => [...leases, lease]),
                  () => inTurn(leases, ({ cancel }) => cancel)
                )
              ),
            Effect.map(first.admit(request), (lease) => [lease])
          ),
          join
        )
})

/**
 * A guard of the user's own. It is asked last. There is one: {@link all} joins several.
 *
 * @since 0.1.0
 * @category tags
 */
export class AttemptGuard extends Context.Tag("arc-saga/AttemptGuard")<AttemptGuard, Service>() {}
