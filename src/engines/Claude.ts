/**
 * Anthropic's Claude over the Messages API, and every server that speaks it.
 *
 * An attempt is one request. By default it is answered as a stream of events for both deliveries, whole
 * and streamed: so both decode alike, and the limits for the first token and between tokens mean
 * something in both. An answer is whole when the server says so (`message_stop`); one that ends before is
 * cut, an error, whatever came of it.
 *
 * What the API has no place for is told in a warning of the result: sampling parameters under versions
 * that reject them, a temperature above 1, and JSON without a schema, which the model is asked for in
 * words. A pause of the model (`pause_turn`) is a finish `other` with a warning: going on would be another
 * request, and an engine makes one.
 *
 * A 408 or 504 is a TimeoutError of the phase `first-token`: a server that gives up waiting has sent
 * nothing of the answer yet. Told within an answer that has begun, its phase is `idle`.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as AIProvider from "../AIProvider.js"
import * as engineOptions from "../wire/engineOptions.js"
import * as httpEngine from "../wire/httpEngine.js"
import { Answer } from "../wire/messages/answer.js"
import * as countTokens from "../wire/messages/countTokens.js"
import { kindOf } from "../wire/failure/kindOf.js"
import * as messagesRequest from "../wire/messages/request.js"
import * as thinking from "../wire/messages/thinking.js"
import { told } from "../internal/told.js"
import * as rateLimitHeaders from "../wire/rateLimitHeaders.js"
import * as toolCallIds from "../wire/toolCallIds.js"
import { type Configured, type Given, given } from "../internal/options.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type * as Price from "../Price.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as fromConfig from "./internal/config.js"
import * as Registry from "../ReasoningEngineRegistry.js"
import * as kept from "../wire/kept.js"

/**
 * Which Claude is asked, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** `claude` when absent; two models are two providers, `claude/haiku` and `claude/opus`. */
  readonly provider?: AIProvider.AIProvider | undefined
  /** The model to ask for, by Anthropic's name for it. */
  readonly model: string
  readonly apiKey: Redacted.Redacted
  /** The address above `/v1/messages`; {@link defaultBaseUrl} when absent. A query is kept. */
  readonly baseUrl?: string | undefined
  /** The version of the API, a date; {@link defaultVersion} when absent. */
  readonly version?: string | undefined
  /** The most tokens to write where a task doesn't say, which the API requires; 4096 when absent. */
  readonly maxTokens?: number | undefined
  /** What it charges; absent: what the PriceCatalog knows, where there is one. */
  readonly price?: Price.Price | undefined
  /**
   * Differences from {@link defaultCapabilities}: `prefill` for the older models that go on from a
   * beginning, `sampling: false` for models that take no temperature.
   */
  readonly capabilities?: Given<ReasoningEngine.Capabilities> | undefined
  /** More headers (`anthropic-beta`); their values are kept out of errors and spans as the key is. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What a complete task is answered over: `sse` (the default), or `json`, one piece. */
  readonly completeOver?: "sse" | "json" | undefined
  /** Characters that an answer in one piece may have, or one event of a stream: 16,777,216 when absent. */
  readonly maxAnswerCharacters?: number | undefined
}

/**
 * Where Anthropic's API is.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultBaseUrl = "https://api.anthropic.com"

/**
 * The version of the API that is asked for: one that every model and server knows.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultVersion = "2023-06-01"

/**
 * What Claude can: all but sound, log probabilities and prefill, window unknown. Sampling depends on the version, too: from
 * `2026-10-21` on the API rejects its parameters, and they are dropped with a warning.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const defaultCapabilities: ReasoningEngine.Capabilities = {
  ...ReasoningEngine.defaultCapabilities,
  images: true,
  documents: true
}

/** The first version that rejects sampling parameters, even at their defaults. */
const withoutSampling = "2026-10-21"

const defaultMaxTokens = 4096

const invalid = engineOptions.invalidOf("Claude")

const versionOf = (version: string): Either.Either<string, InvalidArgumentError> =>
  /^\d{4}-\d{2}-\d{2}$/.test(version)
    ? Either.right(version)
    : invalid("version", `Expected a version of the API (a date, 2023-06-01), actual ${told(version)}`)

