import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import type { EngineError } from "../../EngineError.js"
import { type Started, type StreamEvent, StreamInterruptedError } from "../../StreamEvent.js"
import type { Attempt } from "./attempt.js"
import {
  advance,
  ask,
  boundsOf,
  type Call,
  firstContent,
  type Goal,
  isOver,
  limitsOf,
  resultOf,
  settle,
  whole
} from "./call.js"
import * as repair from "./repair.js"
import * as pulls from "../../internal/pulls.js"
import { trusted } from "../../internal/validation.js"

/** Finds who answers: an attempt that has enough. */
export type Route<E> = (call: Call, mode: AITask.Mode, goal: Goal) => Effect.Effect<Attempt, E>

/** After a cut: an attempt whose content goes on behind the delivered text, if there can be one. */
export type Resume = (
  call: Call,
  cut: Attempt,
  cause: EngineError,
  delivered: string
) => Effect.Effect<Option.Option<Attempt>>

/** An attempt that has ended is among the call's already. */
const started = (call: Call, { dropped, engine, isNative, settled }: Attempt): Started => ({
  _tag: "Started",
  provider: engine.provider,
  model: engine.model,
  attempts: call.attempts.length + (settled ? 0 : 1),
  ...(isNative && call.task.original !== undefined ? { native: call.task.original.wire } : {}),
  ...(dropped.length === 0 ? {} : { dropped: Array.from(new Set(dropped)) })
})

/**
 * The answer, asked for again at the same engine while it has faults, as often as the task wants and the time
 * allows. Where that fails the answer stays what it is.
 */
const repaired = (call: Call, attempt: Attempt, times: number): Effect.Effect<AIResult.AIResult> => {
  const task = times === 0 || isOver(call) ? undefined : repair.again(call.task, attempt)
  if (task === undefined) return Effect.succeed(resultOf(call, attempt, attempt.text))
  const { engine } = attempt
  const warnings = call.warnings.filter((warning) => !attempt.warnings.includes(warning))
  const next: Call = { ...call, task, warnings, winner: undefined }
  const wanted = { mode: "complete", goal: whole, bounds: boundsOf(next, engine, () => true) } as const
  return Effect.matchEffect(ask(next, engine, wanted), {
    onSuccess: (better) => repaired(next, better, times - 1),
    onFailure: ({ message }) => {
      call.warnings.push(`The answer couldn't be asked for again: ${message}`)
      return Effect.succeed(resultOf(call, attempt, attempt.text))
    }
  })
}

/** Collects the answer. */
export const complete = <E>(
  start: Effect.Effect<Call>,
  route: Route<E>
): Effect.Effect<AIResult.AIResult, E> =>
  Effect.flatMap(start, (call) =>
    Effect.flatMap(route(call, "complete", whole), (attempt) =>
      repaired(call, attempt, call.task.repair ?? 0)
    )
  )

/**
 * Streams the answer. The stream commits to an attempt when its first content is delivered; until then
 * the route may change its mind, from then on only a verified continuation may follow.
 */
export const stream = <E>(
  start: Effect.Effect<Call>,
  route: Route<E>,
  resume: Resume
): Stream.Stream<StreamEvent, E | StreamInterruptedError> =>
  pulls.stream(
    Effect.gen(function* () {
      const call = yield* start
      let live: Attempt | undefined
      let delivered = ""
      let done = false
      /** The attempt that is delivered as it comes over the wire, too: the one that began. */
      let nativeOne: Attempt | undefined

      const deliver = (attempt: Attempt): Chunk.Chunk<StreamEvent> => {
        const isNative = attempt.isNative && (live === undefined || nativeOne === attempt)
        if (isNative) nativeOne = attempt
        // Wire text that comes late, or of an attempt that goes on where another was cut, isn't the answer's.
        const content = attempt.take().filter(({ _tag }) => _tag !== "Native" || isNative)
        const events: Array<StreamEvent> =
          live === attempt ? [...content] : [started(call, attempt), ...content]
        for (const event of content) if (event._tag === "TextDelta") delivered += event.text
        if (attempt.finished) {
          done = true
          events.push({ _tag: "Completed", result: resultOf(call, attempt, delivered) })
        } else if (live !== attempt) {
          live = attempt
          attempt.commit({
            deadline: call.startedAt + call.policy.limits.streamMs,
            firstTokenMs: Number.POSITIVE_INFINITY,
            idleMs: limitsOf(call, attempt.engine).idleMs,
            attemptMs: Number.POSITIVE_INFINITY,
            isLast: () => false
          })
        }
        return Chunk.unsafeFromArray(events)
      }

      const goOn = (cut: Attempt, cause: EngineError): Effect.Effect<Attempt, StreamInterruptedError> =>
        Effect.flatMap(
          resume(call, cut, cause, delivered),
          Option.match({
            onNone: () =>
              new StreamInterruptedError(
                { provider: cut.engine.provider, partialText: delivered, cause, attempts: call.attempts },
                trusted
              ),
            onSome: Effect.succeed
          })
        )

      const next = (): Effect.Effect<Attempt, E | StreamInterruptedError> => {
        const attempt = live
        return attempt === undefined
          ? route(call, "streaming", firstContent)
          : Effect.catchAll(Effect.as(advance(call, attempt, firstContent), attempt), (error) =>
              goOn(attempt, error)
            )
      }

      // Abandoning the stream ends the attempt, at the provider too.
      yield* Effect.addFinalizer((exit) =>
        Effect.forEach(
          Array.from(call.underWay),
          (attempt) => Effect.zipRight(settle(call, attempt, "interrupted"), attempt.close(exit)),
          { discard: true }
        )
      )

      return Effect.suspend(() =>
        done
          ? Effect.fail(Option.none())
          : Effect.mapBoth(next(), { onFailure: Option.some, onSuccess: deliver })
      )
    })
  )
