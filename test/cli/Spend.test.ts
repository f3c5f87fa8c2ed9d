import { assert, describe, it } from "@effect/vitest"
import * as FileSystem from "@effect/platform/FileSystem"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Sqlite from "../../src/spend/SpendLedger/Sqlite.js"
import * as harness from "./harness.js"

const now = Date.UTC(2026, 10, 27, 12)

/** Providers whose prices are known, and one that has none. */
const config = harness.instant({ chains: { a: ["b"], b: ["a"] } })

const withConfig = (json: string) =>
  Effect.gen(function* () {
    const inDirectory = yield* harness.directory({ "config.json": json })
    const env = { ARC_SAGA_CONFIG: inDirectory("config.json") }
    const ledger = inDirectory("spend.db")
    const run = (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) =>
      harness.run(args, { env: { ...env, ...more } })
    return { inDirectory, ledger, run, recorded: { ARC_SAGA_LEDGER: ledger } }
  })

const test = (name: string, body: Effect.Effect<void, never, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.zipRight(TestClock.setTime(now), body).pipe(Effect.provide(harness.platform)))

describe("spend", () => {
  test(
    "says how a ledger is turned on when there is none",
    Effect.gen(function* () {
      const { run } = yield* withConfig(config)
      const { code, err, out } = yield* run(["spend"])
      assert.deepStrictEqual([code, out], [2, ""])
      assert.match(
        err,
        /^UsageError: There is no ledger\. Set ARC_SAGA_LEDGER, or "ledger" in the configuration file, to sqlite:PATH or postgres:/
      )
    })
  )

  test(
    "sums up what ask and run recorded, as a table and as JSON",
    Effect.gen(function* () {
      const { inDirectory, recorded, run } = yield* withConfig(config)
      assert.strictEqual((yield* run(["ask", "Hi", "--provider", "a"], recorded)).code, 0)
      const tasks = [
        { prompt: "x", userId: "ada", keyId: "web" },
        { prompt: "y", userId: "bob" }
      ]
      yield* harness.writeFile(inDirectory("tasks"), tasks.map((task) => JSON.stringify(task)).join("\n"))
      const done = yield* run(
        ["run", inDirectory("tasks"), "--out", inDirectory("out"), "--provider", "b"],
        recorded
      )
      assert.strictEqual(done.code, 0)
      const table = yield* run(["spend"], recorded)
      assert.strictEqual(table.code, 0, table.err)
      assert.match(
        table.out,
        /^provider +attempts +answered +tokens in +tokens out +cost\na +1 +1 +\d+ +\d+ +\$0\.0000\d\d\nb +2 +2 +\d+ +\d+ +unknown\nall +3 +3 +\d+ +\d+ +\$0\.0000\d\d \+ unknown\n$/
      )
      const users = yield* run(["spend", "--by", "user"], recorded)
      assert.match(users.out, /^user .*\n\(no user\) .*\nada .*\nbob .*\nall /)
      const { out } = yield* run(["spend", "--by", "day", "--json"], recorded)
      const [day, ...others]: ReadonlyArray<Record<string, unknown>> = JSON.parse(out)
      assert.deepStrictEqual(others, [])
      assert.deepInclude(day, { name: "2026-11-27", attempts: 3, succeeded: 3, estimated: 0, unpriced: 2 })
      assert.match(String(day?.["cost"]), /^0\.0000\d+$/)
    })
  )

  test(
    "looks at the time that it is told",
    Effect.gen(function* () {
      const { recorded, run } = yield* withConfig(config)
      yield* run(["ask", "Hi"], recorded)
      const attempts = (...flags: ReadonlyArray<string>) =>
        Effect.map(run(["spend", ...flags, "--json"], recorded), ({ out }) => JSON.parse(out).length)
      yield* TestClock.setTime(now + 3 * 3_600_000)
      assert.strictEqual(yield* attempts("--since", "2026-11-27"), 1)
      assert.strictEqual(yield* attempts("--since", "2026-11-27T13:00:00Z"), 0)
      assert.strictEqual(yield* attempts("--since", "7d"), 1)
      assert.strictEqual(yield* attempts("--since", "2h"), 0)
      assert.strictEqual(yield* attempts("--until", "2h"), 1)
      assert.strictEqual(yield* attempts("--until", "2026-11-27"), 0)
      const nothing = yield* run(["spend", "--since", "1m"], recorded)
      assert.strictEqual(nothing.out, "The ledger has no attempts of this time.\n")
    })
  )

  test(
    "is wrong use with a time or a name that means nothing",
    Effect.gen(function* () {
      const { recorded, run } = yield* withConfig(config)
      for (const [flags, message] of [
        [
          ["--since", "yesterday"],
          /--since: Expected a date such as 2026-11-27 or a duration such as 12h or 7d, actual "yesterday"/
        ],
        [["--since", "2026-13-01"], /--since: Expected a date/],
        [
          ["--by", "squad"],
          /--by: Expected one of provider, user, key, team, session, agent, model, day, actual "squad"/
        ]
      ] as const) {
        const { code, err } = yield* run(["spend", ...flags], recorded)
        assert.strictEqual(code, 2)
        assert.match(err, message)
      }
    })
  )

  test(
    "keeps a ledger in a file of whatever name",
    Effect.gen(function* () {
      const { inDirectory, run } = yield* withConfig(config)
      const env = { ARC_SAGA_LEDGER: inDirectory("ü 100% #1?.db") }
      yield* run(["ask", "Hi"], env)
      const fs = yield* FileSystem.FileSystem
      assert.isTrue(yield* Effect.orDie(fs.exists(env.ARC_SAGA_LEDGER)))
      assert.strictEqual(JSON.parse((yield* run(["spend", "--json"], env)).out).length, 1)
    })
  )

  test(
    "finds the ledger of the configuration file, and that of the environment before it",
    Effect.gen(function* () {
      const { inDirectory, run } = yield* withConfig("{}")
      const path = inDirectory("in-file.db")
      yield* harness.writeFile(inDirectory("config.json"), harness.instant({ ledger: `sqlite:${path}` }))
      yield* run(["ask", "Hi"])
      const attempts = (env: Readonly<Record<string, string>> = {}) =>
        Effect.map(run(["spend", "--json"], env), ({ out }) => JSON.parse(out).length)
      assert.strictEqual(yield* attempts(), 1)
      assert.strictEqual(yield* attempts({ ARC_SAGA_LEDGER: inDirectory("other.db") }), 0)
    })
  )

  test(
    "tells of rows that couldn't be written, and the answer all the same",
    Effect.gen(function* () {
      const { ledger, recorded, run } = yield* withConfig(config)
      yield* run(["ask", "Hi"], recorded)
      const { reserve } = Context.get(
        yield* Effect.orDie(Layer.build(Sqlite.layer({ path: ledger }))),
        SqlClient.SqlClient
      )
      const other = yield* Effect.orDie(reserve)
      yield* Effect.orDie(other.executeUnprepared("BEGIN IMMEDIATE", [], undefined))
      const { code, err, out } = yield* run(["ask", "Hi", "--complete"], recorded)
      yield* Effect.orDie(other.executeUnprepared("ROLLBACK", [], undefined))
      assert.strictEqual(code, 0)
      assert.match(out, /^This is a simulated answer/)
      assert.match(err, /level=ERROR .*message=ledger_rows_lost lost=1\n/)
      const { out: rows } = yield* run(["spend", "--json"], recorded)
      assert.strictEqual(JSON.parse(rows)[0].attempts, 1)
    })
  )

  test(
    "tells what is wrong with a ledger, and never its password",
    Effect.gen(function* () {
      const { inDirectory, run } = yield* withConfig(config)
      const refused = (ledger: string) => run(["spend"], { ARC_SAGA_LEDGER: ledger })
      const unknown = yield* refused("mysql://root:test-password@127.0.0.1/db")
      assert.strictEqual(
        unknown.err,
        "ConfigurationError: environment: ARC_SAGA_LEDGER: Expected sqlite:PATH, a path, or postgres://USER:PASSWORD@HOST/DATABASE\n"
      )
      const nowhere = yield* refused(inDirectory("no/such/folder.db"))
      assert.match(nowhere.err, /ARC_SAGA_LEDGER: The spend ledger can't be set up: .*folder\.db/)
      const away = yield* refused("postgres://root:test-password@127.0.0.1:1/db")
      assert.match(away.err, /ARC_SAGA_LEDGER: The spend ledger can't be set up: .*ECONNREFUSED/)
      yield* harness.writeFile(inDirectory("config.json"), JSON.stringify({ ledger: ["test-password"] }))
      const wrong = yield* run(["spend"])
      assert.match(wrong.err, /config\.json: ledger: Expected /)
      for (const { code, err } of [unknown, nowhere, away, wrong]) {
        assert.strictEqual(code, 2)
        assert.notInclude(err, "test-password")
      }
    })
  )
})

describe("budgets on the command line", () => {
  const budget = { name: "daily", scope: "overall", period: "day", usd: 0.0085 }
  const answers = { maxTokens: 4000, prompt: "x", provider: "a", pinned: true }

  test(
    "refuse a call that may cost too much, and say so",
    Effect.gen(function* () {
      const { run } = yield* withConfig(
        harness.instant({ budgets: [{ ...budget, usd: 0.001 }], chains: { a: [] } })
      )
      const { code, err, out } = yield* run(["ask", "Hi", "--provider", "a"])
      assert.deepStrictEqual([code, out], [1, ""])
      assert.match(
        err,
        /^BudgetExceededError: The budget "daily" doesn't allow the call: the call may need \$0\.00\d+ and \$0\.001 of \$0\.001 are left\. Ask for less, or wait until 2026-11-28T00:00:00\.000Z\n$/
      )
      assert.strictEqual((yield* run(["ask", "Hi", "--provider", "a", "--max-tokens", "100"])).code, 0)
    })
  )

  test(
    "hold one run against what others before it have spent, where there is a ledger",
    Effect.gen(function* () {
      const { inDirectory, recorded, run } = yield* withConfig(
        harness.instant({ budgets: [budget], chains: { a: [] } })
      )
      yield* harness.writeFile(inDirectory("tasks"), JSON.stringify(answers))
      const outcomes: Array<number> = []
      for (let round = 0; round < 10; round++) {
        const { code } = yield* run(
          ["run", inDirectory("tasks"), "--out", inDirectory(`out-${round}`)],
          recorded
        )
        outcomes.push(code)
      }
      assert.strictEqual(outcomes[0], 0)
      assert.strictEqual(outcomes.at(-1), 1)
      const failed = yield* harness.readFile(inDirectory("out-9"))
      assert.strictEqual(JSON.parse(failed).error.tag, "BudgetExceededError")
    })
  )

  test(
    "refuse a provider without a price, unless that is allowed",
    Effect.gen(function* () {
      const only = { simulated: [{ id: "b", firstTokenMs: 20 }], budgets: [budget] }
      const strict = yield* withConfig(harness.instant(only))
      const refused = yield* strict.run(["ask", "Hi"])
      assert.match(refused.err, /the price of the provider isn't known/)
      const lenient = yield* withConfig(harness.instant({ ...only, unpriced: "allow" }))
      assert.strictEqual((yield* lenient.run(["ask", "Hi"])).code, 0)
    })
  )

  test(
    "are errors of the configuration where they mean nothing",
    Effect.gen(function* () {
      const { run } = yield* withConfig(harness.instant({ budgets: [{ ...budget, tokens: 5 }] }))
      const { code, err } = yield* run(["ask", "Hi"])
      assert.strictEqual(code, 2)
      assert.match(err, /config\.json: budgets\[0\]\.usd: Expected either usd or tokens, actual both/)
    })
  )
})
