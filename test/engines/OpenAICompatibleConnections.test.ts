import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import {
  clients,
  counted,
  engine,
  eventStream,
  hi,
  stop,
  streaming,
  task,
  usage,
  wholeEvents
} from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

describe.concurrent.each(clients)("OpenAICompatible over %s", (_, client) => {
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
})

describe.concurrent("OpenAICompatible connections", () => {
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
