/** What a gateway answers with under one configuration, and what goes on from one to the next. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as ApiKeys from "../gateway/ApiKeys.js"
import * as KeyStore from "../gateway/KeyStore.js"
import * as OwnBudgets from "../spend/OwnBudgets.js"
import * as Activity from "../gateway/Activity.js"
import type * as Gateway from "../gateway/Gateway.js"
import { optional } from "../internal/optional.js"
import { given } from "../internal/options.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import * as CircuitStore from "../reliability/CircuitStore.js"
import * as Hedging from "../reliability/Hedging.js"
import * as LimitStore from "../reliability/LimitStore.js"
import * as LiveMetrics from "../reliability/LiveMetrics.js"
import * as RateLimits from "../reliability/RateLimits.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import * as SessionStore from "../routing/SessionStore.js"
import * as Budgets from "../spend/Budgets.js"
import * as BudgetStore from "../spend/BudgetStore.js"
import * as Composition from "./Composition.js"
import * as ConfigFile from "./ConfigFile.js"
import type * as Configuration from "./Configuration.js"
import * as Identity from "./Identity.js"
import type * as Insight from "./Insight.js"
import * as Ledger from "./Ledger.js"
import type { StandardStreams } from "./StandardStreams.js"

/** What is used, measured and recorded, whatever the configuration is: it lasts as long as the process serves. */
export interface Ground {
  /** What other processes, or other starts, have in common with this one: ledger and Redis, as far as there are some. */
  readonly shared: Context.Context<never>
  /** That, and in the place of what isn't there the memory of this process. */
  readonly stores: Context.Context<
    BudgetStore.BudgetStore | LimitStore.LimitStore | LiveMetrics.LiveMetrics | SessionStore.SessionStore
  >
  readonly memory: Activity.Memory
  /** Names this process. */
  readonly instance: string
  /** What is told to who scrapes; when absent the metrics of this process. */
  readonly metrics: Effect.Effect<string> | undefined
  /**
   * The keys that are issued, where a configuration takes them: those of before where it takes them in the same way.
   * Fails with a ConfigurationError when they can't be read.
   */
  readonly issued: (
    configuration: Configuration.Configuration
  ) => Effect.Effect<Issued | undefined, ConfigFile.ConfigurationError>
}

/** Keys that are issued, and what they may spend. */
export interface Issued {
  readonly store: KeyStore.Service
  readonly apiKeys: ApiKeys.Service
  readonly budgets: OwnBudgets.Service
}

/** Makes the ground of a server. Fails with the ConfigurationError of a ledger that can't be used. */
export const ground = (
  { ledger, redis }: Configuration.Configuration,
  instance: string,
  metrics?: Effect.Effect<string>
): Effect.Effect<Ground, ConfigFile.ConfigurationError, Scope.Scope> =>
  Effect.gen(function* () {
    const shared: Context.Context<never> = yield* Layer.build(
      Layer.mergeAll(
        Option.match(redis, { onNone: () => Layer.empty, onSome: Composition.sharedBy }),
        Option.match(ledger, { onNone: () => Layer.empty, onSome: Ledger.layer })
      )
    )
    const own = yield* Layer.build(
      // The default numbers are in range.
      Layer.orDie(
        Layer.mergeAll(
          BudgetStore.layerMemory,
          LimitStore.layerMemory,
          LiveMetrics.layer(),
          SessionStore.layerMemory()
        )
      )
    )
    return {
      shared,
      stores: Context.merge(own, shared),
      memory: yield* Activity.makeMemory,
      instance,
      metrics,
      issued: yield* issuing
    }
  })

/** Makes what takes keys that are issued, in the scope of the server: calls that began before go on with it. */
const issuing: Effect.Effect<Ground["issued"], never, Scope.Scope> = Effect.map(Effect.scope, (scope) => {
  let store: KeyStore.Service | undefined
  let held: Held<Issued> | undefined

  const build = <A, E>(layer: Layer.Layer<A, E>): Effect.Effect<Context.Context<A>, E> =>
    Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (own) =>
      Effect.onError(Layer.buildWithScope(layer, own), (cause) => Scope.close(own, Exit.failCause(cause)))
    )

  return ({ issuedKeys, ledger }) =>
    Effect.gen(function* () {
      if (issuedKeys === undefined || Option.isNone(ledger)) return undefined
      if (held !== undefined && Identity.equal(held.settings, issuedKeys)) return held.service
      store ??= Context.get(yield* build(Ledger.keys(ledger.value)), KeyStore.KeyStore)
      const taking = ApiKeys.layerStore(issuedKeys).pipe(
        // The numbers were checked when they were read.
        Layer.orDie,
        Layer.provide(Layer.succeed(KeyStore.KeyStore, store)),
        Ledger.areTold(LogLevel.Info)
      )
      const context = yield* build(taking)
      const budgets = Context.get(context, OwnBudgets.OwnBudgets)
      // Those that can't be read aren't put in the place of those that are known.
      yield* Effect.mapError(
        budgets.of({}),
        ({ reason }) =>
          new ConfigFile.ConfigurationError({
            ...ledger.value.origin,
            reason: new ApiKeys.KeysUnavailableError({ reason }).message
          })
      )
      const service = { store, budgets, apiKeys: Context.get(context, ApiKeys.ApiKeys) }
      held = { settings: issuedKeys, service }
      return service
    })
})

/** A service, and the settings that it was made by. */
interface Held<A> {
  readonly settings: unknown
  readonly service: A
}

