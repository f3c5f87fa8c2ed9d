import * as Effect from "effect/Effect"
import * as Intervals from "effect/ScheduleIntervals"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as EngineError from "../../EngineError.js"
import type { RoutingPolicy } from "../RoutingPolicy.js"
import type { Call } from "./call.js"

/** How far each error's schedule has come in this call. */
export type States = ReadonlyMap<EngineError.EngineError["_tag"], unknown>

export interface Retry {
  readonly waitMs: number
  readonly states: States
}

/**
 * A stated retry-after is never shortened; the jitter on top keeps those who wait for it apart. Waits are
 * whole milliseconds, as the times of a Clock are.
 */
const statedWait = (retryAfterMs: number): Effect.Effect<number> =>
  Effect.map(Random.next, (n) => Math.ceil(retryAfterMs * (1 + n / 10)))

/** How long to wait before the same engine is asked again; none when it isn't, or not in time. */
export const plan = (
  policy: RoutingPolicy,
  call: Call,
  error: EngineError.EngineError,
  states: States
): Effect.Effect<Option.Option<Retry>> => {
  const reaction = policy.rules[error._tag]
  // An open circuit is what keeps others from retrying: it isn't waited for.
  const open = error._tag === "TransientError" && error.reason === "circuit-open"
  if (reaction._tag !== "retry" || open || EngineError.forbidsRetry(error)) return Effect.succeedNone
  const stated = EngineError.retryAfterMs(error)
  // The longest wait stands for all longer ones.
  if (stated !== undefined && stated > Math.min(policy.maxRetryAfterMs, EngineError.longestWaitMs - 1)) {
    return Effect.succeedNone
  }
  const now = call.clock.unsafeCurrentTimeMillis()
  const before: unknown = states.has(error._tag) ? states.get(error._tag) : reaction.schedule.initial
  return Effect.flatMap(reaction.schedule.step(now, error, before), ([state, , decision]) => {
    if (ScheduleDecision.isDone(decision)) return Effect.succeedNone
    const scheduled = Math.max(0, Math.round(Intervals.start(decision.intervals) - now))
    return Effect.map(stated === undefined ? Effect.succeed(scheduled) : statedWait(stated), (waitMs) =>
      now + waitMs < call.deadline &&
      // This very failure may have opened the circuit.
      call.guards.health?.isCircuitOpen(error.provider, call.task.userId, now + waitMs) !== true &&
      call.guards.retryBudget?.unsafeTake(now) !== false
        ? Option.some({ waitMs, states: new Map(states).set(error._tag, state) })
        : Option.none()
    )
  })
}
