import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import { hi, rest } from "../utils/messages.js"
import * as harness from "./harness.js"

const key = "sk-ant-test"

/** A server that speaks Messages below this address. */
const server =
  (base: string, asked: Array<string> = []): harness.Respond =>
  (url, headers) => {
    if (!url.href.startsWith(base)) return undefined
    asked.push(`${url.href} ${headers.get("x-api-key")} ${headers.get("anthropic-version")}`)
    return url.pathname.endsWith("/v1/models")
      ? harness.json({ data: [{ id: "claude-test" }] })
      : new Response(hi + rest, { headers: { "content-type": "text/event-stream" } })
  }

const anthropic = "https://api.anthropic.com"

/** The row of a provider in `providers --json`. */
const row = (id: string, world: harness.World, ...args: ReadonlyArray<string>) =>
  Effect.map(harness.run(["providers", "--json", ...args], world), ({ code, out }) => {
    assert.strictEqual(code, 0)
    const rows: ReadonlyArray<Readonly<Record<string, unknown>>> = JSON.parse(out)
    return rows.find(({ provider }) => provider === id)
  })

describe("Claude on the command line", () => {
  it.effect("is configured by its key, and asked", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const world = { env: { ANTHROPIC_API_KEY: key }, respond: server(anthropic, asked) }
      assert.deepInclude(yield* row("claude", world), {
        model: "claude-haiku-4-5",
        available: true,
        reason: null,
        configuredIn: "environment"
      })
      const { err, out } = yield* harness.run(["ask", "Hi", "--temperature", "0.5"], world)
      assert.strictEqual(out, "Hi\n")
      assert.match(err, /^claude \(claude-test-1\) · 1 attempt · .* · 3 in \+ 2 out tokens · \$0\.000013\n$/)
      assert.deepStrictEqual(asked, [
        `${anthropic}/v1/models ${key} 2023-06-01`,
        `${anthropic}/v1/messages ${key} 2023-06-01`
      ])
    })
  )

  it.effect("is asked for the model and at the server of the environment", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const env = {
        ANTHROPIC_API_KEY: key,
        ANTHROPIC_BASE_URL: "http://127.0.0.1:1234/proxy/v1/",
        ANTHROPIC_MODEL: "claude-x"
      }
      const world = { env, respond: server("http://127.0.0.1:1234/", asked) }
      assert.deepInclude(yield* row("claude", world), { model: "claude-x", available: true })
      yield* harness.run(["ask", "Hi"], world)
      assert.deepStrictEqual(
        asked.map((line) => line.split(" ")[0]),
        ["http://127.0.0.1:1234/proxy/v1/models", "http://127.0.0.1:1234/proxy/v1/messages"]
      )
    })
  )

  it.effect("can be asked first beside others, and isn't without a key", () =>
    Effect.gen(function* () {
      const env = { ANTHROPIC_API_KEY: key, OPENAI_API_KEY: "sk-test" }
      const respond = server(anthropic)
      const { err } = yield* harness.run(["ask", "Hi", "--provider", "claude"], { env, respond })
      assert.match(err, /^claude /)
      const world = { env: { OPENAI_API_KEY: "sk-test", ANTHROPIC_BASE_URL: anthropic }, respond }
      assert.deepInclude(yield* row("claude", world), {
        available: false,
        reason: "ANTHROPIC_API_KEY isn't set"
      })
    })
  )

  it.effect("is blamed by the variable that can't be used, which isn't told", () =>
    Effect.gen(function* () {
      const told = (env: Readonly<Record<string, string>>) =>
        Effect.map(harness.run(["ask", "Hi"], { env }), ({ code, err }) => `${code} ${err}`)
      const wrongKey = yield* told({ ANTHROPIC_API_KEY: "sk-\nsecret" })
      assert.match(wrongKey, /^2 ConfigurationError: environment: ANTHROPIC_API_KEY: /)
      assert.notInclude(wrongKey, "secret")
      assert.match(
        yield* told({ ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: "localhost" }),
        /^2 ConfigurationError: environment: ANTHROPIC_BASE_URL: .*"localhost"/
      )
    })
  )

  it.effect("says that its server rejects the key", () =>
    Effect.gen(function* () {
      const respond: harness.Respond = () => harness.json({}, 401)
      assert.deepInclude(yield* row("claude", { env: { ANTHROPIC_API_KEY: key }, respond }), {
        available: false,
        reason: "its server rejects the key (401)"
      })
    })
  )

  const opus = { id: "claude/opus", api: "anthropic", baseUrl: anthropic, model: "claude-opus" }
  const haiku = { ...opus, id: "claude/haiku", model: "claude-haiku", quality: 9 }

  it.scoped("is as many providers as the file has models of it", () =>
    Effect.gen(function* () {
      const price = { input: 1, output: 2 }
      const file = yield* harness.directory({
        "c.json": JSON.stringify({
          ollama: false,
          providers: [
            { ...opus, apiKeyEnv: "KEY", price, contextWindow: 200_000 },
            { ...haiku, apiKey: key }
          ],
          chains: { claude: ["claude/haiku"] }
        })
      })
      const world = { env: { KEY: key }, respond: server(anthropic) }
      const config = ["--config", file("c.json")]
      assert.deepInclude(yield* row("claude/opus", world, ...config), {
        model: "claude-opus",
        price,
        available: true
      })
      assert.deepInclude(yield* row("claude/haiku", world, ...config), { available: true, quality: 9 })
      const asked = yield* harness.run(["ask", "Hi", "--provider", "claude/opus", ...config], world)
      // A file with a key in it that others can read is warned of first.
      assert.match(asked.err, /^Warning: .+\nclaude\/opus \(claude-test-1\) .* · \$0\.000007\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("needs a key in the file", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({ ollama: false, providers: [opus] })
      })
      const { code, err } = yield* harness.run(["ask", "Hi", "--config", file("c.json")])
      assert.strictEqual(code, 2)
      assert.match(err, /c\.json: providers\[0\]\.apiKey: Expected a key, actual none\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it("has no field of Chat Completions in the file, and no API but the two", () => {
    const message = (entry: object): string => {
      const parsed = ConfigFile.parse("c.json", JSON.stringify({ providers: [entry] }))
      return parsed._tag === "Left" ? parsed.left.message : "fine"
    }
    assert.strictEqual(
      message({ ...opus, maxTokensField: "max_tokens" }),
      'c.json: providers[0].maxTokensField: Expected none beside api "anthropic", actual "max_tokens"'
    )
    assert.match(message({ ...opus, api: "claude" }), /providers\[0\]\.api: .*actual "claude"/)
    assert.strictEqual(message({ ...opus, api: "openai", maxTokensField: "max_tokens" }), "fine")
  })
})
