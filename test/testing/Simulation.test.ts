import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as AttemptGuard from "../../src/AttemptGuard.js"
import * as AttemptObserver from "../../src/AttemptObserver.js"
import * as EngineError from "../../src/EngineError.js"
import * as Hedging from "../../src/reliability/Hedging.js"
import * as LiveMetrics from "../../src/reliability/LiveMetrics.js"
import * as RateLimits from "../../src/reliability/RateLimits.js"
import * as RoutingPolicy from "../../src/routing/RoutingPolicy.js"
import * as Simulation from "../../src/testing/Simulation.js"

const hour = 3_600_000

/** Two hours with an outage of each kind, errors, cuts, rate limits and prices. */
const fleet: Simulation.Options = {
  seed: 42,
  durationMs: 2 * hour,
  arrivals: { perMinute: 4 },
  strategy: "quality",
  providers: [
    {
      provider: "claude",
      qualityScore: 9,
      price: { input: 3, output: 15 },
      errors: { TransientError: 0.03, RateLimitError: 0.02 },
      cutShare: 0.05,
      outages: [
        { fromMs: 0.5 * hour, toMs: 0.75 * hour },
        { fromMs: 1.5 * hour, toMs: 1.6 * hour, kind: "silent" }
      ]
    },
    {
      provider: "copilot_chat",
      qualityScore: 8,
      price: { input: 2.5, output: 10 },
      requestsPerMinute: 3,
      prefill: true,
      errors: { TimeoutError: 0.05 }
    },
    {
      provider: "gpt4",
      qualityScore: 3,
      price: { input: 0.1, output: 0.4 },
      tokensPerSecond: 25,
      firstTokenMs: 150
    }
  ]
}

const small: Simulation.Options = {
  durationMs: 300_000,
  arrivals: { kind: "fixed", perMinute: 6 },
  inputTokens: 100,
  outputTokens: 60,
  providers: [{ provider: "claude", firstTokenMs: 100 }]
}

const of = (report: Simulation.Report, provider: string) => {
  const found = report.providers.find((one) => one.provider === provider)
  if (found === undefined) throw new Error(`no ${provider}`)
  return found
}

const rejected = (options: unknown) =>
  // What comes from a file has no type.
  Effect.map(Effect.flip(Simulation.run(options as Simulation.Options)), (error) => error.message)

