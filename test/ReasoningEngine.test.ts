import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as AIProvider from "../src/AIProvider.js"
import * as AITask from "../src/AITask.js"
import * as EngineError from "../src/EngineError.js"
import * as Price from "../src/Price.js"
import * as ReasoningEngine from "../src/ReasoningEngine.js"
import * as TokenUsage from "../src/TokenUsage.js"

const provider = AIProvider.Claude
const task = (options: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(AITask.make("messages" in options ? options : { prompt: "Hello", ...options }))
const request: ReasoningEngine.Request = { task: task(), mode: "complete" }

const call: AITask.ToolCall = { id: "1", name: "weather", arguments: "{}" }
const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 2 })
const { finish, textDelta, toolCall } = ReasoningEngine

/** What an engine that can do everything emits for a whole answer. */
const answer: ReadonlyArray<ReasoningEngine.EngineEvent> = [
  textDelta("Hello"),
  toolCall(call),
  ReasoningEngine.usage(usage),
  finish("tool_calls", "claude-x")
]

const overloaded = new EngineError.TransientError({
  provider,
  reason: "overloaded",
  description: "too busy"
})

/** All events of an attempt, pulled until its Finish. */
const collect = (engine: ReasoningEngine.ReasoningEngine) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* engine.attempt(request)
      const events: Array<ReasoningEngine.EngineEvent> = []
      while (events.at(-1)?._tag !== "Finish") events.push(...(yield* pull))
      return events
    })
  )

describe("ReasoningEngine constructors", () => {
  it.effect("give the same events from a pull, a Stream and an Effect", () =>
    Effect.gen(function* () {
      const options = { provider, model: "claude-x" }
      const engines = [
        ReasoningEngine.make({ ...options, attempt: () => Effect.succeed(Effect.succeed(answer)) }),
        ReasoningEngine.fromStream({ ...options, stream: () => Stream.fromIterable(answer) }),
        ReasoningEngine.fromStream({
          ...options,
          stream: () => Stream.rechunk(Stream.fromIterable(answer), 1)
        }),
        ReasoningEngine.fromEffect({
          ...options,
          answer: () => Effect.succeed({ text: "Hello", toolCalls: [call], usage })
        })
      ]
      for (const engine of engines) assert.deepStrictEqual(yield* collect(engine), answer)
    })
  )

  it.effect("fail with the same error from a pull, a Stream and an Effect", () =>
    Effect.gen(function* () {
      const engines = [
        ReasoningEngine.make({ provider, attempt: () => overloaded }),
        ReasoningEngine.make({ provider, attempt: () => Effect.succeed(overloaded) }),
        ReasoningEngine.fromStream({ provider, stream: () => Stream.fail(overloaded) }),
        ReasoningEngine.fromEffect({ provider, answer: () => overloaded })
      ]
      for (const engine of engines) assert.strictEqual(yield* Effect.flip(collect(engine)), overloaded)
    })
  )

  it("name the model after the provider, take the default capabilities and no price", () => {
    const engine = ReasoningEngine.make({ provider, attempt: () => overloaded })
    assert.strictEqual(engine.provider, provider)
    assert.strictEqual(engine.model, "claude")
    assert.deepStrictEqual(engine.capabilities, ReasoningEngine.defaultCapabilities)
    assert.deepStrictEqual(engine.price, Option.none())
  })

  it("keep the price and what differs from the default capabilities", () => {
    const price = Either.getOrThrow(Price.make({ input: 1, output: 2 }))
    const engine = ReasoningEngine.make({
      provider,
      price,
      capabilities: { images: true, contextWindow: Option.some(8000) },
      attempt: () => overloaded
    })
    assert.deepStrictEqual(engine.price, Option.some(price))
    assert.deepStrictEqual(engine.capabilities, {
      ...ReasoningEngine.defaultCapabilities,
      images: true,
      contextWindow: Option.some(8000)
    })
  })
})

describe("ReasoningEngine.fromStream", () => {
  it.effect("fails with a cut answer when the stream ends without Finish", () =>
    Effect.gen(function* () {
      const engine = ReasoningEngine.fromStream({ provider, stream: () => Stream.make(textDelta("Hel")) })
      const error = yield* Effect.flip(collect(engine))
      assert.deepStrictEqual(error, ReasoningEngine.cut(provider))
      assert.strictEqual(
        error.message,
        "claude failed (network): the answer ended before the provider said that it is complete. Retry later or use another provider"
      )
    })
  )

  it.effect("keeps the chunks of the stream", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(
        Stream.fromIterable([textDelta("a"), textDelta("b")]),
        Stream.make(finish("stop", "m"))
      )
      const pull = yield* ReasoningEngine.fromStream({ provider, stream: () => stream }).attempt(request)
      assert.deepStrictEqual(yield* pull, [textDelta("a"), textDelta("b")])
      assert.deepStrictEqual(yield* pull, [finish("stop", "m")])
    }).pipe(Effect.scoped)
  )

  it.effect("ends the stream when the attempt's scope closes", () =>
    Effect.gen(function* () {
      let closed = 0
      const stream = Stream.ensuring(
        Stream.concat(Stream.make(textDelta("a")), Stream.never),
        Effect.sync(() => closed++)
      )
      const scope = yield* Scope.make()
      const engine = ReasoningEngine.fromStream({ provider, stream: () => stream })
      const pull = yield* Scope.extend(engine.attempt(request), scope)
      yield* pull
      assert.strictEqual(closed, 0)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(closed, 1)
    })
  )

  it.effect("is told what is asked", () =>
    Effect.gen(function* () {
      const engine = ReasoningEngine.fromStream({
        provider,
        stream: (asked) => Stream.make(textDelta(AITask.promptText(asked.task)), finish("stop", asked.mode))
      })
      assert.deepStrictEqual(yield* collect(engine), [textDelta("Hello"), finish("stop", "complete")])
    })
  )
})

