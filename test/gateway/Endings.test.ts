import { assert, describe, it } from "@effect/vitest"
import { AIProvider, ReasoningEngine } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { post, start } from "./harness.js"

const house = AIProvider.unsafeMake("house")

type Said = Parameters<typeof ReasoningEngine.finish>[2]

/** A gateway over an engine that gives these events, and a Finish. */
const ending = (
  reason: ReasoningEngine.FinishReason,
  said: Said,
  ...events: ReadonlyArray<ReasoningEngine.EngineEvent>
) =>
  start({
    engines: [],
    registered: [
      ReasoningEngine.fromStream({
        provider: house,
        stream: () => Stream.fromIterable([...events, ReasoningEngine.finish(reason, "m", said)])
      })
    ]
  })

const user = { role: "user", content: "Hello" }
const hi = ReasoningEngine.textDelta("Hi")

const chat = (url: string, more: object = {}) =>
  Effect.map(
    post(`${url}/v1/chat/completions`, { model: "house", messages: [user], ...more }),
    ({ text }) => text
  )

const messages = (url: string, more: object = {}) =>
  Effect.map(
    post(`${url}/v1/messages`, { model: "house", max_tokens: 9, messages: [user], ...more }),
    ({ text }) => text
  )

describe("the end of an answer at the gateway", () => {
  it.scopedLive("has Anthropic's stop reason and stop sequence as they were said", () =>
    Effect.gen(function* () {
      for (const [reason, said, stop_reason, stop_sequence] of [
        ["stop", { rawReason: "stop_sequence", stopSequence: "###" }, "stop_sequence", "###"],
        ["stop", { stopSequence: "###" }, "stop_sequence", "###"],
        ["stop", { rawReason: "stop_sequence" }, "stop_sequence", null],
        ["stop", { rawReason: "eos" }, "end_turn", null],
        ["stop", undefined, "end_turn", null],
        ["other", { rawReason: "pause_turn" }, "pause_turn", null],
        ["length", { rawReason: "end_turn" }, "max_tokens", null]
      ] as const) {
        const { url } = yield* ending(reason, said, hi)
        const whole: unknown = JSON.parse(yield* messages(url))
        assert.deepInclude(whole, { stop_reason, stop_sequence })
        const streamed = yield* messages(url, { stream: true })
        assert.include(streamed, `"delta":${JSON.stringify({ stop_reason, stop_sequence })}`)
      }
    })
  )

  it.scopedLive("has OpenAI's finish reason, and the provider's own word where it is another one", () =>
    Effect.gen(function* () {
      for (const [said, expected] of [
        [{ rawReason: "end_turn" }, '"finish_reason":"stop","native_finish_reason":"end_turn"'],
        [undefined, '"finish_reason":"stop"']
      ] as const) {
        const { url } = yield* ending("stop", said, hi)
        for (const text of [yield* chat(url), yield* chat(url, { stream: true })]) {
          assert.include(text, expected)
          assert.strictEqual(text.includes("native_finish_reason"), said !== undefined)
        }
      }
    })
  )
})

describe("arguments of tool calls at the gateway", () => {
  it.scopedLive("are {} where the model gave none, in both dialects", () =>
    Effect.gen(function* () {
      for (const args of ["", " ", "null"]) {
        const call = ReasoningEngine.toolCall({ id: "a", name: "now", arguments: args })
        const { url } = yield* ending("tool_calls", undefined, call)
        for (const text of [yield* chat(url), yield* chat(url, { stream: true })]) {
          assert.include(text, '"function":{"name":"now","arguments":"{}"}')
        }
        assert.include(yield* messages(url), '"name":"now","input":{}')
        assert.include(yield* messages(url, { stream: true }), '"partial_json":"{}"')
      }
    })
  )

  it.scopedLive("are taken absent, empty, null and parsed from clients that send them back", () =>
    Effect.gen(function* () {
      const { engines, url } = yield* start({
        engines: [{ provider: house, script: [Behaviour.answer({ text: "Hi" })] }]
      })
      const results = [{ role: "tool", tool_call_id: "a", content: "Noon" }]
      const sent = [
        {},
        { arguments: "" },
        { arguments: null },
        { arguments: "null" },
        { arguments: { x: 1 } }
      ]
      for (const args of sent) {
        const called = [{ id: "a", type: "function", function: { name: "now", ...args } }]
        yield* chat(url, {
          messages: [user, { role: "assistant", content: null, tool_calls: called }, ...results]
        })
      }
      const input = { role: "assistant", content: [{ type: "tool_use", id: "a", name: "now", input: {} }] }
      const result = { role: "user", content: [{ type: "tool_result", tool_use_id: "a", content: "Noon" }] }
      yield* messages(url, { messages: [user, input, result] })
      const calls = yield* engines[0]?.calls ?? Effect.succeed([])
      const given = calls.map(({ request }) =>
        request.task.messages.flatMap((message) =>
          message.role === "assistant" ? (message.toolCalls ?? []).map((call) => call.arguments) : []
        )
      )
      assert.deepStrictEqual(given, [["{}"], ["{}"], ["{}"], ["{}"], ['{"x":1}'], ["{}"]])
    })
  )
})
