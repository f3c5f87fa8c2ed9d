/**
 * Keeps to the rate limits of providers, to those that they state and to the caller's own.
 *
 * What a provider says of its limits (headers, a retry-after) is remembered: once it is exhausted until
 * a time, it isn't asked before. Own limits per provider bound requests and tokens in any minute, and
 * calls under way; tokens are reserved on an estimate and settled on the usage.
 *
 * An attempt that would pass a limit is refused with a RateLimitError that says when there is room again,
 * so that the routing policy decides: wait for it, or fall over. Off unless its Layer is there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import type * as AttemptGuard from "../AttemptGuard.js"
import * as EngineError from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { SlidingSum } from "./internal/slidingSum.js"
import * as validation from "../internal/validation.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import * as TokenUsage from "../TokenUsage.js"

/**
 * Keeps to rate limits.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptGuard.Service {
  /**
   * From when a provider can be asked again, in milliseconds of the Clock: `now` when it can be, `Infinity`
   * when that isn't known (all its calls are under way).
   */
  readonly unsafeReadyAt: (provider: AIProvider.AIProvider, now: number) => number
}

/**
 * Keeps to rate limits.
 *
 * @since 0.1.0
 * @category tags
 */
export class RateLimits extends Context.Tag("arc-saga/RateLimits")<RateLimits, Service>() {}

const atLeastOne = (what: string) => Schema.optional(numbers.count(what))

/**
 * Own limits of one provider; no limit where one is absent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Limits = Schema.Struct({
  /** Attempts that begin within any minute. */
  requestsPerMinute: atLeastOne("a number of requests"),
  /** Tokens, read and written, of attempts that begin within any minute. */
  tokensPerMinute: atLeastOne("a number of tokens"),
  /** Attempts under way at a time. */
  concurrency: atLeastOne("a number of attempts")
})

/**
 * What can be set.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Own limits, by provider; none when absent. */
  providers: Schema.optionalWith(Schema.Record({ key: AIProvider.AIProvider, value: Limits }), {
    default: () => ({})
  }),
  /**
   * Tokens that an answer is reckoned at where its task has no `maxTokens`, until it is settled on what it
   * really used; 500 when absent.
   */
  expectedOutputTokens: Schema.optionalWith(Schema.NonNegativeInt, { default: () => 500 })
})

/**
 * What can be set.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("RateLimits", Settings)

const minuteMs = 60_000
const slots = 60

/** What a provider said is left. */
interface Stated {
  remaining: number
  readonly resetAt: number
}

/** What is known of one provider. */
class Allowance {
  private readonly requests = new SlidingSum(minuteMs, slots)
  private readonly tokens = new SlidingSum(minuteMs, slots)
  private underWay = 0
  private notBefore = Number.NEGATIVE_INFINITY
  private statedRequests: Stated | undefined = undefined
  private statedTokens: Stated | undefined = undefined

  constructor(private readonly limits: typeof Limits.Type) {}

  /** From when an attempt of so many tokens can begin, and what it waits for; `now` and no reason if it can. */
  room(now: number, tokens: number): { readonly at: number; readonly reason: string } {
    const { concurrency, requestsPerMinute, tokensPerMinute } = this.limits
    const waits = [
      { at: this.notBefore, reason: "it said when to come back" },
      { at: exhaustedUntil(this.statedRequests, 1), reason: "it has no requests left" },
      { at: exhaustedUntil(this.statedTokens, tokens), reason: "it has too few tokens left" },
      ...(requestsPerMinute === undefined
        ? []
        : [
            {
              at: this.requests.atMost(now, requestsPerMinute - 1),
              reason: `the limit of ${requestsPerMinute} requests a minute is reached`
            }
          ]),
      ...(tokensPerMinute === undefined
        ? []
        : [
            {
              // What is larger than the whole limit has it to itself.
              at: this.tokens.atMost(now, Math.max(0, tokensPerMinute - tokens)),
              reason: `the limit of ${tokensPerMinute} tokens a minute is reached`
            }
          ]),
      ...(concurrency === undefined || this.underWay < concurrency
        ? []
        : [{ at: Number.POSITIVE_INFINITY, reason: `all of its ${concurrency} calls are under way` }])
    ]
    return waits.reduce((longest, wait) => (wait.at > longest.at ? wait : longest), { at: now, reason: "" })
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
}

/** Until when less than so much is left, as the provider said it. */
const exhaustedUntil = (stated: Stated | undefined, needed: number): number =>
  stated === undefined || stated.remaining >= needed ? Number.NEGATIVE_INFINITY : stated.resetAt

/**
 * Makes a keeper of rate limits. Fails with an InvalidArgumentError when a limit is out of range or an id
 * can't be a provider's.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(decode(options), ({ expectedOutputTokens, providers }) => {
    const allowances = new Map<AIProvider.AIProvider, Allowance>()

    const allowanceOf = (provider: AIProvider.AIProvider): Allowance => {
      const known = allowances.get(provider)
      if (known !== undefined) return known
      const made = new Allowance(providers[provider] ?? {})
      allowances.set(provider, made)
      return made
    }

    const estimate = ({ prefill = "", task }: AttemptGuard.AdmissionRequest): number =>
      TokenUsage.estimateTokens(AITask.inputCharacters(task) + prefill.length) +
      (task.maxTokens ?? expectedOutputTokens)

    const admit: Service["admit"] = (asked) =>
      Effect.flatMap(Effect.clock, (clock) => {
        const { provider } = asked.engine
        const allowance = allowanceOf(provider)
        const startedAt = clock.unsafeCurrentTimeMillis()
        const tokens = estimate(asked)
        const { at, reason } = allowance.room(startedAt, tokens)
        if (at > startedAt) {
          return new EngineError.RateLimitError(
            {
              provider,
              description: `not asked, since ${reason}`,
              ...(Number.isFinite(at) ? { retryAfterMs: at - startedAt } : {})
            },
            EngineError.unchecked
          )
        }
        allowance.take(startedAt, tokens)
        return Effect.succeed<AttemptGuard.Lease>({
          onRateLimits: (limits) => allowance.told(limits),
          settle: ({ error, usage }) =>
            Effect.sync(() => {
              const now = clock.unsafeCurrentTimeMillis()
              allowance.settle(now, startedAt, usage.inputTokens + usage.outputTokens - tokens)
              const stated = Option.flatMapNullable(error, EngineError.retryAfterMs)
              if (Option.isSome(stated)) allowance.comeBackAt(now + stated.value)
            }),
          cancel: Effect.sync(() => allowance.cancel(clock.unsafeCurrentTimeMillis(), startedAt, tokens))
        })
      })

    return {
      admit,
      unsafeReadyAt: (provider, now) => allowances.get(provider)?.room(now, 1).at ?? now
    }
  })

/**
 * Keeps the routers that are built on this Layer to the rate limits of their providers.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<RateLimits, InvalidArgumentError> =>
  Layer.effect(RateLimits, make(options))
