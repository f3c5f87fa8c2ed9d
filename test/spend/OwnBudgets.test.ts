import { assert, describe, it } from "@effect/vitest"
import { BudgetExceeded, Budgets, OwnBudgets } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { asked, costing } from "../utils/budgets.js"

/** A dollar: what a task that may write so many tokens costs at most, and some cents. */
const written = 10_000

/** Budgets beside which each key and team has so many dollars a day. */
const made = (dollars: Record<string, number>, configured?: Budgets.Options["budgets"]) => {
  const budgetsOf = (scope: "key" | "team", subject: string | undefined): ReadonlyArray<OwnBudgets.Held> => {
    const usd = subject === undefined ? undefined : dollars[`${scope} ${subject}`]
    return subject === undefined || usd === undefined
      ? []
      : [{ scope, subject, budgets: [{ period: "day", usd }] }]
  }
  return Effect.provide(
    Budgets.Budgets,
    Budgets.layer({ budgets: configured }).pipe(
      Layer.provide(
        Layer.succeed(OwnBudgets.OwnBudgets, {
          of: ({ keyId, team }) => Effect.succeed([...budgetsOf("key", keyId), ...budgetsOf("team", team)])
        })
      )
    )
  )
}

const task = (keyId: string, team?: string) => asked({ keyId, team, maxTokens: written })

describe("OwnBudgets", () => {
  it.effect("hold each key to its own, and the keys of a team to that of the team", () =>
    Effect.gen(function* () {
      const budgets = yield* made({ "key web": 1.5, "key app": 9, "team ml": 3.5 })
      const lease = yield* budgets.admit(task("web", "ml"))
      const key = yield* Effect.flip(budgets.admit(task("web", "ml")))
      assert.match(key.message, /^The budget "own" of key "web" doesn't allow the call/)
      yield* lease.settle(costing(1))
      const others = yield* Effect.forEach([1, 2], () => budgets.admit(task("app", "ml")))
      const team = yield* Effect.flip(budgets.admit(task("app", "ml")))
      assert.match(team.message, /^The budget "own" of team "ml" doesn't allow the call/)
      yield* Effect.forEach(others, ({ cancel }) => cancel)
      yield* budgets.admit(task("app", "ml"))
      // Nothing of another key, and nothing without one.
      yield* budgets.admit(task("other"))
      yield* budgets.admit(asked({ maxTokens: written }))
      const status = yield* budgets.status({ keyId: "web", team: "ml" })
      assert.deepStrictEqual(
        status.map(({ budget, limit, scope, spent }) => [budget, scope, limit, spent]),
        [
          ["own", "key", 1.5, 1],
          ["own", "team", 3.5, 1]
        ]
      )
    })
  )

  it.effect("go on with their account when their limit is another", () =>
    Effect.gen(function* () {
      const dollars = { "key web": 1.5 }
      const budgets = yield* made(dollars)
      yield* Effect.flatMap(budgets.admit(task("web")), ({ settle }) => settle(costing(1)))
      yield* Effect.flip(budgets.admit(task("web")))
      dollars["key web"] = 2.5
      yield* budgets.admit(task("web"))
    })
  )

  it.effect("share no account with one that is configured, whatever its name is", () =>
    Effect.gen(function* () {
      const configured = { name: "own", scope: "key", subject: "web", period: "day", usd: 5 } as const
      const budgets = yield* made({ "key web": 5 }, [configured])
      yield* Effect.flatMap(budgets.admit(task("web")), ({ settle }) => settle(costing(1)))
      assert.deepStrictEqual(
        (yield* budgets.status({ keyId: "web" })).map(({ spent }) => spent),
        [1, 1]
      )
    })
  )

  it.effect("let no attempt begin where they can't be read", () =>
    Effect.gen(function* () {
      const unknown = new BudgetExceeded.BudgetUnavailableError({ reason: "away" })
      const budgets = yield* Effect.provide(
        Budgets.Budgets,
        Layer.provide(Budgets.layer({}), Layer.succeed(OwnBudgets.OwnBudgets, { of: () => unknown }))
      )
      assert.strictEqual(yield* Effect.flip(budgets.admit(task("web"))), unknown)
    })
  )
})

describe("a configured budget of a team", () => {
  it.effect("is of each team's keys together, and of no call without a team", () =>
    Effect.gen(function* () {
      const budgets = yield* made({}, [{ name: "each", scope: "team", period: "day", usd: 1.5 }])
      yield* budgets.admit(task("a", "ml"))
      const error = yield* Effect.flip(budgets.admit(task("b", "ml")))
      assert.match(error.message, /^The budget "each" of team "ml"/)
      yield* budgets.admit(task("b", "web"))
      yield* budgets.admit(task("b"))
      assert.deepStrictEqual(yield* budgets.status({ keyId: "b" }), [])
    })
  )
})
