import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as EngineError from "../../src/EngineError.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import { ReasoningEngineRegistry } from "../../src/ReasoningEngineRegistry.js"
import * as Behaviour from "../../src/testing/Behaviour.js"
import * as ScriptedEngine from "../../src/testing/ScriptedEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"

const provider = AIProvider.Claude
const request: ReasoningEngine.Request = {
  task: Either.getOrThrow(AITask.make({ prompt: "Why is the sky blue?" })),
  mode: "complete"
}

/** Pulls until the Finish: the chunks as they came. */
const collect = (engine: ReasoningEngine.ReasoningEngine, asked = request) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* engine.attempt(asked)
      const chunks: Array<ReadonlyArray<ReasoningEngine.EngineEvent>> = []
      while (!chunks.some((chunk) => chunk.some((event) => event._tag === "Finish"))) chunks.push(yield* pull)
      return chunks
    })
  )

const textOf = (chunks: ReadonlyArray<ReadonlyArray<ReasoningEngine.EngineEvent>>) =>
  chunks
    .flat()
    .map((event) => (event._tag === "TextDelta" ? event.text : ""))
    .join("")

const scripted = (
  script: ScriptedEngine.Script,
  options: Partial<Omit<ScriptedEngine.Options, "script">> = {}
) => ScriptedEngine.make({ provider, script, ...options })

const only = (engine: ScriptedEngine.ScriptedEngine) =>
  Effect.map(engine.calls, (calls) => {
    assert.strictEqual(calls.length, 1)
    const [call] = calls
    if (call === undefined) throw new Error("no call")
    return call
  })

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

  it.effect("fails after some milliseconds, in the first pull where the script says so", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.fail({ _tag: "TimeoutError" }, { afterMs: 50, during: "pull" })
      ])
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(engine.engine.attempt(request), scope)
      const fiber = yield* Effect.fork(Effect.flip(pull))
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TimeoutError")
      const failed = yield* only(engine)
      assert.deepStrictEqual(failed.endedAt, Option.some(50))
      assert.deepStrictEqual(failed.closedAt, Option.none())
      assert.strictEqual(yield* engine.open, 1)
      yield* TestClock.adjust(5)
      yield* Scope.close(scope, Exit.void)
      const closed = yield* only(engine)
      assert.deepStrictEqual(closed.endedAt, Option.some(50))
      assert.deepStrictEqual(closed.closedAt, Option.some(55))
      assert.strictEqual(closed.outcome, "failed")
      assert.strictEqual(yield* engine.open, 0)
    })
  )

  it.effect("takes an error itself, or makes it for the provider", () =>
    Effect.gen(function* () {
      const error = Behaviour.errors(AIProvider.Gpt4).ContentPolicyError
      const engine = yield* scripted([
        Behaviour.fail(error),
        Behaviour.fail((asked) => Behaviour.errors(asked).ModelNotFoundError)
      ])
      assert.strictEqual(yield* Effect.flip(collect(engine.engine)), error)
      const made = yield* Effect.flip(collect(engine.engine))
      assert.strictEqual(made._tag, "ModelNotFoundError")
      assert.strictEqual(made.provider, provider)
    })
  )

  it.effect("fails after some of the text, and says what was used until then", () =>
    Effect.gen(function* () {
      const usage = TokenUsage.make({ inputTokens: 4, outputTokens: 2 })
      const engine = yield* scripted([
        Behaviour.failAfter({
          text: "Hello world",
          after: 2,
          error: { _tag: "TransientError", reason: "server" },
          firstTokenMs: 30,
          msPerChunk: 10,
          usage
        })
      ])
      const fiber = yield* Effect.fork(Effect.flip(collect(engine.engine)))
      yield* TestClock.adjust(50)
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "(server)")
      const call = yield* only(engine)
      assert.strictEqual(call.text, "Hello wo")
      assert.deepStrictEqual(call.usage, Option.some(usage))
      assert.deepStrictEqual(call.endedAt, Option.some(50))
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

  it.effect("fails in place of the first delta when none comes before", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.failAfter({
          text: "Hello",
          after: 0,
          error: { _tag: "TransientError" },
          firstTokenMs: 30,
          msPerChunk: 10
        })
      ])
      const fiber = yield* Effect.fork(Effect.flip(collect(engine.engine)))
      yield* TestClock.adjust(30)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual((yield* only(engine)).endedAt, Option.some(30))
    })
  )

  it.effect("cuts an answer: its end without a Finish is a network error", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.cut({ text: "Hello world" }),
        Behaviour.cut({ text: "Hello world", after: 1 })
      ])
      const error = yield* Effect.flip(collect(engine.engine))
      assert.strictEqual(error._tag === "TransientError" ? error.reason : "", "network")
      yield* Effect.flip(collect(engine.engine))
      assert.deepStrictEqual(
        (yield* engine.calls).map(({ text }) => text),
        ["Hello world", "Hell"]
      )
    })
  )

  it.effect("stalls after its text until it is interrupted, and notes when its scope was closed", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.stall({ text: "Hello world", after: 1, firstTokenMs: 10 })])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* engine.open, 1)
      yield* Fiber.interrupt(fiber)
      const call = yield* only(engine)
      assert.strictEqual(call.outcome, "interrupted")
      assert.strictEqual(call.text, "Hell")
      assert.deepStrictEqual(call.closedAt, Option.some(3_600_000))
      assert.deepStrictEqual(call.endedAt, call.closedAt)
      assert.strictEqual(yield* engine.open, 0)
    })
  )

  it.effect("stalls after the whole text when the script doesn't say where", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.stall({ text: "Hello" })])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* only(engine)).text, "Hello")
      yield* Fiber.interrupt(fiber)
    })
  )

  for (const during of ["begin", "pull"] as const) {
    it.effect(`never answers (${during})`, () =>
      Effect.gen(function* () {
        const engine = yield* scripted([Behaviour.never({ during })])
        const fiber = yield* Effect.fork(collect(engine.engine))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* only(engine)).outcome, "running")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* only(engine)).outcome, "interrupted")
      })
    )
  }

  it.effect("is silent from the first moment when never is all that is said", () =>
    Effect.sync(() => assert.deepStrictEqual(Behaviour.never(), { _tag: "Never", during: "begin" }))
  )

  it.effect("dies with the defect of the script", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.die("a bug")])
      const exit = yield* Effect.exit(collect(engine.engine))
      assert.deepStrictEqual(exit, Exit.die("a bug"))
      assert.strictEqual((yield* only(engine)).outcome, "died")
    })
  )

  it.effect("can't be interrupted while it is deaf", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.deaf(100, Behaviour.answer({ text: "late" }))])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(98)
      assert.strictEqual(yield* engine.open, 1)
      yield* TestClock.adjust(1)
      yield* Fiber.join(interrupting)
      const call = yield* only(engine)
      assert.deepStrictEqual(call.closedAt, Option.some(100))
      assert.strictEqual(call.outcome, "interrupted")
    })
  )

  it.effect("answers after it was deaf", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.deaf(100, Behaviour.answer({ text: "late" }))])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(100)
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "late")
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

  it.effect("breaks off so many deltas after the prefill", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.cut({ chunks: ["a", "b", "c", "d"], after: 2 })], {
        capabilities: { prefill: true }
      })
      yield* Effect.flip(collect(engine.engine, { ...request, prefill: "a" }))
      const call = yield* only(engine)
      assert.strictEqual(call.text, "bc")
      assert.strictEqual(call.request.prefill, "a")
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

