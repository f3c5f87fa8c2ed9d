/**
 * How a task is routed, as data: which provider is next, what each error does, how long to wait.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Schedule from "effect/Schedule"
import * as AIProvider from "../AIProvider.js"
import type * as EngineError from "../EngineError.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { type Given, given } from "../internal/options.js"
import * as validation from "../internal/validation.js"

/**
 * What an error of the primary does.
 *
 * - `fail`: the call fails at once with it; no other provider is asked.
 * - `fail-over`: the next provider is asked.
 * - `fail-over-to-larger`: the next provider is asked whose context window is larger or unknown; when there
 *   is none, the call fails with the error.
 * - `retry`: the same provider is asked again after the wait of the schedule, or after exactly the
 *   retry-after that a RateLimitError or TransientError states (plus jitter) if `maxRetryAfterMs`
 *   allows it. When the schedule ends, the wait doesn't fit the deadline, the circuit is open or the budget
 *   of retries is spent, the next provider is asked.
 *
 * @since 0.1.0
 * @category models
 */
export type Reaction =
  | { readonly _tag: "fail" }
  | { readonly _tag: "fail-over" }
  | { readonly _tag: "fail-over-to-larger" }
  | { readonly _tag: "retry"; readonly schedule: Schedule.Schedule<unknown, EngineError.EngineError> }

/**
 * What each error of the primary does. An error of a fallback is always recorded and the next provider
 * asked.
 *
 * @since 0.1.0
 * @category models
 */
export type Rules = { readonly [Tag in EngineError.EngineError["_tag"]]: Reaction }

/**
 * The time limits of one attempt, in milliseconds above 0. They hold while another provider could be asked
 * next; the last that can be asked has all the time that the call has left.
 *
 * @since 0.1.0
 * @category models
 */
export interface AttemptLimits {
  /** Until its first content. */
  readonly firstTokenMs: number
  /** Between two chunks; for a stream also after its first content, even of the last candidate. */
  readonly idleMs: number
  /** The whole attempt, or of a stream until its first content; `Infinity` for no such limit. */
  readonly attemptMs: number
}

/**
 * The time limits, in milliseconds above 0. The deadline of the call, `timeoutMs`, bounds all others.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits extends AttemptLimits {
  /** The whole of a complete call, or a stream until its first content, where the task says nothing. */
  readonly timeoutMs: number
  /** A stream as a whole; `Infinity` for no such limit. */
  readonly streamMs: number
}

/**
 * The fallbacks of a provider, in order.
 *
 * @since 0.1.0
 * @category models
 */
export type Chains = ReadonlyMap<AIProvider.AIProvider, ReadonlyArray<AIProvider.AIProvider>>

/**
 * How a task is routed.
 *
 * @since 0.1.0
 * @category models
 */
export interface RoutingPolicy {
  /** The only fallbacks of a provider, in order. One that isn't registered is skipped. */
  readonly chains: Chains
  /** The fallbacks of a provider that has no chain there, if any of them is registered. */
  readonly defaultChains: Chains
  readonly rules: Rules
  readonly limits: Limits
  /** What differs from `limits` for attempts at single providers. */
  readonly providerLimits: ReadonlyMap<AIProvider.AIProvider, Partial<AttemptLimits>>
  /** The longest retry-after, in milliseconds, that is waited for instead of failing over. */
  readonly maxRetryAfterMs: number
  /** Whether a stream that is cut goes on with another provider where that can be verified. */
  readonly resume: "auto" | "off"
}

/**
 * How one task is routed.
 *
 * @since 0.1.0
 * @category models
 */
export interface RouteOptions {
  /** Whether other providers are asked when the first fails; true when absent. */
  readonly useFallback?: boolean | undefined
  /**
   * The provider that is asked first: the decision of an orchestrator. The task's own when absent, and where
   * the task pins one.
   */
  readonly primary?: AIProvider.AIProvider | undefined
  /** The order in which the others are asked where the policy has no chain; that of registration if absent. */
  readonly order?: ReadonlyArray<AIProvider.AIProvider> | undefined
  /** Providers that mustn't be asked as a fallback now. */
  readonly unavailable?: ReadonlySet<AIProvider.AIProvider> | undefined
  /** Milliseconds for the call, above 0, where neither the task nor the policy's options say. */
  readonly defaultTimeoutMs?: number | undefined
}

