import { assert, describe, it } from "@effect/vitest"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as harness from "./harness.js"

const now = Date.UTC(2026, 10, 27, 12)
const day = 86_400_000

const started = (more: Readonly<Record<string, unknown>> = { issuedKeys: {} }) =>
  Effect.gen(function* () {
    const path = yield* harness.directory({ "config.json": "{}" })
    const gateway = {
      keys: [{ id: "file", sha256: "0".repeat(64) }]
    }
    yield* harness.writeFile(
      path("config.json"),
      harness.instant({ ledger: `sqlite:${path("spend.db")}`, gateway, ...more })
    )
    const env = { ARC_SAGA_CONFIG: path("config.json"), USER: "ada" }
    const run = (...args: ReadonlyArray<string>) => harness.run(["keys", ...args], { env })
    const json = (...args: ReadonlyArray<string>) =>
      Effect.map(run(...args, "--json"), ({ code, err, out }) => {
        assert.strictEqual(code, 0, err)
        return JSON.parse(out)
      })
    return { env, json, path, run }
  })

const test = (name: string, body: Effect.Effect<void, never, FileSystem.FileSystem | Scope.Scope>) =>
  it.scoped(name, () => Effect.zipRight(TestClock.setTime(now), body).pipe(Effect.provide(harness.platform)))

