import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../../AIProvider.js"
import type { EngineError } from "../../EngineError.js"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as Behaviour from "../Behaviour.js"

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

const lengthOf = (chunks: ReadonlyArray<string>): number =>
  chunks.reduce((sum, chunk) => sum + chunk.length, 0)

/** The deltas, and with a meter that always runs the usage until each. */
const written = (pace: Behaviour.Paced, chunks: ReadonlyArray<string>): ReadonlyArray<Step> => {
  const { metered, usage } = pace
  const told = (share: number): ReadonlyArray<ReasoningEngine.EngineEvent> =>
    usage === undefined || metered === "end"
      ? []
      : [ReasoningEngine.usage({ ...usage, outputTokens: Math.ceil(usage.outputTokens * share) })]
  const whole = Math.max(1, lengthOf(pace.chunks))
  let length = 0
  return [
    { waitMs: 0, events: told(0) },
    ...chunks.map((chunk, index) => {
      length += chunk.length
      return {
        waitMs: index === 0 ? pace.firstTokenMs : pace.msPerChunk,
        events: [ReasoningEngine.textDelta(chunk), ...told(length / whole)]
      }
    })
  ]
}

/** What is told of usage when the last delta is written. */
const usageAtEnd = (pace: Behaviour.Paced): ReadonlyArray<ReasoningEngine.EngineEvent> =>
  pace.usage === undefined || (pace.metered === "always" && lengthOf(pace.chunks) > 0)
    ? []
    : [ReasoningEngine.usage(pace.usage)]

/** Where nothing waits between two steps they are one, so that an instant engine has one pull. */
const merged = (steps: ReadonlyArray<Step>): ReadonlyArray<Step> => {
  const result: Array<Step> = []
  for (const step of steps) {
    if (step.events.length === 0) continue
    const before = step.waitMs > 0 ? undefined : result.pop()
    result.push(before === undefined ? step : { ...before, events: [...before.events, ...step.events] })
  }
  return result
}

/** What is said of limits comes with what is given first, and never alone. */
const limited = ({ rateLimits }: Behaviour.Paced, steps: ReadonlyArray<Step>): ReadonlyArray<Step> =>
  rateLimits === undefined
    ? steps
    : steps.map((step, index) =>
        index === 0 ? { ...step, events: [ReasoningEngine.rateLimits(rateLimits), ...step.events] } : step
      )

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
    const chunks = textOf(pace).slice(0, pace.after)
    return play(
      limited(pace, merged([...written(pace, chunks), { waitMs: 0, events: usageAtEnd(pace) }])),
      after(chunks.length === 0 ? pace.firstTokenMs : pace.msPerChunk, end)
    )
  }

  switch (behaviour._tag) {
    case "Answer": {
      const chunks = textOf(behaviour)
      const last = [
        ...behaviour.toolCalls.map(ReasoningEngine.toolCall),
        ...behaviour.warnings.map((message) => ReasoningEngine.warning(message)),
        ...usageAtEnd(behaviour),
        ReasoningEngine.finish(behaviour.finishReason, target.model)
      ]
      const waitMs = chunks.length === 0 ? behaviour.firstTokenMs : 0
      const steps = merged([...written(behaviour, chunks), { waitMs, events: last }])
      return play(limited(behaviour, steps), pulledAgain)
    }
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
