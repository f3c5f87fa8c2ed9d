import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as usage from "../../../src/wire/messages/usage.js"
import * as TokenUsage from "../../../src/TokenUsage.js"

/** The usage of an answer that begins and ends with these. */
const of = (first: unknown, last?: unknown) => {
  const meter = new usage.Meter()
  meter.read(first, false)
  if (last !== undefined) meter.read(last, true)
  return Option.getOrUndefined(Option.map(meter.end(), (event) => event.usage))
}

const began = { input_tokens: 10, output_tokens: 1 }

describe("usage of Messages", () => {
  it("is what the end says, with what only the beginning says", () => {
    assert.deepStrictEqual(
      of(began, { output_tokens: 50 }),
      TokenUsage.make({ inputTokens: 10, outputTokens: 50 })
    )
    assert.deepStrictEqual(
      of(
        { ...began, cache_read_input_tokens: 5 },
        { input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 50 }
      ),
      TokenUsage.make({ inputTokens: 15, outputTokens: 50, cacheReadTokens: 5 })
    )
    assert.deepStrictEqual(
      of({ input_tokens: "10", output_tokens: "1" }, { output_tokens: "50" }),
      TokenUsage.make({ inputTokens: 10, outputTokens: 50 })
    )
  })

  it("is marked where the end says nothing of what was written, or what makes no sense", () => {
    const guessed = TokenUsage.make({ inputTokens: 10, outputTokens: 1, estimated: true })
    for (const last of [
      undefined,
      {},
      { output_tokens: 0 },
      { output_tokens: -4 },
      { output_tokens: 1e12 },
      7
    ]) {
      assert.deepStrictEqual(of(began, last), guessed)
    }
    assert.deepStrictEqual(
      of({ input_tokens: -1, output_tokens: 1 }, { output_tokens: 2 }),
      TokenUsage.make({ outputTokens: 2, estimated: true })
    )
    assert.deepStrictEqual(of({ input_tokens: 3 }, {}), TokenUsage.make({ inputTokens: 3, estimated: true }))
    assert.isUndefined(of(null))
    assert.isUndefined(of({ service_tier: "standard" }, {}))
  })

  it("adds what was written to the cache, by its total or by its parts", () => {
    const parts = (more: object) => of({ ...began, ...more }, { output_tokens: 2 })
    const written = (cacheWriteTokens: number, cacheWrite1hTokens: number) =>
      TokenUsage.make({
        inputTokens: 10 + cacheWriteTokens,
        outputTokens: 2,
        cacheWriteTokens,
        cacheWrite1hTokens
      })
    const cache_creation = { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 }
    assert.deepStrictEqual(parts({ cache_creation }), written(10, 6))
    assert.deepStrictEqual(parts({ cache_creation, cache_creation_input_tokens: 10 }), written(10, 6))
    assert.deepStrictEqual(parts({ cache_creation, cache_creation_input_tokens: 0 }), written(10, 6))
    assert.deepStrictEqual(parts({ cache_creation, cache_creation_input_tokens: 12 }), written(12, 6))
    assert.deepStrictEqual(parts({ cache_creation, cache_creation_input_tokens: 5 }), written(5, 5))
    assert.deepStrictEqual(parts({ cache_creation: 3, cache_creation_input_tokens: 5 }), written(5, 0))
  })

  it("is told while it grows, and once more only where it is a guess", () => {
    const meter = new usage.Meter()
    assert.isTrue(Option.isNone(meter.take()))
    meter.read(began, false)
    assert.isTrue(Option.isSome(meter.take()))
    meter.read({ output_tokens: 5, cost: 0.5 }, true)
    assert.strictEqual(Option.getOrThrow(meter.take()).cost?.pico, 500_000_000_000n)
    assert.isTrue(Option.isNone(meter.end()))
  })
})
