import * as Option from "effect/Option"
import type { BudgetExceededError } from "../../BudgetExceeded.js"
import * as EngineError from "../../EngineError.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import type { SoleTaskError, TaskError } from "../../routing/TaskService.js"
import type { AllProvidersFailedError } from "../../routing/ProviderRouter.js"
import type { FeedbackError } from "../../spend/Feedback.js"
import type { StreamInterruptedError } from "../../StreamEvent.js"
import type { KeyChangeError, KeyStoreError } from "./keyModel.js"
import type { Reason, RejectedRequest } from "./rejection.js"

/** Everything that a call fails with. */
export type Failure =
  | TaskError
  | SoleTaskError
  | StreamInterruptedError
  | BudgetExceededError
  | FeedbackError
  | InvalidArgumentError
  | KeyChangeError
  | KeyStoreError
  | RejectedRequest

/** What both vendors' clients go by: the status, and the type of the error as each of them names it. */
const kinds = {
  invalid: { status: 400, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  unauthorized: { status: 401, openai: "authentication_error", anthropic: "authentication_error" },
  forbidden: { status: 403, openai: "permission_error", anthropic: "permission_error" },
  missing: { status: 404, openai: "invalid_request_error", anthropic: "not_found_error" },
  method: { status: 405, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  slow: { status: 408, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  conflict: { status: 409, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  large: { status: 413, openai: "invalid_request_error", anthropic: "request_too_large" },
  media: { status: 415, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  upgrade: { status: 426, openai: "invalid_request_error", anthropic: "invalid_request_error" },
  limited: { status: 429, openai: "rate_limit_error", anthropic: "rate_limit_error" },
  quota: { status: 429, openai: "insufficient_quota", anthropic: "rate_limit_error" },
  internal: { status: 500, openai: "server_error", anthropic: "api_error" },
  upstream: { status: 502, openai: "server_error", anthropic: "api_error" },
  unavailable: { status: 503, openai: "server_error", anthropic: "overloaded_error" },
  timeout: { status: 504, openai: "server_error", anthropic: "timeout_error" }
} as const

type Kind = (typeof kinds)[keyof typeof kinds]

/** A failure as a client is told of it. */
export interface Problem {
  readonly kind: Kind
  /** What programs branch on. */
  readonly code: string
  readonly message: string
  readonly param?: string | undefined
  /** Milliseconds to wait, where waiting helps. */
  readonly retryAfterMs?: number | undefined
  /** The methods that a route has. */
  readonly allow?: string | undefined
  /** How a route takes a key, where one is missing. */
  readonly challenge?: RejectedRequest["challenge"] | undefined
  /** How many attempts were made, where the failure tells of them. */
  readonly attempts?: number | undefined
  /** Whether providers failed, though each has been asked as often as helps. */
  readonly isProviders?: boolean | undefined
  /** The error that was the end of it, which may remember what its provider said. */
  readonly cause?: object | undefined
}

/** The message is the failure's own, unless the row has another. */
type Row = Omit<Problem, "message"> & Partial<Pick<Problem, "message">>

/** A row for every failure that there is: one more is an error of the compiler. */
type Table = {
  readonly [Tag in Failure["_tag"]]: (error: Extract<Failure, { readonly _tag: Tag }>, now: number) => Row
}

const rejections: { readonly [R in Reason]: { readonly kind: Kind; readonly code: string } } = {
  unauthorized: { kind: kinds.unauthorized, code: "invalid_api_key" },
  forbidden: { kind: kinds.forbidden, code: "forbidden" },
  "model-not-allowed": { kind: kinds.forbidden, code: "model_not_allowed" },
  "strategy-not-allowed": { kind: kinds.forbidden, code: "strategy_not_allowed" },
  "keys-unavailable": { kind: kinds.unavailable, code: "keys_unavailable" },
  malformed: { kind: kinds.invalid, code: "invalid_body" },
  unsupported: { kind: kinds.invalid, code: "unsupported_parameter" },
  media: { kind: kinds.media, code: "unsupported_media_type" },
  "too-large": { kind: kinds.large, code: "body_too_large" },
  "too-many": { kind: kinds.invalid, code: "invalid_value" },
  "too-slow": { kind: kinds.slow, code: "body_too_slow" },
  "no-route": { kind: kinds.missing, code: "unknown_route" },
  "no-method": { kind: kinds.method, code: "method_not_allowed" },
  "no-websocket": { kind: kinds.upgrade, code: "upgrade_required" },
  "no-model": { kind: kinds.missing, code: "model_not_found" },
  "no-feedback": { kind: kinds.missing, code: "feedback_not_kept" },
  "no-keys": { kind: kinds.missing, code: "keys_not_issued" },
  "no-team": { kind: kinds.missing, code: "team_unknown" },
  "own-key": { kind: kinds.conflict, code: "own_key" },
  "configured-key": { kind: kinds.conflict, code: "key_taken" },
  limited: { kind: kinds.limited, code: "key_limit_exceeded" },
  draining: { kind: kinds.unavailable, code: "shutting_down" },
  defect: { kind: kinds.internal, code: "internal_error" }
}

const transientKinds = {
  overloaded: kinds.unavailable,
  network: kinds.upstream,
  server: kinds.upstream,
  malformed: kinds.upstream,
  "circuit-open": kinds.unavailable
} as const

/** The shortest wait that was asked for: then one of the providers can be asked again. */
const shortestWait = (
  { attempts, primary, refusals }: AllProvidersFailedError,
  now: number
): number | undefined => {
  // A primary that wasn't asked is neither an attempt nor among the other refusals.
  const errors = [primary, ...attempts.flatMap(({ error }) => Option.toArray(error)), ...refusals]
  const waits = errors.map((error) => rowOf(error, now).retryAfterMs)
  const known = waits.filter((wait) => wait !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

/** When a provider can be asked again, where it wants to be. */
const waitOf = (error: EngineError.EngineError): number | undefined =>
  EngineError.forbidsRetry(error) ? undefined : EngineError.retryAfterMs(error)

const table: Table = {
  // What is wrong with the gateway's own key or configuration isn't the caller's to change.
  AuthenticationError: (error) =>
    EngineError.belongsToUser(error)
      ? { kind: kinds.forbidden, code: "user_not_signed_in" }
      : { kind: kinds.upstream, code: "provider_authentication_failed" },
  ModelNotFoundError: () => ({ kind: kinds.upstream, code: "provider_model_not_found" }),
  EngineNotRegisteredError: () => ({ kind: kinds.missing, code: "model_not_found" }),
  StateUnavailableError: ({ field, reason }) => ({
    kind: reason === "unavailable" ? kinds.unavailable : kinds.invalid,
    // Clients of Responses know it, and send all of the conversation.
    code: field === "previous_response_id" ? "previous_response_not_found" : "state_not_found",
    param: field
  }),
  InputValidationError: () => ({ kind: kinds.invalid, code: "rejected_by_provider" }),
  InvalidArgumentError: ({ field, reason }) => ({
    kind: kinds.invalid,
    code: "invalid_value",
    param: field,
    // The body is the argument: it needn't be named.
    message: field === "" ? `The body can't be used: ${reason}` : `${field}: ${reason}`
  }),
  ContextLengthError: () => ({ kind: kinds.invalid, code: "context_length_exceeded" }),
  ContentPolicyError: () => ({ kind: kinds.invalid, code: "content_policy_violation" }),
  QuotaExhaustedError: () => ({ kind: kinds.quota, code: "insufficient_quota" }),
  BudgetExceededError: ({ needed, resetsAt }, now) => ({
    kind: kinds.quota,
    code: "budget_exceeded",
    // Where the price isn't known, no new period brings it.
    retryAfterMs: needed === undefined ? undefined : Math.max(0, resetsAt - now)
  }),
  FeedbackError: () => ({
    kind: kinds.unavailable,
    code: "feedback_unavailable",
    // What the database says isn't for callers.
    message: "The feedback isn't kept, because its store can't be reached now. Send it again later"
  }),
  KeyChangeError: ({ reason, subject }) =>
    // A team is looked for where a key is said to belong to it.
    subject === "team"
      ? { kind: kinds.invalid, code: "team_unknown", param: "team" }
      : { kind: reason === "unknown" ? kinds.missing : kinds.conflict, code: `key_${reason}`, param: "id" },
  KeyStoreError: ({ operation }) => ({
    kind: kinds.unavailable,
    code: "keys_unavailable",
    // What the database says isn't for callers.
    message:
      operation === "written"
        ? "The keys can't be written now, and whether the change was made isn't known. Look at what there is before you ask again"
        : "The keys can't be read now. Ask again later"
  }),
  BudgetUnavailableError: () => ({
    kind: kinds.unavailable,
    code: "budget_unavailable",
    // What the database says isn't for callers.
    message: "The call isn't made, because its budgets can't be checked now. Ask again later"
  }),
  RateLimitError: (error) => ({
    kind: kinds.limited,
    code: "rate_limit_exceeded",
    retryAfterMs: waitOf(error)
  }),
  TransientError: (error) => ({
    kind: transientKinds[error.reason],
    code: `provider_${error.reason.replace("-", "_")}`,
    retryAfterMs: waitOf(error)
  }),
  TimeoutError: ({ phase }) => ({ kind: kinds.timeout, code: `timeout_${phase.replace("-", "_")}` }),
  NoAvailableProviderError: () => ({ kind: kinds.unavailable, code: "no_available_provider" }),
  AllProvidersFailedError: (error, now) => ({
    ...rowOf(error.primary, now),
    code: "all_providers_failed",
    retryAfterMs: shortestWait(error, now)
  }),
  StreamInterruptedError: () => ({ kind: kinds.upstream, code: "stream_interrupted" }),
  RejectedRequest: ({ allow, challenge, param, reason, retryAfterMs }) => ({
    ...rejections[reason],
    param,
    retryAfterMs,
    allow,
    challenge
  })
}

const rowOf = <F extends Failure>(failure: F, now: number): Row => {
  // The table has for each tag a function of the error with that tag, which TypeScript can't follow.
  const row = table[failure._tag] as (failure: F, now: number) => Row
  return row(failure, now)
}

/** The error, maybe a provider's, that a failure is. Whose keys aren't taken isn't its caller's affair. */
export const causeOf = (failure: Failure): object | undefined => {
  const error =
    failure._tag === "AllProvidersFailedError"
      ? failure.primary
      : failure._tag === "StreamInterruptedError"
        ? failure.cause
        : failure
  return error._tag === "AuthenticationError" ? undefined : error
}

/** Failures of the providers, and not of the gateway. */
const ofProviders: ReadonlySet<Failure["_tag"]> = new Set([
  "AllProvidersFailedError",
  "AuthenticationError",
  "ModelNotFoundError",
  "NoAvailableProviderError",
  "StateUnavailableError",
  "TimeoutError",
  "TransientError"
])

/** What a client is told of a failure, at an instant in milliseconds. */
export const of = (failure: Failure, now: number): Problem => {
  const row = rowOf(failure, now)
  return {
    message: failure.message,
    cause: causeOf(failure),
    isProviders: ofProviders.has(failure._tag) && row.kind.status > kinds.internal.status,
    ...("attempts" in failure ? { attempts: failure.attempts.length } : {}),
    ...row
  }
}

/** Milliseconds that the vendors' clients wait at most when they are told for how long. */
const longestWait = 60_000

/**
 * What a client is told by headers. The router has tried again and elsewhere already: the vendors' clients,
 * which would do so too, do it only where it is known when, and they can wait so long.
 */
export const headersOf = ({
  allow,
  attempts,
  challenge,
  kind,
  retryAfterMs
}: Problem): Readonly<Record<string, string>> => ({
  "x-should-retry": String(retryAfterMs !== undefined && retryAfterMs <= longestWait),
  ...(retryAfterMs === undefined
    ? {}
    : {
        "retry-after": String(Math.ceil(retryAfterMs / 1000)),
        "retry-after-ms": String(Math.ceil(retryAfterMs))
      }),
  // At "Basic" a browser asks for a name and a password: the password is the key.
  ...(challenge === undefined ? {} : { "www-authenticate": `${challenge} realm="arc-saga gateway"` }),
  ...(allow === undefined ? {} : { allow }),
  ...(kind === kinds.upgrade ? { upgrade: "HTTP/1.1" } : {}),
  ...(attempts === undefined ? {} : { "x-saga-attempts": String(attempts) })
})
