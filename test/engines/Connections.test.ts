/** What engines that speak a wire of many servers do with connections, and before a third party's mock server. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import { clients, eventStream, mock, streaming, task } from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

interface Wire {
  readonly name: string
  readonly provider: string
  readonly make: (
    url: string,
    completeOver?: "sse" | "json"
  ) => Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError, HttpClient.HttpClient>
  /** Where the mock server has the API. */
  readonly path: string
  /** The counts of 11 tokens in and 42 out, as the mock server takes them. */
  readonly usage: Readonly<Record<string, number>>
  /** The terminal event of the mock server's answers. */
  readonly finish: (reason: "stop" | "tool_calls") => ReasoningEngine.EngineEvent
  /** An answer in pieces: a text, another, and the end. */
  readonly pieces: readonly [string, string, string]
  readonly textOf: string
}

const wires: ReadonlyArray<Wire> = [
  {
    name: "Claude",
    provider: "claude",
    make: (url, completeOver = "sse") => messages.engine(url, { completeOver }),
    path: "",
    usage: { input_tokens: 11, output_tokens: 42 },
    finish: (reason) =>
      ReasoningEngine.finish(reason, "claude-test", {
        rawReason: reason === "stop" ? "end_turn" : "tool_use"
      }),
    pieces: [messages.hi, messages.wire(messages.text("!")), messages.wire(messages.stopped(), messages.end)],
    textOf: "Hi!"
  },
  {
    name: "OpenAICompatible",
    provider: "gpt4",
    make: (url, completeOver = "sse") => chat.engine(url, { completeOver }),
    path: "/v1",
    usage: { prompt_tokens: 11, completion_tokens: 42 },
    finish: (reason) => ReasoningEngine.finish(reason, "gpt-4o"),
    pieces: [chat.hi, chat.hi, chat.stop + chat.usage + chat.done],
    textOf: "HiHi"
  }
]

const uncounted = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) =>
  events.filter(({ _tag }) => _tag !== "Usage")

