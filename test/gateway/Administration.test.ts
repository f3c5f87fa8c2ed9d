/** Keys that an admin key issues, changes and revokes over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { ApiKeys, KeyStore } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import { execFile } from "node:child_process"
import * as docs from "../utils/docs.js"
import { logs } from "../utils/logs.js"
import { basic, eventually, post, request, type Setup, start } from "./harness.js"

/** A gateway with keys of a store, of which `ops` and `boss` are admins', and one of its settings. */
const started = (around: Layer.Layer<never> = Logger.remove(Logger.defaultLogger)) =>
  Effect.gen(function* () {
    const memory = yield* KeyStore.makeMemory
    const state = { away: false }
    const unless = <A, E>(effect: Effect.Effect<A, E>, operation: "read" | "written") =>
      Effect.suspend((): Effect.Effect<A, E | KeyStore.KeyStoreError> =>
        state.away
          ? new KeyStore.KeyStoreError({ operation, reason: "connect postgres://me@db:5432" })
          : effect
      )
    const store: KeyStore.Service = {
      ...memory,
      keys: unless(memory.keys, "read"),
      create: (...args) => unless(memory.create(...args), "written")
    }
    const secrets: Record<string, string> = {}
    for (const [id, settings] of [
      ["ops", { admin: true }],
      ["boss", { admin: true }],
      ["web", { observe: true }]
    ] as const) {
      secrets[id] = Redacted.value((yield* memory.create(id, settings, "test")).secret)
    }
    const context = yield* Layer.build(
      Layer.provide(ApiKeys.layerStore({ refreshMs: 1 }), Layer.succeed(KeyStore.KeyStore, store))
    )
    const configured = "test-key-configured"
    const { url } = yield* start({
      engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
      gateway: {
        keys: [{ id: "file", sha256: yield* ApiKeys.hash(Redacted.make(configured)), admin: true }]
      },
      keys: Layer.succeed(ApiKeys.ApiKeys, Context.get(context, ApiKeys.ApiKeys)),
      level: LogLevel.Info,
      around: Layer.merge(Layer.succeed(KeyStore.KeyStore, store), around)
    })
    const send = (method: string, path: string, body?: unknown, key = secrets["ops"] ?? "") =>
      Effect.map(
        request(`${url}${path}`, {
          method,
          headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
        }),
        ({ headers, status, text }) => {
          assert.strictEqual(headers.get("cache-control"), "no-store", `${method} ${path}`)
          return { status, headers, text, json: text === "" ? undefined : JSON.parse(text) }
        }
      )
    const ask = (key: string) =>
      Effect.map(
        post(
          `${url}/v1/chat/completions`,
          { model: "claude", messages: [{ role: "user", content: "Hello" }] },
          { authorization: `Bearer ${key}` }
        ),
        ({ status }) => status
      )
    /** A key that was revoked or rotated out, or one that was issued, is known a moment later. */
    const answers = (key: string, status: number) =>
      eventually(Effect.map(ask(key), (answered) => answered === status))
    return { answers, ask, configured, secrets, send, state, store: memory, url }
  })

/** What is refused: by which status and code, and for which field. */
const refused: ReadonlyArray<
  readonly [method: string, path: string, body: unknown, status: number, code: string, param?: string]
