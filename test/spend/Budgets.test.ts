import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AITask,
  BudgetExceeded,
  Budgets,
  BudgetStore,
  type InvalidArgument,
  Price,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { asked, costing, engine, price, statusOf } from "../utils/budgets.js"
import { fleet, task as fleetTask } from "../utils/fleet.js"
import { attempt } from "../utils/ledger.js"
import { logs } from "../utils/logs.js"

const hour = 3_600_000
const day = 24 * hour

const everybody = { name: "everybody", scope: "overall", period: "day", usd: 1 } as const

const made = (options: Partial<Budgets.Options> = {}) =>
  Effect.provide(Budgets.Budgets, Budgets.layer({ budgets: [everybody], ...options }))

/** Without a limit of its own a task may write 4096 tokens for $0.4096; its prompt is next to nothing. */
const written = 0.4096

describe("Budgets", () => {
  it.effect("reserve the worst case, and count what it did cost instead", () =>
    Effect.gen(function* () {
      const budgets = yield* made()
      const lease = yield* budgets.admit(asked())
      const held = yield* statusOf(budgets)
      assert.strictEqual(held.spent, 0)
      assert.isAbove(held.reserved, written)
      assert.isBelow(held.reserved, written + 0.001)
      assert.closeTo(held.left, 1 - held.reserved, 1e-12)
      yield* lease.settle(costing(0.0625))
      assert.deepStrictEqual(yield* statusOf(budgets), {
        budget: "everybody",
        scope: "overall",
        subject: Option.none(),
        unit: "usd",
        limit: 1,
        spent: 0.0625,
        reserved: 0,
        left: 0.9375,
        resetsAt: day
      })
    })
  )

  it.effect(
    "refuse what may cost more than is left: which budget, how much is left, when it begins anew",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust(5 * hour)
        const budgets = yield* made()
        const lease = yield* budgets.admit(asked())
        yield* lease.settle(costing(0.75))
        const error = yield* Effect.flip(budgets.admit(asked()))
        assert(error._tag === "BudgetExceededError")
        assert.deepInclude(
          { ...error },
          { budget: "everybody", scope: "overall", unit: "usd", limit: 1, left: 0.25, resetsAt: day }
        )
        assert.isAbove(error.needed ?? 0, written)
        assert.match(
          error.message,
          /^The budget "everybody" doesn't allow the call: the call may need \$0\.4\d+ and \$0\.25 of \$1 are left\. Ask for less, or wait until 1970-01-02T00:00:00\.000Z$/
        )
        // A shorter answer fits.
        yield* budgets.admit(asked({ maxTokens: 1000 }))
      })
  )

  it.effect("give back what an attempt didn't take that wasn't made", () =>
    Effect.gen(function* () {
      const budgets = yield* made()
      const lease = yield* budgets.admit(asked())
      yield* lease.cancel
      const { reserved, spent } = yield* statusOf(budgets)
      assert.deepStrictEqual([spent, reserved], [0, 0])
    })
  )

  it.effect("bound the answers of tasks that don't, and reserve for those that do what they say", () =>
    Effect.gen(function* () {
      const budgets = yield* made({ maxOutputTokens: 100 })
      assert.strictEqual((yield* budgets.admit(asked())).maxTokens, 100)
      const before = (yield* statusOf(budgets)).reserved
      assert.strictEqual((yield* budgets.admit(asked({ maxTokens: 7000 }))).maxTokens, 7000)
      assert.isAbove((yield* statusOf(budgets)).reserved - before, 0.7)
    })
  )

  it.effect("are each user's and each key's own, and one user's where they name one", () =>
    Effect.gen(function* () {
      const budgets = yield* made({
        budgets: [
          { name: "user", scope: "user", period: "day", usd: 0.5 },
          { name: "key", scope: "key", period: "month", usd: 0.9 },
          { name: "bob", scope: "user", subject: "bob", period: "day", usd: 0 }
        ]
      })
      const refusedBy = (options: Parameters<typeof asked>[0]) =>
        Effect.map(Effect.flip(budgets.admit(asked(options))), (error) =>
          error._tag === "BudgetExceededError" ? [error.budget, error.scope, error.subject] : []
        )
      yield* budgets.admit(asked({ userId: "ada", keyId: "web" }))
      assert.deepStrictEqual(yield* refusedBy({ userId: "ada" }), ["user", "user", "ada"])
      yield* budgets.admit(asked({ userId: "eve", keyId: "web" }))
      assert.deepStrictEqual(yield* refusedBy({ userId: "zoe", keyId: "web" }), ["key", "key", "web"])
      assert.deepStrictEqual(yield* refusedBy({ userId: "bob" }), ["bob", "user", "bob"])
      // Whoever has neither is counted by none of them.
      assert.isUndefined((yield* budgets.admit(asked())).maxTokens)
      const names = (of?: Budgets.Subject) =>
        Effect.map(budgets.status(of), (all) =>
          all.map(({ budget, reserved, subject }) => [budget, Option.getOrNull(subject), reserved > 0])
        )
      assert.deepStrictEqual(yield* names(), [])
      assert.deepStrictEqual(yield* names({ userId: "ada", keyId: "cli" }), [
        ["user", "ada", true],
        ["key", "cli", false]
      ])
      assert.deepStrictEqual(yield* names({ userId: "bob" }), [
        ["user", "bob", false],
        ["bob", "bob", false]
      ])
    })
  )

  it.effect("count tokens where they are in tokens, estimated ones too", () =>
    Effect.gen(function* () {
      const budgets = yield* made({
        budgets: [{ name: "tokens", scope: "overall", period: "day", tokens: 10_000 }]
      })
      const free = { ...engine(), price: Option.none() }
      const lease = yield* budgets.admit(asked({ maxTokens: 6000 }, { engine: free }))
      yield* lease.settle(
        attempt({
          cost: Option.none(),
          usage: TokenUsage.make({ inputTokens: 100, outputTokens: 5000, estimated: true })
        })
      )
      const { left, limit, spent, unit } = yield* statusOf(budgets)
      assert.deepStrictEqual([unit, limit, spent, left], ["tokens", 10_000, 5100, 4900])
      const error = yield* Effect.flip(budgets.admit(asked({ maxTokens: 6000 })))
      assert.match(error.message, /the call may need \d+ tokens and 4900 tokens of 10000 tokens are left/)
    })
  )

  it.effect(
    "in USD refuse a provider whose price isn't known, or count it as nothing where that is wanted",
    () =>
      Effect.gen(function* () {
        const unpriced = { ...engine(), price: Option.none() }
        const strict = yield* made()
        yield* (yield* strict.admit(asked())).settle(costing(0.5))
        const error = yield* Effect.flip(strict.admit(asked({}, { engine: unpriced })))
        assert(error._tag === "BudgetExceededError")
        assert.isUndefined(error.needed)
        assert.strictEqual(error.left, 0.5)
        assert.match(error.message, /the price of the provider isn't known\. Give the provider a price/)
        const lenient = yield* made({ unpriced: "allow" })
        const lease = yield* lenient.admit(asked({}, { engine: unpriced }))
        yield* lease.settle(attempt({ cost: Option.none() }))
        assert.strictEqual((yield* statusOf(lenient)).spent, 0)
      })
  )

  it.effect("begin anew with the day and the month of UTC; an attempt belongs to when it began", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2028, 1, 28, 23, 59, 59))
      const budgets = yield* made({
        budgets: [everybody, { name: "month", scope: "overall", period: "month", usd: 10 }]
      })
      const status = Effect.map(budgets.status(), (all) =>
        all.map(({ resetsAt, spent }) => [new Date(resetsAt).toISOString().slice(0, 10), spent])
      )
      const late = yield* budgets.admit(asked())
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(yield* status, [
        ["2028-03-01", 0],
        ["2028-03-01", 0]
      ])
      yield* late.settle(costing(0.25))
      assert.deepStrictEqual(yield* status, [
        ["2028-03-01", 0],
        ["2028-03-01", 0.25]
      ])
      yield* TestClock.adjust(day)
      assert.deepStrictEqual(yield* status, [
        ["2028-03-02", 0],
        ["2028-04-01", 0]
      ])
    })
  )

  it.effect("tell when an attempt cost more than it should have been able to", () =>
    Effect.gen(function* () {
      const { layer, logged } = logs()
      const budgets = yield* made()
      const lease = yield* budgets.admit(asked())
      yield* Effect.provide(lease.settle(costing(2)), layer)
      assert.deepStrictEqual(logged, [
        {
          level: "WARN",
          event: "budget_overrun",
          fields: { budget: "everybody", taskId: "task-1", provider: "claude" }
        }
      ])
      const { left, spent } = yield* statusOf(budgets)
      assert.deepStrictEqual([spent, left], [2, 0])
    })
  )

  it.effect("let no attempt begin whose budgets can't be checked", () =>
    Effect.gen(function* () {
      const away = new BudgetStore.BudgetStoreError({ reason: "ECONNREFUSED" })
      const store = Layer.succeed(BudgetStore.BudgetStore, {
        reserve: () => Effect.fail(away),
        settle: () => Effect.void,
        balances: () => Effect.fail(away)
      })
      const budgets = yield* Effect.provide(
        Budgets.Budgets,
        Layer.provide(Budgets.layerStore({ budgets: [everybody] }), store)
      )
      const error = yield* Effect.flip(budgets.admit(asked()))
      assert(error instanceof BudgetExceeded.BudgetUnavailableError)
      assert.strictEqual(
        error.message,
        "The call isn't made, because its budgets can't be checked: ECONNREFUSED. Try again when their database answers"
      )
      const unpriced = { ...engine(), price: Option.none() }
      assert.deepStrictEqual(yield* Effect.flip(budgets.admit(asked({}, { engine: unpriced }))), error)
      assert.deepStrictEqual(yield* Effect.flip(budgets.status()), error)
    })
  )

  it.effect("forget the users of past days", () =>
    Effect.gen(function* () {
      const store = yield* BudgetStore.makeMemory
      const account = (id: string, endsAt: number) => ({ id, limit: 10n, endsAt })
      const charge = (account: BudgetStore.Account) => ({ account, amount: 1n })
      const [past, open] = [account("past", day), account("open", day)]
      yield* store.reserve([charge(past), charge(open)], day)
      yield* store.settle([{ charge: charge(past), spent: 1n }])
      yield* TestClock.adjust(day)
      yield* store.reserve([charge(account("new", 2 * day))], 2 * day)
      assert.deepStrictEqual(yield* store.balances([past, open]), [
        { spent: 0n, reserved: 0n },
        { spent: 0n, reserved: 1n }
      ])
      yield* store.settle([{ charge: charge(open), spent: 1n }])
      assert.deepStrictEqual(yield* store.balances([open]), [{ spent: 1n, reserved: 0n }])
    })
  )

  const invalid: ReadonlyArray<readonly [string, unknown, string]> = [
    ["none", { budgets: [] }, "Budgets.budgets[0]: is missing"],
    ["no unit", { ...everybody, usd: undefined }, "budgets[0].usd: Expected"],
    ["both units", { ...everybody, tokens: 1 }, "budgets[0].usd: Expected either usd or tokens, actual both"],
    ["another scope", { ...everybody, scope: "squad" }, "budgets[0].scope: Expected"],
    ["a subject of everybody's", { ...everybody, subject: "a" }, "budgets[0].subject: Expected none"],
    ["too much", { ...everybody, usd: 1e7 }, "budgets[0].usd: Expected an amount from 0 to 1000000 USD"],
    ["half a token", { ...everybody, usd: undefined, tokens: 0.5 }, "budgets[0].tokens: Expected"],
    ["an unknown field", { ...everybody, limit: 1 }, "budgets[0].limit"]
  ]
  it.effect.each(invalid)("reject %s, by name", ([, given, message]) =>
    Effect.gen(function* () {
      const budget = JSON.parse(JSON.stringify(given))
      const error = yield* Effect.flip(made("budgets" in budget ? budget : { budgets: [budget] }))
      assert.include(error.message, message)
    })
  )

  it.effect("reject a name that is there twice", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(made({ budgets: [everybody, everybody] }))
      assert.strictEqual(
        error.message,
        "Budgets.budgets[1].name: Expected each name once, actual everybody twice"
      )
    })
  )

  it.effect("hold amounts that a double can't", () =>
    Effect.gen(function* () {
      const budgets = yield* made({
        budgets: [{ name: "big", scope: "overall", period: "day", usd: 1_000_000 }]
      })
      const lease = yield* budgets.admit(asked())
      yield* lease.settle(attempt({ cost: Option.some(Usd.fromPico(999_999_999_999_999_999n)) }))
      const error = yield* Effect.flip(budgets.admit(asked()))
      assert.strictEqual(error._tag === "BudgetExceededError" && error.left, 1e-12)
    })
  )
})

