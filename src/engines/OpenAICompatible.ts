/**
 * Any server that speaks OpenAI's Chat Completions, its Responses, its Embeddings, or several of them: OpenAI, Azure,
 * Groq, vLLM, llama.cpp, Ollama.
 *
 * A task that came over one of its wires is sent over that one as it came. Any other goes over the first of them
 * that has a place for all of it.
 *
 * An attempt is one request. By default it is answered as a stream of events for both deliveries, whole
 * and streamed: so both decode alike, and the limits for the first token and between tokens mean
 * something in both. What servers do differently from each other is tolerated; what they don't say (a
 * missing finish reason, an answer cut in the middle) is never made up.
 *
 * A 408 or 504 is a TimeoutError of the phase `first-token`: a server that gives up waiting has sent
 * nothing of the answer yet. Told within an answer that has begun, its phase is `idle`.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as chat from "../wire/chatCompletions/answer.js"
import { kindOf } from "../wire/failure/kindOf.js"
import * as chatRequest from "../wire/chatCompletions/request.js"
import * as embeddings from "../wire/embeddings.js"
import * as engineOptions from "../wire/engineOptions.js"
import * as httpEngine from "../wire/httpEngine.js"
import * as rateLimitHeaders from "../wire/rateLimitHeaders.js"
import * as responses from "../wire/responses/answer.js"
import * as responsesRequest from "../wire/responses/request.js"
import { thinks } from "../wire/thinks.js"
import * as toolCallIds from "../wire/toolCallIds.js"
import * as toolNames from "../wire/toolNames.js"
import { type Configured, given } from "../internal/options.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import type * as AIProvider from "../AIProvider.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as fromConfig from "./internal/config.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import type { OpenAIWire, Preset, ToolCallIds } from "./internal/presets.js"
import * as kept from "../wire/kept.js"

export { type OpenAIWire, type Preset, presets, type Presets, type ToolCallIds } from "./internal/presets.js"

/**
 * How a server is reached and what it can.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ReasoningEngine.Options, "wires"> {
  /**
   * The wires that the server has, that of tasks which came over none of them first; Chat Completions alone when
   * absent. `embeddings` is what a model that embeds says.
   */
  readonly wires?: readonly [OpenAIWire, ...ReadonlyArray<OpenAIWire>] | undefined
  /**
   * The address above `/chat/completions`, `/responses` and `/embeddings`: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1`. A
   * query (Azure's `?api-version=…`) is kept.
   */
  readonly baseUrl: string
  /** The model to ask for, by the server's name for it. */
  readonly model: string
  /** Sent as a bearer token. Local servers need none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** More headers (Azure's `api-key`); their values are kept out of errors and spans as the key is. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * What the server calls the limit in Chat Completions: `max_tokens` (the default), or OpenAI's
   * `max_completion_tokens`.
   */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens" | undefined
  /** Whether to ask a stream for its usage (`stream_options`), true by default; some old servers reject it. */
  readonly includeUsage?: boolean | undefined
  /** Whether the server takes verbosity, service tier and cache key, as OpenAI does: false when absent. */
  readonly extraFields?: boolean | undefined
  /**
   * What the server takes for the ids of tool calls: `any` string, `forty-characters` at most (OpenAI; in
   * Responses sixty-four), or
   * `nine-alphanumerics` (Mistral; the default for its models by their names). An id of another provider's
   * that doesn't fit is sent as one that does, the same in call and result.
   */
  readonly toolCallIds?: ToolCallIds | undefined
  /**
   * What a complete task is answered over: `sse` (the default), or `json`, one piece. A server without the
   * `streaming` capability is always asked for one piece; a streaming task then gets its text in one.
   */
  readonly completeOver?: "sse" | "json" | undefined
  /**
   * Characters that an answer in one piece may have, or one event of a stream: 16,777,216 when absent, of embeddings
   * 134,217,728.
   */
  readonly maxAnswerCharacters?: number | undefined
}

const invalid = engineOptions.invalidOf("OpenAICompatible")

