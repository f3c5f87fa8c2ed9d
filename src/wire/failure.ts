import * as Predicate from "effect/Predicate"
import type * as AIProvider from "../AIProvider.js"
import * as EngineError from "../EngineError.js"
import * as jsonText from "../internal/jsonText.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import type * as httpError from "./httpError.js"
import * as waits from "./waits.js"

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

/** A failure as a server told it, or as it was seen. */
export interface Failure {
  /** What it is, where that is known already; else its code, message and status decide. */
  readonly kind?: Kind | undefined
  readonly message: string
  readonly code: string
  readonly type: string
  /** The HTTP status, or a numeric code that looks like one; 0 when there is none. */
  readonly status: number
  /** When it wants to be asked again, where it says so. */
  readonly wait?: waits.Wait | undefined
  /** False where the same provider would say the same again. */
  readonly shouldRetry?: boolean | undefined
}

/** A failure whose kind is known. */
export const ofKind = (kind: Kind, message: string): Failure => ({
  kind,
  message,
  code: "",
  type: "",
  status: 0
})

/** Whether an answer ends as its wire has it and still is none: its model refuses, or its window is full. */
export const isEnding = ({ kind }: Failure): boolean => kind === "policy" || kind === "context"

/** Whether it is an error in the provider's own words; others are how its answer was seen. */
export const isTold = ({ kind }: Failure): boolean => kind === undefined

/** How deep errors are wrapped at most. */
const maxDepth = 4

/** Where servers put the words of an error, or an error within it. */
const wordFields = [
  "message",
  "detail",
  "msg",
  "error_msg",
  "error_message",
  "errorMessage",
  "error_description",
  "error",
  "errors"
]

/** The words in what may be a string, a list of errors, or an error within an error. */
export const messageOf = (value: unknown, depth = 0): string => {
  if (typeof value === "string") return value
  if (depth === maxDepth || !Predicate.isObject(value)) return ""
  if (Array.isArray(value)) return messageOf(value[0], depth + 1)
  const fields: Record<string, unknown> = { ...value }
  const field = wordFields.find((name) => fields[name] !== undefined && fields[name] !== null)
  return field === undefined ? "" : messageOf(fields[field], depth + 1)
}

const statusOf = (value: unknown): number => {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status < 600 ? status : 0
}

const text = (value: unknown): string => (typeof value === "string" ? value : "")

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isRecord(value) ? value : {}

/** A code is a text, or a number that is no status. */
const codeOf = (value: unknown): string =>
  typeof value === "number" && statusOf(value) === 0 ? String(value) : text(value)

/** Anthropic's code is among the details, Google's reason in a list of them. */
const codeIn = (details: unknown): string => {
  const all = Array.isArray(details) ? details : [details]
  for (const { code, error_code, reason } of all.map(recordOf)) {
    const found = codeOf(code) || codeOf(error_code) || text(reason)
    if (found !== "") return found
  }
  return ""
}

