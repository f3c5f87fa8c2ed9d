import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as AITask from "../../src/AITask.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "../utils/attempts.js"
import { task } from "../utils/chatCompletions.js"
import {
  block,
  blockStop,
  type Changes,
  counted,
  delta,
  end,
  engine,
  finish,
  hi,
  json,
  piece,
  ping,
  rest,
  start,
  stopped,
  text,
  wholeEvents,
  wire
} from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

const answered = (
  steps: ReadonlyArray<RawServer.Step>,
  changes: Changes = {},
  mode: AITask.Mode = "streaming"
) =>
  Effect.gen(function* () {
    const server = yield* RawServer.make(steps)
    return yield* attempts.events(yield* engine(server.url, changes), yield* task({ mode }))
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

const body = (bytes: string) => answered(RawServer.answer(200, "text/event-stream", bytes))

const stream = (...events: ReadonlyArray<Readonly<Record<string, unknown>>>) => body(wire(...events))

const inPiece = (changes: object) => answered(json(200, piece(changes)), { completeOver: "json" }, "complete")

const toolUse = (id: string, name?: string) => ({ type: "tool_use", id, name, input: {} })
const inputJson = (partial_json: string, index = 0) =>
  delta({ type: "input_json_delta", partial_json }, index)

describe.concurrent("Claude streams", () => {
  it.live("pass over pings, events and deltas that they don't know, and what isn't the answer's text", () =>
    Effect.gen(function* () {
      const seen = yield* stream(
        ping,
        start(),
        { type: "something_new", content_block: 17 },
        block({ type: "thinking", thinking: "", signature: "" }),
        delta({ type: "thinking_delta", thinking: "hm" }),
        delta({ type: "signature_delta", signature: "sig" }),
        blockStop(),
        block({ type: "redacted_thinking", data: "x" }, 1),
        blockStop(1),
        block({ type: "server_tool_use", id: "s", name: "web_search", input: {} }, 2),
        inputJson('{"query":"hi"}', 2),
        blockStop(2),
        block({ type: "text", text: "H", citations: [] }, 3),
        delta({ type: "citations_delta", citation: { cited_text: "no" } }, 3),
        delta({ type: "new_delta", text: 17 }, 3),
        text("i", 3),
        text("", 3),
        blockStop(3),
        stopped(),
        end,
        text("never")
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.reasoningDelta("hm"),
        ReasoningEngine.reasoningDelta("", {
          wire: "messages",
          value: { type: "thinking", thinking: "hm", signature: "sig" }
        }),
        ReasoningEngine.reasoningDelta("", {
          wire: "messages",
          value: { type: "redacted_thinking", data: "x" }
        }),
        ReasoningEngine.textDelta("H"),
        ReasoningEngine.textDelta("i"),
        counted(3, 2),
        { ...finish(), citations: [{ cited_text: "no" }] }
      ])
    })
  )

  it.live(
    "tolerate data without a space, comments, CRLF, no event names, and a missing last blank line",
    () =>
      Effect.gen(function* () {
        const whole = hi + rest
        for (const bytes of [
          whole.replaceAll("data: ", "data:"),
          whole.replaceAll("\n", "\r\n"),
          whole.replaceAll(/^event: .*\n/gm, ""),
          whole.replaceAll(/"type":"(message|content_block)_(\w+)",?/g, ""),
          `\uFEFF: ping\n\n${whole.trimEnd()}`,
          `${whole}data: [DONE]\n\n`,
          whole.replace("event: message_stop", "data: [DONE]\n\nevent: message_stop")
        ]) {
          assert.deepStrictEqual(yield* body(bytes), wholeEvents, bytes)
        }
      })
  )

  it.live("end by their stop reason", () =>
    Effect.gen(function* () {
      for (const [said, reason] of [
        ["end_turn", "stop"],
        ["stop_sequence", "stop"],
        ["max_tokens", "length"],
        ["something_new", "other"],
        [null, "other"]
      ] as const) {
        const streamed = yield* stream(start(), block(), text("Hi"), blockStop(), stopped(said), end)
        const finished = finish(reason, said ?? undefined)
        assert.deepStrictEqual(streamed, [ReasoningEngine.textDelta("Hi"), counted(3, 2), finished])
        assert.deepStrictEqual(yield* inPiece({ stop_reason: said }), streamed)
      }
      assert.deepStrictEqual(yield* stream(start(), stopped(), end), [counted(3, 2), finish()])
    })
  )

  it.live("say that an answer whose turn is paused isn't complete", () =>
    Effect.gen(function* () {
      const seen = yield* stream(start(), block(), text("Hi"), stopped("pause_turn"), end)
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Hi"),
        counted(3, 2),
        ReasoningEngine.warning("the model paused its turn: the answer isn't complete"),
        finish("other", "pause_turn")
      ])
    })
  )

  it.live("fail where one event among good ones can't be read", () =>
    Effect.gen(function* () {
      for (const bad of [
        'data: {"type":"content_block_delta",\n\n',
        'event: content_block_delta\ndata: {"type":\n\n',
        "data: 17\n\n",
        "data: {}\n\n",
        wire(delta({ type: "text_delta", text: 17 })),
        wire({ type: "content_block_delta", index: 0 }),
        wire({ type: "content_block_start", index: 1, content_block: { text: "no type" } }),
        wire(inputJson('{"lost":"head"}', 3))
      ]) {
        const error = yield* Effect.flip(body(hi + bad + rest))
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "malformed" }, bad)
      }
      const unknown = "event: something_new\ndata: {broken\n\n"
      assert.deepStrictEqual(yield* body(hi + unknown + rest), wholeEvents)
    })
  )

  it.live("name the model that was asked where the server doesn't say which one answered", () =>
    Effect.gen(function* () {
      const seen = yield* stream(
        { type: "message_start", message: {} },
        text("Hi"),
        stopped("end_turn", null),
        end
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.finish("stop", "claude-test", { rawReason: "end_turn" })
      ])
    })
  )
})