const known = engineOptions.knownOf<Options>("OpenAICompatible", {
  provider: true,
  model: true,
  price: true,
  capabilities: true,
  wires: true,
  baseUrl: true,
  apiKey: true,
  headers: true,
  maxTokensField: true,
  includeUsage: true,
  extraFields: true,
  toolCallIds: true,
  completeOver: true,
  maxAnswerCharacters: true
})

const toolCallIdRules: Readonly<
  Record<ToolCallIds, Partial<Readonly<Record<OpenAIWire, toolCallIds.Rule>>>>
> = {
  any: {},
  "forty-characters": {
    chatCompletions: toolCallIds.fortyCharacters,
    responses: toolCallIds.sixtyFourCharacters
  },
  "nine-alphanumerics": {
    chatCompletions: toolCallIds.nineAlphanumerics,
    responses: toolCallIds.nineAlphanumerics
  }
}

/** Mistral's models, also where another server has them: their prompt templates take no other ids. */
const mistral = /(?:mis|minis|mix|pix|codes|devs|magis|vox)tral/i

/** Where each wire is, and how a task is asked over it. */
const speak = (
  options: Options,
  name: OpenAIWire
): Pick<httpEngine.Wire, "name" | "body" | "original" | "lacks" | "dropped" | "answer"> => {
  const { model } = options
  if (name === "embeddings") return { name, ...embeddings.wireOf(model) }
  const capabilities = { ...ReasoningEngine.defaultCapabilities, ...given(options.capabilities) }
  const settings = {
    model,
    sampling: capabilities.sampling,
    reasoning: capabilities.reasoning ?? thinks(model),
    extraFields: options.extraFields ?? false,
    toolCallIds:
      toolCallIdRules[options.toolCallIds ?? (mistral.test(model) ? "nine-alphanumerics" : "any")][name]
  }
  const answering = ({ prefill, task }: ReasoningEngine.Request, { nameOf }: toolNames.Fitted) => ({
    model,
    continues: prefill !== undefined,
    distinct: toolCallIds.distinct(task),
    nameOf
  })
  const asked = ({ prefill, task }: ReasoningEngine.Request, stream: boolean) => ({
    task: toolNames.fitted(task).task,
    prefill,
    stream
  })
  if (name === "responses") {
    return {
      name,
      lacks: ["audio"],
      body: (request, stream) => responsesRequest.body(settings, asked(request, stream)),
      original: (body, { prefill, task }, stream) =>
        responsesRequest.original(settings, body, { task, prefill, stream }),
      dropped: (task) => responsesRequest.dropped(settings, task),
      answer: (request) =>
        new responses.Answer({
          ...answering(request, toolNames.fitted(request.task)),
          kept: (said) => kept.ofResponse(request.task, said)
        })
    }
  }
  const ofChat: chatRequest.Settings = {
    ...settings,
    maxTokensField: options.maxTokensField ?? "max_tokens",
    includeUsage: options.includeUsage ?? true
  }
  return {
    name,
    body: (request, stream) => chatRequest.body(ofChat, asked(request, stream)),
    original: (body, { prefill, task }, stream) =>
      chatRequest.original(ofChat, body, { task, prefill, stream }),
    dropped: (task) => chatRequest.dropped(ofChat, task),
    answer: (request) => {
      const fitted = toolNames.fitted(request.task)
      return new chat.Answer({
        ...answering(request, fitted),
        stop: request.task.stop ?? [],
        tools: fitted.task.tools?.map(({ name }) => name)
      })
    }
  }
}

const paths: Readonly<Record<OpenAIWire, string>> = {
  chatCompletions: "/chat/completions",
  responses: "/responses",
  embeddings: "/embeddings"
}

const wireOf = (options: Options, name: OpenAIWire): Either.Either<httpEngine.Wire, InvalidArgumentError> =>
  Either.map(
    engineOptions.serverOf(
      invalid,
      name === "embeddings"
        ? { ...options, maxAnswerCharacters: options.maxAnswerCharacters ?? embeddings.maxCharacters }
        : options,
      (base) => base + paths[name],
      (key) => ({ authorization: `Bearer ${key}` })
    ),
    (server) => ({
      ...server,
      ...speak(options, name),
      provider: options.provider,
      headers: {},
      streaming:
        name !== "embeddings" &&
        (options.capabilities?.streaming ?? ReasoningEngine.defaultCapabilities.streaming),
      completeOverJson: options.completeOver === "json",
      kindOf,
      quotas: rateLimitHeaders.openAI
    })
  )

