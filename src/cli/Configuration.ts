/**
 * Which providers there are, from the environment, a configuration file and what is found running; and
 * where there are none, simulated ones.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../AIProvider.js"
import * as OpenAICompatible from "../engines/OpenAICompatible.js"
import * as Simulated from "../engines/Simulated.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as MultiLLMOrchestrator from "../MultiLLMOrchestrator.js"
import * as Price from "../Price.js"
import type * as ProviderMetrics from "../ProviderMetrics.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as RoutingPolicy from "../RoutingPolicy.js"
import * as Strategy from "../Strategy.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Server from "./Server.js"
import type { FileError } from "./StandardStreams.js"

/**
 * Whether a provider can be asked: it has an engine; it takes no part, for a reason; or what is configured
 * for it can't be used.
 *
 * @since 0.1.0
 * @category models
 */
export type Status =
  | {
      readonly _tag: "Ready"
      readonly engine: ReasoningEngine
      /** Asks its server whether it is there; absent when there is no server. */
      readonly probe?: Effect.Effect<Server.Answer, never, HttpClient.HttpClient>
    }
  | { readonly _tag: "Off"; readonly why: string }
  | { readonly _tag: "Broken"; readonly error: ConfigFile.ConfigurationError }

/**
 * A provider that is configured, or could be.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provider {
  readonly id: AIProvider.AIProvider
  readonly model: Option.Option<string>
  readonly price: Option.Option<Price.Options>
  readonly p50LatencyMs: Option.Option<number>
  readonly p99LatencyMs: Option.Option<number>
  readonly quality: Option.Option<number>
  /** Where it is configured. */
  readonly origin: string
  readonly status: Status
}

/**
 * Everything that is configured.
 *
 * @since 0.1.0
 * @category models
 */
export interface Configuration {
  readonly providers: ReadonlyArray<Provider>
  readonly strategy: Strategy.Strategy
  readonly policy: RoutingPolicy.Options
  /** Whether nothing is configured, so that the providers are simulated. */
  readonly simulated: boolean
}

/**
 * What `load` fails with.
 *
 * @since 0.1.0
 * @category errors
 */
export type LoadError = ConfigFile.ConfigurationError | FileError

const environment = "environment"
const ollama = AIProvider.unsafeMake("ollama")

const invalid = (file: string, field: string, reason: string): ConfigFile.ConfigurationError =>
  new ConfigFile.ConfigurationError({ file, field, reason })

/** A variable; one that is empty counts as one that isn't set. */
const variable = (name: string): Effect.Effect<Option.Option<Redacted.Redacted>> =>
  Effect.map(
    // A variable that can't be read isn't there.
    Effect.option(Config.redacted(name)),
    Option.filter((value) => Redacted.value(value).trim() !== "")
  )

const text = (name: string): Effect.Effect<Option.Option<string>> =>
  Effect.map(variable(name), Option.map(Redacted.value))

interface Described {
  readonly id: AIProvider.AIProvider
  readonly model?: string | undefined
  readonly price?: Price.Options | undefined
  readonly p50LatencyMs?: number | undefined
  readonly p99LatencyMs?: number | undefined
  readonly quality?: number | undefined
}

const provider = (described: Described, origin: string, status: Status): Provider => ({
  id: described.id,
  model: Option.fromNullable(described.model),
  price: Option.fromNullable(described.price),
  p50LatencyMs: Option.fromNullable(described.p50LatencyMs),
  p99LatencyMs: Option.fromNullable(described.p99LatencyMs),
  quality: Option.fromNullable(described.quality),
  origin,
  status
})

const off = (why: string): Status => ({ _tag: "Off", why })
const broken = (error: ConfigFile.ConfigurationError): Status => ({ _tag: "Broken", error })

interface Reached {
  readonly baseUrl: string
  readonly apiKey: Option.Option<Redacted.Redacted>
  readonly model: string
  readonly maxTokensField: "max_tokens" | "max_completion_tokens"
  readonly contextWindow?: number | undefined
}

const probeLimit = "2 seconds"

/** The engine of a server; `blame` says whose field an error is. */
const server = (
  described: Described,
  reached: Reached,
  blame: (error: InvalidArgumentError) => ConfigFile.ConfigurationError
): Effect.Effect<Status, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const price = described.price === undefined ? undefined : yield* Price.make(described.price)
    const key = Option.match(reached.apiKey, { onNone: () => ({}), onSome: (apiKey) => ({ apiKey }) })
    const engine = yield* OpenAICompatible.make({
      provider: described.id,
      baseUrl: reached.baseUrl,
      model: reached.model,
      maxTokensField: reached.maxTokensField,
      ...key,
      ...(price === undefined ? {} : { price }),
      ...(reached.contextWindow === undefined
        ? {}
        : { capabilities: { contextWindow: Option.some(reached.contextWindow) } })
    })
    const probe = Server.models({ baseUrl: reached.baseUrl, limit: probeLimit, ...key })
    return { _tag: "Ready", engine, probe } as const
  }).pipe(Effect.catchAll((error) => Effect.succeed(broken(blame(error)))))

