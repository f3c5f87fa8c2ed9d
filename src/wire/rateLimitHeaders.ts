import type * as Headers from "@effect/platform/Headers"
import type { Quota, RateLimitsEvent } from "../ReasoningEngine.js"
import * as waits from "./waits.js"

/** What is known of a provider's limits. */
export type Quotas = Omit<RateLimitsEvent, "_tag">

/** Reads what a response says of limits, at an instant in milliseconds of the Clock. */
export type Read = (headers: Headers.Headers, now: number) => Quotas

/** How far away a reset is, in milliseconds; NaN where it isn't said. */
type Wait = (reset: string, now: number) => number

/** No provider counts over more than a month: what is further away isn't a reset. */
const longestMs = 31 * 24 * 3_600_000

const count = /^\d{1,15}$/

const quotaOf = (
  limit: string | undefined,
  remaining: string | undefined,
  reset: string | undefined,
  now: number,
  wait: Wait
): Quota | undefined => {
  if (remaining === undefined || reset === undefined || !count.test(remaining)) return undefined
  // Azure states limits of -1 and 0 where it knows none.
  if (Number(limit) <= 0) return undefined
  const waitMs = wait(reset, now)
  return waitMs <= longestMs
    ? { remaining: Number(remaining), resetAt: Math.ceil(now + Math.max(0, waitMs)) }
    : undefined
}

const ofLimits = /^(?:retry-after(?:-ms)?|anthropic-(?:ratelimit|priority)-.{1,64}|x-ratelimit-.{1,64})$/

const printable = /^[\x20-\x7e]{1,256}$/

/** What a response says of limits, in its own words. */
export const said = (headers: Headers.Headers): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => ofLimits.test(name) && printable.test(value))
  )

const quotas = (requests: Quota | undefined, tokens: Quota | undefined): Quotas => ({
  ...(requests === undefined ? {} : { requests }),
  ...(tokens === undefined ? {} : { tokens })
})

/** The one that has less left; of two equal ones, the one that stays so for longer. */
const scarcer = (one: Quota | undefined, other: Quota | undefined): Quota | undefined => {
  if (one === undefined || other === undefined) return one ?? other
  if (one.remaining === other.remaining) return one.resetAt < other.resetAt ? other : one
  return one.remaining < other.remaining ? one : other
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

const untilDate: Wait = (reset, now) => (rfc3339.test(reset) ? Date.parse(reset) - now : Number.NaN)

/** What Anthropic says, whose tokens have three limits: of those read, those written, and both. */
export const anthropic: Read = (headers, now) => {
  const of = (what: string) =>
    quotaOf(
      headers[`anthropic-ratelimit-${what}-limit`],
      headers[`anthropic-ratelimit-${what}-remaining`],
      headers[`anthropic-ratelimit-${what}-reset`],
      now,
      untilDate
    )
  return quotas(of("requests"), scarcer(of("tokens"), scarcer(of("input-tokens"), of("output-tokens"))))
}

/** What OpenAI and most of those that speak its API say. */
export const openAI: Read = (headers, now) => {
  const of = (what: string) =>
    quotaOf(
      headers[`x-ratelimit-limit-${what}`],
      headers[`x-ratelimit-remaining-${what}`],
      headers[`x-ratelimit-reset-${what}`],
      now,
      waits.durationMs
    )
  return quotas(of("requests"), of("tokens"))
}

/** Milliseconds until there is something left again of all that is used up; absent where nothing is. */
export const waitMs = ({ requests, tokens }: Quotas, now: number): number | undefined => {
  const usedUp = [requests, tokens].flatMap((quota) =>
    quota?.remaining === 0 && quota.resetAt > now ? [quota.resetAt - now] : []
  )
  return usedUp.length === 0 ? undefined : Math.max(...usedUp)
}