const build = (
  options: Options,
  client: HttpClient.HttpClient
): Either.Either<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Either.gen(function* () {
    yield* known(options)
    const [first, ...others] = options.wires ?? (["chatCompletions"] as const)
    const wires = [
      yield* wireOf(options, first),
      ...(yield* Either.all(others.map((name) => wireOf(options, name))))
    ] as const
    return ReasoningEngine.make({
      ...options,
      wires: wires.map(({ name }) => name),
      attempt: httpEngine.attemptOver(wires, client)
    })
  })

/**
 * Makes an engine for a server, or fails with an InvalidArgumentError that names the option. The server
 * isn't asked before the first attempt.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { AIProvider } from "arc-saga"
 * import { OpenAICompatible } from "arc-saga/engines"
 *
 * export const ollama = OpenAICompatible.make({
 *   provider: AIProvider.unsafeMake("ollama"),
 *   baseUrl: "http://127.0.0.1:11434/v1",
 *   model: "llama3.2"
 * })
 * ```
 */
export const make = (
  options: Options
): Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) =>
    Effect.flatMap(build(options, client), (engine) => PriceCatalog.resolve(engine, options.baseUrl))
  )

/**
 * Registers an engine for a server for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<
  never,
  Registry.DuplicateEngineError | InvalidArgumentError,
  HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> => Registry.layerRegister(make(options))

/**
 * Registers an engine whose options come from Config: one for all of them, or one for each.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { AIProvider } from "arc-saga"
 * import { OpenAICompatible } from "arc-saga/engines"
 * import { Config } from "effect"
 *
 * export const house = OpenAICompatible.layerConfig({
 *   provider: Config.succeed(AIProvider.unsafeMake("house")),
 *   baseUrl: Config.string("HOUSE_BASE_URL"),
 *   apiKey: Config.redacted("HOUSE_API_KEY"),
 *   model: Config.string("HOUSE_MODEL")
 * })
 * ```
 */
export const layerConfig: (
  options: Configured<Options>
) => Layer.Layer<
  never,
  ConfigError | Registry.DuplicateEngineError | InvalidArgumentError,
  HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> = fromConfig.layer(make)

/**
 * What a preset leaves open, and what is to differ from it.
 *
 * @since 0.1.0
 * @category models
 */
export interface PresetOptions extends Omit<Options, "provider" | "baseUrl"> {
  /** The preset's name when absent; two models are two providers. */
  readonly provider?: AIProvider.AIProvider | undefined
  /** The preset's own when absent; where it has none (`azure`, `bedrock`) it has to be there. */
  readonly baseUrl?: string | undefined
}

/**
 * The options for a model at a well-known server, for {@link layerConfig}. A key that isn't given is read from the
 * variable that the server's documentation names; the Config fails where that isn't set, and where the address is each
 * customer's own and isn't given.
 *
 * @since 0.1.0
 * @category presets
 * @example
 * ```ts
 * import { OpenAICompatible } from "arc-saga/engines"
 *
 * const { configOf, layerConfig, presets } = OpenAICompatible
 *
 * // GROQ_API_KEY
 * export const groq = layerConfig(configOf(presets.groq, { model: "llama-3.3-70b-versatile" }))
 * ```
 */
export const configOf = (preset: Preset, options: PresetOptions): Config.Config<Options> => {
  const { address, apiKeyEnv, ...server } = preset
  const { apiKey, baseUrl = server.baseUrl, model } = options
  if (baseUrl === undefined) {
    return Config.fail(`baseUrl: Expected the address of the server (${address}), actual none`)
  }
  const key =
    apiKeyEnv === undefined || apiKey !== undefined ? Config.succeed(apiKey) : Config.redacted(apiKeyEnv)
  return Config.map(key, (apiKey) => ({ ...server, ...given(options), model, baseUrl, apiKey }))
}
