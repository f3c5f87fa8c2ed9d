import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as answerPull from "./answerPull.js"
import * as bodyReader from "./bodyReader.js"
import * as decoding from "./decoding.js"
import * as failure from "./failure.js"
import * as http from "./http.js"
import * as httpError from "./httpError.js"
import { told } from "../internal/told.js"
import * as rateLimitHeaders from "./rateLimitHeaders.js"
import * as waits from "./waits.js"

/** Makes the error of an option of one engine. */
export type Invalid = (field: string, reason: string) => Either.Either<never, InvalidArgumentError>

/** The errors of the options of an engine with this name. */
export const invalidOf =
  (subject: string): Invalid =>
  (field, reason) =>
    Either.left(new InvalidArgumentError({ subject, field, reason }))

/** The address of an endpoint below a base URL, whose query is kept. */
export const endpoint = (
  invalid: Invalid,
  baseUrl: string,
  pathBelow: (base: string) => string
): Either.Either<string, InvalidArgumentError> => {
  if (baseUrl.includes("@")) {
    return invalid("baseUrl", "Expected a URL without a user and password, actual one with an @")
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return invalid("baseUrl", `Expected an http(s) URL, actual ${told(baseUrl)}`)
  }
  url.pathname = pathBelow(url.pathname.replace(/(?<!\/)\/+$/, ""))
  url.hash = ""
  return Either.right(url.href)
}

const headerName = /^[!#$%&'*+.^_`|~\w-]+$/

/** Whether a header can hold a value. */
export const isHeaderValue = (value: string): boolean =>
  /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value)

/** A key that a header can hold; one that it can't is never told. */
export const keyOf = (invalid: Invalid, key: string): Either.Either<string, InvalidArgumentError> =>
  isHeaderValue(key)
    ? Either.right(key)
    : invalid("apiKey", "Expected a key of printable characters without space around it")

/** The caller's own headers; a value that can't be sent is never told. */
export const headersOf = (
  invalid: Invalid,
  own: Readonly<Record<string, string>> = {}
): Either.Either<Record<string, string>, InvalidArgumentError> => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (!headerName.test(name)) {
      return invalid("headers", `Expected the name of a header, actual ${told(name)}`)
    }
    if (!isHeaderValue(value)) {
      return invalid(`headers.${name}`, "Expected a value of printable characters without space around it")
    }
    headers[name.toLowerCase()] = value
  }
  return Either.right(headers)
}

/** The name of a model. */
export const modelOf = (invalid: Invalid, model: string): Either.Either<string, InvalidArgumentError> =>
  model.trim() === "" ? invalid("model", 'Expected the name of a model, actual ""') : Either.right(model)

/** How many characters an answer may have. */
export const maxCharactersOf = (
  invalid: Invalid,
  given: number | undefined
): Either.Either<number, InvalidArgumentError> =>
  given === undefined || (Number.isSafeInteger(given) && given > 0)
    ? Either.right(given ?? bodyReader.defaultMaxCharacters)
    : invalid("maxAnswerCharacters", `Expected characters (a whole number above 0), actual ${given}`)

const wordsOfMessage = (message: AITask.Message): ReadonlyArray<string> => {
  if (message.role === "assistant") {
    return [message.content, ...(message.toolCalls ?? []).map((call) => call.arguments)]
  }
  return typeof message.content === "string"
    ? [message.content]
    : message.content.map((part) => (part.type === "text" ? part.text : part.url))
}

/** All that the caller and the model said: what an error must not repeat. */
export const wordsOf = ({ prefill, task }: ReasoningEngine.Request): ReadonlyArray<string> => [
  ...(task.systemPrompt === undefined ? [] : [task.systemPrompt]),
  ...task.messages.flatMap(wordsOfMessage),
  ...(prefill === undefined ? [] : [prefill])
]

/** A wire: how a task is asked, and how the answer is read. */
export interface Wire {
  readonly provider: AIProvider.AIProvider
  readonly url: string
  /** Headers whose values are kept out of errors and spans. */
  readonly secretHeaders: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** Whether the answer is asked for as a stream of events. */
  readonly streams: (mode: AITask.Mode) => boolean
  /** The body of a request; or why the wire can't carry the task. */
  readonly body: (request: ReasoningEngine.Request, stream: boolean) => Either.Either<unknown, string>
  /** What the caller has to know of what the request leaves out. */
  readonly warnings: (task: AITask.AITask) => ReadonlyArray<string>
  /** A new answer to decode. */
  readonly answer: (request: ReasoningEngine.Request) => decoding.Decoding
  /** What a failure is by what the server said. */
  readonly kindOf: (failure: failure.Failure) => failure.Kind
  /** What a response says of the provider's limits. */
  readonly quotas: rateLimitHeaders.Read
  /** Characters that one piece of an answer may have. */
  readonly maxCharacters: number
}

/** What a stream is asked for as. */
export const eventStream = "text/event-stream"

/** What the errors of a request carry besides the reply, and what they must not repeat. */
export interface ErrorContext {
  readonly provider: AIProvider.AIProvider
  /** The user who is asked for, where the credentials are one's own. */
  readonly userId?: string | undefined
  readonly redact: httpError.Redact
  readonly kindOf: (failure: failure.Failure) => failure.Kind
  /** What a response says of the provider's limits, where it says something. */
  readonly quotas?: rateLimitHeaders.Read | undefined
  /** Characters that one piece of the answer may have. */
  readonly maxCharacters: number
}

