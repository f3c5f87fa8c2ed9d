import type * as ReasoningEngine from "../../ReasoningEngine.js"
import { SlidingSum } from "./slidingSum.js"

/**
 * What may be used of something; no limit where one is absent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits {
  /** Attempts that begin within any minute. */
  readonly requestsPerMinute?: number | undefined
  /** Tokens of attempts that begin within any minute; what is larger than the whole limit has it to itself. */
  readonly tokensPerMinute?: number | undefined
  /** Attempts under way at a time. */
  readonly concurrency?: number | undefined
}

/**
 * What an attempt waits for: a time that the provider stated, what the provider said is left, or one of the
 * limits.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason =
  | "statedWait"
  | "statedRequests"
  | "statedTokens"
  | "requestsPerMinute"
  | "tokensPerMinute"
  | "concurrency"

const minuteMs = 60_000
const slots = 60

/** What a provider said is left. */
interface Stated {
  remaining: number
  readonly resetAt: number
}

/** From when an attempt can begin, and what it waits for; no reason if it can. */
interface Room {
  readonly at: number
  readonly reason: Reason | undefined
}

/** Until when less than so much is left, as the provider said it. */
const exhaustedUntil = (stated: Stated | undefined, needed: number): number =>
  stated === undefined || stated.remaining >= needed ? Number.NEGATIVE_INFINITY : stated.resetAt

/** What is used of limits, and what a provider said of its own. */
export class Allowance {
  private readonly requests = new SlidingSum(minuteMs, slots)
  private readonly tokens = new SlidingSum(minuteMs, slots)
  private underWay = 0
  private notBefore = Number.NEGATIVE_INFINITY
  private statedRequests: Stated | undefined = undefined
  private statedTokens: Stated | undefined = undefined
  /** How often what the provider stated was let go of: what is stated to an attempt from before says nothing now. */
  resets = 0

  /** From when an attempt of so many tokens can begin; `now` if it can. */
  room({ concurrency, requestsPerMinute, tokensPerMinute }: Limits, now: number, tokens: number): Room {
    const waits: ReadonlyArray<Room> = [
      { at: this.notBefore, reason: "statedWait" },
      { at: exhaustedUntil(this.statedRequests, 1), reason: "statedRequests" },
      { at: exhaustedUntil(this.statedTokens, tokens), reason: "statedTokens" },
      ...(requestsPerMinute === undefined
        ? []
        : [{ at: this.requests.atMost(now, requestsPerMinute - 1), reason: "requestsPerMinute" } as const]),
      ...(tokensPerMinute === undefined
        ? []
        : [
            {
              // What is larger than the whole limit has it to itself.
              at: this.tokens.atMost(now, Math.max(0, tokensPerMinute - tokens)),
              reason: "tokensPerMinute"
            } as const
          ]),
      ...(concurrency === undefined || this.underWay < concurrency
        ? []
        : [{ at: Number.POSITIVE_INFINITY, reason: "concurrency" } as const])
    ]
    return waits.reduce((longest, wait) => (wait.at > longest.at ? wait : longest), {
      at: now,
      reason: undefined
    })
  }

  /** Whether nothing is under way, and nothing that was holds back what comes. */
  isIdle(now: number): boolean {
    const until = Math.max(this.notBefore, exhaustedUntil(this.statedRequests, Number.POSITIVE_INFINITY))
    return (
      this.underWay === 0 &&
      this.requests.total(now) === 0 &&
      now >= Math.max(until, exhaustedUntil(this.statedTokens, Number.POSITIVE_INFINITY))
    )
  }

  take(now: number, tokens: number): void {
    this.requests.add(now, 1)
    this.tokens.add(now, tokens)
    this.underWay += 1
    if (this.statedRequests !== undefined) this.statedRequests.remaining -= 1
    if (this.statedTokens !== undefined) this.statedTokens.remaining -= tokens
  }

  /** Corrects the reservation by the usage. */
  settle(now: number, takenAt: number, difference: number): void {
    this.tokens.add(now, difference, takenAt)
    this.underWay -= 1
  }

  cancel(now: number, takenAt: number, tokens: number): void {
    this.requests.add(now, -1, takenAt)
    this.settle(now, takenAt, -tokens)
    if (this.statedRequests !== undefined) this.statedRequests.remaining += 1
    if (this.statedTokens !== undefined) this.statedTokens.remaining += tokens
  }

  told({ requests, tokens }: ReasoningEngine.RateLimitsEvent): void {
    if (requests !== undefined) this.statedRequests = { ...requests }
    if (tokens !== undefined) this.statedTokens = { ...tokens }
  }

  comeBackAt(at: number): void {
    this.notBefore = Math.max(this.notBefore, at)
  }

  /** Lets go of all that the provider stated. */
  reset(): void {
    this.resets += 1
    this.notBefore = Number.NEGATIVE_INFINITY
    this.statedRequests = undefined
    this.statedTokens = undefined
  }
}
