/**
 * Stands before every attempt: lets it begin or says why not, and sees how it ended.
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
 * The attempt that is about to be made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked {
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
 * An attempt that was let in. Exactly one of `settle` and `withdraw` is run, once, and uninterruptibly.
 *
 * @since 0.1.0
 * @category models
 */
export interface Permit {
  /** The most tokens that may be written, where the guard bounds them. */
  readonly maxTokens?: number | undefined
  /** Stands around the attempt: the place for a span. Run once, when all guards have let it in. */
  readonly around?: (<A, E>(attempt: Effect.Effect<A, E>) => Effect.Effect<A, E>) | undefined
  /** The provider's first content, or its first other sign of work, is there. */
  readonly began?: (() => void) | undefined
  /** What the provider says of its limits. */
  readonly told?: ((limits: ReasoningEngine.RateLimitsEvent) => void) | undefined
  /** The provider says that its answer is whole. */
  readonly finished?: ((finish: ReasoningEngine.Finish) => void) | undefined
  /** The attempt has ended, however it did. */
  readonly settle: (attempt: AIResult.Attempt) => Effect.Effect<void>
  /** The attempt wasn't made after all: another guard refused it. */
  readonly withdraw: Effect.Effect<void>
}

/**
 * Stands before every attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Lets an attempt begin, or says why not. Runs uninterruptibly: it keeps to `deadline` by itself. */
  readonly admit: (asked: Asked) => Effect.Effect<Permit, Refusal>
}

const join = (permits: ReadonlyArray<Permit>): Permit => {
  const [only] = permits
  if (permits.length === 1 && only !== undefined) return only
  const maxTokens = permits.reduce(
    (least, permit) => Math.min(least, permit.maxTokens ?? least),
    Number.POSITIVE_INFINITY
  )
  return {
    maxTokens: maxTokens === Number.POSITIVE_INFINITY ? undefined : maxTokens,
    around: (attempt) =>
      permits.reduce((inner, { around }) => (around === undefined ? inner : around(inner)), attempt),
    began: () => {
      for (const { began } of permits) began?.()
    },
    told: (limits) => {
      for (const { told } of permits) told?.(limits)
    },
    finished: (finish) => {
      for (const { finished } of permits) finished?.(finish)
    },
    settle: (attempt) => inTurn(permits, ({ settle }) => settle(attempt)),
    withdraw: inTurn(permits, ({ withdraw }) => withdraw)
  }
}

/**
 * Several guards as one. They are asked in their order; when one refuses the attempt, those that let it in
 * before withdraw. The least `maxTokens` holds, and a later guard's `around` stands around an earlier one's.
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
export const all = (guards: ReadonlyArray<Service>): Service => ({
  admit: (asked) =>
    Effect.map(
      guards.reduce<Effect.Effect<ReadonlyArray<Permit>, Refusal>>(
        (before, guard) =>
          Effect.flatMap(before, (permits) =>
            Effect.tapErrorCause(
              Effect.map(guard.admit(asked), (permit) => [...permits, permit]),
              () => inTurn(permits, ({ withdraw }) => withdraw)
            )
          ),
        Effect.succeed([])
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
