import { assert, describe, it } from "@effect/vitest"
import {
  Acceptance,
  AIProvider,
  AIResult,
  type AITask,
  Cascade,
  Comparison,
  CostOptimizer,
  type InvalidArgument,
  MultiLLMOrchestrator,
  Price,
  ProviderRouter,
  type ReasoningEngineRegistry,
  Strategy,
  TaskService,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { task } from "../utils/fleet.js"

const [mini, haiku, large] = [
  AIProvider.unsafeMake("mini"),
  AIProvider.unsafeMake("haiku"),
  AIProvider.unsafeMake("large")
]

const usage = TokenUsage.make({ inputTokens: 100, cacheReadTokens: 60, outputTokens: 10 })

/** USD per million tokens; what is cached costs a tenth. */
const engine = (provider: AIProvider.AIProvider, perMillion: number | undefined, text = "42") => ({
  provider,
  script: [Behaviour.answer({ text, usage })] as const,
  ...(perMillion === undefined
    ? {}
    : {
        price: Either.getOrThrow(
          Price.make({ input: perMillion, cacheRead: perMillion / 10, output: 2 * perMillion })
        )
      })
})

/** What the answer cost at a price, in picodollars. */
const at = (perMillion: number): bigint =>
  BigInt(40 * perMillion + 6 * perMillion + 20 * perMillion) * 1_000_000n

const saving: Strategy.Strategy = { ...Strategy.cheapest, name: "saving", baseline: large }

const orchestrator = (strategy: Strategy.Strategy) =>
  MultiLLMOrchestrator.layerFor({ strategy, providers: [{ provider: "mini", costPerToken: 1 }] })

const cascade = Cascade.layer({
  asks: ["mini", "haiku"],
  last: "large",
  accept: Acceptance.agreement(Comparison.number)
}).pipe(
  Layer.provide(CostOptimizer.layer([{ provider: "mini" }, { provider: "haiku" }, { provider: "large" }])),
  Layer.provide(ProviderRouter.layer())
)

/** Whole and streamed, both say the same. */
const baselineOf = (
  service: Layer.Layer<
    TaskService.TaskService,
    InvalidArgument.InvalidArgumentError,
    ReasoningEngineRegistry.ReasoningEngineRegistry
  >,
  engines: ReadonlyArray<ScriptedEngine.Options>,
  more: Partial<AITask.Options> = {}
) =>
  Effect.gen(function* () {
    const made = yield* ScriptedEngine.makeAll(engines)
    const layer = Layer.provide(service, ScriptedEngine.layerRegistry(made))
    return yield* Effect.gen(function* () {
      const tasks = yield* TaskService.TaskService
      const asked = yield* task(more)
      const whole = yield* tasks.complete(asked)
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(tasks.stream(asked)))
      const last = events.at(-1)
      if (last?._tag !== "Completed") throw new Error("not completed")
      assert.deepStrictEqual(last.result.baseline, whole.baseline)
      assert.strictEqual(
        events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
        last.result.text
      )
      return { baseline: whole.baseline, saved: Option.map(AIResult.saved(whole), ({ pico }) => pico) }
    }).pipe(Effect.provide(layer))
  })

describe("What a choice saved", () => {
  it.effect("is what the same tokens cost at the strategy's baseline, less what was paid", () =>
    Effect.gen(function* () {
      const { baseline, saved } = yield* baselineOf(orchestrator(saving), [
        engine(mini, 1),
        engine(large, 10)
      ])
      assert.deepStrictEqual(baseline, { provider: large, cost: Option.some(Usd.fromPico(at(10))) })
      assert.deepStrictEqual(saved, Option.some(at(10) - at(1)))
    })
  )

  it.effect("isn't said of a strategy that saves nothing", () =>
    Effect.gen(function* () {
      const engines = [engine(mini, 1), engine(large, 10)]
      const { baseline, saved } = yield* baselineOf(orchestrator(Strategy.cheapest), engines)
      assert.isUndefined(baseline)
      assert.deepStrictEqual(saved, Option.none())
    })
  )

  it.effect("isn't known where the baseline has no engine or no price, or where an attempt has none", () =>
    Effect.gen(function* () {
      for (const engines of [
        [engine(mini, 1)],
        [engine(mini, 1), engine(large, undefined)],
        [engine(mini, undefined), engine(large, 10)]
      ]) {
        const { baseline, saved } = yield* baselineOf(orchestrator(saving), engines)
        assert.strictEqual(baseline?.provider, large)
        assert.deepStrictEqual(saved, Option.none())
      }
    })
  )

  it.effect("counts all that a cascade paid, and is below zero where that was more", () =>
    Effect.gen(function* () {
      const agreed = yield* baselineOf(cascade, [engine(mini, 1), engine(haiku, 2), engine(large, 10)])
      assert.deepStrictEqual(agreed.saved, Option.some(at(10) - at(1) - at(2)))
      const differing = [engine(mini, 1), engine(haiku, 2, "43"), engine(large, 10)]
      const escalated = yield* baselineOf(cascade, differing)
      assert.deepStrictEqual(escalated.saved, Option.some(-at(1) - at(2)))
    })
  )

  it.effect("isn't said of a task that pins its provider to a cascade", () =>
    Effect.gen(function* () {
      const engines = [engine(mini, 1), engine(haiku, 2), engine(large, 10)]
      const { baseline } = yield* baselineOf(cascade, engines, { provider: "mini", pinned: true })
      assert.isUndefined(baseline)
    })
  )
})
