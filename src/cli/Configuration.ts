/**
 * Which providers there are, from the environment, a configuration file and what is found running; and
 * where there are none, simulated ones.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as AIProvider from "../AIProvider.js"
import type * as Budgets from "../spend/Budgets.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import * as Simulated from "../engines/Simulated.js"
import type * as Gateway from "../gateway/Gateway.js"
import * as Hedging from "../reliability/Hedging.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import * as RateLimits from "../reliability/RateLimits.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as Sessions from "../routing/Sessions.js"
import type * as QualityModel from "../savings/QualityModel.js"
import * as ConfigFile from "./ConfigFile.js"
import type { Settings } from "./Learned.js"
import { told } from "../internal/told.js"
import * as Configured from "./ConfiguredProvider.js"
import * as Environment from "./Environment.js"
import * as Identity from "./Identity.js"
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

/** Everything that is configured. */
export interface Configuration {
  /** What an error calls the file. */
  readonly origin: string
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
  readonly canary: ConfigFile.ConfigFile["canary"]
  readonly escalation: ConfigFile.ConfigFile["escalation"]
  /** What is known of providers' caches. */
  readonly sessions: Sessions.Options
  readonly ledger: Option.Option<Ledger.Ledger>
  readonly budgets: Option.Option<Budgets.Options>
  readonly reliability: Reliability
  /** Where several processes share their state. */
  readonly redis: Option.Option<Shared.Redis>
  /** How keys are taken that were issued, where they are; none of them when absent. */
  readonly issuedKeys: ConfigFile.ConfigFile["issuedKeys"]
  readonly gateway: Gateway.Settings
  /** Whether nothing is configured, so that the providers are simulated. */
  readonly simulated: boolean
  /** Tells it from others without its secrets: the hash of the file and of the providers besides. */
  readonly hash: Effect.Effect<string>
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
      return Effect.map(serverOf(file, `${at}.pool[${place}]`, member), ({ settings, status }) => ({
        name: ConfigFile.memberName({ name }, place),
        weight,
        status,
        settings
      }))
    })
    const settings = [entry, members.map(({ name, settings, weight }) => [name, weight, settings])]
    return Configured.make(entry, file, yield* Configured.pooled(members), settings)
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
  entry: typeof ConfigFile.SimulatedProvider.Type,
  origin: string,
  modelOf: Environment.ModelOf
): Effect.Effect<Configured.Provider> => {
  const { id, p50LatencyMs, p99LatencyMs, quality, ...options } = entry
  const { model: configured = Simulated.defaultModel, price } = options
  const model = modelOf(id, configured)
  // What is in the file was checked when it was read.
  return Effect.map(Effect.orDie(Simulated.make({ ...options, provider: id, model })), (engine) =>
    Configured.make(
      { id, model, price, p50LatencyMs, p99LatencyMs, quality },
      origin,
      { _tag: "Ready", engine },
      { ...entry, model }
    )
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
      // A program may have been installed without it: then prices that the file doesn't state aren't known.
      Effect.tryPromise(() => import("../spend/PriceCatalog/GenAIPrices.js")),
      ({ catalog }) => catalog.find(query)
    ).pipe(Effect.orElseSucceed(() => PriceCatalog.unknown))
}

/** The file that is named by the command line or the environment. */
export const fileOf = (file: Option.Option<string>): Effect.Effect<Option.Option<string>> =>
  Option.isSome(file) ? Effect.succeed(file) : Environment.text("ARC_SAGA_CONFIG")

/** Where a configuration is: in a file, by its path, or in a value. */
export type Source = string | typeof ConfigFile.ConfigFile.Encoded

/** The configuration, and what an error calls it; empty where there is none. */
const read = (
  source: Option.Option<Source>
): Effect.Effect<
  { readonly origin: string; readonly config: ConfigFile.ConfigFile },
  LoadError,
  FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    if (Option.isSome(source) && typeof source.value !== "string") {
      const origin = "configuration"
      return { origin, config: yield* ConfigFile.check(origin, source.value) }
    }
    const named = yield* fileOf(Option.filter(source, Predicate.isString))
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
        Ledger.loaded({ file: origin, field: "redis" }, () => import("./Shared.js")),
        (shared) => Effect.asSome(shared.redisOf(origin, redis))
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

