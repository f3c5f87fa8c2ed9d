import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type { EngineError } from "../EngineError.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as Behaviour from "../testing/Behaviour.js"

/** What a plan has to know of the engine that it is for. */
export interface Target {
  readonly provider: AIProvider.AIProvider
  readonly model: string
  readonly prefill: boolean
}

/** One attempt, ready to be made. */
export type Attempt = Effect.Effect<ReasoningEngine.Pull, EngineError, Scope.Scope>

interface Step {
  readonly waitMs: number
  readonly events: ReadonlyArray<ReasoningEngine.EngineEvent>
}

const after = <A>(waitMs: number, effect: Effect.Effect<A, EngineError>): Effect.Effect<A, EngineError> =>
  waitMs > 0 ? Effect.zipRight(Effect.sleep(waitMs), effect) : effect

const failure = (
  error: Behaviour.Failure,
  provider: AIProvider.AIProvider
): Effect.Effect<never, EngineError> => {
  if (typeof error === "function") return Effect.suspend(() => Effect.fail(error(provider)))
  if ("provider" in error) return Effect.fail(error)
  return Effect.suspend(() => Effect.fail(Behaviour.toError(error, provider)))
}

/** The deltas without the text that is there already; all of them when they don't begin with it. */
const rest = (chunks: ReadonlyArray<string>, prefill: string): ReadonlyArray<string> => {
  if (!chunks.join("").startsWith(prefill)) return chunks
  let skip = prefill.length
  const left: Array<string> = []
  for (const chunk of chunks) {
    if (chunk.length > skip) left.push(chunk.slice(skip))
    skip = Math.max(0, skip - chunk.length)
  }
  return left
}

/** One step per delta; where nothing waits between them, one step for all. */
const steps = (
  pace: Behaviour.Paced,
  chunks: ReadonlyArray<string>,
  last: ReadonlyArray<ReasoningEngine.EngineEvent>
): ReadonlyArray<Step> => {
  const deltas = chunks.map(ReasoningEngine.textDelta)
  if (pace.msPerChunk <= 0 || deltas.length < 2) {
    const events = [...deltas, ...last]
    return events.length === 0 ? [] : [{ waitMs: pace.firstTokenMs, events }]
  }
  return deltas.map((delta, index) => ({
    waitMs: index === 0 ? pace.firstTokenMs : pace.msPerChunk,
    events: index === deltas.length - 1 ? [delta, ...last] : [delta]
  }))
}

const play = (steps: ReadonlyArray<Step>, end: ReasoningEngine.Pull): Attempt =>
  Effect.sync(() => {
    let next = 0
    return Effect.suspend(() => {
      const step = steps[next]
      if (step === undefined) return end
      // A pull that is interrupted while it waits has handed out nothing.
      return after(
        step.waitMs,
        Effect.sync(() => {
          next++
          return step.events
        })
      )
    })
  })

const usageOf = (pace: Behaviour.Paced): ReadonlyArray<ReasoningEngine.EngineEvent> =>
  pace.usage === undefined ? [] : [ReasoningEngine.usage(pace.usage)]

const pulledAgain = Effect.dieMessage("ScriptedEngine: an attempt was pulled again after its Finish")

/** What a behaviour means for an engine, and for the text that the answer has to go on from. */
export const attempt = (
  target: Target,
  behaviour: Behaviour.Behaviour,
  prefill: string | undefined
): Attempt => {
  const textOf = (pace: Behaviour.Paced): ReadonlyArray<string> =>
    target.prefill && prefill !== undefined ? rest(pace.chunks, prefill) : pace.chunks

  const broken = (pace: Behaviour.Paced & { readonly after: number }, end: ReasoningEngine.Pull): Attempt => {
    const given = steps(pace, textOf(pace).slice(0, pace.after), usageOf(pace))
    return play(given, after(given.length === 0 ? pace.firstTokenMs : pace.msPerChunk, end))
  }

  switch (behaviour._tag) {
    case "Answer":
      return play(
        steps(behaviour, textOf(behaviour), [
          ...behaviour.toolCalls.map(ReasoningEngine.toolCall),
          ...behaviour.warnings.map(ReasoningEngine.warning),
          ...usageOf(behaviour),
          ReasoningEngine.finish(behaviour.finishReason, target.model)
        ]),
        pulledAgain
      )
    case "Fail": {
      const failing = after(behaviour.afterMs, failure(behaviour.error, target.provider))
      return behaviour.during === "begin" ? failing : Effect.succeed(failing)
    }
    case "FailAfter":
      return broken(behaviour, failure(behaviour.error, target.provider))
    case "Cut":
      return broken(
        behaviour,
        Effect.suspend(() => Effect.fail(ReasoningEngine.cut(target.provider)))
      )
    case "Stall":
      return broken(behaviour, Effect.never)
    case "Never":
      return behaviour.during === "begin" ? Effect.never : Effect.succeed(Effect.never)
    case "Die":
      return Effect.die(behaviour.defect)
    case "Deaf":
      return Effect.zipRight(
        Effect.uninterruptible(Effect.sleep(behaviour.forMs)),
        attempt(target, behaviour.behaviour, prefill)
      )
  }
}
