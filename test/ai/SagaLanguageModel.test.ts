import { LanguageModel, Model, Prompt, Tool, Toolkit } from "@effect/ai"
import type { AiError, Response } from "@effect/ai"
import { AnthropicTool } from "@effect/ai-anthropic"
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as CallOptions from "../../src/ai/CallOptions.js"
import * as SagaLanguageModel from "../../src/ai/SagaLanguageModel.js"
import * as AIProvider from "../../src/AIProvider.js"
import * as MultiLLMOrchestrator from "../../src/routing/MultiLLMOrchestrator.js"
import * as Price from "../../src/Price.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as Strategy from "../../src/routing/Strategy.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "../utils/attempts.js"
import * as models from "../utils/languageModels.js"
import { over, overScripted } from "../utils/sagaLanguageModel.js"

const first = AIProvider.unsafeMake("first")
const second = AIProvider.unsafeMake("second")

/** What fails over at once. */
const gone = Behaviour.fail({ _tag: "ModelNotFoundError" })

const Weather = Tool.make("weather", {
  description: "The weather of a city",
  parameters: { city: Schema.String },
  success: Schema.String
})
const tools = Toolkit.make(Weather)
/** Tools that mustn't be run. */
const nobodyAsked = tools.toLayer({ weather: () => Effect.die("nobody asked for the weather") })

const toolCall = { id: "call_1", name: "weather", arguments: '{"city":"Rome"}' }

const asked = { prompt: "Why is the sky blue?" }

/** A scripted language model as an engine. */
const engineOf = (provider: AIProvider.AIProvider, script: Parameters<typeof models.scripted>[0]) =>
  Effect.gen(function* () {
    const { asked, model } = yield* models.scripted(script)
    return { asked, engine: yield* models.scriptedEngine(model, { provider, model: `${provider}-1` }) }
  })

const whole = (provider: AIProvider.AIProvider, ...pieces: ReadonlyArray<string>) =>
  engineOf(provider, { parts: [...models.written("0", ...pieces), models.finish()] })

const partsOf = <E, R>(stream: Stream.Stream<Response.StreamPart<{}>, E, R>) =>
  Effect.map(Stream.runCollect(stream), Chunk.toReadonlyArray)

type Parts = ReadonlyArray<Response.StreamPart<Record<string, Tool.Any>>>

const textOf = (parts: Parts): string =>
  parts.map((part) => (part.type === "text-delta" ? part.delta : "")).join("")

/** How an AiError tells of ours. */
const told = (error: AiError.AiError) => ({
  tag: error._tag,
  cause: attempts.fields(Object(error.cause)),
  description: String(error.description)
})

const reportOf = (parts: ReadonlyArray<Response.AnyPart>): SagaLanguageModel.Report | undefined =>
  parts.flatMap((part) => (part.type === "finish" ? [part.metadata.arcSaga] : []))[0]

