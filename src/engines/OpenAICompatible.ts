/**
 * Any server that speaks OpenAI's Chat Completions: OpenAI, Azure, Groq, vLLM, llama.cpp, Ollama.
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
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { Answer } from "../wire/chatCompletions/answer.js"
import { kindOf } from "../wire/failure/kindOf.js"
import * as chatRequest from "../wire/chatCompletions/request.js"
import * as engineOptions from "../wire/engineOptions.js"
import * as httpEngine from "../wire/httpEngine.js"
import * as rateLimitHeaders from "../wire/rateLimitHeaders.js"
import { thinks } from "../wire/thinks.js"
import * as toolCallIds from "../wire/toolCallIds.js"
import { type Configured, given } from "../internal/options.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as fromConfig from "./internal/config.js"
import * as Registry from "../ReasoningEngineRegistry.js"

/**
 * What a server takes for the ids of tool calls.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolCallIds = "any" | "forty-characters" | "nine-alphanumerics"

/**
 * How a server is reached and what it can.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ReasoningEngine.Options, "wires"> {
  /**
   * The address above `/chat/completions`: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1`. A
   * query (Azure's `?api-version=…`) is kept.
   */
  readonly baseUrl: string
  /** The model to ask for, by the server's name for it. */
  readonly model: string
  /** Sent as a bearer token. Local servers need none. */
  readonly apiKey?: Redacted.Redacted | undefined
  /** More headers (Azure's `api-key`); their values are kept out of errors and spans as the key is. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What the server calls the limit: `max_tokens` (the default), or OpenAI's `max_completion_tokens`. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens" | undefined
  /** Whether to ask a stream for its usage (`stream_options`), true by default; some old servers reject it. */
  readonly includeUsage?: boolean | undefined
  /** Whether the server takes verbosity, service tier and cache key, as OpenAI does: false when absent. */
  readonly extraFields?: boolean | undefined
  /**
   * What the server takes for the ids of tool calls: `any` string, `forty-characters` at most (OpenAI), or
   * `nine-alphanumerics` (Mistral; the default for its models by their names). An id of another provider's
   * that doesn't fit is sent as one that does, the same in call and result.
   */
  readonly toolCallIds?: ToolCallIds | undefined
  /**
   * What a complete task is answered over: `sse` (the default), or `json`, one piece. A server without the
   * `streaming` capability is always asked for one piece; a streaming task then gets its text in one.
   */
  readonly completeOver?: "sse" | "json" | undefined
  /** Characters that an answer in one piece may have, or one event of a stream: 16,777,216 when absent. */
  readonly maxAnswerCharacters?: number | undefined
}

const invalid = engineOptions.invalidOf("OpenAICompatible")

const toolCallIdRules: Readonly<Record<ToolCallIds, toolCallIds.Rule | undefined>> = {
  any: undefined,
  "forty-characters": toolCallIds.fortyCharacters,
  "nine-alphanumerics": toolCallIds.nineAlphanumerics
}

/** Mistral's models, also where another server has them: their prompt templates take no other ids. */
const mistral = /(?:mis|minis|mix|pix|codes|devs|magis|vox)tral/i

const engineOf = (
  options: Options,
  server: engineOptions.Server,
  client: HttpClient.HttpClient
): ReasoningEngine.ReasoningEngine => {
  const { model, provider } = options
  const capabilities = { ...ReasoningEngine.defaultCapabilities, ...given(options.capabilities) }
  const settings: chatRequest.Settings = {
    model,
    maxTokensField: options.maxTokensField ?? "max_tokens",
    includeUsage: options.includeUsage ?? true,
    sampling: capabilities.sampling,
    reasoning: capabilities.reasoning ?? thinks(model),
    extraFields: options.extraFields ?? false,
    toolCallIds: toolCallIdRules[options.toolCallIds ?? (mistral.test(model) ? "nine-alphanumerics" : "any")]
  }
  const wire: httpEngine.Wire = {
    ...server,
    name: "chatCompletions",
    provider,
    headers: {},
    streaming: capabilities.streaming,
    completeOverJson: options.completeOver === "json",
    body: ({ prefill, task }, stream) => chatRequest.body(settings, { task, prefill, stream }),
    original: (body, { prefill, task }, stream) =>
      chatRequest.original(settings, body, { task, prefill, stream }),
    dropped: (task) => chatRequest.dropped(settings, task),
    answer: ({ prefill, task }) =>
      new Answer({
        model,
        continues: prefill !== undefined,
        distinct: toolCallIds.distinct(task),
        stop: task.stop ?? [],
        tools: task.tools?.map(({ name }) => name)
      }),
    kindOf,
    quotas: rateLimitHeaders.openAI
  }
  return ReasoningEngine.make({ ...options, wires: [wire.name], attempt: httpEngine.attempt(wire, client) })
}

const build = (
  options: Options,
  client: HttpClient.HttpClient
): Either.Either<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Either.map(
    engineOptions.serverOf(
      invalid,
      options,
      (base) => `${base}/chat/completions`,
      (key) => ({ authorization: `Bearer ${key}` })
    ),
    (server) => engineOf(options, server, client)
  )

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
