import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AnswerObserver, MultiLLMOrchestrator } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { task } from "./utils/fleet.js"

const { answer, cut, fail, stall } = Behaviour

/** An orchestrator over one provider, and what an observer of its answers saw. */
const observed = (...script: readonly [Behaviour.Behaviour, ...ReadonlyArray<Behaviour.Behaviour>]) =>
  Effect.gen(function* () {
    const seen: Array<Parameters<AnswerObserver.Service["answered"]>> = []
    const engines = yield* ScriptedEngine.makeAll([{ provider: AIProvider.Claude, script }])
    const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
      Effect.provide(
        MultiLLMOrchestrator.layerFor({}).pipe(
          Layer.provide(ScriptedEngine.layerRegistry(engines)),
          Layer.provide(
            Layer.succeed(AnswerObserver.AnswerObserver, {
              answered: (...answer) => Effect.sync(() => void seen.push(answer))
            })
          )
        )
      )
    )
    return { orchestrator, seen }
  })

describe("AnswerObserver", () => {
  it.effect("sees a complete answer once, with its task and how it was to be served", () =>
    Effect.gen(function* () {
      const { orchestrator, seen } = yield* observed(answer({ text: "Light scatters." }))
      const asked = yield* task()
      const options = { useFallback: false } as const
      const result = yield* orchestrator.complete(asked, options)
      assert.deepStrictEqual(seen, [[asked, result, options]])
    })
  )

  it.effect("sees a streamed answer once, before its last event is there", () =>
    Effect.gen(function* () {
      const { orchestrator, seen } = yield* observed(answer({ text: "Light scatters." }))
      const told: Array<string> = []
      yield* Stream.runForEach(orchestrator.stream(yield* task()), ({ _tag }) =>
        Effect.sync(() => void told.push(`${_tag} ${seen.length}`))
      )
      assert.strictEqual(told.at(-1), "Completed 1")
      assert.deepStrictEqual(
        seen.map(([, { text }]) => text),
        ["Light scatters."]
      )
    })
  )

  it.effect("sees nothing of a task that fails, nor of a stream that is cut or left", () =>
    Effect.gen(function* () {
      const { orchestrator, seen } = yield* observed(
        fail({ _tag: "AuthenticationError" }),
        cut({ text: "Light" }),
        stall({ text: "Light" })
      )
      const asked = yield* task()
      yield* Effect.flip(orchestrator.complete(asked))
      yield* Effect.flip(Stream.runDrain(orchestrator.stream(asked)))
      yield* Stream.runDrain(Stream.take(orchestrator.stream(asked), 1))
      assert.deepStrictEqual(seen, [])
    })
  )

  it.effect("joins several, which see an answer one after the other", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const named = (name: string): AnswerObserver.Service => ({
        answered: (_, { taskId }, serving) =>
          Effect.sync(() => void seen.push(`${name} ${taskId} ${serving?.useFallback}`))
      })
      const { orchestrator } = yield* observed(answer({ text: "Light scatters." }))
      const asked = yield* task({ id: "a" })
      yield* AnswerObserver.all([named("one"), named("two")]).answered(
        asked,
        yield* orchestrator.complete(asked),
        { useFallback: false }
      )
      assert.deepStrictEqual(seen, ["one a false", "two a false"])
    })
  )
})
