/** A hundred thousand names that callers make up: what is kept of them has a bound, and sums stay exact. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, TokenUsage, Usd } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Row } from "../../src/spend/internal/row.js"
import * as keyLimits from "../../src/gateway/internal/keyLimits.js"
import { MemoryLedger } from "../../src/spend/internal/memoryLedger.js"
import { maxAccounts, ReservationTable } from "../../src/spend/internal/reservations.js"

const names = 100_000

describe("what is kept by the names of callers", () => {
  it("has a bound in the ledger's totals, which leave no attempt out", () => {
    const capacity = 100
    const ledger = new MemoryLedger(capacity, capacity)
    for (let index = 0; index < names; index++) {
      ledger.add({
        id: `a${index}`,
        taskId: `t${index}`,
        userId: Option.some(`u${index}`),
        keyId: Option.some(`k${index}`),
        provider: AIProvider.Claude,
        model: "m",
        outcome: "succeeded",
        startedAt: index,
        durationMs: 1,
        usage: TokenUsage.none,
        cost: Option.some(Usd.zero),
        error: Option.none(),
        firstTokenMs: Option.none()
      } satisfies Row)
    }
    const users = ledger.summary({ by: "user" })
    // The rows that are kept one by one, the totals, and those without a name.
    assert.isAtMost(users.length, 2 * capacity + 1)
    assert.strictEqual(
      users.reduce((sum, { attempts }) => sum + attempts, 0),
      names
    )
  })

  const account = (id: string) => ({ id, limit: 10n, endsAt: Number.POSITIVE_INFINITY }) as never

  it("leaves nothing in budgets where nothing was spent", () => {
    const shares = new ReservationTable()
    for (let index = 0; index < names; index++) {
      const charge = { account: account(`u${index}`), amount: 1n }
      shares.reserve(charge)
      shares.settle(charge, 0n)
    }
    assert.isTrue(
      shares.has(
        Array.from({ length: maxAccounts }, (_, index) => ({ account: account(`v${index}`), amount: 1n }))
      )
    )
  })

  it("is never forgotten in budgets where something was: there is room for so many accounts", () => {
    const shares = new ReservationTable()
    for (let index = 0; index < maxAccounts; index++) {
      shares.reserve({ account: account(`u${index}`), amount: 1n })
    }
    assert.isFalse(shares.has([{ account: account("one more"), amount: 1n }]))
    assert.isTrue(shares.has([{ account: account("u0"), amount: 1n }]))
  })

  it.effect("is forgotten of keys that no limit holds back any more", () =>
    Effect.sync(() => {
      const limits = keyLimits.make()
      for (let index = 0; index < names; index++) {
        const key = { id: `k${index}`, sha256: "", requestsPerMinute: 2 }
        assert.isUndefined(limits.begin(key, index * 600))
        limits.end(key)
      }
      assert.isAtMost(limits.size, 1000)
    })
  )
})
