/** Runs attempts of an engine and looks at what they gave. */
import * as Effect from "effect/Effect"
import type * as AITask from "../../src/AITask.js"
import type * as EngineError from "../../src/EngineError.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"

type Events = ReadonlyArray<ReasoningEngine.EngineEvent>

/** Pulls one attempt to its end: its chunks, as they came. */
export const chunks = (
  engine: ReasoningEngine.ReasoningEngine,
  task: AITask.AITask,
  prefill?: string
): Effect.Effect<ReadonlyArray<Events>, EngineError.EngineError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const request = { task, mode: task.mode, ...(prefill === undefined ? {} : { prefill }) }
      const pull = yield* engine.attempt(request)
      const seen: Array<Events> = []
      while (true) {
        const events = yield* pull
        seen.push(events)
        if (events.some((event) => event._tag === "Finish")) return seen
      }
    })
  )

/** Pulls one attempt to its end: its events. */
export const events = (
  engine: ReasoningEngine.ReasoningEngine,
  task: AITask.AITask,
  prefill?: string
): Effect.Effect<Events, EngineError.EngineError> =>
  Effect.map(chunks(engine, task, prefill), (seen) => seen.flat())

/** The text in events. */
export const text = (events: Events): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

/** The fields of an error, to compare some of them. */
export const fields = (error: object): Readonly<Record<string, unknown>> => ({ ...error })
