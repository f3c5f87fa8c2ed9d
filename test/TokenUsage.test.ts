import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as TokenUsage from "../src/TokenUsage.js"

const count = FastCheck.nat({ max: 1_000_000 })

const usage: FastCheck.Arbitrary<TokenUsage.TokenUsage> = FastCheck.record({
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  cacheWrite1hTokens: count,
  reasoningTokens: count,
  estimated: FastCheck.boolean()
})

describe("TokenUsage", () => {
  it("takes what isn't known as 0", () => {
    assert.deepStrictEqual(TokenUsage.make({ inputTokens: 3, estimated: true }), {
      inputTokens: 3,
      outputTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      cacheWrite1hTokens: 0,
      reasoningTokens: 0,
      estimated: true
    })
    assert.deepStrictEqual(TokenUsage.make({}), TokenUsage.none)
  })

  it("adds every count", () => {
    const left = TokenUsage.make({
      inputTokens: 1,
      outputTokens: 2,
      cacheReadTokens: 3,
      cacheWriteTokens: 4,
      cacheWrite1hTokens: 3,
      reasoningTokens: 5
    })
    assert.deepStrictEqual(TokenUsage.add(left, left), {
      inputTokens: 2,
      outputTokens: 4,
      cacheReadTokens: 6,
      cacheWriteTokens: 8,
      cacheWrite1hTokens: 6,
      reasoningTokens: 10,
      estimated: false
    })
  })

  it.prop("adds in any order, from nothing", [usage, usage, usage], ([a, b, c]) => {
    const { add, none } = TokenUsage
    assert.deepStrictEqual(add(a, add(b, c)), add(add(c, a), b))
    assert.deepStrictEqual(add(none, a), a)
  })

  it.prop("is estimated as soon as a part of it is", [usage, usage], ([a, b]) => {
    assert.strictEqual(TokenUsage.add(a, b).estimated, a.estimated || b.estimated)
  })

  it("estimates a token for every four characters begun", () => {
    assert.deepStrictEqual([0, 1, 4, 5, 400].map(TokenUsage.estimateTokens), [0, 1, 1, 2, 100])
  })

  it.prop("goes through JSON", [usage], ([counts]) => {
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(TokenUsage.TokenUsage)(counts)))
    assert.deepStrictEqual(Schema.decodeUnknownSync(TokenUsage.TokenUsage)(json), counts)
  })

  it.each([-1, 0.5, Number.NaN])("refuses %d as a count", (inputTokens) => {
    const decoded = Schema.decodeUnknownEither(TokenUsage.TokenUsage)({ ...TokenUsage.none, inputTokens })
    assert.isTrue(Either.isLeft(decoded))
  })
})