const fromFile = (
  file: string,
  entry: ConfigFile.Provider,
  index: number
): Effect.Effect<Provider, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const made = (status: Status): Provider => provider(entry, file, status)
    if (entry.enabled === false) return made(off(`disabled in ${file}`))
    const inEnvironment =
      entry.apiKeyEnv === undefined ? Option.none<Redacted.Redacted>() : yield* variable(entry.apiKeyEnv)
    if (entry.apiKeyEnv !== undefined && Option.isNone(inEnvironment)) {
      const reason = `Expected an environment variable that is set, actual ${entry.apiKeyEnv}, which isn't`
      return made(broken(invalid(file, `providers[${index}].apiKeyEnv`, reason)))
    }
    const reached: Reached = {
      baseUrl: entry.baseUrl,
      apiKey: Option.orElse(Option.fromNullable(entry.apiKey), () => inEnvironment),
      model: entry.model,
      maxTokensField: entry.maxTokensField ?? "max_tokens",
      contextWindow: entry.contextWindow
    }
    const keyField = entry.apiKeyEnv === undefined ? "apiKey" : "apiKeyEnv"
    return made(
      yield* server(entry, reached, ({ field, reason }) =>
        invalid(file, `providers[${index}].${field === "apiKey" ? keyField : field}`, reason)
      )
    )
  })

const simulate = (
  { id, p50LatencyMs, p99LatencyMs, quality, ...options }: Described & Omit<Simulated.Options, "provider">,
  origin: string
): Effect.Effect<Provider> =>
  // What is in the file was checked when it was read.
  Effect.map(Effect.orDie(Simulated.make({ provider: id, ...options })), (engine) =>
    provider({ id, model: engine.model, price: options.price, p50LatencyMs, p99LatencyMs, quality }, origin, {
      _tag: "Ready",
      engine
    })
  )

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

const openAiUrl = "https://api.openai.com/v1"
const openAiModel = "gpt-4o-mini"

/** OpenAI itself, or the server that stands in for it. */
const fromEnvironment: Effect.Effect<Provider, never, HttpClient.HttpClient> = Effect.gen(function* () {
  const apiKey = yield* variable("OPENAI_API_KEY")
  const baseUrl = yield* text("OPENAI_BASE_URL")
  const model = Option.getOrElse(yield* text("OPENAI_MODEL"), () => openAiModel)
  const described = { id: AIProvider.Gpt4, model }
  if (Option.isNone(apiKey) && Option.isNone(baseUrl)) {
    return provider(described, environment, off("OPENAI_API_KEY isn't set"))
  }
  const names: Readonly<Record<string, string>> = {
    apiKey: "OPENAI_API_KEY",
    baseUrl: "OPENAI_BASE_URL",
    model: "OPENAI_MODEL"
  }
  const reached: Reached = {
    baseUrl: Option.getOrElse(baseUrl, () => openAiUrl),
    apiKey,
    model,
    // Servers that stand in for OpenAI mostly know the older name alone.
    maxTokensField: Option.isNone(baseUrl) ? "max_completion_tokens" : "max_tokens"
  }
  return provider(
    described,
    environment,
    yield* server(described, reached, ({ field, reason }) =>
      invalid(environment, names[field] ?? field, reason)
    )
  )
})

/** OLLAMA_HOST as Ollama reads it: a host, a host and port, or a URL; where it binds to all, ask this one. */
const ollamaUrl = (host: string): string => {
  const url = host.includes("://") ? host : `http://${host}`
  const port = /:\d+\/?$/.test(url) || host.includes("://") ? "" : ":11434"
  return `${url.replace(/\/+$/, "").replace("://0.0.0.0", "://127.0.0.1")}${port}/v1`
}

