import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Budgets, BudgetStore } from "arc-saga"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as BudgetsSql from "../../../src/spend/Budgets/Sql.js"
import { asked, costing, statusOf } from "../../utils/budgets.js"
import { account, budgetStoreContract, charge } from "../../utils/budgetStoreContract.js"
import { type Client, databases } from "../../utils/databases.js"
import { type Flaky, flaky, passing, refused, working } from "../../utils/flakySql.js"
import { logs } from "../../utils/logs.js"

/** A machine with other work to do may take its time. */
const patient = { reserveMs: 60_000 }

const never = Number.MAX_SAFE_INTEGER

/** A store of a process of its own, and what ends that process. */
const process = (client: Client, options: BudgetsSql.Options = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { layer, logged } = logs()
    const context = yield* Layer.buildWithScope(
      BudgetsSql.layerStore(options).pipe(Layer.provide(Layer.fresh(client)), Layer.provide(layer)),
      scope
    )
    const store = yield* Effect.provide(BudgetStore.BudgetStore, context)
    return { store, logged, end: Scope.close(scope, Exit.void) }
  })

const sqlite = Effect.flatten(Effect.fromNullable(databases[0]?.fresh))

describe.each(databases)("Budgets/Sql on $name", ({ fresh }) => {
  budgetStoreContract(
    Effect.map(fresh, (client) => Layer.orDie(Layer.provide(BudgetsSql.layerStore(patient), client)))
  )

  it.scopedLive("lets several processes together take no more than there is, and sees them all", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const [a, b] = [account("a", 1000n), account("b", 100_000n)]
      const processes = yield* Effect.all([1, 2, 3].map(() => process(client, patient)))
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 120 }, (_, index) => index),
        (index) =>
          Effect.flatMap(Effect.fromNullable(processes[index % 3]), ({ store }) =>
            Effect.gen(function* () {
              const charges =
                index % 2 === 0 ? [charge(a, 30n), charge(b, 30n)] : [charge(b, 10n), charge(a, 10n)]
              const refused = yield* store.reserve(charges, never)
              if (Option.isSome(refused)) return []
              // Every third goes on and spends less.
              if (index % 3 === 0) {
                yield* store.settle(charges.map((charge) => ({ charge, spent: charge.amount - 5n })))
                return charges.map((charge) => ({ ...charge, spent: true }))
              }
              return charges.map((charge) => ({ ...charge, spent: false }))
            })
          ),
        { concurrency: "unbounded" }
      )
      const inA = outcomes.flat().filter(({ account }) => account.id === "a")
      const spent = inA.reduce((sum, { amount, spent }) => sum + (spent ? amount - 5n : 0n), 0n)
      const reserved = inA.reduce((sum, { amount, spent }) => sum + (spent ? 0n : amount), 0n)
      for (const { store } of processes) {
        assert.deepStrictEqual(yield* store.balances([a]), [{ spent, reserved }])
      }
      assert.isTrue(spent + reserved <= 1000n && spent + reserved > 960n, `${spent} + ${reserved}`)
      yield* Effect.forEach(processes, ({ end }) => end)
    })
  )

  it.scoped("keeps what is spent over the end of a process, and frees what a crashed one had reserved", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const a = account("a", 100n)
      const crashing = yield* process(client)
      yield* crashing.store.reserve([charge(a, 30n)], never)
      yield* crashing.store.settle([{ charge: charge(a, 30n), spent: 20n }])
      yield* crashing.store.reserve([charge(a, 70n)], never)
      yield* crashing.end
      const { end, store } = yield* process(client)
      yield* TestClock.adjust(59_000)
      assert.deepStrictEqual(
        yield* store.reserve([charge(a, 11n)], never),
        Option.some({ charge: charge(a, 11n), balance: { spent: 20n, reserved: 70n } })
      )
      yield* TestClock.adjust(1000)
      assert.isTrue(Option.isNone(yield* store.reserve([charge(a, 80n)], never)))
      assert.deepStrictEqual(yield* store.balances([a]), [{ spent: 20n, reserved: 80n }])
      yield* store.settle([{ charge: charge(a, 80n), spent: 80n }])
      yield* end
    })
  )

  it.scoped("keeps the accounts of users apart, whatever their ids are", () =>
    Effect.gen(function* () {
      const layer = BudgetsSql.layer({ budgets: [{ name: "ü", scope: "user", period: "day", usd: 1 }] })
      const budgets = yield* Effect.provide(
        Budgets.Budgets,
        yield* Layer.build(Layer.provide(layer, yield* fresh))
      )
      // As long as an id may be, in characters of several bytes; nothing repeats that could be made shorter.
      const long = Array.from({ length: 255 }, (_, index) =>
        String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))
      ).join("")
      const users = ["a\u0000", "a\uFFFD", "'", `${long}a`, `${long}b`]
      for (const [index, userId] of users.entries()) {
        const lease = yield* budgets.admit(asked({ userId }))
        yield* lease.settle(costing(index / 16))
      }
      for (const [index, userId] of users.entries()) {
        assert.strictEqual((yield* statusOf(budgets, { userId })).spent, index / 16)
      }
    })
  )

  it.scoped("is cleaned of periods that ended more than a day ago", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const old: BudgetStore.Account = { id: "old", limit: 10n, endsAt: 1000 }
      const first = yield* process(client)
      yield* first.store.reserve([charge(old, 5n)], never)
      yield* first.store.settle([{ charge: charge(old, 5n), spent: 5n }])
      yield* first.end
      const seenBy = Effect.acquireUseRelease(
        process(client),
        ({ store }) => Effect.zipRight(waiting, store.balances([old])),
        ({ end }) => end
      )
      const waiting = Effect.repeatN(working, 5)
      assert.deepStrictEqual(yield* seenBy, [{ spent: 5n, reserved: 0n }])
      yield* TestClock.adjust("2 days")
      assert.deepStrictEqual(yield* seenBy, [{ spent: 0n, reserved: 0n }])
    })
  )
})

