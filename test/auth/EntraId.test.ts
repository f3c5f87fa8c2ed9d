import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as AccessTokens from "../../src/auth/AccessTokens.js"
import * as EntraId from "../../src/auth/EntraId.js"
import * as TokenStore from "../../src/auth/TokenStore.js"
import { fields } from "../utils/attempts.js"
import { text, world } from "../utils/entra.js"
import * as EntraServer from "../utils/EntraServer.js"
import { tokens } from "../utils/tokens.js"

/** The user's token has ended. */
const ended = tokens("old", { expiresAt: 0 })

const clientSecret = Redacted.make("client-secret")

describe("EntraId requests", () => {
  it.scoped.each([
    ["fetch", FetchHttpClient.layer],
    ["undici", NodeHttpClient.layerUndici],
    ["node", NodeHttpClient.layer]
  ] as const)("are those that Entra ID documents, over %s", ([, client]) =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world([], {}, client)
      yield* store.set("alice", ended)
      assert.strictEqual(yield* text(entraId.get("alice")), "access-0")
      const [request, ...others] = server.requests
      assert.lengthOf(others, 0)
      assert.strictEqual(`${request?.method} ${request?.path}`, "POST /contoso.com/oauth2/v2.0/token")
      assert.deepStrictEqual(request?.form, {
        client_id: "app",
        grant_type: "refresh_token",
        refresh_token: "refresh-old",
        scope: "Chat.Read offline_access"
      })
      assert.strictEqual(request?.headers["content-type"], "application/x-www-form-urlencoded;charset=UTF-8")
      assert.strictEqual(request?.headers.accept, "application/json")
      for (const name of ["authorization", "traceparent", "b3", "cookie"]) {
        assert.notProperty(request?.headers, name)
      }
    }).pipe(Effect.withSpan("test"))
  )

  it.scoped("carry a confidential client's secret in the form, to the token endpoint alone", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world(
        [EntraServer.granted("0"), EntraServer.refusal("expired_token")],
        { clientSecret, tenantId: "common", scopes: ["A"] }
      )
      yield* store.set("alice", ended)
      yield* entraId.get("alice")
      yield* Effect.flip(entraId.signIn("alice", () => Effect.void))
      assert.deepStrictEqual(
        server.requests.map(({ form, path }) => [path, form]),
        [
          [
            "/common/oauth2/v2.0/token",
            {
              client_id: "app",
              client_secret: "client-secret",
              grant_type: "refresh_token",
              refresh_token: "refresh-old",
              scope: "A"
            }
          ],
          ["/common/oauth2/v2.0/devicecode", { client_id: "app", scope: "A" }]
        ]
      )
    })
  )

  it.scoped("go to the work accounts of all tenants for Copilot's permissions by default", () =>
    Effect.gen(function* () {
      const server = yield* EntraServer.make()
      const made = EntraId.make({ clientId: "app", baseUrl: `${server.url}/base/` })
      const entraId = yield* made
      const store = yield* TokenStore.TokenStore
      yield* store.set("alice", ended)
      yield* entraId.get("alice")
      assert.strictEqual(server.requests[0]?.path, "/base/organizations/oauth2/v2.0/token")
      assert.strictEqual(
        server.requests[0]?.form["scope"],
        "Sites.Read.All Mail.Read People.Read.All OnlineMeetingTranscript.Read.All Chat.Read ChannelMessage.Read.All ExternalItem.Read.All offline_access"
      )
    }).pipe(Effect.provide([TokenStore.layerMemory, FetchHttpClient.layer]))
  )

  it.scoped("aren't taken elsewhere by a redirection", () =>
    Effect.gen(function* () {
      const elsewhere = yield* EntraServer.make()
      for (const client of [FetchHttpClient.layer, NodeHttpClient.layerUndici]) {
        const moved = { status: 307, body: "", headers: { location: `${elsewhere.url}/token?code=secret` } }
        const { entraId, store } = yield* world([moved], {}, client)
        yield* store.set("alice", ended)
        const error = yield* Effect.flip(entraId.get("alice"))
        assert.deepInclude(fields(error), { _tag: "SignInSettingError", setting: "baseUrl" })
        assert.strictEqual(
          error.message,
          `The identity provider rejects the application: it answers with a redirect to ${elsewhere.url}/token, which isn't followed: set the base URL to where it is meant to go. An administrator has to check baseUrl`
        )
      }
      assert.lengthOf(elsewhere.requests, 0)
    })
  )

  it.scoped("leave what the user set for fetch as it is", () =>
    Effect.gen(function* () {
      const { entraId, server, store } = yield* world()
      yield* store.set("alice", ended)
      yield* Effect.provideService(entraId.get("alice"), FetchHttpClient.RequestInit, {
        headers: { "x-proxy": "a" }
      })
      assert.strictEqual(server.requests[0]?.headers["x-proxy"], "a")
    })
  )
})

