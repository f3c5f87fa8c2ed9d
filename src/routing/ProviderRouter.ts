/**
 * Takes one task over a chain of providers: retries inside, fallback outside, one deadline around it all.
 *
 * The router is the only one that retries. What each error does is data, in the RoutingPolicy.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as AIResult from "../AIResult.js"
import type { AIProvider } from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import type { Refusal } from "../AttemptGuard.js"
import * as BudgetExceeded from "../BudgetExceeded.js"
import * as EngineError from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as call from "./internal/call.js"
import * as delivery from "./internal/delivery.js"
import * as guards from "./internal/guards.js"
import * as hedge from "./internal/hedge.js"
import * as log from "../internal/log.js"
import { larger, type Plan, planOf } from "./internal/plan.js"
import * as resume from "./internal/resume.js"
import * as retry from "./internal/retry.js"
import * as traced from "./internal/traced.js"
import { trusted } from "../internal/validation.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import { type EngineNotRegisteredError, ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import * as RoutingPolicy from "./RoutingPolicy.js"
import type { Attempt } from "./internal/attempt.js"
import type { StreamEvent, StreamInterruptedError } from "../StreamEvent.js"
import * as kept from "../wire/kept.js"
import * as bound from "./internal/bound.js"
import type { StateUnavailableError } from "./StateOwners.js"

/**
 * No provider of the chain answered in time. The message names the primary's error; `attempts` has them
 * all, in their order.
 *
 * @since 0.1.0
 * @category errors
 */
export class AllProvidersFailedError extends Schema.TaggedError<AllProvidersFailedError>(
  "arc-saga/AllProvidersFailedError"
)("AllProvidersFailedError", {
  /** Why the first that was asked failed for good. */
  primary: EngineError.EngineError,
  attempts: Schema.Array(AIResult.Attempt),
  /** Why others weren't asked: an open circuit, a rate limit, a budget. */
  refusals: Schema.Array(Schema.Union(EngineError.EngineError, BudgetExceeded.BudgetError))
}) {
  override get message(): string {
    const others = this.attempts
      .filter(({ provider }) => provider !== this.primary.provider)
      .map(({ error, provider }) =>
        Option.match(error, { onNone: () => provider, onSome: ({ _tag }) => `${provider} (${_tag})` })
      )
    const refused = this.refusals.map((error) =>
      BudgetExceeded.isBudgetError(error) ? error.message : `${error.provider} ${error.description}`
    )
    const rest =
      others.length === 0 ? "No other provider could be asked" : `Then failed: ${others.join(", ")}`
    const skipped = refused.length === 0 ? "" : `. Not asked: ${[...new Set(refused)].join("; ")}`
    return `No provider answered. ${this.primary.message}. ${rest}${skipped}`
  }
}

/**
 * What routing with fallback fails with: the primary's own permanent error, or that of all providers.
 *
 * @since 0.1.0
 * @category errors
 */
export type RouteError =
  | EngineError.PermanentEngineError
  | AllProvidersFailedError
  | BudgetExceeded.BudgetError
  | EngineNotRegisteredError
  | StateUnavailableError

/**
 * What routing to one provider alone fails with.
 *
 * @since 0.1.0
 * @category errors
 */
export type SoleRouteError =
  | EngineError.EngineError
  | BudgetExceeded.BudgetError
  | EngineNotRegisteredError
  | StateUnavailableError

type Sole = RoutingPolicy.RouteOptions & { readonly useFallback: false }
type Chained = RoutingPolicy.RouteOptions & { readonly useFallback?: true | undefined }

