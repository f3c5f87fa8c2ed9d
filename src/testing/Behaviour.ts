/**
 * What a scripted engine does in one attempt, as plain data: it can be generated, shrunk, printed and kept
 * as JSON.
 *
 * @since 0.1.0
 */
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as EngineError from "../EngineError.js"
import type { FinishReason, RateLimitsEvent } from "../ReasoningEngine.js"
import type * as TokenUsage from "../TokenUsage.js"

/**
 * An engine error without its provider, as data. What isn't given is a plausible value.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorData {
  readonly _tag: EngineError.EngineError["_tag"]
  readonly description?: string | undefined
  readonly status?: number | undefined
  readonly requestId?: string | undefined
  /** Of a RateLimitError or TransientError: milliseconds to wait; absent when the provider doesn't say. */
  readonly retryAfterMs?: number | undefined
  /** Of a TransientError; `overloaded` when absent. */
  readonly reason?: typeof EngineError.TransientReason.Type | undefined
  /** Of a TimeoutError; `first-token` when absent. */
  readonly phase?: typeof EngineError.TimeoutPhase.Type | undefined
}

/**
 * Which error an attempt fails with: as data, as the error itself, or made for the provider.
 *
 * @since 0.1.0
 * @category models
 */
export type Failure =
  | ErrorData
  | EngineError.EngineError
  | ((provider: AIProvider.AIProvider) => EngineError.EngineError)

/**
 * Where in the attempt something happens: while it begins, as with an answer whose status is an error, or
 * in the first pull.
 *
 * @since 0.1.0
 * @category models
 */
export type During = "begin" | "pull"

/**
 * What a provider says of its limits: what is left of them, and until which instant of the Clock.
 *
 * @since 0.1.0
 * @category models
 */
export type RateLimits = Omit<RateLimitsEvent, "_tag">

/**
 * The text of an attempt and how fast it comes. Without waits all of it comes in one pull.
 *
 * @since 0.1.0
 * @category models
 */
export interface Paced {
  /** The text deltas, in order. */
  readonly chunks: ReadonlyArray<string>
  /** Milliseconds until the first delta; 0 for none. */
  readonly firstTokenMs: number
  /** Milliseconds between two deltas; 0 for none. */
  readonly msPerChunk: number
  /** What the provider says was used; absent when it says nothing. */
  readonly usage?: TokenUsage.TokenUsage | undefined
  /**
   * When it says so: with the last delta of the attempt (`end`), or as it grows (`always`): the input at
   * once, and with each delta the share of the output that has been written.
   */
  readonly metered: "end" | "always"
  /** What the provider says of its limits, with whatever the attempt gives first; nothing when absent. */
  readonly rateLimits?: RateLimits | undefined
}

/**
 * A whole answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer extends Paced {
  readonly _tag: "Answer"
  readonly toolCalls: ReadonlyArray<AITask.ToolCall>
  readonly warnings: ReadonlyArray<string>
  readonly finishReason: FinishReason
}

/**
 * A failure before any text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fail {
  readonly _tag: "Fail"
  readonly error: Failure
  /** Milliseconds until it fails; 0 for at once. */
  readonly afterMs: number
  readonly during: During
}

/**
 * Some of the text, then a failure in place of the next delta.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailAfter extends Paced {
  readonly _tag: "FailAfter"
  /** The deltas that come before. */
  readonly after: number
  readonly error: Failure
}

/**
 * Some of the text, then the end without the provider's terminal event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cut extends Paced {
  readonly _tag: "Cut"
  /** The deltas that come before. */
  readonly after: number
}

/**
 * Some of the text, then silence for ever.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stall extends Paced {
  readonly _tag: "Stall"
  /** The deltas that come before. */
  readonly after: number
}

/**
 * Silence from the first moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Never {
  readonly _tag: "Never"
  readonly during: During
}

/**
 * A bug of the engine: it dies with a defect.
 *
 * @since 0.1.0
 * @category models
 */
export interface Die {
  readonly _tag: "Die"
  readonly defect: unknown
}

