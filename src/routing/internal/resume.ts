import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import type { RoutingPolicy } from "../RoutingPolicy.js"
import type { Attempt } from "./attempt.js"
import { ask, boundsOf, type Call, firstContent, type Goal, noneAdmissible, settle } from "./call.js"
import type { Resume } from "./delivery.js"
import { larger } from "./plan.js"

/** Whether all that an attempt has written so far is part of the delivered text. */
const repeats = (attempt: Attempt, delivered: string): boolean =>
  attempt.toolCalls.length === 0 &&
  attempt.text.length <= delivered.length &&
  delivered.startsWith(attempt.text)

/** Whether an attempt has written the delivered text, and maybe more. */
const continues = (attempt: Attempt, delivered: string): boolean => attempt.text.startsWith(delivered)

/** An attempt from the start, held back while it repeats the delivered text. */
const beyond = (delivered: string): Goal => ({
  reached: (attempt) => !repeats(attempt, delivered),
  accepts: (attempt) => continues(attempt, delivered)
})

/**
 * Goes on after a cut with the engines that follow the one that was cut, where they are asked after such an error: an engine that declares prefill
 * continues the delivered text; another one starts again and is heard from where it passes that text. One
 * that says something else ends the search: the answer that the caller has half of isn't coming.
 */
export const continuation =
  (policy: RoutingPolicy): Resume =>
  (call, cut, { _tag }, delivered) => {
    const reaction = policy.rules[_tag]._tag
    // Half a call isn't known to others, and the state of a thought that was cut could be taken back by none.
    const more = cut.toolCalls.length > 0 || (cut.isNative && (cut.beyondText || cut.reasoning.length > 0))
    if (policy.resume === "off" || reaction === "fail" || more) return Effect.succeedNone
    const deadline = call.clock.unsafeCurrentTimeMillis() + (call.deadline - call.startedAt)

    const from = (engines: ReadonlyArray<ReasoningEngine>): Effect.Effect<Option.Option<Attempt>> => {
      const [engine, ...others] = engines
      if (engine === undefined || call.clock.unsafeCurrentTimeMillis() >= deadline) {
        return Effect.succeedNone
      }
      const bounds = boundsOf(call, engine, () => noneAdmissible(call, others), deadline)
      const prefill = engine.capabilities.prefill
      const asked = prefill
        ? ask(call, engine, {
            mode: "streaming",
            bounds,
            goal: firstContent,
            prefill: delivered,
            native: false
          })
        : ask(call, engine, { mode: "streaming", bounds, goal: beyond(delivered), native: false })
      return Effect.matchEffect(asked, {
        onFailure: () => from(others),
        onSuccess: (attempt) => {
          if (prefill) return Effect.succeedSome(attempt)
          if (!continues(attempt, delivered)) return discard(call, attempt)
          attempt.skip(delivered.length)
          return Effect.succeedSome(attempt)
        }
      })
    }

    const others = call.engines.slice(call.engines.indexOf(cut.engine) + 1)
    return from(reaction === "fail-over-to-larger" ? others.filter(larger(cut.engine)) : others)
  }

const discard = (call: Call, attempt: Attempt): Effect.Effect<Option.Option<never>> =>
  Effect.as(
    Effect.uninterruptible(Effect.zipRight(settle(call, attempt, "discarded"), attempt.close(Exit.void))),
    Option.none()
  )
