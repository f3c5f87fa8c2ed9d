import { assert, describe, it } from "@effect/vitest"
import { type AIResult, TokenUsage, Usd } from "arc-saga"
import * as Option from "effect/Option"
import * as totals from "../../src/spend/totals.js"
import { attempt, failedAttempt } from "../utils/ledger.js"

const sum = (attempts: ReadonlyArray<AIResult.Attempt>) =>
  attempts.map(totals.of).reduce(totals.add, totals.nothing)

describe("totals", () => {
  it("add up what attempts used, and keep apart what is estimated, billed or without a price", () => {
    const usage = TokenUsage.make({ inputTokens: 3, outputTokens: 2, estimated: true })
    assert.deepStrictEqual(
      sum([
        attempt({ cost: Option.some(Usd.fromPico(5n)) }),
        attempt({ cost: Option.some(Usd.fromPico(2n)), costSource: "provider" }),
        attempt({ cost: Option.some(Usd.zero), cacheSaved: Usd.fromPico(9n) }),
        attempt({ cost: Option.some(Usd.zero), cacheSaved: Usd.fromPico(-20n) }),
        attempt({ outcome: "cut", usage, cost: Option.none() }),
        failedAttempt({ cost: Option.none() })
      ]),
      {
        attempts: 6,
        cached: 0,
        succeeded: 4,
        usage: TokenUsage.make({ inputTokens: 403, outputTokens: 82, estimated: true }),
        estimated: 1,
        cost: Usd.fromPico(7n),
        billed: Usd.fromPico(2n),
        cacheSaved: Usd.fromPico(-11n),
        unpriced: 1
      }
    )
  })

  it("have no cost as a whole while a price is missing, and one where only what used nothing has none", () => {
    const free = failedAttempt({ cost: Option.none() })
    const paid = attempt({ cost: Option.some(Usd.fromPico(7n)) })
    assert.deepStrictEqual(totals.costOf([paid, free]), { cost: Option.some(Usd.fromPico(7n)) })
    assert.deepStrictEqual(totals.costOf([paid, attempt({ cost: Option.none() })]), { cost: Option.none() })
  })

  it("are billed by the provider where all of it is", () => {
    const told = attempt({ cost: Option.some(Usd.fromPico(7n)), costSource: "provider" })
    assert.strictEqual(totals.costOf([told, failedAttempt()]).costSource, "provider")
    assert.isUndefined(totals.costOf([told, attempt()]).costSource)
    assert.isUndefined(totals.costOf([failedAttempt()]).costSource)
  })
})
