/**
 * What can go wrong when a provider is asked: two families, told apart in the type and by a guard.
 *
 * A permanent error says that asking this provider again for the same task is no use; a transient one
 * that it may be. Every error carries the provider, what the provider said, and where known the HTTP
 * status, the provider's request id and the cause. Prompts and secrets are never part of one.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AIProvider from "./AIProvider.js"
import { trusted } from "./internal/validation.js"

/**
 * Milliseconds of the longest wait that is kept, a day: what a provider states beyond is taken for that, and no
 * call waits for it.
 *
 * @since 0.1.0
 * @category limits
 */
export const longestWaitMs = 86_400_000

/** A failure below. As JSON an Error keeps its name and message; any other value only its kind. */
const Cause = Schema.transform(Schema.Defect, Schema.Unknown, {
  strict: true,
  decode: (cause) => cause,
  encode: (cause) => (Predicate.isError(cause) ? cause : `a ${typeof cause}`)
})

/** What a provider says of asking it again. */
const again = {
  /** Milliseconds to wait as the provider states them, 0 or more; absent when it didn't say. */
  retryAfterMs: Schema.optional(Schema.NonNegative),
  /** False where the provider says that asking it again is no use (`x-should-retry`): it isn't retried then. */
  shouldRetry: Schema.optional(Schema.Boolean)
}

const common = {
  /** The provider that failed. */
  provider: AIProvider.AIProvider,
  /** The message of the provider, or how the failure was seen; at most some hundred characters. */
  description: Schema.String,
  /** The HTTP status, where there was an answer. */
  status: Schema.optional(Schema.Int),
  /** The provider's own id of the request, for its support. */
  requestId: Schema.optional(Schema.String),
  /** The failure below, where there was one. */
  cause: Schema.optional(Cause)
}

/**
 * As the second argument of an error's constructor: its fields aren't validated. For engines, whose fields
 * the compiler has checked; validating costs several times what the rest of an error does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unchecked: Schema.MakeOptions = trusted

interface Common {
  readonly provider: AIProvider.AIProvider
  readonly description: string
  readonly status?: number | undefined
  readonly requestId?: string | undefined
}

const tell = (error: Common, what: string, advice: string): string => {
  const status = error.status === undefined ? "" : ` (${error.status})`
  const request = error.requestId === undefined ? "" : ` [request ${error.requestId}]`
  return `${error.provider} ${what}${status}: ${error.description}${request}. ${advice}`
}

/**
 * The provider doesn't accept the credentials, or they don't allow the request.
 *
 * @since 0.1.0
 * @category permanent
 */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>(
  "arc-saga/AuthenticationError"
)("AuthenticationError", {
  ...common,
  /** The user whose sign-in or licence it is; absent when all users share the credentials. */
  userId: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return this.userId === undefined
      ? tell(this, "rejected the credentials", `Check the key or sign-in configured for ${this.provider}`)
      : tell(
          this,
          `can't be asked for ${JSON.stringify(this.userId)}`,
          "Check this user's sign-in and licence; other users aren't touched"
        )
  }
}

/**
 * The provider can't do what the task asks: a malformed request, or a feature that it lacks.
 *
 * @since 0.1.0
 * @category permanent
 */
export class InputValidationError extends Schema.TaggedError<InputValidationError>(
  "arc-saga/InputValidationError"
)("InputValidationError", common) {
  override get message(): string {
    return tell(this, "rejected the task", "Change the task; asking again gives the same answer")
  }
}

/**
 * The task is longer than the context window of the model.
 *
 * @since 0.1.0
 * @category permanent
 */
export class ContextLengthError extends Schema.TaggedError<ContextLengthError>("arc-saga/ContextLengthError")(
  "ContextLengthError",
  common
) {
  override get message(): string {
    return tell(this, "can't hold the task in its context window", "Shorten it or use a larger model")
  }
}

/**
 * The provider refuses to answer by its content policy.
 *
 * @since 0.1.0
 * @category permanent
 */
export class ContentPolicyError extends Schema.TaggedError<ContentPolicyError>("arc-saga/ContentPolicyError")(
  "ContentPolicyError",
  common
) {
  override get message(): string {
    return tell(this, "refused by its content policy", "Change what is asked")
  }
}

/**
 * The account has no credit, or has reached a spending limit.
 *
 * @since 0.1.0
 * @category permanent
 */
export class QuotaExhaustedError extends Schema.TaggedError<QuotaExhaustedError>(
  "arc-saga/QuotaExhaustedError"
)("QuotaExhaustedError", common) {
  override get message(): string {
    return tell(this, "has no quota left", `Raise the limit or the credit of the ${this.provider} account`)
  }
}

/**
 * The provider doesn't have the model, or not for this account.
 *
 * @since 0.1.0
 * @category permanent
 */
