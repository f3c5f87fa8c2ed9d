import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AIProvider from "../AIProvider.js"
import * as EngineError from "../EngineError.js"
import { hide } from "./secrets.js"

const maxDescription = 300

/** Characters of an error that are looked at for repetitions of the task. */
const maxExamined = 1000

/** A repetition is found by pieces of this length, and hidden when it is at least twice as long. */
const probe = 12

/** Words shorter than this are common, not the caller's. */
const shortestQuote = 4

const hidden = "<redacted>"

/** Makes a text fit to be part of an error. */
export type Redact = (text: string) => string

const oneLine = (text: string): string => text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim()

const truncate = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\uD800-\uDBFF]$/, "")}…`

/** Hides what a text repeats of another one. */
const hideQuotes = (text: string, source: string): string => {
  if (source.length < 2 * probe) {
    return source.length < shortestQuote ? text : text.replaceAll(source, hidden)
  }
  let shown = ""
  let from = 0
  let at = 0
  while (at + probe <= text.length) {
    const found = source.indexOf(text.slice(at, at + probe))
    let start = at
    let end = at
    if (found !== -1) {
      while (
        start > from &&
        found - (at - start) > 0 &&
        text[start - 1] === source[found - (at - start) - 1]
      ) {
        start--
      }
      while (end < text.length && text[end] === source[found + (end - at)]) end++
    }
    if (end - start >= 2 * probe) {
      shown += text.slice(from, start) + hidden
      from = end
      at = end
    } else {
      at += probe
    }
  }
  return shown + text.slice(from)
}

/**
 * Hides secrets and what a provider repeats of the caller's words, drops line breaks and control
 * characters, and cuts what is long.
 */
export const redactor =
  (secrets: ReadonlyArray<string>, words: () => ReadonlyArray<string>): Redact =>
  (text) => {
    const examined = oneLine(hide(text, secrets)).slice(0, maxExamined)
    return truncate(
      words().reduce((rest, word) => hideQuotes(rest, oneLine(word)), examined),
      maxDescription
    )
  }

/** What a response says of retrying its request; false where it says that this is no use. */
export const shouldRetry = (headers: Headers.Headers): boolean | undefined => {
  const said = headers["x-should-retry"]?.trim().toLowerCase()
  return said === "true" || said === "false" ? said === "true" : undefined
}

/** The provider's id of a request. */
export const requestId = (headers: Headers.Headers): string | undefined => {
  const id = headers["x-request-id"] ?? headers["request-id"]
  return id === undefined ? undefined : truncate(oneLine(id), 128)
}

interface Reason {
  readonly code: string
  readonly message: string
}

/** The deepest failure that has a code, or the deepest one. */
const reasonOf = (error: unknown, depth = 0): Reason => {
  const reason = {
    code: Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : "",
    message: Predicate.hasProperty(error, "message") && typeof error.message === "string" ? error.message : ""
  }
  if (depth === 4 || !Predicate.hasProperty(error, "cause")) return reason
  const below = reasonOf(error.cause, depth + 1)
  return below.code !== "" || (reason.code === "" && below.message !== "") ? below : reason
}

const limits = new Map<string, EngineError.TimeoutError["phase"]>([
  ["ETIMEDOUT", "connect"],
  ["UND_ERR_CONNECT_TIMEOUT", "connect"],
  ["UND_ERR_HEADERS_TIMEOUT", "first-token"],
  ["UND_ERR_BODY_TIMEOUT", "idle"]
])

/**
 * What a connection failed with. Of the client's error only the code and message of its cause are told:
 * the rest of it holds the request.
 */
export const networkReason = (error: HttpClientError.HttpClientError, redact: Redact): string => {
  const { code, message } = reasonOf(error.cause)
  return redact(message.includes(code) ? message : `${code}: ${message}`) || "the connection failed"
}

/** The error of an attempt whose connection failed. */
export const networkError = (
  provider: AIProvider.AIProvider,
  error: HttpClientError.HttpClientError,
  redact: Redact
): EngineError.TransientError | EngineError.TimeoutError => {
  const description = networkReason(error, redact)
  return Option.match(Option.fromNullable(limits.get(reasonOf(error.cause).code)), {
    onNone: () => new EngineError.TransientError({ provider, reason: "network", description }),
    onSome: (phase) => new EngineError.TimeoutError({ provider, phase, description })
  })
}
