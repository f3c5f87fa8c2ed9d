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

const rows: ReadonlyArray<readonly [number, unknown, string, object?]> = [
  [401, coded("invalid_api_key"), "AuthenticationError"],
  [403, coded(null), "AuthenticationError"],
  [400, coded(null), "InputValidationError"],
  [413, coded(null), "InputValidationError"],
  [422, { detail: [{ loc: ["body"], msg: "field required" }] }, "InputValidationError"],
  [405, coded(null), "InputValidationError"],
  [400, coded("context_length_exceeded"), "ContextLengthError"],
  [
    400,
    {
      error: {
        code: 400,
        message: "too long",
        type: "exceed_context_size_error",
        n_prompt_tokens: 9,
        n_ctx: 4
      }
    },
    "ContextLengthError"
  ],
  [
    400,
    {
      object: "error",
      message: "This model's maximum context length is 4096 tokens.",
      type: "BadRequestError",
      code: 400
    },
    "ContextLengthError"
  ],
  [400, coded("content_filter"), "ContentPolicyError"],
  [400, coded("content_policy_violation"), "ContentPolicyError"],
  [402, coded(null), "QuotaExhaustedError"],
  [429, coded("insufficient_quota"), "QuotaExhaustedError"],
  [429, coded(null, "no", "insufficient_quota"), "QuotaExhaustedError"],
  [429, coded("credit_balance_exhausted"), "QuotaExhaustedError"],
  [429, coded("organization_spend_limit_exceeded"), "QuotaExhaustedError"],
  [429, coded("project_spend_limit_exceeded"), "QuotaExhaustedError"],
  [429, coded("organization_usage_limit_exceeded"), "QuotaExhaustedError"],
  [404, coded(null), "ModelNotFoundError"],
  [404, { error: "model 'x' not found, try pulling it first" }, "ModelNotFoundError"],
  [400, coded("model_not_found"), "ModelNotFoundError"],
  [429, coded("rate_limit_exceeded"), "RateLimitError"],
  [429, coded("slow_down"), "RateLimitError"],
  [429, coded("429"), "RateLimitError"],
  [429, coded(null), "RateLimitError"],
  [503, coded("server_is_overloaded"), "TransientError", { reason: "overloaded" }],
  [503, coded(null), "TransientError", { reason: "overloaded" }],
  [498, coded("capacity_exceeded"), "TransientError", { reason: "overloaded" }],
  [498, coded(null), "TransientError", { reason: "overloaded" }],
  [529, coded(null), "TransientError", { reason: "overloaded" }],
  [500, coded(null), "TransientError", { reason: "server" }],
  [502, coded(null), "TransientError", { reason: "server" }],
  [409, coded(null), "TransientError", { reason: "server" }],
  [425, coded(null), "TransientError", { reason: "server" }],
  [599, coded("constructor"), "TransientError", { reason: "server" }],
  [408, coded(null), "TimeoutError", { phase: "first-token" }],
  [504, coded(null), "TimeoutError", { phase: "first-token" }]
]

describe("OpenAICompatible errors", () => {
  it.live("follow the table of codes and statuses, and carry provider, status and request id", () =>
    Effect.gen(function* () {
      for (const [status, body, tag, more] of rows) {
        const error = yield* failure(json(status, body, { "x-request-id": "req_7" }))
        const row = `${status} ${JSON.stringify(body)}`
        assert.deepInclude(
          attempts.fields(error),
          { _tag: tag, provider: "gpt4", status, requestId: "req_7", ...more },
          row
        )
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

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
        ["<html><head><title>400 Bad\nRequest</title></head></html>", "400 Bad Request"],
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

  it.live("say when to come back, in milliseconds", () =>
    Effect.gen(function* () {
      for (const [headers, expected] of [
        [{ "retry-after": "7" }, 7000],
        [{ "retry-after": "0.25" }, 250],
        [{ "retry-after": "7", "retry-after-ms": "1234.5" }, 1234.5],
        [{ "retry-after": "7", "retry-after-ms": "soon" }, 7000],
        [{ "retry-after": "soon 1" }, undefined],
        [{ "retry-after": "Fri, 99 Foo 2020 00:00:00 GMT" }, undefined],
        [{ "retry-after": "Wed, 01 Jan 2020 00:00:00 GMT" }, 0],
        [{}, undefined]
      ] as const) {
        const error = yield* failure(json(429, coded(null), headers))
        assert.strictEqual(error._tag === "RateLimitError" ? error.retryAfterMs : Number.NaN, expected)
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
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe("OpenAICompatible errors within an answer", () => {
  it.live("are decided by their code, then by a code that is a status, else they are the server's", () =>
    Effect.gen(function* () {
      for (const [data, expected] of [
        [JSON.stringify(coded("insufficient_quota")), { _tag: "QuotaExhaustedError" }],
        [JSON.stringify(coded(429, "no")), { _tag: "RateLimitError", status: 429 }],
        [JSON.stringify(coded("503", "no")), { _tag: "TransientError", reason: "overloaded", status: 503 }],
        [JSON.stringify(coded(999, "no")), { _tag: "TransientError", reason: "server" }],
        ['{"error":{"message":"no","status_code":401}}', { _tag: "AuthenticationError", status: 401 }],
        ['{"error":"broken"}', { _tag: "TransientError", reason: "server", description: "broken" }],
        [
          '{"object":"error","message":"broken","code":400}',
          { _tag: "InputValidationError", status: 400, description: "broken" }
        ],
        ['{"choices":[{"delta":{},"finish_reason":"error"}]}', { _tag: "TransientError", reason: "server" }],
        [JSON.stringify(coded(504)), { _tag: "TimeoutError", phase: "first-token" }]
      ] as const) {
        assert.deepInclude(attempts.fields(yield* failure(stream(data))), expected)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

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

  it.live("may be an event of their own", () =>
    Effect.gen(function* () {
      for (const [data, expected] of [
        [
          '{"message":"broken","code":503}',
          { _tag: "TransientError", reason: "overloaded", description: "broken" }
        ],
        ["broken", { _tag: "TransientError", reason: "server", description: "broken" }]
      ] as const) {
        const body = `event: error\ndata: ${data}\n\n`
        const error = yield* failure(RawServer.answer(200, "text/event-stream", body))
        assert.deepInclude(attempts.fields(error), expected)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
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

  it.live("are malformed where what came isn't an answer at all", () =>
    Effect.gen(function* () {
      const malformed = { _tag: "TransientError", reason: "malformed" }
      const page = "<!doctype html><html><body>Welcome</body></html>"
      for (const steps of [
        RawServer.answer(200, "text/html; charset=utf-8", page),
        RawServer.answer(200, "text/plain", "Hello"),
        RawServer.answer(200, "text/plain", ""),
        RawServer.answer(200, "text/event-stream", "data: {nonsense}\n\n"),
        RawServer.answer(200, "application/json", '{"choices":['),
        RawServer.answer(200, "application/json", '{"choices":[]}'),
        RawServer.answer(
          200,
          "application/json",
          '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}'
        ),
        RawServer.answer(200, "application/json", "17"),
        RawServer.answer(200, "application/json", "")
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
