import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as EntraServer from "../utils/EntraServer.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as harness from "./harness.js"

/** The servers, a directory for sign-ins, and the environment that names them. */
const world = (
  entra: ReadonlyArray<EntraServer.Reply | EntraServer.Fault> = [EntraServer.device({ interval: 1 })],
  graph: Partial<GraphServer.Script> = {}
) =>
  Effect.gen(function* () {
    const entraServer = yield* EntraServer.make(...entra)
    const graphServer = yield* GraphServer.make(graph)
    const path = yield* Effect.provide(harness.directory(), harness.platform)
    const env = {
      COPILOT_CLIENT_ID: "app-1",
      COPILOT_TENANT_ID: "contoso.com",
      COPILOT_AUTHORITY: entraServer.url,
      COPILOT_SCOPES: "Chat.Read offline_access",
      COPILOT_BASE_URL: graphServer.url,
      COPILOT_TIME_ZONE: "Europe/Berlin",
      OLLAMA_HOST: "127.0.0.1:1",
      ARC_SAGA_TOKENS: path("tokens")
    }
    const run = (args: ReadonlyArray<string>, changes: Readonly<Record<string, string>> = {}) =>
      harness.runLive(args, { env: { ...env, ...changes }, http: FetchHttpClient.layer })
    return { entra: entraServer, graph: graphServer, path, run }
  })

/** The row of Copilot in `providers --json`. */
const row = (out: string) => {
  const rows: ReadonlyArray<Readonly<Record<string, unknown>>> = JSON.parse(out)
  return rows.find(({ provider }) => provider === "copilot_chat")
}

const signedIn =
  /^default is signed in until \d{4}-\d\d-\d\d \d\d:\d\d UTC, and renewed by itself from then on\n$/

