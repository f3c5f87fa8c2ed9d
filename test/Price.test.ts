import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Price from "../src/Price.js"
import * as TokenUsage from "../src/TokenUsage.js"
import * as Usd from "../src/Usd.js"

const made = (options: Price.Options): Price.Price => Either.getOrThrow(Price.make(options))

/** USD per million tokens with at most six digits after the point, as price lists have them. */
const perMillion = FastCheck.integer({ min: 0, max: 1_000_000_000 }).map((n) => n / 1e6)

const count = FastCheck.integer({ min: 0, max: 10_000_000 })

describe("Price", () => {
  it("costs a usage exactly", () => {
    const price = made({ input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 })
    const usage = TokenUsage.make({
      inputTokens: 1000,
      cacheReadTokens: 400,
      cacheWriteTokens: 100,
      outputTokens: 200,
      reasoningTokens: 50
    })
    // 500 × 3 + 400 × 0.3 + 100 × 3.75 + 200 × 15 dollars per million
    assert.strictEqual(Usd.toDecimal(Price.cost(price, usage)), "0.004995")
  })

  it("charges cached tokens as input when the list doesn't price them", () => {
    const price = made({ input: 2, output: 8 })
    const cached = { inputTokens: 10, cacheReadTokens: 4, cacheWriteTokens: 3 }
    assert.deepStrictEqual(price.cacheRead, price.input)
    assert.deepStrictEqual(price.cacheWrite, price.input)
    assert.deepStrictEqual(
      Price.cost(price, TokenUsage.make(cached)),
      Price.cost(price, TokenUsage.make({ inputTokens: 10 }))
    )
  })

  it("charges a cache price of 0 as nothing", () => {
    const price = made({ input: 2, output: 8, cacheRead: 0, cacheWrite: 0 })
    const usage = TokenUsage.make({ inputTokens: 10, cacheReadTokens: 6, cacheWriteTokens: 4 })
    assert.deepStrictEqual(Price.cost(price, usage), Usd.zero)
  })

  it("never charges less than nothing when a provider counts more cached than input tokens", () => {
    const price = made({ input: 2, output: 8, cacheRead: 1 })
    const usage = TokenUsage.make({ inputTokens: 3, cacheReadTokens: 5 })
    assert.strictEqual(Usd.toDecimal(Price.cost(price, usage)), "0.000005")
  })

  it("costs nothing when nothing was used", () => {
    assert.deepStrictEqual(Price.cost(made({ input: 3, output: 15 }), TokenUsage.none), Usd.zero)
  })

  it.prop(
    "is exact for prices of six digits, however many tokens",
    [perMillion, perMillion, count, count],
    ([input, output, inputTokens, outputTokens]) => {
      const cost = Price.cost(made({ input, output }), TokenUsage.make({ inputTokens, outputTokens }))
      const expected =
        BigInt(Math.round(input * 1e6)) * BigInt(inputTokens) +
        BigInt(Math.round(output * 1e6)) * BigInt(outputTokens)
      assert.strictEqual(cost.pico, expected)
    }
  )

  it.prop(
    "costs two usages together what they cost apart",
    [perMillion, perMillion, count, count],
    (values) => {
      const [input, output, first, second] = values
      const price = made({ input, output })
      const left = TokenUsage.make({ inputTokens: first, outputTokens: second })
      const right = TokenUsage.make({ inputTokens: second, outputTokens: first })
      assert.deepStrictEqual(
        Price.cost(price, TokenUsage.add(left, right)),
        Usd.add(Price.cost(price, left), Price.cost(price, right))
      )
    }
  )

  it("blends three input tokens with one output token for ranking", () => {
    assert.closeTo(Price.blendedPerToken(made({ input: 3, output: 15 })), 0.000_006, 1e-15)
  })

  it.effect.each([
    [
      { input: -1, output: 1 },
      "Price.input: Expected a price from 0 to 1000000 USD per million tokens, actual -1"
    ],
    [
      { input: 1, output: 2e6 },
      "Price.output: Expected a price from 0 to 1000000 USD per million tokens, actual 2000000"
    ],
    [{ input: Number.NaN, output: 1 }, "Price.input: Expected a finite number, actual NaN"],
    [
      { input: 1, output: Number.POSITIVE_INFINITY },
      "Price.output: Expected a finite number, actual Infinity"
    ],
    [
      { input: 1, output: 1, cacheRead: -2 },
      "Price.cacheRead: Expected a price from 0 to 1000000 USD per million tokens, actual -2"
    ]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Price.make(options))
      assert.strictEqual(error.message, message)
    })
  )
})
