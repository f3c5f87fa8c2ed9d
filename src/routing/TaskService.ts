/**
 * What serves tasks: all that a gateway, a command line or a language model asks of what stands behind it.
 *
 * An orchestrator and a cascade both are one, and their layers provide it, so that one stands in the other's
 * place by another Layer. What wraps one gives one back.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { AIResult } from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type * as CostOptimizer from "./CostOptimizer.js"
import * as ProviderRouter from "./ProviderRouter.js"
import type * as Strategy from "./Strategy.js"
import type { StreamEvent, StreamInterruptedError } from "../StreamEvent.js"

/**
 * What a task fails with when other providers may be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export type TaskError = ProviderRouter.RouteError | CostOptimizer.NoAvailableProviderError

/**
 * What a task fails with when only the chosen provider may be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export type SoleTaskError = ProviderRouter.SoleRouteError | CostOptimizer.NoAvailableProviderError

/**
 * How one task is served.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServeOptions {
  /** Whether other providers are asked when the chosen one fails; true when absent. */
  readonly useFallback?: boolean | undefined
  /** By what the provider of this task is chosen, where there is a choice; the service's own strategy when absent. */
  readonly strategy?: Strategy.Strategy | undefined
  /** Milliseconds for the call where neither the task nor the policy says, as RouteOptions have it. */
  readonly defaultTimeoutMs?: number | undefined
}

/**
 * Options that forbid other providers.
 *
 * @since 0.1.0
 * @category models
 */
export type Sole = ServeOptions & { readonly useFallback: false }

/**
 * Options that allow other providers.
 *
 * @since 0.1.0
 * @category models
 */
export type Chained = ServeOptions & { readonly useFallback?: true | undefined }

/**
 * A whole answer, or an error.
 *
 * @since 0.1.0
 * @category models
 */
export type Whole<E> = Effect.Effect<AIResult, E>

/**
 * An answer as it is written, or an error.
 *
 * @since 0.1.0
 * @category models
 */
export type Streamed<E> = Stream.Stream<StreamEvent, E | StreamInterruptedError>

/**
 * Serves tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** By what it chooses now, where that has a name: what logs, tables and settings call it by. */
  readonly strategy?: Effect.Effect<{ readonly name: string }> | undefined
  /** The whole answer. */
  readonly complete: {
    (task: AITask.AITask, options: Sole): Whole<SoleTaskError>
    (task: AITask.AITask, options?: Chained): Whole<TaskError>
    (task: AITask.AITask, options?: ServeOptions): Whole<TaskError | SoleTaskError>
  }
  /** The answer as it is written, between `Started` and `Completed`. */
  readonly stream: {
    (task: AITask.AITask, options: Sole): Streamed<SoleTaskError>
    (task: AITask.AITask, options?: Chained): Streamed<TaskError>
    (task: AITask.AITask, options?: ServeOptions): Streamed<TaskError | SoleTaskError>
  }
}

/**
 * A service that also asks the one way or the other, as the task's mode says.
 *
 * @since 0.1.0
 * @category models
 */
export interface Executing extends Service {
  /** One or the other, as the task's mode says. */
  readonly execute: {
    (task: AITask.AITask<"complete">): Whole<TaskError>
    (task: AITask.AITask<"streaming">): Streamed<TaskError>
    (task: AITask.AITask): Whole<TaskError> | Streamed<TaskError>
  }
}

/**
 * Serves tasks.
 *
 * @since 0.1.0
 * @category tags
 */
export class TaskService extends Context.Tag("arc-saga/TaskService")<TaskService, Service>() {}

/**
 * Makes a service of its two deliveries, which fail as their options say: with what {@link SoleTaskError} has
 * where `useFallback` is false, and else with what {@link TaskError} has.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (deliveries: {
  readonly complete: (task: AITask.AITask, options: ServeOptions) => Whole<TaskError | SoleTaskError>
  readonly stream: (task: AITask.AITask, options: ServeOptions) => Streamed<TaskError | SoleTaskError>
}): Executing => {
  function complete(task: AITask.AITask, options: Sole): Whole<SoleTaskError>
  function complete(task: AITask.AITask, options?: Chained): Whole<TaskError>
  function complete(task: AITask.AITask, options?: ServeOptions): Whole<TaskError | SoleTaskError>
  function complete(task: AITask.AITask, options: ServeOptions = {}): Whole<TaskError | SoleTaskError> {
    return deliveries.complete(task, options)
  }

  function stream(task: AITask.AITask, options: Sole): Streamed<SoleTaskError>
  function stream(task: AITask.AITask, options?: Chained): Streamed<TaskError>
  function stream(task: AITask.AITask, options?: ServeOptions): Streamed<TaskError | SoleTaskError>
  function stream(task: AITask.AITask, options: ServeOptions = {}): Streamed<TaskError | SoleTaskError> {
    return deliveries.stream(task, options)
  }

  function execute(task: AITask.AITask<"complete">): Whole<TaskError>
  function execute(task: AITask.AITask<"streaming">): Streamed<TaskError>
  function execute(task: AITask.AITask): Whole<TaskError> | Streamed<TaskError>
  function execute(task: AITask.AITask): Whole<TaskError> | Streamed<TaskError> {
    return task.mode === "streaming" ? stream(task) : complete(task)
  }

  return { complete, stream, execute }
}

/**
 * The router alone: the task's own provider, or the first that is registered, and its fallbacks. There is
 * nothing to choose by a strategy.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRouter: Layer.Layer<TaskService, never, ProviderRouter.ProviderRouter> = Layer.effect(
  TaskService,
  ProviderRouter.ProviderRouter
)