const fail: Reaction = { _tag: "fail" }
const failOver: Reaction = { _tag: "fail-over" }

/**
 * Exponential backoff from `base`, each wait jittered to 80–120 %, for at most `retries` retries.
 *
 * @since 0.1.0
 * @category schedules
 */
export const backoff = (base: Duration.DurationInput, retries: number): Schedule.Schedule<unknown> =>
  Schedule.exponential(base).pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(retries)))

/**
 * What each error of the primary does by default: bad credentials, bad input and refusals fail; a task
 * that is too long goes to a larger window; exhausted quota, missing models and timeouts fail over;
 * transient errors are retried twice from 200 ms, rate limits without a retry-after twice from 1 s.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultRules: Rules = {
  AuthenticationError: fail,
  InputValidationError: fail,
  ContentPolicyError: fail,
  ContextLengthError: { _tag: "fail-over-to-larger" },
  QuotaExhaustedError: failOver,
  ModelNotFoundError: failOver,
  RateLimitError: { _tag: "retry", schedule: backoff("1 second", 2) },
  TransientError: { _tag: "retry", schedule: backoff("200 millis", 2) },
  TimeoutError: failOver
}

/**
 * 30 s for a call, 10 s for the first token and between two, no limit for an attempt as a whole and for a
 * stream that flows.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultLimits: Limits = {
  timeoutMs: 30_000,
  firstTokenMs: 10_000,
  idleMs: 10_000,
  attemptMs: Number.POSITIVE_INFINITY,
  streamMs: Number.POSITIVE_INFINITY
}

/**
 * The least that a model which thinks before it writes is given, whatever the policy's limits for all are: 5
 * minutes for the first token, a minute between two. So is an answer that comes over its wire in one piece, as
 * its caller asked for it. A provider's own limits go before it.
 *
 * @since 0.1.0
 * @category defaults
 */
export const reasoningLimits: Pick<AttemptLimits, "firstTokenMs" | "idleMs"> = {
  firstTokenMs: 300_000,
  idleMs: 60_000
}

/**
 * The limits of an attempt at a provider: its own; where it has none, those for all, which are at least
 * {@link reasoningLimits} where its model thinks.
 *
 * @since 0.1.0
 * @category getters
 */
export const limitsOf = (
  { limits, providerLimits }: Pick<RoutingPolicy, "limits" | "providerLimits">,
  { provider, reasoning }: { readonly provider: AIProvider.AIProvider; readonly reasoning: boolean }
): AttemptLimits => {
  const own = providerLimits.get(provider)
  const atLeast = (name: "firstTokenMs" | "idleMs"): number =>
    own?.[name] ?? (reasoning ? Math.max(limits[name], reasoningLimits[name]) : limits[name])
  return {
    firstTokenMs: atLeast("firstTokenMs"),
    idleMs: atLeast("idleMs"),
    attemptMs: own?.attemptMs ?? limits.attemptMs
  }
}

/**
 * copilot_chat → claude → gpt4; claude → copilot_chat → gpt4; gpt4 → copilot_chat → claude.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultChains: Chains = new Map([
  [AIProvider.CopilotChat, [AIProvider.Claude, AIProvider.Gpt4]],
  [AIProvider.Claude, [AIProvider.CopilotChat, AIProvider.Gpt4]],
  [AIProvider.Gpt4, [AIProvider.CopilotChat, AIProvider.Claude]]
])

/**
 * What can be set; the rest is the default.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The only fallbacks of a provider. Comes before the default chain of that provider. */
  readonly chains?: Readonly<Record<string, ReadonlyArray<string>>> | undefined
  readonly rules?: Given<Rules> | undefined
  readonly limits?: Given<Limits> | undefined
  /** What differs from `limits` for attempts at single providers, by their ids. */
  readonly providerLimits?: Readonly<Record<string, Given<AttemptLimits>>> | undefined
  /** Milliseconds from 0; 5,000 when absent. */
  readonly maxRetryAfterMs?: number | undefined
  readonly resume?: "auto" | "off" | undefined
}

const subject = "RoutingPolicy"

