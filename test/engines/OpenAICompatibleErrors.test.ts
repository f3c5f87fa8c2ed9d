import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { coded, delta, engine, failure, json, stream, task } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

const hiData = JSON.stringify(delta({ content: "Hi" }))

describe.concurrent("OpenAICompatible errors", () => {
  it.live("tell what the server said, in whatever form it says it", () =>
    Effect.gen(function* () {
      for (const [body, description] of [
        [JSON.stringify(coded(null, "plainly wrong")), "plainly wrong"],
        ['{"error":"plainly wrong"}', "plainly wrong"],
        ['[{"error":{"code":400,"message":"plainly wrong"}}]', "plainly wrong"],
        ['{"object":"error","message":{"detail":[{"msg":"plainly wrong"}]}}', "plainly wrong"],
        ['{"detail":[{"loc":["body"],"msg":"plainly wrong"}]}', "plainly wrong"],
        ['"plainly wrong"', "plainly wrong"],
        ["plainly\r\n\twrong\u001b[31m", "plainly wrong [31m"],
        [
          "<html><head><title>400 Bad\nRequest</title></head></html>",
          "it answers with a page instead of JSON: 400 Bad Request"
        ],
        ["", "the server didn't say why"],
        ["null", "the server didn't say why"],
        ['{"error":{"error":{"error":{"error":{"error":"deep"}}}}}', "the server didn't say why"],
        [JSON.stringify(coded(null, "long ".repeat(100))), `${"long ".repeat(60).slice(0, 299)}…`],
        [JSON.stringify(coded(null, `${"x".repeat(298)}🚀🚀`)), `${"x".repeat(298)}…`]
      ] as const) {
        const error = yield* failure(RawServer.answer(400, "application/json", body))
        assert.strictEqual(error.description, description)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scoped("take a date to come back at as of the Clock", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(
        json(429, coded(null), { "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" })
      )
      const made = yield* engine(server.url)
      const asked = yield* task()
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 30))
      const error = yield* Effect.flip(attempts.events(made, asked))
      assert.strictEqual(error._tag === "RateLimitError" ? error.retryAfterMs : Number.NaN, 7000)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("are told without a body, and with the beginning of one that never ends or is too long", () =>
    Effect.gen(function* () {
      const silent = yield* failure([RawServer.send(RawServer.head(500, "text/plain"))])
      assert.deepInclude(attempts.fields(silent), { _tag: "TransientError", status: 500 })
      const stalled = yield* failure([RawServer.send(`${RawServer.head(500, "text/plain")}out of order`)])
      assert.deepInclude(attempts.fields(stalled), { _tag: "TransientError", description: "out of order" })
      const endless = yield* failure([
        RawServer.send(`${RawServer.head(500, "text/plain")}${"🚀".repeat(50_000)}`)
      ])
      assert.strictEqual(endless.description, `${"🚀".repeat(149)}…`)
      const broken = yield* failure([
        RawServer.send(`${RawServer.chunkedHead("text/plain").replace("200 OK", "500 No")}`),
        RawServer.send(RawServer.chunk("out of order")),
        RawServer.pause(20),
        RawServer.reset
      ])
      assert.deepInclude(attempts.fields(broken), { _tag: "TransientError", reason: "server" })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("point to the base URL where the server redirects and the client doesn't follow", () =>
    Effect.gen(function* () {
      const error = yield* failure(RawServer.answer(301, "text/html", "", { location: "/v1" }))
      assert.strictEqual(error._tag, "ModelNotFoundError")
      assert.match(error.description, /redirect to http:\/\/127\.0\.0\.1:\d+\/v1, which isn't followed/)
      for (const location of ["mailto:a@b.c", "http://", undefined]) {
        const headers: Record<string, string> = location === undefined ? {} : { location }
        const lost = yield* failure(RawServer.answer(302, "text/html", "", headers))
        assert.match(lost.description, /a redirect to another address, which isn't followed/)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe.concurrent("OpenAICompatible errors within an answer", () => {
  it.live("come after the text that came before them", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(stream(hiData, JSON.stringify(coded(504, "gave up"))))
      const made = yield* engine(server.url)
      const asked = yield* task()
      const pull = yield* made.attempt({ task: asked, mode: "streaming" })
      assert.deepStrictEqual(yield* pull, [ReasoningEngine.textDelta("Hi")])
      const error = yield* Effect.flip(pull)
      assert.deepInclude(attempts.fields(error), {
        _tag: "TimeoutError",
        phase: "idle",
        description: "gave up"
      })
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.live("are refusals where the content filter ended it or the model says no", () =>
    Effect.gen(function* () {
      const filtered = yield* failure(
        stream(hiData, '{"choices":[{"delta":{},"finish_reason":"content_filter"}]}', "[DONE]")
      )
      assert.strictEqual(filtered._tag, "ContentPolicyError")
      const refused = [
        '{"choices":[{"delta":{"refusal":"I can\'t "}}]}',
        '{"choices":[{"delta":{"refusal":"help with that."}}]}'
      ]
      for (const rest of [['{"choices":[{"delta":{},"finish_reason":"stop"}]}'], ["[DONE]"], []]) {
        const error = yield* failure(stream(...refused, ...rest))
        assert.deepInclude(attempts.fields(error), {
          _tag: "ContentPolicyError",
          description: "I can't help with that."
        })
      }
      const plain = yield* failure(
        json(200, { choices: [{ message: { content: null, refusal: "No." }, finish_reason: "stop" }] }),
        { completeOver: "json" },
        { mode: "complete" }
      )
      assert.deepInclude(attempts.fields(plain), { _tag: "ContentPolicyError", description: "No." })
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are malformed where what came has no choice", () =>
    Effect.gen(function* () {
      const malformed = { _tag: "TransientError", reason: "malformed" }
      for (const steps of [
        RawServer.answer(200, "application/json", '{"choices":[]}'),
        RawServer.answer(
          200,
          "application/json",
          '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}'
        )
      ]) {
        assert.deepInclude(attempts.fields(yield* failure(steps)), malformed)
        assert.deepInclude(
          attempts.fields(yield* failure(steps, { completeOver: "json" }, { mode: "complete" })),
          malformed
        )
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are cuts where the stream ends without finish reason", () =>
    Effect.gen(function* () {
      const cut = ReasoningEngine.cut(AIProvider.Gpt4)
      for (const steps of [
        stream(hiData),
        stream(hiData, '{"choices":[{"delta":{"content":"!"},"finish_reason":""}]}'),
        stream("[DONE]"),
        stream('{"choices":[{"delta":{"role":"assistant","content":""}}]}', "[DONE]"),
        stream(),
        RawServer.answer(200, "text/event-stream", `data: ${hiData}\n\ndata: {"choices":[{"fin`),
        RawServer.answer(200, "text/event-stream", 'data: {"choices":[{"del')
      ]) {
        assert.deepStrictEqual(attempts.fields(yield* failure(steps)), attempts.fields(cut))
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
