/** What every store of budgets does. */
import { assert, it } from "@effect/vitest"
import { BudgetStore } from "arc-saga"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

export const account = (id: string, limit: bigint): BudgetStore.Account => ({
  id,
  limit,
  endsAt: Number.MAX_SAFE_INTEGER
})

export const charge = (of: BudgetStore.Account, amount: bigint): BudgetStore.Charge => ({
  account: of,
  amount
})

/** A new store. */
export type Made = Effect.Effect<Layer.Layer<BudgetStore.BudgetStore>, never, Scope.Scope>

const never = Number.MAX_SAFE_INTEGER

export const budgetStoreContract = (made: Made): void => {
  const test = (
    name: string,
    body: (store: BudgetStore.Service) => Effect.Effect<void, BudgetStore.BudgetStoreError>
  ) =>
    it.scopedLive(name, () =>
      Effect.flatMap(made, (layer) => Effect.provide(Effect.flatMap(BudgetStore.BudgetStore, body), layer))
    )

  test("reserves what is left and nothing more, and counts what was spent instead", (store) =>
    Effect.gen(function* () {
      const a = account("a", 100n)
      assert.deepStrictEqual(yield* store.balances([a]), [{ spent: 0n, reserved: 0n }])
      assert.deepStrictEqual(yield* store.reserve([charge(a, 60n)], never), Option.none())
      const refused = yield* store.reserve([charge(a, 41n)], never)
      assert.deepStrictEqual(
        refused,
        Option.some({ charge: charge(a, 41n), balance: { spent: 0n, reserved: 60n } })
      )
      assert.deepStrictEqual(yield* store.reserve([charge(a, 40n)], never), Option.none())
      yield* store.settle([{ charge: charge(a, 60n), spent: 55n }])
      assert.deepStrictEqual(yield* store.balances([a]), [{ spent: 55n, reserved: 40n }])
      assert.isTrue(Option.isNone(yield* store.reserve([charge(a, 5n)], never)))
      assert.isTrue(Option.isSome(yield* store.reserve([charge(a, 1n)], never)))
      yield* store.settle([{ charge: charge(a, 45n), spent: 0n }])
      assert.deepStrictEqual(yield* store.balances([a]), [{ spent: 55n, reserved: 0n }])
    }))

  test("reserves all charges or none, and names the one that isn't allowed", (store) =>
    Effect.gen(function* () {
      const [a, b, c] = [account("a", 10n), account("b", 5n), account("c", 10n)]
      const refused = yield* store.reserve([charge(a, 6n), charge(b, 6n), charge(c, 6n)], never)
      assert.deepStrictEqual(
        Option.map(refused, ({ charge }) => charge.account.id),
        Option.some("b")
      )
      assert.deepStrictEqual(
        yield* store.balances([a, b, c]),
        [a, b, c].map(() => ({ spent: 0n, reserved: 0n }))
      )
      assert.isTrue(Option.isNone(yield* store.reserve([charge(a, 5n), charge(b, 5n)], never)))
      assert.deepStrictEqual(yield* store.balances([b, a]), [
        { spent: 0n, reserved: 5n },
        { spent: 0n, reserved: 5n }
      ])
    }))

  test("refuses what no account could ever hold", (store) =>
    Effect.gen(function* () {
      const a = account("a", 1_000_000_000_000_000_000n)
      assert.isTrue(Option.isSome(yield* store.reserve([charge(a, 2n ** 80n)], never)))
      assert.isTrue(Option.isNone(yield* store.reserve([charge(a, a.limit)], never)))
      yield* store.settle([{ charge: charge(a, a.limit), spent: 2n ** 70n }])
      assert.isTrue(Option.isSome(yield* store.reserve([charge(a, 1n)], never)))
    }))

  test("lets any number at once take no more than there is", (store) =>
    Effect.gen(function* () {
      const [a, b] = [account("a", 1000n), account("b", 700n)]
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, index) =>
          index % 2 === 0 ? [charge(a, 9n)] : [charge(a, 7n), charge(b, 7n)]
        ),
        (charges) =>
          Effect.map(store.reserve(charges, never), (refused) => (Option.isNone(refused) ? charges : [])),
        { concurrency: "unbounded" }
      )
      const granted = outcomes.flat()
      const sum = (of: BudgetStore.Account) =>
        granted.reduce((sum, { account, amount }) => (account.id === of.id ? sum + amount : sum), 0n)
      const [inA, inB] = yield* store.balances([a, b])
      assert.deepStrictEqual(
        [inA, inB],
        [
          { spent: 0n, reserved: sum(a) },
          { spent: 0n, reserved: sum(b) }
        ]
      )
      // Nothing that would have fitted was refused.
      assert.isTrue(sum(a) <= 1000n && sum(a) > 1000n - 9n, `reserved ${sum(a)}`)
      yield* Effect.forEach(granted, (charge) => store.settle([{ charge, spent: charge.amount - 1n }]), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(yield* store.balances([a]), [
        { spent: sum(a) - BigInt(granted.filter(({ account }) => account.id === "a").length), reserved: 0n }
      ])
    }))
}
