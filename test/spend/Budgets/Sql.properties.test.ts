import { assert, describe, it } from "@effect/vitest"
import { BudgetStore } from "arc-saga"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import * as BudgetsSql from "../../../src/spend/Budgets/Sql.js"
import { account, charge } from "../../utils/budgetStoreContract.js"
import { databases } from "../../utils/databases.js"
import { flaky, passing, refused } from "../../utils/flakySql.js"
import { runs } from "../../utils/property.js"

const limit = 100n

const calls = FastCheck.array(
  FastCheck.record({
    process: FastCheck.constantFrom(0, 1, 2),
    atMs: FastCheck.nat(3000),
    amount: FastCheck.bigInt({ min: 1n, max: 60n }),
    takesMs: FastCheck.nat(4000),
    share: FastCheck.nat(4)
  }),
  { minLength: 1, maxLength: 25 }
)

/** What becomes of each statement of a process in turn. */
const fates = FastCheck.array(
  FastCheck.array(FastCheck.constantFrom("done", "done", "refused", "unheard"), { maxLength: 30 }),
  { minLength: 3, maxLength: 3 }
)

describe("Budgets/Sql, whatever the database does", () => {
  it.scoped.prop(
    "never lets processes together take more than there is, and ends with what they spent",
    [calls, fates],
    ([calls, fates]) =>
      Effect.gen(function* () {
        const client = yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh))
        const shared = account("a", limit)
        const scope = yield* Scope.make()
        const open = (fate: ReadonlyArray<string>) =>
          Effect.gen(function* () {
            const sql = flaky(Layer.fresh(client))
            const store = yield* Effect.provide(
              BudgetStore.BudgetStore,
              yield* Layer.buildWithScope(
                Layer.provide(BudgetsSql.layerStore({ reserveMs: 1500 }), sql.client),
                scope
              )
            )
            const left = [...fate]
            let isUnheard = false
            sql.before = Effect.suspend(() => {
              const next = left.shift()
              isUnheard = next === "unheard"
              return next === "refused" ? refused : Effect.void
            })
            sql.after = Effect.suspend(() => (isUnheard ? refused : Effect.void))
            return { sql, store }
          })
        const processes = yield* Effect.forEach(fates, open)

        // The record of an observer of all calls.
        let taken = 0n
        let spent = 0n
        let most = 0n
        const serve = ({ amount, atMs, process, share, takesMs }: (typeof calls)[number]) =>
          Effect.gen(function* () {
            const { store } = yield* Effect.fromNullable(processes[process])
            yield* Effect.sleep(atMs)
            const answer = yield* Effect.either(
              store.reserve([charge(shared, amount)], Number.MAX_SAFE_INTEGER)
            )
            if (answer._tag === "Left" || Option.isSome(answer.right)) return
            taken += amount
            most = taken > most ? taken : most
            yield* Effect.sleep(takesMs)
            const cost = (amount * BigInt(share)) / 4n
            taken -= amount - cost
            spent += cost
            yield* store.settle([{ charge: charge(shared, amount), spent: cost }])
          })
        const served = yield* Effect.fork(
          Effect.forEach(calls, serve, { concurrency: "unbounded", discard: true })
        )
        yield* passing(20_000, 500)
        yield* Fiber.join(served)
        assert.isTrue(most <= limit, `${most} of ${limit}`)
        for (const { sql, store } of processes) {
          sql.before = Effect.void
          sql.after = Effect.void
          assert.deepStrictEqual(yield* store.balances([shared]), [{ spent, reserved: 0n }])
        }
        yield* Scope.close(scope, Exit.void)
      }),
    runs(15, 3)
  )
})
