import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../../src/AIProvider.js"
import * as Claude from "../../src/engines/Claude.js"
import * as Price from "../../src/Price.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as attempts from "../utils/attempts.js"
import { engine } from "../utils/messages.js"

describe("Claude.make", () => {
  it.effect("says what the engine is and can", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const made = yield* engine("https://example.org", { price, capabilities: { prefill: true } })
      assert.strictEqual(made.provider, AIProvider.Claude)
      assert.strictEqual(made.model, "claude-test")
      assert.deepStrictEqual(made.price, Option.some(price))
      assert.deepStrictEqual(made.capabilities, {
        ...ReasoningEngine.defaultCapabilities,
        images: true,
        documents: true,
        prefill: true
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("can't take sampling parameters from version 2026-10-21 on, whatever is said", () =>
    Effect.gen(function* () {
      for (const [version, sampling, can] of [
        ["2023-06-01", true, true],
        ["2023-06-01", false, false],
        ["2026-10-20", true, true],
        ["2026-10-21", true, false],
        ["2027-01-01", true, false]
      ] as const) {
        const made = yield* engine("https://example.org", { version, capabilities: { sampling } })
        assert.strictEqual(made.capabilities.sampling, can, version)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("rejects what can't be used, naming the option and never telling a secret", () =>
    Effect.gen(function* () {
      for (const [changes, field, reason] of [
        [{ baseUrl: "localhost" }, "baseUrl", 'Expected an http(s) URL, actual "localhost"'],
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
          { headers: { beta: "s3cret " } },
          "headers.beta",
          "Expected a value of printable characters without space around it"
        ],
        [
          { version: "latest" },
          "version",
          'Expected a version of the API (a date, 2023-06-01), actual "latest"'
        ],
        [{ maxTokens: 0.5 }, "maxTokens", "Expected a number of tokens (a whole number above 0), actual 0.5"]
      ] as const) {
        const error = yield* Effect.flip(engine("https://example.org", changes))
        assert.strictEqual(error._tag, "InvalidArgumentError")
        assert.deepInclude(attempts.fields(error), { subject: "Claude", field, reason })
        assert.notInclude(String(error) + JSON.stringify(error), "s3cret")
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe("Claude layers", () => {
  const apiKey = Redacted.make("sk-ant-test")

  const registered = Effect.map(
    Effect.flatMap(Registry.ReasoningEngineRegistry, (registry) => registry.list),
    (engines) => engines.map(({ model, provider }) => `${provider} ${model}`)
  )

  const withRegistry = <E>(
    layer: Layer.Layer<never, E, HttpClient.HttpClient | Registry.ReasoningEngineRegistry>
  ) => layer.pipe(Layer.provideMerge(Registry.layer), Layer.provide(FetchHttpClient.layer))

  it.effect("register two models as two providers", () =>
    Effect.gen(function* () {
      const claude = (name: string) =>
        Claude.layer({ provider: AIProvider.unsafeMake(`claude/${name}`), model: name, apiKey })
      const engines = yield* Effect.provide(
        registered,
        withRegistry(Layer.merge(claude("haiku"), claude("opus")))
      )
      assert.deepStrictEqual(engines.toSorted(), ["claude/haiku haiku", "claude/opus opus"])
      const twice = withRegistry(
        Claude.layer({ model: "a", apiKey }).pipe(Layer.provideMerge(Claude.layer({ model: "b", apiKey })))
      )
      const error = yield* Effect.flip(Effect.provide(registered, twice))
      assert.strictEqual(error._tag, "DuplicateEngineError")
    })
  )

  const configured = <E>(
    layer: Layer.Layer<never, E, HttpClient.HttpClient | Registry.ReasoningEngineRegistry>,
    entries: ReadonlyArray<readonly [string, string]>
  ) =>
    Effect.withConfigProvider(
      Effect.provide(registered, withRegistry(layer)),
      ConfigProvider.fromMap(new Map(entries))
    )

  it.effect("take their options from Config, by the usual names or by others", () =>
    Effect.gen(function* () {
      const usual = Claude.layerConfig(Claude.config)
      const key = ["ANTHROPIC_API_KEY", "sk-ant-test"] as const
      const model = ["ANTHROPIC_MODEL", "claude-a"] as const
      assert.deepStrictEqual(yield* configured(usual, [key, model]), ["claude claude-a"])
      const missing = yield* Effect.flip(configured(usual, [model]))
      assert.strictEqual(missing._tag, "ConfigError")
      const invalid = yield* Effect.flip(configured(usual, [key, model, ["ANTHROPIC_BASE_URL", "nowhere"]]))
      assert.strictEqual(invalid._tag, "InvalidArgumentError")
      const another = Claude.layerConfig({
        provider: Config.succeed(AIProvider.unsafeMake("claude/b")),
        apiKey: Config.redacted("KEY"),
        model: Config.succeed("b")
      })
      assert.deepStrictEqual(yield* configured(another, [["KEY", "sk-ant-test"]]), ["claude/b b"])
    })
  )
})
