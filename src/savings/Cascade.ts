/**
 * Asks cheap providers first and takes an answer of theirs when there is evidence that it is good; if there
 * is none, the last provider answers.
 *
 * A cascade stands above the router: each provider is asked by a call of its own, with what is left of the
 * one deadline, and what an error does stays with the routing policy. All attempts are in the result, and
 * rejected answers are paid like any other. Nothing of a stream is delivered before its answer is accepted.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as numbers from "../internal/numbers.js"
import * as Acceptance from "./Acceptance.js"
import * as AIProvider from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import type * as AITask from "../AITask.js"
import { AnswerObserver } from "../AnswerObserver.js"
import * as CostOptimizer from "../routing/CostOptimizer.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as progress from "./internal/progress.js"
import * as ids from "../internal/ids.js"
import * as log from "../internal/log.js"
import { optional } from "../internal/optional.js"
import { given } from "../internal/options.js"
import * as validation from "../internal/validation.js"
import * as ProviderRouter from "../routing/ProviderRouter.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import { withBaseline } from "../spend/baseline.js"
import * as Strategy from "../routing/Strategy.js"
import * as TaskService from "../routing/TaskService.js"
import { mapResult } from "../StreamEvent.js"
import * as kept from "../wire/kept.js"

const Step = Schema.Union(AIProvider.AIProvider, Schema.NonEmptyArray(AIProvider.AIProvider)).annotations({
  description: "a provider, or several that are asked at once"
})

const Plan = Schema.Struct({
  asks: Schema.NonEmptyArray(Step),
  last: AIProvider.AIProvider,
  timeoutMs: Schema.optional(numbers.timeoutMs)
}).pipe(
  Schema.filter(({ asks, last }) => {
    const all = [...asks.flat(), last]
    const twice = all.find((provider, index) => all.indexOf(provider) !== index)
    return twice === undefined
      ? undefined
      : { path: ["asks"], message: `Expected each provider once, actual ${twice} twice` }
  })
)

/**
 * The providers of a cascade, and what it accepts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Whose answers have to be accepted, cheap ones first; several in one step are asked at once. */
  readonly asks: readonly [
    string | readonly [string, ...ReadonlyArray<string>],
    ...ReadonlyArray<string | readonly [string, ...ReadonlyArray<string>]>
  ]
  /** Who answers when no answer was accepted, with all fallbacks of the routing policy. */
  readonly last: string
  readonly accept: Acceptance.Acceptance
  /** Milliseconds for the whole of a task that says nothing, as in the routing policy; those of the call when absent. */
  readonly timeoutMs?: number | undefined
}

/**
 * What a task fails with when other providers may be asked.
 *
 * @since 0.1.0
 * @category errors
 */
export type CascadeError = TaskService.TaskError

/**
 * Serves tasks: as a stream, an accepted answer comes in one piece, and the last provider's as it is written.
 *
 * Where no fallback is allowed, the last provider answers alone. A strategy ranks its fallbacks; by quality when
 * absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends TaskService.Executing {}

/**
 * Serves tasks.
 *
 * @since 0.1.0
 * @category tags
 */
export class Cascade extends Context.Tag("arc-saga/Cascade")<Cascade, Service>() {}

const decode = validation.decoder("Cascade", Plan)

type Step = ReadonlyArray<AIProvider.AIProvider>

/** What is decided of the last call: which provider the router asks first, and which may follow it. */
interface LastCall extends Pick<RoutingPolicy.RouteOptions, "order" | "unavailable" | "useFallback"> {
  readonly primary: AIProvider.AIProvider
}

/** The providers of one task, as far as they are there. */
interface Route {
  readonly steps: ReadonlyArray<Step>
  readonly options: LastCall
}

/** The outcome of the cheap steps: an accepted answer, or the task for the last provider. */
interface CheapSteps {
  readonly current: progress.Progress
  readonly accepted: Option.Option<AIResult>
  readonly task: AITask.AITask
  readonly options: LastCall
}

/** The share of the remaining time that a step or a check may take: the next provider needs some, too. */
const shareOfTime = 0.5