describe("Simulation", () => {
  it.effect("accounts for every attempt, token and picodollar of two hours with outages", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run(fleet)
      assert.deepStrictEqual(Simulation.discrepancies(report), [])
      assert.isAbove(report.tasks, 400)
      assert.strictEqual(report.unpriced, 0)
      const failed = Object.values(report.errors).reduce((sum, count) => sum + count, 0)
      assert.strictEqual(report.answered + failed, report.tasks)
      assert.isAbove(report.answered / report.tasks, 0.97)
      assert.isAbove(report.fellOver, 20)
      assert.isAbove(report.retried, 5)
      assert.isAbove(report.resumed, 2)
      assert.isAtMost(report.latencyMs?.max ?? Number.NaN, 2 * hour)
      const pico = report.providers.reduce(
        (sum, { record }) => sum + Math.round(Number(record.costUsd) * 1e12),
        0
      )
      assert.strictEqual(Math.round(Number(report.spendUsd) * 1e12), pico)
      assert.isAbove(pico, 0)
      const claude = of(report, "claude").accounts
      assert.isAbove(claude.outcomes["cut"] ?? 0, 0)
      assert.isAbove(claude.errors["TimeoutError"] ?? 0, 0)
      assert.isAbove(claude.errors["TransientError"] ?? 0, 30)
      assert.isAbove(of(report, "copilot_chat").record.errors["RateLimitError"] ?? 0, 0)
      assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
    })
  )

  it.effect("gives the same report for the same seed, byte by byte, and another for another", () =>
    Effect.gen(function* () {
      const run = (seed: number) =>
        Effect.map(Simulation.run({ ...fleet, durationMs: hour / 2, seed }), (report) =>
          JSON.stringify(report)
        )
      const first = yield* run(7)
      assert.strictEqual(yield* run(7), first)
      assert.notStrictEqual(yield* run(8), first)
    })
  )

  it.effect("fills in everything but the providers", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({ providers: [{ provider: "claude" }], durationMs: 600_000 })
      assert.strictEqual(report.seed, 1)
      assert.isAbove(report.tasks, 200)
      assert.isAbove(report.answered, 0.98 * report.tasks)
      assert.strictEqual(report.spendUsd, "0")
      assert.strictEqual(report.unpriced, of(report, "claude").record.attempts)
      assert.deepStrictEqual(Simulation.discrepancies(report), [])
    })
  )

  it.effect("takes fixed numbers as they are", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({ ...small, streamingShare: 0 })
      assert.strictEqual(report.tasks, 29)
      // 100 ms to the first 30 tokens, half a second for the next.
      assert.deepStrictEqual(report.latencyMs, { p50: 600, p99: 600, max: 600 })
      assert.deepStrictEqual(report.firstTokenMs, { p50: 100, p99: 100, max: 100 })
      const { record } = of(report, "claude")
      assert.strictEqual(record.inputTokens, 2900)
      assert.strictEqual(record.outputTokens, 1740)
    })
  )

  it.effect("reports no latency where nothing was answered", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({
        ...small,
        providers: [{ provider: "claude", errors: { AuthenticationError: 1 } }]
      })
      assert.strictEqual(report.latencyMs, null)
      assert.deepStrictEqual(report.errors, { AuthenticationError: 29 })
      assert.strictEqual(of(report, "claude").record.inputTokens, 0)
    })
  )

  it.effect("spreads a quantity as its p50 and p99 say", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({
        ...small,
        durationMs: hour,
        arrivals: { perMinute: 15 },
        outputTokens: 1,
        providers: [{ provider: "claude", firstTokenMs: { p50: 500, p99: 3000 } }]
      })
      const { p50, p99 } = report.firstTokenMs ?? { p50: 0, p99: 0 }
      assert.closeTo(p50, 500, 50)
      assert.closeTo(p99, 3000, 1000)
    })
  )

  it.effect("holds tasks to their timeout", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({ ...small, timeoutMs: 550, streamingShare: 0 })
      assert.deepStrictEqual(report.errors, { AllProvidersFailedError: 29 })
      assert.deepStrictEqual(Simulation.discrepancies(report), [])
    })
  )

  it.effect("states no retry-after where the provider doesn't", () =>
    Effect.gen(function* () {
      const limited = { provider: "claude", firstTokenMs: 100, requestsPerMinute: 2 } as const
      const policy = { maxRetryAfterMs: 60_000, limits: { timeoutMs: 120_000 } }
      const stated = yield* Simulation.run({ ...small, policy, providers: [limited] })
      const silent = yield* Simulation.run({
        ...small,
        policy,
        providers: [{ ...limited, statesRetryAfter: false }]
      })
      // Who knows when to come back waits; who doesn't gives up sooner.
      assert.isAbove(stated.latencyMs?.max ?? 0, 10_000)
      assert.isBelow(silent.latencyMs?.max ?? 0, 10_000)
    })
  )

  it.effect("routes by the policy and the strategy that it is given", () =>
    Effect.gen(function* () {
      const providers = [
        {
          provider: "dear",
          qualityScore: 9,
          price: { input: 30, output: 60 },
          errors: { TransientError: 1 }
        },
        { provider: "cheap", qualityScore: 1, price: { input: 1, output: 1 } }
      ] as const
      const patient = yield* Simulation.run({ ...small, providers, strategy: "quality" })
      const hasty = yield* Simulation.run({
        ...small,
        providers,
        strategy: "quality",
        policy: { rules: { ...RoutingPolicy.defaultRules, TransientError: { _tag: "fail-over" } } }
      })
      const thrifty = yield* Simulation.run({ ...small, providers, strategy: "cheapest" })
      assert.strictEqual(of(patient, "dear").accounts.attempts, 3 * 29)
      assert.strictEqual(of(hasty, "dear").accounts.attempts, 29)
      assert.strictEqual(of(thrifty, "dear").accounts.attempts, 0)
      assert.strictEqual(patient.fellOver, 29)
    })
  )

  it.effect("goes on with a cut answer at a provider that can, and restarts at none that would differ", () =>
    Effect.gen(function* () {
      const cut = { provider: "claude", qualityScore: 9, cutShare: 1 } as const
      const options: Simulation.Options = {
        ...small,
        outputTokens: 300,
        strategy: "quality",
        streamingShare: 1,
        providers: [cut]
      }
      const able = yield* Simulation.run({
        ...options,
        providers: [cut, { provider: "gpt4", prefill: true }]
      })
      const unable = yield* Simulation.run({ ...options, providers: [cut, { provider: "gpt4" }] })
      assert.strictEqual(able.answered, able.tasks)
      assert.isAbove(able.resumed, 10)
      assert.strictEqual(unable.resumed, 0)
      assert.isAbove(unable.errors["StreamInterruptedError"] ?? 0, 10)
      assert.deepStrictEqual(Simulation.discrepancies(able), [])
    })
  )

  it.effect("cuts at the begin of an outage what is being written then", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({
        ...small,
        outputTokens: 600,
        streamingShare: 1,
        providers: [
          {
            provider: "claude",
            firstTokenMs: 100,
            outages: [
              { fromMs: 25_000, toMs: 26_000 },
              { fromMs: 30_050, toMs: 30_060 }
            ]
          }
        ]
      })
      // One task of 10 s is cut after 5; the next before its first token, so that it is retried.
      assert.deepStrictEqual(report.errors, { StreamInterruptedError: 1 })
      assert.strictEqual(report.retried, 1)
      const { record } = of(report, "claude")
      assert.strictEqual(record.errors["TransientError"], 2)
      assert.deepStrictEqual(Simulation.discrepancies(report), [])
    })
  )

  it.effect("tells what was tried while a provider was down, and when it was used again", () =>
    Effect.gen(function* () {
      const report = yield* Simulation.run({
        ...small,
        outputTokens: 30,
        providers: [
          {
            provider: "claude",
            firstTokenMs: 100,
            outages: [
              { fromMs: 15_000, toMs: 35_000 },
              { fromMs: 200_000, toMs: 211_000 },
              { fromMs: 295_000, toMs: 400_000 }
            ]
          }
        ]
      })
      // A task every 10 s: at 20 s and 30 s, and at 200 s and 210 s, each tried thrice.
      const claude = of(report, "claude")
      assert.strictEqual(claude.duringOutages, 12)
      assert.deepStrictEqual(claude.recoveredAfterMs, [5000, 9000, null])
      assert.strictEqual(report.retries, 8)
      assert.deepStrictEqual(report.errors, { AllProvidersFailedError: 4 })
    })
  )

  it.effect("slows what begins while a provider is slow", () =>
    Effect.gen(function* () {
      const slow = { fromMs: 100_000, toMs: 200_000, factor: 3 }
      const report = yield* Simulation.run({
        ...small,
        streamingShare: 1,
        providers: [{ provider: "claude", firstTokenMs: 100, slowdowns: [slow] }]
      })
      assert.deepStrictEqual(report.latencyMs, { p50: 600, p99: 1800, max: 1800 })
      assert.deepStrictEqual(report.firstTokenMs, { p50: 100, p99: 300, max: 300 })
      assert.strictEqual(report.longestPauseMs, 1500)
    })
  )

  it.effect("finds tasks that end after their time", () =>
    Effect.gen(function* () {
      // A limit that the simulation isn't told of: that of the policy.
      const policy = { limits: { timeoutMs: 550 } }
      const inTime = yield* Simulation.run({ ...small, policy, streamingShare: 0 })
      assert.deepStrictEqual(inTime.errors, { AllProvidersFailedError: 29 })
      assert.strictEqual(inTime.late, 0)
      // Somebody who holds up every attempt, whatever the time.
      const slack = Layer.succeed(AttemptGuard.AttemptGuard, {
        admit: () => Effect.as(Effect.sleep(700), { settle: () => Effect.void, cancel: Effect.void })
      })
      for (const streamingShare of [0, 1]) {
        const held = yield* Simulation.run({ ...small, policy, streamingShare, layer: slack })
        assert.strictEqual(held.late, 29)
      }
    })
  )

  it.effect("runs with services around the orchestrator, which see what the providers say", () =>
    Effect.gen(function* () {
      const limited: Simulation.Options = {
        ...small,
        arrivals: { kind: "fixed", perMinute: 60 },
        providers: [
          { provider: "claude", firstTokenMs: 100, requestsPerMinute: 20.5 },
          { provider: "gpt4", firstTokenMs: 300 }
        ]
      }
      const told = { ...limited, layer: RateLimits.layer() }
      const blind = yield* Simulation.run(limited)
      const kept = yield* Simulation.run(told)
      const [first] = limited.providers
      const silent = yield* Simulation.run({
        ...told,
        providers: [
          { ...first, statesRateLimits: false, statesRetryAfter: false },
          limited.providers[1] ?? first
        ]
      })
      const refused = (report: Simulation.Report) => of(report, "claude").record.errors["RateLimitError"] ?? 0
      assert.isAbove(refused(blind), 100)
      assert.strictEqual(refused(kept), 0)
      assert.isAbove(refused(silent), 100)
      assert.strictEqual(of(kept, "claude").record.attempts, 100)
    })
  )

  it.effect("counts tasks that nobody was asked for", () =>
    Effect.gen(function* () {
      const refusal = new EngineError.QuotaExhaustedError({ provider: AIProvider.Claude, description: "no" })
      const refusing = Layer.succeed(AttemptGuard.AttemptGuard, { admit: () => Effect.fail(refusal) })
      const report = yield* Simulation.run({ ...small, layer: refusing })
      assert.deepStrictEqual(report.errors, { AllProvidersFailedError: 29 })
      assert.strictEqual(of(report, "claude").accounts.attempts, 0)
      assert.strictEqual(report.retries, 0)
    })
  )

  it.effect("counts what is asked besides, and charges nothing for what fails unheard", () =>
    Effect.gen(function* () {
      const price = { input: 1, output: 2 }
      const claude = { provider: "claude", qualityScore: 9, firstTokenMs: { p50: 300, p99: 3000 }, price }
      const run = (errors: { readonly TransientError?: number }) =>
        Simulation.run({
          ...small,
          durationMs: hour,
          strategy: "quality",
          providers: [
            { ...claude, errors },
            { provider: "gpt4", firstTokenMs: 200, price }
          ],
          layer: Layer.provideMerge(Hedging.layer({ share: 0.5, quantile: 0.8 }), LiveMetrics.layer())
        })
      const sound = yield* run({})
      assert.isAbove(sound.hedges, 30)
      assert.strictEqual(sound.retries, 0)
      assert.strictEqual(sound.hedges, of(sound, "gpt4").record.attempts)
      const failing = yield* run({ TransientError: 0.3 })
      assert.isAbove(failing.hedges, 30)
      assert.isAbove(failing.retries, 30)
      for (const report of [sound, failing]) assert.deepStrictEqual(Simulation.discrepancies(report), [])
    })
  )

  it.effect("lets others observe the attempts too, and dies as a task does", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const observer = Layer.succeed(AttemptObserver.AttemptObserver, {
        observe: ({ provider }) => Effect.sync(() => void seen.push(provider))
      })
      const report = yield* Simulation.run({ ...small, layer: observer })
      assert.strictEqual(seen.length, of(report, "claude").accounts.attempts)
      const broken = Layer.succeed(AttemptObserver.AttemptObserver, { observe: () => Effect.die("a bug") })
      const exit = yield* Effect.exit(Simulation.run({ ...small, layer: broken }))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
    })
  )

  it.effect("reconciles whatever the fleet", () =>
    Effect.gen(function* () {
      const shares = FastCheck.record(
        {
          TransientError: FastCheck.double({ min: 0, max: 0.3, noNaN: true }),
          RateLimitError: FastCheck.double({ min: 0, max: 0.2, noNaN: true }),
          TimeoutError: FastCheck.double({ min: 0, max: 0.2, noNaN: true }),
          ContextLengthError: FastCheck.double({ min: 0, max: 0.1, noNaN: true })
        },
        { noNullPrototype: true }
      )
      const provider = FastCheck.record(
        {
          errors: shares,
          cutShare: FastCheck.double({ min: 0, max: 0.2, noNaN: true }),
          prefill: FastCheck.boolean(),
          tokensPerSecond: FastCheck.integer({ min: 10, max: 200 }),
          price: FastCheck.record(
            { input: FastCheck.nat(50), output: FastCheck.nat(100) },
            { noNullPrototype: true }
          )
        },
        { noNullPrototype: true }
      )
      const fleets = FastCheck.sample(FastCheck.tuple(provider, provider, provider), { seed: 3, numRuns: 12 })
      for (const [index, [first, second, third]] of fleets.entries()) {
        const report = yield* Simulation.run({
          seed: index,
          durationMs: 300_000,
          arrivals: { perMinute: 6 },
          providers: [
            { provider: "claude", ...first },
            { provider: "copilot_chat", ...second },
            { provider: "gpt4", ...third }
          ]
        })
        assert.deepStrictEqual(Simulation.discrepancies(report), [], FastCheck.stringify(fleets[index]))
      }
    })
  )

  it("says where accounts and records disagree", () => {
    const totals = {
      attempts: 1,
      outcomes: {},
      errors: {},
      inputTokens: 1,
      outputTokens: 1,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      estimated: 0,
      costUsd: "1",
      unpriced: 0
    }
    const report = Effect.runSync(Simulation.run({ ...small, durationMs: 60_000 }))
    const [claude] = report.providers
    if (claude === undefined) throw new Error("no provider")
    assert.deepStrictEqual(
      Simulation.discrepancies({
        ...report,
        providers: [{ ...claude, accounts: totals, record: { ...totals, costUsd: "2" }, open: 3 }]
      }),
      ["claude: costUsd 1 in the accounts, 2 in the record", "claude: 3 attempts still open"]
    )
  })

  it.effect("names the field and the value of what can't be simulated", () =>
    Effect.gen(function* () {
      const providers = [{ provider: "claude" }]
      assert.include(yield* rejected({}), "Simulation.providers")
      assert.include(yield* rejected({ providers: [] }), "Simulation.providers")
      assert.include(
        yield* rejected({ providers: [...providers, ...providers] }),
        "Simulation.providers[1].provider: Expected each provider once, actual claude twice"
      )
      assert.include(yield* rejected({ providers, seed: 1.5 }), "Simulation.seed")
      assert.include(yield* rejected({ providers, durationMs: -1 }), "actual -1")
      assert.include(
        yield* rejected({ providers, arrivals: { perMinute: 0 } }),
        "Simulation.arrivals.perMinute"
      )
      assert.include(
        yield* rejected({ providers, outputTokens: { p50: 10, p99: 5 } }),
        "Expected at least the p50, actual 5"
      )
      assert.include(
        yield* rejected({ providers: [{ provider: "claude", outages: [{ fromMs: 5, toMs: 5 }] }] }),
        "Expected more than fromMs, actual 5"
      )
      assert.include(
        yield* rejected({
          providers: [{ provider: "claude", slowdowns: [{ fromMs: 0, toMs: 5, factor: 0 }] }]
        }),
        "Simulation.providers[0].slowdowns[0].factor"
      )
      assert.include(
        yield* rejected({
          providers: [{ provider: "claude", cutShare: 0.5, errors: { TransientError: 0.6 } }]
        }),
        "Expected shares of 1 at most together, actual 1.1"
      )
      assert.include(
        yield* rejected({ providers: [{ provider: "claude", errors: { Oops: 0.1 } }] }),
        "Simulation.providers[0].errors.Oops"
      )
      assert.include(
        yield* rejected({ providers, policy: { chains: { claude: ["claude"] } } }),
        "RoutingPolicy.chains.claude[0]"
      )
    })
  )
})
