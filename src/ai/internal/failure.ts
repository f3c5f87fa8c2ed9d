import type * as AiError from "@effect/ai/AiError"
import * as Headers from "@effect/platform/Headers"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { ParseError } from "effect/ParseResult"
import type * as AIProvider from "../../AIProvider.js"
import * as EngineError from "../../EngineError.js"
import * as failure from "../../wire/failure.js"
import { kindOf } from "../../wire/failure/kindOf.js"
import * as http from "../../wire/http.js"
import * as exchange from "../../wire/exchange.js"
import * as httpError from "../../wire/httpError.js"
import * as rateLimitHeaders from "../../wire/rateLimitHeaders.js"
import * as waits from "../../wire/waits.js"

/** What an error of a language model tells besides the failure itself. */
export interface Context {
  readonly provider: AIProvider.AIProvider
  /** What the caller and the model said, which no error repeats. */
  readonly words: () => ReadonlyArray<string>
  /** Keys that no error repeats, as far as they are known. */
  readonly secrets: ReadonlyArray<string>
  /** Whether some of the answer had come before. */
  readonly begun: boolean
  /** Milliseconds of the Clock. */
  readonly now: number
}

/** The error of a failure that is told within an answer, or by it. */
export const ofFailure = (
  said: failure.Failure,
  { begun, now, provider, secrets, words }: Context
): EngineError.EngineError =>
  failure.toEngineError(said, {
    kindOf,
    provider,
    redact: httpError.redactor(secrets, words),
    requestId: undefined,
    now,
    retryAfterMs: undefined,
    shouldRetry: undefined,
    usedUpForMs: undefined,
    begun
  })

/** Headers that hold a key: an AiError has those of the request, as they were sent. */
const secretName = /auth|key|token|secret|cookie/i

const secretsOf = (headers: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  exchange.secretsOf(Object.fromEntries(Object.entries(headers).filter(([name]) => secretName.test(name))))

const ofResponse = (
  { body = "", reason, request, response }: AiError.HttpResponseError,
  { begun, now, provider, secrets, words }: Context
): EngineError.EngineError => {
  const headers = Headers.unsafeFromRecord(response.headers)
  // Whose headers they are isn't known; their names tell.
  const quotas = { ...rateLimitHeaders.openAI(headers, now), ...rateLimitHeaders.anthropic(headers, now) }
  const redirect = http.redirectOf({ headers, status: response.status }, request.url)
  const said =
    redirect !== undefined
      ? { ...failure.ofKind("model", redirect), status: response.status }
      : reason === "StatusCode"
        ? failure.fromBody(body, response.status)
        : // Its body couldn't be read to its end.
          failure.ofKind("cut", "")
  return failure.toEngineError(said, {
    kindOf,
    provider,
    redact: httpError.redactor([...secrets, ...secretsOf(request.headers)], words),
    requestId: httpError.requestId(headers),
    now,
    retryAfterMs: waits.ofHeaders(headers, now),
    shouldRetry: httpError.shouldRetry(headers),
    usedUpForMs: rateLimitHeaders.waitMs(quotas, now),
    begun
  })
}

const ofRequest = (
  error: AiError.HttpRequestError,
  { provider, secrets, words }: Context
): EngineError.EngineError => {
  const redact = httpError.redactor([...secrets, ...secretsOf(error.request.headers)], words)
  return HttpClientError.isHttpClientError(error.cause) && error.reason === "Transport"
    ? httpError.networkError(provider, error.cause, redact)
    : new EngineError.InputValidationError(
        { provider, description: "the request couldn't be made: its body or its address is malformed" },
        EngineError.unchecked
      )
}

/**
 * Sorts an error of a language model into our taxonomy, by status, headers and body. What the error repeats
 * of the call is left out: the request and its headers, what the model wrote.
 */
export const ofError = (error: AiError.AiError | ParseError, context: Context): EngineError.EngineError => {
  switch (error._tag) {
    case "HttpRequestError":
      return ofRequest(error, context)
    case "HttpResponseError":
      return ofResponse(error, context)
    case "MalformedInput":
      return ofFailure(failure.ofKind("input", error.description ?? ""), context)
    case "MalformedOutput":
    case "ParseError":
      return ofFailure(
        failure.ofKind("malformed", "its answer doesn't have the form that was asked for"),
        context
      )
    case "UnknownError":
      return ofFailure(failure.ofKind("server", error.description ?? ""), context)
  }
}
