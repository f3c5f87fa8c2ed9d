import { assert, describe, it } from "@effect/vitest"
import { AIProvider, RetryBudget } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { answered, fleet, task } from "../utils/fleet.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

describe("RetryBudget", () => {
  it.effect("allows a share of the calls, and 300 in any case", () =>
    Effect.gen(function* () {
      const budget = yield* RetryBudget.make()
      const taken = (now: number) => {
        let count = 0
        while (budget.unsafeTake(now)) count++
        return count
      }
      assert.strictEqual(taken(0), 300)
      for (let call = 0; call < 2000; call++) budget.unsafeCall(1000)
      assert.strictEqual(taken(1000), 100)
      assert.strictEqual(taken(70_000), 300)
    })
  )

  it.effect.prop(
    "has no minute with more retries than allowed by the calls of the last while",
    [
      FastCheck.array(FastCheck.tuple(FastCheck.nat(5000), FastCheck.boolean()), { maxLength: 500 }),
      FastCheck.double({ min: 0, max: 1, noNaN: true }),
      FastCheck.nat(3)
    ],
    ([steps, share, minimum]) =>
      Effect.gen(function* () {
        const budget = yield* RetryBudget.make({ share, minimum })
        const calls: Array<number> = []
        const retries: Array<number> = []
        let now = 0
        for (const [waitMs, retry] of steps) {
          now += waitMs
          if (!retry) {
            calls.push(now)
            budget.unsafeCall(now)
          } else if (budget.unsafeTake(now)) {
            retries.push(now)
          }
          const within = (times: ReadonlyArray<number>, ms: number) =>
            times.filter((time) => time > now - ms).length
          // Calls are counted for a tenth of the window longer than it is.
          assert.isAtMost(within(retries, 60_000), Math.max(minimum, share * within(calls, 66_001)))
        }
      }),
    runs()
  )

  for (const [field, options] of [
    ["share", { share: -0.1 }],
    ["minimum", { minimum: 0.5 }],
    ["windowMs", { windowMs: Number.POSITIVE_INFINITY }]
  ] as const) {
    it.effect(`rejects ${field} out of range`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(RetryBudget.make(options))).field, field)
      })
    )
  }
})

describe("ProviderRouter with a RetryBudget", () => {
  it.effect("falls over at once when the budget is spent", () =>
    Effect.gen(function* () {
      const { asked, router } = yield* fleet(
        [
          { provider: Claude, script: [fail({ _tag: "TransientError" })] },
          { provider: Gpt4, script: [answer({ text: "Light scatters." })] }
        ],
        {},
        RetryBudget.layer({ minimum: 3, share: 0, windowMs: 1e9 })
      )
      const asks = yield* task({ provider: "claude" })
      for (let call = 0; call < 3; call++) yield* answered(router.complete(asks))
      assert.deepStrictEqual((yield* asked).filter((provider) => provider === Claude).length, 3 + 3)
    })
  )
})
