import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  CostOptimizer,
  MultiLLMOrchestrator,
  type ProviderMetrics,
  ProviderRouter,
  type RoutingPolicy,
  Strategy
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { answered, collected, failed, task } from "../utils/fleet.js"
import { logged } from "../utils/logged.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider
const { answer, cut, fail } = Behaviour

const text = "Light scatters."

const copilot = { provider: CopilotChat, costPerToken: 0.005, p50LatencyMs: 150, qualityScore: 9 }
const claude = { provider: Claude, costPerToken: 0.003, p50LatencyMs: 300, qualityScore: 8.5 }

const orchestra = (options: {
  readonly engines: ReadonlyArray<ScriptedEngine.Options>
  readonly providers: ReadonlyArray<ProviderMetrics.Options>
  readonly strategy?: Strategy.Strategy
  readonly policy?: RoutingPolicy.Options
}) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedEngine.makeAll(options.engines)
    const optimizer = yield* CostOptimizer.make(options.providers)
    const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
      Effect.provide(
        MultiLLMOrchestrator.layer(options.strategy === undefined ? {} : { strategy: options.strategy }).pipe(
          Layer.provide(Layer.succeed(CostOptimizer.CostOptimizer, optimizer)),
          Layer.provide(ProviderRouter.layer(options.policy)),
          Layer.provide(ScriptedEngine.layerRegistry(scripted))
        )
      )
    )
    return { optimizer, orchestrator, scripted }
  })

const both = {
  engines: [
    { provider: CopilotChat, script: [answer({ text })] },
    { provider: Claude, script: [answer({ text })] }
  ],
  providers: [copilot, claude]
} as const