> = [
  ["GET", "/v1/keys/wob", undefined, 404, "key_unknown", "id"],
  ["GET", "/v1/keys/%zz", undefined, 404, "key_unknown", "id"],
  ["PATCH", "/v1/keys/wob", {}, 404, "key_unknown", "id"],
  ["DELETE", "/v1/keys/wob", undefined, 404, "key_unknown", "id"],
  ["POST", "/v1/keys/wob/rotate", {}, 404, "key_unknown", "id"],
  ["GET", "/v1/teams/mk", undefined, 404, "team_unknown", "id"],
  ["POST", "/v1/keys", { id: "web" }, 409, "key_taken", "id"],
  ["POST", "/v1/keys", { id: "file" }, 409, "key_taken", "id"],
  ["DELETE", "/v1/keys/gone", undefined, 409, "key_revoked", "id"],
  ["POST", "/v1/keys/late/rotate", undefined, 409, "key_expired", "id"],
  ["POST", "/v1/keys", { id: "new", team: "mk" }, 400, "team_unknown", "team"],
  ["PATCH", "/v1/keys/web", { team: "mk" }, 400, "team_unknown", "team"],
  ["POST", "/v1/keys", "{", 400, "invalid_body"],
  ["POST", "/v1/keys", [], 400, "invalid_value", ""],
  ["POST", "/v1/keys", {}, 400, "invalid_value", "id"],
  ["PATCH", "/v1/keys/web", "7", 400, "invalid_value", ""],
  ["PATCH", "/v1/keys/web", { id: "other" }, 400, "invalid_value", "id"],
  ["PATCH", "/v1/keys/web", { nothing: null }, 400, "invalid_value", "nothing"],
  ["PATCH", "/v1/keys/web", { concurrent: 0 }, 400, "invalid_value", "concurrent"],
  ["POST", "/v1/keys/web/rotate", { overlapMs: -1 }, 400, "invalid_value", "overlapMs"],
  ["POST", "/v1/keys/web/rotate", { overlap: "1h" }, 400, "invalid_value", "overlap"],
  ["PUT", "/v1/teams/ml", { budgets: [], id: "x" }, 400, "invalid_value", "id"],
  ["PUT", "/v1/teams/%00", { budgets: [] }, 400, "invalid_value", "id"],
  ["PUT", "/v1/teams/ml", { budgets: [{ period: "day" }] }, 400, "invalid_value", "budgets[0].usd"],
  ["GET", "/v1/audit?limit=0", undefined, 400, "invalid_value", "limit"],
  ["GET", "/v1/audit?before=then", undefined, 400, "invalid_value", "before"],
  ["GET", "/v1/audit?since=1", undefined, 400, "invalid_value", "since"],
  ["DELETE", "/v1/keys/ops", undefined, 409, "own_key"],
  ["PATCH", "/v1/keys/ops", { admin: false }, 409, "own_key"],
  ["PATCH", "/v1/keys/ops", { admin: null }, 409, "own_key"],
  ["PATCH", "/v1/keys/ops", { expiresAt: "2020-01-01" }, 409, "own_key"],
  ["PUT", "/v1/keys/web", {}, 405, "method_not_allowed"],
  ["DELETE", "/v1/teams/ml", undefined, 405, "method_not_allowed"],
  ["POST", "/v1/audit", {}, 405, "method_not_allowed"]
]

