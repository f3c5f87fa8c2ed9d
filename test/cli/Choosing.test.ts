import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as Tally from "../../src/cli/Tally.js"
import * as AIProvider from "../../src/AIProvider.js"
import * as AIResult from "../../src/AIResult.js"
import { summary } from "../../src/cli/Ask.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as Usd from "../../src/Usd.js"
import { record } from "../utils/guards.js"
import * as harness from "./harness.js"

/** OpenAI and an Ollama, both of which answer. */
const both: harness.Respond = (url) => {
  if (url.pathname.endsWith("/models")) return harness.json({ object: "list", data: [{ id: "m-1" }] })
  return harness.sse(url.host === "127.0.0.1:11434" ? "Local." : "Far.")
}

const ask = (world: harness.World, ...args: ReadonlyArray<string>) =>
  Effect.map(harness.run(["ask", "Hi", ...args], world), ({ code, err, out }) => ({ code, err, out }))

describe("An Ollama that was merely found", () => {
  const world = { env: { OPENAI_API_KEY: "test-key" }, respond: both }

  it.effect("isn't asked beside a configured provider, however cheap it is", () =>
    Effect.gen(function* () {
      for (const strategy of ["cheapest", "fastest", "quality", "balanced"]) {
        assert.strictEqual((yield* ask(world, "--strategy", strategy)).out, "Far.\n")
      }
    })
  )

  it.effect("isn't fallen over to, either", () =>
    Effect.gen(function* () {
      const respond: harness.Respond = (url, headers) =>
        url.host === "127.0.0.1:11434" ? both(url, headers) : harness.json({ error: {} }, 402)
      const { code, err } = yield* ask({ ...world, respond })
      assert.strictEqual(code, 1)
      assert.notInclude(err, "ollama")
    })
  )

  it.effect("is asked by its name, and where nothing else is configured", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask(world, "--provider", "ollama")).out, "Local.\n")
      assert.strictEqual((yield* ask({ respond: both })).out, "Local.\n")
      const { out } = yield* harness.run(["providers"], world)
      assert.match(out, /^ollama .* yes, by its name /m)
    })
  )

  it.effect("takes part where the file says so, and follows in a chain that names it", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({
        "all.json": JSON.stringify({ ollama: true, strategy: "cheapest" }),
        "chain.json": JSON.stringify({ chains: { gpt4: ["ollama"] } })
      })
      assert.strictEqual((yield* ask(world, "--config", file("all.json"))).out, "Local.\n")
      const respond: harness.Respond = (url, headers) =>
        url.host === "127.0.0.1:11434" ? both(url, headers) : harness.json({ error: {} }, 402)
      const chained = yield* ask({ ...world, respond }, "--config", file("chain.json"))
      assert.strictEqual(chained.out, "Local.\n")
    }).pipe(Effect.scoped, Effect.provide(harness.platform))
  )

  it.effect("doesn't stand in for what is configured and away", () =>
    Effect.gen(function* () {
      const off = { id: "house", baseUrl: "http://127.0.0.1:8000/v1", model: "m", enabled: false }
      const file = yield* harness.directory({ "c.json": JSON.stringify({ providers: [off] }) })
      const { code, err } = yield* ask({ respond: both }, "--config", file("c.json"))
      assert.strictEqual(code, 2)
      assert.match(err, /house: disabled in .*; ollama is there and isn't configured: .* --provider ollama/)
    }).pipe(Effect.scoped, Effect.provide(harness.platform))
  )
})

