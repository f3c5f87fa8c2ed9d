import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import type * as decoding from "./decoding.js"
import type { Server } from "./engineOptions.js"
import * as exchange from "./exchange.js"
import type * as failure from "./failure.js"
import * as http from "./http.js"
import * as httpError from "./httpError.js"
import type * as rateLimitHeaders from "./rateLimitHeaders.js"

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
export interface Wire extends Server {
  readonly provider: AIProvider.AIProvider
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
}

/** Attempts over a wire: each is one request. */
export const attempt = (
  wire: Wire,
  httpClient: HttpClient.HttpClient
): ReasoningEngine.ReasoningEngine["attempt"] => {
  const { kindOf, maxCharacters, provider, quotas } = wire
  const client = http.scoped(httpClient, Object.keys(wire.secretHeaders))
  const secrets = exchange.secretsOf(wire.secretHeaders)

  const json = "application/json"
  const accepting = (accept: string): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.post(wire.url, { headers: { accept, ...wire.headers, ...wire.secretHeaders } })
  const forStream = accepting(exchange.eventStream)
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
    const reply = yield* exchange.send(client, httpRequest(body, stream), {
      provider,
      kindOf,
      quotas,
      redact,
      maxCharacters
    })
    return yield* exchange.pull(
      yield* exchange.expectOk(reply),
      wire.answer(request),
      wire.warnings(request.task)
    )
  })
}
