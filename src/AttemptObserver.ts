/**
 * Sees every attempt once, when it has ended, whatever ended it: the place for metrics and accounting.
 *
 * The service is optional: a router that finds none in its context does nothing for it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as AIResult from "./AIResult.js"
import type * as AITask from "./AITask.js"
import { inTurn } from "./internal/inTurn.js"

/**
 * Sees every attempt once, when it has ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Runs uninterruptibly before the call goes on: keep it short. It is called for attempts that succeeded,
   * failed, were cut, interrupted or discarded.
   */
  readonly observe: (attempt: AIResult.Attempt, task: AITask.AITask) => Effect.Effect<void>
}

/**
 * Several observers as one: each sees every attempt, one after the other in their order. A context has room
 * for one observer: where there are several, this joins them.
 *
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { AttemptObserver } from "arc-saga"
 * import { Layer } from "effect"
 *
 * export const both = (metrics: AttemptObserver.Service, audit: AttemptObserver.Service) =>
 *   Layer.succeed(AttemptObserver.AttemptObserver, AttemptObserver.all([metrics, audit]))
 * ```
 */
export const all = (observers: ReadonlyArray<Service>): Service => ({
  observe: (attempt, task) => inTurn(observers, ({ observe }) => observe(attempt, task))
})

/**
 * Sees every attempt once, when it has ended. There is one in a context: {@link all} joins several.
 *
 * @since 0.1.0
 * @category tags
 */
export class AttemptObserver extends Context.Tag("arc-saga/AttemptObserver")<AttemptObserver, Service>() {}