describe("Budgets/Sql, when its database is away", () => {
  const unsteady = (options: BudgetsSql.Options = {}) =>
    Effect.gen(function* () {
      const sql: Flaky = flaky(yield* sqlite)
      const made = yield* process(sql.client, options)
      yield* working
      const other = yield* process(sql.client, options)
      yield* working
      return { ...made, sql, other: other.store, endOther: other.end }
    })

  it.scoped("refuses at once what the database refuses, and within the deadline what it leaves open", () =>
    Effect.gen(function* () {
      const { end, endOther, sql, store } = yield* unsteady({ reserveMs: 3000 })
      const a = account("a", 100n)
      sql.before = refused
      const error = yield* Effect.flip(store.reserve([charge(a, 1n)], never))
      assert.match(error.message, /^The budgets can't be read or written: .*ECONNREFUSED/)
      sql.before = Effect.never
      const tried = yield* Effect.fork(
        Effect.flip(Effect.uninterruptible(store.reserve([charge(a, 1n)], 500)))
      )
      const later = yield* Effect.fork(Effect.flip(store.reserve([charge(a, 1n)], never)))
      yield* passing(500)
      assert.match((yield* Fiber.join(tried)).message, /didn't answer within 500 ms/)
      assert.isNull(later.unsafePoll())
      yield* passing(2500)
      assert.match((yield* Fiber.join(later)).message, /didn't answer within 3000 ms/)
      yield* Effect.all([end, endOther, passing(20_000, 500)], { concurrency: "unbounded" })
    })
  )

  it.scoped("gives back what it reserved too late", () =>
    Effect.gen(function* () {
      const { end, endOther, other, sql, store } = yield* unsteady()
      const a = account("a", 100n)
      const back = yield* Deferred.make<void>()
      sql.before = Deferred.await(back)
      const tried = yield* Effect.fork(Effect.flip(store.reserve([charge(a, 100n)], 500)))
      yield* passing(500)
      yield* Fiber.join(tried)
      yield* Deferred.succeed(back, undefined)
      yield* working
      assert.deepStrictEqual(yield* store.balances([a]), [{ spent: 0n, reserved: 0n }])
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 0n, reserved: 0n }])
      yield* Effect.all([end, endOther])
    })
  )

  it.scoped("gives back what it reserved without hearing of it", () =>
    Effect.gen(function* () {
      const { end, endOther, other, sql, store } = yield* unsteady()
      const a = account("a", 100n)
      sql.after = Effect.suspend(() => {
        sql.after = Effect.void
        return refused
      })
      yield* Effect.flip(store.reserve([charge(a, 100n)], never))
      yield* working
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 0n, reserved: 0n }])
      yield* Effect.all([end, endOther])
    })
  )

  it.scoped("doesn't lose what was spent meanwhile, and counts it once", () =>
    Effect.gen(function* () {
      const { end, endOther, logged, other, sql, store } = yield* unsteady()
      const a = account("a", 100n)
      yield* store.reserve([charge(a, 50n)], never)
      sql.before = refused
      const settled = yield* Effect.fork(store.settle([{ charge: charge(a, 50n), spent: 40n }]))
      yield* passing(1000, 100)
      yield* Fiber.join(settled)
      assert.include(
        logged.map(({ event }) => event),
        "budget_write_failed"
      )
      sql.before = Effect.void
      sql.after = Effect.suspend(() => {
        sql.after = Effect.void
        return refused
      })
      yield* passing(12_000, 500)
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 40n, reserved: 0n }])
      yield* Effect.all([end, endOther])
    })
  )

  it.scoped("keeps one write waiting for an account, however often it is refused meanwhile", () =>
    Effect.gen(function* () {
      const { end, endOther, logged, sql, store } = yield* unsteady({ drainMs: 1 })
      const a = account("a", 100n)
      sql.before = refused
      yield* Effect.repeatN(Effect.flip(store.reserve([charge(a, 1n)], never)), 50)
      yield* passing(5000)
      assert.isTrue(logged.every(({ fields }) => Number(fields["waiting"]) <= 2))
      yield* Effect.all([end, endOther, passing(100)], { concurrency: "unbounded" })
      assert.isAtMost(Number(logged.find(({ event }) => event === "budget_writes_lost")?.fields["lost"]), 2)
    })
  )

  it.scoped("isn't misled by a write that comes later than one that was made after it", () =>
    Effect.gen(function* () {
      const { end, endOther, other, sql, store } = yield* unsteady()
      const a = account("a", 100n)
      yield* store.reserve([charge(a, 30n), charge(a, 20n)], never)
      const back = yield* Deferred.make<void>()
      sql.before = Effect.suspend(() => {
        sql.before = Effect.void
        return Deferred.await(back)
      })
      const first = yield* Effect.fork(store.settle([{ charge: charge(a, 30n), spent: 10n }]))
      yield* passing(1000)
      yield* Fiber.join(first)
      const second = yield* Effect.fork(store.settle([{ charge: charge(a, 20n), spent: 15n }]))
      yield* passing(10_000, 1000)
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 25n, reserved: 0n }])
      yield* Deferred.succeed(back, undefined)
      yield* working
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 25n, reserved: 0n }])
      yield* Effect.all([end, endOther])
    })
  )

  it.scoped("extends the reservations of calls under way for as long as they take", () =>
    Effect.gen(function* () {
      const { end, endOther, other, store } = yield* unsteady({ leaseMs: 9000 })
      const a = account("a", 100n)
      yield* store.reserve([charge(a, 100n)], never)
      yield* passing(60_000, 1500)
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 0n, reserved: 100n }])
      assert.isTrue(Option.isSome(yield* other.reserve([charge(a, 1n)], never)))
      yield* store.settle([{ charge: charge(a, 100n), spent: 1n }])
      yield* Effect.all([end, endOther])
    })
  )

  it.scoped("writes what is left when it is closed, and reserves nothing after", () =>
    Effect.gen(function* () {
      const { end, endOther, other, sql, store } = yield* unsteady()
      const a = account("a", 100n)
      yield* store.reserve([charge(a, 50n)], never)
      sql.before = refused
      const settled = yield* Effect.fork(store.settle([{ charge: charge(a, 50n), spent: 40n }]))
      yield* passing(1000, 100)
      yield* Fiber.join(settled)
      const ending = yield* Effect.fork(end)
      sql.before = Effect.void
      yield* passing(6000, 500)
      yield* Fiber.join(ending)
      assert.deepStrictEqual(yield* other.balances([a]), [{ spent: 40n, reserved: 0n }])
      const error = yield* Effect.flip(store.reserve([charge(a, 1n)], never))
      assert.match(error.message, /has been closed/)
      yield* endOther
    })
  )

  it.scoped("isn't made when its table can't be, or with options that mean nothing", () =>
    Effect.gen(function* () {
      const sql = flaky(yield* sqlite)
      sql.before = refused
      const away = yield* Effect.flip(Layer.build(Layer.provide(BudgetsSql.layerStore(), sql.client)))
      assert.strictEqual(away._tag, "BudgetStoreError")
      const wrong = yield* Effect.flip(
        Layer.build(Layer.provide(BudgetsSql.layerStore({ leaseMs: -1 }), sql.client))
      )
      assert.strictEqual(
        wrong.message,
        "BudgetStore.leaseMs: Expected milliseconds (a number above 0), actual -1"
      )
    })
  )

  it.scoped("holds attempts of all processes against one budget", () =>
    Effect.gen(function* () {
      const client = yield* sqlite
      const options: Budgets.Options = {
        budgets: [{ name: "all", scope: "overall", period: "day", usd: 1 }],
        maxOutputTokens: 6000
      }
      const built = Layer.build(Layer.provide(BudgetsSql.layer(options), Layer.fresh(client)))
      const [one, other] = yield* Effect.all(
        [built, built].map(Effect.flatMap((context) => Effect.provide(Budgets.Budgets, context)))
      )
      assert(one !== undefined && other !== undefined)
      const lease = yield* one.admit(asked())
      assert.strictEqual((yield* Effect.flip(other.admit(asked())))._tag, "BudgetExceededError")
      yield* lease.settle(costing(0.25))
      assert.strictEqual((yield* statusOf(other)).spent, 0.25)
    })
  )
})

