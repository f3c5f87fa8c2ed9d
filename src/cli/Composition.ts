/** What answers tasks over what is configured: engines, guards, accounts, and all that chooses a provider. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { AnswerObserver } from "../AnswerObserver.js"
import type { AITask } from "../AITask.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import * as CircuitStore from "../reliability/CircuitStore.js"
import * as Hedging from "../reliability/Hedging.js"
import * as LiveMetrics from "../reliability/LiveMetrics.js"
import * as CostOptimizer from "../routing/CostOptimizer.js"
import * as Canary from "../routing/Canary.js"
import * as MultiLLMOrchestrator from "../routing/MultiLLMOrchestrator.js"
import type * as ProviderMetrics from "../ProviderMetrics.js"
import * as RateLimits from "../reliability/RateLimits.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as Layers from "../reliability/Reliability.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as ProviderRouter from "../routing/ProviderRouter.js"
import * as SessionStore from "../routing/SessionStore.js"
import * as Sessions from "../routing/Sessions.js"
import * as Strategy from "../routing/Strategy.js"
import * as TaskService from "../routing/TaskService.js"
import * as ConfigFile from "./ConfigFile.js"
import { given } from "../internal/options.js"
import { optional } from "../internal/optional.js"
import * as Configured from "./ConfiguredProvider.js"
import * as Ledger from "./Ledger.js"
import type * as Shared from "./Shared.js"
import * as Configuration from "./Configuration.js"

/** What answers tasks, by each strategy that there is. */
export interface Services {
  /** By the strategy that the command line or the file names. */
  readonly tasks: TaskService.Service
  /** What the file sets up besides, by name. */
  readonly named: Readonly<Record<string, TaskService.Service>>
  /** What learns from answers and from what is said of them. */
  readonly observer: Option.Option<AnswerObserver["Type"]>
  /** The tasks of which the model can't promise what is asked for, in words. */
  readonly withheld: ReadonlyArray<string>
  /** The kind of a task, as the model sees it. */
  readonly familyOf: Option.Option<(task: AITask) => string>
  /** What this was made of: the model in use among it. */
  readonly learning: Configuration.Configuration["learning"]
}

/** What several processes share in a Redis. */
export const sharedBy = (redis: Shared.Redis): ReturnType<typeof Shared.layer> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./Shared.js")),
      ({ layer }) => layer(redis)
    )
  )

const metricsOf = (each: Configured.Provider): ProviderMetrics.Options => ({
  provider: each.id,
  p50LatencyMs: each.p50LatencyMs,
  p99LatencyMs: each.p99LatencyMs,
  qualityScore: each.quality
})

/** The engines that are configured. Fails with the ConfigurationError of a provider that can't be used. */
export const engines = ({
  providers
}: Configuration.Configuration): Layer.Layer<
  Registry.ReasoningEngineRegistry,
  ConfigFile.ConfigurationError
> => {
  const ready: Array<ReasoningEngine> = []
  const pools: Array<NonNullable<Extract<Configured.Status, { _tag: "Ready" }>["share"]>> = []
  for (const { status } of providers) {
    if (status._tag === "Broken") return Layer.fail(status.error)
    if (status._tag !== "Ready") continue
    ready.push(status.engine)
    if (status.share !== undefined) pools.push(status.share)
  }
  const shared = Effect.flatMap(optional(CircuitStore.CircuitStore), (store) =>
    store === undefined ? Effect.void : Effect.forEach(pools, (share) => share(store), { discard: true })
  )
  // Each id is there once.
  return Layer.merge(Layer.effectDiscard(shared), Layer.orDie(Registry.layerEngines(ready)))
}

/** What all that answers tasks is built on, once: what is known of sessions and answers is in it. */
const foundation = ({
  cache,
  canary,
  escalation,
  policy,
  providers,
  sessions
}: Configuration.Configuration) =>
  Effect.gen(function* () {
    const metrics = providers
      .filter(({ byNameOnly, status }) => status._tag === "Ready" && !byNameOnly)
      .map(metricsOf)
    const shared = yield* optional(SessionStore.SessionStore)
    const known =
      shared === undefined
        ? Sessions.layer(sessions)
        : Layer.provide(Sessions.layerStore(sessions), Layer.succeed(SessionStore.SessionStore, shared))
    const routing = yield* Layer.build(
      // The numbers were checked when they were read.
      Layer.orDie(
        Layer.merge(CostOptimizer.layerEngines(metrics), ProviderRouter.layer(policy)).pipe(
          Layer.provide(known)
        )
      )
    )
    const caching =
      cache === undefined
        ? (_name: string, service: TaskService.Service) => Effect.succeed(service)
        : yield* Effect.flatMap(
            Effect.promise(() => import("./AnswerCaching.js")),
            ({ make }) => make(cache, providers)
          )
    const escalated = (plain: Strategy.Strategy) =>
      escalation === undefined
        ? Effect.succeed(plain)
        : Effect.flatMap(
            Effect.promise(() => import("../savings/Escalation.js")),
            // The numbers were checked when they were read.
            ({ make }) => Effect.orDie(make({ ...escalation, strategy: plain }))
          )
    // The share was checked when it was read.
    const tried = canary && (yield* Effect.orDie(Canary.make(canary)))
    return { routing, caching, escalated, tried }
  })

/**
 * Makes what answers tasks over the engines, as often as its model is another; `watcher` sees all answers. It fails
 * with the ConfigurationError of a model that can't be used.
 */