const findOllama: Effect.Effect<Provider, never, HttpClient.HttpClient> = Effect.gen(function* () {
  const host = Option.getOrElse(yield* text("OLLAMA_HOST"), () => "127.0.0.1:11434")
  const baseUrl = ollamaUrl(host)
  const origin = `found at ${baseUrl}`
  const answer = yield* Server.models({ baseUrl, limit: "300 millis" })
  const model = answer._tag === "Models" ? answer.models[0] : undefined
  if (model === undefined) {
    const why =
      answer._tag === "Absent"
        ? `no server answers at ${baseUrl}`
        : `the server at ${baseUrl} has no model: ollama pull one`
    return provider({ id: ollama }, "looked for", off(why))
  }
  // What runs on one's own machine charges nothing.
  const described = { id: ollama, model, price: { input: 0, output: 0 } }
  const reached: Reached = { baseUrl, apiKey: Option.none(), model, maxTokensField: "max_tokens" }
  return provider(
    described,
    origin,
    yield* server(described, reached, ({ reason }) => invalid(environment, "OLLAMA_HOST", reason))
  )
})

/**
 * Finds out what is configured. The file is the given one, or that of ARC_SAGA_CONFIG. Fails when the file
 * can't be read or used; a provider that can't be used by itself is listed as such.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (
  file: Option.Option<string>
): Effect.Effect<Configuration, LoadError, FileSystem.FileSystem | HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const named = Option.isSome(file) ? file : yield* text("ARC_SAGA_CONFIG")
    const config: ConfigFile.ConfigFile = Option.isSome(named) ? yield* ConfigFile.read(named.value) : {}
    const origin = Option.getOrElse(named, () => environment)

    const listed = yield* Effect.forEach(config.providers ?? [], (entry, index) =>
      fromFile(origin, entry, index)
    )
    const rehearsed = yield* Effect.forEach(config.simulated ?? [], (entry) => simulate(entry, origin))
    const inFile = [...listed, ...rehearsed]
    const isNew = ({ id }: Provider): boolean => inFile.every((other) => other.id !== id)
    const found = yield* Effect.all([fromEnvironment, ...(config.ollama === false ? [] : [findOllama])], {
      concurrency: "unbounded"
    })
    const configured = [...inFile, ...found.filter(isNew)]

    const simulated = inFile.length === 0 && configured.every(({ status }) => status._tag === "Off")
    const madeUp = simulated
      ? yield* Effect.forEach(simulatedProviders, (each) => simulate(each, "simulated"))
      : []
    return {
      providers: [...madeUp, ...configured.filter(({ id }) => madeUp.every((other) => other.id !== id))],
      strategy: Strategy.named[config.strategy ?? "balanced"],
      policy: ConfigFile.policyOf(config),
      simulated
    }
  })

/**
 * What says that nothing is configured, and how to change it.
 *
 * @since 0.1.0
 * @category messages
 */
export const simulatedNotice =
  "No provider is configured, so the answers are simulated. Set OPENAI_API_KEY (and OPENAI_BASE_URL, OPENAI_MODEL), start Ollama, or name a file by --config or ARC_SAGA_CONFIG."

const metricsOf = (each: Provider): ProviderMetrics.Options => {
  const price = Option.getOrUndefined(
    Option.flatMap(each.price, (options) => Option.getRight(Price.make(options)))
  )
  const p50LatencyMs = Option.getOrUndefined(each.p50LatencyMs)
  const p99LatencyMs = Option.getOrUndefined(each.p99LatencyMs)
  const qualityScore = Option.getOrUndefined(each.quality)
  return {
    provider: each.id,
    ...(price === undefined ? {} : { costPerToken: Price.blendedPerToken(price) }),
    ...(p50LatencyMs === undefined ? {} : { p50LatencyMs }),
    ...(p99LatencyMs === undefined ? {} : { p99LatencyMs }),
    ...(qualityScore === undefined ? {} : { qualityScore })
  }
}

/**
 * An orchestrator over what is configured. Fails with the ConfigurationError of a provider that can't be
 * used.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  configuration: Configuration,
  strategy: Option.Option<Strategy.Strategy>
): Layer.Layer<MultiLLMOrchestrator.MultiLLMOrchestrator, ConfigFile.ConfigurationError> => {
  const engines: Array<ReasoningEngine> = []
  const metrics: Array<ProviderMetrics.Options> = []
  for (const each of configuration.providers) {
    if (each.status._tag === "Broken") return Layer.fail(each.status.error)
    if (each.status._tag === "Off") continue
    engines.push(each.status.engine)
    metrics.push(metricsOf(each))
  }
  return MultiLLMOrchestrator.layerFor({
    providers: metrics,
    strategy: Option.getOrElse(strategy, () => configuration.strategy),
    policy: configuration.policy
  }).pipe(
    Layer.provide(Registry.layerEngines(engines)),
    // The numbers were checked when they were read, and each id is there once.
    Layer.orDie
  )
}