/**
 * An ill-behaved engine: for some time nothing can interrupt it, then it does what it does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deaf {
  readonly _tag: "Deaf"
  /** Milliseconds, from the begin of the attempt. */
  readonly forMs: number
  readonly behaviour: Behaviour
}

/**
 * What a scripted engine does in one attempt.
 *
 * @since 0.1.0
 * @category models
 */
export type Behaviour = Answer | Fail | FailAfter | Cut | Stall | Never | Die | Deaf

/**
 * A text and how fast it comes.
 *
 * @since 0.1.0
 * @category models
 */
export interface PaceOptions {
  /** The whole text; cut into deltas of `chunkSize` characters. */
  readonly text?: string | undefined
  /** Characters of a delta, 1 or more; 4, which is about a token, when absent. */
  readonly chunkSize?: number | undefined
  /** The deltas themselves, in place of `text`. */
  readonly chunks?: ReadonlyArray<string> | undefined
  /** Milliseconds until the first delta; none when absent. */
  readonly firstTokenMs?: number | undefined
  /** Milliseconds between two deltas; none when absent. */
  readonly msPerChunk?: number | undefined
  /** What the provider says was used for the whole text; nothing said when absent. */
  readonly usage?: TokenUsage.TokenUsage | undefined
  /** Whether usage is told with the last delta (`end`, when absent) or as it grows (`always`). */
  readonly metered?: "end" | "always" | undefined
  /** What the provider says of its limits; nothing when absent. */
  readonly rateLimits?: RateLimits | undefined
}

/**
 * Cuts a text into pieces of so many characters. No character is cut in two.
 *
 * @since 0.1.0
 * @category combinators
 */
export const chunksOf = (text: string, size: number): ReadonlyArray<string> => {
  const characters = Array.from(text)
  const step = Math.max(1, Math.trunc(size))
  const chunks: Array<string> = []
  for (let at = 0; at < characters.length; at += step) {
    chunks.push(characters.slice(at, at + step).join(""))
  }
  return chunks
}

const paced = (options: PaceOptions): Paced => ({
  chunks: options.chunks ?? chunksOf(options.text ?? "", options.chunkSize ?? 4),
  firstTokenMs: options.firstTokenMs ?? 0,
  msPerChunk: options.msPerChunk ?? 0,
  metered: options.metered ?? "end",
  ...(options.usage === undefined ? {} : { usage: options.usage }),
  ...(options.rateLimits === undefined ? {} : { rateLimits: options.rateLimits })
})

/**
 * Answers with a text, at once or at a pace. An attempt that has to go on from a prefill, at an engine
 * with that capability, gives the rest of the text.
 *
 * @since 0.1.0
 * @category constructors
 */
export const answer = (
  options: PaceOptions & {
    readonly toolCalls?: ReadonlyArray<AITask.ToolCall> | undefined
    readonly warnings?: ReadonlyArray<string> | undefined
    /** `stop` when absent, or `tool_calls` when there are some. */
    readonly finishReason?: FinishReason | undefined
  }
): Answer => {
  const toolCalls = options.toolCalls ?? []
  return {
    _tag: "Answer",
    ...paced(options),
    toolCalls,
    warnings: options.warnings ?? [],
    finishReason: options.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop")
  }
}

/**
 * Fails before any text, at once or after some milliseconds; while the attempt begins when `during` is
 * absent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fail = (
  error: Failure,
  options: { readonly afterMs?: number | undefined; readonly during?: During | undefined } = {}
): Fail => ({ _tag: "Fail", error, afterMs: options.afterMs ?? 0, during: options.during ?? "begin" })

/**
 * Gives the first `after` deltas of the text and fails in place of the next.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failAfter = (
  options: PaceOptions & { readonly after: number; readonly error: Failure }
): FailAfter => ({ _tag: "FailAfter", ...paced(options), after: options.after, error: options.error })

/**
 * Gives the first `after` deltas of the text, all when absent, and ends without a terminal event.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cut = (options: PaceOptions & { readonly after?: number | undefined }): Cut => {
  const pace = paced(options)
  return { _tag: "Cut", ...pace, after: options.after ?? pace.chunks.length }
}

/**
 * Gives the first `after` deltas of the text, all when absent, and then nothing for ever.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stall = (options: PaceOptions & { readonly after?: number | undefined }): Stall => {
  const pace = paced(options)
  return { _tag: "Stall", ...pace, after: options.after ?? pace.chunks.length }
}

/**
 * Never answers: not even the attempt begins, or with `during: "pull"` its first pull never ends.
 *
 * @since 0.1.0
 * @category constructors
 */