describe("an admin key", () => {
  it.scopedLive("issues a key that is shown once, changes what it allows, and revokes it", () =>
    Effect.gen(function* () {
      const { answers, ask, send } = yield* started()
      const created = yield* send("POST", "/v1/keys", { id: "a/b ü", models: ["claude"], concurrent: 2 })
      assert.strictEqual(created.status, 201, created.text)
      const { key, secret } = created.json
      assert.match(secret, /^saga_[0-9A-Za-z]{43}$/)
      assert.deepInclude(key, { id: "a/b ü", models: ["claude"], concurrent: 2, status: "active" })
      const path = created.headers.get("location") ?? ""
      assert.strictEqual(path, "/v1/keys/a%2Fb%20%C3%BC")
      assert.strictEqual(yield* ask(secret), 200)

      const changes = { models: null, concurrent: 3, expiresAt: "2999-01-01T00:00:00.000Z" }
      const changed = yield* send("PATCH", path, changes)
      assert.strictEqual(changed.status, 200, changed.text)
      assert.deepInclude(changed.json, { concurrent: 3, expiresAt: changes.expiresAt, status: "active" })
      assert.notProperty(changed.json, "models")
      assert.deepStrictEqual((yield* send("GET", path)).json, changed.json)

      const rotated = yield* send("POST", `${path}/rotate`, { overlapMs: 3_600_000 })
      assert.strictEqual(rotated.status, 200, rotated.text)
      assert.lengthOf(rotated.json.key.secrets, 2)
      yield* answers(rotated.json.secret, 200)
      assert.strictEqual(yield* ask(secret), 200)
      const last = yield* send("POST", `${path}/rotate`)
      yield* answers(secret, 401)
      assert.strictEqual(yield* ask(last.json.secret), 200)

      assert.strictEqual((yield* send("DELETE", path)).json.status, "revoked")
      yield* answers(last.json.secret, 401)
      const { json, text } = yield* send("GET", "/v1/keys")
      assert.deepStrictEqual(
        json.data.map(({ id, status }: Record<string, unknown>) => [id, status]),
        [
          ["a/b ü", "revoked"],
          ["boss", "active"],
          ["ops", "active"],
          ["web", "active"]
        ]
      )
      const audit = yield* send("GET", "/v1/audit?id=a/b%20%C3%BC&limit=10")
      assert.deepStrictEqual(
        audit.json.data.map(({ action, by }: Record<string, unknown>) => [action, by]),
        ["revoke", "rotate", "rotate", "change", "create"].map((action) => [action, "key ops"])
      )
      for (const each of [secret, rotated.json.secret, last.json.secret]) {
        assert.notInclude(text + audit.text + changed.text, each)
      }
      assert.strictEqual((yield* send("HEAD", "/v1/keys")).text, "")
    })
  )

  it.scopedLive("makes teams, and reads what was changed page by page", () =>
    Effect.gen(function* () {
      const { configured, send } = yield* started()
      const budgets = [{ period: "month", usd: 5 }]
      const made = yield* send("PUT", "/v1/teams/ml", { budgets }, configured)
      assert.deepInclude(made.json, { id: "ml", budgets })
      assert.strictEqual((yield* send("POST", "/v1/keys", { id: "app", team: "ml" })).status, 201)
      assert.deepInclude((yield* send("PUT", "/v1/teams/ml", { budgets: [] })).json, { budgets: [] })
      assert.deepInclude((yield* send("GET", "/v1/teams/ml")).json, { id: "ml", budgets: [] })
      assert.lengthOf((yield* send("GET", "/v1/teams")).json.data, 1)
      const first = (yield* send("GET", "/v1/audit?limit=2")).json.data
      const rest = (yield* send("GET", `/v1/audit?before=${first[1].version}`)).json.data
      assert.deepStrictEqual(
        [...first, ...rest].map(({ by, id }: Record<string, unknown>) => [id, by]).slice(0, 4),
        [
          ["ml", "key ops"],
          ["app", "key ops"],
          ["ml", "key file"],
          ["web", "test"]
        ]
      )
    })
  )

  it.scopedLive("is told what can't be, by status, code and field, and nothing is changed", () =>
    Effect.gen(function* () {
      const { send, store } = yield* started()
      yield* store.create("gone", {}, "test")
      yield* store.revoke("gone", "test")
      yield* store.create("late", { expiresAt: 1 }, "test")
      const before = yield* store.audit()
      for (const [method, path, body, status, code, param] of refused) {
        const answer = yield* send(method, path, body)
        const { error } = answer.json
        const told = [answer.status, error.code, error.param ?? undefined]
        assert.deepStrictEqual(told, [status, code, param], `${method} ${path} ${answer.text}`)
      }
      assert.deepStrictEqual(yield* store.audit(), before)
      assert.strictEqual((yield* send("PUT", "/v1/keys", {})).headers.get("allow"), "GET, HEAD, POST")
    })
  )

  it.scopedLive("is told all that is wrong at once", () =>
    Effect.gen(function* () {
      const { send } = yield* started()
      const body = {
        id: "",
        concurrent: 0,
        admin: "yes",
        limits: 5,
        budgets: [{ period: "day", usd: 1 }, { period: "year" }]
      }
      for (const [method, path, given] of [
        ["POST", "/v1/keys", body],
        ["PATCH", "/v1/keys/web", body]
      ] as const) {
        const { error } = (yield* send(method, path, given)).json
        for (const field of ["id", "concurrent", "admin", "limits", "budgets[1].period"]) {
          assert.include(`; ${error.message}`, `; ${field}: `)
        }
      }
    })
  )

  it.scopedLive("alone may, with a key of its own, and not once it is revoked", () =>
    Effect.gen(function* () {
      const { secrets, send, url } = yield* started()
      for (const path of ["/v1/keys", "/v1/keys/web", "/v1/teams", "/v1/audit"]) {
        const blind = yield* send("GET", path, undefined, secrets["web"])
        assert.deepStrictEqual([blind.status, blind.json.error.code], [403, "forbidden"])
        assert.strictEqual((yield* send("GET", path, undefined, "saga_none")).status, 401)
        assert.strictEqual((yield* request(`${url}${path}`)).status, 401)
        // A browser adds a password by itself, whatever page asks.
        const password = yield* request(`${url}${path}`, { headers: basic(secrets["ops"] ?? "") })
        assert.strictEqual(password.status, 401)
      }
      assert.strictEqual((yield* send("DELETE", "/v1/keys/ops", undefined, secrets["boss"])).status, 200)
      yield* eventually(Effect.map(send("GET", "/v1/keys"), ({ status }) => status === 401))
      assert.strictEqual((yield* send("POST", "/v1/keys", { id: "late" })).status, 401)
    })
  )

  it.scopedLive(
    "is told that the keys can't be written, without what the database says, which is logged",
    () =>
      Effect.gen(function* () {
        const { layer, logged } = logs()
        const { send, state } = yield* started(layer)
        state.away = true
        const written = yield* send("POST", "/v1/keys", { id: "new" })
        assert.deepStrictEqual([written.status, written.json.error.code], [503, "keys_unavailable"])
        assert.match(written.json.error.message, /whether the change was made isn't known/)
        const read = yield* send("GET", "/v1/keys")
        assert.strictEqual(read.status, 503)
        assert.notInclude(written.text + read.text, "postgres")
        const failed = logged.filter(({ event }) => event === "keys_request_failed")
        assert.deepStrictEqual(
          failed.map(({ fields, level }) => [level, fields["operation"]]),
          [
            ["WARN", "written"],
            ["WARN", "read"]
          ]
        )
      })
  )
})

describe("a gateway that issues no keys", () => {
  const engines: Setup["engines"] = [
    { provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }
  ]

  it.scopedLive("says so to an admin key, and to programs of its machine", () =>
    Effect.gen(function* () {
      const sha256 = yield* ApiKeys.hash(Redacted.make("test-key-ops"))
      const { url } = yield* start({ engines, gateway: { keys: [{ id: "ops", sha256, admin: true }] } })
      const open = yield* start({ engines })
      for (const [at, headers] of [
        [url, { authorization: "Bearer test-key-ops" }],
        [open.url, {}]
      ] as const) {
        const { status, text } = yield* request(`${at}/v1/keys`, { headers })
        assert.deepStrictEqual([status, JSON.parse(text).error.code], [404, "keys_not_issued"])
      }
    })
  )

  it.scopedLive("to whoever is on its machine, where it has no keys yet", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, around: KeyStore.layerMemory })
      assert.strictEqual((yield* request(`${url}/v1/keys`)).status, 403)
    })
  )
})

describe("the documentation of keys", () => {
  it.scopedLive("shows lines of curl that do what they say", () =>
    Effect.gen(function* () {
      const { secrets, url } = yield* started()
      const lines = docs.blocks
        .filter(({ code, document }) => document === "docs/gateway.md" && code.includes("/v1/keys"))
        .flatMap(({ code }) => code.trimEnd().split("\n"))
      assert.isAtLeast(lines.length, 6)
      for (const line of lines) {
        const told = yield* Effect.async<string>((resume) => {
          const args = ["-c", `${line.replaceAll("http://127.0.0.1:4000", url)} -s -w ' %{http_code}'`]
          const env = { PATH: process.env["PATH"], ADMIN_KEY: secrets["ops"] }
          execFile("sh", args, { env }, (_, stdout) => resume(Effect.succeed(stdout)))
        })
        assert.match(told, / 20[01]$/, line)
      }
    })
  )
})
