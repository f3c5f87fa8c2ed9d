import type * as Headers from "@effect/platform/Headers"
import * as Either from "effect/Either"
import * as duration from "../../internal/duration.js"
import { given } from "../../internal/options.js"
import * as delivery from "./delivery.js"
import type { Wire } from "../../Wire.js"
import { RejectedRequest } from "./rejection.js"

/** What a request's headers say of its call. */
export interface CallHeaders {
  /** The name of a strategy. */
  readonly strategy?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly useFallback?: boolean | undefined
  readonly user?: string | undefined
  readonly delivery?: delivery.Delivery | undefined
  readonly unsupported?: "drop" | "refuse" | undefined
  /** Whether an answer may be one that was given before. */
  readonly cache?: "use" | "refresh" | "off" | undefined
}

/** What a header says; a program and its proxy may both have set it, and the same value twice says the same. */
export const once = (value: string): string => {
  const [first = "", ...others] = value.split(", ")
  return others.every((other) => other === first) ? first : value
}

/** The headers of a call that providers of its wire are to see: none that carries a credential. */
const forwardedHeaders: Readonly<Record<Wire, RegExp>> = {
  chatCompletions: /^(?:openai-beta|x-client-request-id)$/,
  messages: /^anthropic-(?!dangerous)/,
  responses: /^(?:openai-beta|x-client-request-id|session-id|thread-id|originator|x-codex-.{1,64})$/,
  embeddings: /^(?:openai-beta|x-client-request-id)$/
}

/** What of a request's headers goes on to providers of its wire. */
export const forwarded = (wire: Wire, headers: Headers.Headers): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => forwardedHeaders[wire].test(name)))

/** Where agents say which conversation a call belongs to: Claude Code, Codex, opencode, others. */
const sessionHeaders = [
  "x-saga-session",
  "x-claude-code-session-id",
  "session-id",
  "x-session-id",
  "x-session-affinity"
] as const

/** Where they say which agent of it asks: Claude Code and Codex name those that they start. */
const agentHeaders = ["x-saga-agent", "x-claude-code-agent-id", "x-openai-subagent"] as const

/** The first name that headers have and that accounts can hold. */
const firstOf = (headers: Headers.Headers, names: ReadonlyArray<string>): string | undefined => {
  const found = names.map((name) => headers[name]).find((id) => id !== undefined && id !== "")
  return found === undefined || found.length > 256 ? undefined : found
}

/** The conversation that a request belongs to and the agent that asks, where its headers name them. */
export const sessionOf = (
  headers: Headers.Headers
): { readonly session?: string | undefined; readonly agent?: string | undefined } =>
  given({ session: firstOf(headers, sessionHeaders), agent: firstOf(headers, agentHeaders) })

type Read = (value: string) => Either.Either<CallHeaders, string>

const readers: Readonly<Record<string, Read>> = {
  "x-saga-strategy": (strategy) => Either.right({ strategy }),
  "x-saga-timeout": (value) =>
    Either.flatMap(duration.parse(value), (timeoutMs) =>
      timeoutMs > 0 && timeoutMs <= 2_147_483_647
        ? Either.right({ timeoutMs })
        : Either.left("a duration above 0 and of at most 24 days")
    ),
  "x-saga-fallback": (value) =>
    value === "on" || value === "off"
      ? Either.right({ useFallback: value === "on" })
      : Either.left('"on" or "off"'),
  "x-saga-unsupported": (value) =>
    value === "drop" || value === "refuse"
      ? Either.right({ unsupported: value })
      : Either.left('"drop" or "refuse"'),
  "x-saga-cache": (value) =>
    value === "use" || value === "refresh" || value === "off"
      ? Either.right({ cache: value })
      : Either.left('"use", "refresh" or "off"'),
  // Read with those of the agents.
  "x-saga-session": (session) =>
    session.length > 0 && session.length <= 256
      ? Either.right({})
      : Either.left("the id of a conversation, of at most 256 characters"),
  "x-saga-agent": (agent) =>
    agent.length > 0 && agent.length <= 256
      ? Either.right({})
      : Either.left("the name of an agent, of at most 256 characters"),
  "x-saga-user": (user) => (user.trim() === "" ? Either.left("a user's id") : Either.right({ user })),
  "x-saga-delivery": (value) => {
    const meant = delivery.of(value)
    return meant === undefined ? Either.left('"streamed" or "buffered"') : Either.right({ delivery: meant })
  }
}

const wrong = (param: string, expected: string): RejectedRequest =>
  new RejectedRequest({
    reason: "malformed",
    param,
    description: `The header ${param} can't be used: expected ${expected}`
  })

/** What the headers say; one that isn't known is refused, because what it was to do would be lost. */
export const read = (headers: Headers.Headers): Either.Either<CallHeaders, RejectedRequest> => {
  let callHeaders: CallHeaders = {}
  for (const name of Object.keys(headers)) {
    if (!name.startsWith("x-saga-")) continue
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) {
      return Either.left(wrong(name, `one of ${Object.keys(readers).join(", ")}`))
    }
    const said = reader(once(headers[name] ?? ""))
    if (Either.isLeft(said)) return Either.left(wrong(name, said.left))
    callHeaders = { ...callHeaders, ...said.right }
  }
  return Either.right(callHeaders)
}
