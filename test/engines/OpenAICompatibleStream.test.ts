import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AITask from "../../src/AITask.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "../utils/attempts.js"
import {
  type Changes,
  counted,
  delta,
  engine,
  eventStream,
  finish,
  hi,
  stop,
  task
} from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

const answered = (
  steps: ReadonlyArray<RawServer.Step>,
  changes: Changes = {},
  mode: AITask.Mode = "streaming"
) =>
  Effect.gen(function* () {
    const server = yield* RawServer.make(steps)
    const made = yield* engine(server.url, changes)
    return yield* attempts.events(made, yield* task({ mode }))
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

const body = (text: string) => answered(RawServer.answer(200, "text/event-stream", text))

const stream = (...events: ReadonlyArray<unknown>) =>
  body(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""))

const piece = (value: unknown) =>
  answered(
    RawServer.answer(200, "application/json", JSON.stringify(value)),
    { completeOver: "json" },
    "complete"
  )

const hiStop = [ReasoningEngine.textDelta("Hi"), ReasoningEngine.finish("stop", "gpt-4o")]

describe.concurrent("OpenAICompatible streams", () => {
  it.live("tolerate data without a space, comments, CRLF, and other fields", () =>
    Effect.gen(function* () {
      const hi = JSON.stringify(delta({ content: "Hi" }))
      const stop = JSON.stringify(finish("stop"))
      for (const text of [
        `data:${hi}\n\ndata:${stop}\n\ndata:[DONE]\n\n`,
        `: ping\n\ndata: ${hi}\n\n: ping\n\ndata: ${stop}\n\n`,
        `data: ${hi}\r\n\r\ndata: ${stop}\r\n\r\ndata: [DONE]\r\n\r\n`,
        `data: ${hi}\r\rdata: ${stop}\r\r`,
        `\uFEFFdata: ${hi}\n\nid: 1\nretry: 10\nretry: soon\nevent: message\ndata: ${stop}\n\n`,
        `data: ${hi}\n\ndata: ${stop}`,
        `data: ${hi}\n\ndata: ${stop}\r`,
        `data: ${hi}\n\ndata: ${stop}\n\ndata: [DONE]`,
        `data: ${hi}\n\ndata: ${stop}\n\ndata: [DONE]\n\ndata: ${hi}\n\n`,
        `data: ${hi}\n\ndata:\n\ndata: \n\nevent: ping\ndata: pong\n\ndata: ${stop}\n\n`
      ]) {
        assert.deepStrictEqual(yield* body(text), hiStop)
      }
    })
  )

  it.live("tolerate roles, nulls, empty choices, other choices and unknown fields", () =>
    Effect.gen(function* () {
      const seen = yield* stream(
        { choices: [], prompt_filter_results: [{}] },
        {
          error: null,
          usage: null,
          choices: [{ delta: { role: "assistant", content: null, tool_calls: null } }]
        },
        { choices: [{ index: 1, delta: { content: "Ho" }, finish_reason: "length" }] },
        delta(
          { content: "Hi", reasoning_content: "hm", refusal: null },
          { finish_reason: null, logprobs: {} }
        ),
        delta({
          content: [{ type: "thinking", thinking: [] }, { type: "text" }, { type: "text", text: "!" }]
        }),
        { choices: [{ index: 0, finish_reason: "stop" }] }
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.reasoningDelta("hm"),
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.textDelta("!"),
        ReasoningEngine.reasoningDelta("", {
          wire: "chatCompletions",
          value: { reasoning_content: "hm" }
        }),
        ReasoningEngine.finish("stop", "gpt-4o")
      ])
    })
  )

  it.live("end by finish reason, also where it is empty in between or the server's own", () =>
    Effect.gen(function* () {
      for (const [said, reason] of [
        ["stop", "stop"],
        ["length", "length"],
        ["STOP", "stop"],
        ["MAX_TOKENS", "length"],
        ["eos", "other"]
      ] as const) {
        const seen = yield* stream(delta({ content: "Hi" }, { finish_reason: "" }), finish(said), finish(""))
        assert.deepStrictEqual(seen.at(-1), ReasoningEngine.finish(reason, "gpt-4o", { rawReason: said }))
      }
    })
  )

  it.live("end by [DONE] alone where something of the answer came", () =>
    Effect.gen(function* () {
      const seen = yield* body(`data: ${JSON.stringify(delta({ content: "Hi" }))}\n\ndata: [DONE]\n\n`)
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.finish("other", "gpt-4o")
      ])
    })
  )

  it.live("fail where one event among good ones can't be read", () =>
    Effect.gen(function* () {
      const hi = JSON.stringify(delta({ content: "Hi" }))
      for (const bad of [
        '{"choices":[{]',
        "17",
        '"text"',
        "null",
        "[]",
        '{"choices":"none"}',
        '{"choices":[null]}',
        JSON.stringify(delta({ content: 7 })),
        JSON.stringify(delta({ tool_calls: {} }))
      ]) {
        const events = [hi, bad, JSON.stringify(finish("stop")), "[DONE]"]
        const error = yield* Effect.flip(body(events.map((data) => `data: ${data}\n\n`).join("")))
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "malformed" }, bad)
      }
    })
  )

  it.live("count by the last usage, cached and reasoning tokens told apart, however often it comes", () =>
    Effect.gen(function* () {
      const usage = (completion_tokens: number) => ({ prompt_tokens: 9, completion_tokens })
      assert.deepStrictEqual(
        yield* stream(
          { ...delta({ content: "H" }), usage: usage(1) },
          { ...delta({ content: "i" }), usage: usage(2) },
          { ...finish("stop"), usage: usage(3) }
        ),
        [
          ReasoningEngine.textDelta("H"),
          ReasoningEngine.textDelta("i"),
          counted(9, 3),
          ReasoningEngine.finish("stop", "gpt-4o")
        ]
      )
      const detailed = yield* stream(finish("stop"), {
        choices: [],
        usage: {
          ...usage(7),
          total_tokens: 16,
          prompt_tokens_details: { cached_tokens: 5, audio_tokens: 0 },
          completion_tokens_details: { reasoning_tokens: 4 }
        }
      })
      assert.deepStrictEqual(
        detailed[0],
        ReasoningEngine.usage(
          TokenUsage.make({ inputTokens: 9, outputTokens: 7, cacheReadTokens: 5, reasoningTokens: 4 })
        )
      )
      const groq = yield* stream({ ...finish("stop"), x_groq: { id: "r", usage: usage(7) } })
      assert.deepStrictEqual(groq[0], counted(9, 7))
    })
  )

  it.live("have no usage where the server tells none that can be believed", () =>
    Effect.gen(function* () {
      for (const usage of [{}, { prompt_tokens: -1, completion_tokens: NaN }, "many", { total_tokens: 4 }]) {
        assert.deepStrictEqual(yield* stream(delta({ content: "Hi" }), { ...finish("stop"), usage }), hiStop)
      }
    })
  )

  it.live("are whole without the usage that a server promises and never sends", () =>
    Effect.gen(function* () {
      const head = RawServer.send(eventStream + RawServer.chunk(hi) + RawServer.chunk(stop))
      const seen = yield* Effect.timeout(answered([head]), "5 seconds")
      assert.deepStrictEqual(
        seen.map(({ _tag }) => _tag),
        ["TextDelta", "Finish"]
      )
    })
  )

  it.live("join the pieces of tool calls by index, and name those without an id", () =>
    Effect.gen(function* () {
      const calls = (...tool_calls: ReadonlyArray<unknown>) => delta({ tool_calls })
      const seen = yield* stream(
        delta({ content: "Let me see" }),
        calls({ index: 0, id: "call_a", type: "function", function: { name: "weather", arguments: "" } }),
        calls({ index: 0, function: { arguments: '{"city":' } }),
        calls({ index: 1, id: "", function: { name: "time", arguments: "{}" } }),
        calls({ index: 0, id: "call_a", function: { name: "weather", arguments: '"Rome"}' } }),
        finish("stop")
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Let me see"),
        ReasoningEngine.toolCall({ id: "call_a", name: "weather", arguments: '{"city":"Rome"}' }),
        ReasoningEngine.toolCall({ id: "call_1", name: "time", arguments: "{}" }),
        ReasoningEngine.finish("tool_calls", "gpt-4o", { rawReason: "stop" })
      ])
    })
  )

  it.live("tell tool calls apart where servers give them no index, or all the same", () =>
    Effect.gen(function* () {
      const calls = (...tool_calls: ReadonlyArray<unknown>) => delta({ tool_calls })
      const expected = [
        ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"x":1}' }),
        ReasoningEngine.toolCall({ id: "b", name: "g", arguments: '{"y":2}' }),
        ReasoningEngine.finish("tool_calls", "gpt-4o")
      ]
      assert.deepStrictEqual(
        yield* stream(
          calls(
            { index: 0, id: "a", function: { name: "f", arguments: { x: 1 } } },
            { index: 0, id: "b", function: { name: "g", arguments: { y: 2 } } }
          ),
          finish("tool_calls")
        ),
        expected
      )
      assert.deepStrictEqual(
        yield* stream(
          calls({ id: "a", function: { name: "f", arguments: '{"x":' } }),
          calls({ id: "a", function: { arguments: "1}" } }),
          calls({ id: "b", function: { name: "g" } }),
          calls({ function: { arguments: '{"y":2}' } }),
          finish("tool_calls")
        ),
        expected
      )
    })
  )

  it.live("take the one function call of old servers", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* stream(
          delta({ function_call: { name: "f", arguments: "{" } }),
          delta({ function_call: { arguments: "}" } }),
          finish("function_call")
        ),
        [
          ReasoningEngine.toolCall({ id: "call_0", name: "f", arguments: "{}" }),
          ReasoningEngine.finish("tool_calls", "gpt-4o", { rawReason: "function_call" })
        ]
      )
    })
  )
})