describe.each(databases)("the rows of Budgets/Sql on $name", ({ fresh }) => {
  /** The accounts that have rows. */
  const rowsIn = (client: Client) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) =>
      Effect.map(
        sql<{ account: string }>`SELECT account FROM arc_saga_budget_shares ORDER BY account`,
        (rows) => rows.map(({ account }) => account)
      )
    ).pipe(Effect.provide(Layer.fresh(client)))

  const users = Array.from({ length: 600 }, (_, index) => charge(account(`u${index}`, 10n), 1n))

  it.scoped("are removed, however many they are, where they count nothing, and no others are", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const { end, store } = yield* process(client, patient)
      const [spent, reserved] = [charge(account("spent", 10n), 1n), charge(account("reserved", 10n), 1n)]
      const all = [...users, spent, reserved]
      assert.isTrue(Option.isNone(yield* store.reserve(all, never)))
      const settled = [...users.map((charge) => ({ charge, spent: 0n })), { charge: spent, spent: 1n }]
      yield* Effect.zipRight(
        Effect.fork(store.settle(settled)),
        Effect.repeat(
          Effect.zipRight(passing(60_000, 10_000), rowsIn(client)),
          // It is how many there are when what was settled is written and its leases are over.
          { until: ({ length }) => length < users.length }
        )
      )
      yield* passing(120_000, 10_000)
      assert.deepStrictEqual(yield* rowsIn(client), ["reserved", "spent"])
      assert.deepStrictEqual(yield* store.balances([spent.account, reserved.account]), [
        { spent: 1n, reserved: 0n },
        { spent: 0n, reserved: 1n }
      ])
      yield* end
    })
  )

  it.scoped("stay while an attempt is under way, long after its period", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      yield* TestClock.adjust("2 days")
      const { end, store } = yield* process(client, patient)
      const other = yield* process(client, patient)
      const long = charge({ id: "long", limit: 10n, endsAt: 1000 }, 5n)
      yield* store.reserve([long], never)
      for (let step = 0; step < 12; step++) {
        yield* passing(10_000)
        assert.deepStrictEqual(yield* other.store.balances([long.account]), [{ spent: 0n, reserved: 5n }])
      }
      yield* Effect.all([end, other.end])
    })
  )

  it.scoped("aren't written for calls that are refused", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const { end, store } = yield* process(client, patient)
      const everybody = account("everybody", 10n)
      yield* store.reserve([charge(everybody, 10n)], never)
      const refusals = yield* Effect.forEach(
        users,
        (user) => store.reserve([charge(everybody, 1n), user], never),
        { concurrency: "unbounded" }
      )
      assert.isTrue(refusals.every(Option.isSome))
      yield* end
      assert.deepStrictEqual(yield* rowsIn(client), ["everybody"])
    })
  )
})
