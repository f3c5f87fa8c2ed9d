/**
 * Which providers there are, from the environment, a configuration file and what is found running; and
 * where there are none, simulated ones.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as AIProvider from "../AIProvider.js"
import { AnswerObserver } from "../AnswerObserver.js"
import type { AITask } from "../AITask.js"
import type * as Budgets from "../spend/Budgets.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import * as Simulated from "../engines/Simulated.js"
import type * as Gateway from "../gateway/Gateway.js"
import * as Hedging from "../reliability/Hedging.js"
import * as LiveMetrics from "../reliability/LiveMetrics.js"
import * as CostOptimizer from "../routing/CostOptimizer.js"
import * as MultiLLMOrchestrator from "../routing/MultiLLMOrchestrator.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import type * as ProviderMetrics from "../ProviderMetrics.js"
import * as RateLimits from "../reliability/RateLimits.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as Layers from "../reliability/Reliability.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as ProviderRouter from "../routing/ProviderRouter.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as SessionStore from "../routing/SessionStore.js"
import * as Sessions from "../routing/Sessions.js"
import * as Strategy from "../routing/Strategy.js"
import * as TaskService from "../routing/TaskService.js"
import type * as QualityModel from "../savings/QualityModel.js"
import * as ConfigFile from "./ConfigFile.js"
import type { Settings } from "./Learned.js"
import { given } from "../internal/options.js"
import { optional } from "../internal/optional.js"
import { told } from "../internal/told.js"
import * as Configured from "./ConfiguredProvider.js"
import * as Copilot from "./Copilot.js"
import * as Environment from "./Environment.js"
import * as Ledger from "./Ledger.js"
import type * as Shared from "./Shared.js"
import type { FileError } from "./StandardStreams.js"

/** What the file says of that which keeps providers healthy. */
export interface Reliability {
  readonly rateLimits: RateLimits.Options
  readonly circuitBreaker: CircuitBreaker.Options | undefined
  readonly retryBudget: RetryBudget.Options | undefined
  readonly hedging: Hedging.Options | undefined
}

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
}

/** Everything that is configured. */
export interface Configuration {
  readonly providers: ReadonlyArray<Configured.Provider>
  readonly strategy: ConfigFile.StrategyName
  /** What saves money per task, where the file sets it up. */
  readonly learning: Option.Option<Settings>
  /** What `serve` learns while it serves. */
  readonly learn: Option.Option<ConfigFile.Learn>
  readonly policy: RoutingPolicy.Options
  /** The cache of answers, where the file has one. */
  readonly cache: ConfigFile.ConfigFile["cache"]
  /** When an agent that is stuck gets the strongest provider; never when absent. */
  readonly escalation: ConfigFile.ConfigFile["escalation"]
  /** What is known of providers' caches. */
  readonly sessions: Sessions.Options
  readonly ledger: Option.Option<Ledger.Ledger>
  readonly budgets: Option.Option<Budgets.Options>
  readonly reliability: Reliability
  /** Where several processes share their state. */
  readonly redis: Option.Option<Shared.Redis>
  readonly gateway: Gateway.Settings
  /** Whether nothing is configured, so that the providers are simulated. */
  readonly simulated: boolean
}

/** What `load` fails with. */
export type LoadError = ConfigFile.ConfigurationError | FileError

const fromFile = (
  file: string,
  listed: ConfigFile.Provider,
  index: number,
  modelOf: Environment.ModelOf
): Effect.Effect<Configured.Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { pool, ...entry } = withModel(listed, modelOf(listed.id, listed.model))
    if (entry.enabled === false) {
      return Configured.make(entry, file, Configured.away(`disabled in ${file}`))
    }
    const at = `providers[${index}]`
    if (pool === undefined) return yield* serverOf(file, at, entry)
    const members = yield* Effect.forEach(pool, ({ name, weight, ...own }, place) => {
      const { apiKey: _key, apiKeyEnv: _keyEnv, ...keyless } = entry
      // A key of its own stands in the place of the provider's, wherever that is.
      const isKeyed = own.apiKey !== undefined || own.apiKeyEnv !== undefined
      const member = { ...(isKeyed ? keyless : entry), ...own }
      return Effect.map(serverOf(file, `${at}.pool[${place}]`, member), ({ status }) => ({
        name: ConfigFile.memberName({ name }, place),
        weight,
        status
      }))
    })
    return Configured.make(entry, file, yield* Configured.pooled(members))
  })

