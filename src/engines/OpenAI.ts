/**
 * OpenAI itself: the engine for Chat Completions, Responses and Embeddings, {@link OpenAICompatible}, set up as OpenAI wants
 * it. The limit of tokens is sent as `max_completion_tokens`, the stream is asked for its usage, and images can be
 * part of a message.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as AIProvider from "../AIProvider.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { type Configured, type Given, given } from "../internal/options.js"
import type * as Price from "../Price.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as fromConfig from "./internal/config.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as engineOptions from "../wire/engineOptions.js"
import * as OpenAICompatible from "./OpenAICompatible.js"

/**
 * Which model is asked, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** `gpt4` when absent; two models are two providers. */
  readonly provider?: AIProvider.AIProvider | undefined
  /** The model to ask for, by OpenAI's name for it. */
  readonly model: string
  readonly apiKey: Redacted.Redacted
  /**
   * The wire of tasks that came over neither of OpenAI's, as far as it has a place for all of them:
   * `chatCompletions` (the default), or `responses`. The others are sent over theirs. A model that embeds has
   * `embeddings`, and no other.
   */
  readonly wire?: OpenAICompatible.OpenAIWire | undefined
  /** The address above `/chat/completions`, `/responses` and `/embeddings`; {@link defaultBaseUrl} when absent. A query is kept. */
  readonly baseUrl?: string | undefined
  /** What it charges; absent: what the PriceCatalog knows, where there is one. */
  readonly price?: Price.Price | undefined
  /** Differences from {@link defaultCapabilities}: `sampling: false` for models that take no temperature. */
  readonly capabilities?: Given<ReasoningEngine.Capabilities> | undefined
  /** More headers (`openai-organization`); their values are kept out of errors and spans as the key is. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /**
   * Characters that an answer in one piece may have, or one event of a stream: 16,777,216 when absent, of embeddings
   * 134,217,728.
   */
  readonly maxAnswerCharacters?: number | undefined
  /** What a complete task is answered over: `sse` (the default), or `json`, one piece. */
  readonly completeOver?: "sse" | "json" | undefined
}

/**
 * Where OpenAI's API is.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultBaseUrl = "https://api.openai.com/v1"

/**
 * What OpenAI's models can: all but prefill, window unknown.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const defaultCapabilities: ReasoningEngine.Capabilities = {
  ...ReasoningEngine.defaultCapabilities,
  images: true,
  documents: true,
  audio: true,
  logProbabilities: true
}

const known = engineOptions.knownOf<Options>("OpenAI", {
  provider: true,
  model: true,
  apiKey: true,
  wire: true,
  baseUrl: true,
  price: true,
  capabilities: true,
  headers: true,
  maxAnswerCharacters: true,
  completeOver: true
})

const wires = {
  chatCompletions: ["chatCompletions", "responses"],
  responses: ["responses", "chatCompletions"],
  embeddings: ["embeddings"]
} as const

/**
 * Makes an engine for a model, or fails with an InvalidArgumentError that names the option. The server
 * isn't asked before the first attempt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  all: Options
): Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError, HttpClient.HttpClient> => {
  const { wire, ...options } = all
  return Effect.zipRight(
    known(all),
    OpenAICompatible.make({
      ...options,
      wires: wires[wire ?? "chatCompletions"],
      provider: options.provider ?? AIProvider.Gpt4,
      baseUrl: options.baseUrl ?? defaultBaseUrl,
      capabilities: { ...defaultCapabilities, ...given(options.capabilities) },
      maxTokensField: "max_completion_tokens",
      toolCallIds: "forty-characters",
      includeUsage: true,
      extraFields: true
    })
  ).pipe(
    Effect.mapError(({ field, reason }) => new InvalidArgumentError({ subject: "OpenAI", field, reason }))
  )
}

/**
 * Registers an engine for a model for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { OpenAI } from "arc-saga/engines"
 * import type { Redacted } from "effect"
 *
 * export const gpt4 = (apiKey: Redacted.Redacted) => OpenAI.layer({ model: "gpt-4o-mini", apiKey })
 * ```
 */
export const layer = (
  options: Options
): Layer.Layer<
  never,
  Registry.DuplicateEngineError | InvalidArgumentError,
  HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> => Registry.layerRegister(make(options))

/**
 * Key, base URL and model as Config has them by their usual names.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Pick<Options, "apiKey" | "baseUrl" | "model">> = fromConfig.ofApi(
  "OPENAI",
  defaultBaseUrl
)

/**
 * Registers an engine whose options come from Config: one for all of them, or one for each.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { OpenAI } from "arc-saga/engines"
 *
 * // OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL
 * export const fromTheEnvironment = OpenAI.layerConfig(OpenAI.config)
 * ```
 */
export const layerConfig: (
  options: Configured<Options>
) => Layer.Layer<
  never,
  ConfigError | Registry.DuplicateEngineError | InvalidArgumentError,
  HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> = fromConfig.layer(make)