export class ModelNotFoundError extends Schema.TaggedError<ModelNotFoundError>("arc-saga/ModelNotFoundError")(
  "ModelNotFoundError",
  common
) {
  override get message(): string {
    return tell(
      this,
      "doesn't have the model",
      `Check the model and base URL configured for ${this.provider}`
    )
  }
}

/**
 * The provider asks for fewer requests. `retryAfterMs` is its own statement of when to come back.
 *
 * @since 0.1.0
 * @category transient
 */
export class RateLimitError extends Schema.TaggedError<RateLimitError>("arc-saga/RateLimitError")(
  "RateLimitError",
  { ...common, ...again }
) {
  override get message(): string {
    const advice =
      this.retryAfterMs === undefined ? "Retry later" : `Retry after ${Math.ceil(this.retryAfterMs)} ms`
    return tell(this, "limits the rate of requests", advice)
  }
}

/**
 * Why a transient failure happened: the provider is `overloaded`; the `network` failed, or the answer was
 * cut before its end; the `server` failed; what it sent was `malformed`; or it wasn't asked, because it
 * failed too often lately (`circuit-open`).
 *
 * @since 0.1.0
 * @category transient
 */
export const TransientReason = Schema.Literal("overloaded", "network", "server", "malformed", "circuit-open")

/**
 * A failure that may be gone at the next try.
 *
 * @since 0.1.0
 * @category transient
 */
export class TransientError extends Schema.TaggedError<TransientError>("arc-saga/TransientError")(
  "TransientError",
  {
    ...common,
    ...again,
    reason: TransientReason
  }
) {
  override get message(): string {
    const when =
      this.retryAfterMs === undefined ? "Retry later" : `Retry after ${Math.ceil(this.retryAfterMs)} ms`
    const what = this.reason === "circuit-open" ? "isn't asked" : "failed"
    return tell(this, `${what} (${this.reason})`, `${when} or use another provider`)
  }
}

/**
 * What took too long: to `connect`, the `first-token`, the pause between two tokens (`idle`), or the call
 * as a whole (`total`).
 *
 * @since 0.1.0
 * @category transient
 */
export const TimeoutPhase = Schema.Literal("connect", "first-token", "idle", "total")

/**
 * The provider took too long.
 *
 * @since 0.1.0
 * @category transient
 */
export class TimeoutError extends Schema.TaggedError<TimeoutError>("arc-saga/TimeoutError")("TimeoutError", {
  ...common,
  phase: TimeoutPhase
}) {
  override get message(): string {
    return tell(this, `took too long (${this.phase})`, "Raise the limit or use a faster provider")
  }
}

/**
 * Asking this provider again for the same task is no use.
 *
 * @since 0.1.0
 * @category models
 */
export type PermanentEngineError =
  | AuthenticationError
  | InputValidationError
  | ContextLengthError
  | ContentPolicyError
  | QuotaExhaustedError
  | ModelNotFoundError

/**
 * Asking again may help.
 *
 * @since 0.1.0
 * @category models
 */
export type TransientEngineError = RateLimitError | TransientError | TimeoutError

/**
 * All that one attempt at one provider can fail with.
 *
 * @since 0.1.0
 * @category models
 */
export type EngineError = PermanentEngineError | TransientEngineError

/**
 * All that one attempt at one provider can fail with, for encoding it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const EngineError = Schema.Union(
  AuthenticationError,
  InputValidationError,
  ContextLengthError,
  ContentPolicyError,
  QuotaExhaustedError,
  ModelNotFoundError,
  RateLimitError,
  TransientError,
  TimeoutError
)

/**
 * Tells the two families apart.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTransient = (error: EngineError): error is TransientEngineError =>
  error._tag === "TransientError" || error._tag === "RateLimitError" || error._tag === "TimeoutError"

/**
 * Tells the two families apart.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPermanent = (error: EngineError): error is PermanentEngineError => !isTransient(error)

/**
 * Whether an error is one user's, and says nothing of the provider: others can go on asking it.
 *
 * @since 0.1.0
 * @category guards
 */
export const belongsToUser = (error: EngineError): boolean =>
  error._tag === "AuthenticationError" && error.userId !== undefined

/**
 * The milliseconds that the provider itself wants to be left alone, where it said so: {@link longestWaitMs} at
 * most, and none where it said 0, which is no wait.
 *
 * @since 0.1.0
 * @category getters
 */
export const retryAfterMs = (error: EngineError): number | undefined => {
  const stated =
    error._tag === "RateLimitError" || error._tag === "TransientError" ? error.retryAfterMs : undefined
  return stated === undefined || !(stated > 0) ? undefined : Math.min(stated, longestWaitMs)
}

/**
 * Whether the provider says that asking it again is no use.
 *
 * @since 0.1.0
 * @category getters
 */
export const forbidsRetry = (error: EngineError): boolean =>
  (error._tag === "RateLimitError" || error._tag === "TransientError") && error.shouldRetry === false