/** The provider that a server of the file is; `at` is where the file has it. */
const serverOf = (
  file: string,
  at: string,
  entry: ConfigFile.Provider
): Effect.Effect<Configured.Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { apiKeyEnv } = entry
    const broken = (field: string, reason: string): Configured.Status =>
      Configured.broken(file, `${at}.${field}`, reason)
    const apiKey =
      apiKeyEnv === undefined ? entry.apiKey : Option.getOrUndefined(yield* Environment.variable(apiKeyEnv))
    if (apiKeyEnv !== undefined && apiKey === undefined) {
      const reason = `Expected an environment variable that is set, actual ${told(apiKeyEnv)}, which isn't`
      return Configured.make(entry, file, broken("apiKeyEnv", reason))
    }
    return yield* Configured.server({ ...entry, apiKey }, file, ({ field, reason }) =>
      broken(field === "apiKey" && apiKeyEnv !== undefined ? "apiKeyEnv" : field, reason)
    )
  })

/** Another model than the listed one has another price and another window, and may think or not. */
const withModel = (listed: ConfigFile.Provider, model: string): ConfigFile.Provider => {
  if (model === listed.model) return listed
  const { contextWindow: _window, price: _price, reasoning: _reasoning, ...entry } = listed
  return { ...entry, model }
}

const simulate = (
  { id, p50LatencyMs, p99LatencyMs, quality, ...options }: typeof ConfigFile.SimulatedProvider.Type,
  origin: string,
  modelOf: Environment.ModelOf
): Effect.Effect<Configured.Provider> => {
  const { model: configured = Simulated.defaultModel, price } = options
  const model = modelOf(id, configured)
  // What is in the file was checked when it was read.
  return Effect.map(Effect.orDie(Simulated.make({ ...options, provider: id, model })), (engine) =>
    Configured.make({ id, model, price, p50LatencyMs, p99LatencyMs, quality }, origin, {
      _tag: "Ready",
      engine
    })
  )
}

/** Distinct in every number that a strategy looks at: each of them chooses another. */
const simulatedProviders = [
  {
    id: AIProvider.CopilotChat,
    price: { input: 5, output: 20 },
    p50LatencyMs: 450,
    p99LatencyMs: 900,
    quality: 8.5,
    firstTokenMs: 150,
    tokensPerSecond: 150
  },
  {
    id: AIProvider.Claude,
    price: { input: 3, output: 15 },
    p50LatencyMs: 800,
    p99LatencyMs: 1600,
    quality: 9.5,
    firstTokenMs: 300,
    tokensPerSecond: 90
  },
  {
    id: AIProvider.Gpt4,
    price: { input: 0.5, output: 2 },
    p50LatencyMs: 1200,
    p99LatencyMs: 2400,
    quality: 8,
    firstTokenMs: 450,
    tokensPerSecond: 60
  }
]

/** The list prices, loaded when a provider first needs one: nothing else has to wait for them. */
const prices: PriceCatalog.Service = {
  find: (query) =>
    Effect.flatMap(
      Effect.promise(() => import("../spend/PriceCatalog/GenAIPrices.js")),
      ({ catalog }) => catalog.find(query)
    )
}

/** The configuration file, and what an error calls it; empty where there is none. */
const read = (
  file: Option.Option<string>
): Effect.Effect<
  { readonly origin: string; readonly config: ConfigFile.ConfigFile },
  LoadError,
  FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    const named = Option.isSome(file) ? file : yield* Environment.text("ARC_SAGA_CONFIG")
    return Option.isSome(named)
      ? { origin: named.value, config: yield* ConfigFile.read(named.value) }
      : { origin: Environment.origin, config: {} }
  })

/** The ledger of ARC_SAGA_LEDGER, or else that of the file. */
const ledgerOf = (
  origin: string,
  { ledger }: ConfigFile.ConfigFile
): Effect.Effect<Option.Option<Ledger.Ledger>, ConfigFile.ConfigurationError> =>
  Effect.gen(function* () {
    const variable = "ARC_SAGA_LEDGER"
    const inEnvironment = yield* Environment.text(variable)
    if (Option.isSome(inEnvironment)) {
      const from = { file: Environment.origin, field: variable }
      return Option.some(yield* Ledger.parse(inEnvironment.value, from))
    }
    return ledger === undefined
      ? Option.none()
      : Option.some(yield* Ledger.parse(Redacted.value(ledger), { file: origin, field: "ledger" }))
  })