describe.concurrent("Claude usage", () => {
  const usages = (first: unknown, last: unknown) =>
    Effect.map(stream(start(first), block(), text("Hi"), stopped("end_turn", last), end), (seen) =>
      seen.flatMap((event) => (event._tag === "Usage" ? [event.usage] : []))
    )

  it.live("is the sum of what was read plainly, written to the cache and read from it", () =>
    Effect.gen(function* () {
      const first = {
        input_tokens: 3,
        cache_creation_input_tokens: 10,
        cache_read_input_tokens: 100,
        cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 },
        output_tokens: 1,
        service_tier: "standard"
      }
      const expected = TokenUsage.make({
        inputTokens: 113,
        outputTokens: 7,
        cacheReadTokens: 100,
        cacheWriteTokens: 10,
        cacheWrite1hTokens: 6
      })
      assert.deepStrictEqual(yield* usages(first, { output_tokens: 7 }), [expected])
      const { cache_creation_input_tokens: _, ...parts } = first
      assert.deepStrictEqual(yield* usages(parts, { output_tokens: 7 }), [expected])
    })
  )

  it.live("is cumulative: what is told later replaces what was told before, and only that", () =>
    Effect.gen(function* () {
      const [usage] = yield* usages(
        { input_tokens: 3, cache_read_input_tokens: 5, output_tokens: 50 },
        {
          input_tokens: 4,
          cache_read_input_tokens: null,
          cache_creation_input_tokens: null,
          output_tokens: 60
        }
      )
      assert.deepStrictEqual(usage, TokenUsage.make({ inputTokens: 9, outputTokens: 60, cacheReadTokens: 5 }))
    })
  )

  it.live("comes with its beginning, so that a cut answer has one too", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(RawServer.chunkedHead("text/event-stream") + RawServer.chunk(wire(start()))),
        RawServer.pause(30),
        RawServer.send(RawServer.chunk(wire(block(), text("Hi")) + rest) + RawServer.lastChunk)
      ])
      const chunks = yield* attempts.chunks(yield* engine(server.url), yield* task())
      assert.deepStrictEqual(chunks, [[counted(3, 1)], wholeEvents])
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.live("is none where the server tells none that can be believed", () =>
    Effect.gen(function* () {
      for (const [first, last] of [
        [null, null],
        ["many", 17],
        [{ input_tokens: -1, output_tokens: "x" }, { output_tokens: 1e12 }],
        [{ input_tokens: 0.5 }, {}]
      ]) {
        assert.deepStrictEqual(yield* usages(first, last), [])
      }
    })
  )
})

