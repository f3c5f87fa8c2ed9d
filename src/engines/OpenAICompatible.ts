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
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import * as failure from "../internal/chatCompletions/failure.js"
import * as answerPull from "../internal/chatCompletions/pull.js"
import * as chatRequest from "../internal/chatCompletions/request.js"
import * as http from "../internal/http.js"
import * as httpError from "../internal/httpError.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as Registry from "../ReasoningEngineRegistry.js"

/**
 * How a server is reached and what it can.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ReasoningEngine.Options {
  /**
   * The address above `/chat/completions`: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1`. A
   * query (Azure's `?api-version=…`) is kept.
   */
  readonly baseUrl: string
  /** The model to ask for, by the server's name for it. */
  readonly model: string
  /** Sent as a bearer token. Local servers need none. */
  readonly apiKey?: Redacted.Redacted
  /** More headers (Azure's `api-key`); their values are kept out of errors and spans as the key is. */
  readonly headers?: Readonly<Record<string, string>>
  /** What the server calls the limit: `max_tokens` (the default), or OpenAI's `max_completion_tokens`. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens"
  /** Whether to ask a stream for its usage (`stream_options`), true by default; some old servers reject it. */
  readonly includeUsage?: boolean
  /**
   * What a complete task is answered over: `sse` (the default), or `json`, one piece. A server without the
   * `streaming` capability is always asked for one piece; a streaming task then gets its text in one.
   */
  readonly completeOver?: "sse" | "json"
}

const invalid = (field: string, reason: string): Either.Either<never, InvalidArgumentError> =>
  Either.left(new InvalidArgumentError({ subject: "OpenAICompatible", field, reason }))

const endpoint = (baseUrl: string): Either.Either<string, InvalidArgumentError> => {
  if (baseUrl.includes("@")) {
    return invalid("baseUrl", "Expected a URL without a user and password, actual one with an @")
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return invalid("baseUrl", `Expected an http(s) URL, actual ${JSON.stringify(baseUrl)}`)
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/chat/completions`
  url.hash = ""
  return Either.right(url.href)
}

const headerName = /^[!#$%&'*+.^_`|~\w-]+$/
const headerValue = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/

/** The headers that every request has; a value that can't be sent is never told. */
const headersOf = (options: Options): Either.Either<Record<string, string>, InvalidArgumentError> => {
  const headers: Record<string, string> = {}
  if (options.apiKey !== undefined) {
    const key = Redacted.value(options.apiKey)
    if (!headerValue.test(key)) {
      return invalid("apiKey", "Expected a key of printable characters without space around it")
    }
    headers["authorization"] = `Bearer ${key}`
  }
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (!headerName.test(name)) {
      return invalid("headers", `Expected the name of a header, actual ${JSON.stringify(name)}`)
    }
    if (!headerValue.test(value)) {
      return invalid(`headers.${name}`, "Expected a value of printable characters without space around it")
    }
    headers[name.toLowerCase()] = value
  }
  return Either.right(headers)
}

const wordsOfMessage = (message: AITask.Message): ReadonlyArray<string> => {
  if (message.role === "assistant") {
    return [message.content, ...(message.toolCalls ?? []).map((call) => call.arguments)]
  }
  return typeof message.content === "string"
    ? [message.content]
    : message.content.map((part) => (part.type === "text" ? part.text : part.url))
}

/** All that the caller and the model said: what an error must not repeat. */
const wordsOf = ({ prefill, task }: ReasoningEngine.Request): ReadonlyArray<string> => [
  ...(task.systemPrompt === undefined ? [] : [task.systemPrompt]),
  ...task.messages.flatMap(wordsOfMessage),
  ...(prefill === undefined ? [] : [prefill])
]

const engineOf = (
  options: Options,
  url: string,
  headers: Record<string, string>,
  httpClient: HttpClient.HttpClient
): ReasoningEngine.ReasoningEngine => {
  const { model, provider } = options
  const capabilities = { ...ReasoningEngine.defaultCapabilities, ...options.capabilities }
  const settings: chatRequest.Settings = {
    model,
    maxTokensField: options.maxTokensField ?? "max_tokens",
    includeUsage: options.includeUsage ?? true,
    sampling: capabilities.sampling
  }
  const client = http.scoped(httpClient, Object.keys(headers))
  // Without what a header says before its secret, as in "Bearer …".
  const secrets = Object.values(headers).flatMap((value) => value.split(/\s+/))

  const streams = (mode: AITask.Mode): boolean =>
    capabilities.streaming && (mode === "streaming" || options.completeOver !== "json")

  const httpRequest = (body: string, stream: boolean): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyText(body, "application/json"),
      HttpClientRequest.setHeader("accept", stream ? "text/event-stream" : "application/json"),
      HttpClientRequest.setHeaders(headers)
    )

  const encode = (request: ReasoningEngine.Request, stream: boolean) => {
    const body = chatRequest.body(settings, { task: request.task, prefill: request.prefill, stream })
    return Effect.try({
      try: () => JSON.stringify(body),
      catch: () =>
        new EngineError.InputValidationError({
          provider,
          description: "its tools or schema hold a value that JSON can't carry"
        })
    })
  }

  const attempt = Effect.fnUntraced(function* (
    request: ReasoningEngine.Request
  ): Effect.fn.Return<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope> {
    const stream = streams(request.mode)
    const json = yield* encode(request, stream)
    const redact = httpError.redactor(secrets, () => wordsOf(request))
    const onNetwork = (error: HttpClientError.HttpClientError) =>
      httpError.networkError(provider, error, redact)
    const response = yield* Effect.mapError(client.execute(httpRequest(json, stream)), onNetwork)
    const body = yield* http.open(response)
    const retryAfterMs = httpError.retryAfterMs(response.headers, yield* Clock.currentTimeMillis)
    const requestId = httpError.requestId(response.headers)
    const onFailure = (said: failure.Failure, begun: boolean) =>
      failure.toEngineError(said, { provider, redact, requestId, retryAfterMs, begun })
    if (response.status < 200 || response.status >= 300) {
      return yield* onFailure(failure.fromBody(yield* http.readError(body), response.status), false)
    }
    return yield* answerPull.make(body, {
      model,
      awaitUsage: settings.includeUsage,
      stream,
      contentType: response.headers["content-type"] ?? "",
      warnings: chatRequest.dropped(settings, request.task),
      onFailure,
      onNetwork
    })
  })

  return ReasoningEngine.make({ ...options, attempt })
}

const build = (
  options: Options,
  client: HttpClient.HttpClient
): Either.Either<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Either.flatMap(endpoint(options.baseUrl), (url) =>
    Either.flatMap(headersOf(options), (headers) =>
      options.model.trim() === ""
        ? invalid("model", 'Expected the name of a model, actual ""')
        : Either.right(engineOf(options, url, headers, client))
    )
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
  Effect.flatMap(HttpClient.HttpClient, (client) => build(options, client))

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
 * export const OpenAI = OpenAICompatible.layerConfig({
 *   provider: Config.succeed(AIProvider.Gpt4),
 *   baseUrl: Config.withDefault(Config.string("OPENAI_BASE_URL"), "https://api.openai.com/v1"),
 *   apiKey: Config.redacted("OPENAI_API_KEY"),
 *   model: Config.string("OPENAI_MODEL"),
 *   maxTokensField: Config.succeed("max_completion_tokens")
 * })
 * ```
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<
  never,
  ConfigError | Registry.DuplicateEngineError | InvalidArgumentError,
  HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> => Registry.layerRegister(Effect.flatMap(Config.unwrap(options), make))