/** The Redis that a file names. */
const redisOf = (
  origin: string,
  { redis }: ConfigFile.ConfigFile
): Effect.Effect<Option.Option<Shared.Redis>, ConfigFile.ConfigurationError> =>
  redis === undefined
    ? Effect.succeedNone
    : Effect.flatMap(
        Effect.promise(() => import("./Shared.js")),
        (shared) => Effect.asSome(shared.redisOf(origin, redis))
      )

const sharedBy = (redis: Shared.Redis): ReturnType<typeof Shared.layer> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./Shared.js")),
      ({ layer }) => layer(redis)
    )
  )

/** The trained model that a file names. */
const trainedModel = (
  origin: string,
  path: string | undefined
): Effect.Effect<QualityModel.Model | undefined, ConfigFile.ConfigurationError, FileSystem.FileSystem> =>
  path === undefined
    ? Effect.succeed(undefined)
    : Effect.promise(() => import("./ModelFile.js")).pipe(
        Effect.flatMap(({ read }) => read(path)),
        Effect.mapError(
          ({ message }) =>
            new ConfigFile.ConfigurationError({ file: origin, field: "model", reason: message })
        )
      )

/** Finds out where the ledger is, and nothing else. */
export const loadLedger = (
  file: Option.Option<string>
): Effect.Effect<Option.Option<Ledger.Ledger>, LoadError, FileSystem.FileSystem> =>
  Effect.flatMap(read(file), ({ config, origin }) => ledgerOf(origin, config))

/**
 * Finds out what is configured. The file is the given one, or that of ARC_SAGA_CONFIG; `modelOf` may choose
 * other models than those that are configured. Fails when the file
 * can't be read or used; a provider that can't be used by itself is listed as such.
 */
export const load = (
  file: Option.Option<string>,
  modelOf: Environment.ModelOf = (_provider, configured) => configured
): Effect.Effect<
  Configuration,
  LoadError,
  FileSystem.FileSystem | HttpClient.HttpClient | Path.Path | Scope.Scope
> =>
  Effect.gen(function* () {
    const { config, origin } = yield* read(file)
    const ledger = yield* ledgerOf(origin, config)

    const listed = yield* Effect.forEach(config.providers ?? [], (entry, index) =>
      fromFile(origin, entry, index, modelOf)
    )
    const rehearsed = yield* Effect.forEach(config.simulated ?? [], (entry) =>
      simulate(entry, origin, modelOf)
    )
    const inFile = [...listed, ...rehearsed]
    const isNew = ({ id }: Configured.Provider): boolean => inFile.every((other) => other.id !== id)
    const [inEnvironment, found] = yield* Effect.all(
      [
        Effect.all([Environment.openAI(modelOf), Environment.claude(modelOf), Copilot.provider], {
          concurrency: "unbounded"
        }),
        Effect.all(config.ollama === false ? [] : [Environment.findOllama(modelOf)])
      ],
      { concurrency: 2 }
    )
    const given = [...inFile, ...inEnvironment.filter(isNew)]
    // A server that was merely found doesn't take part beside configured ones.
    const byNameOnly = config.ollama !== true && given.some(Configured.isConfigured)
    const configured = [...given, ...found.filter(isNew).map((each) => ({ ...each, byNameOnly }))]

    const simulated = !configured.some(Configured.isConfigured)
    const madeUp = simulated
      ? yield* Effect.forEach(simulatedProviders, (each) => simulate(each, "simulated", modelOf))
      : []
    return {
      providers: [...madeUp, ...configured.filter(({ id }) => madeUp.every((other) => other.id !== id))],
      strategy: ConfigFile.strategyOf(config),
      learning:
        config.savings === undefined && config.cascade === undefined
          ? Option.none()
          : Option.some({
              origin,
              file: config.model,
              savings: config.savings,
              cascade: config.cascade,
              model: yield* trainedModel(origin, config.model)
            }),
      learn: Option.fromNullable(config.learn),
      policy: ConfigFile.policyOf(config),
      cache: config.cache,
      sessions: config.sessions ?? {},
      escalation: config.escalation,
      ledger,
      budgets: ConfigFile.budgetsOf(config),
      reliability: {
        rateLimits: { providers: config.rateLimits ?? {} },
        circuitBreaker: config.circuitBreaker,
        retryBudget: config.retryBudget,
        hedging: config.hedging
      },
      redis: yield* redisOf(origin, config),
      gateway: config.gateway ?? {},
      simulated
    }
  }).pipe(Effect.provideService(PriceCatalog.PriceCatalog, prices))

