import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as ProviderMetrics from "../../src/ProviderMetrics.js"
import * as Strategy from "../../src/routing/Strategy.js"

const metrics = (options: Omit<ProviderMetrics.Options, "provider"> = {}): ProviderMetrics.ProviderMetrics =>
  Either.getOrThrow(ProviderMetrics.make({ provider: "a", ...options }))

const weighted = (weights: Strategy.Weights): Strategy.Strategy =>
  Either.getOrThrow(Strategy.weighted("mine", weights))

const number = (max: number) => FastCheck.double({ min: 0, max, noNaN: true })

const measured = FastCheck.record({
  costPerToken: number(0.1),
  p50LatencyMs: number(10_000),
  qualityScore: number(10)
})

describe("Strategy", () => {
  it("has the four names of the roadmap", () => {
    assert.deepStrictEqual(
      Object.entries(Strategy.named).map(([name, strategy]) => [name, strategy.name]),
      ["cheapest", "fastest", "quality", "balanced"].map((name) => [name, name])
    )
  })

  it("scores by the price, the p50 latency or the quality", () => {
    const known = metrics({ costPerToken: 0.002, p50LatencyMs: 300, qualityScore: 8 })
    assert.strictEqual(Strategy.cheapest.score(known), 0.002)
    assert.strictEqual(Strategy.fastest.score(known), 300)
    assert.isBelow(Strategy.quality.score(known), Strategy.quality.score(metrics({ qualityScore: 7.9 })))
  })

  it("takes an unknown price for the dearest, not for 0", () => {
    assert.strictEqual(Strategy.cheapest.score(metrics()), Number.POSITIVE_INFINITY)
    assert.strictEqual(
      Strategy.balanced.score(metrics()),
      Strategy.balanced.score(metrics({ costPerToken: 0.01 }))
    )
  })

  it.prop(
    "balances by the formula of the roadmap",
    [measured],
    ([{ costPerToken, p50LatencyMs, qualityScore }]) => {
      assert.closeTo(
        Strategy.balanced.score(metrics({ costPerToken, p50LatencyMs, qualityScore })),
        0.5 * Math.min(costPerToken / 0.01, 1) +
          0.3 * Math.min(p50LatencyMs / 1000, 1) +
          0.2 * (1 - qualityScore / 10),
        1e-12
      )
    }
  )

  it.prop("makes the balanced strategy from its weights", [measured], ([numbers]) => {
    const mine = weighted({ cost: 0.5, latency: 0.3, quality: 0.2 })
    assert.strictEqual(mine.score(metrics(numbers)), Strategy.balanced.score(metrics(numbers)))
    assert.strictEqual(mine.name, "mine")
  })

  it("measures by the scales that it is given", () => {
    const score = weighted({ cost: 1, latency: 1, quality: 0, costScale: 0.1, latencyScaleMs: 500 }).score
    assert.closeTo(score(metrics({ costPerToken: 0.02, p50LatencyMs: 100 })), 0.2 + 0.2, 1e-12)
    assert.strictEqual(score(metrics({ costPerToken: 5, p50LatencyMs: 5000 })), 2)
  })

  it("leaves out what weighs nothing, an unknown price too", () => {
    const score = weighted({ cost: 0, latency: 0, quality: 1 }).score
    assert.closeTo(score(metrics({ qualityScore: 9 })), 0.1, 1e-12)
  })

  it.effect.each([
    [{ cost: 0, latency: 0, quality: 0 }, "cost: Expected at least one weight above 0, actual all 0"],
    [{ cost: -1, latency: 1, quality: 1 }, "cost: Expected a weight (a number from 0), actual -1"],
    [
      { cost: 1, latency: Number.NaN, quality: 1 },
      "latency: Expected a weight (a number from 0), actual NaN"
    ],
    [
      { cost: 1, latency: 1, quality: Number.POSITIVE_INFINITY },
      "quality: Expected a weight (a number from 0), actual Infinity"
    ],
    [
      { cost: 1, latency: 1, quality: 1, costScale: 0 },
      "costScale: Expected a scale (a number above 0), actual 0"
    ],
    [
      { cost: 1, latency: 1, quality: 1, latencyScaleMs: Number.POSITIVE_INFINITY },
      "latencyScaleMs: Expected a scale (a number above 0), actual Infinity"
    ]
  ] as const)("refuses the weights %j", ([weights, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Strategy.weighted("mine", weights))
      assert.strictEqual(error.message, `Strategy.${message}`)
    })
  )
})
