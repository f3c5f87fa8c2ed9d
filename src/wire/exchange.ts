import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type * as EngineError from "../EngineError.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as answerPull from "./answerPull.js"
import * as bodyReader from "./bodyReader.js"
import * as decoding from "./decoding.js"
import * as failure from "./failure.js"
import * as http from "./http.js"
import * as httpError from "./httpError.js"
import * as nativeError from "./nativeError.js"
import * as refusal from "./refusal.js"
import * as rateLimitHeaders from "./rateLimitHeaders.js"
import * as tape from "./tape.js"
import * as waits from "./waits.js"

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
  /** The same in its own words. */
  readonly limits: Readonly<Record<string, string>>
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
      limits: response.status < 400 ? {} : rateLimitHeaders.said(headers),
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
    Effect.fail(
      nativeError.keep(reply.onFailure(failure.fromBody(bodyReader.errorText(text), status), false), {
        status,
        contentType: reply.contentType,
        headers: reply.limits,
        body: text
      })
    )
  )
}

/** How an answer is kept as it comes. */
export interface Taping extends tape.Settings {
  /** The error of an answer that fails in its wire's words. */
  readonly onFailure: (error: EngineError.EngineError) => EngineError.EngineError
}

/** Pulls the answer of a reply. */
export const pull = (
  { body, contentType, maxCharacters, onFailure, onNetwork, quotas, status }: Reply,
  answer: decoding.Decoding,
  warnings: ReadonlyArray<ReasoningEngine.WarningEvent>,
  taping?: Taping
): Effect.Effect<ReasoningEngine.Pull, never, Scope.Scope> => {
  const isEvents = contentType.toLowerCase().includes(eventStream)
  const plain = decoding.streamDecoder(answer, isEvents, maxCharacters)
  const decoder = taping === undefined ? plain : tape.taped(plain, taping)
  const failed = (said: failure.Failure, begun: boolean): EngineError.EngineError => {
    const error = onFailure(said, begun)
    if (said.kind === "policy") refusal.keep(error, said.message)
    const came = decoder.failed?.()
    return came === undefined || taping === undefined
      ? error
      : taping.onFailure(nativeError.keep(error, { status, contentType, ...came }))
  }
  return answerPull.make(body, decoder, {
    preamble: [
      ...(Object.keys(quotas).length === 0 ? [] : [ReasoningEngine.rateLimits(quotas)]),
      ...warnings
    ],
    onFailure: failed,
    onNetwork
  })
}

/** What of the values of headers is secret: not what one says before its secret, as in "Bearer …". */
export const secretsOf = (headers: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.values(headers).flatMap((value) => value.split(/\s+/))
