import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { pipe } from "effect/Function"
import * as Option from "effect/Option"
import * as AIProvider from "../src/AIProvider.js"
import * as Price from "../src/Price.js"
import * as ProviderMetrics from "../src/ProviderMetrics.js"

describe("ProviderMetrics", () => {
  it("fills in what isn't given and leaves the price unknown", () => {
    assert.deepStrictEqual(
      ProviderMetrics.make({ provider: "claude" }),
      Either.right({
        provider: AIProvider.Claude,
        p50LatencyMs: 1000,
        p99LatencyMs: 3000,
        successRate: 1,
        qualityScore: 5,
        available: true
      })
    )
  })

  it("keeps what is given", () => {
    const all = {
      provider: AIProvider.Claude,
      costPerToken: 0.003,
      p50LatencyMs: 300,
      p99LatencyMs: 800,
      successRate: 0.98,
      qualityScore: 8.5,
      available: false
    }
    assert.deepStrictEqual(ProviderMetrics.make(all), Either.right(all))
  })

  it("takes three times the p50 for a p99 that isn't given", () => {
    assert.strictEqual(
      Either.getOrThrow(ProviderMetrics.make({ provider: "a", p50LatencyMs: 200 })).p99LatencyMs,
      600
    )
  })

  it("takes the limits of every range", () => {
    for (const options of [
      { costPerToken: 0, p50LatencyMs: 0, p99LatencyMs: 0, successRate: 0, qualityScore: 0 },
      { successRate: 1, qualityScore: 10 }
    ]) {
      assert.isTrue(Either.isRight(ProviderMetrics.make({ provider: "a", ...options })))
    }
  })

  it.effect.each([
    [{ provider: "" }, 'provider: Expected a provider id (letters, digits and . _ : / @ -), actual ""'],
    [
      { provider: "a", costPerToken: -1 },
      "costPerToken: Expected USD per token (a number from 0), actual -1"
    ],
    [
      { provider: "a", costPerToken: Number.NaN },
      "costPerToken: Expected USD per token (a number from 0), actual NaN"
    ],
    [{ provider: "a", p50LatencyMs: -1 }, "p50LatencyMs: Expected milliseconds (a number from 0), actual -1"],
    [
      { provider: "a", p99LatencyMs: Number.POSITIVE_INFINITY },
      "p99LatencyMs: Expected milliseconds (a number from 0), actual Infinity"
    ],
    [{ provider: "a", successRate: 1.5 }, "successRate: Expected a share (a number from 0 to 1), actual 1.5"],
    [
      { provider: "a", successRate: -0.1 },
      "successRate: Expected a share (a number from 0 to 1), actual -0.1"
    ],
    [{ provider: "a", qualityScore: 11 }, "qualityScore: Expected a score (a number from 0 to 10), actual 11"]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ProviderMetrics.make(options))
      assert.strictEqual(error.message, `ProviderMetrics.${message}`)
    })
  )

  it.effect("refuses a number under a name that it doesn't have", () =>
    Effect.gen(function* () {
      const misspelt = { provider: "a", quality: 9 }
      const error = yield* Effect.flip(ProviderMetrics.make(misspelt))
      assert.match(error.message, /^ProviderMetrics\.quality: is unexpected, expected: .*"qualityScore"/)
    })
  )

  it("takes price and cost per token from a price where they aren't given, and leaves them unknown without one", () => {
    const list = { input: 3, output: 15, cacheRead: 3, cacheWrite: 3, cacheWrite1h: 3 }
    const price = Option.getRight(Price.make(list))
    const priced = ProviderMetrics.withPrice({ provider: "a", qualityScore: 8 }, price)
    assert.deepStrictEqual(priced, { provider: "a", qualityScore: 8, costPerToken: 6e-6, price: list })
    assert.deepStrictEqual(pipe({ provider: "a", costPerToken: 1 }, ProviderMetrics.withPrice(price)), {
      provider: "a",
      costPerToken: 1,
      price: list
    })
    assert.deepStrictEqual(ProviderMetrics.withPrice({ provider: "a" }, Option.none()), { provider: "a" })
  })
})
