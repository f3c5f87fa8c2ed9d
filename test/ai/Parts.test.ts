import { LanguageModel, Prompt } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { Behaviour } from "arc-saga/testing"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as CallOptions from "../../src/ai/CallOptions.js"
import { modelRequest } from "../../src/ai/internal/fromTask.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import { over, overScripted } from "../utils/sagaLanguageModel.js"

const provider = AIProvider.Claude
const everything = { images: true, documents: true, audio: true }

/** The messages of the task that a prompt becomes. */
const messagesOf = (prompt: Prompt.RawInput) =>
  Effect.gen(function* () {
    const { layer, tasks } = yield* overScripted([
      { provider, capabilities: everything, script: [Behaviour.answer({ text: "So" })] }
    ])
    yield* LanguageModel.generateText({ prompt: Prompt.make(prompt) }).pipe(Effect.provide(layer))
    const [task] = yield* tasks
    return { messages: task?.messages, systemPrompt: task?.systemPrompt }
  })

const bytes = new Uint8Array([0, 0, 0])

describe("a prompt of Effect AI over the package's own engines", () => {
  it.effect("has its files as documents and sound, as bytes, base64 or an address", () =>
    Effect.gen(function* () {
      const file = (mediaType: string, data: string | Uint8Array | URL, fileName?: string) =>
        ({ type: "file", mediaType, data, fileName }) as const
      const { messages } = yield* messagesOf([
        {
          role: "user",
          content: [
            file("application/pdf", bytes, "a.pdf"),
            file("application/pdf", new URL("https://example.org/b.pdf")),
            file("text/plain", "VGVh"),
            file("audio/mpeg", bytes),
            file("audio/x-wav", "data:audio/x-wav;base64,AAAA"),
            file("audio/flac", "AAAA"),
            { type: "text", text: "What is it?" }
          ]
        }
      ])
      assert.deepStrictEqual(messages, [
        {
          role: "user",
          content: [
            { type: "document", url: "data:application/pdf;base64,AAAA", name: "a.pdf" },
            { type: "document", url: "https://example.org/b.pdf" },
            { type: "document", url: "data:text/plain;base64,VGVh" },
            { type: "audio", data: "AAAA", format: "mp3" },
            { type: "audio", data: "AAAA", format: "wav" },
            { type: "audio", data: "AAAA", format: "flac" },
            { type: "text", text: "What is it?" }
          ]
        }
      ])
    })
  )

  it.effect("has its thoughts, with what Anthropic wants back of them", () =>
    Effect.gen(function* () {
      // As Anthropic's package keeps it.
      const anthropic = { type: "thinking", signature: "s" } as const
      const redacted = { type: "redacted_thinking", redactedData: "r" } as const
      const openai = { itemId: "i" }
      const { messages } = yield* messagesOf(
        Prompt.fromMessages([
          Prompt.userMessage({ content: [Prompt.textPart({ text: "Hi" })] }),
          Prompt.assistantMessage({
            content: [
              Prompt.reasoningPart({ text: "Hm", options: { anthropic } }),
              Prompt.reasoningPart({ text: "", options: { anthropic: redacted } }),
              Prompt.reasoningPart({ text: "So", options: { openai } }),
              Prompt.textPart({ text: "Hello" })
            ]
          }),
          Prompt.userMessage({ content: [Prompt.textPart({ text: "And?" })] })
        ])
      )
      assert.deepStrictEqual(messages?.[1]?.content, [
        {
          type: "reasoning",
          text: "Hm",
          state: { wire: "messages", value: { type: "thinking", thinking: "Hm", signature: "s" } }
        },
        {
          type: "reasoning",
          text: "",
          state: { wire: "messages", value: { type: "redacted_thinking", data: "r" } }
        },
        { type: "reasoning", text: "So" },
        { type: "text", text: "Hello" }
      ])
    })
  )

  it.effect("has a tool's failure marked, and a system message at its place", () =>
    Effect.gen(function* () {
      const { messages, systemPrompt } = yield* messagesOf([
        { role: "system", content: "Be brief" },
        { role: "user", content: "Hi" },
        {
          role: "tool",
          content: [
            {
              type: "tool-result",
              id: "c",
              name: "f",
              result: { why: "down" },
              isFailure: true,
              providerExecuted: false
            }
          ]
        },
        { role: "system", content: "Be kind" },
        { role: "system", content: " " }
      ])
      assert.strictEqual(systemPrompt, "Be brief")
      assert.deepStrictEqual(messages, [
        { role: "user", content: "Hi" },
        { role: "tool", toolCallId: "c", content: '{"why":"down"}', isError: true },
        { role: "system", content: "Be kind" }
      ])
    })
  )
})