describe("Copilot on the command line", () => {
  it.scopedLive("is signed in to, listed, asked, and signed out of", () =>
    Effect.gen(function* () {
      const { entra, graph, run } = yield* world()
      const before = yield* run(["providers", "--json"])
      assert.deepInclude(row(before.out), {
        available: false,
        reason: "nobody is signed in: arc-saga login copilot",
        signIn: null
      })
      const early = yield* run(["ask", "Hi"])
      assert.strictEqual(early.code, 2)
      assert.strictEqual(
        early.err,
        "UsageError: No provider can be asked. copilot_chat: nobody is signed in: arc-saga login copilot\n"
      )

      const login = yield* run(["login", "copilot"])
      assert.strictEqual(login.code, 0)
      assert.match(login.out, signedIn)
      assert.strictEqual(
        login.err,
        "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD-EFGH.\n"
      )
      assert.deepStrictEqual(
        entra.requests.map(({ form, path }) => `${path} ${form["client_id"]} ${form["scope"] ?? ""}`),
        [
          "/contoso.com/oauth2/v2.0/devicecode app-1 Chat.Read offline_access",
          "/contoso.com/oauth2/v2.0/token app-1 "
        ]
      )

      const listed = yield* run(["providers", "--json"])
      assert.deepInclude(row(listed.out), { available: true, reason: null, model: null, price: null })
      assert.include(row(listed.out)?.["signIn"], { user: "default", renewable: true })
      const table = yield* run(["providers"])
      assert.match(table.out, /yes: default is signed in until \S+ \S+ UTC, renewed by itself/)

      const asked = yield* run(["ask", "Hi", "--provider", "copilot_chat"])
      assert.strictEqual(asked.out, "Hello\n")
      assert.match(
        asked.err,
        /^copilot_chat \(copilot\) · 1 attempt · .* · ~1 in \+ ~2 out tokens · cost unknown\n$/
      )
      assert.deepStrictEqual(
        graph.requests.map(({ headers, method, path }) => `${method} ${path} ${headers["authorization"]}`),
        [
          "POST /beta/copilot/conversations Bearer access-1",
          "POST /beta/copilot/conversations/conversation-0/chatOverStream Bearer access-1"
        ]
      )
      assert.include(graph.requests[1]?.body, '"timeZone":"Europe/Berlin"')

      const logout = yield* run(["logout", "copilot"])
      assert.deepStrictEqual(logout, { code: 0, out: "default is signed out\n", err: "" })
      assert.deepInclude(row((yield* run(["providers", "--json"])).out), { available: false })
      // Who isn't signed in can be signed out as well.
      assert.strictEqual((yield* run(["logout", "copilot"])).code, 0)
    })
  )

  it.scopedLive("keeps the users' sign-ins apart", () =>
    Effect.gen(function* () {
      const { run } = yield* world()
      const login = yield* run(["login", "copilot", "--user", "ada"])
      assert.match(login.out, /^ada is signed in until/)
      assert.deepInclude(row((yield* run(["providers", "--json"])).out), { available: false })
      const hers = yield* run(["providers", "--json"], { COPILOT_USER: "ada" })
      assert.include(row(hers.out)?.["signIn"], { user: "ada" })
    })
  )

  it.scopedLive("answers a file of tasks", () =>
    Effect.gen(function* () {
      const { path, run } = yield* world()
      yield* run(["login", "copilot"])
      yield* harness.writeFile(path("tasks.jsonl"), '{"prompt": "One"}\n{"prompt": "Two"}\n')
      const out = path("results.jsonl")
      const { code, err } = yield* run([
        "run",
        path("tasks.jsonl"),
        "--out",
        out,
        "--provider",
        "copilot_chat"
      ])
      assert.strictEqual(code, 0, err)
      const lines = (yield* harness.readFile(out)).trim().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => JSON.parse(line).result.text),
        ["Hello", "Hello"]
      )
    }).pipe(Effect.provide(harness.platform))
  )

  it.scopedLive("tells that a sign-in was declined", () =>
    Effect.gen(function* () {
      const { run } = yield* world([
        EntraServer.device({ interval: 1 }),
        EntraServer.refusal("authorization_declined")
      ])
      const { code, err, out } = yield* run(["login", "copilot"])
      assert.strictEqual(code, 1)
      assert.strictEqual(out, "")
      assert.match(
        err,
        /\nSignInRequiredError: "default" isn't signed in: .*Sign in \(arc-saga login copilot.*\n$/
      )
    })
  )

  it.scopedLive("tells which setting an administrator has to change", () =>
    Effect.gen(function* () {
      const { run } = yield* world([EntraServer.refusal("unauthorized_client")])
      const { code, err } = yield* run(["login", "copilot"])
      assert.strictEqual(code, 2)
      assert.match(err, /^SignInSettingError: .* An administrator has to check clientId/)
    })
  )

  it.scopedLive("tells that Entra ID can't be reached", () =>
    Effect.gen(function* () {
      const { run } = yield* world()
      const { code, err } = yield* run(["login", "copilot"], { COPILOT_AUTHORITY: "http://127.0.0.1:1" })
      assert.strictEqual(code, 1)
      assert.match(err, /^SignInUnavailableError: .*\(network\)/)
    })
  )

  it.scopedLive("needs an application to sign in to, and a place for what it keeps", () =>
    Effect.gen(function* () {
      const { run } = yield* world()
      const none = yield* run(["login", "copilot"], { COPILOT_CLIENT_ID: "" })
      assert.strictEqual(none.code, 2)
      assert.strictEqual(
        none.err,
        "UsageError: There is no application to sign in to. Set COPILOT_CLIENT_ID to the id of yours (and COPILOT_TENANT_ID)\n"
      )
      const nowhere = yield* run(["login", "copilot"], { ARC_SAGA_TOKENS: "" })
      assert.strictEqual(nowhere.code, 2)
      assert.include(nowhere.err, "ARC_SAGA_TOKENS")
      const elsewhere = yield* run(["login", "nowhere"])
      assert.strictEqual(elsewhere.code, 2)
      assert.include(elsewhere.err, "copilot")
    })
  )

  it.scopedLive(
    "keeps sign-ins below the directory for configuration, encrypted with a key of one's own",
    () =>
      Effect.gen(function* () {
        const { path, run } = yield* world()
        const key = Buffer.alloc(32, 7).toString("base64")
        const home = { ARC_SAGA_TOKENS: "", HOME: path("home"), ARC_SAGA_TOKEN_KEY: key }
        assert.strictEqual((yield* run(["login", "copilot"], home)).code, 0)
        const xdg = { ...home, HOME: "", XDG_CONFIG_HOME: path("home/.config") }
        assert.deepInclude(row((yield* run(["providers", "--json"], xdg)).out), { available: true })
        const other = { ...home, ARC_SAGA_TOKEN_KEY: Buffer.alloc(32, 8).toString("base64") }
        const { reason } = row((yield* run(["providers", "--json"], other)).out) ?? {}
        assert.match(
          String(reason),
          /^environment: ARC_SAGA_TOKENS: The stored sign-in of "default" can't be used \(rejected\)/
        )
        const asked = yield* run(["ask", "Hi"], other)
        assert.strictEqual(asked.code, 2)
        assert.include(asked.err, "arc-saga logout copilot")
        assert.strictEqual((yield* run(["logout", "copilot"], other)).code, 0)
        assert.deepInclude(row((yield* run(["providers", "--json"], other)).out), {
          reason: "nobody is signed in: arc-saga login copilot"
        })
      })
  )

  it.scopedLive("blames the variable that can't be used", () =>
    Effect.gen(function* () {
      const { run } = yield* world()
      yield* run(["login", "copilot"])
      const reasonOf = (env: Readonly<Record<string, string>>) =>
        Effect.map(run(["providers", "--json"], env), ({ out }) => String(row(out)?.["reason"]))
      assert.match(yield* reasonOf({ COPILOT_TIME_ZONE: "Mars" }), /COPILOT_TIME_ZONE: .*"Mars"/)
      assert.match(yield* reasonOf({ COPILOT_BASE_URL: "graph" }), /COPILOT_BASE_URL: .*"graph"/)
      assert.match(yield* reasonOf({ COPILOT_PATH_PREFIX: "v 1" }), /COPILOT_PATH_PREFIX: .*"v 1"/)
      assert.match(yield* reasonOf({ COPILOT_AUTHORITY: "entra" }), /COPILOT_AUTHORITY: .*"entra"/)
      assert.match(yield* reasonOf({ COPILOT_TENANT_ID: "a/b" }), /COPILOT_TENANT_ID: .*"a\/b"/)
      const model = yield* run(["ask", "Hi", "--provider", "copilot_chat", "--model", "gpt-5"])
      assert.strictEqual(model.code, 2)
      assert.strictEqual(model.err, "UsageError: --model: copilot_chat has no models to choose from\n")
    })
  )
})
