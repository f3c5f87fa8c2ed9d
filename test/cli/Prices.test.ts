import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as harness from "./harness.js"
import * as messages from "../utils/messages.js"

const keys = { ANTHROPIC_API_KEY: "key", OPENAI_API_KEY: "key" }

/** Servers that have every model; Anthropic's answers have 3 tokens of input and 2 of output, others 10 and 5. */
const respond: harness.Respond = (url) =>
  url.pathname.endsWith("/models")
    ? harness.json({ data: [{ id: "llama3" }] })
    : url.pathname.endsWith("/messages")
      ? new Response(messages.hi + messages.rest, { headers: { "content-type": "text/event-stream" } })
      : harness.sse("Hi")

/** The cells of the table's prices, by provider. */
const shown = (table: string): Readonly<Record<string, unknown>> => {
  const [head = "", ...rows] = table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/))
  return Object.fromEntries(
    rows.map((row) => [row[0], [row[head.indexOf("$/M in")], row[head.indexOf("$/M out")]]])
  )
}

const prices = (json: string): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    JSON.parse(json).map(({ price, provider }: Readonly<Record<string, unknown>>) => [provider, price])
  )

const haiku = { input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25, cacheWrite1h: 2 }

const server = (id: string, more: object) => ({
  id,
  baseUrl: "https://api.openai.com/v1",
  model: "gpt-4o-mini",
  apiKey: "key",
  ...more
})

describe("Prices on the command line", () => {
  it.effect("are the list prices of what the environment configures", () =>
    Effect.gen(function* () {
      const { out } = yield* harness.run(["providers"], { env: keys, respond })
      assert.deepInclude(shown(out), { gpt4: ["0.15", "0.6"], claude: ["1", "5"], ollama: ["0", "0"] })
      const { out: json } = yield* harness.run(["providers", "--json"], { env: keys, respond })
      assert.deepInclude(prices(json), { claude: haiku, ollama: { input: 0, output: 0 } })
    })
  )

  it.effect("are unknown at other servers, and of models that nobody knows", () =>
    Effect.gen(function* () {
      const env = {
        ...keys,
        OPENAI_BASE_URL: "http://127.0.0.1:8000/v1",
        ANTHROPIC_MODEL: "claude-of-tomorrow",
        OLLAMA_HOST: "none"
      }
      const { out } = yield* harness.run(["providers"], { env, respond })
      assert.deepInclude(shown(out), { gpt4: ["?", "?"], claude: ["?", "?"] })
      const { out: json } = yield* harness.run(["providers", "--json"], { env, respond })
      assert.deepInclude(prices(json), { gpt4: null, claude: null })
      const { err } = yield* harness.run(["ask", "Hi", "--provider", "gpt4"], { env, respond })
      assert.match(err, / 10 in \+ 5 out tokens · cost unknown\n$/)
    })
  )

  it.effect("are what an answer is charged", () =>
    Effect.gen(function* () {
      const claude = yield* harness.run(["ask", "Hi", "--provider", "claude"], { env: keys, respond })
      assert.match(claude.err, / 3 in \+ 2 out tokens · \$0\.000013\n$/)
      const json = yield* harness.run(["ask", "Hi", "--json", "--provider", "gpt4"], { env: keys, respond })
      // 10 × 0.15 + 5 × 0.6 dollars per million
      assert.strictEqual(JSON.parse(json.out).cost, "0.0000045")
    })
  )

  it.effect("have the cheapest asked", () =>
    Effect.gen(function* () {
      const { err } = yield* harness.run(["ask", "Hi", "--strategy", "cheapest"], {
        env: { ...keys, OLLAMA_HOST: "none" },
        respond: (url) => (url.hostname === "none" ? undefined : respond(url, new Headers()))
      })
      assert.match(err, /^gpt4 /)
    })
  )

  it.scoped("are those of the file before the list's, with caches and tiers", () =>
    Effect.gen(function* () {
      const own = {
        input: 2,
        output: 4,
        cacheRead: 0.1,
        cacheWrite: 3,
        cacheWrite1h: 5,
        tiers: [{ above: 9, input: 20, output: 40 }]
      }
      const file = yield* harness.directory({
        "config.json": JSON.stringify({
          ollama: false,
          providers: [
            server("own", { price: own }),
            server("list", {}),
            server("mine", { baseUrl: "http://127.0.0.1:8000/v1" }),
            server("off", { enabled: false, price: { input: 1, output: 2 } })
          ]
        })
      })
      const args = ["--config", file("config.json")]
      const { out } = yield* harness.run(["providers", "--json", ...args], { respond })
      const listed = { input: 0.15, output: 0.6, cacheRead: 0.075, cacheWrite: 0.15, cacheWrite1h: 0.15 }
      assert.deepInclude(prices(out), { own, list: listed, mine: null, off: { input: 1, output: 2 } })
      const { err } = yield* harness.run(["ask", "Hi", "--provider", "own", ...args], { respond })
      // Ten tokens of input are above nine: 10 × 20 + 5 × 40 dollars per million
      assert.match(err, / · \$0\.000400\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("say what of a tier can't be used", () =>
    Effect.gen(function* () {
      const price = { input: 1, output: 1, tiers: [{ above: -1, input: 1, output: 1 }] }
      const file = yield* harness.directory({
        "config.json": JSON.stringify({ providers: [server("own", { price })] })
      })
      const { code, err } = yield* harness.run(["providers", "--config", file("config.json")])
      assert.strictEqual(code, 2)
      assert.match(
        err,
        /config\.json: providers\[0\]\.price\.tiers\[0\]\.above: Expected a number of tokens \(a whole number from 0\), actual -1/
      )
    }).pipe(Effect.provide(harness.platform))
  )
})
