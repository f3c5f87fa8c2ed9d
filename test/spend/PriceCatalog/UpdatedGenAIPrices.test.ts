import { assert, describe, it } from "@effect/vitest"
import * as GenAI from "@pydantic/genai-prices"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Price from "../../../src/Price.js"
import type * as PriceCatalog from "../../../src/spend/PriceCatalog.js"
import * as GenAIPrices from "../../../src/spend/PriceCatalog/GenAIPrices.js"

const model = (id: string, prices: GenAI.ModelInfo["prices"]): GenAI.ModelInfo => ({
  id,
  match: { equals: id },
  prices
})

const flat = { input_mtok: 1, output_mtok: 2 }
const night = { start_time: "22:00:00Z", end_time: "06:00:00Z", type: "time_of_date" } as const

// The table belongs to the process, and there is no way back to the package's own: this file is the last that is run.
GenAI.updatePrices(({ setProviderData }) => {
  setProviderData([
    {
      id: "acme",
      name: "Acme",
      api_pattern: "https://api\\.acme\\.example",
      models: [
        model("new", flat),
        model("free", { input_mtok: 0, output_mtok: 0 }),
        model("flat-next-year", [
          { prices: flat },
          { constraint: night, prices: { input_mtok: 0.5, output_mtok: 1 } },
          { constraint: { start_date: "2027-01-01", type: "start_date" }, prices: { ...flat, input_mtok: 3 } }
        ]),
        model("tiers-of-input", {
          input_mtok: {
            base: 1,
            tiers: [
              { start: 100, price: 2 },
              { start: 500, price: 4 }
            ]
          },
          output_mtok: { base: 2, tiers: [{ start: 500, price: 8 }] },
          cache_read_mtok: 0.5
        }),
        model("contradictory", { ...flat, cache_write_1h_mtok: 3 }),
        model("impossible", { ...flat, output_mtok: 2e6 })
      ]
    }
  ])
})

const find = (name: string, at = "2026-11-22T12:00:00Z"): Effect.Effect<PriceCatalog.Entry> =>
  Effect.zipRight(
    TestClock.setTime(Date.parse(at)),
    GenAIPrices.catalog.find({ baseUrl: "https://api.acme.example/v1", model: name })
  )

const listed = (name: string, at?: string) =>
  Effect.map(find(name, at), ({ price }) => Option.getOrUndefined(Option.map(price, Price.toOptions)))

describe("GenAIPrices with a table that was updated", () => {
  it.effect("has its prices, one of 0 included", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* listed("new"), { input: 1, output: 2 })
      assert.deepInclude(yield* listed("free"), { input: 0, output: 0 })
      const old = { baseUrl: "https://api.openai.com/v1", model: "gpt-4o" }
      assert.isTrue(Option.isNone((yield* GenAIPrices.catalog.find(old)).price))
    })
  )

  it.effect("has no price while it changes within the day, and one from the day on which it doesn't", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* listed("flat-next-year", "2026-12-31T12:00:00Z"))
      assert.isUndefined(yield* listed("flat-next-year", "2026-12-31T23:00:00Z"))
      assert.deepInclude(yield* listed("flat-next-year", "2027-01-01T00:00:00Z"), { input: 3, output: 2 })
    })
  )

  it.effect("has tiers wherever the price of one kind of token changes, in whatever order they are", () =>
    Effect.gen(function* () {
      const cache = { cacheRead: 0.5 }
      assert.deepStrictEqual(yield* listed("tiers-of-input"), {
        input: 1,
        output: 2,
        ...cache,
        cacheWrite: 1,
        cacheWrite1h: 1,
        tiers: [
          { above: 500, input: 4, output: 8, ...cache, cacheWrite: 4, cacheWrite1h: 4 },
          { above: 100, input: 2, output: 2, ...cache, cacheWrite: 2, cacheWrite1h: 2 }
        ]
      })
    })
  )

  it.effect.each(["contradictory", "impossible"])("has no price of a model whose prices are %s", (name) =>
    Effect.gen(function* () {
      assert.isUndefined(yield* listed(name))
    })
  )
})
