import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { clients, eventStream, mock, streaming, task } from "../utils/chatCompletions.js"
import { counted, end, engine, finish, hi, rest, stopped, text, whole, wire } from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

describe.concurrent.each(clients)("Claude over %s", (_, client) => {
  it.scopedLive("gives a mock server's text in both deliveries alike", () =>
    Effect.gen(function* () {
      const server = yield* mock
      const content = "Grüße aus Köln 🚀, ".repeat(20)
      server.onMessage("hi", { content, usage: { input_tokens: 11, output_tokens: 42 } })
      const made = yield* engine(server.url)
      const said = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) => ({
        text: attempts.text(events),
        usage: events.findLast(({ _tag }) => _tag === "Usage"),
        end: events.at(-1)
      })
      const expected = {
        text: content,
        usage: counted(11, 42),
        end: ReasoningEngine.finish("stop", "claude-test", { rawReason: "end_turn" })
      }
      assert.deepStrictEqual(said(yield* attempts.events(made, yield* streaming)), expected)
      assert.deepStrictEqual(said(yield* attempts.events(made, yield* task())), expected)
      const plain = yield* engine(server.url, { completeOver: "json" })
      assert.deepStrictEqual(yield* attempts.events(plain, yield* task()), [
        ReasoningEngine.textDelta(content),
        expected.usage,
        expected.end
      ])
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails with TransientError (network) where the connection breaks, wherever it does", () =>
    Effect.gen(function* () {
      const cut = { _tag: "TransientError", reason: "network", provider: "claude" }
      for (const bytes of [
        "",
        eventStream + RawServer.chunk(hi),
        eventStream + RawServer.chunk(hi).slice(0, -20),
        eventStream + RawServer.chunk(hi + wire(stopped()))
      ]) {
        for (const last of [RawServer.reset, RawServer.end]) {
          const steps = [...(bytes === "" ? [] : [RawServer.send(bytes)]), RawServer.pause(10), last]
          const server = yield* RawServer.make(steps)
          const error = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* streaming))
          assert.deepInclude(attempts.fields(error), cut)
          assert.strictEqual(server.requests.length, 1)
        }
      }
      const gone = yield* Effect.scoped(Effect.map(RawServer.make(whole), (server) => server.url))
      const error = yield* Effect.flip(attempts.events(yield* engine(gone), yield* streaming))
      assert.deepInclude(attempts.fields(error), cut)
      assert.include(error.description, "ECONNREFUSED")
    }).pipe(Effect.provide(client))
  )
})

describe.concurrent("Claude connections", () => {
  it.scopedLive("give what one network chunk brought together, and each chunk as it comes", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(eventStream),
        RawServer.send(RawServer.chunk(hi + wire(text("!")))),
        RawServer.pause(30),
        RawServer.send(RawServer.chunk(": keep-alive\n\n")),
        RawServer.pause(30),
        RawServer.send(RawServer.chunk(wire(text("?")))),
        RawServer.pause(30),
        RawServer.send(RawServer.chunk(wire(stopped(), end)) + RawServer.lastChunk)
      ])
      const seen = yield* attempts.chunks(yield* engine(server.url), yield* streaming)
      assert.deepStrictEqual(seen, [
        [ReasoningEngine.textDelta("Hi"), ReasoningEngine.textDelta("!"), counted(3, 1)],
        // The sign of life.
        [],
        [ReasoningEngine.textDelta("?")],
        [counted(3, 2), finish()]
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("serve the next request too", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(eventStream + RawServer.chunk(hi + rest)),
        RawServer.pause(2),
        RawServer.send(RawServer.lastChunk)
      ])
      const made = yield* engine(server.url)
      const asked = yield* streaming
      // The client needs a moment to put the connection back.
      yield* Effect.repeatN(Effect.delay(attempts.events(made, asked), "10 millis"), 2)
      assert.deepStrictEqual(
        server.requests.map(({ connection }) => connection),
        [0, 0, 0]
      )
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("bring tool calls, whole, from a mock server in both deliveries", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("weather", {
        toolCalls: [
          { id: "call_a", name: "weather", arguments: '{"city":"Rome","unit":"celsius"}' },
          { id: "call_b", name: "time", arguments: "{}" }
        ]
      })
      const asked = yield* task({ prompt: "weather?", tools: [{ name: "weather", parameters: {} }] })
      for (const completeOver of ["sse", "json"] as const) {
        const seen = yield* attempts.events(yield* engine(server.url, { completeOver }), asked)
        assert.deepStrictEqual(
          seen.filter(({ _tag }) => _tag !== "Usage"),
          [
            ReasoningEngine.toolCall({
              id: "call_a",
              name: "weather",
              arguments: '{"city":"Rome","unit":"celsius"}'
            }),
            ReasoningEngine.toolCall({ id: "call_b", name: "time", arguments: "{}" }),
            ReasoningEngine.finish("tool_calls", "claude-test", { rawReason: "tool_use" })
          ]
        )
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("fail by a mock server's errors and chaos", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("limit", {
        error: { message: "slow down", type: "rate_limit_error" },
        status: 429,
        retryAfter: 3
      })
      server.onMessage("cut", { content: "A long answer, ".repeat(20) }, { truncateAfterChunks: 3 })
      server.onMessage("drop", { content: "x" }, { chaos: { disconnectRate: 1 } })
      server.onMessage("garbage", { content: "x" }, { chaos: { malformedRate: 1 } })
      const made = yield* engine(server.url)
      for (const [prompt, expected] of [
        ["limit", { _tag: "RateLimitError", status: 429, retryAfterMs: 3000, description: "slow down" }],
        ["cut", { _tag: "TransientError", reason: "network" }],
        ["drop", { _tag: "TransientError", reason: "network" }],
        ["garbage", { _tag: "TransientError", reason: "malformed" }],
        ["nothing matches this", { _tag: "ModelNotFoundError" }]
      ] as const) {
        const error = yield* Effect.flip(attempts.events(made, yield* task({ prompt })))
        assert.deepInclude(attempts.fields(error), expected)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
