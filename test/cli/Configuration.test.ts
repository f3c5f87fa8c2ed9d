import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as harness from "./harness.js"

const models = (...ids: ReadonlyArray<string>): Response => harness.json({ data: ids.map((id) => ({ id })) })

const parse = (config: unknown): string => {
  const parsed = ConfigFile.parse("c.json", typeof config === "string" ? config : JSON.stringify(config))
  return parsed._tag === "Left" ? `${parsed.left._tag} ${parsed.left.message}` : "fine"
}

const groq = { id: "groq", baseUrl: "http://127.0.0.1:1234/v1", model: "llama" }

describe("ConfigFile", () => {
  it("says where a text stops being JSON, and doesn't repeat the text", () => {
    assert.match(
      parse('{\n  "providers": [sk-secret]}'),
      /^ConfigurationError c\.json: Expected JSON, actual other text(, at the first "s"| at line 2, column 17)/
    )
    assert.strictEqual(
      parse('{\n  "providers" []}'),
      "ConfigurationError c.json: Expected JSON, actual other text at line 2, column 15"
    )
    assert.strictEqual(
      parse('{"providers": ['),
      "ConfigurationError c.json: Expected JSON, actual other text that ends too early"
    )
    assert.match(parse("sk-secret"), /^ConfigurationError c\.json: Expected JSON, actual other text/)
    assert.notInclude(parse("sk-secret"), "sk-")
  })

  it("names the file, the field and the value that it can't use", () => {
    const wrong = (config: unknown, field: RegExp, value: RegExp): void => {
      const message = parse(config)
      assert.match(message, /^ConfigurationError c\.json: /)
      assert.match(message, field)
      assert.match(message, value)
    }
    wrong({ provider: [] }, /c\.json: provider: /, /unexpected/)
    wrong([], /c\.json: Expected/, /actual/)
    wrong({ strategy: "best" }, /strategy: /, /actual "best"/)
    wrong({ providers: [{ ...groq, model: 3 }] }, /providers\[0\]\.model: /, /actual 3/)
    wrong({ providers: [{ ...groq, baseUrl: "localhost" }] }, /providers\[0\]\.baseUrl: /, /"localhost"/)
    wrong({ providers: [groq, { ...groq, id: "b", quality: 11 }] }, /providers\[1\]\.quality: /, /actual 11/)
    wrong({ providers: [{ ...groq, p50LatencyMs: -1 }] }, /p50LatencyMs: /, /actual -1/)
    wrong({ providers: [{ ...groq, contextWindow: 0.5 }] }, /contextWindow: /, /actual 0\.5/)
    wrong({ providers: [{ ...groq, price: { input: -1, output: 1 } }] }, /price\.input: /, /actual -1/)
    wrong({ providers: [{ ...groq, apiKeyEnv: "A-B" }] }, /apiKeyEnv: /, /actual "A-B"/)
    wrong({ limits: { timeoutMs: 0 } }, /limits\.timeoutMs: /, /actual 0/)
    wrong({ simulated: [{ id: "a", errorRate: 2 }] }, /simulated\[0\]\.errorRate: /, /actual 2/)
    wrong({ providers: [groq, groq] }, /providers\[1\]\.id: /, /actual "groq" twice/)
    wrong({ providers: [groq], simulated: [{ id: "groq" }] }, /simulated\[0\]\.id: /, /actual "groq" twice/)
    wrong(
      { providers: [groq], chains: { groq: ["gpt4", "gpt4"] } },
      /chains\.groq\[1\]: /,
      /actual gpt4 twice/
    )
    wrong({ providers: [groq], chains: { groq: ["groq"] } }, /chains\.groq\[0\]: /, /actual groq/)
    wrong({ chains: { gpt4: ["nobody"] } }, /chains\.gpt4\[0\]: /, /actual "nobody"/)
    wrong({ chains: { nobody: [] } }, /chains\.nobody: /, /actual "nobody"/)
  })

  it("never repeats a key", () => {
    assert.notInclude(parse({ providers: [{ ...groq, apiKey: 987654 }] }), "987654")
    const both = parse({ providers: [{ ...groq, apiKey: "sk-secret", apiKeyEnv: "KEY" }] })
    assert.match(both, /providers\[0\]\.apiKey: Expected either apiKey or apiKeyEnv, actual both$/)
    assert.notInclude(both, "sk-secret")
  })

  it("takes what a provider may state", () => {
    const config = {
      strategy: "cheapest",
      providers: [{ ...groq, apiKey: "k", price: { input: 1, output: 2, cacheRead: 0.1 }, quality: 7 }],
      chains: { groq: ["ollama", "gpt4"] },
      limits: { timeoutMs: 5000, firstTokenMs: 1000, idleMs: 1000, streamMs: 60000 }
    }
    assert.strictEqual(parse(config), "fine")
    assert.strictEqual(parse({}), "fine")
  })
})

