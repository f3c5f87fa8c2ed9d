import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, type Price, Sessions } from "arc-saga"
import { Simulation } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isFull, sized } from "../utils/property.js"
import * as eventLoop from "../utils/eventLoop.js"

const minute = 60_000

/** Prices of October 2026 in USD per million tokens: one vendor caches what is marked, the other by itself. */
const claude: Price.Options = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 }
const others = {
  "gpt-4o": { input: 2.5, output: 10, cacheRead: 1.25 },
  "gpt-4.1": { input: 2, output: 8, cacheRead: 0.5 },
  "gpt-5": { input: 1.25, output: 10, cacheRead: 0.125 }
} satisfies Readonly<Record<string, Price.Options>>

const scenario = (other: Price.Options): Simulation.Options => ({
  seed: 1,
  durationMs: sized(60, 20) * minute,
  strategy: "cheapest",
  outputTokens: { p50: 300, p99: 2500 },
  timeoutMs: 5 * minute,
  // A long prompt that isn't cached takes its time.
  policy: { limits: { firstTokenMs: minute, idleMs: minute } },
  providers: [
    {
      provider: "claude",
      price: claude,
      cache: { marked: true },
      prefill: true,
      firstTokenMs: { p50: 900, p99: 3000 },
      tokensPerSecond: 70,
      inputTokensPerSecond: 12_000
    },
    {
      provider: "gpt4",
      price: other,
      cache: {},
      firstTokenMs: { p50: 700, p99: 2500 },
      tokensPerSecond: 90,
      inputTokensPerSecond: 12_000,
      outages: [{ fromMs: sized(30, 8) * minute, toMs: sized(40, 18) * minute }]
    }
  ],
  sessions: { count: sized(200, 6), turns: sized(30, 16) }
})

const breaker = CircuitBreaker.layer({ openMs: 10_000, maxOpenMs: 30_000 })

const policies = ["no affinity", "pinned", "sessions"] as const

const run = (other: Price.Options, policy: (typeof policies)[number]) => {
  const options = scenario(other)
  const sessions = options.sessions && { ...options.sessions, pinned: policy === "pinned" }
  const layer = policy === "sessions" ? Layer.merge(breaker, Sessions.layer()) : breaker
  return Effect.zipLeft(Simulation.run({ ...options, sessions, layer }), eventLoop.turn)
}

const measure = (other: Price.Options) =>
  Effect.all({
    none: run(other, "no affinity"),
    pinned: run(other, "pinned"),
    sessions: run(other, "sessions")
  })

const attemptsAt = (report: Simulation.Report, provider: string): number =>
  report.providers.find((each) => each.provider === provider)?.accounts.attempts ?? Number.NaN

const cachedShare = ({ providers }: Simulation.Report): number => {
  const sum = (field: "cacheReadTokens" | "inputTokens") =>
    providers.reduce((total, { accounts }) => total + accounts[field], 0)
  return sum("cacheReadTokens") / sum("inputTokens")
}

const line = (name: string, policy: string, report: Simulation.Report): string =>
  `| ${[
    name,
    policy,
    `$${Number(report.spendUsd).toFixed(2)}`,
    `${(100 * cachedShare(report)).toFixed(1)} %`,
    `${((report.firstTokenMs?.p50 ?? 0) / 1000).toFixed(2)} s`,
    `${((report.firstTokenMs?.p99 ?? 0) / 1000).toFixed(1)} s`,
    report.switched,
    `${report.answered} of ${report.tasks}`
  ].join(" | ")} |`

describe("sessions in the simulation", () => {
  it.live.each(Object.entries(others).slice(0, isFull ? undefined : 1))(
    "cost no more than without affinity, and than pinned, beside %s",
    ([name, other]) =>
      Effect.gen(function* () {
        const { none, pinned, sessions } = yield* measure(other)
        for (const report of [none, pinned, sessions]) {
          assert.strictEqual(report.answered, report.tasks)
          assert.deepStrictEqual(Simulation.discrepancies(report), [])
        }
        const best = Math.min(Number(none.spendUsd), Number(pinned.spendUsd))
        if (name === "gpt-4o") {
          // What is cached is dear there: it isn't returned to where a session has a while to go.
          assert.isBelow(Number(sessions.spendUsd), best)
          assert.isAbove(attemptsAt(sessions, "claude"), attemptsAt(pinned, "claude"))
        } else {
          assert.isBelow(Number(sessions.spendUsd), 1.01 * best)
          // Where it is worth its price, sessions return.
          if (name === "gpt-5")
            assert.isBelow(attemptsAt(sessions, "claude"), attemptsAt(pinned, "claude") / 1.5)
        }
        if (isFull) {
          const lines = [
            line(name, "no affinity", none),
            line(name, "pinned", pinned),
            line(name, "sessions", sessions)
          ]
          process.stdout.write(`${lines.join("\n")}\n`)
        }
      }),
    600_000
  )
})