/** The service that is there, where its settings stay; it keeps what it has counted. */
const hold = <A, E, R>(
  before: Held<A> | undefined,
  settings: unknown,
  make: Effect.Effect<A, E, R>
): Effect.Effect<Held<A>, never, R> =>
  before !== undefined && Identity.equal(before.settings, settings)
    ? Effect.succeed(before)
    : // The numbers were checked when they were read.
      Effect.map(Effect.orDie(make), (service) => ({ settings, service }))

/** All that is configured, composed. */
export interface Generation {
  readonly configuration: Configuration.Configuration
  readonly composition: Gateway.Composition
  /** The tasks of which the model can't promise what is asked for, in words. */
  readonly withheld: ReadonlyArray<string>
  /** Ends what goes on beside calls, once another is there: calls under way may last for long. */
  readonly retire: Effect.Effect<void>
  readonly breaker: Held<CircuitBreaker.Service>
  readonly rateLimits: RateLimits.Service
  readonly retries: Held<RetryBudget.Service>
  readonly hedging: Held<Hedging.Service> | undefined
  readonly answers: Held<AnswerCache.Store> | undefined
}

/** What answers tasks, and learns from that where the file says so. */
const services = (configuration: Configuration.Configuration) =>
  Option.match(configuration.learn, {
    onNone: () =>
      Effect.map(Composition.services(configuration, Option.none()), (made) => ({
        ...made,
        insight: {
          settings: () => Option.getOrUndefined(made.learning),
          learning: undefined,
          escalates: configuration.escalation !== undefined
        },
        retire: Effect.void
      })),
    onSome: (learn) =>
      Effect.flatMap(
        Effect.promise(() => import("./Learn.js")),
        (made) => made.services(configuration, learn)
      )
  })

/** What is learned; undefined where nothing is. */
const learnedOf = (sources: Insight.Sources) =>
  sources.escalates || sources.learning !== undefined || sources.settings()?.model !== undefined
    ? Effect.flatMap(
        Effect.promise(() => import("./Insight.js")),
        ({ make }) => make(sources)
      )
    : Effect.succeed(undefined)

/**
 * Composes what is configured. What keeps providers healthy stays as it is where its settings are those of the
 * generation before. Fails with the ConfigurationError of a provider or a model that can't be used.
 */
export const make = (
  { instance, issued: issuedBy, memory, metrics, stores: lasting }: Ground,
  configuration: Configuration.Configuration,
  before?: Generation
): Effect.Effect<
  Generation,
  ConfigFile.ConfigurationError,
  FileSystem.FileSystem | Scope.Scope | StandardStreams
> =>
  Effect.gen(function* () {
    const { budgets, cache, redis, reliability } = configuration
    const issued = yield* issuedBy(configuration)
    const stores =
      issued === undefined ? lasting : Context.add(lasting, OwnBudgets.OwnBudgets, issued.budgets)
    const { circuitBreaker, hedging: hedged, rateLimits, retryBudget } = reliability
    const circuits = yield* optional(CircuitStore.CircuitStore)
    const breaker = yield* hold(
      before?.breaker,
      circuitBreaker,
      circuits === undefined
        ? CircuitBreaker.make(circuitBreaker)
        : Effect.provideService(CircuitBreaker.makeStore(circuitBreaker), CircuitStore.CircuitStore, circuits)
    )
    const retries = yield* hold(before?.retries, retryBudget, RetryBudget.make(retryBudget))
    const hedging =
      hedged === undefined ? undefined : yield* hold(before?.hedging, hedged, Hedging.make(hedged))
    const size = cache && given({ bytes: cache.bytes, entries: cache.entries })
    const answers =
      size === undefined || Option.isSome(redis)
        ? undefined
        : yield* hold(before?.answers, size, AnswerCache.makeMemory(size))
    const guards: Layer.Layer<RateLimits.RateLimits> = Layer.orDie(
      Layer.mergeAll(
        Layer.succeed(CircuitBreaker.CircuitBreaker, breaker.service),
        Layer.succeed(RetryBudget.RetryBudget, retries.service),
        RateLimits.layerStore(rateLimits),
        hedging === undefined ? Layer.empty : Layer.succeed(Hedging.Hedging, hedging.service),
        answers === undefined ? Layer.empty : Layer.succeed(AnswerCache.AnswerCache, answers.service),
        Option.match(
          // Keys and teams may have budgets of their own.
          issued === undefined ? budgets : Option.orElseSome(budgets, () => ({})),
          { onNone: () => Layer.empty, onSome: Budgets.layerStore }
        )
      ).pipe(Layer.provideMerge(Layer.succeedContext(stores)))
    )
    const context = yield* Layer.build(
      Activity.layerOver(memory).pipe(
        Layer.provideMerge(Layer.merge(guards, Composition.engines(configuration)))
      )
    )
    const { insight, named, observer, retire, tasks, withheld } = yield* Effect.provide(
      services(configuration),
      context
    )
    return {
      configuration,
      composition: {
        ...configuration.gateway,
        services: named,
        tasks,
        registry: Context.get(context, ReasoningEngineRegistry),
        activity: Context.get(context, Activity.Activity),
        apiKeys: issued?.apiKeys,
        keyStore: issued?.store,
        observer: Option.getOrUndefined(observer),
        learned: yield* learnedOf(insight),
        configuration: yield* configuration.hash,
        instance,
        metrics: metrics && (() => metrics)
      },
      withheld,
      retire,
      breaker,
      rateLimits: Context.get(context, RateLimits.RateLimits),
      retries,
      hedging,
      answers
    }
  }).pipe(Effect.provide(lasting))
