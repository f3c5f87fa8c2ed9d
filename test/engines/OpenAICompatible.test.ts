import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as AIProvider from "../../src/AIProvider.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import * as Price from "../../src/Price.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as attempts from "../utils/attempts.js"
import { engine, streaming, whole } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

describe("OpenAICompatible.make", () => {
  it.effect("says what the engine is and can", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const made = yield* engine("https://example.org/v1", { price, capabilities: { images: true } })
      assert.strictEqual(made.provider, AIProvider.Gpt4)
      assert.strictEqual(made.model, "gpt-4o")
      assert.deepStrictEqual(made.price, Option.some(price))
      assert.deepStrictEqual(made.capabilities, { ...ReasoningEngine.defaultCapabilities, images: true })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("rejects what can't be used, naming the option and never telling a secret", () =>
    Effect.gen(function* () {
      for (const [changes, field, reason] of [
        [{ baseUrl: "localhost" }, "baseUrl", 'Expected an http(s) URL, actual "localhost"'],
        [{ baseUrl: "ftp://example.org" }, "baseUrl", 'Expected an http(s) URL, actual "ftp://example.org"'],
        [
          { baseUrl: "https://me:s3cret@example.org" },
          "baseUrl",
          "Expected a URL without a user and password, actual one with an @"
        ],
        [{ model: " " }, "model", 'Expected the name of a model, actual ""'],
        [
          { apiKey: Redacted.make("s3cret\n") },
          "apiKey",
          "Expected a key of printable characters without space around it"
        ],
        [{ headers: { "a b": "s3cret" } }, "headers", 'Expected the name of a header, actual "a b"'],
        [
          { headers: { "api-key": "s3cret " } },
          "headers.api-key",
          "Expected a value of printable characters without space around it"
        ]
      ] as const) {
        const error = yield* Effect.flip(engine("https://example.org", changes))
        assert.strictEqual(error._tag, "InvalidArgumentError")
        assert.deepInclude(attempts.fields(error), { subject: "OpenAICompatible", field, reason })
        assert.notInclude(String(error) + JSON.stringify(error), "s3cret")
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe("OpenAICompatible layers", () => {
  const options: OpenAICompatible.Options = {
    provider: AIProvider.unsafeMake("ollama"),
    baseUrl: "http://127.0.0.1:11434/v1",
    model: "llama3.2"
  }

  const registered = Effect.map(
    Effect.flatMap(Registry.ReasoningEngineRegistry, (registry) => registry.list),
    (engines) => engines.map(({ model, provider }) => `${provider} ${model}`)
  )

  const withRegistry = <E>(
    layer: Layer.Layer<never, E, HttpClient.HttpClient | Registry.ReasoningEngineRegistry>
  ) => layer.pipe(Layer.provideMerge(Registry.layer), Layer.provide(FetchHttpClient.layer))

  it.effect("register the engine", () =>
    Effect.gen(function* () {
      const engines = yield* Effect.provide(registered, withRegistry(OpenAICompatible.layer(options)))
      assert.deepStrictEqual(engines, ["ollama llama3.2"])
    })
  )

  it.effect("fail for a provider that is taken", () =>
    Effect.gen(function* () {
      const twice = OpenAICompatible.layer(options).pipe(
        Layer.provideMerge(OpenAICompatible.layer({ ...options }))
      )
      const error = yield* Effect.flip(Effect.provide(registered, withRegistry(twice)))
      assert.strictEqual(error._tag, "DuplicateEngineError")
    })
  )

  const fromConfig = withRegistry(
    OpenAICompatible.layerConfig({
      provider: Config.succeed(AIProvider.Gpt4),
      baseUrl: Config.withDefault(Config.string("OPENAI_BASE_URL"), "https://api.openai.com/v1"),
      apiKey: Config.redacted("OPENAI_API_KEY"),
      model: Config.string("OPENAI_MODEL"),
      maxTokensField: Config.succeed("max_completion_tokens")
    })
  )

  const configured = (entries: ReadonlyArray<readonly [string, string]>) =>
    Effect.withConfigProvider(
      Effect.provide(registered, fromConfig),
      ConfigProvider.fromMap(new Map(entries))
    )

  it.effect("take their options from Config", () =>
    Effect.gen(function* () {
      const engines = yield* configured([
        ["OPENAI_API_KEY", "sk-test"],
        ["OPENAI_MODEL", "gpt-4o-mini"]
      ])
      assert.deepStrictEqual(engines, ["gpt4 gpt-4o-mini"])
      const missing = yield* Effect.flip(configured([["OPENAI_MODEL", "gpt-4o-mini"]]))
      assert.strictEqual(missing._tag, "ConfigError")
      const invalid = yield* Effect.flip(
        configured([
          ["OPENAI_API_KEY", "sk-test"],
          ["OPENAI_MODEL", "gpt-4o-mini"],
          ["OPENAI_BASE_URL", "nowhere"]
        ])
      )
      assert.strictEqual(invalid._tag, "InvalidArgumentError")
    })
  )
})

describe("OpenAICompatible spans", () => {
  it.scopedLive("hold no key, no header of the caller's and no prompt", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const native = yield* Effect.tracer
      const tracer = Tracer.make({
        span: (...args) => {
          const span = native.span(...args)
          spans.push(span)
          return span
        },
        context: native.context
      })
      const server = yield* RawServer.make(whole)
      const made = yield* engine(server.url, {
        apiKey: Redacted.make("sk-s3cret"),
        headers: { "api-key": "azure-s3cret" }
      })
      yield* Effect.withTracer(attempts.events(made, yield* streaming), tracer)
      assert.strictEqual(spans.length, 1)
      const attributes = JSON.stringify(spans.map((span) => [...span.attributes]))
      assert.include(attributes, "api-key")
      assert.notInclude(attributes, "s3cret")
      assert.notInclude(attributes, "Say hi")
      assert.notProperty(server.requests[0]?.headers, "traceparent")
      assert.strictEqual(server.requests[0]?.headers["api-key"], "azure-s3cret")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