/** Where JSON begins in an error's words: all of them, or behind who said it (`OpenAIException - {…}`, `x(y, z: 400): {…}`). */
const beginningOfJson = /^\s*[[{]|(?<=^[\w.:,/()@ -]{1,199}(?: -|:) )\{/

/** What of a text is JSON of an error, as proxies pass one on. */
const wrapped = (words: string, depth: number): Failure | undefined => {
  const at = depth === maxDepth ? -1 : words.search(beginningOfJson)
  if (at === -1) return undefined
  const rest = words.slice(at)
  const end = new jsonText.Scanner().feed(rest)
  try {
    return fromJson(JSON.parse(end === -1 || at === 0 ? rest : rest.slice(0, end)), depth + 1)
  } catch {
    return undefined
  }
}

/**
 * Reads an error in any of the forms that servers give it: `{error: {…}}`, `{error: "…"}`, bare, in a list, or
 * within the words of another one.
 */
export const fromJson = (value: unknown, depth = 0): Failure => {
  const body: unknown = Array.isArray(value) ? value[0] : value
  const { errors, ...said } = recordOf(body)
  const inner: unknown = said["error"] ?? (Array.isArray(errors) ? errors[0] : undefined) ?? body
  // A bare text has its code beside it.
  const fields = recordOf(Predicate.isObject(inner) ? inner : body)
  const { __type, code, details, error_code, http_code, innererror, metadata, type } = fields
  const { raw_status_code, status, status_code } = fields
  const message = messageOf(body)
  const raw = text(recordOf(metadata)["raw"])
  const below = wrapped(raw || message, depth)
  const words = below?.message || (raw === "" ? message : `${message}: ${raw}`)
  return {
    message: words,
    code: below?.code || codeOf(code) || codeOf(error_code) || codeIn(details) || codeIn(innererror),
    type: below?.type || text(type) || text(status) || text(__type),
    status:
      [code, status_code, status, raw_status_code, http_code].map(statusOf).find((each) => each > 0) ||
      below?.status ||
      0,
    wait: (now) =>
      below?.wait?.(now) ?? waits.inBody({ ...fields, details: details ?? said["details"] }, words)(now)
  }
}

const page = /^\s*<(?:!doctype|!--|\?xml|html|head|body)/i

const title = /<(title|h1)\b[^>]*>([^<]*)/i

/** Reads the body of an answer with an error's status: JSON, plain text, or a proxy's page. */
export const fromBody = (body: string, status: number): Failure => {
  if (page.test(body)) {
    const named = title.exec(body)?.[2]?.trim() ?? ""
    const message = `it answers with a page instead of JSON${named === "" ? "" : `: ${named}`}`
    return { message, code: "", type: "", status }
  }
  try {
    return { ...fromJson(JSON.parse(body)), status }
  } catch {
    return { message: body, code: "", type: "", status, wait: waits.inBody(undefined, body) }
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
  [410, "model"],
  [425, "server"],
  [429, "rate"],
  [498, "overloaded"],
  [503, "overloaded"],
  [504, "timeout"],
  [524, "timeout"],
  [529, "overloaded"]
])

/** The kind of a failure by its status; an unknown one is the server's. */
export const kindOfStatus = (status: number): Kind => {
  const known = byStatus.get(status)
  if (known !== undefined) return known
  return status >= 400 && status < 500 ? "input" : "server"
}

/** What an error tells besides the failure itself. */
export interface Context {
  /** What a failure is by what the server said, where its kind isn't known already. */
  readonly kindOf: (failure: Failure) => Kind
  readonly provider: AIProvider.AIProvider
  /** The user who is asked for, where the credentials are one's own. */
  readonly userId?: string | undefined
  readonly redact: httpError.Redact
  readonly requestId: string | undefined
  /** When the server answered, in milliseconds of the Clock. */
  readonly now: number
  /** When it wants to be asked again, where its headers say that. */
  readonly retryAfterMs: number | undefined
  /** What its headers say of asking it again. */
  readonly shouldRetry: boolean | undefined
  /** When what is used up of the provider's limits is there again, where its headers say that. */
  readonly usedUpForMs: number | undefined
  /** Whether some of the answer had come before. */
  readonly begun: boolean
}

/** The error of a failure. */
export const toEngineError = (failure: Failure, context: Context): EngineError.EngineError => {
  const { provider, requestId, userId } = context
  const said = context.retryAfterMs ?? failure.wait?.(context.now)
  const again = (ms: number | undefined) => ({
    ...(ms === undefined ? {} : { retryAfterMs: ms }),
    ...((failure.shouldRetry ?? context.shouldRetry) === false ? { shouldRetry: false } : {})
  })
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
        { ...common, ...again(said ?? waits.plausible(context.usedUpForMs ?? 0)) },
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
        { ...common, reason: kind, ...again(said) },
        EngineError.unchecked
      )
  }
}