/** What says that nothing is configured, and how to change it. */
export const simulatedNotice =
  "No provider is configured, so the answers are simulated. Set ANTHROPIC_API_KEY or OPENAI_API_KEY, sign in to Copilot (COPILOT_CLIENT_ID), start Ollama, or name a file by --config or ARC_SAGA_CONFIG."

const metricsOf = (each: Configured.Provider): ProviderMetrics.Options => ({
  provider: each.id,
  p50LatencyMs: each.p50LatencyMs,
  p99LatencyMs: each.p99LatencyMs,
  qualityScore: each.quality
})

/** The engines that are configured. Fails with the ConfigurationError of a provider that can't be used. */
export const engines = ({
  providers
}: Configuration): Layer.Layer<Registry.ReasoningEngineRegistry, ConfigFile.ConfigurationError> => {
  const ready: Array<ReasoningEngine> = []
  for (const { status } of providers) {
    if (status._tag === "Broken") return Layer.fail(status.error)
    if (status._tag === "Ready") ready.push(status.engine)
  }
  // Each id is there once.
  return Layer.orDie(Registry.layerEngines(ready))
}

/** What all that answers tasks is built on, once: what is known of sessions and answers is in it. */
const foundation = ({ cache, escalation, policy, providers, sessions }: Configuration) =>
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
    return { routing, caching, escalated }
  })

/**
 * Makes what answers tasks over the engines, as often as its model is another; `watcher` sees all answers. It fails
 * with the ConfigurationError of a model that can't be used.
 */
export const composer = (
  configuration: Configuration,
  chosen: Option.Option<ConfigFile.StrategyName>,
  watcher?: AnswerObserver["Type"]
): Effect.Effect<
  (
    learning: Configuration["learning"]
  ) => Effect.Effect<Services, ConfigFile.ConfigurationError, Registry.ReasoningEngineRegistry | Scope.Scope>,
  never,
  Registry.ReasoningEngineRegistry | Scope.Scope
> =>
  Effect.map(
    foundation(configuration),
    ({ caching, escalated, routing }) =>
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
              MultiLLMOrchestrator.make({ strategy }).pipe(
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
            familyOf: Option.flatMap(learned, (each) => each.familyOf)
          }
        })
  )

/** What answers tasks over the engines. Fails with the ConfigurationError of a model that can't be used. */
export const services = (
  configuration: Configuration,
  chosen: Option.Option<ConfigFile.StrategyName>
): Effect.Effect<Services, ConfigFile.ConfigurationError, Registry.ReasoningEngineRegistry | Scope.Scope> =>
  Effect.flatMap(composer(configuration, chosen), (compose) => compose(configuration.learning))

/** All that keeps the providers of a server healthy, and hedging where the file has it. */
export const guards = ({
  redis,
  reliability: { hedging, ...options }
}: Configuration): Layer.Layer<never> => {
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
}: Configuration): Layer.Layer<never> =>
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
 * What answers tasks over what is configured, with its engines, its ledger and its budgets. Fails with the
 * ConfigurationError of a provider, a ledger or a model that can't be used.
 */
export const layer = (
  configuration: Configuration,
  strategy: Option.Option<ConfigFile.StrategyName>
): Layer.Layer<TaskService.TaskService, ConfigFile.ConfigurationError> =>
  Layer.scoped(
    TaskService.TaskService,
    Effect.map(services(configuration, strategy), ({ tasks }) => tasks)
  ).pipe(
    Layer.provide(engines(configuration)),
    Layer.provide(
      Layer.merge(namedGuards(configuration), Ledger.accounting(configuration.ledger, configuration.budgets))
    )
  )
