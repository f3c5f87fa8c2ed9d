import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "../utils/attempts.js"
import {
  clients,
  counted,
  done,
  engine,
  eventStream,
  hi,
  mock,
  stop,
  streaming,
  task,
  usage,
  whole,
  wholeEvents
} from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

describe.concurrent.each(clients)("OpenAICompatible over %s", (_, client) => {
  it.scopedLive("gives a mock server's text in both deliveries alike", () =>
    Effect.gen(function* () {
      const server = yield* mock
      const content = "Grüße aus Köln 🚀, ".repeat(20)
      server.onMessage("hi", { content, usage: { prompt_tokens: 11, completion_tokens: 42 } })
      const made = yield* engine(`${server.url}/v1`)
      const streamed = yield* attempts.events(made, yield* streaming)
      assert.strictEqual(attempts.text(streamed), content)
      assert.deepStrictEqual(streamed.slice(-2), [
        ReasoningEngine.usage(TokenUsage.make({ inputTokens: 11, outputTokens: 42 })),
        ReasoningEngine.finish("stop", "gpt-4o")
      ])
      assert.deepStrictEqual(yield* attempts.events(made, yield* task()), streamed)
      const plain = yield* engine(`${server.url}/v1`, { completeOver: "json" })
      const piece = yield* attempts.events(plain, yield* task())
      assert.deepStrictEqual(piece, [ReasoningEngine.textDelta(content), ...streamed.slice(-2)])
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("closes the connection at once when it is interrupted before the headers come", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([])
      const fiber = yield* Effect.fork(attempts.events(yield* engine(server.url), yield* streaming))
      yield* server.received(0)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* RawServer.seenSoon(server.closed(0)))
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("closes the connection when it is interrupted halfway through an answer in one piece", () =>
    Effect.gen(function* () {
      const head = RawServer.chunkedHead("application/json")
      const server = yield* RawServer.make([RawServer.send(head + RawServer.chunk('{"choices":['))])
      const made = yield* engine(server.url, { completeOver: "json" })
      const fiber = yield* Effect.fork(attempts.events(made, yield* task()))
      yield* server.received(0)
      // Until it waits for the rest.
      yield* Effect.sleep("30 millis")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* RawServer.seenSoon(server.closed(0)))
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails with TransientError (network) when the connection breaks before the headers", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([RawServer.reset])
      const error = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* streaming))
      assert.deepInclude(attempts.fields(error), {
        _tag: "TransientError",
        reason: "network",
        provider: "gpt4"
      })
      assert.match(error.description, /ECONNRESET|other side closed|socket hang up/)
      assert.strictEqual(server.requests.length, 1)
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("can be left without an ado after its connection broke unseen", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(eventStream + RawServer.chunk(hi)),
        RawServer.pause(20),
        RawServer.reset
      ])
      const made = yield* engine(server.url)
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(made.attempt({ task: yield* streaming, mode: "streaming" }), scope)
      yield* pull
      yield* server.closed(0)
      yield* Effect.sleep("20 millis")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Scope.close(scope, Exit.void))))
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails for a chunked body that ends before its last chunk, however it is cut", () =>
    Effect.gen(function* () {
      const cuts: ReadonlyArray<readonly [string, "sse" | "json"]> = [
        [eventStream + RawServer.chunk(hi), "sse"],
        [eventStream + RawServer.chunk(hi).slice(0, -20), "sse"],
        [RawServer.chunkedHead("application/json") + RawServer.chunk('{"choices":['), "json"]
      ]
      for (const [bytes, completeOver] of cuts) {
        const server = yield* RawServer.make([RawServer.send(bytes), RawServer.pause(10), RawServer.end])
        const made = yield* engine(server.url, { completeOver })
        const error = yield* Effect.flip(attempts.events(made, yield* task()))
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "network" })
      }
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("gives a whole answer whose connection breaks after the finish reason", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(eventStream + RawServer.chunk(hi + stop)),
        RawServer.pause(20),
        RawServer.reset
      ])
      const seen = yield* attempts.events(yield* engine(server.url), yield* streaming)
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.finish("stop", "gpt-4o-2024")
      ])
    }).pipe(Effect.provide(client))
  )

  it.scopedLive("fails with TransientError (network) when nobody listens", () =>
    Effect.gen(function* () {
      const url = yield* Effect.scoped(Effect.map(RawServer.make(whole), (server) => server.url))
      const error = yield* Effect.flip(attempts.events(yield* engine(url), yield* streaming))
      assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "network" })
      assert.include(error.description, "ECONNREFUSED")
    }).pipe(Effect.provide(client))
  )
})

