import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Refusal } from "../../AttemptGuard.js"
import type { Service as Hedging } from "../../reliability/Hedging.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import type { Attempt } from "./attempt.js"
import { advance, type Call, type Goal, refuses, settle } from "./call.js"

/** Makes one attempt at an engine until a goal. */
type Try = (engine: ReasoningEngine, goal: Goal) => Effect.Effect<Attempt, Refusal>

type Tried = Fiber.RuntimeFiber<Attempt, Refusal>

/** Who has content first wins: that is decided in the moment in which it comes. */
const race = (call: Call): Goal => {
  const wins = (attempt: Attempt): boolean => (call.winner ??= attempt) === attempt
  return {
    reached: (attempt) => {
      if (attempt.hasContent) wins(attempt)
      return attempt.hasContent
    },
    accepts: wins
  }
}

/** The attempt that has won, or the error of the first when none can win any more. */
const outcome = (
  call: Call,
  first: Tried,
  second: Tried,
  begun: () => boolean
): Effect.Effect<Attempt, Refusal> =>
  Effect.async((resume) => {
    let failed: Exit.Exit<Attempt, Refusal> | undefined
    let alone = false
    first.addObserver((exit) => {
      if (Exit.isFailure(exit)) failed = exit
      // One that had content a moment later isn't it.
      if (Exit.isSuccess(exit) ? exit.value === call.winner : alone || !begun()) resume(exit)
    })
    second.addObserver((exit) => {
      alone = Exit.isFailure(exit)
      if (Exit.isSuccess(exit) && exit.value === call.winner) resume(exit)
      else if (alone && failed !== undefined) resume(failed)
    })
  })

/** Milliseconds that a winner waits for the other engine to let go. */
const gracePeriodMs = 100

/** Ends the attempts that a race leaves behind: all but the winner, or all when the race was interrupted. */
const clear = (
  call: Call,
  tried: ReadonlyArray<Tried>,
  exit: Exit.Exit<Attempt, Refusal>
): Effect.Effect<void> => {
  const ended = Fiber.interruptAll(tried)
  const settled = (outcome: "discarded" | "interrupted", close: (attempt: Attempt) => Effect.Effect<void>) =>
    Effect.suspend(() =>
      Effect.forEach(
        Array.from(call.underWay).filter((attempt) => !Exit.isSuccess(exit) || attempt !== exit.value),
        (attempt) => Effect.zipRight(settle(call, attempt, outcome), close(attempt)),
        { discard: true }
      )
    )
  const close = (attempt: Attempt) => attempt.close(exit)
  if (Exit.isFailure(exit)) return Effect.zipRight(ended, settled("interrupted", close))
  const inTime = Effect.flatMap(Effect.forkDaemon(ended), (ending) =>
    // The wait can be given up, though the caller can't be interrupted here.
    Effect.timeoutOption(Effect.interruptible(Fiber.await(ending)), gracePeriodMs)
  )
  return Effect.flatMap(
    inTime,
    Option.match({
      // Who doesn't let go isn't waited for.
      onNone: () => settled("discarded", (attempt) => Effect.forkDaemon(close(attempt))),
      onSome: () => settled("discarded", close)
    })
  )
}

/**
 * Asks an engine, and another one too when the first content of the first is late. The one with content
 * first is asked on, the other is ended. Fails with the error of the first when both fail.
 */
export const hedged = (
  call: Call,
  hedging: Hedging,
  engine: ReasoningEngine,
  backup: ReasoningEngine,
  goal: Goal,
  attempt: Try
): Effect.Effect<Attempt, Refusal> =>
  Effect.suspend(() => {
    const delayMs = hedging.unsafeDelayMs(engine.provider, call.clock.unsafeCurrentTimeMillis())
    if (delayMs === undefined) return attempt(engine, goal)
    const first = race(call)
    let begun = false
    const late = Effect.zipRight(
      Effect.sleep(delayMs),
      Effect.suspend(() => {
        const now = call.clock.unsafeCurrentTimeMillis()
        if (refuses(call, backup) || !hedging.unsafeTake(now)) return Effect.never
        begun = true
        return attempt(backup, first)
      })
    )
    const failing = Effect.tapError(late, () => Effect.sync(() => (call.spent = backup)))

    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const self = yield* Effect.fork(Effect.interruptible(attempt(engine, first)))
        const other = yield* Effect.fork(Effect.interruptible(failing))
        const winner = yield* Effect.onExit(restore(outcome(call, self, other, () => begun)), (exit) =>
          clear(call, [self, other], exit)
        )
        call.winner = undefined
        if (winner.finished || goal.reached(winner)) return winner
        if (winner.engine === backup) call.spent = backup
        yield* advance(call, winner, goal, restore)
        return winner
      })
    )
  })