describe("EntraId answers", () => {
  const failed = (...replies: ReadonlyArray<EntraServer.Reply | EntraServer.Fault>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { entraId, server, store } = yield* world(replies)
        yield* store.set("alice", ended)
        const error = yield* Effect.flip(entraId.get("alice"))
        assert.lengthOf(server.requests, 1)
        return error
      })
    )

  it.effect.each(["invalid_grant", "interaction_required", "consent_required", "login_required"])(
    "with %s mean that the user has to sign in again",
    (code) =>
      Effect.gen(function* () {
        const error = yield* failed(EntraServer.refusal(code, "AADSTS70008: It has expired."))
        assert.deepInclude(fields(error), { _tag: "SignInRequiredError", userId: "alice", code })
        assert.strictEqual(
          error.message,
          '"alice" isn\'t signed in: AADSTS70008: It has expired. Sign in (arc-saga login copilot, or EntraId.signIn)'
        )
      })
  )

  it.effect.each([
    ["invalid_client", "clientSecret"],
    ["unauthorized_client", "clientId"],
    ["invalid_scope", "scopes"],
    ["invalid_resource", "scopes"],
    ["invalid_request", "tenantId"],
    ["unsupported_grant_type", "clientId, tenantId and scopes"]
  ] as const)("with %s mean that an administrator has to change %s", ([code, setting]) =>
    Effect.gen(function* () {
      // Some have a challenge in a header, too: the error is that of the body.
      const challenge = { "www-authenticate": 'Bearer error="other"' }
      for (const status of [400, 401]) {
        const error = yield* failed(EntraServer.refusal(code, "No", status, challenge))
        assert.deepStrictEqual(fields(error), {
          _tag: "SignInSettingError",
          setting,
          description: "No",
          code
        })
      }
    })
  )

  it.effect.each([
    [EntraServer.refusal("temporarily_unavailable"), { reason: "overloaded", status: 400 }],
    [EntraServer.refusal("server_error"), { reason: "server", status: 400 }],
    [
      EntraServer.refusal("invalid_request", "Slow", 429, { "retry-after": "7" }),
      { reason: "limited", status: 429, retryAfterMs: 7000, description: "Slow" }
    ],
    [
      { status: 429, body: "", headers: {} },
      { reason: "limited", status: 429 }
    ],
    [
      { status: 503, body: "<html>", headers: { "retry-after": "2" } },
      { reason: "overloaded", status: 503, retryAfterMs: 2000 }
    ],
    [EntraServer.refusal("invalid_grant", "No", 500), { reason: "server", status: 500 }],
    [
      { status: 502, body: "<html>", headers: {} },
      { reason: "server", status: 502 }
    ],
    [
      { status: 408, body: "", headers: {} },
      { reason: "server", status: 408 }
    ],
    ["reset", { reason: "network" }],
    [
      { status: 200, body: "<html>", headers: {} },
      { reason: "malformed", status: 200 }
    ],
    [EntraServer.json(200, []), { reason: "malformed", status: 200 }],
    [EntraServer.json(200, {}), { reason: "malformed", status: 200 }],
    [EntraServer.granted("a", { access_token: "" }), { reason: "malformed", status: 200 }],
    [EntraServer.granted("a", { expires_in: undefined }), { reason: "malformed" }],
    [EntraServer.granted("a", { expires_in: "soon" }), { reason: "malformed", status: 200 }],
    [
      { status: 204, body: "", headers: {} },
      { reason: "malformed", status: 204 }
    ],
    [
      { status: 400, body: "no", headers: {} },
      { reason: "malformed", status: 400 }
    ],
    [EntraServer.json(400, { error: { code: "x" } }), { reason: "malformed", status: 400 }]
  ] as const)("like %j mean that it can't be asked now", ([reply, expected]) =>
    Effect.gen(function* () {
      const error = yield* failed(reply)
      assert.deepInclude(fields(error), { _tag: "SignInUnavailableError", ...expected })
      assert.isUndefined(error.cause)
    })
  )

  it.effect("with status 404 mean that there is no Entra ID at this address", () =>
    Effect.gen(function* () {
      const error = yield* failed({ status: 404, body: "<html>", headers: {} })
      assert.deepInclude(fields(error), { _tag: "SignInSettingError", setting: "baseUrl" })
    })
  )

  it.effect("are told in one short line, without the ids that Entra ID adds", () =>
    Effect.gen(function* () {
      for (const [said, told] of [
        ["AADSTS1: No.\r\nTrace ID: 1", "AADSTS1: No"],
        ["AADSTS1: No. Trace ID: 1 Correlation ID: 2", "AADSTS1: No"],
        ["x".repeat(1000), `${"x".repeat(299)}…`],
        ["", "invalid_grant"]
      ] as const) {
        const error = yield* failed(
          EntraServer.json(400, { error: "invalid_grant", error_description: said })
        )
        assert.deepInclude(fields(error), { description: told })
      }
      const silent = yield* failed(EntraServer.json(400, { error: "invalid_grant" }))
      assert.deepInclude({ ...silent }, { description: "invalid_grant" })
    })
  )

  it.scoped("give the permissions that were granted, or else those that were asked for", () =>
    Effect.gen(function* () {
      const { entraId, store } = yield* world([
        EntraServer.granted("a"),
        EntraServer.granted("b", { scope: undefined, expires_in: "60" })
      ])
      const refreshed = Effect.gen(function* () {
        yield* store.set("alice", ended)
        yield* entraId.get("alice")
        const stored = Option.getOrThrow(yield* store.get("alice"))
        return [stored.scopes, stored.expiresAt]
      })
      assert.deepStrictEqual(yield* refreshed, [["Chat.Read", "Mail.Read"], 3_599_000])
      assert.deepStrictEqual(yield* refreshed, [["Chat.Read", "offline_access"], 60_000])
    })
  )
})