export const never = (options: { readonly during?: During | undefined } = {}): Never => ({
  _tag: "Never",
  during: options.during ?? "begin"
})

/**
 * Dies with a defect, as an engine with a bug does.
 *
 * @since 0.1.0
 * @category constructors
 */
export const die = (defect: unknown): Die => ({ _tag: "Die", defect })

/**
 * Can't be interrupted for some milliseconds, then does what `behaviour` says: for testing that a deadline
 * holds all the same.
 *
 * @since 0.1.0
 * @category constructors
 */
export const deaf = (forMs: number, behaviour: Behaviour): Deaf => ({ _tag: "Deaf", forMs, behaviour })

const statuses = {
  AuthenticationError: 401,
  InputValidationError: 400,
  ContextLengthError: 400,
  ContentPolicyError: 400,
  QuotaExhaustedError: 402,
  ModelNotFoundError: 404,
  RateLimitError: 429,
  TransientError: 503,
  TimeoutError: undefined
} as const

/**
 * The error that data describes, for a provider.
 *
 * @since 0.1.0
 * @category errors
 */
export const toError = (data: ErrorData, provider: AIProvider.AIProvider): EngineError.EngineError => {
  const status = data.status ?? statuses[data._tag]
  const stated = data.retryAfterMs === undefined ? {} : { retryAfterMs: data.retryAfterMs }
  const common = {
    provider,
    description: data.description ?? "as scripted",
    ...(status === undefined ? {} : { status }),
    ...(data.requestId === undefined ? {} : { requestId: data.requestId })
  }
  switch (data._tag) {
    case "AuthenticationError":
      return new EngineError.AuthenticationError(common, EngineError.unchecked)
    case "InputValidationError":
      return new EngineError.InputValidationError(common, EngineError.unchecked)
    case "ContextLengthError":
      return new EngineError.ContextLengthError(common, EngineError.unchecked)
    case "ContentPolicyError":
      return new EngineError.ContentPolicyError(common, EngineError.unchecked)
    case "QuotaExhaustedError":
      return new EngineError.QuotaExhaustedError(common, EngineError.unchecked)
    case "ModelNotFoundError":
      return new EngineError.ModelNotFoundError(common, EngineError.unchecked)
    case "RateLimitError":
      return new EngineError.RateLimitError({ ...common, ...stated }, EngineError.unchecked)
    case "TransientError":
      return new EngineError.TransientError(
        { ...common, reason: data.reason ?? "overloaded", ...stated },
        EngineError.unchecked
      )
    case "TimeoutError":
      return new EngineError.TimeoutError(
        { ...common, phase: data.phase ?? "first-token" },
        EngineError.unchecked
      )
  }
}

/**
 * A sample of each engine error, for a provider.
 *
 * @since 0.1.0
 * @category errors
 */
export const errors = (
  provider: AIProvider.AIProvider
): { readonly [Tag in EngineError.EngineError["_tag"]]: Extract<EngineError.EngineError, { _tag: Tag }> } => {
  const common = { provider, description: "as scripted" }
  return {
    AuthenticationError: new EngineError.AuthenticationError(common),
    InputValidationError: new EngineError.InputValidationError(common),
    ContextLengthError: new EngineError.ContextLengthError(common),
    ContentPolicyError: new EngineError.ContentPolicyError(common),
    QuotaExhaustedError: new EngineError.QuotaExhaustedError(common),
    ModelNotFoundError: new EngineError.ModelNotFoundError(common),
    RateLimitError: new EngineError.RateLimitError(common),
    TransientError: new EngineError.TransientError({ ...common, reason: "overloaded" }),
    TimeoutError: new EngineError.TimeoutError({ ...common, phase: "first-token" })
  }
}
