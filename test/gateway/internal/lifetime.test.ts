import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AIResult, TokenUsage, Usd } from "arc-saga"
import * as Option from "effect/Option"
import * as lifetime from "../../../src/gateway/internal/lifetime.js"

const attempt = (
  outcome: AIResult.Attempt["outcome"],
  firstTokenMs: Option.Option<number>,
  durationMs: number
): AIResult.Attempt => ({
  provider: AIProvider.Claude,
  model: "m-1",
  outcome,
  error: Option.none(),
  usage: TokenUsage.make({ inputTokens: 3, outputTokens: 2 }),
  cost: Option.some(Usd.fromNumber(0.5)),
  startedAt: 0,
  durationMs,
  firstTokenMs
})

/** How many took so long or less, by the seconds at which that changes. */
const steps = ({ buckets }: lifetime.Times) =>
  buckets.filter(([, count], index) => count !== (buckets[index - 1]?.[1] ?? 0))

describe("what attempts have used and taken", () => {
  it("adds up, and is counted up to each time", () => {
    const all = [
      attempt("succeeded", Option.some(100), 2000),
      attempt("succeeded", Option.some(101), 700_000),
      attempt("failed", Option.none(), 50),
      attempt("cut", Option.some(4000), 5000),
      attempt("cached", Option.some(1), 1)
    ].reduce(lifetime.add, lifetime.nothing)
    assert.deepStrictEqual(steps(all.firstToken), [
      [0.1, 1],
      [0.25, 2],
      [5, 3]
    ])
    assert.strictEqual(all.firstToken.count, 3)
    assert.approximately(all.firstToken.sum, 4.201, 1e-9)
    // The longest is in none but the last, which has all.
    assert.deepStrictEqual(steps(all.answer), [[2.5, 1]])
    assert.strictEqual(all.answer.count, 2)
    assert.strictEqual(all.answer.sum, 702)
    assert.strictEqual(all.totals.usage.inputTokens, 15)
    assert.strictEqual(Usd.toNumber(all.totals.cost), 2.5)
  })
})