const known = engineOptions.knownOf<Options>("Claude", {
  provider: true,
  model: true,
  apiKey: true,
  baseUrl: true,
  version: true,
  maxTokens: true,
  price: true,
  capabilities: true,
  headers: true,
  completeOver: true,
  maxAnswerCharacters: true
})

const maxTokensOf = (maxTokens: number): Either.Either<number, InvalidArgumentError> =>
  Number.isSafeInteger(maxTokens) && maxTokens > 0
    ? Either.right(maxTokens)
    : invalid("maxTokens", `Expected a number of tokens (a whole number above 0), actual ${maxTokens}`)

/** The address with the version of the path, which some write into the base URL. */
const path = (base: string): string => (base.endsWith("/v1") ? `${base}/messages` : `${base}/v1/messages`)

const build = (
  options: Options,
  client: HttpClient.HttpClient
): Either.Either<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Either.gen(function* () {
    yield* known(options)
    const provider = options.provider ?? AIProvider.Claude
    const reached = { ...options, baseUrl: options.baseUrl ?? defaultBaseUrl }
    const server = yield* engineOptions.serverOf(invalid, reached, path, (key) => ({ "x-api-key": key }))
    const { model } = options
    const version = yield* versionOf(options.version ?? defaultVersion)
    const maxTokens = yield* maxTokensOf(options.maxTokens ?? defaultMaxTokens)
    const can = { ...defaultCapabilities, ...given(options.capabilities) }
    const capabilities = { ...can, sampling: can.sampling && version < withoutSampling }
    const settings: messagesRequest.Settings = {
      model,
      maxTokens,
      sampling: capabilities.sampling,
      thinking: thinking.kindOf(model, capabilities.reasoning)
    }
    const wire: httpEngine.Wire = {
      ...server,
      name: "messages",
      provider,
      headers: { "anthropic-version": version },
      streaming: capabilities.streaming,
      completeOverJson: options.completeOver === "json",
      body: ({ prefill, task }, stream) => messagesRequest.body(settings, { task, prefill, stream }),
      original: (body, { prefill, task }, stream) =>
        messagesRequest.original(settings, body, { task, prefill, stream }),
      dropped: (task) => messagesRequest.dropped(settings, task),
      answer: ({ prefill = "", task }) =>
        new Answer({
          model,
          unsent: prefill.slice(prefill.trimEnd().length),
          continues: prefill !== "",
          distinct: toolCallIds.distinct(task),
          kept: (said) => kept.ofMessage(task, said)
        }),
      kindOf,
      quotas: rateLimitHeaders.anthropic
    }
    return ReasoningEngine.make({
      ...options,
      provider,
      capabilities,
      wires: [wire.name],
      countTokens: countTokens.make(wire, settings, client),
      attempt: httpEngine.attempt(wire, client)
    })
  })

/**
 * Makes an engine for a model, or fails with an InvalidArgumentError that names the option. The server
 * isn't asked before the first attempt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) =>
    Effect.flatMap(build(options, client), (engine) =>
      PriceCatalog.resolve(engine, options.baseUrl ?? defaultBaseUrl)
    )
  )

/**
 * Registers an engine for a model for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { AIProvider } from "arc-saga"
 * import { Claude } from "arc-saga/engines"
 * import { Layer, type Redacted } from "effect"
 *
 * export const claudes = (apiKey: Redacted.Redacted) =>
 *   Layer.merge(
 *     Claude.layer({ provider: AIProvider.unsafeMake("claude/haiku"), model: "claude-haiku-4-5", apiKey }),
 *     Claude.layer({ provider: AIProvider.unsafeMake("claude/opus"), model: "claude-opus-4-1", apiKey })
 *   )
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
  "ANTHROPIC",
  defaultBaseUrl
)

/**
 * Registers an engine whose options come from Config: one for all of them, or one for each.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Claude } from "arc-saga/engines"
 * import { Config } from "effect"
 *
 * // ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, ANTHROPIC_MODEL
 * export const fromTheEnvironment = Claude.layerConfig(Claude.config)
 *
 * export const another = Claude.layerConfig({
 *   apiKey: Config.redacted("CLAUDE_KEY"),
 *   model: Config.succeed("claude-haiku-4-5")
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