describe("ReasoningEngine.fromEffect", () => {
  it("doesn't stream, whatever else it can", () => {
    const engine = ReasoningEngine.fromEffect({
      provider,
      capabilities: { tools: false },
      answer: () => overloaded
    })
    assert.isFalse(engine.capabilities.streaming)
    assert.isFalse(engine.capabilities.tools)
  })

  it.effect("finishes with stop and its own model when the answer says nothing else", () =>
    Effect.gen(function* () {
      const engine = ReasoningEngine.fromEffect({ provider, answer: () => Effect.succeed({ text: "Hi" }) })
      assert.deepStrictEqual(yield* collect(engine), [textDelta("Hi"), finish("stop", "claude")])
    })
  )

  it.effect("finishes with the reason and the model of the answer", () =>
    Effect.gen(function* () {
      const engine = ReasoningEngine.fromEffect({
        provider,
        answer: () =>
          Effect.succeed({ text: "Hi", toolCalls: [call], finishReason: "length", model: "other" })
      })
      assert.deepStrictEqual((yield* collect(engine)).at(-1), finish("length", "other"))
    })
  )
})

describe("ReasoningEngine events", () => {
  it("are plain values", () => {
    assert.deepStrictEqual(textDelta("a"), { _tag: "TextDelta", text: "a" })
    assert.deepStrictEqual(toolCall(call), { _tag: "ToolCall", call })
    assert.deepStrictEqual(ReasoningEngine.usage(usage), { _tag: "Usage", usage })
    assert.deepStrictEqual(ReasoningEngine.warning("w"), { _tag: "Warning", message: "w" })
    assert.deepStrictEqual(finish("stop", "m"), { _tag: "Finish", reason: "stop", model: "m" })
  })
})

describe("ReasoningEngine.lacks", () => {
  const engine = (capabilities: Partial<ReasoningEngine.Capabilities>) =>
    ReasoningEngine.make({ provider, capabilities, attempt: () => overloaded })
  const able = engine({ images: true })
  const unable = engine({
    tools: false,
    systemPrompt: false,
    sampling: false,
    prefill: false,
    jsonSchema: false,
    images: false,
    streaming: false
  })

  const tools = [{ name: "weather", parameters: {} }] as const
  const image = { type: "image", url: "https://example.org/cat.png" } as const
  const needs: ReadonlyArray<readonly [string, Partial<AITask.Options>, ReadonlyArray<string>]> = [
    ["nothing but text", {}, []],
    ["a conversation without tool calls", { messages: [{ role: "assistant", content: "a" }] }, []],
    ["an empty list of tool calls", { messages: [{ role: "assistant", content: "a", toolCalls: [] }] }, []],
    ["text parts", { messages: [{ role: "user", content: [{ type: "text", text: "a" }] }] }, []],
    ["free text", { responseFormat: { type: "text" } }, []],
    ["sampling, which is dropped instead", { temperature: 1, topP: 0.5 }, []],
    ["streaming, which falls back to one piece", { mode: "streaming" }, []],
    ["tools", { tools }, ["tools"]],
    ["earlier tool calls", { messages: [{ role: "assistant", content: "", toolCalls: [call] }] }, ["tools"]],
    ["a tool's answer", { messages: [{ role: "tool", toolCallId: "1", content: "a" }] }, ["tools"]],
    ["a system prompt", { systemPrompt: "Be brief." }, ["a system prompt"]],
    ["some JSON", { responseFormat: { type: "json" } }, ["JSON answers"]],
    [
      "JSON of a schema",
      { responseFormat: { type: "json_schema", name: "a", schema: {} } },
      ["JSON answers"]
    ],
    ["an image", { messages: [{ role: "user", content: [image] }] }, ["images"]],
    [
      "everything",
      {
        tools,
        systemPrompt: "Be brief.",
        responseFormat: { type: "json" },
        messages: [{ role: "user", content: [image] }]
      },
      ["tools", "a system prompt", "JSON answers", "images"]
    ]
  ]

  it.each(needs)("knows what an engine lacks for a task with %s", (_, options, missing) => {
    assert.deepStrictEqual(ReasoningEngine.lacks(unable, task(options)), missing)
    assert.deepStrictEqual(ReasoningEngine.lacks(able, task(options)), [])
  })
})

describe("ReasoningEngine.lacks, of embeddings", () => {
  const of = (model: string, wires: ReasoningEngine.Options["wires"]) =>
    ReasoningEngine.make({ provider, model, wires, attempt: () => overloaded })
  const embedding = task({ original: { wire: "embeddings", body: { model: "m", input: "a" } } })

  it("is whatever has the wire, and the model that the body names", () => {
    assert.deepStrictEqual(ReasoningEngine.lacks(of("m", ["embeddings"]), embedding), [])
    assert.deepStrictEqual(ReasoningEngine.lacks(of("m", ["chatCompletions", "embeddings"]), embedding), [])
    for (const engine of [of("n", ["embeddings"]), of("m", ["chatCompletions"]), of("m", [])]) {
      assert.deepStrictEqual(ReasoningEngine.lacks(engine, embedding), ["embeddings of m"])
    }
  })

  it("is a conversation for those that do nothing but embed", () => {
    assert.deepStrictEqual(ReasoningEngine.lacks(of("m", ["embeddings"]), task()), ["a conversation"])
    assert.deepStrictEqual(ReasoningEngine.lacks(of("m", ["embeddings", "responses"]), task()), [])
    assert.deepStrictEqual(ReasoningEngine.lacks(of("m", []), task()), [])
  })
})
