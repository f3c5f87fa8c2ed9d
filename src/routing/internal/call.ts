import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type * as AttemptGuard from "../../AttemptGuard.js"
import type { Refusal } from "../../AttemptGuard.js"
import type { EngineError } from "../../EngineError.js"
import type { ReasoningEngine } from "../../ReasoningEngine.js"
import * as RoutingPolicy from "../RoutingPolicy.js"
import * as TokenUsage from "../../TokenUsage.js"
import { Attempt } from "./attempt.js"
import * as totals from "../../spend/totals.js"
import * as admission from "./admission.js"
import type { Bound } from "./bound.js"
import type { Guards } from "./guards.js"
import * as providerHealth from "./providerHealth.js"
import * as repair from "./repair.js"
import * as ids from "../../internal/ids.js"
import { given } from "../../internal/options.js"
import type { Bounds } from "./watchdog.js"
import { thinks } from "../../wire/thinks.js"

/** What of a policy bounds the time of its calls. */
export type Limited = Pick<RoutingPolicy.RoutingPolicy, "limits" | "providerLimits">

/** The state of one call. No other call sees it. */
export interface Call {
  /** The task; it has an id. */
  readonly task: AITask.AITask
  readonly taskId: string
  readonly clock: Clock.Clock
  readonly startedAt: number
  /** The instant at which a complete call has to be done, or a stream has to have its first content. */
  readonly deadline: number
  readonly policy: Limited
  readonly guards: Guards
  /** Who may be asked, in order: those behind the one that answers may go on where it is cut. */
  engines: ReadonlyArray<ReasoningEngine>
  /** Every attempt that has ended, in the order in which they began. */
  readonly attempts: Array<AIResult.Attempt>
  /** Why attempts weren't made, in the order in which they were to be. */
  readonly refusals: Array<Refusal>
  /** What the attempts that the answer came from had to say. */
  readonly warnings: Array<string>
  /** The attempts that haven't ended: they are closed when the call is abandoned. */
  readonly underWay: Set<Attempt>
  /** While two attempts race: the one that had content first. */
  winner: Attempt | undefined
  /** The fallback that was asked early and failed: it isn't asked again. */
  spent: ReasoningEngine | undefined
  /** What one provider keeps and the task names: only that one is asked. */
  bound: Bound | undefined
}

export const begin = (
  task: AITask.AITask,
  policy: Limited,
  guards: Guards,
  timeoutMs = policy.limits.timeoutMs
): Effect.Effect<Call> =>
  Effect.flatMap(ids.ofTask(task), (taskId) =>
    Effect.clockWith((clock) => {
      const startedAt = clock.unsafeCurrentTimeMillis()
      const deadline = startedAt + (task.timeoutMs ?? timeoutMs)
      return Effect.succeed({
        task: task.id === undefined ? { ...task, id: taskId } : task,
        taskId,
        clock,
        startedAt,
        deadline,
        policy,
        guards,
        engines: [],
        attempts: [],
        refusals: [],
        warnings: [],
        underWay: new Set(),
        winner: undefined,
        spent: undefined,
        bound: undefined
      })
    })
  )

/** Remembers who keeps what was answered, and what of the question. */
const remember = ({ bound, guards }: Call, { engine, finish }: Attempt): Effect.Effect<void> | undefined => {
  const { kept, member } = finish
  return bound === undefined && kept === undefined
    ? undefined
    : guards.owners.put([...(bound?.ids ?? []), ...(kept ?? [])], {
        provider: engine.provider,
        ...(member === undefined ? {} : { member })
      })
}

/** Whether the answer has text of this attempt. */
const used = ({ outcome }: AIResult.Attempt): boolean => outcome === "succeeded" || outcome === "cut"

/** Whether the call's time is up. */
export const isOver = (call: Call): boolean => call.clock.unsafeCurrentTimeMillis() >= call.deadline