describe("an answer of the package's own engines", () => {
  it.effect("has what was thought, with what Anthropic wants back of it", () =>
    Effect.gen(function* () {
      const state = (value: Readonly<Record<string, unknown>>) => ({ wire: "messages", value }) as const
      const engine = ReasoningEngine.fromStream({
        provider,
        stream: () =>
          Stream.make<Array<ReasoningEngine.EngineEvent>>(
            { _tag: "ReasoningDelta", text: "H" },
            { _tag: "ReasoningDelta", text: "m", state: state({ type: "thinking", signature: "s" }) },
            { _tag: "ReasoningDelta", text: "", state: state({ type: "redacted_thinking", data: "r" }) },
            { _tag: "ReasoningDelta", text: "So" },
            { _tag: "TextDelta", text: "Yes" },
            { _tag: "Finish", reason: "stop", model: "m" }
          )
      })
      const { content } = yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        Effect.provide(over([engine]))
      )
      assert.containSubset(content.slice(0, 4), [
        { type: "reasoning", text: "Hm", metadata: { anthropic: { type: "thinking", signature: "s" } } },
        {
          type: "reasoning",
          text: "",
          metadata: { anthropic: { type: "redacted_thinking", redactedData: "r" } }
        },
        { type: "reasoning", text: "So", metadata: {} },
        { type: "text", text: "Yes" }
      ])
    })
  )
})

describe("the options of calls", () => {
  it.effect("are a task's parameters, of a whole answer and of a stream", () =>
    Effect.gen(function* () {
      const { layer, tasks } = yield* overScripted([{ provider, script: [Behaviour.answer({ text: "So" })] }])
      const options: CallOptions.Options = {
        reasoning: { effort: "high", show: true },
        seed: 7,
        topK: 3,
        frequencyPenalty: 1,
        presencePenalty: -1,
        verbosity: "low",
        serviceTier: "flex",
        cacheKey: "k",
        session: "s",
        parallelToolCalls: false,
        unsupported: "refuse",
        repair: 1,
        options: { chatCompletions: { store: false } }
      }
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        CallOptions.withOptions(options),
        Effect.provide(layer)
      )
      yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        CallOptions.withOptionsStream(options),
        Stream.runDrain,
        Effect.provide(layer)
      )
      const asked = yield* tasks
      assert.strictEqual(asked.length, 2)
      for (const task of asked) assert.containSubset(task, options)
    })
  )

  it.effect("bound a call's time where the policy doesn't, whole or streamed", () =>
    Effect.gen(function* () {
      const { layer } = yield* overScripted([{ provider, script: [Behaviour.never()] }])
      for (const call of [
        LanguageModel.generateText({ prompt: "Hi" }),
        Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" }))
      ]) {
        const fiber = yield* Effect.fork(
          Effect.flip(call).pipe(CallOptions.withOptions({ defaultTimeoutMs: 5000 }), Effect.provide(layer))
        )
        yield* TestClock.adjust(4999)
        assert.isTrue(Option.isNone(yield* fiber.poll))
        yield* TestClock.adjust(1)
        assert.include((yield* Fiber.join(fiber)).message, "5000 ms")
      }
    })
  )
})

describe("a task with documents and sound over a language model", () => {
  it.effect("has them as files", () =>
    Effect.gen(function* () {
      const task = yield* AITask.make({
        messages: [
          {
            role: "user",
            content: [
              { type: "document", url: "data:application/pdf;base64,AAAA", name: "a.pdf" },
              { type: "document", url: "https://example.org/b.pdf" },
              { type: "document", url: "data:text/plain,Tea" },
              { type: "audio", data: "AAAA", format: "mp3" }
            ]
          }
        ]
      })
      const { prompt } = yield* modelRequest(task)
      const [message] = prompt.content
      assert.deepStrictEqual(
        message?.role === "user"
          ? message.content.map((part) =>
              part.type === "file" ? [part.mediaType, part.fileName, String(part.data)] : []
            )
          : [],
        [
          ["application/pdf", "a.pdf", "0,0,0"],
          ["application/pdf", undefined, "https://example.org/b.pdf"],
          ["text/plain", undefined, "data:text/plain,Tea"],
          ["audio/mpeg", undefined, "0,0,0"]
        ]
      )
    })
  )
})
