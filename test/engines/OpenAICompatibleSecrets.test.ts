import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as AITask from "../../src/AITask.js"
import * as attempts from "../utils/attempts.js"
import { type Changes, coded, engine, json, stream, task } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

describe("OpenAICompatible secrets", () => {
  const key = "sk-S3CRET-KEY-0123456789"
  const header = "azure-S3CRET-0123456789"
  const prompt = "The merger of ACME and\nInitech is to be announced on Monday morning"
  const system = "You are the assistant of the board; speak of nothing to nobody"
  const short = "Zebra?"
  const args = '{"share":"of ACME, 17.25 USD"}'
  const image = "https://example.org/ACME/Initech.png?signature=0123456789"
  const secrets = [key, header, "ACME", "Initech", "assistant of the board", "Zebra", "S3CRET"]
  const changes: Changes = {
    apiKey: Redacted.make(key),
    headers: { "api-key": `Token ${header}`, "x-version": "a" }
  }
  const options: AITask.Options = {
    mode: "streaming",
    systemPrompt: system,
    messages: [
      { role: "user", content: prompt },
      { role: "assistant", content: short, toolCalls: [{ id: "a", name: "f", arguments: args }] },
      { role: "tool", toolCallId: "a", content: "nothing" },
      {
        role: "user",
        content: [
          { type: "text", text: "Look" },
          { type: "image", url: image }
        ]
      },
      { role: "user", content: "ok" }
    ]
  }
  const asked = (steps: ReadonlyArray<RawServer.Step>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* RawServer.make(steps)
        const made = yield* engine(server.url, changes)
        const asked = yield* AITask.make(options)
        return yield* Effect.flip(attempts.events(made, asked, "prefilled with many words of before"))
      })
    )

  const told = (error: unknown): string =>
    [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join("\n")

  const clean = (error: unknown): void => {
    for (const secret of secrets) assert.notInclude(told(error), secret)
    assert.notInclude(told(error), "prefilled with many")
  }

  const echo = `bad key ${key} or ${header} for [${prompt}] under [${system.slice(0, 40)}…] after ${short}, ok? prefilled with many words of`

  it.live("never show in an error, even where the server repeats them", () =>
    Effect.gen(function* () {
      for (const steps of [
        json(401, coded(null, echo), { "x-request-id": `req-${key}` }),
        RawServer.answer(500, "text/plain", echo),
        RawServer.answer(500, "text/plain", `can't fetch ${image} for ${args}`),
        RawServer.answer(500, "text/plain", `${prompt}${prompt} ${key}${"y".repeat(880)}${key}`),
        stream(JSON.stringify(coded(null, echo))),
        stream(JSON.stringify({ choices: [{ delta: { refusal: echo } }] }), "[DONE]"),
        stream(echo),
        [RawServer.reset],
        [RawServer.send(RawServer.chunkedHead("text/event-stream") + RawServer.chunk(echo)), RawServer.reset],
        [RawServer.send("HTTP/1.1 nonsense\r\n\r\n")]
      ]) {
        clean(yield* asked(steps))
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("leave the rest of what the server said", () =>
    Effect.gen(function* () {
      const error = yield* asked(json(401, coded(null, echo)))
      assert.strictEqual(
        error.description,
        "bad key <redacted> or <redacted> for [<redacted>] under [<redacted>…] after <redacted>, ok? <redacted>"
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe("OpenAICompatible over a failing client", () => {
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