describe("a router under budgets", () => {
  const dear = Either.getOrThrow(Price.make({ input: 1, output: 1000 }))
  const routed = (
    layer: Layer.Layer<Budgets.Budgets, InvalidArgument.InvalidArgumentError>,
    options: Partial<AITask.Options> = {}
  ) =>
    Effect.gen(function* () {
      const made = yield* fleet(
        [
          { provider: AIProvider.Claude, price: dear, script: [Behaviour.answer({ text: "dear" })] },
          { provider: AIProvider.Gpt4, price, script: [Behaviour.answer({ text: "cheap" })] }
        ],
        {},
        Layer.orDie(layer)
      )
      const asked = yield* fleetTask({ provider: "claude", ...options })
      return { ...made, exit: yield* Effect.exit(made.router.complete(asked)) }
    })

  it.effect("asks another provider, which is cheap enough, and tells it how much it may write", () =>
    Effect.gen(function* () {
      const { calls, exit } = yield* routed(Budgets.layer({ budgets: [everybody] }))
      assert(Exit.isSuccess(exit))
      assert.strictEqual(exit.value.text, "cheap")
      const [call, ...others] = yield* calls
      assert.deepStrictEqual(others, [])
      assert.strictEqual(call?.request.task.maxTokens, 4096)
    })
  )

  it.effect("fails with what the budget says when nobody is cheap enough, and has asked nobody", () =>
    Effect.gen(function* () {
      const { calls, exit } = yield* routed(Budgets.layer({ budgets: [{ ...everybody, usd: 0.1 }] }))
      assert(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      assert.strictEqual(exit.cause.error._tag, "BudgetExceededError")
      assert.deepStrictEqual(yield* calls, [])
    })
  )

  it.effect("asks nobody when budgets can't be checked", () =>
    Effect.gen(function* () {
      let checked = 0
      const away = Layer.succeed(BudgetStore.BudgetStore, {
        reserve: () =>
          Effect.suspend(() => {
            checked++
            return new BudgetStore.BudgetStoreError({ reason: "ECONNREFUSED" })
          }),
        settle: () => Effect.void,
        balances: () => new BudgetStore.BudgetStoreError({ reason: "ECONNREFUSED" })
      })
      const layer = Layer.provide(Budgets.layerStore({ budgets: [everybody] }), away)
      const { calls, exit } = yield* routed(layer)
      assert(Exit.isFailure(exit) && exit.cause._tag === "Fail")
      assert.strictEqual(exit.cause.error._tag, "BudgetUnavailableError")
      assert.deepStrictEqual(yield* calls, [])
      assert.strictEqual(checked, 1)
    })
  )
})
