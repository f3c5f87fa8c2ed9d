import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as CostOptimizer from "../../src/routing/CostOptimizer.js"
import type * as ProviderMetrics from "../../src/ProviderMetrics.js"
import * as Strategy from "../../src/routing/Strategy.js"
import { runs } from "../utils/property.js"

const task = Either.getOrThrow(AITask.make({ prompt: "Hello" }))

/** The worked example of the design. */
const copilotAndClaude: ReadonlyArray<ProviderMetrics.Options> = [
  {
    provider: "copilot_chat",
    costPerToken: 0.005,
    p50LatencyMs: 150,
    p99LatencyMs: 500,
    successRate: 0.99,
    qualityScore: 9
  },
  {
    provider: "claude",
    costPerToken: 0.003,
    p50LatencyMs: 300,
    p99LatencyMs: 800,
    successRate: 0.98,
    qualityScore: 8.5
  }
]

const ranked = (providers: ReadonlyArray<ProviderMetrics.Options>, strategy: Strategy.Strategy) =>
  Effect.gen(function* () {
    const optimizer = yield* CostOptimizer.make(providers)
    return (yield* optimizer.rank(task, strategy)).map((provider): string => provider)
  })

const oneOf = FastCheck.constantFrom
const rarely = <A>(value: A, other: FastCheck.Arbitrary<A>) =>
  FastCheck.oneof({ weight: 1, arbitrary: FastCheck.constant(value) }, { weight: 4, arbitrary: other })

/** Few values, so that there are ties. */
const numbers = FastCheck.record(
  {
    costPerToken: oneOf(0, 0.003, 0.005),
    p50LatencyMs: oneOf(0, 150, 300),
    qualityScore: oneOf(0, 8.5, 9),
    available: FastCheck.boolean()
  },
  { requiredKeys: [] }
)

const fleet = FastCheck.array(numbers, { maxLength: 8 }).map((all) =>
  all.map((options, index) => ({ provider: `p${index}`, ...options }))
)

/** The named strategies, and functions of any kind, NaN and infinities included. */
const strategy: FastCheck.Arbitrary<Strategy.Strategy> = FastCheck.oneof(
  oneOf(...Object.values(Strategy.named)),
  FastCheck.func(rarely(Number.NaN, oneOf(1, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))).map(
    (score) => ({ name: "arbitrary", score })
  )
)

