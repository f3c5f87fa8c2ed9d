import { assert, describe, it } from "@effect/vitest"
import * as GenAI from "@pydantic/genai-prices"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as Price from "../../../src/Price.js"
import type * as PriceCatalog from "../../../src/spend/PriceCatalog.js"
import * as GenAIPrices from "../../../src/spend/PriceCatalog/GenAIPrices.js"
import * as TokenUsage from "../../../src/TokenUsage.js"
import { runs } from "../../utils/property.js"

const anthropic = "https://api.anthropic.com"
const openAI = "https://api.openai.com/v1"
const today = new Date("2026-11-22T12:00:00Z")

/** What is known at a moment. */
const find = (baseUrl: string, model: string, at: Date = today): Effect.Effect<PriceCatalog.Entry> =>
  Effect.zipRight(TestClock.setTime(at.getTime()), GenAIPrices.catalog.find({ baseUrl, model }))

const listed = (baseUrl: string, model: string, at: Date = today) =>
  Effect.map(find(baseUrl, model, at), ({ price }) =>
    Option.getOrUndefined(Option.map(price, Price.toOptions))
  )

const modelsOf = (providerId: string): ReadonlyArray<GenAI.ModelInfo> =>
  GenAI.findProvider({ providerId })?.models ?? []

/** The models that answer with text, by the name that the table calls them. */
const chatModels = [
  ...modelsOf("anthropic").map(({ id }) => ({ providerId: "anthropic", baseUrl: anthropic, id })),
  ...modelsOf("openai")
    .filter(({ id }) => /^(gpt|o\d|chatgpt)/.test(id) && !/image|realtime|transcribe/.test(id))
    .map(({ id }) => ({ providerId: "openai", baseUrl: openAI, id }))
]

const tokens = FastCheck.oneof(FastCheck.nat(400_000), FastCheck.nat(1000))

