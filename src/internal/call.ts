import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as AIResult from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type * as AttemptObserver from "../AttemptObserver.js"
import type { EngineError } from "../EngineError.js"
import type { ReasoningEngine } from "../ReasoningEngine.js"
import type { Limits } from "../RoutingPolicy.js"
import * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"
import { Attempt, type Bounds } from "./attempt.js"

/** The state of one call. No other call sees it. */
export interface Call {
  readonly task: AITask.AITask
  readonly taskId: string
  readonly clock: Clock.Clock
  readonly startedAt: number
  /** The instant at which a complete call has to be done, or a stream has to have its first content. */
  readonly deadline: number
  readonly limits: Limits
  readonly observer: Option.Option<AttemptObserver.Service>
  /** Who may be asked, in order: those behind the one that answers may go on where it is cut. */
  engines: ReadonlyArray<ReasoningEngine>
  /** Every attempt that has ended, in the order in which they ended, which is that in which they began. */
  readonly attempts: Array<AIResult.Attempt>
  /** What the attempts that the answer came from had to say. */
  readonly warnings: Array<string>
  /** The attempt that was begun last: whoever abandons the call closes it. */
  latest: Attempt | undefined
}

/** The task's own name, or one made up from the Random of the fiber. */
export const taskIdOf = (task: AITask.AITask): Effect.Effect<string> =>
  task.id === undefined
    ? Effect.map(Random.next, (n) => `task-${Math.floor(n * Number.MAX_SAFE_INTEGER).toString(36)}`)
    : Effect.succeed(task.id)

export const begin = (
  task: AITask.AITask,
  limits: Limits,
  observer: Option.Option<AttemptObserver.Service>
): Effect.Effect<Call> =>
  Effect.flatMap(taskIdOf(task), (taskId) =>
    Effect.clockWith((clock) => {
      const startedAt = clock.unsafeCurrentTimeMillis()
      const deadline = startedAt + (task.timeoutMs ?? limits.timeoutMs)
      return Effect.succeed({
        task,
        taskId,
        clock,
        startedAt,
        deadline,
        limits,
        observer,
        engines: [],
        attempts: [],
        warnings: [],
        latest: undefined
      })
    })
  )

/** Whether the answer has text of this attempt. */
const used = ({ outcome }: AIResult.Attempt): boolean => outcome === "succeeded" || outcome === "cut"

/** Whether the call's time is up. */
export const isOver = (call: Call): boolean => call.clock.unsafeCurrentTimeMillis() >= call.deadline

/** Writes an ended attempt into the books, once. */
export const settle = (
  call: Call,
  attempt: Attempt,
  outcome: AIResult.Outcome,
  error?: EngineError
): Effect.Effect<void> => {
  if (attempt.settled) return Effect.void
  const record = attempt.record(outcome, error)
  call.attempts.push(record)
  if (used(record)) call.warnings.push(...attempt.warnings)
  return Option.match(call.observer, {
    onNone: () => Effect.void,
    onSome: (observer) => observer.observe(record, call.task)
  })
}

/** The limits of one attempt: nothing but the deadline bounds the last that can be made. */
export const boundsOf = (call: Call, last: boolean): Bounds => ({
  deadline: call.deadline,
  firstTokenMs: last ? Number.POSITIVE_INFINITY : call.limits.firstTokenMs,
  idleMs: last ? Number.POSITIVE_INFINITY : call.limits.idleMs
})

/** What is wanted of an attempt. */
export interface Goal {
  /** Whether there is enough of it; if never, it is asked until it has finished. */
  readonly reached: (attempt: Attempt) => boolean
  /** Whether an attempt that has finished gives an answer that is taken. */
  readonly accepts: (attempt: Attempt) => boolean
}

export const whole: Goal = { reached: () => false, accepts: () => true }

export const firstContent: Goal = { reached: (attempt) => attempt.hasContent, accepts: () => true }

/** Asks on, and keeps the books whatever happens. */
export const advance = (call: Call, attempt: Attempt, goal: Goal): Effect.Effect<void, EngineError> =>
  Effect.onExit(attempt.advance(goal.reached), (exit) => {
    if (Exit.isSuccess(exit)) {
      return attempt.finished
        ? settle(call, attempt, goal.accepts(attempt) ? "succeeded" : "discarded")
        : Effect.void
    }
    if (Cause.isInterrupted(exit.cause)) {
      // The engine may have been done with this chunk, and so not have been interrupted itself.
      const closed = Effect.zipRight(attempt.abandoned, attempt.close(exit))
      return Effect.zipRight(closed, settle(call, attempt, "interrupted"))
    }
    return settle(
      call,
      attempt,
      attempt.committed ? "cut" : "failed",
      Option.getOrUndefined(Cause.failureOption(exit.cause))
    )
  })

/** Makes one attempt. */
export const ask = (
  call: Call,
  engine: ReasoningEngine,
  mode: AITask.Mode,
  bounds: Bounds,
  goal: Goal,
  prefill?: string
): Effect.Effect<Attempt, EngineError> =>
  Effect.suspend(() => {
    const request = { task: call.task, mode, ...(prefill === undefined ? {} : { prefill }) }
    const attempt = new Attempt(engine, request, call.clock, bounds)
    call.latest = attempt
    return Effect.as(advance(call, attempt, goal), attempt)
  })

/** The result of a call whose given attempt has finished. */
export const resultOf = (call: Call, attempt: Attempt, text: string): AIResult.AIResult => {
  const answering = call.attempts.filter(used)
  return {
    taskId: call.taskId,
    text,
    toolCalls: attempt.toolCalls,
    finishReason: attempt.finish.reason,
    provider: attempt.engine.provider,
    model: attempt.finish.model,
    usage: answering.map(({ usage }) => usage).reduce(TokenUsage.add),
    cost: call.attempts.map(({ cost }) => cost).reduce((sum, cost) => Option.zipWith(sum, cost, Usd.add)),
    durationMs: call.clock.unsafeCurrentTimeMillis() - call.startedAt,
    firstTokenMs: Option.firstSomeOf(
      answering.map(({ firstTokenMs, startedAt }) =>
        Option.map(firstTokenMs, (ms) => startedAt + ms - call.startedAt)
      )
    ),
    streamAvailable: attempt.engine.capabilities.streaming,
    attempts: call.attempts,
    warnings: call.warnings
  }
}
