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
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import type * as AttemptGuard from "../AttemptGuard.js"
import * as EngineError from "../EngineError.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as LimitStore from "./LimitStore.js"
import * as validation from "../internal/validation.js"
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
  /** Lets go of what a provider stated: its engine is another one, or has another key. What is used stays counted. */
  readonly reset: (provider: AIProvider.AIProvider) => Effect.Effect<void>
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

/** What each limit keeps an attempt from, in words. */
const because: { readonly [R in LimitStore.Reason]: (limits: LimitStore.Limits) => string } = {
  statedWait: () => "it said when to come back",
  statedRequests: () => "it has no requests left",
  statedTokens: () => "it has too few tokens left",
  requestsPerMinute: ({ requestsPerMinute }) =>
    `the limit of ${requestsPerMinute} requests a minute is reached`,
  tokensPerMinute: ({ tokensPerMinute }) => `the limit of ${tokensPerMinute} tokens a minute is reached`,
  concurrency: ({ concurrency }) => `all of its ${concurrency} calls are under way`
}

const noLimits: LimitStore.Limits = {}

/**
 * Makes a keeper of rate limits over the store of the context, which may be shared by several processes. Fails
 * with an InvalidArgumentError when a limit is out of range or an id can't be a provider's.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStore = (
  options: Options = {}
): Effect.Effect<Service, InvalidArgumentError, LimitStore.LimitStore> =>
  Effect.gen(function* () {
    const { expectedOutputTokens, providers } = yield* decode(options)
    const store = yield* LimitStore.LimitStore
    const limitsOf = (provider: AIProvider.AIProvider): LimitStore.Limits => providers[provider] ?? noLimits

    const estimate = ({ prefill = "", task }: AttemptGuard.AdmissionRequest): number =>
      TokenUsage.estimateTokens(AITask.inputCharacters(task) + prefill.length) +
      (task.maxTokens ?? expectedOutputTokens)

    const admit: Service["admit"] = (asked) => {
      const { provider } = asked.engine
      const limits = limitsOf(provider)
      return Effect.flatMap(store.take(provider, limits, estimate(asked)), (taken) => {
        if (Either.isLeft(taken)) {
          const { reason, waitMs } = taken.left
          return new EngineError.RateLimitError(
            {
              provider,
              description: `not asked, since ${because[reason](limits)}`,
              ...(Number.isFinite(waitMs) ? { retryAfterMs: waitMs } : {})
            },
            EngineError.unchecked
          )
        }
        const { cancel, settle, unsafeState } = taken.right
        return Effect.succeed<AttemptGuard.Lease>({
          onRateLimits: unsafeState,
          settle: ({ error, usage }) =>
            settle({
              tokens: usage.inputTokens + usage.outputTokens,
              retryAfterMs: Option.getOrUndefined(Option.flatMapNullable(error, EngineError.retryAfterMs))
            }),
          cancel
        })
      })
    }

    return {
      admit,
      unsafeReadyAt: (provider, now) => store.unsafeReadyAt(provider, limitsOf(provider), now),
      reset: store.reset
    }
  })

/**
 * Makes a keeper of rate limits in memory, of this process alone. Fails with an InvalidArgumentError when a limit
 * is out of range or an id can't be a provider's.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.provideServiceEffect(makeStore(options), LimitStore.LimitStore, LimitStore.makeMemory)

/**
 * Keeps the routers that are built on this Layer to the rate limits of their providers, by what the store of the
 * context knows: several processes keep to them together where it is shared.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options = {}
): Layer.Layer<RateLimits, InvalidArgumentError, LimitStore.LimitStore> =>
  Layer.effect(RateLimits, makeStore(options))

/**
 * Keeps the routers that are built on this Layer to the rate limits of their providers, this process alone.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<RateLimits, InvalidArgumentError> =>
  Layer.effect(RateLimits, make(options))
