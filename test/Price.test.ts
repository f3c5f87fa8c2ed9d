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

  it("charges what is cached for an hour at its own price, and as other cache writes without one", () => {
    const usage = TokenUsage.make({ inputTokens: 1000, cacheWriteTokens: 300, cacheWrite1hTokens: 100 })
    // 700 × 4 + 200 × 5 + 100 × 8 dollars per million, then 100 × 5
    const list = { input: 4, output: 20, cacheWrite: 5 }
    assert.strictEqual(Usd.toDecimal(Price.cost(made({ ...list, cacheWrite1h: 8 }), usage)), "0.0046")
    assert.strictEqual(Usd.toDecimal(Price.cost(made(list), usage)), "0.0043")
  })

  it("charges a long request the price of its tier, whole, output included", () => {
    const price = made({
      input: 3,
      output: 15,
      cacheRead: 0.3,
      tiers: [
        { above: 200_000, input: 6, output: 22.5, cacheRead: 0.6 },
        { above: 500_000, input: 12, output: 45 }
      ]
    })
    const costOf = (inputTokens: number, cacheReadTokens = 0) =>
      Usd.toDecimal(Price.cost(price, TokenUsage.make({ inputTokens, cacheReadTokens, outputTokens: 1000 })))
    assert.strictEqual(costOf(200_000), "0.615")
    assert.strictEqual(costOf(200_001), "1.222506")
    // What is cached counts for the length: 1,000 × 6 + 200,000 × 0.6 + 1,000 × 22.5
    assert.strictEqual(costOf(201_000, 200_000), "0.1485")
    // Without a price of its own in the tier, the cache is charged as the tier's input.
    assert.strictEqual(costOf(600_000, 600_000), "7.245")
  })

  it.prop(
    "takes the tier with the highest threshold that a request is above, in whatever order they are listed",
    [FastCheck.uniqueArray(FastCheck.nat(1000), { maxLength: 5 }), FastCheck.nat(1200)],
    ([thresholds, inputTokens]) => {
      const price = made({
        input: 0,
        output: 0,
        tiers: thresholds.map((above) => ({ above, input: above + 1, output: 0 }))
      })
      const highest = Math.max(-1, ...thresholds.filter((above) => inputTokens > above))
      const expected = BigInt(inputTokens) * BigInt(highest + 1) * 1_000_000n
      assert.strictEqual(Price.cost(price, TokenUsage.make({ inputTokens })).pico, expected)
    }
  )

  it("adds up to the picodollar over a million attempts", () => {
    const price = made({ input: 0.1, output: 0.7, cacheRead: 0.05, cacheWrite: 0.125, cacheWrite1h: 0.3 })
    const usage = TokenUsage.make({
      inputTokens: 1009,
      outputTokens: 313,
      cacheReadTokens: 307,
      cacheWriteTokens: 211,
      cacheWrite1hTokens: 101
    })
    let exactly = Usd.zero
    let floating = 0
    for (let attempt = 0; attempt < 1_000_000; attempt++) {
      const cost = Price.cost(price, usage)
      exactly = Usd.add(exactly, cost)
      floating += Usd.toNumber(cost)
    }
    assert.strictEqual(exactly.pico, 1_000_000n * Price.cost(price, usage).pico)
    assert.strictEqual(Usd.toDecimal(exactly), "327.6")
    // Doubles drift over as many.
    assert.notStrictEqual(floating, 327.6)
  })

  it("never charges less than nothing when a provider counts more cached than input tokens", () => {
    const price = made({ input: 2, output: 8, cacheRead: 1 })
    const usage = TokenUsage.make({ inputTokens: 3, cacheReadTokens: 5 })
    assert.strictEqual(Usd.toDecimal(Price.cost(price, usage)), "0.000005")
  })

  it("never charges less than nothing when a provider counts more kept for an hour than written", () => {
    const price = made({ input: 2, output: 8, cacheWrite: 4, cacheWrite1h: 1 })
    const usage = TokenUsage.make({ inputTokens: 5, cacheWriteTokens: 3, cacheWrite1hTokens: 5 })
    assert.strictEqual(Usd.toDecimal(Price.cost(price, usage)), "0.000009")
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

  it.prop(
    "gives its list, of which the same price is made",
    [perMillion, perMillion, FastCheck.option(perMillion), FastCheck.array(count, { maxLength: 3 })],
    ([input, output, cacheWrite, thresholds]) => {
      const price = made({
        input,
        output,
        ...(cacheWrite === null ? {} : { cacheWrite }),
        tiers: thresholds.map((above) => ({ above, input: output, output: input, cacheRead: 0 }))
      })
      assert.deepStrictEqual(made(Price.toOptions(price)), price)
    }
  )

  it("lists what each kind of token costs, and tiers only where there are some", () => {
    const flat = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 }
    assert.deepStrictEqual(Price.toOptions(made(flat)), flat)
    const tiered = { ...flat, tiers: [{ above: 200_000, ...flat, output: 22.5 }] }
    assert.deepStrictEqual(Price.toOptions(made(tiered)), tiered)
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
    ],
    [
      { input: 1, output: 1, tiers: [{ above: 0.5, input: 1, output: 1 }] },
      "Price.tiers[0].above: Expected a number of tokens (a whole number from 0), actual 0.5"
    ],
    [
      { input: 1, output: 1, tiers: [{ above: 1, input: 1, output: 1, cacheWrite1h: -1 }] },
      "Price.tiers[0].cacheWrite1h: Expected a price from 0 to 1000000 USD per million tokens, actual -1"
    ]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Price.make(options))
      assert.strictEqual(error.message, message)
    })
  )
})

describe("Price.cacheSaved", () => {
  const list = { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75, cacheWrite1h: 6 }
  const usage = (counts: Partial<TokenUsage.TokenUsage>) =>
    TokenUsage.make({ inputTokens: 1000, outputTokens: 200, ...counts })

  it.each([
    ["nothing where nothing is cached", {}, "0"],
    ["what reads cost less", { cacheReadTokens: 400 }, "0.00108"],
    ["less than nothing where a write isn't read yet", { cacheWriteTokens: 400 }, "-0.0003"],
    [
      "more below where it is kept for an hour",
      { cacheWriteTokens: 400, cacheWrite1hTokens: 400 },
      "-0.0012"
    ],
    ["both together", { cacheReadTokens: 400, cacheWriteTokens: 100 }, "0.001005"]
  ])("is %s", (_, counts, expected) => {
    assert.strictEqual(Usd.toDecimal(Price.cacheSaved(made(list), usage(counts))), expected)
  })

  it("goes by the rates of long requests where they apply", () => {
    const tiered = made({ ...list, tiers: [{ above: 999, input: 6, output: 20, cacheRead: 1 }] })
    assert.strictEqual(Usd.toDecimal(Price.cacheSaved(tiered, usage({ cacheReadTokens: 100 }))), "0.0005")
  })

  it.prop("is what cost lacks to that of the same tokens without a cache", [count, count], ([read, rest]) => {
    const cached = TokenUsage.make({ inputTokens: read + rest, cacheReadTokens: read, outputTokens: 7 })
    const plain = TokenUsage.make({ inputTokens: read + rest, outputTokens: 7 })
    const price = made(list)
    assert.deepStrictEqual(
      Usd.add(Price.cost(price, cached), Price.cacheSaved(price, cached)),
      Price.cost(price, plain)
    )
  })
})