describe("EntraId", () => {
  const without = Layer.merge(TokenStore.layerMemory, FetchHttpClient.layer)

  it.scoped.each([
    [{ clientId: "" }, "EntraId.clientId: Expected the id of an application, without spaces"],
    [{ clientId: "a b" }, "EntraId.clientId: Expected the id of an application, without spaces"],
    [
      { clientSecret: Redacted.make("S3C\nRET") },
      "EntraId.clientSecret: Expected a secret of printable characters without spaces"
    ],
    [{ tenantId: "a/../b" }, 'EntraId.tenantId: Expected a tenant\'s id or domain, actual "a/../b"'],
    [{ tenantId: ".." }, 'EntraId.tenantId: Expected a tenant\'s id or domain, actual ".."'],
    [{ scopes: ["a b"] }, 'EntraId.scopes: Expected permissions, actual "a b"'],
    [{ scopes: [] }, "EntraId.scopes: Expected at least one permission, and none of openid"],
    [{ scopes: ["openid", "a"] }, "EntraId.scopes: Expected at least one permission, and none of openid"],
    [{ refreshEarlyMs: -1 }, "EntraId.refreshEarlyMs: Expected milliseconds (a number from 0), actual -1"],
    [{ refreshEarlyMs: NaN }, "EntraId.refreshEarlyMs: Expected milliseconds (a number from 0), actual NaN"],
    [{ baseUrl: "nowhere" }, 'EntraId.baseUrl: Expected an http(s) URL, actual "nowhere"'],
    [
      { baseUrl: "http://login.example.org" },
      'EntraId.baseUrl: Expected https, but for this machine; actual "http://login.example.org"'
    ],
    [
      { baseUrl: "http://127.evil.example" },
      'EntraId.baseUrl: Expected https, but for this machine; actual "http://127.evil.example"'
    ]
  ] as const)("rejects %j", ([changes, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(EntraId.make({ clientId: "app", ...changes }))
      assert.strictEqual(error.message, message)
    }).pipe(Effect.provide(without))
  )

  it.scoped("takes http for this machine, and https for any", () =>
    Effect.gen(function* () {
      for (const baseUrl of [
        "http://localhost",
        "http://[::1]:80",
        "http://127.0.0.2",
        "https://a.example"
      ]) {
        yield* EntraId.make({ clientId: "app", baseUrl })
      }
    }).pipe(Effect.provide(without))
  )

  it.effect("is both where users sign in and where engines get their tokens", () =>
    Effect.gen(function* () {
      const entraId = yield* EntraId.EntraId
      assert.strictEqual(yield* AccessTokens.AccessTokens, entraId)
    }).pipe(Effect.provide(Layer.provide(EntraId.layer({ clientId: "app" }), without)))
  )

  it.effect("comes from Config by the usual names, of which one is demanded", () =>
    Effect.gen(function* () {
      const configured = (entries: Readonly<Record<string, string>>) =>
        Effect.withConfigProvider(
          Effect.scoped(Layer.build(Layer.provide(EntraId.layerConfig(EntraId.config), without))),
          ConfigProvider.fromMap(new Map(Object.entries(entries)))
        )
      const all = { COPILOT_CLIENT_ID: "app", COPILOT_CLIENT_SECRET: "s", COPILOT_TENANT_ID: "t" }
      yield* configured(all)
      yield* configured({ COPILOT_CLIENT_ID: "app" })
      const missing = yield* Effect.flip(configured({ COPILOT_TENANT_ID: "t" }))
      assert.strictEqual(missing._tag, "ConfigError")
      const wrong = yield* Effect.flip(configured({ ...all, COPILOT_TENANT_ID: "/" }))
      assert.strictEqual(wrong._tag, "InvalidArgumentError")
      const secret = yield* Effect.flip(configured({ ...all, COPILOT_CLIENT_SECRET: "" }))
      assert.include(String(secret), "clientSecret")
    })
  )

  it.scoped("asks nobody before it is asked itself", () =>
    Effect.gen(function* () {
      const client = HttpClient.make(() => Effect.die("asked"))
      const entraId = yield* Effect.provideService(
        EntraId.make({ clientId: "app" }),
        HttpClient.HttpClient,
        client
      )
      const error = yield* Effect.flip(entraId.get("alice"))
      assert.deepInclude(fields(error), { _tag: "SignInRequiredError", userId: "alice" })
      assert.isTrue(Option.isNone(yield* entraId.status("alice")))
    }).pipe(Effect.provide(TokenStore.layerMemory))
  )
})
