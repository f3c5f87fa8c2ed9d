import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import * as jsonText from "../internal/jsonText.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import type * as decoding from "./decoding.js"
import type { Server } from "./engineOptions.js"
import * as exchange from "./exchange.js"
import type * as failure from "./failure.js"
import * as http from "./http.js"
import * as httpError from "./httpError.js"
import * as nativeError from "./nativeError.js"
import * as notice from "./notice.js"
import type * as rateLimitHeaders from "./rateLimitHeaders.js"
import type { Original, Wire as Name } from "../Wire.js"

type Json = Readonly<Record<string, unknown>>

const wordsOfPart = (part: AITask.Part): string => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return part.text
    case "image":
    case "document":
      return part.url
    case "audio":
      return part.data
    case "native":
      return JSON.stringify(part.value)
  }
}

const wordsOfMessage = (message: AITask.Message): ReadonlyArray<string> => [
  ...AITask.parts(message).map(wordsOfPart),
  ...(message.role === "assistant" ? (message.toolCalls ?? []).map((call) => call.arguments) : [])
]

/** All that the caller and the model said: what an error must not repeat. */
export const wordsOf = ({ prefill, task }: ReasoningEngine.Request): ReadonlyArray<string> => [
  ...(task.systemPrompt === undefined ? [] : [task.systemPrompt]),
  ...task.messages.flatMap(wordsOfMessage),
  ...(prefill === undefined ? [] : [prefill])
]

/** The body of a request of a call that came over the wire that it is asked over. */
export interface AsItCame {
  readonly body: Json
  /** Whether an event of the answer is one that the caller asked for; each is where absent. */
  readonly isWanted?: ((event: string) => boolean) | undefined
}

/** A wire: how a task is asked, and how the answer is read. */
export interface Wire extends Server {
  readonly name: Name
  readonly provider: AIProvider.AIProvider
  readonly headers: Readonly<Record<string, string>>
  /** Whether the answer can come as a stream of events. */
  readonly streaming: boolean
  /** Whether a complete answer is asked for in one piece. */
  readonly completeOverJson: boolean
  /** The body of a request; or why the wire can't carry the task. */
  readonly body: (request: ReasoningEngine.Request, stream: boolean) => Either.Either<unknown, string>
  /** The body of a request of a call that came over this wire. */
  readonly original: (body: Json, request: ReasoningEngine.Request, stream: boolean) => AsItCame
  /** The parts of messages that it has no place for; none where absent. */
  readonly lacks?: ReadonlyArray<AITask.Part["type"]> | undefined
  /** What of a task the request leaves out. */
  readonly dropped: (task: AITask.AITask) => ReadonlyArray<notice.Notice>
  /** A new answer to decode. */
  readonly answer: (request: ReasoningEngine.Request) => decoding.Decoding
  /** What a failure is by what the server said. */
  readonly kindOf: (failure: failure.Failure) => failure.Kind
  /** What a response says of the provider's limits. */
  readonly quotas: rateLimitHeaders.Read
}

/** The text of a body that a call as it came was made into: what was not changed is as the caller wrote it. */
export const written = ({ body, text }: Original, made: unknown): string =>
  text === undefined ? JSON.stringify(made) : jsonText.patched(text, body, made)

/** Headers of which each value adds to the others: what is configured, and what the caller asks for. */
const isAdding = (name: string): boolean => name.endsWith("-beta")

