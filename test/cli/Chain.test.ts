/** What observes attempts and what guards them, with everything that the configuration file chooses providers by. */
import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { eventually, post, request } from "../gateway/harness.js"
import * as data from "../utils/outcomes.js"
import { command, directory, platform } from "./harness.js"

const model = JSON.stringify(Either.getOrThrow(QualityModel.train(Outcomes.split(data.make(1200), "s0"))))

const fast = { firstTokenMs: 10, tokensPerSecond: 10_000 }

const config = {
  ollama: false,
  simulated: [
    { id: "strong", ...fast, price: { input: 30, output: 60 } },
    { id: "middle", ...fast, price: { input: 3, output: 6 } },
    { id: "cheap", ...fast, price: { input: 1, output: 2 } }
  ],
  savings: { keep: 0.97 },
  cascade: { accept: "agreement", comparison: "number", asks: ["cheap", "middle"], last: "strong" },
  strategy: "savings",
  hedging: {}
}

/** By what a provider is chosen, and how many attempts an answer takes. */
const choices = [
  ["saga/cheapest", 1],
  ["saga/savings", 1],
  ["saga/cascade", 2],
  ["strong", 1]
] as const

/** A gateway over the file with these settings besides, and how it is asked. */
const serving = (settings: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const file = yield* directory({ "model.json": model })
    const all = { ...config, model: file("model.json"), ...settings }
    const path = yield* directory({ "config.json": JSON.stringify(all) })
    const { effect, printed } = command(["serve", "--port", "0", "--config", path("config.json")])
    yield* Effect.forkScoped(effect)
    yield* eventually(Effect.sync(() => printed.err.join("").includes("Listening at ")))
    const url = /Listening at (http:\/\/\S+:\d+)\./.exec(printed.err.join(""))?.[1] ?? ""
    const ask = (asked: string) =>
      post(`${url}/v1/chat/completions`, {
        model: asked,
        max_tokens: 50,
        messages: [{ role: "user", content: "What is 42?" }]
      })
    const status = Effect.map(request(`${url}/status.json`), ({ text }) => JSON.parse(text))
    return { ask, status }
  })

interface Told {
  readonly attempts: ReadonlyArray<{ readonly cost: string; readonly outcome: string }>
}

describe("whatever chooses the provider", () => {
  it.scopedLive("its attempts are all seen", () =>
    Effect.gen(function* () {
      const { ask, status } = yield* serving({})
      for (const [asked, attempts] of choices) {
        const answer = yield* ask(asked)
        assert.strictEqual(answer.headers.get("x-saga-attempts"), String(attempts), asked)
        const calls: ReadonlyArray<Told> = (yield* status).calls
        const seen = calls[0]?.attempts ?? []
        assert.strictEqual(seen.length, attempts, asked)
        const sum = seen.reduce((all, { cost }) => all + Number(cost), 0)
        assert.closeTo(sum, Number(answer.headers.get("x-saga-cost")), 1e-12, asked)
      }
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("nobody is asked beyond a budget", () =>
    Effect.gen(function* () {
      const budgets = [{ name: "all", scope: "overall", period: "day", usd: 0.000001 }]
      const { ask, status } = yield* serving({ budgets })
      for (const [asked] of choices) {
        const { status, text } = yield* ask(asked)
        assert.strictEqual(status, 429, `${asked}: ${text}`)
        assert.include(text, "budget", asked)
      }
      const providers: ReadonlyArray<{ readonly today: { readonly attempts: number } }> = (yield* status)
        .providers
      assert.isTrue(providers.every(({ today }) => today.attempts === 0))
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("nobody is asked whose circuit is open", () =>
    Effect.gen(function* () {
      const [strong, middle, cheap] = config.simulated
      const { ask, status } = yield* serving({
        simulated: [strong, middle, { ...cheap, errorRate: 1 }],
        circuitBreaker: { consecutiveFailures: 1, openMs: 600_000 }
      })
      yield* ask("saga/cheapest")
      const attemptsOf = (id: string) =>
        Effect.map(status, ({ providers }): number => {
          const found = providers.find(({ provider }: { readonly provider: string }) => provider === id)
          return found.today.attempts
        })
      const before = yield* attemptsOf("cheap")
      assert.strictEqual(before, 1)
      for (const [asked] of choices) assert.strictEqual((yield* ask(asked)).status, 200, asked)
      assert.strictEqual(yield* attemptsOf("cheap"), before)
    }).pipe(Effect.provide(platform))
  )
})
