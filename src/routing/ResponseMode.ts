/**
 * The two deliveries of an answer, whole or as it is written, over a single engine: no selection, no
 * retries, no fallback. What a router does for many, for programs that have one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { AIResult } from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type { EngineError } from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as call from "./internal/call.js"
import * as delivery from "./internal/delivery.js"
import * as guards from "./internal/guards.js"
import type { Given } from "../internal/options.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import * as RoutingPolicy from "./RoutingPolicy.js"
import type { StreamEvent, StreamInterruptedError } from "../StreamEvent.js"

/**
 * Delivers answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The whole answer. */
  readonly complete: (task: AITask.AITask) => Effect.Effect<AIResult, EngineError>
  /** The answer as it is written, between `Started` and `Completed`. */
  readonly stream: (task: AITask.AITask) => Stream.Stream<StreamEvent, EngineError | StreamInterruptedError>
  /** One or the other, as the task's mode says. */
  readonly execute: {
    (task: AITask.AITask<"complete">): Effect.Effect<AIResult, EngineError>
    (task: AITask.AITask<"streaming">): Stream.Stream<StreamEvent, EngineError | StreamInterruptedError>
    (
      task: AITask.AITask
    ): Effect.Effect<AIResult, EngineError> | Stream.Stream<StreamEvent, EngineError | StreamInterruptedError>
  }
}

/**
 * Delivers answers.
 *
 * @since 0.1.0
 * @category tags
 */
export class ResponseMode extends Context.Tag("arc-saga/ResponseMode")<ResponseMode, Service>() {}

/**
 * Delivers the answers of one engine within the given limits. Fails with an InvalidArgumentError when a
 * limit isn't above 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  engine: ReasoningEngine,
  limits: Given<RoutingPolicy.Limits> = {}
): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.gen(function* () {
    const policy = yield* RoutingPolicy.make({ limits })
    const around = yield* guards.fromContext
    const begin = (task: AITask.AITask) => call.begin(task, policy, around)
    const route: delivery.Route<EngineError> = (current, mode, goal) =>
      call.attempt(current, engine, { mode, goal, bounds: call.boundsOf(current, engine, () => true) })

    const complete: Service["complete"] = (task) => delivery.complete(begin(task), route)
    const stream: Service["stream"] = (task) =>
      delivery.stream(begin(task), route, () => Effect.succeed(Option.none()))

    function execute(task: AITask.AITask<"complete">): ReturnType<Service["complete"]>
    function execute(task: AITask.AITask<"streaming">): ReturnType<Service["stream"]>
    function execute(task: AITask.AITask): ReturnType<Service["complete"]> | ReturnType<Service["stream"]>
    function execute(task: AITask.AITask): ReturnType<Service["complete"]> | ReturnType<Service["stream"]> {
      return task.mode === "streaming" ? stream(task) : complete(task)
    }

    return { complete, stream, execute }
  })

/**
 * Delivers the answers of one engine.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  engine: ReasoningEngine,
  limits: Given<RoutingPolicy.Limits> = {}
): Layer.Layer<ResponseMode, InvalidArgumentError> => Layer.effect(ResponseMode, make(engine, limits))