describe("MultiLLMOrchestrator", () => {
  for (const [strategy, provider] of [
    [Strategy.cheapest, Claude],
    [Strategy.fastest, CopilotChat],
    [Strategy.quality, CopilotChat],
    [Strategy.balanced, Claude]
  ] as const) {
    it.effect(`has ${provider} answer by the strategy ${strategy.name}`, () =>
      Effect.gen(function* () {
        const { orchestrator } = yield* orchestra({ ...both, strategy })
        const result = yield* orchestrator.complete(yield* task())
        assert.strictEqual(result.provider, provider)
        assert.strictEqual(result.text, text)
      })
    )
  }

  it.effect("chooses balanced when told nothing, and by the call's own strategy when told", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra(both)
      assert.strictEqual((yield* orchestrator.strategy).name, "balanced")
      const result = yield* orchestrator.complete(yield* task(), { strategy: Strategy.fastest })
      assert.strictEqual(result.provider, CopilotChat)
      assert.strictEqual((yield* orchestrator.complete(yield* task())).provider, Claude)
    })
  )

  it.effect("tells who writes a streamed answer", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra(both)
      const { value } = yield* answered(collected(orchestrator.stream(yield* task())))
      assert.deepInclude(value.events[0], { _tag: "Started", provider: Claude, attempts: 1 })
    })
  )

  it.effect("overrides the task's provider, unless the task pins it", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra(both)
      const wish = yield* orchestrator.complete(yield* task({ provider: "copilot_chat" }))
      assert.strictEqual(wish.provider, Claude)
      const pin = yield* orchestrator.complete(yield* task({ provider: "copilot_chat", pinned: true }))
      assert.strictEqual(pin.provider, CopilotChat)
    })
  )

  it.effect("asks a pinned provider even when nothing could be chosen", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra({
        ...both,
        providers: both.providers.map((metrics) => ({ ...metrics, available: false }))
      })
      const pin = yield* orchestrator.complete(yield* task({ provider: "claude", pinned: true }))
      assert.strictEqual(pin.provider, Claude)
      const { error } = yield* failed(orchestrator.complete(yield* task()))
      assert.strictEqual(error._tag, "NoAvailableProviderError")
    })
  )

  it.effect("passes over providers without an engine, and says so when none has one", () =>
    Effect.gen(function* () {
      const one = yield* orchestra({ ...both, engines: [both.engines[0]] })
      assert.strictEqual((yield* one.orchestrator.complete(yield* task())).provider, CopilotChat)
      const none = yield* orchestra({ ...both, engines: [] })
      const { error } = yield* failed(none.orchestrator.complete(yield* task()))
      assert.strictEqual(error._tag, "NoAvailableProviderError")
      assert.include(error.message, "claude")
      const pinned = yield* failed(
        none.orchestrator.complete(yield* task({ provider: "claude", pinned: true }))
      )
      assert.strictEqual(pinned.error._tag, "EngineNotRegisteredError")
    })
  )

  it.effect("doesn't fall over to an unavailable provider", () =>
    Effect.gen(function* () {
      const { orchestrator, scripted } = yield* orchestra({
        engines: [
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: CopilotChat, script: [answer({ text })] }
        ],
        providers: [{ ...copilot, available: false }, claude]
      })
      const { error } = yield* failed(orchestrator.complete(yield* task()))
      assert.strictEqual(error._tag, "AllProvidersFailedError")
      assert.deepStrictEqual(yield* scripted[1]?.calls ?? Effect.succeed([]), [])
    })
  )

  it.effect("falls over in the order of the strategy where there is no chain", () =>
    Effect.gen(function* () {
      const ids = ["a", "b", "c"]
      const { orchestrator } = yield* orchestra({
        engines: ids.map((id) => ({
          provider: AIProvider.unsafeMake(id),
          script: [fail({ _tag: "QuotaExhaustedError" })]
        })),
        providers: ids.map((provider, index) => ({ provider, costPerToken: 3 - index })),
        strategy: Strategy.cheapest
      })
      const { error } = yield* failed(orchestrator.complete(yield* task()))
      assert(error._tag === "AllProvidersFailedError")
      assert.deepStrictEqual(
        error.attempts.map(({ provider }): string => provider),
        ["c", "b", "a"]
      )
    })
  )

  it.effect("fails with the chosen provider's own error when fallbacks are off", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra({
        ...both,
        engines: both.engines.map((engine) => ({
          ...engine,
          script: [fail({ _tag: "QuotaExhaustedError" })]
        }))
      })
      const complete = yield* failed(orchestrator.complete(yield* task(), { useFallback: false }))
      assert.strictEqual(complete.error._tag, "QuotaExhaustedError")
      const stream = yield* failed(
        Stream.runDrain(orchestrator.stream(yield* task(), { useFallback: false }))
      )
      assert.strictEqual(stream.error._tag, "QuotaExhaustedError")
    })
  )

  it.effect("executes as the task's mode says", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra(both)
      const whole = yield* orchestrator.execute(yield* AITask.make({ prompt: "ask" }))
      assert.strictEqual(whole.text, text)
      const streaming = yield* AITask.make({ prompt: "ask", mode: "streaming" })
      const streamed = yield* collected(orchestrator.execute(streaming))
      assert.strictEqual(streamed.text, text)
      assert.isTrue(Effect.isEffect(orchestrator.execute(yield* AITask.decodeUnknown({ prompt: "ask" }))))
    })
  )

  it.effect("changes the strategy for the next task and for none under way", () =>
    Effect.gen(function* () {
      const slow = answer({ text, firstTokenMs: 1000 })
      const { orchestrator } = yield* orchestra({
        ...both,
        engines: both.engines.map((engine) => ({ ...engine, script: [slow] })),
        strategy: Strategy.cheapest
      })
      const asked = yield* task()
      const before = yield* Effect.fork(orchestrator.complete(asked))
      const streamed = yield* Effect.fork(collected(orchestrator.stream(asked)))
      yield* TestClock.adjust("500 millis")
      yield* orchestrator.updateStrategy(Strategy.fastest)
      const after = yield* Effect.fork(orchestrator.complete(asked))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(before)).provider, Claude)
      const { last } = yield* Fiber.join(streamed)
      assert(last?._tag === "Completed")
      assert.strictEqual(last.result.provider, Claude)
      assert.strictEqual((yield* Fiber.join(after)).provider, CopilotChat)
    })
  )

  it.effect("follows the metrics as they change", () =>
    Effect.gen(function* () {
      const { optimizer, orchestrator } = yield* orchestra({ ...both, strategy: Strategy.cheapest })
      assert.strictEqual((yield* orchestrator.complete(yield* task())).provider, Claude)
      yield* optimizer.updateMetrics({ provider: "claude", available: false })
      assert.strictEqual((yield* orchestrator.complete(yield* task())).provider, CopilotChat)
    })
  )

  it.effect("comes with optimizer and router in one Layer", () =>
    Effect.gen(function* () {
      const scripted = yield* ScriptedEngine.makeAll(both.engines)
      const result = yield* MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
        Effect.flatMap((orchestrator) => Effect.flatMap(task(), (asked) => orchestrator.complete(asked))),
        Effect.provide(
          Layer.provide(
            MultiLLMOrchestrator.layerFor({ providers: both.providers, strategy: Strategy.quality }),
            ScriptedEngine.layerRegistry(scripted)
          )
        )
      )
      assert.strictEqual(result.provider, CopilotChat)
    })
  )

  describe("logs", () => {
    const failing = {
      engines: [
        { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
        { provider: CopilotChat, script: [fail({ _tag: "TransientError" })] },
        { provider: Gpt4, script: [answer({ text })] }
      ],
      providers: [claude, copilot],
      strategy: Strategy.cheapest
    } as const

    it.effect("what happened to a task, by the names that people alert on", () =>
      Effect.gen(function* () {
        const { orchestrator } = yield* orchestra(failing)
        const asked = yield* task({ id: "t1" })
        const { lines } = yield* logged(orchestrator.complete(asked))
        assert.deepStrictEqual(
          lines.map(({ level, name }) => `${level} ${String(name)}`),
          [
            "DEBUG orchestrator_provider_selected",
            "DEBUG engine_retrieved",
            "DEBUG routing_start",
            "DEBUG routing_fallback_attempt",
            "WARN routing_fallback_failed",
            "DEBUG routing_fallback_attempt",
            "DEBUG routing_fallback_success",
            "DEBUG routing_success",
            "DEBUG orchestrator_task_complete"
          ]
        )
        const success = lines.find(({ name }) => name === "routing_success")
        assert.deepStrictEqual(success?.fields, { taskId: "t1", provider: "gpt4" })
      })
    )

    it.effect("failures as warnings, the failure of all as an error, and nothing else by default", () =>
      Effect.gen(function* () {
        const { orchestrator } = yield* orchestra({ ...failing, engines: failing.engines.slice(0, 2) })
        const all = yield* logged(orchestrator.complete(yield* task({ id: "t" })), LogLevel.Info)
        assert.deepStrictEqual(
          all.lines.map(({ level, name }) => `${level} ${String(name)}`),
          ["WARN routing_fallback_failed", "ERROR routing_all_failed", "WARN orchestrator_task_failed"]
        )
        const alone = yield* logged(
          orchestrator.complete(yield* task({ id: "t" }), { useFallback: false }),
          LogLevel.Info
        )
        assert.deepStrictEqual(
          alone.lines.map(({ level, name }) => `${level} ${String(name)}`),
          ["WARN routing_failed_permanent", "WARN orchestrator_task_failed"]
        )
        assert.deepStrictEqual(alone.lines[0]?.fields, {
          taskId: "t",
          provider: "claude",
          error: "QuotaExhaustedError"
        })
      })
    )

    it.effect("the end of a stream as that of a complete task", () =>
      Effect.gen(function* () {
        const { orchestrator } = yield* orchestra(both)
        const good = yield* logged(Stream.runDrain(orchestrator.stream(yield* task({ id: "t" }))))
        assert.deepStrictEqual(good.lines.at(-1)?.name, "orchestrator_task_complete")
        const left = yield* logged(
          Stream.runDrain(Stream.take(orchestrator.stream(yield* task({ id: "t" })), 1))
        )
        assert.isTrue(left.lines.every(({ name }) => name !== "orchestrator_task_complete"))
        const cutOff = yield* orchestra({
          ...both,
          engines: [{ provider: Claude, script: [cut({ text })] }]
        })
        const bad = yield* logged(Stream.runDrain(cutOff.orchestrator.stream(yield* task({ id: "t" }))))
        assert.isTrue(Exit.isFailure(bad.exit))
        assert.deepStrictEqual(bad.lines.at(-1), {
          level: "WARN",
          name: "orchestrator_task_failed",
          fields: { taskId: "t", provider: "claude", error: "StreamInterruptedError" }
        })
      })
    )

    it.effect("a change of strategy", () =>
      Effect.gen(function* () {
        const { orchestrator } = yield* orchestra(both)
        const { lines } = yield* logged(orchestrator.updateStrategy(Strategy.quality), LogLevel.Info)
        assert.deepStrictEqual(lines, [
          { level: "INFO", name: "orchestrator_strategy_updated", fields: { strategy: "quality" } }
        ])
      })
    )

    it.effect("never a prompt, a system prompt or an answer", () =>
      Effect.gen(function* () {
        const secret = "the-users-own-words"
        const { orchestrator } = yield* orchestra({
          ...failing,
          engines: failing.engines.map((engine) =>
            engine.provider === Gpt4 ? { ...engine, script: [answer({ text: secret })] } : engine
          )
        })
        const asked = yield* task({ prompt: secret, systemPrompt: secret, metadata: { secret } })
        const whole = yield* logged(orchestrator.complete(asked))
        const streamed = yield* logged(Stream.runDrain(orchestrator.stream(asked)))
        assert.notInclude(JSON.stringify([whole.lines, streamed.lines]), secret)
      })
    )
  })

  it.effect("answers a task that is made of JSON", () =>
    Effect.gen(function* () {
      const { orchestrator } = yield* orchestra(both)
      const asked = yield* AITask.decodeUnknown(JSON.parse('{"prompt":"ask","mode":"streaming"}'))
      const { value } = yield* answered(orchestrator.complete(asked))
      assert.strictEqual(value.text, text)
    })
  )

  it.effect("decides beside the task: engines are asked the caller's task, with an id if it has none", () =>
    Effect.gen(function* () {
      const { orchestrator, scripted } = yield* orchestra(both)
      const calls = Effect.map(
        Effect.forEach(scripted, (engine) => engine.calls),
        (all) => all.map((each) => each.map(({ request }) => request.task))
      )
      const asked = yield* task({ provider: "copilot_chat", metadata: { team: "blue" } })
      const { taskId } = yield* orchestrator.complete(asked)
      assert.deepStrictEqual(yield* calls, [[], [{ ...asked, id: taskId }]])
      const named = { ...asked, id: "mine" }
      yield* orchestrator.complete(named)
      assert.strictEqual((yield* calls)[1]?.[1], named)
    })
  )
})
