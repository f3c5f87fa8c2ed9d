import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, MultiLLMOrchestrator, Strategy } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"

const { Claude, CopilotChat, Gpt4 } = AIProvider

/** Three providers, the first of which is the cheapest; each answers by its name unless it fails. */
const orchestrator = (failing: ReadonlyArray<AIProvider.AIProvider> = []) =>
  Effect.gen(function* () {
    const all = [Claude, CopilotChat, Gpt4]
    const engines = yield* ScriptedEngine.makeAll(
      all.map((provider) => ({
        provider,
        script: [
          failing.includes(provider)
            ? Behaviour.fail({ _tag: "QuotaExhaustedError" })
            : Behaviour.answer({ text: provider })
        ]
      }))
    )
    const service = yield* Effect.provide(
      MultiLLMOrchestrator.MultiLLMOrchestrator,
      Layer.provide(
        MultiLLMOrchestrator.layerFor({
          providers: all.map((provider, index) => ({ provider, costPerToken: 0.001 * (index + 1) })),
          strategy: Strategy.cheapest
        }),
        ScriptedEngine.layerRegistry(engines)
      )
    )
    const asked = Effect.map(
      Effect.forEach(engines, ({ calls }) => calls),
      (calls) => calls.map(({ length }) => length)
    )
    return { service, asked }
  })

const task = (options: Partial<AITask.Options>) =>
  Either.getOrThrow(AITask.make({ prompt: "Hi", mode: "complete", ...options }))

describe("a task that is restricted to some providers", () => {
  it.effect("is asked of the best among them, whatever others would be better", () =>
    Effect.gen(function* () {
      const { asked, service } = yield* orchestrator()
      const { text } = yield* service.complete(task({ providers: [Gpt4, CopilotChat] }))
      assert.strictEqual(text, CopilotChat)
      assert.deepStrictEqual(yield* asked, [0, 1, 0])
    })
  )

  it.effect("falls over to none but them", () =>
    Effect.gen(function* () {
      const { asked, service } = yield* orchestrator([CopilotChat])
      assert.strictEqual((yield* service.complete(task({ providers: [CopilotChat, Gpt4] }))).text, Gpt4)
      assert.deepStrictEqual(yield* asked, [0, 1, 1])
      const alone = yield* orchestrator([CopilotChat])
      yield* Effect.flip(alone.service.complete(task({ providers: [CopilotChat] })))
      assert.deepStrictEqual(yield* alone.asked, [0, 1, 0])
    })
  )

  it.effect("has nobody to be asked where none of them is there", () =>
    Effect.gen(function* () {
      const { asked, service } = yield* orchestrator()
      const error = yield* Effect.flip(
        service.complete(task({ providers: [AIProvider.unsafeMake("other")] }))
      )
      assert.strictEqual(error._tag, "NoAvailableProviderError")
      assert.deepStrictEqual(yield* asked, [0, 0, 0])
    })
  )

  it.effect("is refused where it pins another", () =>
    Effect.gen(function* () {
      const { asked, service } = yield* orchestrator()
      const error = yield* Effect.flip(
        service.complete(task({ provider: Claude, pinned: true, providers: [Gpt4, CopilotChat] }))
      )
      assert.match(error.message, /can't carry a restriction to gpt4, copilot_chat/)
      assert.deepStrictEqual(yield* asked, [0, 0, 0])
    })
  )
})