/** Records an ended attempt, once. */
export const settle = (
  call: Call,
  attempt: Attempt,
  outcome: AIResult.Outcome,
  error?: EngineError
): Effect.Effect<void> => {
  if (attempt.settled) return Effect.void
  call.underWay.delete(attempt)
  const record = attempt.record(outcome, error)
  // Of two at once the one that ends first may have begun last.
  const before = call.attempts.findLastIndex(({ startedAt }) => startedAt <= record.startedAt)
  call.attempts.splice(before + 1, 0, record)
  if (used(record)) call.warnings.push(...attempt.warnings)
  const ended = admission.ended(call.guards, attempt.lease, record, call.task)
  const remembered = outcome === "succeeded" ? remember(call, attempt) : undefined
  return remembered === undefined ? ended : Effect.zipRight(remembered, ended)
}

/** Whether a task asks the model to think. */
const asksToThink = ({ reasoning: { budgetTokens, effort } = {} }: AITask.AITask): boolean =>
  budgetTokens !== undefined || (effort !== undefined && effort !== "none")

/** Whether the answer comes in one piece, so that nothing is heard of it before: as its caller asked for it. */
const isInOnePiece = ({ original }: AITask.AITask, { wires }: ReasoningEngine): boolean =>
  original !== undefined && wires.includes(original.wire) && original.body["stream"] !== true

/** The limits of attempts at an engine. */
export const limitsOf = ({ policy, task }: Call, engine: ReasoningEngine): RoutingPolicy.AttemptLimits => {
  const { capabilities, model, provider } = engine
  const reasoning = capabilities.reasoning ?? (thinks(model) || asksToThink(task))
  return RoutingPolicy.limitsOf(policy, { provider, reasoning: reasoning || isInOnePiece(task, engine) })
}

/**
 * The limits of one attempt. Nothing but the deadline bounds it while no other engine could follow: which
 * is known when a limit is reached, and not when the attempt begins.
 */
export const boundsOf = (
  call: Call,
  engine: ReasoningEngine,
  isLast: () => boolean,
  deadline = call.deadline
): Bounds => ({ deadline, ...limitsOf(call, engine), isLast })

/** Whether an attempt at an engine would be refused now. */
export const refuses = ({ clock, guards, task }: Call, { provider }: ReasoningEngine): boolean =>
  providerHealth.refuses(guards.health, provider, task.userId, clock.unsafeCurrentTimeMillis())

/** Whether none of the engines that could follow would be admitted now. */
export const noneAdmissible = (call: Call, engines: ReadonlyArray<ReasoningEngine>): boolean =>
  engines.every((engine) => engine === call.spent || refuses(call, engine))

/** What is wanted of an attempt. */
export interface Goal {
  /** Whether there is enough of it; if never, it is asked until it has finished. */
  readonly reached: (attempt: Attempt) => boolean
  /** Whether an attempt that has finished gives an answer that is taken. */
  readonly accepts: (attempt: Attempt) => boolean
}

export const whole: Goal = { reached: () => false, accepts: () => true }

export const firstContent: Goal = { reached: (attempt) => attempt.hasContent, accepts: () => true }

const asIs: admission.Restore = (effect) => effect

/** Asks on, and records the attempt when it ends, however it does. */
export const advance = (
  call: Call,
  attempt: Attempt,
  goal: Goal,
  restore: admission.Restore = asIs
): Effect.Effect<void, EngineError> =>
  Effect.uninterruptibleMask((mask) =>
    Effect.matchCauseEffect(mask(restore(attempt.advance(goal.reached))), {
      onFailure: (cause) => Effect.zipRight(broken(call, attempt, cause), Effect.failCause(cause)),
      onSuccess: () =>
        attempt.finished
          ? settle(call, attempt, goal.accepts(attempt) ? "succeeded" : "discarded")
          : Effect.void
    })
  )