describe.concurrent("Claude tool calls", () => {
  it.live("come whole, each when its block ends", () =>
    Effect.gen(function* () {
      const seen = yield* stream(
        start(),
        block(),
        text("Let me see"),
        blockStop(),
        block(toolUse("toolu_1", "weather"), 1),
        inputJson("", 1),
        inputJson('{"city":', 1),
        block(toolUse("toolu_2", "time"), 2),
        inputJson('"Rome"}', 1),
        blockStop(1),
        blockStop(2),
        stopped("tool_use"),
        end
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Let me see"),
        ReasoningEngine.toolCall({ id: "toolu_1", name: "weather", arguments: '{"city":"Rome"}' }),
        ReasoningEngine.toolCall({ id: "toolu_2", name: "time", arguments: "{}" }),
        counted(3, 2),
        finish("tool_calls")
      ])
    })
  )

  it.live("are calls also where their block doesn't end, has no id, or the stop reason is another", () =>
    Effect.gen(function* () {
      const seen = yield* stream(
        start(),
        block({ type: "tool_use", name: "f" }),
        inputJson("{}"),
        stopped(),
        end
      )
      assert.deepStrictEqual(seen, [
        ReasoningEngine.toolCall({ id: "call_0", name: "f", arguments: "{}" }),
        counted(3, 2),
        finish("tool_calls", "end_turn")
      ])
    })
  )

  it.live("fail the answer without a name, and where there is none of those that it ends in", () =>
    Effect.gen(function* () {
      const nameless = [block(toolUse("a")), inputJson("{}"), blockStop()]
      for (const events of [nameless, [block(), text("I'll look"), blockStop()]]) {
        const error = yield* Effect.flip(stream(start(), ...events, stopped("tool_use"), end))
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "malformed" })
      }
    })
  )
})

describe.concurrent("Claude answers in one piece", () => {
  it.live("are decoded as streams are", () =>
    Effect.gen(function* () {
      const seen = yield* inPiece({
        content: [
          { type: "thinking", thinking: "hm", signature: "sig" },
          { type: "text", text: "Let me see" },
          { type: "text" },
          { type: "tool_use", id: "a", name: "f", input: { city: "Rome" } },
          { type: "tool_use", id: "b", name: "g" }
        ],
        stop_reason: "tool_use",
        usage: { input_tokens: 3, output_tokens: 4, cache_read_input_tokens: 2 }
      })
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Let me see"),
        ReasoningEngine.reasoningDelta("hm"),
        ReasoningEngine.reasoningDelta("", {
          wire: "messages",
          value: { type: "thinking", thinking: "hm", signature: "sig" }
        }),
        ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"city":"Rome"}' }),
        ReasoningEngine.toolCall({ id: "b", name: "g", arguments: "{}" }),
        ReasoningEngine.usage(TokenUsage.make({ inputTokens: 5, outputTokens: 4, cacheReadTokens: 2 })),
        finish("tool_calls")
      ])
    })
  )

  it.live("may come where a stream was asked for, and streams where one piece was", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* answered(json(200, piece())), wholeEvents)
      const sse = RawServer.answer(200, "text/event-stream", hi + rest)
      assert.deepStrictEqual(yield* answered(sse, { completeOver: "json" }, "complete"), wholeEvents)
      assert.deepStrictEqual(yield* answered(RawServer.answer(200, "text/plain", hi + rest)), wholeEvents)
    })
  )
})
