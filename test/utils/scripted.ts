import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as ScriptedEngine from "../../src/testing/ScriptedEngine.js"

export const provider = AIProvider.Claude
export const request: ReasoningEngine.Request = {
  task: Either.getOrThrow(AITask.make({ prompt: "Why is the sky blue?" })),
  mode: "complete"
}

/** Pulls until the Finish: the chunks as they came. */
export const collect = (engine: ReasoningEngine.ReasoningEngine, asked = request) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* engine.attempt(asked)
      const chunks: Array<ReadonlyArray<ReasoningEngine.EngineEvent>> = []
      while (!chunks.some((chunk) => chunk.some((event) => event._tag === "Finish"))) chunks.push(yield* pull)
      return chunks
    })
  )

export const textOf = (chunks: ReadonlyArray<ReadonlyArray<ReasoningEngine.EngineEvent>>) =>
  chunks
    .flat()
    .map((event) => (event._tag === "TextDelta" ? event.text : ""))
    .join("")

export const scripted = (
  script: ScriptedEngine.Script,
  options: Partial<Omit<ScriptedEngine.Options, "script">> = {}
) => ScriptedEngine.make({ provider, script, ...options })

export const only = (engine: ScriptedEngine.ScriptedEngine) =>
  Effect.map(engine.calls, (calls) => {
    assert.strictEqual(calls.length, 1)
    const [call] = calls
    if (call === undefined) throw new Error("no call")
    return call
  })