export const composer = (
  configuration: Configuration.Configuration,
  chosen: Option.Option<ConfigFile.StrategyName>,
  watcher?: AnswerObserver["Type"]
): Effect.Effect<
  (
    learning: Configuration.Configuration["learning"]
  ) => Effect.Effect<Services, ConfigFile.ConfigurationError, Registry.ReasoningEngineRegistry | Scope.Scope>,
  never,
  Registry.ReasoningEngineRegistry | Scope.Scope
> =>
  Effect.map(
    foundation(configuration),
    ({ caching, escalated, routing, tried }) =>
      (learning) =>
        Effect.gen(function* () {
          const learned = yield* Effect.transposeMapOption(learning, (settings) =>
            Effect.flatMap(
              Effect.promise(() => import("./Learned.js")),
              ({ make }) => Effect.provide(make(settings, watcher), routing)
            )
          )
          const observer = Option.match(learned, {
            onNone: () => Option.fromNullable(watcher),
            onSome: (each) => each.observer
          })
          const orchestrator = (own: Strategy.Strategy) =>
            Effect.flatMap(escalated(own), (strategy) =>
              MultiLLMOrchestrator.make({ strategy, canary: tried }).pipe(
                Effect.provide(
                  Option.match(observer, {
                    onNone: () => routing,
                    onSome: (each) => Context.add(routing, AnswerObserver, each)
                  })
                )
              )
            )
          const savings = yield* Effect.transposeMapOption(
            Option.flatMap(learned, (each) => each.savings),
            (strategy) => Effect.flatMap(orchestrator(strategy), (service) => caching("savings", service))
          )
          const cascade = yield* Effect.transposeMapOption(
            Option.flatMap(learned, (each) => each.cascade),
            (service) => caching("cascade", service)
          )
          const named: Services["named"] = given({
            savings: Option.getOrUndefined(savings),
            cascade: Option.getOrUndefined(cascade)
          })
          const name = Option.getOrElse(chosen, () => configuration.strategy)
          // A strategy that the file doesn't set up was refused when it was named.
          const own = name === "savings" || name === "cascade" ? Strategy.balanced : Strategy.named[name]
          return {
            tasks:
              named[name] ??
              (yield* Effect.flatMap(orchestrator(own), (service) => caching("orchestrator", service))),
            named,
            observer,
            withheld: Option.match(learned, { onNone: () => [], onSome: (each) => each.withheld }),
            familyOf: Option.flatMap(learned, (each) => each.familyOf),
            learning
          }
        })
  )

/** What answers tasks over the engines. Fails with the ConfigurationError of a model that can't be used. */
export const services = (
  configuration: Configuration.Configuration,
  chosen: Option.Option<ConfigFile.StrategyName>
): Effect.Effect<Services, ConfigFile.ConfigurationError, Registry.ReasoningEngineRegistry | Scope.Scope> =>
  Effect.flatMap(composer(configuration, chosen), (compose) => compose(configuration.learning))

/** All that keeps providers healthy for a command that goes on, and hedging where the file has it. */
export const guards = ({
  redis,
  reliability: { hedging, ...options }
}: Configuration.Configuration): Layer.Layer<never> => {
  const healthy = Option.match(redis, {
    onNone: () => Layers.layer(options),
    onSome: (each) => Layer.provideMerge(Layers.layerStore(options), sharedBy(each))
  })
  // The numbers were checked when they were read.
  return Layer.orDie(hedging === undefined ? healthy : Layer.provideMerge(Hedging.layer(hedging), healthy))
}

/** What of that the file names: a command that ends has no need of the rest, save of what it shares with others. */
const namedGuards = ({
  redis,
  reliability: { circuitBreaker, hedging, rateLimits, retryBudget }
}: Configuration.Configuration): Layer.Layer<never> =>
  Layer.orDie(
    Layer.mergeAll(
      Option.match(redis, {
        onNone: () => (circuitBreaker === undefined ? Layer.empty : CircuitBreaker.layer(circuitBreaker)),
        onSome: (each) =>
          Layer.merge(RateLimits.layerStore(rateLimits), CircuitBreaker.layerStore(circuitBreaker)).pipe(
            Layer.provideMerge(sharedBy(each))
          )
      }),
      retryBudget === undefined ? Layer.empty : RetryBudget.layer(retryBudget),
      hedging === undefined ? Layer.empty : Layer.provideMerge(Hedging.layer(hedging), LiveMetrics.layer())
    )
  )

/**
 * What answers tasks over what is configured, with its engines, its ledger and its budgets, which are there for others,
 * too; for a command that ends unless it is told what else keeps its providers healthy. Fails with the ConfigurationError of a provider, a ledger
 * or a model that can't be used.
 */
export const layer = (
  configuration: Configuration.Configuration,
  strategy: Option.Option<ConfigFile.StrategyName>,
  healthy: Layer.Layer<never> = namedGuards(configuration)
): Layer.Layer<TaskService.TaskService | Registry.ReasoningEngineRegistry, ConfigFile.ConfigurationError> =>
  Layer.scoped(
    TaskService.TaskService,
    Effect.map(services(configuration, strategy), ({ tasks }) => tasks)
  ).pipe(
    Layer.provideMerge(engines(configuration)),
    Layer.provideMerge(Layer.merge(healthy, Ledger.accounting(configuration.ledger, configuration.budgets)))
  )