describe("keys", () => {
  test(
    "prints a key alone when it is issued, and never again",
    Effect.gen(function* () {
      const { json, run } = yield* started()
      const { code, err, out } = yield* run("create", "web", "--expires", "90d", "--concurrent", "2")
      assert.strictEqual(code, 0, err)
      assert.match(out, /^saga_[0-9A-Za-z]{43}\n$/)
      assert.strictEqual(err, "The key web is issued. It is shown this once.\n")
      const [key] = yield* json("list")
      const { createdAt, expiresAt, secrets, ...rest } = key
      assert.deepStrictEqual(rest, { id: "web", concurrent: 2, status: "active" })
      assert.closeTo(Date.parse(expiresAt) - Date.parse(createdAt), 90 * day, 5000)
      assert.deepStrictEqual(secrets, [{ hint: `saga_…${out.trim().slice(-4)}`, createdAt }])
      const { out: listed } = yield* run("list")
      const { out: audited } = yield* run("audit")
      assert.notInclude(listed + audited, out.trim())
    })
  )

  test(
    "writes down who made each change, as far as that is known",
    Effect.gen(function* () {
      const { env, json } = yield* started()
      const { USER: _, ...nobody } = env
      const others = [nobody, { ...nobody, USERNAME: "bob" }, env]
      for (const [index, each] of others.entries()) {
        yield* harness.run(["keys", "create", `key-${index}`], { env: each })
      }
      const changes: ReadonlyArray<{ readonly by: string }> = yield* json("audit")
      assert.deepStrictEqual(
        changes.map(({ by }) => by),
        ["command line, ada", "command line, bob", "command line"]
      )
    })
  )

  test(
    "takes all that a key allows, and lists it",
    Effect.gen(function* () {
      const { json, run } = yield* started()
      assert.match(
        (yield* run("team", "ml", "--usd-per-month", "50", "--tokens-per-day", "9")).out,
        /^The team ml may spend \$50\/month, 9 tokens\/day\n$/
      )
      const { key, secret } = yield* json(
        ..."create web --team ml --user bob --allow-model claude --allow-model gpt-*".split(" "),
        ..."--allow-strategy cheapest --requests-per-minute 60 --tokens-per-minute 1000".split(" "),
        ..."--usd-per-day 0.5 --tokens-per-month 7 --expires 2026-12-31 --observe --admin".split(" ")
      )
      assert.match(secret, /^saga_/)
      assert.deepInclude(key, {
        id: "web",
        team: "ml",
        user: "bob",
        models: ["claude", "gpt-*"],
        strategies: ["cheapest"],
        requestsPerMinute: 60,
        tokensPerMinute: 1000,
        observe: true,
        admin: true,
        expiresAt: "2026-12-31T00:00:00.000Z"
      })
      const { out } = yield* run("list")
      assert.match(
        out,
        /^web +active +ml +claude, gpt-\*, saga\/cheapest +observe, admin +60 calls\/min, 1000 tokens\/min +\$0\.5\/day, 7 tokens\/month +2026-12-31 00:00 UTC +saga_….{4}$/m
      )
      assert.match((yield* run("teams")).out, /^ml +\$50\/month, 9 tokens\/day$/m)
      assert.deepInclude((yield* json("teams"))[0], { id: "ml" })
      assert.deepInclude(yield* json("team", "ml"), { budgets: [] })
      assert.match((yield* run("team", "ml")).out, /may spend what its keys may/)
    })
  )

  test(
    "changes what is said, and takes away what is asked for",
    Effect.gen(function* () {
      const { json, run } = yield* started()
      yield* run(
        ..."create web --user bob --allow-model claude --concurrent 2 --usd-per-day 1 --expires 90d".split(
          " "
        )
      )
      const changed = yield* json(
        ..."change web --concurrent 5 --tokens-per-month 7 --admin --expires 2026-12-24".split(" "),
        ..."--without user --without allow-model".split(" ")
      )
      const { createdAt: _, secrets: __, ...rest } = changed
      assert.deepStrictEqual(rest, {
        id: "web",
        concurrent: 5,
        admin: true,
        budgets: [{ period: "month", tokens: 7 }],
        expiresAt: "2026-12-24T00:00:00.000Z"
      })
      assert.match(
        (yield* run("change", "web", "--without", "budgets", "--without", "admin")).out,
        /^The key web is changed/
      )
      const [left] = yield* json("list")
      assert.notProperty(left, "budgets")
      assert.notProperty(left, "admin")
      assert.strictEqual((yield* json("audit", "web"))[0].action, "change")
    })
  )

  test(
    "rotates with an overlap, revokes, and tells who did it",
    Effect.gen(function* () {
      const { json, run } = yield* started()
      yield* run("create", "web")
      const rotated = yield* run("rotate", "web", "--overlap", "1h")
      assert.match(rotated.out, /^saga_[0-9A-Za-z]{43}\n$/)
      assert.match(
        rotated.err,
        /issued anew; the one before is taken until 2026-11-27 13:00 UTC\. It is shown/
      )
      assert.match((yield* run("rotate", "web", "--by", "eve")).err, /the one before isn't taken any more/)
      assert.match((yield* run("revoke", "web")).out, /^The key web is revoked/)
      yield* run("create", "app")
      assert.match((yield* json("revoke", "app")).revokedAt, /^2026-11-27T12:00:/)
      assert.deepStrictEqual(
        (yield* json("audit", "web")).map(({ action, by }: Record<string, unknown>) => [action, by]),
        [
          ["revoke", "command line, ada"],
          ["rotate", "eve"],
          ["rotate", "command line, ada"],
          ["create", "command line, ada"]
        ]
      )
      assert.match(
        (yield* run("audit", "--limit", "1")).out,
        /^6 +2026-11-27 12:00 UTC +command line, ada +revoke +key app$/m
      )
      assert.strictEqual((yield* json("list"))[1].status, "revoked")
    })
  )

  test(
    "is wrong use with what isn't there or can't be",
    Effect.gen(function* () {
      const { run } = yield* started()
      yield* run("create", "web")
      yield* run("team", "ml")
      for (const [args, message] of [
        [["revoke", "wbe"], /UsageError: Expected a key \(web\), actual "wbe"\. Did you mean web\?/],
        [["create", "b", "--team", "lm"], /Expected a team \(ml\), actual "lm"\. Did you mean ml\?/],
        [["change", "wbe", "--admin"], /Did you mean web\?/],
        [["change", "web"], /Expected a flag that says what is to be another, actual none/],
        [
          ["change", "web", "--user", "b", "--without", "user"],
          /Expected user to be set or taken away, actual both/
        ],
        [["create", "web"], /KeyChangeError: There is or was the key "web" already/],
        [["create", "file"], /Expected an id that no key of the configuration file has, actual "file"/],
        [["create", "b", "--concurrent", "0"], /concurrent: Expected calls at a time/],
        [["create", "b", "--expires", "soon"], /--expires: Expected a date such as 2026-12-31 or a duration/]
      ] as const) {
        const { code, err, out } = yield* run(...args)
        assert.deepStrictEqual([code, out], [2, ""], err)
        assert.match(err, message)
      }
    })
  )

  test(
    "says what is missing: a ledger, and that keys are taken",
    Effect.gen(function* () {
      const without = yield* started({ ledger: undefined })
      assert.match(
        (yield* without.run("list")).err,
        /UsageError: There is no ledger, in whose database keys are kept/
      )
      const untaken = yield* started({})
      assert.match(
        (yield* untaken.run("create", "web")).err,
        /Note: No gateway with this configuration takes it/
      )
      assert.match((yield* untaken.run("audit", "none")).out, /^Nothing has been changed\./)
      const empty = yield* started()
      assert.strictEqual((yield* empty.run("list")).out, "No key has been issued.\n")
      assert.strictEqual((yield* empty.run("teams")).out, "There is no team.\n")
      const served = yield* started({ ledger: undefined, issuedKeys: {} })
      const { code, err } = yield* harness.run(["serve", "--port", "0"], { env: served.env })
      assert.strictEqual(code, 2)
      assert.match(err, /issuedKeys: Expected a ledger beside it/)
    })
  )
})

describe("serve with issued keys", () => {
  it.scopedLive(
    "takes them beside those of the file, within their budgets, and accounts for their teams",
    () =>
      Effect.gen(function* () {
        const { env, path } = yield* started()
        const run = (...args: ReadonlyArray<string>) =>
          Effect.map(harness.runLive(args, { env }), ({ err, out }) => (out === "" ? err : out.trim()))
        yield* run("keys", "team", "ml", "--usd-per-day", "0.001")
        const secret = yield* run("keys", "create", "web", "--team", "ml", "--allow-model", "a")
        const { effect, printed } = harness.command(["serve", "--port", "0"], { env })
        const serving = yield* Effect.fork(effect)
        while (!printed.err.join("").includes("Listening")) yield* Effect.sleep(10)
        const [url = ""] = /http:\/\/[\d.]+:\d+/.exec(printed.err.join("")) ?? []
        const ask = (maxTokens: number, key = secret, model = "a") =>
          Effect.promise(async () => {
            const response = await fetch(`${url}/v1/chat/completions`, {
              method: "POST",
              headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
              body: JSON.stringify({
                model,
                max_tokens: maxTokens,
                messages: [{ role: "user", content: "Hi" }]
              })
            })
            const { error }: { error?: { code: string; message: string } } = await response.json()
            return [response.status, error?.code ?? ""]
          })
        assert.deepStrictEqual(yield* ask(10), [200, ""])
        assert.deepStrictEqual(yield* ask(10, secret, "b"), [403, "model_not_allowed"])
        assert.deepStrictEqual(yield* ask(1000), [429, "budget_exceeded"])
        assert.deepStrictEqual(yield* ask(10, "saga_other"), [401, "invalid_api_key"])
        yield* run("keys", "revoke", "web")
        yield* Effect.sleep(1000)
        assert.deepStrictEqual(yield* ask(10), [401, "invalid_api_key"])
        yield* Fiber.interrupt(serving)
        assert.match(yield* run("spend", "--by", "team"), /^ml +1 +1 /m)
        assert.notInclude(printed.err.join("") + path("x"), secret)
      }).pipe(Effect.provide(harness.platform))
  )
})