/**
 * Routes tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * The whole answer, from the primary (the task's provider where no other is given, the first registered if
   * it names none) or a fallback, within the task's deadline. Interrupting it ends the request at the provider.
   */
  readonly complete: {
    (task: AITask.AITask, options: Sole): Effect.Effect<AIResult.AIResult, SoleRouteError>
    (task: AITask.AITask, options?: Chained): Effect.Effect<AIResult.AIResult, RouteError>
    (
      task: AITask.AITask,
      options?: RoutingPolicy.RouteOptions
    ): Effect.Effect<AIResult.AIResult, RouteError | SoleRouteError>
  }
  /**
   * The answer as it is written, between `Started` and `Completed`. Falls over until its first content is delivered;
   * after that it goes on with a verified continuation or fails with StreamInterruptedError.
   */
  readonly stream: {
    (task: AITask.AITask, options: Sole): Stream.Stream<StreamEvent, SoleRouteError | StreamInterruptedError>
    (task: AITask.AITask, options?: Chained): Stream.Stream<StreamEvent, RouteError | StreamInterruptedError>
    (
      task: AITask.AITask,
      options?: RoutingPolicy.RouteOptions
    ): Stream.Stream<StreamEvent, RouteError | SoleRouteError | StreamInterruptedError>
  }
}

/**
 * Routes tasks.
 *
 * @since 0.1.0
 * @category tags
 */
export class ProviderRouter extends Context.Tag("arc-saga/ProviderRouter")<ProviderRouter, Service>() {}

type Engine = ReasoningEngine

/** One try at one engine, and those that can follow it. */
type Open = (engine: Engine, others: ReadonlyArray<Engine>) => Effect.Effect<Attempt, Refusal>

const allFailed = (
  current: call.Call,
  primary: EngineError.EngineError
): Effect.Effect<never, AllProvidersFailedError> =>
  Effect.zipRight(
    log.event(LogLevel.Error, "routing_all_failed", () => ({
      taskId: current.taskId,
      provider: primary.provider,
      error: primary._tag,
      attempts: current.attempts.length
    })),
    new AllProvidersFailedError(
      {
        primary,
        attempts: current.attempts,
        refusals: current.refusals.filter((refusal) => refusal !== primary)
      },
      trusted
    )
  )

const failedPermanently = <E extends Refusal>(
  current: call.Call,
  provider: AIProvider,
  error: E
): Effect.Effect<never, E> =>
  Effect.zipRight(
    log.event(LogLevel.Warning, "routing_failed_permanent", () => ({
      taskId: current.taskId,
      provider,
      error: error._tag
    })),
    Effect.fail(error)
  )

/** Asks one after the other. The call has each one's record before the next is asked. */
const firstThatAnswers = <E>(
  current: call.Call,
  engines: ReadonlyArray<Engine>,
  open: Open,
  onExhausted: Effect.Effect<never, E>
): Effect.Effect<Attempt, E> =>
  engines.reduceRight<Effect.Effect<Attempt, E>>((next, engine, index) => {
    const fields = () => ({ taskId: current.taskId, provider: engine.provider })
    const tried = Effect.zipRight(
      log.event(LogLevel.Debug, "routing_fallback_attempt", fields),
      Effect.tapBoth(open(engine, engines.slice(index + 1)), {
        onSuccess: () => log.event(LogLevel.Debug, "routing_fallback_success", fields),
        onFailure: ({ _tag }) =>
          log.event(LogLevel.Warning, "routing_fallback_failed", () => ({ ...fields(), error: _tag }))
      })
    )
    return Effect.suspend(() => (call.isOver(current) ? onExhausted : Effect.orElse(tried, () => next)))
  }, onExhausted)