/** Records an attempt that ended before its answer did. */
const broken = (call: Call, attempt: Attempt, cause: Cause.Cause<EngineError>): Effect.Effect<void> => {
  if (Cause.isInterrupted(cause)) {
    // The engine may have been done with this chunk, and so not have been interrupted itself.
    const closed = Effect.zipRight(attempt.abandoned, attempt.close(Exit.failCause(cause)))
    const needed = call.winner === undefined || call.winner === attempt
    return Effect.zipRight(closed, settle(call, attempt, needed ? "interrupted" : "discarded"))
  }
  return settle(
    call,
    attempt,
    attempt.committed ? "cut" : "failed",
    Option.getOrUndefined(Cause.failureOption(cause))
  )
}

/** What is wanted of an engine. */
export interface Wanted {
  readonly mode: AITask.Mode
  readonly bounds: Bounds
  readonly goal: Goal
  /** The part of the answer that it has to go on from. */
  readonly prefill?: string | undefined
  /** Whether the answer is wanted as it comes over the wire of the task's original: true when absent. */
  readonly native?: boolean | undefined
}

/** Makes one attempt under its lease. */
export const attempt = (
  call: Call,
  engine: ReasoningEngine,
  { bounds, goal, mode, native = true, prefill }: Wanted,
  lease?: AttemptGuard.Lease,
  restore?: admission.Restore
): Effect.Effect<Attempt, EngineError> =>
  Effect.suspend(() => {
    const request = {
      task: admission.bounded(call.task, lease),
      mode,
      ...(prefill === undefined ? {} : { prefill }),
      ...(native && call.task.original !== undefined ? { native } : {}),
      ...(call.bound?.member === undefined ? {} : { member: call.bound.member })
    }
    const made = new Attempt(engine, request, call.clock, bounds, lease)
    call.underWay.add(made)
    const asked = Effect.as(advance(call, made, goal, restore), made)
    return lease?.wrap?.(asked) ?? asked
  })

/** Makes one attempt if the guards admit it. */
export const ask = (call: Call, engine: ReasoningEngine, wanted: Wanted): Effect.Effect<Attempt, Refusal> =>
  admission.admit(
    call.guards,
    () => ({ engine, task: call.task, prefill: wanted.prefill, deadline: wanted.bounds.deadline }),
    (refusal) => call.refusals.push(refusal),
    (lease, restore) => attempt(call, engine, wanted, lease, restore)
  )

/** The result of a call whose given attempt has finished. */
export const resultOf = (call: Call, attempt: Attempt, text: string): AIResult.AIResult => {
  // An answer that was asked for again isn't part of this one.
  const last = call.attempts.findLast(({ outcome }) => outcome === "succeeded")
  const answering = call.attempts.filter((each) => each.outcome === "cut" || each === last)
  const { citations, logProbabilities, model, rawReason, reason, serviceTier, stopSequence } = attempt.finish
  const { native, reasoning } = attempt
  const { original } = call.task
  return {
    taskId: call.taskId,
    text,
    ...(reasoning.length === 0 ? {} : { reasoning }),
    toolCalls: attempt.toolCalls,
    finishReason: reason,
    ...(rawReason === undefined ? {} : { rawFinishReason: rawReason }),
    ...given({ stopSequence, citations, logProbabilities, serviceTier }),
    ...(native === undefined || original === undefined || answering.length !== 1
      ? {}
      : { native: { wire: original.wire, body: native } }),
    provider: attempt.engine.provider,
    model,
    usage: answering.map(({ usage }) => usage).reduce(TokenUsage.add),
    ...totals.costOf(call.attempts),
    durationMs: call.clock.unsafeCurrentTimeMillis() - call.startedAt,
    firstTokenMs: Option.firstSomeOf(
      answering.map(({ firstTokenMs, startedAt }) =>
        Option.map(firstTokenMs, (ms) => startedAt + ms - call.startedAt)
      )
    ),
    streamAvailable: attempt.engine.capabilities.streaming,
    attempts: call.attempts,
    warnings: [...call.warnings, ...repair.warnings(call.task, { text, toolCalls: attempt.toolCalls })],
    ...(attempt.dropped.length === 0 ? {} : { dropped: Array.from(new Set(attempt.dropped)) })
  }
}
