import type * as Headers from "@effect/platform/Headers"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { longestWaitMs } from "../EngineError.js"

/** Milliseconds to wait, as a provider states them, at an instant; undefined where it states none. */
export type Wait = (now: number) => number | undefined

const units = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1]
])

const number = /^\d+(?:\.\d+)?$/

const durations = /^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/

/** Milliseconds of a duration such as `6m0s`, or of a number of seconds; NaN for anything else. */
export const durationMs = (text: string): number => {
  if (number.test(text)) return Number(text) * 1000
  if (!durations.test(text)) return Number.NaN
  let waitMs = 0
  for (const [, amount, unit = ""] of text.matchAll(/(?<![\d.])([\d.]+)([a-z]+)/g)) {
    waitMs += Number(amount) * (units.get(unit) ?? Number.NaN)
  }
  return waitMs
}

/** A wait that can be meant: no wait isn't one, and no provider is given up for longer than a day. */
export const plausible = (waitMs: number): number | undefined =>
  waitMs > 0 ? Math.min(waitMs, longestWaitMs) : undefined

/** A number that is no duration but an instant since 1970, in seconds or milliseconds: 31 years of seconds. */
const shortestInstant = { seconds: 1e9, milliseconds: 1e12 }

const ofSeconds = (seconds: number, now: number): number => {
  if (seconds < shortestInstant.seconds) return seconds * 1000
  const waitMs = (seconds >= shortestInstant.milliseconds ? seconds : seconds * 1000) - now
  // One that is long past was no instant: such a number says that it will take long.
  return waitMs < -longestWaitMs ? seconds * 1000 : waitMs
}

const httpDate = /^[A-Z][a-z]{2,8},? .+ GMT$/

/** What `retry-after` says: seconds, a duration, an instant as a number, or a date. */
const ofText = (text: string, now: number): number => {
  // Date.parse takes nearly anything for a date.
  if (httpDate.test(text)) return Date.parse(text) - now
  // A header that came twice is joined by a comma.
  const [first = ""] = text.split(",")
  return number.test(first) ? ofSeconds(Number(first), now) : durationMs(first.replaceAll(" ", ""))
}

/** When a response's headers say that the provider wants to be asked again, in milliseconds from `now`. */
export const ofHeaders = (headers: Headers.Headers, now: number): number | undefined => {
  const { "retry-after": stated = "", "retry-after-ms": milliseconds = "" } = headers
  const exact = number.test(milliseconds) ? ofSeconds(Number(milliseconds) / 1000, now) : Number.NaN
  return plausible(exact) ?? plausible(ofText(stated, now))
}

const unitOf = (word: string): string => (/^m(?:s|illi)/i.test(word) ? "ms" : word.slice(0, 1).toLowerCase())

const amount = String.raw`\d+(?:\.\d+)?\s*(?:milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])`

const inWords = new RegExp(
  String.raw`\b(?:try again|try (?:your )?request again|retry|retrying|wait|available again|resets?|come back)\b` +
    String.raw`(?: (?:your|the|this) request)?(?: (?:in|after|for|at least|about))* ((?:${amount}[\s,]*(?:and )?)+)`,
  "i"
)

/** When words say that the provider wants to be asked again: `try again in 1m2.5s`, `retry after 20 seconds`. */
const ofWords = (message: string): number => {
  const stated = inWords.exec(message)?.[1] ?? ""
  let waitMs = Number.NaN
  for (const [, amount, unit = ""] of stated.matchAll(/(?<![\d.])(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    waitMs = (waitMs || 0) + Number(amount) * (units.get(unitOf(unit)) ?? Number.NaN)
  }
  return waitMs
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name.toLowerCase(), each]))
    : {}

/** What a field says: a text as a header has it, a number of seconds, or a duration of Protocol Buffers. */
const ofField = (value: unknown, now: number): number => {
  if (typeof value === "string") return ofText(value, now)
  if (typeof value === "number") return ofSeconds(value, now)
  const { nanos = 0, seconds = 0 } = fieldsOf(value)
  return Number(seconds) * 1000 + Number(nanos) / 1e6
}

/** The fields that state a wait, wherever in an error they stand. */
const ofFields = (value: unknown, now: number): ReadonlyArray<number> => {
  const fields = fieldsOf(value)
  const headers = fieldsOf(fields["headers"])
  const milliseconds = Number(fields["retry_after_ms"] ?? headers["retry-after-ms"])
  return [
    milliseconds,
    ...[
      fields["retrydelay"],
      fields["retry_after"],
      fields["retry_after_seconds"],
      fields["retryafter"],
      fields["retryafterseconds"],
      // ChatGPT's.
      fields["resets_in_seconds"],
      // Hugging Face's, of a model that is being loaded.
      fields["estimated_time"],
      headers["retry-after"],
      headers["x-ratelimit-reset"]
    ].map((field) => (field === undefined ? Number.NaN : ofField(field, now)))
  ]
}

/** When the body of an error says that the provider wants to be asked again: in its fields, or in its words. */
export const inBody =
  (error: unknown, message: string): Wait =>
  (now) => {
    const { details, metadata } = fieldsOf(error)
    const places = [error, metadata, ...(Array.isArray(details) ? details : [details])]
    const stated = [...places.flatMap((place) => ofFields(place, now)), ofWords(message)]
    return Option.getOrUndefined(Option.firstSomeOf(stated.map((ms) => Option.fromNullable(plausible(ms)))))
  }