/**
 * Makes a router over the registered engines. Fails with an InvalidArgumentError when the policy
 * contradicts itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  policyOptions: RoutingPolicy.Options = {}
): Effect.Effect<Service, InvalidArgumentError, ReasoningEngineRegistry> =>
  Effect.gen(function* () {
    const registry = yield* ReasoningEngineRegistry
    const around = yield* guards.fromContext
    const policy = yield* RoutingPolicy.make(policyOptions)

    const pause = (waitMs: number): Effect.Effect<void> =>
      around.tracing === undefined ? Effect.sleep(waitMs) : around.tracing.waiting(Effect.sleep(waitMs))

    /** Asks the primary, and again where its rule says so and the time allows it. */
    const withRetries = (
      current: call.Call,
      first: Effect.Effect<Attempt, Refusal>,
      again: Effect.Effect<Attempt, Refusal>
    ): Effect.Effect<Attempt, Refusal> => {
      const afterFailure = (error: Refusal, states: retry.States): Effect.Effect<Attempt, Refusal> =>
        BudgetExceeded.isBudgetError(error)
          ? Effect.fail(error)
          : Effect.flatMap(
              retry.plan(policy, current, error, states),
              Option.match({
                onNone: () => Effect.fail(error),
                onSome: (next) =>
                  Effect.zipRight(
                    pause(next.waitMs),
                    Effect.catchAll(again, (failed) => afterFailure(failed, next.states))
                  )
              })
            )
      return Effect.catchAll(first, (error) => afterFailure(error, new Map()))
    }

    /** What follows when the primary has failed for good. */
    const failOver = (
      current: call.Call,
      plan: Plan,
      error: Refusal,
      open: Open
    ): Effect.Effect<
      Attempt,
      EngineError.PermanentEngineError | AllProvidersFailedError | BudgetExceeded.BudgetError
    > => {
      const { provider } = plan.primary
      const fallbacks = plan.fallbacks.filter((engine) => engine !== current.spent)
      if (BudgetExceeded.isBudgetError(error)) {
        // Another provider may cost little enough; where budgets can't be checked, none may be asked.
        const affordable = error._tag === "BudgetExceededError" ? fallbacks : []
        return firstThatAnswers(current, affordable, open, failedPermanently(current, provider, error))
      }
      const reaction = policy.rules[error._tag]
      const candidates =
        reaction._tag === "fail"
          ? []
          : reaction._tag === "fail-over-to-larger"
            ? fallbacks.filter(larger(plan.primary))
            : fallbacks
      const owned = reaction._tag === "fail" || reaction._tag === "fail-over-to-larger"
      return owned && candidates.length === 0 && EngineError.isPermanent(error)
        ? failedPermanently(current, provider, error)
        : firstThatAnswers(
            current,
            candidates,
            open,
            Effect.suspend(() => allFailed(current, error))
          )
    }

    /** Asks the primary for the first time, and a fallback too where that is late. */
    const openPrimary = (
      current: call.Call,
      plan: Plan,
      goal: call.Goal,
      open: (goal: call.Goal) => Open
    ): Effect.Effect<Attempt, Refusal> => {
      const { hedging } = around
      const [backup, ...others] = plan.fallbacks
      if (hedging === undefined || backup === undefined) return open(goal)(plan.primary, plan.fallbacks)
      hedging.unsafeCall(current.startedAt)
      return hedge.hedged(current, hedging, plan.primary, backup, goal, (engine, until) =>
        open(until)(engine, engine === plan.primary ? plan.fallbacks : others)
      )
    }

    /** Who can be asked: of what one provider keeps, that one alone. */
    const planFor = (current: call.Call, task: AITask.AITask, options: RoutingPolicy.RouteOptions) => {
      const named = kept.of(task)
      if (named === undefined) return planOf(registry, policy, task, options)
      return Effect.flatMap(bound.of(registry, around.owners, task, named, options), (to) => {
        current.bound = to
        if (to.provider === undefined) return planOf(registry, policy, task, options)
        const asked = { ...task, provider: to.provider, pinned: true }
        return Effect.map(planOf(registry, policy, asked, { ...options, useFallback: false }), (plan) => ({
          ...plan,
          warnings: to.warnings
        }))
      })
    }

    /** Finds who answers a task. */
    const routing =
      <E>(
        task: AITask.AITask,
        options: RoutingPolicy.RouteOptions,
        afterPrimary: (
          current: call.Call,
          plan: Plan,
          error: Refusal,
          open: Open
        ) => Effect.Effect<Attempt, E>
      ): delivery.Route<
        E | EngineNotRegisteredError | EngineError.InputValidationError | StateUnavailableError
      > =>
      (current, mode, goal) =>
        Effect.flatMap(planFor(current, task, options), (plan) => {
          current.engines = [plan.primary, ...plan.fallbacks]
          current.warnings.push(...plan.warnings)
          around.retryBudget?.unsafeCall(current.startedAt)
          const openUntil =
            (until: call.Goal): Open =>
            (engine, others) => {
              const isLast = () => call.noneAdmissible(current, others)
              return call.ask(current, engine, {
                mode,
                goal: until,
                bounds: call.boundsOf(current, engine, isLast)
              })
            }
          const open = openUntil(goal)
          const { provider } = plan.primary
          const again = Effect.suspend(() => open(plan.primary, plan.fallbacks))
          return Effect.zipRight(
            log.event(LogLevel.Debug, "routing_start", () => ({ taskId: current.taskId, provider })),
            Effect.tap(
              Effect.catchAll(
                withRetries(current, openPrimary(current, plan, goal, openUntil), again),
                (error) => afterPrimary(current, plan, error, open)
              ),
              (attempt) =>
                log.event(LogLevel.Debug, "routing_success", () => ({
                  taskId: current.taskId,
                  provider: attempt.engine.provider
                }))
            )
          )
        })

    const routeOf = (
      task: AITask.AITask,
      options: RoutingPolicy.RouteOptions
    ): delivery.Route<RouteError | SoleRouteError> =>
      options.useFallback === false
        ? routing(task, options, (current, plan, error) =>
            failedPermanently(current, plan.primary.provider, error)
          )
        : routing(task, options, failOver)

    const begin = (task: AITask.AITask, { defaultTimeoutMs }: RoutingPolicy.RouteOptions) =>
      call.begin(task, policy, around, policyOptions.limits?.timeoutMs ?? defaultTimeoutMs)

    function complete(task: AITask.AITask, options: Sole): Effect.Effect<AIResult.AIResult, SoleRouteError>
    function complete(task: AITask.AITask, options?: Chained): Effect.Effect<AIResult.AIResult, RouteError>
    function complete(
      task: AITask.AITask,
      options?: RoutingPolicy.RouteOptions
    ): Effect.Effect<AIResult.AIResult, RouteError | SoleRouteError>
    function complete(
      task: AITask.AITask,
      options: RoutingPolicy.RouteOptions = {}
    ): Effect.Effect<AIResult.AIResult, RouteError | SoleRouteError> {
      return traced.complete(around.tracing, task, (known) =>
        delivery.complete(begin(known, options), routeOf(known, options))
      )
    }

    const continuation = resume.continuation(policy)

    function stream(
      task: AITask.AITask,
      options: Sole
    ): Stream.Stream<StreamEvent, SoleRouteError | StreamInterruptedError>
    function stream(
      task: AITask.AITask,
      options?: Chained
    ): Stream.Stream<StreamEvent, RouteError | StreamInterruptedError>
    function stream(
      task: AITask.AITask,
      options?: RoutingPolicy.RouteOptions
    ): Stream.Stream<StreamEvent, RouteError | SoleRouteError | StreamInterruptedError>
    function stream(
      task: AITask.AITask,
      options: RoutingPolicy.RouteOptions = {}
    ): Stream.Stream<StreamEvent, RouteError | SoleRouteError | StreamInterruptedError> {
      return traced.stream(around.tracing, task, (known) =>
        delivery.stream(begin(known, options), routeOf(known, options), continuation)
      )
    }

    return { complete, stream }
  })

/**
 * Routes tasks over the registered engines.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  policy: RoutingPolicy.Options = {}
): Layer.Layer<ProviderRouter, InvalidArgumentError, ReasoningEngineRegistry> =>
  Layer.effect(ProviderRouter, make(policy))