describe("The configuration file", () => {
  const parsed = (config: unknown) =>
    Either.match(ConfigFile.parse("c.json", JSON.stringify(config)), {
      onLeft: ({ message }) => message,
      onRight: ConfigFile.policyOf
    })

  it("gives a call ten minutes unless it says otherwise, and limits to single providers", () => {
    assert.deepStrictEqual(parsed({}), { limits: { timeoutMs: 600_000 } })
    const providerLimits = { gpt4: { firstTokenMs: 60_000, idleMs: 1, attemptMs: 2 } }
    assert.deepStrictEqual(parsed({ limits: { timeoutMs: 5, attemptMs: 4 }, providerLimits }), {
      limits: { timeoutMs: 5, attemptMs: 4 },
      providerLimits
    })
  })

  for (const [config, message] of [
    [
      { providerLimits: { nobody: {} } },
      /providerLimits\.nobody: Expected a provider \(.*\), actual "nobody"/
    ],
    [{ providerLimits: { gpt4: { firstTokenMs: 0 } } }, /providerLimits\.gpt4\.firstTokenMs: .* above 0/],
    [{ providerLimits: { gpt4: { first: 1 } } }, /providerLimits\.gpt4\.first: /],
    [{ circuitBreaker: { openMs: -1 } }, /circuitBreaker\.openMs: .* above 0\), actual -1/],
    [{ circuitBreaker: { openMs: 9, maxOpenMs: 8 } }, /circuitBreaker\.maxOpenMs: Expected at least openMs/],
    [{ circuitBreaker: { opensAfter: 1 } }, /circuitBreaker\.opensAfter: /],
    [{ retryBudget: { share: 2 } }, /retryBudget\.share: .* from 0 to 1\), actual 2/],
    [{ retryBudget: { least: 2 } }, /retryBudget\.least: /],
    [{ hedging: { quantile: 1 } }, /hedging\.quantile: .* below 1\), actual 1/],
    [{ hedging: true }, /hedging: Expected an object, actual a boolean/],
    [{ gateway: { deliveries: { nobody: "buffered" } } }, /gateway\.deliveries\.nobody: Expected a provider/],
    [
      { gateway: { delivery: "later" } },
      /gateway\.delivery: Expected "streamed" or "buffered" or .*, actual "later"/
    ]
  ] as const) {
    it(`refuses ${JSON.stringify(config)}`, () => {
      assert.match(String(parsed(config)), message)
    })
  }

  it.effect("has the circuit breaker, the retry budget and hedging of a command", () =>
    Effect.gen(function* () {
      const broken = {
        ollama: false,
        simulated: [{ id: "a", errorRate: 1 }],
        retryBudget: { minimum: 0, share: 0 },
        hedging: {}
      }
      const tasks = Array.from({ length: 4 }, () => JSON.stringify({ prompt: "Hi" })).join("\n")
      const attempts = (config: object) =>
        Effect.gen(function* () {
          const file = yield* harness.directory({ "c.json": JSON.stringify(config), "t.jsonl": tasks })
          const args = ["run", file("t.jsonl"), "--out", file("r.jsonl"), "--config", file("c.json")]
          const { out } = yield* harness.run([...args, "--concurrency", "1"])
          return Number(/^a +0 +(\d+)/m.exec(out)?.[1])
        })
      assert.strictEqual(yield* attempts({ ...broken, retryBudget: {} }), 12)
      assert.strictEqual(yield* attempts(broken), 4)
      assert.isAtMost(yield* attempts({ ...broken, circuitBreaker: { consecutiveFailures: 1 } }), 4)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(harness.platform, Layer.empty)))
  )
})

describe("What was given up and paid for", () => {
  const usage = TokenUsage.make({ inputTokens: 100, outputTokens: 5, estimated: true })
  const late = record(
    { _tag: "TimeoutError", phase: "first-token" },
    { durationMs: 10_000, usage, cost: Option.some(Usd.fromNumber(0.002)) }
  )
  const well = record(undefined, {
    provider: AIProvider.Gpt4,
    usage: TokenUsage.make({ inputTokens: 100, outputTokens: 50 }),
    cost: Option.some(Usd.fromNumber(0.001))
  })
  const resultOf = (attempts: ReadonlyArray<AIResult.Attempt>): AIResult.AIResult => ({
    taskId: "t",
    text: "Light scatters.",
    toolCalls: [],
    finishReason: "stop",
    provider: AIProvider.Gpt4,
    model: "m",
    usage: well.usage,
    cost: Option.some(Usd.fromNumber(0.003)),
    durationMs: 11_000,
    firstTokenMs: Option.none(),
    streamAvailable: true,
    attempts,
    warnings: []
  })

  it("is told by the attempts", () => {
    assert.deepStrictEqual([late, well, record()].map(AIResult.isPaidInVain), [true, false, false])
  })

  it("is told by the line of `ask`", () => {
    assert.match(
      summary(resultOf([late, well])),
      / · ~\$0\.003\d* · ~\$0\.002\d* of it for claude, given up after 10\.00 s$/
    )
    assert.notInclude(summary(resultOf([well])), "given up")
  })

  it("is told by the table of `run`, where there is any", () => {
    const tally = Tally.make()
    const line = (attempts: ReadonlyArray<AIResult.Attempt>) => ({
      line: 1,
      input: "0",
      taskId: "t",
      result: resultOf(attempts)
    })
    Tally.record(tally, line([well]))
    assert.notInclude(Tally.table(tally), "given up")
    Tally.record(tally, line([late, well]))
    Tally.record(tally, line([{ ...late, cost: Option.none() }, well]))
    const table = Tally.table(tally)
    assert.match(table, /given up$/m)
    assert.match(table, /^claude .* 2: \$0\.002\d* \+ unknown$/m)
    assert.match(table, /^gpt4 .* 0$/m)
  })
})
