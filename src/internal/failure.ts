import * as Predicate from "effect/Predicate"
import type * as AIProvider from "../AIProvider.js"
import * as EngineError from "../EngineError.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import type * as httpError from "./httpError.js"

/** What a failure is, as the error channel tells them apart. */
export type Kind =
  | "authentication"
  | "input"
  | "context"
  | "policy"
  | "quota"
  | "model"
  | "rate"
  | "overloaded"
  | "server"
  | "malformed"
  | "cut"
  | "timeout"

/** What a server said of a failure, or what was seen of it. */
export interface Failure {
  /** What it is, where that is known already; else its code, message and status decide. */
  readonly kind?: Kind
  readonly message: string
  readonly code: string
  readonly type: string
  /** The HTTP status, or a numeric code that looks like one; 0 when there is none. */
  readonly status: number
}

/** A failure whose kind is known. */
export const ofKind = (kind: Kind, message: string): Failure => ({
  kind,
  message,
  code: "",
  type: "",
  status: 0
})

/** How deep errors are wrapped at most. */
const maxDepth = 4

/** The words in what may be a string, a list of errors, or an error within an error. */
const messageOf = (value: unknown, depth = 0): string => {
  if (typeof value === "string") return value
  if (depth === maxDepth || !Predicate.isObject(value)) return ""
  if (Array.isArray(value)) return messageOf(value[0], depth + 1)
  const { detail, error, message, msg }: Record<string, unknown> = { ...value }
  return messageOf(message ?? detail ?? msg ?? error, depth + 1)
}

const statusOf = (value: unknown): number => {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status < 600 ? status : 0
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

/** Anthropic's code is among the details. */
const codeIn = (details: unknown): string => {
  const { code, error_code }: Record<string, unknown> = Predicate.isRecord(details) ? details : {}
  return text(code) || text(error_code)
}

/** Reads an error in any of the forms that servers give it: `{error: {…}}`, `{error: "…"}`, bare, in a list. */
export const fromJson = (value: unknown): Failure => {
  const body: unknown = Array.isArray(value) ? value[0] : value
  const inner = Predicate.hasProperty(body, "error") ? body.error : body
  const { code, details, status_code, type }: Record<string, unknown> = Predicate.isObject(inner)
    ? { ...inner }
    : {}
  return {
    message: messageOf(body),
    code: text(code) || codeIn(details),
    type: text(type),
    status: statusOf(code) || statusOf(status_code)
  }
}

const page = /^\s*<(!doctype|html)/i

/** Reads the body of an answer with an error's status: JSON, plain text, or a proxy's page. */
export const fromBody = (body: string, status: number): Failure => {
  try {
    return { ...fromJson(JSON.parse(body)), status }
  } catch {
    // Tags are dropped from the beginning of a page only: that is where its title is.
    const message = page.test(body) ? body.slice(0, 2000).replaceAll(/<[^<>]*>/g, " ") : body
    return { message, code: "", type: "", status }
  }
}

/** What a status alone says, where it says it plainly. */
export const byStatus: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [401, "authentication"],
  [402, "quota"],
  [403, "authentication"],
  [404, "model"],
  [408, "timeout"],
  [409, "server"],
  [425, "server"],
  [429, "rate"],
  [498, "overloaded"],
  [503, "overloaded"],
  [504, "timeout"],
  [529, "overloaded"]
])

/** What a failure is by its status; one that nobody knows is the server's. */
export const kindOfStatus = (status: number): Kind => {
  const known = byStatus.get(status)
  if (known !== undefined) return known
  // A redirection that the client didn't follow means another base URL, as a missing path does.
  if (status >= 300 && status < 400) return "model"
  return status >= 400 && status < 500 ? "input" : "server"
}

/** What an error tells besides the failure itself. */
export interface Context {
  /** What a failure is by what the server said, where its kind isn't known already. */
  readonly kindOf: (failure: Failure) => Kind
  readonly provider: AIProvider.AIProvider
  /** The user who is asked for, where the credentials are one's own. */
  readonly userId?: string
  readonly redact: httpError.Redact
  readonly requestId: string | undefined
  readonly retryAfterMs: number | undefined
  /** When what is used up of the provider's limits is there again, where its headers say that. */
  readonly usedUpForMs: number | undefined
  /** Whether some of the answer had come before. */
  readonly begun: boolean
}

/** The error of a failure. */
export const toEngineError = (failure: Failure, context: Context): EngineError.EngineError => {
  const { provider, requestId, userId } = context
  const stated = (ms: number | undefined) => (ms === undefined ? {} : { retryAfterMs: ms })
  const common = {
    provider,
    description: context.redact(failure.message) || "the server didn't say why",
    ...(failure.status === 0 ? {} : { status: failure.status }),
    ...(requestId === undefined ? {} : { requestId: context.redact(requestId) })
  }
  const kind = failure.kind ?? context.kindOf(failure)
  switch (kind) {
    case "authentication":
      return new EngineError.AuthenticationError(
        { ...common, ...(userId === undefined ? {} : { userId }) },
        EngineError.unchecked
      )
    case "input":
      return new EngineError.InputValidationError(common, EngineError.unchecked)
    case "context":
      return new EngineError.ContextLengthError(common, EngineError.unchecked)
    case "policy":
      return new EngineError.ContentPolicyError(common, EngineError.unchecked)
    case "quota":
      return new EngineError.QuotaExhaustedError(common, EngineError.unchecked)
    case "model":
      return new EngineError.ModelNotFoundError(common, EngineError.unchecked)
    case "rate":
      return new EngineError.RateLimitError(
        { ...common, ...stated(context.retryAfterMs ?? context.usedUpForMs) },
        EngineError.unchecked
      )
    case "timeout":
      // A server that gives up waiting has sent nothing of the answer yet, unless it says so within one.
      return new EngineError.TimeoutError(
        { ...common, phase: context.begun ? "idle" : "first-token" },
        EngineError.unchecked
      )
    case "cut":
      return ReasoningEngine.cut(provider)
    default:
      return new EngineError.TransientError(
        { ...common, reason: kind, ...stated(context.retryAfterMs) },
        EngineError.unchecked
      )
  }
}