/**
 * Makes a cascade over the available providers. Fails with an InvalidArgumentError when a provider is named
 * twice or a limit isn't above 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  Service,
  InvalidArgumentError,
  CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | ReasoningEngineRegistry
> =>
  Effect.gen(function* () {
    const { accept: acceptance, ...own } = options
    const plan = yield* decode(given(own))
    const optimizer = yield* CostOptimizer.CostOptimizer
    const router = yield* ProviderRouter.ProviderRouter
    const registry = yield* ReasoningEngineRegistry
    const observer = yield* optional(AnswerObserver)

    const routeOf = (
      task: AITask.AITask,
      { strategy = Strategy.quality, useFallback = true }: TaskService.ServeOptions
    ): Effect.Effect<Route, CostOptimizer.NoAvailableProviderError> =>
      Effect.gen(function* () {
        const order = yield* optimizer.rank(task, strategy)
        const unavailable = yield* optimizer.unavailable
        const engines = yield* registry.list
        const able = engines
          .filter((engine) => ReasoningEngine.lacks(engine, task).length === 0)
          .map(({ provider }) => provider)
        const there = (provider: AIProvider.AIProvider): boolean =>
          order.includes(provider) && able.includes(provider)
        const pinned = task.pinned ? task.provider : undefined
        return {
          // A pinned provider answers, and no other.
          steps:
            pinned === undefined &&
            useFallback &&
            kept.of(task) === undefined &&
            Acceptance.applies(acceptance, task)
              ? plan.asks.map((step) => [step].flat().filter(there)).filter((step) => step.length > 0)
              : [],
          options: {
            primary: pinned ?? (there(plan.last) ? plan.last : (order.find(there) ?? plan.last)),
            order,
            unavailable
          }
        }
      })

    /** Asks one provider alone: the cascade goes on where the policy would fail over. */
    const askOne = (
      current: progress.Progress,
      task: AITask.AITask,
      provider: AIProvider.AIProvider
    ): Effect.Effect<progress.StepResult, ProviderRouter.RouteError> =>
      Effect.gen(function* () {
        const engines = yield* registry.list
        const now = yield* Clock.currentTimeMillis
        const others = new Set(engines.map((engine) => engine.provider).filter((other) => other !== provider))
        const timeoutMs = Math.max(1, shareOfTime * (current.deadline - now))
        const asked = { ...task, mode: "complete", timeoutMs } as const
        return yield* router.complete(asked, { primary: provider, order: [], unavailable: others }).pipe(
          Effect.map((result) => progress.answered(provider, result, now)),
          Effect.catchTags({
            AllProvidersFailedError: ({ attempts }) =>
              Effect.succeed(progress.failed(provider, attempts, now)),
            EngineNotRegisteredError: () => Effect.succeed(progress.failed(provider, [], now)),
            // A longer window may be next. The provider has refused to begin: nothing was used.
            ContextLengthError: (error) =>
              Effect.map(Clock.currentTimeMillis, (endedAt) =>
                progress.failed(provider, [progress.refused(error, now, endedAt)], now)
              )
          })
        )
      })

    /** The answer that is accepted of those so far; a check that takes too long accepts nothing. */
    const judge = (
      current: progress.Progress,
      task: AITask.AITask,
      latest: ReadonlyArray<progress.StepResult>
    ): Effect.Effect<Option.Option<progress.StepAnswer>> =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        acceptance
          .accept({
            task,
            asked: current.steps.map(({ provider }) => provider),
            answers: progress.answersOf(current.steps),
            latest: progress.answersOf(latest)
          })
          .pipe(
            Effect.disconnect,
            Effect.timeoutTo({
              duration: Math.max(0, shareOfTime * (current.deadline - now)),
              onSuccess: Option.flatMap((answer: AIResult) => progress.answerOf(current, answer)),
              onTimeout: () => Option.none()
            })
          )
      )

    const runSteps = (
      current: progress.Progress,
      task: AITask.AITask,
      steps: Route["steps"]
    ): Effect.Effect<
      { readonly current: progress.Progress; readonly accepted: Option.Option<progress.StepAnswer> },
      ProviderRouter.RouteError
    > =>
      Effect.gen(function* () {
        const [step, ...rest] = steps
        if (step === undefined) return { current, accepted: Option.none() }
        const latest = yield* Effect.forEach(step, (provider) => askOne(current, task, provider), {
          concurrency: "unbounded"
        })
        const after = { ...current, steps: [...current.steps, ...latest] }
        const accepted = yield* judge(after, task, latest)
        if (Option.isNone(accepted)) return yield* runSteps(after, task, rest)
        return { current: after, accepted }
      })

    /** Tells of the answer, beside what it would have cost at the last provider. */
    const concluded = (
      task: AITask.AITask,
      answer: AIResult,
      serve: TaskService.ServeOptions
    ): Effect.Effect<AIResult> =>
      Effect.tap(
        task.pinned
          ? Effect.succeed(answer)
          : Effect.map(registry.list, (engines) => withBaseline(answer, plan.last, engines)),
        (result) => observer?.answered(task, result, serve) ?? Effect.void
      )

    const tryCheapSteps = (
      task: AITask.AITask,
      serve: TaskService.ServeOptions
    ): Effect.Effect<CheapSteps, TaskService.TaskError> =>
      Effect.gen(function* () {
        const id = yield* ids.ofTask(task)
        const startedAt = yield* Clock.currentTimeMillis
        const timeoutMs =
          task.timeoutMs ?? plan.timeoutMs ?? serve.defaultTimeoutMs ?? RoutingPolicy.defaultLimits.timeoutMs
        const begun = { startedAt, deadline: startedAt + timeoutMs, steps: [] }
        const named = { ...task, id }
        const { options, steps } = yield* routeOf(named, serve)
        const { accepted, current } = yield* runSteps(begun, named, steps)
        const now = yield* Clock.currentTimeMillis
        const rest = { ...named, timeoutMs: Math.max(1, current.deadline - now) }
        return yield* log.eventAs(
          LogLevel.Debug,
          Option.isSome(accepted) ? "cascade_accepted" : "cascade_escalated",
          () => ({
            taskId: id,
            provider: Option.match(accepted, {
              onNone: () => options.primary,
              onSome: ({ step }) => step.provider
            }),
            acceptance: acceptance.name,
            asked: current.steps.length
          }),
          {
            current,
            accepted: Option.map(accepted, (answer) => progress.accept(current, answer, now)),
            task: rest,
            options: { ...options, useFallback: serve.useFallback ?? true }
          }
        )
      })

    const served = TaskService.make({
      complete: (task, serve) =>
        Effect.flatMap(tryCheapSteps(task, serve), ({ accepted, current, options, task: rest }) =>
          Option.match(accepted, {
            onSome: Effect.succeed,
            onNone: () =>
              Effect.flatMap(Clock.currentTimeMillis, (askedAt) =>
                router.complete(rest, options).pipe(
                  Effect.map((result) => progress.escalate(current, result, askedAt)),
                  Effect.catchTag("AllProvidersFailedError", (error) => progress.allFailed(current, error))
                )
              )
          })
        ).pipe(Effect.flatMap((result) => concluded(task, result, serve))),
      stream: (task, serve) =>
        Stream.unwrap(
          Effect.map(tryCheapSteps(task, serve), ({ accepted, current, options, task: rest }) => {
            const events: TaskService.Streamed<TaskService.TaskError | TaskService.SoleTaskError> =
              Option.match(accepted, {
                onSome: (result) => Stream.fromIterable(progress.eventsOf(result)),
                onNone: () =>
                  Stream.unwrap(
                    Effect.map(Clock.currentTimeMillis, (askedAt) =>
                      router.stream(rest, options).pipe(
                        Stream.map((event) => progress.escalated(current, event, askedAt)),
                        Stream.mapError((error) =>
                          error._tag === "AllProvidersFailedError"
                            ? progress.allFailed(current, error)
                            : error._tag === "StreamInterruptedError"
                              ? progress.interrupted(current, error)
                              : error
                        )
                      )
                    )
                  )
              })
            return Stream.mapChunksEffect(events, (chunk) =>
              mapResult(chunk, (result) => concluded(task, result, serve))
            )
          })
        )
    })
    return { ...served, strategy: Effect.succeed({ name: "cascade" }) }
  })

/**
 * Serves tasks by a cascade.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<
  Cascade | TaskService.TaskService,
  InvalidArgumentError,
  CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | ReasoningEngineRegistry
> =>
  Layer.effectContext(
    Effect.map(make(options), (made) =>
      Context.make(Cascade, made).pipe(Context.add(TaskService.TaskService, made))
    )
  )