describe("Behaviour", () => {
  it("cuts a text into characters, never through one", () => {
    assert.deepStrictEqual(Behaviour.chunksOf("a😀b😀", 2), ["a😀", "b😀"])
    assert.deepStrictEqual(Behaviour.chunksOf("ab", 0), ["a", "b"])
    assert.deepStrictEqual(Behaviour.chunksOf("", 3), [])
  })

  it("has a sample of each error, and makes each from data", () => {
    for (const [tag, sample] of Object.entries(Behaviour.errors(provider))) {
      assert.strictEqual(sample._tag, tag)
      const made = Behaviour.toError({ _tag: sample._tag }, provider)
      assert.strictEqual(made._tag, tag)
      assert.strictEqual(made.provider, provider)
      assert.strictEqual(EngineError.isTransient(made), EngineError.isTransient(sample))
    }
  })

  it("keeps every field of an error that is given as data", () => {
    const limited = Behaviour.toError(
      { _tag: "RateLimitError", retryAfterMs: 7, status: 420, requestId: "r", description: "calm" },
      provider
    )
    assert.strictEqual(
      limited.message,
      "claude limits the rate of requests (420): calm [request r]. Retry after 7 ms"
    )
    const timeout = Behaviour.toError({ _tag: "TimeoutError", phase: "idle" }, provider)
    assert.include(timeout.message, "(idle)")
  })
})