describe("GenAIPrices", () => {
  it.effect("prices today's models with their caches", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* listed(anthropic, "claude-haiku-4-5"), {
        input: 1,
        output: 5,
        cacheRead: 0.1,
        cacheWrite: 1.25,
        cacheWrite1h: 2
      })
      assert.deepInclude(yield* listed(openAI, "gpt-4o-mini"), { input: 0.15, output: 0.6, cacheRead: 0.075 })
    })
  )

  it.effect("takes the price of a cache read from the table: it isn't always a tenth", () =>
    Effect.gen(function* () {
      const opus = yield* listed(anthropic, "claude-opus-5-5")
      assert.deepInclude(opus, { input: 4, cacheRead: 0.2 })
    })
  )

  it.effect("knows the dated names of a model, and its window", () =>
    Effect.gen(function* () {
      const dated = "claude-haiku-4-5-20251001"
      assert.deepInclude(yield* listed(anthropic, dated), { input: 1, output: 5 })
      assert.strictEqual(
        yield* Effect.flatMap(find(anthropic, dated), (entry) => entry.contextWindow),
        200_000
      )
    })
  )

  it.effect("has the tiers of long requests", () =>
    Effect.gen(function* () {
      const list = yield* listed(anthropic, "claude-sonnet-4-5")
      assert.deepInclude(list, { input: 3, output: 15 })
      assert.deepStrictEqual(list?.tiers, [
        { above: 200_000, input: 6, output: 22.5, cacheRead: 0.6, cacheWrite: 7.5, cacheWrite1h: 12 }
      ])
    })
  )

  it.effect("charges twice the input for an hour's cache where Anthropic's price isn't in the table", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* listed(anthropic, "claude-2"), { input: 8, cacheWrite: 8, cacheWrite1h: 16 })
      // Elsewhere it isn't known to be so: it is charged as other cache writes are.
      const gpt = yield* listed(openAI, "gpt-6-sol")
      assert.deepInclude(gpt, { input: 2, cacheWrite: 2.5, cacheWrite1h: 2.5 })
    })
  )

  it.effect("has the price of the day", () =>
    Effect.gen(function* () {
      const on = (day: string) => listed(openAI, "o3", new Date(day))
      assert.deepInclude(yield* on("2025-06-09T23:59:59Z"), { input: 10, output: 40 })
      assert.deepInclude(yield* on("2025-06-10T00:00:00Z"), { input: 2, output: 8 })
    })
  )

  it.effect("has no price that changes within the day, but the window", () =>
    Effect.gen(function* () {
      const { contextWindow, price } = yield* find("https://api.deepseek.com", "deepseek-chat")
      assert.isTrue(Option.isNone(price))
      assert.strictEqual(yield* contextWindow, 64_000)
      const flash = (day: string) => listed("https://api.deepseek.com", "deepseek-v4-flash", new Date(day))
      assert.isUndefined(yield* flash("2026-11-22T05:00:00Z"))
      assert.isUndefined(yield* flash("2026-11-22T02:00:00Z"))
    })
  )

  it.effect("has no price where more than tokens is charged", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* listed("https://api.perplexity.ai", "sonar"))
      assert.isUndefined(yield* listed(openAI, "gpt-image-1"))
      assert.isUndefined(yield* listed(openAI, "gpt-transcribe"))
    })
  )

  it.effect.each([
    ["http://127.0.0.1:11434/v1", "gpt-4o"],
    ["http://localhost:4000", "claude-haiku-4-5"],
    ["https://llm.house.example/v1", "gpt-4o"],
    ["https://api.openai.com.mirror.example/v1", "gpt-4o"],
    ["https://api.openai.community/v1", "gpt-4o"],
    ["http://api.openai.com/v1", "gpt-4o"],
    ["", "gpt-4o"],
    [openAI, "llama3"],
    [openAI, "claude-haiku-4-5"],
    [anthropic, "gpt-4o"],
    [anthropic, "claude-test"],
    [anthropic, ""]
  ] as const)("knows nothing at %s of %s", ([baseUrl, model]) =>
    Effect.gen(function* () {
      const { contextWindow, price } = yield* find(baseUrl, model)
      assert.deepStrictEqual([Option.isNone(price), Option.isNone(contextWindow)], [true, true])
    })
  )

  it.effect.each([
    ["https://API.OpenAI.com/v1/", "gpt-4o"],
    ["https://api.openai.com", "gpt-4o"],
    ["https://api.groq.com/openai/v1", "llama-3.3-70b-versatile"],
    ["https://api.moonshot.ai/v1", "kimi-k2-0905-preview"],
    ["https://house.openai.azure.com/openai/deployments/gpt-4o?api-version=2024-10-21", "gpt-4o"],
    ["https://openrouter.ai/api/v1", "anthropic/claude-sonnet-4.5"]
  ] as const)("knows who is at %s", ([baseUrl, model]) =>
    Effect.gen(function* () {
      assert.isTrue(Option.isSome((yield* find(baseUrl, model)).price))
    })
  )

  it("has a price for every model that Anthropic and OpenAI answer with", () => {
    assert.isAtLeast(chatModels.length, 80)
  })

  // The library reckons in doubles: it sums at most five products, each wrong by a few parts in 10¹⁶. Ours
  // are whole picodollars, exact, as no price has more than six digits after the point.
  it.effect("costs what the library says, for all of them, before and after prices changed", () =>
    Effect.gen(function* () {
      for (const { baseUrl, id, providerId } of chatModels) {
        for (const day of ["2025-01-01", "2026-03-01", "2026-11-22"]) {
          const timestamp = new Date(day)
          const price = yield* Effect.flatMap(find(baseUrl, id, timestamp), ({ price }) => price)
          const calculate = (usage: GenAI.Usage) => GenAI.calcPrice(usage, id, { providerId, timestamp })
          // Where the table has no price of an hour's cache, ours is another than the library's.
          const hasHour = calculate({})?.model_price["cache_write_1h_mtok"] !== undefined
          FastCheck.assert(
            FastCheck.property(
              tokens,
              tokens,
              tokens,
              tokens,
              tokens,
              (plain, read, written, hour, output) => {
                const kept = hasHour ? hour : 0
                const usage = TokenUsage.make({
                  inputTokens: plain + read + written + kept,
                  outputTokens: output,
                  cacheReadTokens: read,
                  cacheWriteTokens: written + kept,
                  cacheWrite1hTokens: kept
                })
                const theirs = calculate({
                  input_tokens: usage.inputTokens,
                  output_tokens: usage.outputTokens,
                  cache_read_tokens: usage.cacheReadTokens,
                  cache_write_tokens: usage.cacheWriteTokens,
                  cache_write_1h_tokens: usage.cacheWrite1hTokens
                })
                const ours = Number(Price.cost(price, usage).pico)
                const expected = (theirs?.total_price ?? Number.NaN) * 1e12
                assert.isAtMost(Math.abs(ours - expected), 1e-14 * expected, id)
              }
            ),
            runs(10).fastCheck
          )
        }
      }
    })
  )
})

describe("GenAIPrices of a model that embeds", () => {
  const found = (model: string, embeds: boolean | undefined) =>
    Effect.map(
      Effect.zipRight(
        TestClock.setTime(today.getTime()),
        GenAIPrices.catalog.find({ baseUrl: openAI, model, embeds })
      ),
      ({ price }) => Option.getOrUndefined(Option.map(price, Price.toOptions))
    )

  it.effect("has its input's, and nothing for an output that there isn't", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* found("text-embedding-3-small", true), { input: 0.02, output: 0 })
      // Who would write has no price that is known.
      assert.isUndefined(yield* found("text-embedding-3-small", false))
      assert.isUndefined(yield* found("text-embedding-3-small", undefined))
      assert.deepInclude(yield* found("gpt-4o-mini", true), { input: 0.15, output: 0.6 })
      assert.isUndefined(yield* found("whisper-1", true))
    })
  )
})
