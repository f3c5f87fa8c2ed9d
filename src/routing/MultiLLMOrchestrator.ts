/**
 * Takes a task, chooses the provider that serves it best, has it answered, and reports.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as validation from "../internal/validation.js"
import type * as AIProvider from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import * as AITask from "../AITask.js"
import { AnswerObserver } from "../AnswerObserver.js"
import * as CostOptimizer from "./CostOptimizer.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as ids from "../internal/ids.js"
import * as log from "../internal/log.js"
import { optional } from "../internal/optional.js"
import * as pulls from "../internal/pulls.js"
import * as traced from "./internal/traced.js"
import type * as ProviderMetrics from "../ProviderMetrics.js"
import * as ProviderRouter from "./ProviderRouter.js"
import { lacks } from "../ReasoningEngine.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type * as RoutingPolicy from "./RoutingPolicy.js"
import { withBaseline } from "../spend/baseline.js"
import type { Canary } from "./Canary.js"
import * as Strategy from "./Strategy.js"
import * as TaskService from "./TaskService.js"
import { mapResult, type StreamEvent, type StreamInterruptedError } from "../StreamEvent.js"

/**
 * What a task fails with when other providers may be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export type OrchestratorError = TaskService.TaskError

/**
 * What a task fails with when only the chosen provider may be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export type SoleOrchestratorError = TaskService.SoleTaskError

/**
 * How one task is served.
 *
 * @since 0.1.0
 * @category models
 */
export type ServeOptions = TaskService.ServeOptions

/**
 * Serves tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends TaskService.Executing {
  /** Changes the strategy from the next task on; tasks under way keep theirs. */
  readonly updateStrategy: (strategy: Strategy.Strategy) => Effect.Effect<void>
  /** The strategy of the next task. */
  readonly strategy: Effect.Effect<Strategy.Strategy>
}

/**
 * Serves tasks.
 *
 * @since 0.1.0
 * @category tags
 */
export class MultiLLMOrchestrator extends Context.Tag("arc-saga/MultiLLMOrchestrator")<
  MultiLLMOrchestrator,
  Service
>() {}

/**
 * What can be set.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** By what providers are chosen; `balanced` when absent. */
  readonly strategy?: Strategy.Strategy | undefined
  /** Who is tried on a share of the tasks, whatever their strategy; nobody when absent. */
  readonly canary?: Canary | undefined
}

type StreamError = OrchestratorError | SoleOrchestratorError | StreamInterruptedError

/** What is decided for a task. It goes to the router beside the task, whose own fields stay the caller's. */
interface Choice {
  readonly task: AITask.AITask
  readonly options: RoutingPolicy.RouteOptions
  /** The provider that would be asked if the strategy saved nothing; none where the task pins its own. */
  readonly baseline: AIProvider.AIProvider | undefined
  /** For the log. */
  readonly fields: { readonly taskId: string; readonly provider: AIProvider.AIProvider }
}

const failed =
  (choice: Choice) =>
  (error: { readonly _tag: string }): Effect.Effect<void> =>
    log.event(LogLevel.Warning, "orchestrator_task_failed", () => ({ ...choice.fields, error: error._tag }))

const completed = (choice: Choice): Effect.Effect<void> =>
  log.event(LogLevel.Debug, "orchestrator_task_complete", () => choice.fields)

/** How a stream ended: `none` is that all of it was delivered. */
const ended = (choice: Choice, cause: Cause.Cause<Option.Option<StreamError>>): Effect.Effect<void> =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => Effect.void,
    onSome: Option.match({ onNone: () => completed(choice), onSome: failed(choice) })
  })

