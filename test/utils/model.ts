/**
 * What the router has to do for a complete task, told a second time and in another way: a loop over plain
 * numbers. It knows the default policy and scripts; jitter is at its middle.
 */
import { EngineError, type RoutingPolicy } from "arc-saga"
import { type Arbitraries, Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Option from "effect/Option"

/** No instant of a script falls on one of these, so no race decides a test. */
export const limits: RoutingPolicy.Limits = {
  timeoutMs: 30_000.0625,
  firstTokenMs: 10_000.25,
  idleMs: 8000.125,
  attemptMs: Number.POSITIVE_INFINITY,
  streamMs: Number.POSITIVE_INFINITY
}

/** Draws the middle: backoff is exact, and a retry-after of n is waited ceil(1.05 n). */
export const middle: [number] = [0.5]

export interface Expected {
  /** Who answers, or the tag of the error. */
  readonly outcome: string
  readonly atMs: number
  readonly attempts: ReadonlyArray<string>
}

interface Step {
  readonly waitMs: number
  readonly content: boolean
  readonly end?: "finish" | EngineError.EngineError
}

const stepsOf = (engine: ScriptedEngine.Options, behaviour: Behaviour.Behaviour): ReadonlyArray<Step> => {
  const error = (failure: Behaviour.Failure) => {
    if (typeof failure === "function") return failure(engine.provider)
    return "provider" in failure ? failure : Behaviour.toError(failure, engine.provider)
  }
  const deltas = (pace: Behaviour.Paced, count: number): ReadonlyArray<Step> =>
    pace.chunks.slice(0, count).map((_, index) => ({
      waitMs: index === 0 ? pace.firstTokenMs : pace.msPerChunk,
      content: true
    }))
  const broken = (pace: Behaviour.Paced & { readonly after: number }): ReadonlyArray<Step> => {
    const given = deltas(pace, pace.after)
    return [...given, { waitMs: given.length === 0 ? pace.firstTokenMs : pace.msPerChunk, content: false }]
  }
  const ending = (steps: ReadonlyArray<Step>, end: "finish" | EngineError.EngineError) =>
    steps.map((step, index) => (index === steps.length - 1 ? { ...step, end } : step))

  switch (behaviour._tag) {
    case "Answer":
      return behaviour.chunks.length === 0
        ? [{ waitMs: behaviour.firstTokenMs, content: false, end: "finish" }]
        : ending(deltas(behaviour, behaviour.chunks.length), "finish")
    case "Fail":
      return [{ waitMs: behaviour.afterMs, content: false, end: error(behaviour.error) }]
    case "FailAfter":
      return ending(broken(behaviour), error(behaviour.error))
    case "Cut":
      return ending(broken(behaviour), error({ _tag: "TransientError", reason: "network" }))
    case "Stall":
      return broken(behaviour).map((step, index, all) =>
        index === all.length - 1 ? { ...step, waitMs: Number.POSITIVE_INFINITY } : step
      )
    case "Never":
      return [{ waitMs: Number.POSITIVE_INFINITY, content: false }]
    default:
      throw new Error(`not modelled: ${behaviour._tag}`)
  }
}

/** When one attempt ends, and how. */
const attempt = (
  engine: ScriptedEngine.Options,
  behaviour: Behaviour.Behaviour,
  startedAt: number,
  last: boolean
): { readonly at: number; readonly end: "finish" | EngineError.EngineError } => {
  let at = startedAt
  let content = false
  for (const step of stepsOf(engine, behaviour)) {
    const limit = content ? at + limits.idleMs : startedAt + limits.firstTokenMs
    const due = last ? limits.timeoutMs : Math.min(limit, limits.timeoutMs)
    if (at + step.waitMs > due) {
      return { at: due, end: Behaviour.toError({ _tag: "TimeoutError" }, engine.provider) }
    }
    at += step.waitMs
    content ||= step.content
    if (step.end !== undefined) return { at, end: step.end }
  }
  throw new Error("a script has no end")
}

const windowOf = (engine: ScriptedEngine.Options) =>
  Option.getOrUndefined(engine.capabilities?.contextWindow ?? Option.none())

/** What has to come of a task that names the primary of a fleet. */
export const expected = (fleet: Arbitraries.Fleet): Expected => {
  const attempts: Array<string> = []
  const begun = new Map<string, number>()
  let now = 0

  const ask = (engine: ScriptedEngine.Options, last: boolean) => {
    const index = begun.get(engine.provider) ?? 0
    begun.set(engine.provider, index + 1)
    attempts.push(engine.provider)
    if (typeof engine.script === "function") throw new Error("not modelled: a function")
    const behaviour = engine.script[Math.min(index, engine.script.length - 1)] ?? engine.script[0]
    const ended = attempt(engine, behaviour, now, last)
    now = ended.at
    return ended.end
  }
  const result = (outcome: string): Expected => ({ outcome, atMs: now, attempts })

  const [primary, ...fallbacks] = fleet.engines
  const retries = { RateLimitError: 0, TransientError: 0 }
  let error: EngineError.EngineError
  for (;;) {
    const end = ask(primary, fallbacks.length === 0)
    if (end === "finish") return result(primary.provider)
    error = end
    if (error._tag !== "RateLimitError" && error._tag !== "TransientError") break
    // A wait of 0 isn't one.
    const stated = error.retryAfterMs === 0 ? undefined : error.retryAfterMs
    if (stated !== undefined && stated > 5000) break
    const done = retries[error._tag]
    if (done === 2) break
    retries[error._tag] += 1
    const base = error._tag === "RateLimitError" ? 1000 : 200
    const wait = stated === undefined ? base * 2 ** done : Math.ceil(stated * 1.05)
    if (now + wait >= limits.timeoutMs) break
    now += wait
  }

  const tag = error._tag
  if (tag === "AuthenticationError" || tag === "InputValidationError" || tag === "ContentPolicyError") {
    return result(tag)
  }
  const than = windowOf(primary)
  const candidates =
    tag === "ContextLengthError"
      ? fallbacks.filter((engine) => than === undefined || (windowOf(engine) ?? Infinity) > than)
      : fallbacks
  if (tag === "ContextLengthError" && candidates.length === 0) return result(tag)
  for (const [index, engine] of candidates.entries()) {
    if (now >= limits.timeoutMs) break
    if (ask(engine, index === candidates.length - 1) === "finish") return result(engine.provider)
  }
  return result("AllProvidersFailedError")
}
