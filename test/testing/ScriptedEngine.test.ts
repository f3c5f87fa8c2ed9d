import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import { ReasoningEngineRegistry } from "../../src/ReasoningEngineRegistry.js"
import * as Behaviour from "../../src/testing/Behaviour.js"
import * as ScriptedEngine from "../../src/testing/ScriptedEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import { collect, only, provider, request, scripted, textOf } from "../utils/scripted.js"

describe("ScriptedEngine", () => {
  it.effect("gives an answer without waits in one pull and without sleeping", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.answer({ text: "Hello world" })], { model: "m" })
      const chunks = yield* collect(engine.engine)
      assert.deepStrictEqual(chunks, [
        [
          { _tag: "TextDelta", text: "Hell" },
          { _tag: "TextDelta", text: "o wo" },
          { _tag: "TextDelta", text: "rld" },
          { _tag: "Finish", reason: "stop", model: "m" }
        ]
      ])
    })
  )

  it("runs an instant answer synchronously", () => {
    const chunks = Effect.runSync(
      Effect.flatMap(scripted([Behaviour.answer({ text: "Hello" })]), ({ engine }) => collect(engine))
    )
    assert.strictEqual(textOf(chunks), "Hello")
  })

  it.effect("answers at the pace of the script", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.answer({ chunks: ["a", "b", "c"], firstTokenMs: 100, msPerChunk: 10 })
      ])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(99)
      assert.strictEqual((yield* only(engine)).text, "")
      yield* TestClock.adjust(11)
      const midway = yield* only(engine)
      assert.strictEqual(midway.text, "ab")
      assert.strictEqual(midway.outcome, "running")
      assert.deepStrictEqual(midway.firstTokenAt, Option.some(100))
      yield* TestClock.adjust(10)
      const chunks = yield* Fiber.join(fiber)
      assert.strictEqual(chunks.length, 3)
      assert.strictEqual(chunks[2]?.length, 2)
      assert.deepStrictEqual((yield* only(engine)).endedAt, Option.some(120))
    })
  )

  it.effect("gives tool calls, warnings and usage with the end of the answer", () =>
    Effect.gen(function* () {
      const call: AITask.ToolCall = { id: "1", name: "weather", arguments: "{}" }
      const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 1 })
      const engine = yield* scripted([Behaviour.answer({ toolCalls: [call], usage, warnings: ["dropped"] })])
      assert.deepStrictEqual((yield* collect(engine.engine))[0], [
        { _tag: "ToolCall", call },
        { _tag: "Warning", message: "dropped" },
        { _tag: "Usage", usage },
        { _tag: "Finish", reason: "tool_calls", model: "claude" }
      ])
      const record = yield* only(engine)
      assert.deepStrictEqual(record.usage, Option.some(usage))
      assert.deepStrictEqual(record.firstTokenAt, Option.none())
    })
  )

  it.effect("hands over each call when it is closed, and keeps those that are open", () =>
    Effect.gen(function* () {
      const closed: Array<ScriptedEngine.Call> = []
      const engine = yield* scripted([Behaviour.answer({ text: "a" }), Behaviour.never()], {
        record: (call) => void closed.push(call)
      })
      yield* collect(engine.engine)
      const waiting = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(
        closed.map(({ closedAt, index, outcome, text }) => [index, outcome, text, closedAt]),
        [[0, "succeeded", "a", Option.some(0)]]
      )
      assert.deepInclude(yield* only(engine), { index: 1, outcome: "running" })
      assert.strictEqual(yield* engine.open, 1)
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(
        closed.map(({ outcome }) => outcome),
        ["succeeded", "interrupted"]
      )
      assert.deepStrictEqual(yield* engine.calls, [])
      assert.strictEqual(yield* engine.open, 0)
    })
  )

  it.effect("tells of limits with what it gives first, never alone", () =>
    Effect.gen(function* () {
      const rateLimits = { requests: { remaining: 3, resetAt: 60_000 } }
      const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 1 })
      const paced = { chunks: ["a", "b"], firstTokenMs: 5, msPerChunk: 5, rateLimits }
      const sorts = (behaviour: Behaviour.Behaviour) =>
        Effect.gen(function* () {
          const { engine } = yield* scripted([behaviour])
          const fiber = yield* Effect.fork(collect(engine))
          yield* TestClock.adjust(10)
          const chunks = yield* Fiber.join(fiber)
          assert.deepStrictEqual(chunks[0]?.[0], ReasoningEngine.rateLimits(rateLimits))
          return chunks.map((events) => events.map(({ _tag }) => _tag).join(" "))
        })
      assert.deepStrictEqual(yield* sorts(Behaviour.answer(paced)), [
        "RateLimits TextDelta",
        "TextDelta Finish"
      ])
      assert.deepStrictEqual(yield* sorts(Behaviour.answer({ ...paced, usage, metered: "always" })), [
        "RateLimits Usage",
        "TextDelta Usage",
        "TextDelta Usage Finish"
      ])
      assert.deepStrictEqual(yield* sorts(Behaviour.answer({ rateLimits })), ["RateLimits Finish"])
      const { engine } = yield* scripted([Behaviour.cut({ chunks: [], rateLimits })])
      assert.strictEqual((yield* Effect.flip(collect(engine)))._tag, "TransientError")
    })
  )

  it.effect("takes the finish reason of the script", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.answer({ text: "x", finishReason: "length" })])
      assert.deepStrictEqual((yield* collect(engine.engine))[0]?.[1], {
        _tag: "Finish",
        reason: "length",
        model: "claude"
      })
    })
  )

  it.effect("behaves as the script says, one behaviour per call, the last one again and again", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.fail({ _tag: "RateLimitError", retryAfterMs: 5 }),
        Behaviour.answer({ text: "yes" })
      ])
      const first = yield* Effect.flip(collect(engine.engine))
      assert.strictEqual(first._tag, "RateLimitError")
      assert.strictEqual(textOf(yield* collect(engine.engine)), "yes")
      assert.strictEqual(textOf(yield* collect(engine.engine)), "yes")
      const calls = yield* engine.calls
      assert.deepStrictEqual(
        calls.map(({ index, outcome }) => [index, outcome]),
        [
          [0, "failed"],
          [1, "succeeded"],
          [2, "succeeded"]
        ]
      )
      assert.deepStrictEqual(calls[0]?.error, Option.some(first))
    })
  )

  it.effect("lets a function decide what each call gets", () =>
    Effect.gen(function* () {
      const engine = yield* scripted((asked, index) =>
        Effect.succeed(Behaviour.answer({ text: `${AITask.promptText(asked.task)} ${index}` }))
      )
      yield* collect(engine.engine)
      assert.strictEqual(textOf(yield* collect(engine.engine)), "Why is the sky blue? 1")
    })
  )

  it.effect("tells usage as it grows, the input at once, when the script says so", () =>
    Effect.gen(function* () {
      const usage = TokenUsage.make({ inputTokens: 9, outputTokens: 4 })
      const growing = {
        chunks: ["aa", "bb"],
        firstTokenMs: 30,
        msPerChunk: 10,
        usage,
        metered: "always"
      } as const
      const engine = yield* scripted(
        [
          Behaviour.answer(growing),
          Behaviour.cut({ ...growing, after: 1 }),
          Behaviour.stall({ ...growing, after: 0 })
        ],
        { capabilities: { prefill: true } }
      )
      const usageAt = (index: number) =>
        Effect.map(engine.calls, (calls) =>
          Option.map(
            Option.flatMap(Option.fromNullable(calls[index]), (call) => call.usage),
            (used) => [used.inputTokens, used.outputTokens]
          )
        )
      const answering = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* usageAt(0), Option.some([9, 0]))
      yield* TestClock.adjust(29)
      assert.deepStrictEqual(yield* usageAt(0), Option.some([9, 2]))
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* usageAt(0), Option.some([9, 4]))
      assert.strictEqual((yield* Fiber.join(answering)).length, 3)
      const cutting = yield* Effect.fork(Effect.flip(collect(engine.engine)))
      yield* TestClock.adjust(40)
      yield* Fiber.join(cutting)
      assert.deepStrictEqual(yield* usageAt(1), Option.some([9, 2]))
      const stalling = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* usageAt(2), Option.some([9, 0]))
      yield* Fiber.interrupt(stalling)
    })
  )

  it.effect("tells the whole usage of an answer without text", () =>
    Effect.gen(function* () {
      const usage = TokenUsage.make({ inputTokens: 9, outputTokens: 4 })
      const engine = yield* scripted([Behaviour.answer({ text: "", usage, metered: "always" })])
      yield* collect(engine.engine)
      assert.deepStrictEqual((yield* only(engine)).usage, Option.some(usage))
    })
  )

  it.effect("dies when it is pulled again after its Finish", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.answer({ text: "x" })])
      const exit = yield* Effect.exit(
        Effect.scoped(Effect.flatMap(engine.engine.attempt(request), (pull) => Effect.zipRight(pull, pull)))
      )
      assert.include(String(exit), "pulled again after its Finish")
    })
  )

  it.effect("gives only what follows the prefill, at an engine that can go on from one", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.answer({ text: "Hello world" })], {
        capabilities: { prefill: true }
      })
      const go = (prefill: string) => Effect.map(collect(engine.engine, { ...request, prefill }), textOf)
      assert.strictEqual(yield* go("Hello"), " world")
      assert.strictEqual(yield* go("Hello world"), "")
      assert.strictEqual(yield* go("Good"), "Hello world")
      const unable = yield* scripted([Behaviour.answer({ text: "Hello world" })])
      assert.strictEqual(
        textOf(yield* collect(unable.engine, { ...request, prefill: "Hello" })),
        "Hello world"
      )
    })
  )

  it.effect("keeps no record and registers no finalizer when told so", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.answer({ text: "x" })], { record: false })
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(engine.engine.attempt(request), scope)
      assert.strictEqual((yield* pull).length, 2)
      assert.deepStrictEqual(yield* engine.calls, [])
      assert.strictEqual(yield* engine.open, 0)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("takes the place of a registry", () =>
    Effect.gen(function* () {
      const engines = yield* ScriptedEngine.makeAll([
        { provider: AIProvider.Gpt4, script: [Behaviour.never()] },
        { provider, script: [Behaviour.never()] }
      ])
      const list = yield* Effect.provide(
        Effect.flatMap(ReasoningEngineRegistry, (registry) => registry.list),
        ScriptedEngine.layerRegistry(engines)
      )
      assert.deepStrictEqual(
        list.map((engine) => engine.provider),
        [AIProvider.Gpt4, provider]
      )
    })
  )
})