describe.concurrent.each(
  wires.flatMap((wire) => clients.map(([name, client]) => ({ ...wire, over: name, client })))
)("$name over $over", ({ client, finish, make, path, pieces, provider, usage }) => {
  it.scopedLive("gives a mock server's text in both deliveries alike", () =>
    Effect.gen(function* () {
      const server = yield* mock
      const content = "Grüße aus Köln 🚀, ".repeat(20)
      server.onMessage("hi", { content, usage })
      const made = yield* make(`${server.url}${path}`)
      const inPiece = yield* make(`${server.url}${path}`, "json")
      for (const events of [
        yield* attempts.events(made, yield* streaming),
        yield* attempts.events(made, yield* task()),
        yield* attempts.events(inPiece, yield* task())
      ]) {
        assert.strictEqual(attempts.text(events), content)
        assert.deepStrictEqual(events.slice(-2), [chat.counted(11, 42), finish("stop")])
      }
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails with TransientError (network) where the connection breaks, wherever it does", () =>
    Effect.gen(function* () {
      const broken = { _tag: "TransientError", reason: "network", provider }
      const [hi] = pieces
      for (const bytes of [
        "",
        eventStream + RawServer.chunk(hi),
        eventStream + RawServer.chunk(hi).slice(0, -20)
      ]) {
        for (const last of [RawServer.reset, RawServer.end]) {
          const steps = [...(bytes === "" ? [] : [RawServer.send(bytes)]), RawServer.pause(10), last]
          const server = yield* RawServer.make(steps)
          const error = yield* Effect.flip(attempts.events(yield* make(server.url), yield* streaming))
          assert.deepInclude(attempts.fields(error), broken)
          assert.strictEqual(server.requests.length, 1)
        }
      }
      const gone = yield* Effect.scoped(Effect.map(RawServer.make([]), (server) => server.url))
      const error = yield* Effect.flip(attempts.events(yield* make(gone), yield* streaming))
      assert.deepInclude(attempts.fields(error), broken)
      assert.include(error.description, "ECONNREFUSED")
    }).pipe(Effect.provide(client))
  )
})

describe.concurrent.each(wires)(
  "The connections of $name",
  ({ finish, make, path, pieces: [first, second, last], textOf }) => {
    it.scopedLive("give what one network chunk brought together, each chunk as it comes", () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make([
          RawServer.send(eventStream),
          RawServer.send(RawServer.chunk(first + second)),
          RawServer.pause(200),
          RawServer.send(RawServer.chunk(": keep-alive\n\n")),
          RawServer.pause(200),
          RawServer.send(RawServer.chunk(second)),
          RawServer.pause(200),
          RawServer.send(RawServer.chunk(last) + RawServer.lastChunk)
        ])
        const chunks = yield* attempts.chunks(yield* make(server.url), yield* streaming)
        assert.lengthOf(chunks, 4)
        const [together, alive, later, end] = chunks
        assert.strictEqual(attempts.text(together ?? []), textOf)
        assert.lengthOf(uncounted(together ?? []), 2)
        // The sign of life.
        assert.deepStrictEqual(alive, [])
        assert.deepStrictEqual(
          later?.map(({ _tag }) => _tag),
          ["TextDelta"]
        )
        assert.deepStrictEqual(
          end?.map(({ _tag }) => _tag),
          ["Usage", "Finish"]
        )
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )

    it.scopedLive("serve the next request too, when the end comes a moment after the content", () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make([
          RawServer.send(eventStream + RawServer.chunk(first + last)),
          RawServer.pause(2),
          RawServer.send(RawServer.lastChunk)
        ])
        const made = yield* make(server.url)
        const asked = yield* streaming
        // The client needs a moment to put the connection back.
        yield* Effect.repeatN(Effect.delay(attempts.events(made, asked), "10 millis"), 5)
        const used = server.requests.map(({ connection }) => connection)
        // A busy machine may be late for some: without the wait each would have a connection of its own.
        assert.isBelow(new Set(used).size, used.length)
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )

    it.scopedLive("bring tool calls, whole, from a mock server in both deliveries", () =>
      Effect.gen(function* () {
        const server = yield* mock
        const toolCalls = [
          { id: "call_a", name: "weather", arguments: '{"city":"Rome","unit":"celsius"}' },
          { id: "call_b", name: "time", arguments: "{}" }
        ]
        server.onMessage("weather", { toolCalls })
        const asked = yield* task({ prompt: "weather?", tools: [{ name: "weather", parameters: {} }] })
        for (const completeOver of ["sse", "json"] as const) {
          const made = yield* make(`${server.url}${path}`, completeOver)
          assert.deepStrictEqual(uncounted(yield* attempts.events(made, asked)), [
            ...toolCalls.map(ReasoningEngine.toolCall),
            finish("tool_calls")
          ])
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
        const made = yield* make(`${server.url}${path}`)
        for (const [prompt, expected] of [
          ["limit", { _tag: "RateLimitError", status: 429, retryAfterMs: 3000, description: "slow down" }],
          ["cut", { _tag: "TransientError", reason: "network" }],
          ["drop", { _tag: "TransientError", reason: "network" }],
          ["garbage", { _tag: "TransientError", reason: "malformed" }],
          ["nothing matches this", { _tag: "ModelNotFoundError" }]
        ] as const) {
          const error = yield* Effect.flip(attempts.events(made, yield* task({ prompt })))
          assert.deepInclude(attempts.fields(error), expected, prompt)
        }
      }).pipe(Effect.provide(FetchHttpClient.layer))
    )

    it.scopedLive("are no answer where what comes isn't one at all, in either delivery", () =>
      Effect.gen(function* () {
        for (const [type, body] of [
          ["text/html; charset=utf-8", "<!doctype html><html><body>Welcome</body></html>"],
          ["text/plain", "Hello"],
          ["text/plain", ""],
          ["text/event-stream", "data: {nonsense}\n\n"],
          ["application/json", "17"],
          ["application/json", '{"choices":['],
          ["application/json", '{"type":"message","content":['],
          ["application/json", ""]
        ] as const) {
          const server = yield* RawServer.make(RawServer.answer(200, type, body))
          for (const [completeOver, mode] of [
            ["sse", "streaming"],
            ["json", "complete"]
          ] as const) {
            const made = yield* make(server.url, completeOver)
            const error = yield* Effect.flip(attempts.events(made, yield* task({ mode })))
            assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "malformed" }, body)
          }
        }
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )
  }
)
