/** Programs of Effect AI over the orchestrator. */
import type { LanguageModel } from "@effect/ai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ScriptedEngine } from "arc-saga/testing"
import type * as AITask from "../../src/AITask.js"
import * as SagaLanguageModel from "../../src/ai/SagaLanguageModel.js"
import * as MultiLLMOrchestrator from "../../src/routing/MultiLLMOrchestrator.js"
import type { ReasoningEngine } from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import type * as RoutingPolicy from "../../src/routing/RoutingPolicy.js"

/** The orchestrator over engines, as a language model: asked in their order. */
export const over = (
  engines: ReadonlyArray<ReasoningEngine>,
  policy: RoutingPolicy.Options = {}
): Layer.Layer<LanguageModel.LanguageModel> =>
  SagaLanguageModel.layer.pipe(
    Layer.provide(MultiLLMOrchestrator.layerFor({ policy })),
    Layer.provide(Registry.layerEngines(engines)),
    Layer.orDie
  )

/** The same over scripted engines, which tell the tasks that they were asked. */
export const overScripted = (
  options: ReadonlyArray<ScriptedEngine.Options>,
  policy?: RoutingPolicy.Options
): Effect.Effect<{
  readonly layer: Layer.Layer<LanguageModel.LanguageModel>
  readonly engines: ReadonlyArray<ReasoningEngine>
  readonly tasks: Effect.Effect<ReadonlyArray<AITask.AITask>>
}> =>
  Effect.map(ScriptedEngine.makeAll(options), (scripted) => {
    const engines = scripted.map(({ engine }) => engine)
    return {
      layer: over(engines, policy),
      engines,
      tasks: Effect.map(
        Effect.forEach(scripted, ({ calls }) => calls),
        (calls) => calls.flat().map(({ request }) => request.task)
      )
    }
  })
