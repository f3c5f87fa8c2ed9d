/**
 * Stands before every attempt: lets it begin or says why not, and sees how it ended.
 *
 * Circuit breaker, rate limits and budgets are guards; this module is their contract, and the place for
 * one of the user's own. All guards are optional services: a router that finds none does nothing for them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as AIResult from "./AIResult.js"
import type * as AITask from "./AITask.js"
import type { BudgetError } from "./BudgetExceeded.js"
import type { EngineError } from "./EngineError.js"
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
  readonly maxTokens?: number
  /** Stands around the attempt: the place for a span. Run once, when all guards have let it in. */
  readonly around?: <A, E>(attempt: Effect.Effect<A, E>) => Effect.Effect<A, E>
  /** The provider's first content, or its first other sign of work, is there. */
  readonly began?: () => void
  /** What the provider says of its limits. */
  readonly told?: (limits: ReasoningEngine.RateLimitsEvent) => void
  /** The provider says that its answer is whole. */
  readonly finished?: (finish: ReasoningEngine.Finish) => void
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

/**
 * A guard of the user's own. It is asked last.
 *
 * @since 0.1.0
 * @category tags
 */
export class AttemptGuard extends Context.Tag("arc-saga/AttemptGuard")<AttemptGuard, Service>() {}