/** The headers of a call as it came. What is configured goes before what the caller says. */
export const forwarded = (
  { secretHeaders }: Wire,
  headers: Readonly<Record<string, string>> = {}
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]): ReadonlyArray<readonly [string, string]> => {
      const own = secretHeaders[name]
      if (own === undefined) return [[name, value]]
      return isAdding(name) ? [[name, Array.from(new Set([own, value])).join(",")]] : []
    })
  )

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

  const httpRequest = (
    body: string,
    stream: boolean,
    headers: Readonly<Record<string, string>>
  ): HttpClientRequest.HttpClientRequest =>
    HttpClientRequest.bodyText(
      HttpClientRequest.setHeaders(stream ? forStream : forWhole, headers),
      body,
      contentType
    )

  /** What came over the wire as a stream, or in one piece, is asked for as that. */
  const streams = ({ mode }: ReasoningEngine.Request, original: Original | undefined): boolean =>
    wire.streaming &&
    (mode === "streaming" ||
      (original === undefined ? !wire.completeOverJson : original.body["stream"] === true))

  const unfit = (description: string) => new EngineError.InputValidationError({ provider, description })

  const encode = (
    body: unknown,
    original: Original | undefined
  ): Either.Either<string, EngineError.InputValidationError> =>
    Either.try({
      try: () => (original === undefined ? JSON.stringify(body) : written(original, body)),
      catch: () => unfit("its tools or schema hold a value that JSON can't carry")
    })

  return Effect.fnUntraced(function* (
    asked: ReasoningEngine.Request
  ): Effect.fn.Return<ReasoningEngine.Pull, EngineError.EngineError, Scope.Scope> {
    const { native } = asked
    const task = AITask.within([wire.name], asked.task)
    const request = task === asked.task ? asked : { ...asked, task }
    const original = task.original?.wire === wire.name ? task.original : undefined
    const stream = streams(request, original)
    const asItCame = original && wire.original(original.body, request, stream)
    const dropped =
      asItCame === undefined ? [...wire.dropped(task), ...notice.foreign(asked.task, wire.name)] : []
    const notices = asItCame === undefined ? dropped : notice.bounded(task)
    if (task.unsupported === "refuse" && dropped.length > 0) {
      return yield* unfit(dropped.map(({ message }) => message).join("; "))
    }
    const made = asItCame === undefined ? wire.body(request, stream) : Either.right(asItCame.body)
    const body = yield* Either.flatMap(Either.mapLeft(made, unfit), (body) => encode(body, original))
    const redact = httpError.redactor(secrets, () => wordsOf(request))
    const headers = asItCame === undefined ? {} : forwarded(wire, original?.headers)
    const reply = yield* exchange.send(client, httpRequest(body, stream, headers), {
      provider,
      kindOf,
      quotas,
      redact,
      maxCharacters
    })
    const onFailure = (error: EngineError.EngineError) => nativeError.withWire(error, wire.name, secrets)
    const ok = yield* Effect.mapError(exchange.expectOk(reply), (error) =>
      asItCame === undefined ? error : onFailure(error)
    )
    const isAsked = native === true && (original?.body["stream"] === true) === stream
    return yield* exchange.pull(
      ok,
      wire.answer(request),
      notice.warnings(notices),
      asItCame !== undefined && isAsked ? { stream, isWanted: asItCame.isWanted, onFailure } : undefined
    )
  })
}

/** Whether a wire has a place for all parts and tools of a task. */
const carries = ({ lacks = [], name }: Wire, { messages, nativeTools: tools = [] }: AITask.AITask): boolean =>
  name !== "embeddings" &&
  tools.every(({ wire }) => wire === name) &&
  messages.every(
    ({ content }) =>
      typeof content === "string" ||
      content.every((part) => (part.type === "native" ? part.wire === name : !lacks.includes(part.type)))
  )

/**
 * Attempts over one of the wires that a server has: that of a call's original; else the first one that has a place
 * for all of the task.
 */
export const attemptOver = (
  [first, ...others]: readonly [Wire, ...ReadonlyArray<Wire>],
  httpClient: HttpClient.HttpClient
): ReasoningEngine.ReasoningEngine["attempt"] => {
  if (others.length === 0) return attempt(first, httpClient)
  const all = [first, ...others].map((wire) => ({ wire, ask: attempt(wire, httpClient) }))
  return (request) => {
    const { task } = request
    const native = all.find(({ wire }) => wire.name === task.original?.wire)
    const chosen =
      native ??
      all.find(({ wire }) => carries(wire, task)) ??
      all.find(({ wire }) => carries(wire, AITask.within([wire.name], task)))
    return chosen === undefined
      ? Effect.fail(
          new EngineError.InputValidationError({
            provider: first.provider,
            description: "it has parts or tools of several wires, and a request is of one"
          })
        )
      : chosen.ask(request)
  }
}