/** Finds out where the ledger is, and which keys the file has itself. */
export const loadKeys = (
  file: Option.Option<string>
): Effect.Effect<
  {
    readonly ledger: Option.Option<Ledger.Ledger>
    readonly issuedKeys: ConfigFile.ConfigFile["issuedKeys"]
    readonly ids: ReadonlyArray<string>
  },
  LoadError,
  FileSystem.FileSystem
> =>
  Effect.flatMap(read(file), ({ config, origin }) =>
    Effect.map(ledgerOf(origin, config), (ledger) => ({
      ledger,
      issuedKeys: config.issuedKeys,
      ids: (config.gateway?.keys ?? []).map(({ id }) => id)
    }))
  )

/** Finds out where the ledger is, and nothing else. */
export const loadLedger = (
  file: Option.Option<string>
): Effect.Effect<Option.Option<Ledger.Ledger>, LoadError, FileSystem.FileSystem> =>
  Effect.flatMap(read(file), ({ config, origin }) => ledgerOf(origin, config))

/** Microsoft 365 Copilot, whose sign-in takes its time to load. */
const copilot = Effect.gen(function* () {
  const variable = "COPILOT_CLIENT_ID"
  const make = (status: Configured.Status) =>
    Configured.make({ id: AIProvider.CopilotChat }, Environment.origin, status)
  const clientId = yield* Environment.text(variable)
  if (Option.isNone(clientId)) return make(Configured.off(`${variable} isn't set`))
  return yield* Ledger.loaded(
    { file: Environment.origin, field: variable },
    () => import("./Copilot.js")
  ).pipe(
    Effect.flatMap(({ provider }) => provider(clientId.value)),
    Effect.catchAll((error) => Effect.succeed(make({ _tag: "Broken", error })))
  )
})

/** Why nobody can be asked, where all that is configured is away. */
export const whyNobody = ({ providers }: Configuration): Option.Option<string> => {
  if (providers.some(({ byNameOnly, status }) => status._tag !== "Off" && !byNameOnly)) return Option.none()
  const why = providers.flatMap(({ id, status }) =>
    status._tag === "Off"
      ? status.isConfigured
        ? [`${id}: ${status.why}`]
        : []
      : [`${id} is there and isn't configured: it is asked by --provider ${id}`]
  )
  return Option.some(`No provider can be asked. ${why.join("; ")}`)
}

/**
 * Finds out what is configured. The source is the given one, or the file of ARC_SAGA_CONFIG; `modelOf` may choose
 * other models than those that are configured; providers that are made of the same as one before keep its engine.
 * Fails when the file can't be read or used; a provider that can't be used by itself is listed as such.
 */
export const load = (
  source: Option.Option<Source>,
  modelOf: Environment.ModelOf = (_provider, configured) => configured,
  before: ReadonlyArray<Configured.Provider> = []
): Effect.Effect<
  Configuration,
  LoadError,
  FileSystem.FileSystem | HttpClient.HttpClient | Path.Path | Scope.Scope
> =>
  Effect.gen(function* () {
    const { config, origin } = yield* read(source)
    const ledger = yield* ledgerOf(origin, config)
    if (config.issuedKeys !== undefined && Option.isNone(ledger)) {
      return yield* new ConfigFile.ConfigurationError({
        file: origin,
        field: "issuedKeys",
        reason: "Expected a ledger beside it, in whose database keys are, actual none"
      })
    }

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
        Effect.all([Environment.openAI(modelOf), Environment.claude(modelOf), copilot], {
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
    const providers = Configured.kept(
      [...madeUp, ...configured.filter(({ id }) => madeUp.every((other) => other.id !== id))],
      before
    )
    return {
      origin,
      providers,
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
      canary: config.canary,
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
      issuedKeys: config.issuedKeys,
      gateway: config.gateway ?? {},
      simulated,
      hash: Identity.hash([config, providers.map(({ byNameOnly, id, model }) => [id, model, byNameOnly])])
    }
  }).pipe(Effect.provideService(PriceCatalog.PriceCatalog, prices))

/** What says that nothing is configured, and how to change it. */
export const simulatedNotice =
  "No provider is configured, so the answers are simulated. Set ANTHROPIC_API_KEY or OPENAI_API_KEY, sign in to Copilot (COPILOT_CLIENT_ID), start Ollama, or name a file by --config or ARC_SAGA_CONFIG."
