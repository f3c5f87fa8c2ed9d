import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../../src/AIProvider.js"
import * as OpenAI from "../../src/engines/OpenAI.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as attempts from "../utils/attempts.js"
import { json, mock, streaming, task, whole, wholeEvents } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

const apiKey = Redacted.make("sk-test")

describe("OpenAI", () => {
  it.scopedLive("sends what OpenAI wants to be sent", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(whole)
      const made = yield* OpenAI.make({ baseUrl: `${server.url}/v1`, model: "gpt-4o-mini", apiKey })
      const asked = yield* task({
        maxTokens: 7,
        temperature: 0.5,
        mode: "streaming",
        messages: [{ role: "user", content: [{ type: "image", url: "https://example.org/a.png" }] }],
        responseFormat: { type: "json_schema", name: "A", schema: { type: "object" } }
      })
      assert.deepStrictEqual(yield* attempts.events(made, asked), wholeEvents)
      const [request] = server.requests
      assert.strictEqual(`${request?.method} ${request?.path}`, "POST /v1/chat/completions")
      assert.strictEqual(request?.headers["authorization"], "Bearer sk-test")
      assert.deepStrictEqual(JSON.parse(request?.body ?? ""), {
        model: "gpt-4o-mini",
        messages: [
          {
            role: "user",
            content: [{ type: "image_url", image_url: { url: "https://example.org/a.png" } }]
          }
        ],
        max_completion_tokens: 7,
        temperature: 0.5,
        response_format: {
          type: "json_schema",
          json_schema: { name: "A", schema: { type: "object" }, strict: true }
        },
        stream: true,
        stream_options: { include_usage: true }
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("answers from a mock server, and tells what no waiting mends from what it does", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("hi", { content: "Hello" })
      const made = yield* OpenAI.make({ baseUrl: `${server.url}/v1`, model: "gpt-4o-mini", apiKey })
      assert.strictEqual(attempts.text(yield* attempts.events(made, yield* streaming)), "Hello")
      for (const [code, tag] of [
        ["insufficient_quota", "QuotaExhaustedError"],
        ["rate_limit_exceeded", "RateLimitError"]
      ] as const) {
        const limited = yield* RawServer.make(json(429, { error: { message: "no", code } }))
        const engine = yield* OpenAI.make({ baseUrl: limited.url, model: "gpt-4o-mini", apiKey })
        assert.strictEqual((yield* Effect.flip(attempts.events(engine, yield* streaming)))._tag, tag)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("is gpt4 at OpenAI, and can look at images", () =>
    Effect.gen(function* () {
      const made = yield* OpenAI.make({ model: "o", apiKey, capabilities: { sampling: false } })
      assert.strictEqual(made.provider, AIProvider.Gpt4)
      assert.deepStrictEqual(made.capabilities, {
        ...ReasoningEngine.defaultCapabilities,
        images: true,
        documents: true,
        audio: true,
        logProbabilities: true,
        sampling: false
      })
      const named = yield* OpenAI.make({ provider: AIProvider.unsafeMake("gpt4/o"), model: "o", apiKey })
      assert.strictEqual(named.provider, "gpt4/o")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("rejects what can't be used under its own name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(OpenAI.make({ model: "", apiKey }))
      assert.strictEqual(error.message, 'OpenAI.model: Expected the name of a model, actual ""')
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("is registered by options, or by the usual names of Config", () =>
    Effect.gen(function* () {
      const registered = Effect.map(
        Effect.flatMap(Registry.ReasoningEngineRegistry, (registry) => registry.list),
        (engines) => engines.map(({ model, provider }) => `${provider} ${model}`)
      )
      const world = Layer.merge(Registry.layer, FetchHttpClient.layer)
      const given = Layer.provideMerge(OpenAI.layer({ model: "gpt-4o", apiKey }), world)
      assert.deepStrictEqual(yield* Effect.provide(registered, given), ["gpt4 gpt-4o"])
      const configured = (entries: ReadonlyArray<readonly [string, string]>) =>
        Effect.withConfigProvider(
          Effect.provide(registered, Layer.provideMerge(OpenAI.layerConfig(OpenAI.config), world)),
          ConfigProvider.fromMap(new Map(entries))
        )
      const key = ["OPENAI_API_KEY", "sk-test"] as const
      const model = ["OPENAI_MODEL", "gpt-4o"] as const
      assert.deepStrictEqual(yield* configured([key, model]), ["gpt4 gpt-4o"])
      const missing = yield* Effect.flip(configured([model]))
      assert.strictEqual(missing._tag, "ConfigError")
      const invalid = yield* Effect.flip(configured([key, model, ["OPENAI_BASE_URL", "nowhere"]]))
      assert.strictEqual(invalid._tag, "InvalidArgumentError")
    })
  )
})