describe("a call over providers that are language models", () => {
  it.effect("is answered by the next one where the first can't", () =>
    Effect.gen(function* () {
      const failing = yield* engineOf(first, { parts: [models.finish("error")] })
      const good = yield* whole(second, "Be", "cause")
      const layer = over([failing.engine, good.engine], {
        rules: { TransientError: { _tag: "fail-over" } }
      })
      const answer = yield* LanguageModel.generateText(asked).pipe(Effect.provide(layer))
      assert.strictEqual(answer.text, "Because")
      assert.deepStrictEqual({ ...answer.usage }, { ...answer.usage, inputTokens: 3, outputTokens: 2 })
      assert.deepInclude(reportOf(answer.content), {
        provider: "second",
        model: "second-1",
        attempts: 2,
        cost: null,
        warnings: []
      })
      const parts = yield* partsOf(LanguageModel.streamText(asked)).pipe(Effect.provide(layer))
      assert.strictEqual(textOf(parts), "Because")
      assert.deepInclude(reportOf(parts), { provider: "second", attempts: 2 })
      assert.deepStrictEqual([failing.asked.length, good.asked.length], [2, 2])
    })
  )

  it.effect("carries prompt, tools, tool choice and schema as they are", () =>
    Effect.gen(function* () {
      const { asked: seen, engine } = yield* engineOf(first, {
        parts: [...models.written("0", '{"city":"Rome"}'), models.finish()]
      })
      const prompt = Prompt.make([
        { role: "user", content: [{ type: "text", text: "Where?", options: { acme: { depth: 2 } } }] }
      ])
      const schema = Schema.Struct({ city: Schema.String })
      const answer = yield* LanguageModel.generateObject({
        prompt,
        schema,
        objectName: "place",
        toolkit: tools,
        toolChoice: { mode: "required", oneOf: ["weather"] },
        disableToolCallResolution: true
      }).pipe(Effect.provide(Layer.merge(over([engine]), nobodyAsked)))
      assert.deepStrictEqual(answer.value, { city: "Rome" })
      const [options] = seen
      assert.strictEqual(options?.prompt, prompt)
      assert.deepStrictEqual(options?.tools, [Weather])
      assert.deepStrictEqual(options?.toolChoice, { mode: "required", oneOf: ["weather"] })
      assert.deepStrictEqual(options?.responseFormat, { type: "json", objectName: "place", schema })
    })
  )

  it.effect("falls over where an object doesn't fit its schema", () =>
    Effect.gen(function* () {
      const wrong = yield* engineOf(first, {
        parts: [...models.written("0", '{"town":"Rome"}'), models.finish()]
      })
      const right = yield* engineOf(second, {
        parts: [...models.written("0", '{"city":"Rome"}'), models.finish()]
      })
      const layer = over([wrong.engine, right.engine], { rules: { TransientError: { _tag: "fail-over" } } })
      const schema = Schema.Struct({ city: Schema.String })
      const answer = yield* LanguageModel.generateObject({ ...asked, schema }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(answer.value, { city: "Rome" })
      assert.deepInclude(reportOf(answer.content), { provider: "second", attempts: 2 })
    })
  )

  it.effect("loses no part where a character comes in two halves, or only in one", () =>
    Effect.gen(function* () {
      const [left = "", right = ""] = ["🦉".slice(0, 1), "🦉".slice(1)]
      const { engine } = yield* engineOf(first, {
        parts: [...models.written("t", "An owl ", left, right, left), models.finish()]
      })
      const parts = yield* Stream.runCollect(LanguageModel.streamText(asked)).pipe(
        Effect.provide(over([engine]))
      )
      const text = Chunk.toReadonlyArray(parts).flatMap((part) =>
        part.type === "text-delta" ? part.delta : ""
      )
      assert.strictEqual(text.join(""), `An owl 🦉${left}`)
    })
  )

  it.effect(
    "gives all parts of an answer, whole or streamed, those without content at the next that has some",
    () =>
      Effect.gen(function* () {
        const parts: ReadonlyArray<Response.StreamPartEncoded> = [
          { type: "response-metadata", id: "r1", modelId: "m1", timestamp: "2026-11-27T00:00:00.000Z" },
          { type: "reasoning-start", id: "r", metadata: { acme: { a: 1 } } },
          { type: "reasoning-delta", id: "r", delta: "Hm" },
          { type: "reasoning-end", id: "r", metadata: { acme: { b: 2 } } },
          ...models.written("t", "Be", "cause"),
          { type: "source", sourceType: "url", id: "s", url: "https://example.org/", title: "Sky" },
          { type: "source", sourceType: "document", id: "d", mediaType: "text/plain", title: "Doc" },
          { type: "file", mediaType: "image/png", data: "AAAA" },
          models.finish()
        ]
        const { engine } = yield* engineOf(first, { parts })
        const layer = over([engine])
        const seen: Array<ReadonlyArray<string>> = []
        yield* LanguageModel.streamText(asked).pipe(
          Stream.runForEachChunk((chunk) =>
            Effect.sync(() => void seen.push(Chunk.toReadonlyArray(Chunk.map(chunk, ({ type }) => type))))
          ),
          Effect.provide(layer)
        )
        assert.deepStrictEqual(
          seen.flat(),
          parts.map(({ type }) => type)
        )
        const streamed = yield* partsOf(LanguageModel.streamText(asked)).pipe(Effect.provide(layer))
        const metadata = streamed.find((part) => part.type === "response-metadata")
        assert.deepStrictEqual(metadata?.modelId, Option.some("m1"))
        const { content, reasoningText, text } = yield* LanguageModel.generateText(asked).pipe(
          Effect.provide(layer)
        )
        assert.strictEqual(text, "Because")
        assert.strictEqual(reasoningText, "Hm")
        assert.deepStrictEqual(
          content.map(({ type }) => type),
          ["response-metadata", "reasoning", "text", "source", "source", "file", "finish"]
        )
        assert.deepStrictEqual(content[1]?.metadata, { acme: { a: 1, b: 2 } })
        const file = content.find((part) => part.type === "file")
        assert.deepStrictEqual(file?.data, new Uint8Array([0, 0, 0]))
      })
  )

  it.effect("goes on where a stream was cut, in blocks that are begun once and ended once", () =>
    Effect.gen(function* () {
      const cut = yield* engineOf(first, {
        parts: [
          { type: "text-start", id: "a" },
          { type: "text-delta", id: "a", delta: "The sky " }
        ]
      })
      const again = yield* whole(second, "The ", "sky is", " blue")
      const parts = yield* partsOf(LanguageModel.streamText(asked)).pipe(
        Effect.provide(over([cut.engine, again.engine]))
      )
      assert.strictEqual(textOf(parts), "The sky is blue")
      const starts = parts.flatMap((part) => (part.type === "text-start" ? [part.id] : []))
      const ends = parts.flatMap((part) => (part.type === "text-end" ? [part.id] : []))
      assert.deepStrictEqual(ends.toSorted(), starts.toSorted())
      assert.strictEqual(new Set(starts).size, starts.length)
      // The provider's own count would be of its part of the answer only.
      const finish = parts.find((part) => part.type === "finish")
      assert.isUndefined(finish?.usage.inputTokens)
    })
  )

  it.effect("fails where a stream was cut and nobody says the same again", () =>
    Effect.gen(function* () {
      const cut = yield* engineOf(first, { parts: models.written("a", "The sky ").slice(0, 2) })
      const other = yield* whole(second, "A sky is")
      const seen: Array<Response.StreamPart<{}>> = []
      const error = yield* LanguageModel.streamText(asked).pipe(
        Stream.runForEach((part) => Effect.sync(() => void seen.push(part))),
        Effect.flip,
        Effect.provide(over([cut.engine, other.engine]))
      )
      assert.deepInclude(told(error), { tag: "UnknownError" })
      assert.deepInclude(told(error).cause, { _tag: "StreamInterruptedError", partialText: "The sky " })
      assert.strictEqual(textOf(seen), "The sky ")
      assert.isFalse(seen.some(({ type }) => type === "finish"))
    })
  )

  it.effect("never starts again on another provider once a tool has run", () =>
    Effect.gen(function* () {
      const calling = yield* engineOf(first, {
        parts: [{ type: "tool-call", id: "c", name: "weather", params: { city: "Rome" } }]
      })
      const other = yield* whole(second, "Mild")
      const ran = yield* Ref.make(0)
      const handlers = tools.toLayer({
        weather: () =>
          Effect.as(
            Ref.update(ran, (n) => n + 1),
            "mild"
          )
      })
      const error = yield* LanguageModel.streamText({ ...asked, toolkit: tools }).pipe(
        Stream.runDrain,
        Effect.flip,
        Effect.provide(Layer.merge(over([calling.engine, other.engine]), handlers))
      )
      assert.deepInclude(told(error).cause, { _tag: "StreamInterruptedError" })
      assert.strictEqual(yield* ran, 1)
      assert.strictEqual(other.asked.length, 0)
    })
  )

  it.effect("runs a tool with what another provider called, and none where the call was lost", () =>
    Effect.gen(function* () {
      const call = { type: "tool-call", id: "c", name: "weather", params: { city: "Rome" } } as const
      // Its call is whole, its answer isn't.
      const cut = yield* engineOf(first, { parts: [call] })
      const good = yield* engineOf(second, { parts: [call, models.finish("tool-calls")] })
      const ran = yield* Ref.make<ReadonlyArray<string>>([])
      const handlers = tools.toLayer({
        weather: ({ city }) =>
          Effect.as(
            Ref.update(ran, (all) => [...all, city]),
            "mild"
          )
      })
      const layer = over([cut.engine, good.engine], { rules: { TransientError: { _tag: "fail-over" } } })
      const answer = yield* LanguageModel.generateText({ ...asked, toolkit: tools }).pipe(
        Effect.provide(Layer.merge(layer, handlers))
      )
      assert.deepStrictEqual(
        answer.toolResults.map(({ result }) => result),
        ["mild"]
      )
      assert.deepStrictEqual(yield* ran, ["Rome"])
      assert.deepInclude(reportOf(answer.content), { provider: "second", attempts: 2 })
    })
  )

  it.effect("keeps a tool's types where its provider runs it", () =>
    Effect.gen(function* () {
      const { engine } = yield* engineOf(first, {
        parts: [
          { type: "tool-call", id: "w", name: "weather", params: { city: "Rome" }, providerExecuted: true },
          {
            type: "tool-result",
            id: "w",
            name: "weather",
            result: "mild",
            isFailure: false,
            providerExecuted: true
          },
          ...models.written("0", "Mild"),
          models.finish()
        ]
      })
      const answer = yield* LanguageModel.generateText({ ...asked, toolkit: tools }).pipe(
        Effect.provide(Layer.merge(over([engine]), nobodyAsked))
      )
      assert.deepStrictEqual(
        answer.toolResults.map(({ providerExecuted, result }) => ({ providerExecuted, result })),
        [{ providerExecuted: true, result: "mild" }]
      )
    })
  )
})

describe("a call over the package's own engines", () => {
  it.effect("is answered with text, usage and what it cost", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const usage = TokenUsage.make({ inputTokens: 9, outputTokens: 4 })
      const { layer } = yield* overScripted([
        { provider: first, price, script: [Behaviour.answer({ text: "Because", chunkSize: 3, usage })] }
      ])
      const answer = yield* LanguageModel.generateText(asked).pipe(Effect.provide(layer))
      assert.strictEqual(answer.text, "Because")
      assert.strictEqual(answer.finishReason, "stop")
      assert.deepInclude({ ...answer.usage }, { inputTokens: 9, outputTokens: 4, totalTokens: 13 })
      assert.deepInclude(reportOf(answer.content), { provider: "first", attempts: 1, cost: "0.000017" })
      const parts = yield* partsOf(LanguageModel.streamText(asked)).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        parts.map(({ type }) => type),
        ["text-start", "text-delta", "text-delta", "text-delta", "response-metadata", "text-end", "finish"]
      )
      assert.strictEqual(textOf(parts), "Because")
    })
  )

  it.effect("tells no counts that are estimates", () =>
    Effect.gen(function* () {
      const { layer } = yield* overScripted([{ provider: first, script: [Behaviour.answer({ text: "So" })] }])
      const { usage } = yield* LanguageModel.generateText(asked).pipe(Effect.provide(layer))
      assert.deepInclude({ ...usage }, { inputTokens: undefined, outputTokens: undefined })
    })
  )

  it.effect("runs tools, streamed or not, and refuses arguments that don't fit", () =>
    Effect.gen(function* () {
      const { layer, tasks } = yield* overScripted([
        {
          provider: first,
          script: [
            Behaviour.answer({ text: "Let me see", toolCalls: [toolCall] }),
            Behaviour.answer({ text: "Let me see", toolCalls: [toolCall] }),
            Behaviour.answer({ toolCalls: [{ ...toolCall, arguments: "no JSON" }] })
          ]
        }
      ])
      const handlers = tools.toLayer({ weather: ({ city }) => Effect.succeed(`mild in ${city}`) })
      const calls = { ...asked, toolkit: tools, toolChoice: { tool: "weather" } } as const
      const both = Layer.merge(layer, handlers)
      const answer = yield* LanguageModel.generateText(calls).pipe(Effect.provide(both))
      assert.deepStrictEqual(
        answer.toolResults.map(({ result }) => result),
        ["mild in Rome"]
      )
      assert.strictEqual(answer.finishReason, "tool-calls")
      const parts = yield* Stream.runCollect(LanguageModel.streamText(calls)).pipe(Effect.provide(both))
      assert.deepStrictEqual(
        Array.from(parts, ({ type }) => type).filter((type) => !type.endsWith("delta")),
        ["text-start", "text-end", "tool-call", "response-metadata", "finish", "tool-result"]
      )
      const error = yield* Effect.flip(LanguageModel.generateText(calls)).pipe(Effect.provide(both))
      assert.strictEqual(error._tag, "MalformedOutput")
      const [task] = yield* tasks
      assert.deepInclude(task, {
        toolChoice: { name: "weather" },
        tools: [
          {
            name: "weather",
            description: "The weather of a city",
            parameters: { ...Tool.getJsonSchema(Weather) }
          }
        ]
      })
    })
  )

  it.effect("carries a conversation, a schema and images in the task's fields", () =>
    Effect.gen(function* () {
      const { layer, tasks } = yield* overScripted([
        {
          provider: first,
          capabilities: { images: true },
          script: [Behaviour.answer({ text: '{"city":"Rome"}' })]
        }
      ])
      const prompt = Prompt.make([
        { role: "system", content: "Be brief" },
        { role: "system", content: "Be kind" },
        {
          role: "user",
          content: [
            { type: "text", text: "Where is this?" },
            { type: "file", mediaType: "image/png", data: new Uint8Array([0, 0, 0]) },
            { type: "file", mediaType: "image/*", data: "AAAA" },
            { type: "file", mediaType: "image/png", data: "https://example.org/a.png" },
            { type: "file", mediaType: "image/png", data: new URL("https://example.org/b.png") }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm" },
            { type: "text", text: "Let me " },
            { type: "text", text: "look" },
            {
              type: "tool-call",
              id: "call_1",
              name: "weather",
              params: { city: "Rome" },
              providerExecuted: false
            }
          ]
        },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: "call_1",
              name: "weather",
              result: { c: 20 },
              isFailure: false,
              providerExecuted: false
            },
            {
              type: "tool-result",
              id: "call_2",
              name: "weather",
              result: "mild",
              isFailure: false,
              providerExecuted: false
            }
          ]
        },
        { role: "user", content: [{ type: "text", text: " " }] },
        { role: "user", content: "And?" }
      ])
      const schema = Schema.Struct({ city: Schema.String })
      const { value } = yield* LanguageModel.generateObject({ prompt, schema, objectName: "place" }).pipe(
        Effect.provide(layer)
      )
      assert.deepStrictEqual(value, { city: "Rome" })
      const [task] = yield* tasks
      assert.strictEqual(task?.systemPrompt, "Be brief\n\nBe kind")
      assert.deepStrictEqual(task?.responseFormat, {
        type: "json_schema",
        name: "place",
        schema: { ...Tool.getJsonSchemaFromSchemaAst(schema.ast) }
      })
      assert.deepStrictEqual(task?.messages, [
        {
          role: "user",
          content: [
            { type: "text", text: "Where is this?" },
            { type: "image", url: "data:image/png;base64,AAAA" },
            { type: "image", url: "data:image/jpeg;base64,AAAA" },
            { type: "image", url: "https://example.org/a.png" },
            { type: "image", url: "https://example.org/b.png" }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm" },
            { type: "text", text: "Let me " },
            { type: "text", text: "look" }
          ],
          toolCalls: [toolCall]
        },
        { role: "tool", toolCallId: "call_1", content: '{"c":20}' },
        { role: "tool", toolCallId: "call_2", content: "mild" },
        { role: "user", content: [{ type: "text", text: " " }] },
        { role: "user", content: "And?" }
      ])
    })
  )

  it.effect("offers those of several tools that it may, and says nothing that isn't there", () =>
    Effect.gen(function* () {
      const { layer, tasks } = yield* overScripted([
        { provider: first, script: [Behaviour.answer({ text: "So" })] }
      ])
      const Nameless = Tool.make("now", { success: Schema.Void })
      const both = Toolkit.make(Weather, Nameless)
      const handlers = both.toLayer({ now: () => Effect.void, weather: () => Effect.succeed("mild") })
      const prompt = Prompt.make([
        { role: "user", content: [] },
        { role: "user", content: "When?" },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: "call_1",
              name: "now",
              result: undefined,
              isFailure: false,
              providerExecuted: false
            }
          ]
        }
      ])
      for (const [mode, expected] of [
        [{}, "auto"],
        [{ mode: "required" }, "required"]
      ] as const) {
        yield* LanguageModel.generateText({
          prompt,
          toolkit: both,
          toolChoice: { ...mode, oneOf: ["now"] }
        }).pipe(Effect.provide(Layer.merge(layer, handlers)))
        const task = (yield* tasks).at(-1)
        assert.strictEqual(task?.toolChoice, expected)
        assert.deepStrictEqual(
          task?.tools?.map(({ description, name }) => ({ description, name })),
          [{ description: undefined, name: "now" }]
        )
        assert.deepStrictEqual(task?.messages, [
          { role: "user", content: "When?" },
          { role: "tool", toolCallId: "call_1", content: "" }
        ])
      }
    })
  )

  it.effect("never goes to one that would leave something out", () =>
    Effect.gen(function* () {
      const file = { type: "file", mediaType: "video/mp4", data: new Uint8Array([1]) } as const
      const provided = { id: "c", name: "search", providerExecuted: true } as const
      for (const [prompt, what] of [
        [[{ role: "user", content: [file] }], "a file of the type video/mp4"],
        [[], "a prompt without a message of a user"],
        [
          [
            {
              role: "user",
              content: [{ ...file, mediaType: "audio/wav", data: "https://example.org/a.wav" }]
            }
          ],
          "a file of the type audio/wav"
        ],
        [
          [
            { role: "user", content: "Hi" },
            { role: "assistant", content: [file] }
          ],
          "a file that a model made"
        ],
        [
          [
            { role: "user", content: "Hi" },
            {
              role: "assistant",
              content: [
                { type: "tool-call", params: {}, ...provided },
                { type: "tool-result", result: "", isFailure: false, ...provided }
              ]
            }
          ],
          "a call of the tool search of a provider and what the tool search of a provider returned"
        ]
      ] as ReadonlyArray<readonly [Prompt.RawInput, string]>) {
        const { layer, tasks } = yield* overScripted([
          { provider: first, script: [Behaviour.answer({ text: "So" })] }
        ])
        const error = yield* Effect.flip(LanguageModel.generateText({ prompt })).pipe(Effect.provide(layer))
        assert.strictEqual(error._tag, "MalformedInput")
        assert.include(told(error).description, what)
        assert.deepStrictEqual(yield* tasks, [])
      }
    })
  )

  it.effect("goes to a language model instead, where there is one", () =>
    Effect.gen(function* () {
      const { engines } = yield* overScripted([
        { provider: first, script: [Behaviour.answer({ text: "So" })] }
      ])
      const model = yield* whole(second, "Searched")
      const layer = over([...engines, model.engine])
      const search = Toolkit.make(AnthropicTool.WebSearch_20250305({}))
      const answer = yield* LanguageModel.generateText({ ...asked, toolkit: search }).pipe(
        Effect.provide(layer)
      )
      assert.strictEqual(answer.text, "Searched")
      const plain = yield* LanguageModel.generateText(asked).pipe(Effect.provide(layer))
      assert.strictEqual(plain.text, "So")
    })
  )
})