describe.concurrent("OpenAICompatible answers in one piece", () => {
  it.live("are decoded as streams are", () =>
    Effect.gen(function* () {
      const seen = yield* piece({
        object: "chat.completion",
        model: "gpt-4o-2024",
        choices: [
          {
            index: 0,
            message: {
              role: "assistant",
              content: "Let me see",
              tool_calls: [
                { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
                { type: "function", function: { name: "g", arguments: "{}" } }
              ]
            },
            finish_reason: "tool_calls"
          }
        ],
        usage: { prompt_tokens: 3, completion_tokens: 4 }
      })
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Let me see"),
        counted(3, 4),
        ReasoningEngine.toolCall({ id: "a", name: "f", arguments: "{}" }),
        ReasoningEngine.toolCall({ id: "call_1", name: "g", arguments: "{}" }),
        ReasoningEngine.finish("tool_calls", "gpt-4o-2024")
      ])
    })
  )

  it.live("are whole without finish reason and usage", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* piece({ choices: [{ message: { content: "Hi" } }] }), [
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.finish("other", "gpt-4o")
      ])
    })
  )

  it.live("may come where a stream was asked for, and streams where one piece was", () =>
    Effect.gen(function* () {
      const whole = JSON.stringify({ choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] })
      const json = yield* answered(RawServer.answer(200, "application/json; charset=utf-8", whole))
      assert.deepStrictEqual(json, hiStop)
      const events = `data: ${whole}\n\n`
      const sse = RawServer.answer(200, "text/event-stream", events)
      assert.deepStrictEqual(yield* answered(sse, { completeOver: "json" }, "complete"), hiStop)
      const untold = RawServer.answer(200, "text/plain", events)
      assert.deepStrictEqual(yield* answered(untold), hiStop)
      const nameless = [
        RawServer.send(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${events}`),
        RawServer.end
      ]
      assert.deepStrictEqual(yield* answered(nameless), hiStop)
    })
  )
})