/** A server's answer to a request, its body unread; and the errors of what becomes of it. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly quotas: rateLimitHeaders.Quotas
  /** What it is told as where it is a redirect. */
  readonly redirect: string | undefined
  readonly body: http.Body
  readonly maxCharacters: number
  readonly onFailure: answerPull.Settings["onFailure"]
  readonly onNetwork: answerPull.Settings["onNetwork"]
}

/** Sends a request; closing the scope ends it. */
export const send = (
  client: http.Client,
  request: HttpClientRequest.HttpClientRequest,
  context: ErrorContext
): Effect.Effect<Reply, EngineError.EngineError, Scope.Scope> => {
  const onNetwork = (error: HttpClientError.HttpClientError) =>
    httpError.networkError(context.provider, error, context.redact)
  return Effect.gen(function* () {
    const response = yield* Effect.mapError(client.execute(request), onNetwork)
    // Clients make them anew whenever they are asked for.
    const { headers } = response
    const contentType = headers["content-type"] ?? ""
    const body = yield* http.open(
      response,
      contentType,
      request.headers["accept"] === eventStream,
      context.maxCharacters
    )
    const now = yield* Clock.currentTimeMillis
    const quotas = context.quotas?.(headers, now) ?? {}
    const usedUpForMs = rateLimitHeaders.waitMs(quotas, now)
    const retryAfterMs = waits.ofHeaders(headers, now)
    const shouldRetry = httpError.shouldRetry(headers)
    const requestId = httpError.requestId(headers)
    return {
      status: response.status,
      contentType,
      quotas,
      redirect: http.redirectOf(response, request.url),
      body,
      maxCharacters: context.maxCharacters,
      onFailure: (said, begun) =>
        failure.toEngineError(said, {
          ...context,
          requestId,
          now,
          retryAfterMs,
          shouldRetry,
          usedUpForMs,
          begun
        }),
      onNetwork
    }
  })
}

/** Passes on a reply of a status from 200 to 299; fails with the engine error of any other. */
export const expectOk = (reply: Reply): Effect.Effect<Reply, EngineError.EngineError> => {
  const { redirect, status } = reply
  if (status >= 200 && status < 300) return Effect.succeed(reply)
  if (redirect !== undefined) {
    return Effect.fail(reply.onFailure({ ...failure.ofKind("model", redirect), status }, false))
  }
  return Effect.flatMap(http.readError(reply.body), (text) =>
    Effect.fail(reply.onFailure(failure.fromBody(bodyReader.errorText(text), status), false))
  )
}

/** Pulls the answer of a reply. */
export const pull = (
  { body, contentType, maxCharacters, onFailure, onNetwork, quotas }: Reply,
  answer: decoding.Decoding,
  warnings: ReadonlyArray<string>
): Effect.Effect<ReasoningEngine.Pull, never, Scope.Scope> =>
  answerPull.make(
    body,
    decoding.streamDecoder(answer, contentType.toLowerCase().includes(eventStream), maxCharacters),
    {
      preamble: [
        ...(Object.keys(quotas).length === 0 ? [] : [ReasoningEngine.rateLimits(quotas)]),
        ...warnings.map(ReasoningEngine.warning)
      ],
      onFailure,
      onNetwork
    }
  )

/** What of the values of headers is secret: not what one says before its secret, as in "Bearer …". */
export const secretsOf = (headers: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.values(headers).flatMap((value) => value.split(/\s+/))

/** Attempts over a wire: each is one request. */
export const attempt = (
  wire: Wire,
  httpClient: HttpClient.HttpClient
): ReasoningEngine.ReasoningEngine["attempt"] => {
  const { kindOf, maxCharacters, provider, quotas } = wire
  const client = http.scoped(httpClient, Object.keys(wire.secretHeaders))
  const secrets = secretsOf(wire.secretHeaders)

  const json = "application/json"
  const accepting = (accept: string): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.post(wire.url, { headers: { accept, ...wire.headers, ...wire.secretHeaders } })
  const forStream = accepting(eventStream)
  const forWhole = accepting(json)
  const contentType = forWhole.headers["content-type"] ?? json

  const httpRequest = (body: string, stream: boolean): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.bodyText(stream ? forStream : forWhole, body, contentType)

  const unfit = (description: string) => new EngineError.InputValidationError({ provider, description })

  const encode = (body: unknown): Either.Either<string, EngineError.InputValidationError> =>
    Either.try({
      try: () => JSON.stringify(body),
      catch: () => unfit("its tools or schema hold a value that JSON can't carry")
    })

  return Effect.fnUntraced(function* (
    request: ReasoningEngine.Request
  ): Effect.fn.Return<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope> {
    const stream = wire.streams(request.mode)
    const body = yield* Either.flatMap(Either.mapLeft(wire.body(request, stream), unfit), encode)
    const redact = httpError.redactor(secrets, () => wordsOf(request))
    const reply = yield* send(client, httpRequest(body, stream), {
      provider,
      kindOf,
      quotas,
      redact,
      maxCharacters
    })
    return yield* pull(yield* expectOk(reply), wire.answer(request), wire.warnings(request.task))
  })
}