/**
 * Makes an orchestrator over the providers that the optimizer knows and the registry has engines for.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  Service,
  never,
  CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | ReasoningEngineRegistry
> =>
  Effect.gen(function* () {
    const optimizer = yield* CostOptimizer.CostOptimizer
    const router = yield* ProviderRouter.ProviderRouter
    const registry = yield* ReasoningEngineRegistry
    const observer = yield* optional(AnswerObserver)
    const tracing = yield* traced.fromContext
    const current = yield* Ref.make(options.strategy ?? Strategy.balanced)

    /** The answer, beside what it would have cost where the strategy saves money. */
    const compared = ({ baseline }: Choice, result: AIResult): Effect.Effect<AIResult> =>
      baseline === undefined
        ? Effect.succeed(result)
        : Effect.map(registry.list, (engines) => withBaseline(result, baseline, engines))

    /** The same, of which the observer is told. */
    const observed =
      (choice: Choice, task: AITask.AITask, serve: ServeOptions) =>
      (answer: AIResult): Effect.Effect<AIResult> =>
        observer === undefined
          ? compared(choice, answer)
          : Effect.tap(compared(choice, answer), (result) => observer.answered(task, result, serve))

    const tried = (strategy: Strategy.Strategy): Strategy.Strategy =>
      options.canary?.within(strategy) ?? strategy

    const strategyOf = (serve: ServeOptions): Effect.Effect<Strategy.Strategy> =>
      serve.strategy === undefined
        ? Effect.map(Ref.get(current), tried)
        : Effect.succeed(tried(serve.strategy))

    /** The providers that can be chosen. Who pins one asks for it even when nothing can be chosen. */
    const orderOf = (
      task: AITask.AITask,
      strategy: Strategy.Strategy
    ): Effect.Effect<ReadonlyArray<AIProvider.AIProvider>, CostOptimizer.NoAvailableProviderError> =>
      task.pinned
        ? Effect.orElseSucceed(optimizer.rank(task, strategy), () => [])
        : optimizer.rank(task, strategy)

    /**
     * The pinned provider, or the best that has an engine which can carry the task: those without one are as
     * good as unavailable. Where none can carry it, the best says what is missing.
     */
    const providerOf = (
      task: AITask.AITask,
      order: ReadonlyArray<AIProvider.AIProvider>,
      strategy: Strategy.Strategy
    ): Effect.Effect<AIProvider.AIProvider, CostOptimizer.NoAvailableProviderError> =>
      task.pinned && task.provider !== undefined
        ? Effect.succeed(task.provider)
        : Effect.flatMap(registry.list, (engines) => {
            let best: AIProvider.AIProvider | undefined
            let fit = false
            for (const provider of order) {
              const engine = engines.find((each) => each.provider === provider)
              if (engine === undefined) continue
              const fits = lacks(engine, task).length === 0
              if ((fits && !fit) || best === undefined) best = provider
              fit ||= fits
              // One that has the tools that others would be asked without goes before them.
              if (fits && AITask.within(engine.wires, task) === task) {
                best = provider
                break
              }
            }
            return best === undefined
              ? new CostOptimizer.NoAvailableProviderError({ strategy: strategy.name, unavailable: order })
              : Effect.succeed(best)
          })

    // Every task comes through here: plain flatMaps, which cost a third of a generator.
    const choose = (
      task: AITask.AITask,
      serve: ServeOptions
    ): Effect.Effect<Choice, CostOptimizer.NoAvailableProviderError> =>
      Effect.flatMap(strategyOf(serve), (strategy) =>
        Effect.flatMap(orderOf(task, strategy), (order) =>
          Effect.flatMap(providerOf(task, order, strategy), (provider) =>
            Effect.flatMap(ids.ofTask(task), (taskId) =>
              Effect.flatMap(optimizer.unavailable, (unavailable) => {
                const fields = { taskId, provider }
                return log.eventAs(
                  LogLevel.Debug,
                  "orchestrator_provider_selected",
                  () => ({ ...fields, strategy: strategy.name, pinned: task.pinned }),
                  {
                    task: task.id === undefined ? { ...task, id: taskId } : task,
                    options: {
                      primary: provider,
                      order,
                      unavailable,
                      useFallback: serve.useFallback ?? true,
                      ...(serve.defaultTimeoutMs === undefined
                        ? {}
                        : { defaultTimeoutMs: serve.defaultTimeoutMs })
                    },
                    baseline: task.pinned ? undefined : strategy.baseline,
                    fields
                  }
                )
              })
            )
          )
        )
      )

    const served = TaskService.make({
      complete: (task, serve) =>
        traced.complete(tracing, task, (known) =>
          Effect.flatMap(choose(known, serve), (choice) =>
            router
              .complete(choice.task, choice.options)
              .pipe(
                Effect.tapBoth({ onFailure: failed(choice), onSuccess: () => completed(choice) }),
                Effect.flatMap(observed(choice, known, serve))
              )
          )
        ),
      stream: (task, serve) =>
        traced.stream(tracing, task, (known) =>
          pulls.stream<StreamEvent, StreamError>(
            Effect.flatMap(choose(known, serve), (choice) =>
              Effect.map(pulls.open(router.stream(choice.task, choice.options)), (events) =>
                Effect.matchCauseEffect(events, {
                  onFailure: (cause) => Effect.zipRight(ended(choice, cause), Effect.failCause(cause)),
                  // The caller may act on the last event at once, with feedback for one.
                  onSuccess: (chunk) => mapResult(chunk, observed(choice, known, serve))
                })
              )
            )
          )
        )
    })

    return {
      ...served,
      updateStrategy: (strategy) =>
        Effect.zipRight(
          Ref.set(current, strategy),
          log.event(LogLevel.Info, "orchestrator_strategy_updated", () => ({ strategy: strategy.name }))
        ),
      strategy: Ref.get(current)
    }
  })

/**
 * Serves tasks over services that are there already.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  MultiLLMOrchestrator | TaskService.TaskService,
  never,
  CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | ReasoningEngineRegistry
> =>
  Layer.effectContext(
    Effect.map(make(options), (made) =>
      Context.make(MultiLLMOrchestrator, made).pipe(Context.add(TaskService.TaskService, made))
    )
  )

const knownLayerOptions = validation.known<Parameters<typeof layerFor>[0]>("MultiLLMOrchestrator", {
  providers: true,
  strategy: true,
  canary: true,
  policy: true
})

/**
 * Serves tasks over the registered engines, with an optimizer and a router of its own: everything but the
 * engines in one Layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFor = (options: {
  /**
   * What is known of each provider, in the order that breaks ties; the registered ones when absent. What
   * one costs, where it isn't given, is derived from the price of its engine.
   */
  readonly providers?: ReadonlyArray<ProviderMetrics.Options> | undefined
  /** By what providers are chosen; `balanced` when absent. */
  readonly strategy?: Strategy.Strategy | undefined
  /** Who is tried on a share of the tasks, whatever their strategy; nobody when absent. */
  readonly canary?: Canary | undefined
  /** How tasks are routed; the default policy when absent. */
  readonly policy?: RoutingPolicy.Options | undefined
}): Layer.Layer<
  MultiLLMOrchestrator | TaskService.TaskService,
  InvalidArgumentError,
  ReasoningEngineRegistry
> =>
  Layer.unwrapEffect(
    Effect.as(
      knownLayerOptions(options),
      layer(options).pipe(
        Layer.provide(CostOptimizer.layerEngines(options.providers)),
        Layer.provide(ProviderRouter.layer(options.policy))
      )
    )
  )
