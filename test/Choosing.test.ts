import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AITask,
  MultiLLMOrchestrator,
  ReasoningEngine,
  ReasoningEngineRegistry
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { answered, failed, fleet, task } from "./utils/fleet.js"

const { Claude, Gpt4 } = AIProvider
const ok = Behaviour.answer({ text: "Light scatters." })
const tools: AITask.Options["tools"] = [{ name: "look", parameters: { type: "object" } }]

const engines = [
  { provider: Claude, script: [ok], capabilities: { tools: false, systemPrompt: false } },
  { provider: Gpt4, script: [ok] }
] as const

const missing = "it can't carry tools and a system prompt, which the task needs"

describe("A task that the named provider can't carry", () => {
  it.effect("fails and says what is missing where the provider is pinned", () =>
    Effect.gen(function* () {
      const { asked, router } = yield* fleet(engines)
      const asks = yield* task({ provider: "claude", pinned: true, tools, systemPrompt: "Be brief" })
      const { error } = yield* failed(router.complete(asks))
      assert(error._tag === "InputValidationError")
      assert.strictEqual(error.provider, Claude)
      assert.strictEqual(error.description, missing)
      assert.deepStrictEqual(yield* asked, [])
    })
  )

  it.effect("goes to the next one where it isn't, and the result says so", () =>
    Effect.gen(function* () {
      const { router } = yield* fleet(engines)
      const { value } = yield* answered(router.complete(yield* task({ provider: "claude", tools })))
      assert.strictEqual(value.provider, Gpt4)
      assert.deepStrictEqual(value.warnings, [
        "claude can't carry tools, which the task needs: gpt4 was asked first"
      ])
      const able = yield* answered(router.complete(yield* task({ provider: "claude" })))
      assert.deepStrictEqual(able.value.warnings, [])
    })
  )
})

describe("The orchestrator", () => {
  const served = (options: Partial<AITask.Options>) =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedEngine.makeAll(engines)
      const orchestrator = yield* Effect.provide(
        MultiLLMOrchestrator.MultiLLMOrchestrator,
        MultiLLMOrchestrator.layerFor({ providers: [{ provider: "claude" }, { provider: "gpt4" }] }).pipe(
          Layer.provide(ScriptedEngine.layerRegistry(scripted))
        )
      )
      const asks = yield* task(options)
      return { asks, orchestrator }
    })

  it.effect("chooses among those that can carry the task, and has nothing to tell then", () =>
    Effect.gen(function* () {
      const { asks, orchestrator } = yield* served({ tools })
      const { value } = yield* answered(orchestrator.complete(asks, { useFallback: false }))
      assert.strictEqual(value.provider, Gpt4)
      assert.deepStrictEqual(value.warnings, [])
      const plain = yield* served({})
      assert.strictEqual((yield* answered(plain.orchestrator.complete(plain.asks))).value.provider, Claude)
    })
  )

  it.effect("fails for a pinned one that can't, and where none can", () =>
    Effect.gen(function* () {
      const { asks, orchestrator } = yield* served({ tools, provider: "claude", pinned: true })
      const { error } = yield* failed(orchestrator.complete(asks))
      assert(error._tag === "InputValidationError")
      assert.match(error.description, /^it can't carry tools,/)

      const unable = ReasoningEngine.fromEffect({
        provider: Claude,
        capabilities: { tools: false },
        answer: () => Effect.succeed({ text: "" })
      })
      const alone = yield* Effect.provide(
        MultiLLMOrchestrator.MultiLLMOrchestrator,
        Layer.provide(MultiLLMOrchestrator.layerFor({}), ReasoningEngineRegistry.layerEngines([unable]))
      )
      const refused = yield* failed(alone.complete(yield* task({ tools })))
      assert(refused.error._tag === "InputValidationError")
      assert.match(refused.error.description, /^neither it nor a provider of its chain can carry tools,/)
    })
  )
})