/** The rows of `providers --json`. */
const listed = (world: harness.World, ...args: ReadonlyArray<string>) =>
  Effect.map(harness.run(["providers", "--json", ...args], world), ({ code, err, out }) => {
    assert.strictEqual(code, 0)
    const rows: ReadonlyArray<Readonly<Record<string, unknown>>> = JSON.parse(out)
    return { err, rows, row: (id: string) => rows.find(({ provider }) => provider === id) }
  })

describe("Configuration", () => {
  it.effect("has three simulated providers with distinct numbers where nothing is configured", () =>
    Effect.gen(function* () {
      const { err, rows } = yield* listed({})
      assert.match(err, /^No provider is configured/)
      assert.deepStrictEqual(
        rows.map(({ available, model, provider }) => [provider, model, available]),
        [
          ["copilot_chat", "simulated", true],
          ["claude", "simulated", true],
          ["gpt4", "simulated", true],
          ["ollama", null, false]
        ]
      )
    })
  )

  it.effect("has OpenAI by its key, and says when its server doesn't answer", () =>
    Effect.gen(function* () {
      const absent = yield* listed({ env: { OPENAI_API_KEY: "k" } })
      assert.strictEqual(absent.err, "")
      assert.deepInclude(absent.row("gpt4"), {
        model: "gpt-4o-mini",
        available: false,
        reason: "its server doesn't answer",
        configuredIn: "environment"
      })
      let asked = ""
      const present = yield* listed({
        env: { OPENAI_API_KEY: "k", OPENAI_MODEL: "gpt-x" },
        respond: (url, headers) => {
          if (url.host !== "api.openai.com") return undefined
          asked = `${url.href} ${headers.get("authorization")}`
          return models("gpt-x")
        }
      })
      assert.strictEqual(asked, "https://api.openai.com/v1/models Bearer k")
      assert.deepInclude(present.row("gpt4"), { model: "gpt-x", available: true, reason: null })
    })
  )

  it.effect("says when a server rejects the key, and lets one without a list of models pass", () =>
    Effect.gen(function* () {
      const env = { OPENAI_API_KEY: "k" }
      const rejected = yield* listed({ env, respond: () => harness.json({}, 401) })
      assert.deepInclude(rejected.row("gpt4"), {
        available: false,
        reason: "its server rejects the key (401)"
      })
      const plain = yield* listed({ env, respond: () => harness.json({}, 404) })
      assert.deepInclude(plain.row("gpt4"), { available: true })
    })
  )

  it.effect("takes a variable that is empty for one that isn't set", () =>
    Effect.gen(function* () {
      const { err } = yield* listed({ env: { OPENAI_API_KEY: " ", OPENAI_BASE_URL: "" } })
      assert.match(err, /^No provider is configured/)
    })
  )

  it.effect("names the variable that can't be used", () =>
    Effect.gen(function* () {
      const told = (env: Readonly<Record<string, string>>) =>
        Effect.map(harness.run(["ask", "Hi"], { env }), ({ code, err }) => `${code} ${err}`)
      assert.match(
        yield* told({ OPENAI_BASE_URL: "localhost" }),
        /^2 ConfigurationError: environment: OPENAI_BASE_URL: .*"localhost"/
      )
      const key = yield* told({ OPENAI_API_KEY: "sk-\nsecret" })
      assert.match(key, /^2 ConfigurationError: environment: OPENAI_API_KEY: /)
      assert.notInclude(key, "secret")
    })
  )

  it.effect("finds a server of Ollama by itself, and asks for its first model at no charge", () =>
    Effect.gen(function* () {
      const respond: harness.Respond = (url) =>
        url.host !== "127.0.0.1:11434"
          ? undefined
          : url.pathname === "/v1/models"
            ? models("llama3.2:1b", "other")
            : harness.sse("Local.")
      const { err, row } = yield* listed({ respond })
      assert.strictEqual(err, "")
      assert.deepInclude(row("ollama"), {
        model: "llama3.2:1b",
        available: true,
        price: { input: 0, output: 0 }
      })
      const answer = yield* harness.run(["ask", "Hi"], { respond })
      assert.strictEqual(answer.out, "Local.\n")
      assert.match(answer.err, /^ollama \(m-1\) .* · \$0\.000000\n$/)
    })
  )

  it.effect("looks for Ollama where OLLAMA_HOST says", () =>
    Effect.gen(function* () {
      const asked = (host: string) =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          yield* listed({
            env: { OLLAMA_HOST: host },
            respond: (url) => {
              seen.push(url.href)
              return undefined
            }
          })
          return seen[0]
        })
      assert.strictEqual(yield* asked("0.0.0.0"), "http://127.0.0.1:11434/v1/models")
      assert.strictEqual(yield* asked("box:8080"), "http://box:8080/v1/models")
      assert.strictEqual(yield* asked("https://llm.example/"), "https://llm.example/v1/models")
    })
  )

  it.effect("says why an Ollama without a model, or at no address, can't be asked", () =>
    Effect.gen(function* () {
      const empty = yield* listed({ respond: () => models() })
      assert.match(String(empty.row("ollama")?.reason), /has no model: ollama pull one$/)
      const { code, err } = yield* harness.run(["ask", "Hi"], {
        env: { OLLAMA_HOST: "http://me:pw@box" },
        respond: () => models("m")
      })
      assert.strictEqual(code, 2)
      assert.match(err, /^ConfigurationError: environment: OLLAMA_HOST: /)
      assert.notInclude(err, "pw")
    })
  )

  it.scoped("lists the providers of a file with their numbers, and why one can't be used", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({
          ollama: false,
          providers: [
            {
              ...groq,
              apiKeyEnv: "GROQ_KEY",
              price: { input: 0.5, output: 1.5 },
              p50LatencyMs: 300,
              p99LatencyMs: 900,
              quality: 7,
              contextWindow: 8000
            },
            { ...groq, id: "off", enabled: false },
            { ...groq, id: "keyless", apiKeyEnv: "NO_SUCH_KEY" }
          ],
          simulated: [{ id: "s", seed: 3 }]
        })
      })
      const world: harness.World = {
        env: { GROQ_KEY: "k", ARC_SAGA_CONFIG: file("c.json") },
        respond: (url) => (url.port === "1234" ? models("llama") : undefined)
      }
      const { err, row, rows } = yield* listed(world)
      assert.strictEqual(err, "")
      assert.deepStrictEqual(row("groq"), {
        provider: "groq",
        model: "llama",
        price: { input: 0.5, output: 1.5 },
        p50LatencyMs: 300,
        p99LatencyMs: 900,
        quality: 7,
        available: true,
        reason: null,
        signIn: null,
        configuredIn: file("c.json")
      })
      assert.deepInclude(row("off"), { available: false, reason: `disabled in ${file("c.json")}` })
      assert.match(String(row("keyless")?.reason), /providers\[2\]\.apiKeyEnv: .*actual "NO_SUCH_KEY"/)
      assert.deepInclude(row("s"), { available: true, model: "simulated" })
      assert.deepInclude(row("gpt4"), { available: false, reason: "OPENAI_API_KEY isn't set" })
      assert.deepInclude(row("claude"), { available: false, reason: "ANTHROPIC_API_KEY isn't set" })
      assert.deepInclude(row("copilot_chat"), { available: false, reason: "COPILOT_CLIENT_ID isn't set" })
      assert.strictEqual(rows.length, 7)

      const table = yield* harness.run(["providers"], world)
      assert.match(
        table.out,
        /^provider +model +\$\/M in +\$\/M out +p50 +quality +available +configured in\n/
      )
      assert.match(table.out, /\ngroq +llama +0\.5 +1\.5 +300 ms +7 +yes +\//)
      assert.match(table.out, /\noff +\? +\? +\? +\? +\? +no: disabled in|\noff +llama +/)

      const asked = yield* harness.run(["ask", "Hi"], world)
      assert.strictEqual(asked.code, 2)
      assert.match(asked.err, /^ConfigurationError: .*c\.json: providers\[2\]\.apiKeyEnv: .*NO_SUCH_KEY/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("blames the field that holds a key which can't be sent", () =>
    Effect.gen(function* () {
      const config = (entry: object) => JSON.stringify({ ollama: false, providers: [{ ...groq, ...entry }] })
      const file = yield* harness.directory({
        "a.json": config({ apiKey: "sk-\nsecret" }),
        "b.json": config({ apiKeyEnv: "KEY" }),
        "c.json": config({ model: " " })
      })
      const told = (name: string) =>
        Effect.map(
          harness.run(["ask", "Hi", "--config", file(name)], { env: { KEY: "sk-\nsecret" } }),
          ({ code, err }) => `${code} ${err}`
        )
      assert.match(
        yield* told("a.json"),
        /^2 (?:Warning: .*\n)?ConfigurationError: .*a\.json: providers\[0\]\.apiKey: /
      )
      assert.match(
        yield* told("b.json"),
        /^2 (?:Warning: .*\n)?ConfigurationError: .*b\.json: providers\[0\]\.apiKeyEnv: /
      )
      assert.match(
        yield* told("c.json"),
        /^2 (?:Warning: .*\n)?ConfigurationError: .*c\.json: providers\[0\]\.model: /
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("routes as the file says: its strategy, its chains, its providers before the environment's", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "c.json": JSON.stringify({
          ollama: false,
          strategy: "quality",
          providers: [
            { ...groq, id: "gpt4", model: "mine", quality: 9, maxTokensField: "max_completion_tokens" }
          ],
          simulated: [
            { id: "x", quality: 1 },
            { id: "y", quality: 2 }
          ],
          chains: { gpt4: ["x"] },
          limits: { firstTokenMs: 1000 }
        })
      })
      const { code, err } = yield* harness.run(["ask", "Hi", "--config", file("c.json")], {
        env: { OPENAI_API_KEY: "k" }
      })
      assert.strictEqual(code, 0)
      // Three attempts at gpt4, then its fallback: x, though y is the better one.
      assert.match(err, /^x \(simulated\) · 4 attempts · .* · cost unknown\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("fails when a file can't be read", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory()
      const { code, err } = yield* harness.run(["ask", "Hi", "--config", file("nope.json")])
      assert.strictEqual(code, 2)
      assert.match(err, /^FileError: .*nope\.json: no such file or directory\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scoped("has nothing to ask when all that a file names is disabled", () =>
    Effect.gen(function* () {
      const config = JSON.stringify({ ollama: false, providers: [{ ...groq, enabled: false }] })
      const file = yield* harness.directory({ "c.json": config })
      const { code, err } = yield* harness.run(["ask", "Hi", "--config", file("c.json")])
      assert.strictEqual(code, 2)
      assert.match(err, /^UsageError: No provider can be asked\. \w+: disabled in \S+\n$/)
    }).pipe(Effect.provide(harness.platform))
  )

  it("keeps the policy of a file apart from what isn't said", () => {
    const config = ConfigFile.parse("c.json", "{}")
    const policy = Option.map(Option.getRight(config), ConfigFile.policyOf)
    assert.deepStrictEqual(Option.getOrThrow(policy), { limits: { timeoutMs: 600_000 } })
  })
})