describe("CostOptimizer", () => {
  it.effect(
    "chooses in the worked example Claude for cheapest and balanced, Copilot for fastest and quality",
    () =>
      Effect.gen(function* () {
        const optimizer = yield* CostOptimizer.make(copilotAndClaude)
        assert.strictEqual(yield* optimizer.select(task, Strategy.cheapest), AIProvider.Claude)
        assert.strictEqual(yield* optimizer.select(task, Strategy.fastest), AIProvider.CopilotChat)
        assert.strictEqual(yield* optimizer.select(task, Strategy.quality), AIProvider.CopilotChat)
        assert.strictEqual(yield* optimizer.select(task, Strategy.balanced), AIProvider.Claude)
        const [copilot, claude] = (yield* optimizer.metrics).map(Strategy.balanced.score)
        assert.closeTo(copilot ?? Number.NaN, 0.315, 1e-12)
        assert.closeTo(claude ?? Number.NaN, 0.27, 1e-12)
      })
  )

  it.effect("breaks ties by the order in which the providers were given", () =>
    Effect.gen(function* () {
      const same = ["c", "a", "b"].map((provider) => ({ provider, costPerToken: 0.001 }))
      for (const strategy of Object.values(Strategy.named)) {
        assert.deepStrictEqual(yield* ranked(same, strategy), ["c", "a", "b"])
      }
    })
  )

  it.effect("ranks an unknown price behind every known one, and unknown ones in their order", () =>
    Effect.gen(function* () {
      const providers = [
        { provider: "unknown-1" },
        { provider: "dear", costPerToken: 1 },
        { provider: "unknown-2" },
        { provider: "free", costPerToken: 0 }
      ]
      assert.deepStrictEqual(yield* ranked(providers, Strategy.cheapest), [
        "free",
        "dear",
        "unknown-1",
        "unknown-2"
      ])
    })
  )

  it.effect("ranks a score of NaN last, wherever it is given", () =>
    Effect.gen(function* () {
      const scores: Record<string, number> = { a: Number.NaN, b: 2, c: Number.NaN, d: 1 }
      const strategy = {
        name: "mine",
        score: ({ provider }: ProviderMetrics.ProviderMetrics) => scores[provider] ?? 0
      }
      const providers = ["a", "b", "c", "d"].map((provider) => ({ provider }))
      assert.deepStrictEqual(yield* ranked(providers, strategy), ["d", "b", "a", "c"])
    })
  )

  it.effect("chooses by a score of the caller's own", () =>
    Effect.gen(function* () {
      const steady = {
        name: "steady",
        score: (metrics: ProviderMetrics.ProviderMetrics) => metrics.p99LatencyMs
      }
      assert.deepStrictEqual(yield* ranked(copilotAndClaude, steady), ["copilot_chat", "claude"])
    })
  )

  it.effect("never chooses an unavailable provider", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make(copilotAndClaude)
      yield* optimizer.updateMetrics({ provider: "claude", available: false })
      assert.deepStrictEqual(yield* optimizer.rank(task, Strategy.cheapest), [AIProvider.CopilotChat])
      yield* optimizer.updateMetrics({ provider: "claude", available: true })
      assert.strictEqual(yield* optimizer.select(task, Strategy.cheapest), AIProvider.Claude)
    })
  )

  it.effect("says that no provider is configured", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make([])
      const error = yield* Effect.flip(optimizer.select(task, Strategy.cheapest))
      assert.deepStrictEqual(yield* Effect.flip(optimizer.rank(task, Strategy.cheapest)), error)
      assert.strictEqual(error._tag, "NoAvailableProviderError")
      assert.strictEqual(
        error.message,
        "No provider can be chosen by the strategy cheapest: no provider is configured. Configure one or wait until one is back"
      )
    })
  )

  it.effect("names the providers that are all unavailable", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make(
        copilotAndClaude.map((one) => ({ ...one, available: false }))
      )
      const error = yield* Effect.flip(optimizer.select(task, Strategy.balanced))
      assert.include(
        error.message,
        "by the strategy balanced: all are unavailable or have no engine (copilot_chat, claude)"
      )
      const json = Schema.encodeSync(CostOptimizer.NoAvailableProviderError)(error)
      assert.deepStrictEqual(Schema.decodeSync(CostOptimizer.NoAvailableProviderError)(json), error)
    })
  )

  it.effect("changes the numbers that are given, keeps the others and the order", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make(copilotAndClaude)
      const before = yield* optimizer.metrics
      yield* optimizer.updateMetrics({ provider: "copilot_chat", p50LatencyMs: 400 })
      const after = yield* optimizer.metrics
      assert.deepStrictEqual(
        after,
        before.map((one, index) => (index === 0 ? { ...one, p50LatencyMs: 400 } : one))
      )
      assert.strictEqual(yield* optimizer.select(task, Strategy.fastest), AIProvider.Claude)
    })
  )

  it.effect("adds a provider that it didn't know behind the known ones", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make(copilotAndClaude)
      yield* optimizer.updateMetrics({ provider: "gpt4", costPerToken: 0.001 })
      assert.deepStrictEqual(
        (yield* optimizer.metrics).map(({ provider }) => provider),
        [AIProvider.CopilotChat, AIProvider.Claude, AIProvider.Gpt4]
      )
      assert.strictEqual(yield* optimizer.select(task, Strategy.cheapest), AIProvider.Gpt4)
    })
  )

  it.effect("changes nothing when a number is out of range", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make(copilotAndClaude)
      const before = yield* optimizer.metrics
      const error = yield* Effect.flip(
        optimizer.updateMetrics({ provider: "claude", costPerToken: 0, qualityScore: -1 })
      )
      assert.strictEqual(
        error.message,
        "ProviderMetrics.qualityScore: Expected a score (a number from 0 to 10), actual -1"
      )
      assert.deepStrictEqual(yield* optimizer.metrics, before)
    })
  )

  it.effect("keeps every one of many changes at once", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.make([])
      const ids = Array.from({ length: 100 }, (_, index) => `p${index}`)
      yield* Effect.forEach(ids, (provider) => optimizer.updateMetrics({ provider }), {
        concurrency: "unbounded"
      })
      assert.strictEqual((yield* optimizer.metrics).length, 100)
    })
  )

  it.effect("refuses a provider that is given twice and says which", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        CostOptimizer.make([{ provider: "a" }, { provider: "b" }, { provider: "a" }])
      )
      assert.strictEqual(
        error.message,
        "CostOptimizer.providers[2].provider: Expected each provider once, actual a twice"
      )
    })
  )

  it.effect("refuses numbers out of range and says whose", () =>
    Effect.gen(function* () {
      const layer = CostOptimizer.layer([{ provider: "a" }, { provider: "b", successRate: 2 }])
      const error = yield* Effect.flip(Effect.provide(CostOptimizer.CostOptimizer, layer))
      assert.strictEqual(
        error.message,
        "CostOptimizer.providers[1].successRate: Expected a share (a number from 0 to 1), actual 2"
      )
    })
  )

  it.effect("comes as a layer", () =>
    Effect.gen(function* () {
      const optimizer = yield* CostOptimizer.CostOptimizer
      assert.strictEqual(yield* optimizer.select(task, Strategy.cheapest), AIProvider.Claude)
    }).pipe(Effect.provide(CostOptimizer.layer(copilotAndClaude)))
  )

  it.prop(
    "selects the first of its ranking, and fails with it",
    [fleet, strategy],
    ([providers, strategy]) => {
      const optimizer = Effect.runSync(CostOptimizer.make(providers))
      const selected = Effect.runSync(Effect.either(optimizer.select(task, strategy)))
      const ranking = Effect.runSync(Effect.either(optimizer.rank(task, strategy)))
      assert.deepStrictEqual(
        selected,
        Either.map(ranking, ([best]) => best)
      )
    },
    runs(500)
  )

  it.prop(
    "ranks each available provider once, by score and then by order",
    [fleet, strategy],
    ([providers, strategy]) => {
      const optimizer = Effect.runSync(CostOptimizer.make(providers))
      const available = Effect.runSync(optimizer.metrics).filter((metrics) => metrics.available)
      const order = Effect.runSync(
        Effect.orElseSucceed(optimizer.rank(task, strategy), (): ReadonlyArray<AIProvider.AIProvider> => [])
      )
      const place = new Map(
        available.map((metrics, index) => {
          const score = strategy.score(metrics)
          return [metrics.provider, { index, score: Number.isNaN(score) ? Number.POSITIVE_INFINITY : score }]
        })
      )
      assert.sameMembers([...order], [...place.keys()])
      for (const [index, provider] of order.slice(1).entries()) {
        const next = place.get(provider)
        const here = place.get(order[index] ?? provider)
        if (here === undefined || next === undefined) assert.fail(`${provider} isn't available`)
        assert.isTrue(here.score < next.score || (here.score === next.score && here.index < next.index))
      }
    },
    runs(500)
  )
})
