import { assert, describe, it } from "@effect/vitest"
import { AITask, Price, TokenUsage } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { cost, inputTokens, worstCase } from "../../../src/spend/internal/worstCase.js"
import { Arbitraries } from "arc-saga/testing"
import { runs } from "../../utils/property.js"

const rate = FastCheck.double({ min: 0, max: 1000, noNaN: true })
const rates = FastCheck.record(
  { input: rate, output: rate, cacheRead: rate, cacheWrite: rate, cacheWrite1h: rate },
  { requiredKeys: ["input", "output"] }
)
const prices = FastCheck.tuple(
  rates,
  FastCheck.uniqueArray(FastCheck.record({ above: FastCheck.nat(2000), rates }), {
    maxLength: 3,
    selector: ({ above }) => above
  })
).map(([base, tiers]) =>
  Either.getOrThrow(Price.make({ ...base, tiers: tiers.map(({ above, rates }) => ({ above, ...rates })) }))
)

/** Bounds, and usages within them. */
const usages = FastCheck.tuple(
  FastCheck.nat(3000),
  FastCheck.nat(3000),
  FastCheck.array(FastCheck.double({ min: 0, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 })
).map(([input, output, [a = 0, b = 0, c = 0, d = 0, e = 0]]) => {
  const inputTokens = Math.round(a * input)
  const cacheReadTokens = Math.round(b * inputTokens)
  const cacheWriteTokens = Math.round(c * (inputTokens - cacheReadTokens))
  return {
    bounds: { input, output },
    usage: TokenUsage.make({
      inputTokens,
      outputTokens: Math.round(d * output),
      cacheReadTokens,
      cacheWriteTokens,
      cacheWrite1hTokens: Math.round(e * cacheWriteTokens)
    })
  }
})

const task = (options: Partial<AITask.Options> = {}) => AITask.make({ prompt: "Hi", ...options })

describe("the worst case of an attempt", () => {
  it.effect.prop(
    "is never cheaper than any usage within its bounds",
    [prices, usages],
    ([price, { bounds, usage }]) =>
      Effect.sync(() => {
        const worst = cost(price, bounds.input, bounds.output)
        assert.isTrue(Price.cost(price, usage).pico <= worst.pico)
      }),
    runs(1000)
  )

  it.effect.prop(
    "reads no fewer tokens than a task has bytes, and no fewer than are estimated of it",
    [Arbitraries.task()],
    ([asked]) =>
      Effect.sync(() => {
        const texts = asked.messages.map(AITask.messageText).join("") + (asked.systemPrompt ?? "")
        const tools = asked.tools === undefined ? "" : JSON.stringify(asked.tools)
        const read = inputTokens(asked, undefined)
        assert.isAtLeast(read, Buffer.byteLength(texts) + Buffer.byteLength(tools))
        assert.isAtLeast(read, TokenUsage.estimateTokens(AITask.inputCharacters(asked)))
        assert.isAtLeast(inputTokens(asked, "é€😀") - read, 9)
      }),
    runs()
  )

  it.effect("counts what isn't text, too", () =>
    Effect.gen(function* () {
      const plain = inputTokens(yield* task(), undefined)
      const more = (options: Partial<AITask.Options>) =>
        Effect.map(
          AITask.decodeUnknown({ prompt: "Hi", ...options }),
          (asked) => inputTokens(asked, undefined) - plain
        )
      const schema = { type: "object", properties: {} }
      assert.isAbove(yield* more({ tools: [{ name: "look", parameters: schema }] }), 1000)
      assert.isAbove(yield* more({ responseFormat: { type: "json_schema", name: "a", schema } }), 1000)
      const image = { type: "image" as const, url: "https://example.test/a.png" }
      const messages = [
        { role: "user" as const, content: [{ type: "text" as const, text: "Hi" }, image, image] as const }
      ] as const
      assert.strictEqual(inputTokens(yield* AITask.make({ messages }), undefined) - plain, 100_000)
      const called = { id: "c", name: "look", arguments: '{"at":"it"}' }
      const talk = yield* AITask.make({
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "", toolCalls: [called] },
          { role: "tool", toolCallId: "c", content: "it" }
        ]
      })
      assert.isAbove(inputTokens(talk, undefined) - plain, 2 * JSON.stringify([called]).length)
    })
  )

  it.effect("has no cost where there is no price", () =>
    Effect.gen(function* () {
      const worst = worstCase(yield* task(), undefined, 10, Option.none())
      assert.isTrue(Option.isNone(worst.cost))
      assert.strictEqual(worst.outputTokens, 10)
    })
  )

  it.effect("is as much for each of the answers that a call asks for", () =>
    Effect.gen(function* () {
      const price = Option.some(yield* Price.make({ input: 0, output: 1 }))
      const of = (body: Readonly<Record<string, unknown>>) =>
        Effect.map(task({ original: { wire: "chatCompletions", body } }), (asked) =>
          worstCase(asked, undefined, 10, price)
        )
      const one = yield* of({})
      assert.strictEqual(one.outputTokens, 10)
      for (const body of [{ n: 3 }, { best_of: 3, n: 2 }]) {
        const { cost, outputTokens } = yield* of(body)
        assert.strictEqual(outputTokens, 30)
        assert.deepStrictEqual(
          Option.map(cost, ({ pico }) => pico),
          Option.map(one.cost, ({ pico }) => 3n * pico)
        )
      }
      for (const n of [0, -1, "many", null]) assert.strictEqual((yield* of({ n })).outputTokens, 10)
    })
  )
})
