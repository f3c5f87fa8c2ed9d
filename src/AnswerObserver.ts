/**
 * Sees every answer once, before its caller has all of it: the place for what learns from answers.
 *
 * The service is optional: an orchestrator or a cascade that finds none in its context does nothing for it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { AIResult } from "./AIResult.js"
import type * as AITask from "./AITask.js"
import { inTurn } from "./internal/inTurn.js"

/**
 * How an answered task was to be served, as its caller said.
 *
 * @since 0.1.0
 * @category models
 */
export interface Serving {
  /** Whether other providers may be asked; true when absent. */
  readonly useFallback?: boolean | undefined
}

/**
 * Sees every answer once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Runs before the caller gets a complete answer, or the last event of a stream: keep it short. Tasks that
   * fail, and streams that are left before their end, have no answer. What asks other providers by itself leaves out tasks
   * that were served with `useFallback: false`.
   */
  readonly answered: (task: AITask.AITask, result: AIResult, serving?: Serving) => Effect.Effect<void>
  /** Runs when a caller says how good the answer to a task was, from 0 to 1. */
  readonly judged?: ((taskId: string, score: number) => Effect.Effect<void>) | undefined
}

/**
 * Several observers as one: each sees every answer, one after the other in their order. A context has room
 * for one observer: where there are several, this joins them.
 *
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { AnswerObserver, QualityModel } from "arc-saga"
 * import { Effect, Layer } from "effect"
 *
 * const counted = { answered: () => Effect.logInfo("answered") }
 *
 * export const Learned = Layer.effect(
 *   AnswerObserver.AnswerObserver,
 *   Effect.map(QualityModel.QualityModel, (model) =>
 *     AnswerObserver.all([QualityModel.observer(model), counted])
 *   )
 * ).pipe(Layer.provideMerge(QualityModel.layerFile("model.json")))
 * ```
 */
export const all = (observers: ReadonlyArray<Service>): Service => ({
  answered: (task, result, serving) => inTurn(observers, ({ answered }) => answered(task, result, serving)),
  judged: (taskId, score) => inTurn(observers, ({ judged }) => judged?.(taskId, score) ?? Effect.void)
})

/**
 * Sees every answer once. There is one in a context: {@link all} joins several.
 *
 * @since 0.1.0
 * @category tags
 */
export class AnswerObserver extends Context.Tag("arc-saga/AnswerObserver")<AnswerObserver, Service>() {}
