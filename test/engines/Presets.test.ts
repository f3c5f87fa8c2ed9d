import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import { type Options, type Preset, configOf, make, presets } from "../../src/engines/OpenAICompatible.js"
import * as attempts from "../utils/attempts.js"
import { task } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

const all: ReadonlyArray<readonly [string, Preset]> = Object.entries(presets)

const configured = (preset: Preset, options: Partial<Options>, env: Readonly<Record<string, string>> = {}) =>
  Effect.withConfigProvider(
    configOf(preset, { model: "m", ...options }),
    ConfigProvider.fromMap(new Map(Object.entries(env)))
  )

/** What a server of a preset is sent for a task: by a key of its variable, at its path below another host. */
const sent = (preset: Preset, asked: Effect.Effect<AITask.AITask, object>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const answer = { choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] }
      const server = yield* RawServer.make(RawServer.answer(200, "application/json", JSON.stringify(answer)))
      const baseUrl = new URL(new URL(preset.address).pathname, server.url).href
      const env = preset.apiKeyEnv === undefined ? {} : { [preset.apiKeyEnv]: "test-key" }
      const engine = yield* Effect.flatMap(configured(preset, { baseUrl }, env), make)
      yield* attempts.events(engine, yield* asked)
      const [request] = server.requests
      return { engine, request, body: JSON.parse(request?.body ?? "{}") }
    })
  ).pipe(Effect.provide(FetchHttpClient.layer))

describe("OpenAICompatible.presets", () => {
  for (const [name, preset] of all) {
    it(`${name} has a usable address, which is on this machine exactly where it needs no key`, () => {
      const url = new URL(preset.address)
      assert.strictEqual(url.hostname === "127.0.0.1", preset.apiKeyEnv === undefined)
      assert.strictEqual(url.protocol, preset.apiKeyEnv === undefined ? "http:" : "https:")
      assert.strictEqual(url.search + url.hash, "")
      assert.notMatch(url.pathname, /.\/$/)
      assert.strictEqual(preset.baseUrl ?? preset.address, preset.address)
      assert.strictEqual(preset.baseUrl === undefined, /[A-Z]/.test(preset.address))
      assert.strictEqual(preset.provider, name)
      assert.match(preset.apiKeyEnv ?? "KEY", /^[A-Z][A-Z_]+$/)
    })

    it.effect(`${name} is asked at its path, by its key, in its words`, () =>
      Effect.gen(function* () {
        const { body, engine, request } = yield* sent(preset, task({ maxTokens: 7 }))
        const { pathname } = new URL(preset.address)
        assert.strictEqual(request?.path, `${pathname === "/" ? "" : pathname}/chat/completions`)
        const key = preset.apiKeyEnv === undefined ? undefined : "Bearer test-key"
        assert.strictEqual(request?.headers["authorization"], key)
        assert.strictEqual(body[preset.maxTokensField ?? "max_tokens"], 7)
        assert.strictEqual(
          body.stream_options?.include_usage,
          (preset.includeUsage ?? true) ? true : undefined
        )
        assert.strictEqual(engine.provider, name)
        assert.deepStrictEqual(engine.wires, preset.wires ?? ["chatCompletions"])
      })
    )
  }

  it.effect("have Mistral's ids of tool calls as Mistral takes them, whatever its model is called", () =>
    Effect.gen(function* () {
      const call = { id: "toolu_01A09q90qw90lq917835lq9", name: "look", arguments: "{}" }
      const { body } = yield* sent(
        presets.mistral,
        AITask.make({
          messages: [
            { role: "user", content: "Hi" },
            { role: "assistant", content: "", toolCalls: [call] },
            { role: "tool", toolCallId: call.id, content: "there" }
          ]
        })
      )
      assert.match(body.messages[1].tool_calls[0].id, /^[A-Za-z0-9]{9}$/)
    })
  )
})

describe("OpenAICompatible.configOf", () => {
  it.effect("takes a key that is given, and needs no variable then", () =>
    Effect.gen(function* () {
      const apiKey = Redacted.make("test-key")
      const options = yield* configured(presets.groq, { apiKey })
      assert.deepStrictEqual(options, {
        provider: AIProvider.unsafeMake("groq"),
        baseUrl: "https://api.groq.com/openai/v1",
        model: "m",
        apiKey
      })
    })
  )

  it.effect("fails where the key's variable isn't set, and names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(configured(presets.groq, {}))
      assert.include(String(error), "GROQ_API_KEY")
    })
  )

  it.effect("fails where the address is the customer's own and isn't given, and shows its form", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(configured(presets.azure, {}, { AZURE_OPENAI_API_KEY: "test-key" }))
      assert.include(String(error), "baseUrl: Expected the address")
      assert.include(String(error), "https://RESOURCE.openai.azure.com/openai/v1")
    })
  )

  it.effect("lets every option differ from the preset's; what is undefined is the preset's", () =>
    Effect.gen(function* () {
      const provider = AIProvider.unsafeMake("mistral/small")
      const own = { provider, baseUrl: "https://eu.example.org/v1", includeUsage: true } as const
      const options = yield* configured(
        presets.mistral,
        { ...own, toolCallIds: undefined },
        { MISTRAL_API_KEY: "test-key" }
      )
      assert.deepStrictEqual(options, {
        ...own,
        toolCallIds: "nine-alphanumerics",
        model: "m",
        apiKey: Redacted.make("test-key")
      })
    })
  )
})

describe("docs/providers.md", () => {
  it("has the presets as they are", () => {
    const code = (text: string): string => `\`${text}\``
    const rows = all.map(([name, { address, apiKeyEnv, wires = ["chatCompletions"] }]) =>
      [
        code(name),
        code(address),
        apiKeyEnv === undefined ? "none" : code(apiKeyEnv),
        wires.map(code).join(", ")
      ].join(" | ")
    )
    const document = readFileSync(fileURLToPath(new URL("../../docs/providers.md", import.meta.url)), "utf8")
    const table = ["preset | address | key | wires", "--- | --- | --- | ---", ...rows]
    assert.include(document, table.map((row) => `| ${row} |`).join("\n"))
  })
})