describe("a call that fails", () => {
  it.effect("fails with an AiError that has ours as its cause", () =>
    Effect.gen(function* () {
      for (const [tag, expected, cause] of [
        ["AuthenticationError", "UnknownError", "AuthenticationError"],
        ["InputValidationError", "MalformedInput", "InputValidationError"],
        ["ModelNotFoundError", "UnknownError", "AllProvidersFailedError"]
      ] as const) {
        const { layer } = yield* overScripted([{ provider: first, script: [Behaviour.fail({ _tag: tag })] }])
        for (const call of [
          LanguageModel.generateText(asked),
          Stream.runDrain(LanguageModel.streamText(asked))
        ]) {
          const error = yield* Effect.flip(call).pipe(Effect.provide(layer))
          assert.strictEqual(error._tag, expected)
          assert.deepInclude(told(error).cause, { _tag: cause })
          assert.include(told(error).description, "first")
        }
      }
    })
  )
})

describe("CallOptions", () => {
  const answering = [Behaviour.answer({ text: "So" })] as const

  it.effect("reach the task of every call inside, the inner ones first", () =>
    Effect.gen(function* () {
      const { layer, tasks } = yield* overScripted([{ provider: first, script: answering }])
      yield* Effect.gen(function* () {
        yield* LanguageModel.generateText(asked).pipe(
          CallOptions.withOptions({ temperature: 1, maxTokens: 5 })
        )
        yield* LanguageModel.streamText(asked).pipe(
          CallOptions.withOptionsStream({ metadata: { team: "blue" }, userId: "u-2" }),
          Stream.runDrain
        )
        yield* LanguageModel.generateText(asked)
      }).pipe(CallOptions.withOptions({ temperature: 0.5, userId: "u-1" }), Effect.provide(layer))
      yield* LanguageModel.generateText(asked).pipe(Effect.provide(layer))
      const said = (yield* tasks).map((task) => ({
        temperature: task.temperature,
        maxTokens: task.maxTokens,
        userId: task.userId,
        metadata: task.metadata
      }))
      const none = { temperature: undefined, maxTokens: undefined, userId: undefined, metadata: undefined }
      assert.deepStrictEqual(said, [
        { ...none, temperature: 1, maxTokens: 5, userId: "u-1" },
        { ...none, temperature: 0.5, userId: "u-2", metadata: { team: "blue" } },
        { ...none, temperature: 0.5, userId: "u-1" },
        none
      ])
    })
  )

  it.effect("choose the provider by a strategy, and keep others out", () =>
    Effect.gen(function* () {
      const layer = Effect.map(
        overScripted([
          { provider: first, script: answering },
          { provider: second, script: [gone] }
        ]),
        ({ engines }) =>
          SagaLanguageModel.layer.pipe(
            Layer.provide(
              MultiLLMOrchestrator.layerFor({
                providers: [
                  { provider: first, qualityScore: 1 },
                  { provider: second, qualityScore: 9 }
                ],
                strategy: Strategy.cheapest
              })
            ),
            Layer.provide(Registry.layerEngines(engines))
          )
      )
      const quality = { strategy: Strategy.quality }
      const call = LanguageModel.generateText(asked)
      const fallen = yield* call.pipe(CallOptions.withOptions(quality), Effect.provide(yield* layer))
      assert.deepInclude(reportOf(fallen.content), { provider: "first", attempts: 2 })
      const direct = yield* call.pipe(Effect.provide(yield* layer))
      assert.deepInclude(reportOf(direct.content), { provider: "first", attempts: 1 })
      const error = yield* call.pipe(
        CallOptions.withOptions({ ...quality, useFallback: false }),
        Effect.flip,
        Effect.provide(yield* layer)
      )
      assert.deepInclude(told(error).cause, { _tag: "ModelNotFoundError" })
    })
  )

  it.effect("that can't be used fail the call and name the field", () =>
    Effect.gen(function* () {
      const { layer } = yield* overScripted([{ provider: first, script: answering }])
      const error = yield* LanguageModel.generateText(asked).pipe(
        CallOptions.withOptions({ temperature: 9 }),
        Effect.flip,
        Effect.provide(layer)
      )
      assert.strictEqual(error._tag, "MalformedInput")
      assert.deepInclude(told(error).cause, { _tag: "InvalidArgumentError", field: "temperature" })
    })
  )
})

describe("SagaLanguageModel.model", () => {
  it.effect("is a Model by the name of arc-saga", () =>
    Effect.gen(function* () {
      const { engines } = yield* overScripted([
        { provider: first, script: [Behaviour.answer({ text: "So" })] }
      ])
      const orchestrator = MultiLLMOrchestrator.layerFor({}).pipe(
        Layer.provide(Registry.layerEngines(engines))
      )
      const program = Effect.gen(function* () {
        return [yield* Model.ProviderName, (yield* LanguageModel.generateText(asked)).text]
      })
      const given = yield* program.pipe(Effect.provide(Layer.provide(SagaLanguageModel.model, orchestrator)))
      assert.deepStrictEqual(given, ["arc-saga", "So"])
    })
  )
})
