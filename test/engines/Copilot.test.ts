import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AIProvider from "../../src/AIProvider.js"
import { AccessTokens } from "../../src/auth/AccessTokens.js"
import * as Copilot from "../../src/engines/Copilot.js"
import * as Price from "../../src/Price.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as attempts from "../utils/attempts.js"
import { engine, tokens } from "../utils/graph.js"

describe("Copilot.make", () => {
  it.effect("says what the engine is and can", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const made = yield* engine("https://example.org", { price, capabilities: { streaming: false } })
      assert.strictEqual(made.provider, AIProvider.CopilotChat)
      assert.strictEqual(made.model, "copilot")
      assert.deepStrictEqual(made.price, Option.some(price))
      assert.deepStrictEqual(made.capabilities, {
        tools: false,
        systemPrompt: true,
        sampling: false,
        prefill: false,
        jsonSchema: false,
        images: false,
        documents: false,
        audio: false,
        logProbabilities: false,
        streaming: false,
        contextWindow: Option.none()
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("needs no option", () =>
    Effect.gen(function* () {
      const made = yield* Effect.provideService(Copilot.make(), AccessTokens, tokens)
      assert.deepStrictEqual(made.capabilities, Copilot.defaultCapabilities)
      assert.deepStrictEqual(made.price, Option.none())
      assert.isTrue(made.capabilities.streaming)
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
        [{ pathPrefix: "beta" }, "pathPrefix", 'Expected a path (/beta), actual "beta"'],
        [{ pathPrefix: "/a?b" }, "pathPrefix", 'Expected a path (/beta), actual "/a?b"'],
        [
          { timeZone: "Mars/Olympus" },
          "timeZone",
          'Expected the IANA name of a time zone (Europe/Berlin), actual "Mars/Olympus"'
        ],
        [
          { timeZone: "+01:00" },
          "timeZone",
          'Expected the IANA name of a time zone (Europe/Berlin), actual "+01:00"'
        ],
        [{ user: " " }, "user", 'Expected the id of a user, actual ""'],
        [
          { files: ["https://example.org/a", "a.docx"] },
          "files[1]",
          'Expected an http(s) URL, actual "a.docx"'
        ],
        [{ files: ["https://"] }, "files[0]", 'Expected an http(s) URL, actual "https://"'],
        [{ headers: { "a b": "s3cret" } }, "headers", 'Expected the name of a header, actual "a b"'],
        [
          { headers: { beta: "s3cret " } },
          "headers.beta",
          "Expected a value of printable characters without space around it"
        ]
      ] as const) {
        const error = yield* Effect.flip(engine("https://example.org", changes))
        assert.strictEqual(error._tag, "InvalidArgumentError")
        assert.deepInclude(attempts.fields(error), { subject: "Copilot", field, reason })
        assert.notInclude(String(error) + JSON.stringify(error), "s3cret")
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.effect("takes no prefix, and any time zone that has a name", () =>
    Effect.gen(function* () {
      for (const changes of [
        { pathPrefix: "" },
        { pathPrefix: "/" },
        { timeZone: "America/Argentina/Buenos_Aires" },
        { timeZone: "utc" }
      ]) {
        assert.strictEqual((yield* engine("https://example.org", changes)).model, "copilot")
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe("Copilot layers", () => {
  const registered = Effect.map(
    Effect.flatMap(Registry.ReasoningEngineRegistry, (registry) => registry.list),
    (engines) => engines.map(({ model, provider }) => `${provider} ${model}`)
  )

  const withRegistry = <E>(
    layer: Layer.Layer<never, E, AccessTokens | HttpClient.HttpClient | Registry.ReasoningEngineRegistry>
  ) =>
    layer.pipe(
      Layer.provideMerge(Registry.layer),
      Layer.provide(Layer.succeed(AccessTokens, tokens)),
      Layer.provide(FetchHttpClient.layer)
    )

  it.effect("register the engine, under its own name or another", () =>
    Effect.gen(function* () {
      const provider = AIProvider.unsafeMake("copilot_chat/berlin")
      const both = Layer.merge(Copilot.layer(), Copilot.layer({ provider, timeZone: "Europe/Berlin" }))
      const engines = yield* Effect.provide(registered, withRegistry(both))
      assert.deepStrictEqual(engines.toSorted(), ["copilot_chat copilot", "copilot_chat/berlin copilot"])
      const twice = withRegistry(Copilot.layer().pipe(Layer.provideMerge(Copilot.layer())))
      const error = yield* Effect.flip(Effect.provide(registered, twice))
      assert.strictEqual(error._tag, "DuplicateEngineError")
    })
  )

  it.effect("take their options from Config, by the usual names or by others", () =>
    Effect.gen(function* () {
      const configured = <E>(
        layer: Layer.Layer<never, E, AccessTokens | HttpClient.HttpClient | Registry.ReasoningEngineRegistry>,
        ...entries: ReadonlyArray<readonly [string, string]>
      ) =>
        Effect.withConfigProvider(
          Effect.provide(registered, withRegistry(layer)),
          ConfigProvider.fromMap(new Map(entries))
        )
      const usual = Copilot.layerConfig(Copilot.config)
      assert.deepStrictEqual(yield* configured(usual), ["copilot_chat copilot"])
      const another = Copilot.layerConfig({
        provider: Config.succeed(AIProvider.unsafeMake("graph")),
        user: Config.string("WHO")
      })
      assert.deepStrictEqual(yield* configured(another, ["WHO", "ann"]), ["graph copilot"])
      const missing = yield* Effect.flip(configured(another))
      assert.strictEqual(missing._tag, "ConfigError")
      for (const [name, field] of [
        ["COPILOT_BASE_URL", "baseUrl"],
        ["COPILOT_PATH_PREFIX", "pathPrefix"],
        ["COPILOT_TIME_ZONE", "timeZone"],
        ["COPILOT_USER", "user"]
      ] as const) {
        const invalid = yield* Effect.flip(configured(usual, [name, " "]))
        assert.deepInclude(attempts.fields(invalid), { _tag: "InvalidArgumentError", field })
      }
    })
  )

  it.effect("have defaults in Config for all but the user", () =>
    Effect.gen(function* () {
      const read = (...entries: ReadonlyArray<readonly [string, string]>) =>
        Effect.withConfigProvider(Copilot.config, ConfigProvider.fromMap(new Map(entries)))
      const defaults = { baseUrl: "https://graph.microsoft.com", pathPrefix: "/beta", timeZone: "UTC" }
      assert.deepStrictEqual(yield* read(), defaults)
      assert.deepStrictEqual(yield* read(["COPILOT_USER", "ann"]), { ...defaults, user: "ann" })
    })
  )
})

describe("Copilot's defaults", () => {
  it("are those of an engine, less what the service has no place for", () => {
    assert.deepStrictEqual(Copilot.defaultCapabilities, {
      ...ReasoningEngine.defaultCapabilities,
      tools: false,
      sampling: false,
      jsonSchema: false
    })
  })
})