describe.concurrent("OpenAICompatible connections", () => {
  it.scopedLive(
    "gives what one network chunk brought together, each chunk as it comes, and none for a sign of life",
    () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make([
          RawServer.send(eventStream),
          RawServer.send(RawServer.chunk(hi + hi)),
          RawServer.pause(30),
          RawServer.send(RawServer.chunk(": keep-alive\n\n")),
          RawServer.pause(30),
          RawServer.send(RawServer.chunk(hi)),
          RawServer.pause(30),
          RawServer.send(RawServer.chunk(stop + usage + done) + RawServer.lastChunk)
        ])
        const seen = yield* attempts.chunks(yield* engine(server.url), yield* streaming)
        assert.deepStrictEqual(
          seen.map((events) => events.map(({ _tag }) => _tag)),
          [["TextDelta", "TextDelta"], [], ["TextDelta"], ["Usage", "Finish"]]
        )
      }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive(
    "finishes without [DONE] once finish reason and usage are there, though nothing is closed",
    () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make(
          [RawServer.send(eventStream + RawServer.chunk(hi + stop + usage))],
          [RawServer.send(eventStream + RawServer.chunk(hi + stop))]
        )
        const asked = yield* streaming
        assert.deepStrictEqual(yield* attempts.events(yield* engine(server.url), asked), wholeEvents)
        const unasked = yield* engine(server.url, { includeUsage: false })
        assert.deepStrictEqual(yield* attempts.events(unasked, asked), [
          ReasoningEngine.textDelta("Hi"),
          ReasoningEngine.finish("stop", "gpt-4o-2024")
        ])
      }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("waits for the last count where the server counts as it goes", () =>
    Effect.gen(function* () {
      const counting =
        '{"choices":[{"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":0}}'
      const server = yield* RawServer.make([
        RawServer.send(eventStream + RawServer.chunk(`data: ${counting}\n\n`)),
        RawServer.pause(20),
        RawServer.send(RawServer.chunk(stop)),
        RawServer.pause(20),
        RawServer.send(RawServer.chunk(usage))
      ])
      const seen = yield* attempts.events(yield* engine(server.url), yield* streaming)
      assert.deepStrictEqual(seen, [
        ReasoningEngine.textDelta("Hi"),
        counted(3, 0),
        counted(3, 1),
        ReasoningEngine.finish("stop", "gpt-4o")
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("waits for nothing after [DONE]", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([RawServer.send(eventStream + RawServer.chunk(hi + stop + done))])
      const seen = yield* attempts.events(yield* engine(server.url), yield* streaming)
      assert.deepStrictEqual(seen.at(-1), ReasoningEngine.finish("stop", "gpt-4o-2024"))
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("uses the connection again when the end of an answer comes a moment after its content", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(eventStream + RawServer.chunk(hi + stop + usage)),
        RawServer.pause(2),
        RawServer.send(RawServer.chunk(done) + RawServer.lastChunk)
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

  it.scopedLive("gives tool calls, whole, from a mock server in both deliveries", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("weather", {
        toolCalls: [
          { id: "call_a", name: "weather", arguments: '{"city":"Rome","unit":"celsius"}' },
          { id: "call_b", name: "time", arguments: "{}" }
        ]
      })
      const expected = [
        ReasoningEngine.toolCall({
          id: "call_a",
          name: "weather",
          arguments: '{"city":"Rome","unit":"celsius"}'
        }),
        ReasoningEngine.toolCall({ id: "call_b", name: "time", arguments: "{}" }),
        ReasoningEngine.finish("tool_calls", "gpt-4o")
      ]
      const asked = yield* task({ prompt: "weather?", tools: [{ name: "weather", parameters: {} }] })
      for (const completeOver of ["sse", "json"] as const) {
        const made = yield* engine(`${server.url}/v1`, { completeOver })
        const seen = yield* attempts.events(made, asked)
        assert.deepStrictEqual(
          seen.filter(({ _tag }) => _tag !== "Usage"),
          expected
        )
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("fails by a mock server's errors and chaos", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("limit", {
        error: { message: "slow down", type: "rate_limit_error", code: "rate_limit_exceeded" },
        status: 429,
        retryAfter: 3
      })
      server.onMessage("cut", { content: "A long answer, ".repeat(20) }, { truncateAfterChunks: 3 })
      server.onMessage("drop", { content: "x" }, { chaos: { disconnectRate: 1 } })
      server.onMessage("garbage", { content: "x" }, { chaos: { malformedRate: 1 } })
      const made = yield* engine(`${server.url}/v1`)
      const failing = (prompt: string) =>
        Effect.flip(Effect.flatMap(task({ prompt }), (asked) => attempts.events(made, asked)))
      assert.deepInclude(attempts.fields(yield* failing("limit")), {
        _tag: "RateLimitError",
        status: 429,
        retryAfterMs: 3000,
        description: "slow down"
      })
      assert.deepInclude(attempts.fields(yield* failing("cut")), {
        _tag: "TransientError",
        reason: "network"
      })
      assert.deepInclude(attempts.fields(yield* failing("drop")), {
        _tag: "TransientError",
        reason: "network"
      })
      assert.deepInclude(attempts.fields(yield* failing("garbage")), {
        _tag: "TransientError",
        reason: "malformed"
      })
      assert.strictEqual((yield* failing("nothing matches this"))._tag, "ModelNotFoundError")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe.concurrent("OpenAICompatible over a failing client", () => {
  const failing = (cause: unknown) =>
    HttpClient.make((request) =>
      Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))
    )

  const outcome = (cause: unknown) =>
    Effect.gen(function* () {
      const made = yield* engine("http://127.0.0.1")
      return yield* Effect.flip(attempts.events(made, yield* task()))
    }).pipe(Effect.provideService(HttpClient.HttpClient, failing(cause)))

  const failed = (code: string, message: string, cause?: unknown) =>
    Object.assign(new Error(message, { cause }), { code })

  it.effect("tells the code and the words of the deepest cause", () =>
    Effect.gen(function* () {
      const refused = failed("ECONNREFUSED", "connect ECONNREFUSED ::1:80")
      for (const [cause, description] of [
        [new TypeError("fetch failed", { cause: refused }), "connect ECONNREFUSED ::1:80"],
        [
          failed("ENOTFOUND", "getaddrinfo for nowhere", new Error("below")),
          "ENOTFOUND: getaddrinfo for nowhere"
        ],
        [failed("ECONNREFUSED", ""), "ECONNREFUSED:"],
        [new Error("fetch failed", { cause: new Error("other side closed") }), "other side closed"],
        [new Error("outer", { cause: {} }), "outer"],
        [undefined, "the connection failed"],
        ["a string", "the connection failed"]
      ] as const) {
        assert.deepInclude(attempts.fields(yield* outcome(cause)), {
          _tag: "TransientError",
          reason: "network",
          description
        })
      }
      const circular = new Error("round and round")
      circular.cause = circular
      assert.strictEqual((yield* outcome(circular)).description, "round and round")
    })
  )

  it.effect("takes the client's own limits for timeouts", () =>
    Effect.gen(function* () {
      for (const [code, phase] of [
        ["ETIMEDOUT", "connect"],
        ["UND_ERR_CONNECT_TIMEOUT", "connect"],
        ["UND_ERR_HEADERS_TIMEOUT", "first-token"],
        ["UND_ERR_BODY_TIMEOUT", "idle"]
      ] as const) {
        assert.deepInclude(attempts.fields(yield* outcome(failed(code, "took too long"))), {
          _tag: "TimeoutError",
          phase
        })
      }
    })
  )
})