const invalid = (field: string, reason: string): InvalidArgumentError =>
  new InvalidArgumentError({ subject, field, reason })

const attemptLimits = { firstTokenMs: true, idleMs: true, attemptMs: true }
const knownLimits = validation.known<Limits>(subject, defaultLimits, "limits")
const knownRules = validation.known<Rules>(subject, defaultRules, "rules")
const knownOptions = validation.known<Options>(subject, {
  chains: true,
  rules: true,
  limits: true,
  providerLimits: true,
  maxRetryAfterMs: true,
  resume: true
})

const chainsOf = (
  options: Readonly<Record<string, ReadonlyArray<string>>>
): Either.Either<Chains, InvalidArgumentError> =>
  Either.gen(function* () {
    const chains = new Map<AIProvider.AIProvider, ReadonlyArray<AIProvider.AIProvider>>()
    for (const [primaryId, fallbackIds] of Object.entries(options)) {
      const field = `chains.${primaryId}`
      const primary = yield* Either.mapLeft(AIProvider.make(primaryId), ({ reason }) =>
        invalid("chains", reason)
      )
      const fallbacks: Array<AIProvider.AIProvider> = []
      for (const [index, id] of fallbackIds.entries()) {
        const fallback = yield* Either.mapLeft(AIProvider.make(id), ({ reason }) =>
          invalid(`${field}[${index}]`, reason)
        )
        if (fallback === primary) {
          return yield* Either.left(
            invalid(`${field}[${index}]`, `Expected another provider than the primary, actual ${id}`)
          )
        }
        if (fallbacks.includes(fallback)) {
          return yield* Either.left(
            invalid(`${field}[${index}]`, `Expected each provider once, actual ${id} twice`)
          )
        }
        fallbacks.push(fallback)
      }
      chains.set(primary, fallbacks)
    }
    return chains
  })

const checkLimits = (
  field: string,
  limits: Readonly<Record<string, unknown>>
): Either.Either<void, InvalidArgumentError> => {
  for (const [name, value] of Object.entries(limits)) {
    // NaN is not above 0 either.
    if (!(typeof value === "number" && value > 0)) {
      return Either.left(
        invalid(`${field}.${name}`, `Expected milliseconds above 0, actual ${String(value)}`)
      )
    }
  }
  return Either.void
}

const providerLimitsOf = (
  options: Readonly<Record<string, Given<AttemptLimits>>>
): Either.Either<RoutingPolicy["providerLimits"], InvalidArgumentError> =>
  Either.gen(function* () {
    const byProvider = new Map<AIProvider.AIProvider, Partial<AttemptLimits>>()
    for (const [id, limits] of Object.entries(options)) {
      const provider = yield* Either.mapLeft(AIProvider.make(id), ({ reason }) =>
        invalid("providerLimits", reason)
      )
      yield* validation.known<AttemptLimits>(subject, attemptLimits, "providerLimits", id)(limits)
      const own = given(limits)
      yield* checkLimits(`providerLimits.${id}`, own)
      byProvider.set(provider, own)
    }
    return byProvider
  })

/**
 * Makes a policy, or fails with an InvalidArgumentError: a chain that names a provider twice or its own
 * primary, a limit that isn't above 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Either.Either<RoutingPolicy, InvalidArgumentError> =>
  Either.gen(function* () {
    yield* knownOptions(options)
    yield* knownLimits(options.limits ?? {})
    yield* knownRules(options.rules ?? {})
    const limits = { ...defaultLimits, ...given(options.limits) }
    yield* checkLimits("limits", { ...limits })
    const maxRetryAfterMs = options.maxRetryAfterMs ?? 5000
    if (!(maxRetryAfterMs >= 0)) {
      return yield* Either.left(
        invalid("maxRetryAfterMs", `Expected milliseconds from 0, actual ${String(maxRetryAfterMs)}`)
      )
    }
    return {
      chains: yield* chainsOf(options.chains ?? {}),
      defaultChains,
      rules: { ...defaultRules, ...given(options.rules) },
      limits,
      providerLimits: yield* providerLimitsOf(options.providerLimits ?? {}),
      maxRetryAfterMs,
      resume: options.resume ?? "auto"
    }
  })
