/** Engines that answer at once from a script, and what they cost without anything around them. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as EngineError from "../../src/EngineError.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as work from "./work.js"

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const usageOf = (answer: work.Answer): ReasoningEngine.UsageEvent =>
  ReasoningEngine.usage(
    TokenUsage.make({ inputTokens: answer.inputTokens, outputTokens: answer.outputTokens })
  )

export const make = (script: work.Script): ReasoningEngine.ReasoningEngine => {
  const provider = AIProvider.unsafeMake(script.name)
  const finish = ReasoningEngine.finish("stop", script.name)

  const attempt: ReasoningEngine.ReasoningEngine["attempt"] = ({ mode, task }) => {
    const answer = work.answerTo(AITask.promptText(task))
    const cutAt = script.fails === "midway" ? answer.chunks.length / 2 : Number.POSITIVE_INFINITY
    let next = 0
    const pull: ReasoningEngine.Pull =
      mode === "complete"
        ? Effect.sync(() => [ReasoningEngine.textDelta(answer.text), usageOf(answer), finish])
        : Effect.suspend(() => {
            if (next >= cutAt) return ReasoningEngine.cut(provider)
            const chunk = answer.chunks[next++] ?? []
            const events: Array<ReasoningEngine.EngineEvent> = chunk.map(ReasoningEngine.textDelta)
            if (next >= answer.chunks.length) events.push(usageOf(answer), finish)
            return Effect.succeed(events)
          })
    const paced = script.pace === "awaited" ? Effect.zipRight(turn, pull) : pull
    if (script.fails !== "first") return Effect.succeed(paced)
    const failure = Effect.suspend(
      () =>
        new EngineError.QuotaExhaustedError(
          { provider, status: 429, description: "insufficient_quota" },
          EngineError.unchecked
        )
    )
    return script.pace === "awaited" ? Effect.zipRight(turn, failure) : failure
  }

  return ReasoningEngine.make({ provider, attempt })
}

/** The text of an answer, straight from the engine. */
export const collect = (
  engine: ReasoningEngine.ReasoningEngine,
  task: AITask.AITask
): Effect.Effect<string, EngineError.EngineError> =>
  Effect.scoped(
    Effect.flatMap(engine.attempt({ task, mode: "complete" }), (pull) => {
      let text = ""
      const loop: Effect.Effect<string, EngineError.EngineError> = Effect.flatMap(pull, (events) => {
        let finished = false
        for (const event of events) {
          if (event._tag === "TextDelta") text += event.text
          if (event._tag === "Finish") finished = true
        }
        return finished ? Effect.succeed(text) : loop
      })
      return loop
    })
  )

/** The events of an answer as a Stream, straight from the engine. */
export const stream = (
  engine: ReasoningEngine.ReasoningEngine,
  task: AITask.AITask
): Stream.Stream<ReasoningEngine.EngineEvent, EngineError.EngineError> =>
  Stream.fromPull(
    Effect.match(engine.attempt({ task, mode: "streaming" }), {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (pull) => {
        let finished = false
        const step = Effect.mapBoth(pull, {
          onFailure: Option.some,
          onSuccess: (events) => {
            finished = events.at(-1)?._tag === "Finish"
            return Chunk.unsafeFromArray(events)
          }
        })
        return Effect.suspend(() => (finished ? Effect.fail(Option.none()) : step))
      }
    })
  )

/** Joins the texts of a stream. */
export const join = <E>(
  events: Stream.Stream<{ readonly _tag: string; readonly text?: string }, E>
): Effect.Effect<string, E> =>
  Stream.runFold(events, "", (text, event) => (event._tag === "TextDelta" ? text + event.text : text))

const client =
  (
    complete: (
      engine: ReasoningEngine.ReasoningEngine,
      fallback: ReasoningEngine.ReasoningEngine
    ) => {
      readonly complete: (task: AITask.AITask) => Effect.Effect<string, unknown>
      readonly stream: (task: AITask.AITask) => Effect.Effect<string, unknown>
    }
  ): work.Contestant["client"] =>
  async (primary, fallback) => {
    const calls = complete(make(primary), make(fallback))
    return {
      complete: (prompt) => Effect.runPromise(Effect.flatMap(AITask.make({ prompt }), calls.complete)),
      stream: (prompt) =>
        Effect.runPromise(Effect.flatMap(AITask.make({ prompt, mode: "streaming" }), calls.stream)),
      reset: () => {}
    }
  }

/** The floor: the same engine with nothing around it. */
export const bare: work.Contestant = {
  name: "bare engine",
  does: "nothing: the engine of arc-saga's rows, collected or streamed, with nothing around it",
  failsOver: false,
  client: client((engine) => ({
    complete: (task) => collect(engine, task),
    stream: (task) => join(stream(engine, task))
  }))
}
