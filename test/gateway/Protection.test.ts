import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { ApiKeys, type Gateway } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { basic, called, post, request, type Setup, start } from "./harness.js"

const { Claude } = AIProvider
const { answer, never } = Behaviour

const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }
const engines: Setup["engines"] = [{ provider: Claude, script: [answer({ text: "Hi" })] }]

const sha256 = (key: string): string => createHash("sha256").update(key).digest("hex")

const keyed = (key: Partial<ApiKeys.ApiKey> = {}): Gateway.Options => ({
  keys: [
    { id: "other", sha256: sha256("test-key-other") },
    { id: "web", sha256: sha256("test-key-web").toUpperCase(), ...key }
  ]
})

const web = { authorization: "Bearer test-key-web" }

const ask = (url: string, headers: Readonly<Record<string, string>> = {}, more: object = {}) =>
  Effect.map(
    post(`${url}/v1/chat/completions`, { ...chat, ...more }, headers),
    ({ headers, status, text }) => ({
      status,
      headers,
      code: status === 200 ? "" : String(JSON.parse(text).error.code)
    })
  )

describe("keys", () => {
  it.scopedLive("open the gateway by whatever header the vendors' clients send them in", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({ engines, gateway: keyed() })
      const accepted = [web, { authorization: "bearer test-key-web" }, { "x-api-key": "test-key-web" }]
      for (const headers of accepted) assert.strictEqual((yield* ask(url, headers)).status, 200)
      const calls = yield* scripted[0]?.calls ?? Effect.succeed([])
      assert.isTrue(calls.every(({ request }) => request.task.keyId === "web"))
      const rejected = [
        {},
        { authorization: "Bearer test-key-wrong" },
        { authorization: "Bearer" },
        { authorization: "test-key-web" },
        { authorization: "Basic ?" },
        { "x-api-key": "test-key-we" },
        { "x-api-key": sha256("test-key-web") }
      ]
      for (const headers of rejected) {
        const refused = yield* ask(url, headers)
        assert.strictEqual(refused.status, 401, JSON.stringify(headers))
        assert.strictEqual(refused.code, "invalid_api_key")
      }
      assert.strictEqual((yield* scripted[0]?.calls ?? Effect.succeed([])).length, accepted.length)
      assert.strictEqual((yield* request(`${url}/v1/models`)).status, 401)
      assert.strictEqual((yield* request(`${url}/v1/models`, { headers: web })).status, 200)
      assert.strictEqual((yield* request(`${url}/healthz`)).status, 200)
    })
  )

  it.scopedLive("aren't told from each other by what is answered, and never repeated", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: keyed() })
      const reply = yield* post(`${url}/v1/messages`, chat, { "x-api-key": "test-key-wrong" })
      assert.strictEqual(reply.status, 401)
      assert.strictEqual(JSON.parse(reply.text).error.type, "authentication_error")
      assert.notInclude(reply.text, "test-key")
    })
  )

  it.scopedLive("may be bound to a user, on whose behalf alone they call", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({ engines, gateway: keyed({ user: "ann" }) })
      assert.strictEqual((yield* ask(url, web)).status, 200)
      assert.strictEqual((yield* ask(url, { ...web, "x-saga-user": "ann" })).status, 200)
      const foreign = yield* ask(url, { ...web, "x-saga-user": "bob" })
      assert.strictEqual(foreign.status, 403)
      assert.strictEqual((yield* ask(url, web, { user: "bob" })).status, 403)
      const calls = yield* scripted[0]?.calls ?? Effect.succeed([])
      assert.deepStrictEqual(
        calls.map(({ request }) => request.task.userId),
        ["ann", "ann"]
      )
      assert.strictEqual(
        (yield* ask(url, { ...web, authorization: "Bearer test-key-other" }, { user: "bob" })).status,
        200
      )
    })
  )

  it.scopedLive("may be limited to calls in a minute, each for itself", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: keyed({ requestsPerMinute: 2 }) })
      assert.strictEqual((yield* ask(url, web)).status, 200)
      assert.strictEqual((yield* ask(url, web, { model: "nope" })).status, 404)
      const limited = yield* ask(url, web)
      assert.strictEqual(limited.status, 429)
      assert.strictEqual(limited.code, "key_limit_exceeded")
      const wait = Number(limited.headers.get("retry-after"))
      assert.isTrue(wait > 0 && wait <= 60, String(wait))
      assert.strictEqual((yield* ask(url, { "x-api-key": "test-key-other" })).status, 200)
    })
  )

  it.scopedLive("may be limited to calls at a time", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({
        engines: [{ provider: Claude, script: [never(), answer({ text: "Hi" })] }],
        gateway: keyed({ concurrent: 1 })
      })
      const [engine] = scripted
      if (engine === undefined) return assert.fail()
      const abort = new AbortController()
      const waiting = yield* Effect.fork(
        Effect.promise(() =>
          fetch(`${url}/v1/chat/completions`, {
            method: "POST",
            headers: { ...web, "content-type": "application/json" },
            body: JSON.stringify(chat),
            signal: abort.signal
          }).catch(() => undefined)
        )
      )
      yield* called(engine)
      const limited = yield* ask(url, web)
      assert.strictEqual(limited.status, 429)
      assert.strictEqual(limited.headers.get("x-should-retry"), "false")
      assert.strictEqual((yield* ask(url, { "x-api-key": "test-key-other" })).status, 200)
      abort.abort()
      yield* Fiber.join(waiting)
      while ((yield* ask(url, web)).status === 429) yield* Effect.yieldNow()
    })
  )

  it.effect("that can't be used are refused at the start", () =>
    Effect.gen(function* () {
      const key = { id: "a", sha256: sha256("a") }
      const wrong: ReadonlyArray<readonly [string, ReadonlyArray<ApiKeys.ApiKey>]> = [
        ["keys[0].sha256", [{ id: "a", sha256: "test-key-plain" }]],
        ["keys[1].id", [key, { id: "a", sha256: sha256("b") }]],
        ["keys[1].sha256", [key, { id: "b", sha256: key.sha256.toUpperCase() }]],
        ["keys[0].concurrent", [{ ...key, concurrent: 0 }]]
      ]
      for (const [field, keys] of wrong) {
        const error = yield* Effect.flip(ApiKeys.make(keys))
        assert.strictEqual(error.field, field)
        assert.notInclude(error.message, "test-key")
      }
    })
  )

  it.scopedLive("may come from a service of one's own", () =>
    Effect.gen(function* () {
      const { keys = [] } = keyed()
      const listed = yield* start({ engines, keys: Layer.orDie(ApiKeys.layer(keys)) })
      assert.strictEqual((yield* ask(listed.url)).status, 401)
      assert.strictEqual((yield* ask(listed.url, web)).status, 200)
      const own = Layer.succeed(ApiKeys.ApiKeys, {
        protect: true,
        find: (presented) =>
          Effect.succeed(
            Redacted.value(presented) === "test-key-db"
              ? Option.some({ id: "db", sha256: sha256("test-key-db") })
              : Option.none()
          )
      })
      const { engines: scripted, url } = yield* start({ engines, keys: own })
      assert.strictEqual((yield* ask(url)).status, 401)
      assert.strictEqual((yield* ask(url, { "x-api-key": "test-key-db" })).status, 200)
      const [call] = yield* scripted[0]?.calls ?? Effect.succeed([])
      assert.strictEqual(call?.request.task.keyId, "db")
    })
  )
})

describe("a gateway without keys", () => {
  it.scopedLive("doesn't start where other machines reach it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(start({ engines, host: "0.0.0.0" }))
      assert.strictEqual(error._tag, "UnprotectedGatewayError")
      assert.include(error.message, "0.0.0.0")
      assert.include(error.message, "127.0.0.1")
      const { url } = yield* start({ engines, host: "0.0.0.0", gateway: keyed() })
      assert.strictEqual((yield* ask(url, web)).status, 200)
    })
  )

  it.scopedLive("answers no web page of another site, and no other name for this machine", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const { host } = new URL(url)
      assert.strictEqual((yield* ask(url, { origin: `http://${host}` })).status, 200)
      for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
        const refused = yield* ask(url, { origin })
        assert.strictEqual(refused.status, 403, origin)
        assert.strictEqual(refused.code, "forbidden")
      }
      const { url: open } = yield* start({ engines, gateway: keyed() })
      assert.strictEqual((yield* ask(open, { ...web, origin: "https://app.example" })).status, 200)
    })
  )
})

describe("the password that a browser keeps", () => {
  const page = keyed({ observe: true })
  const kept = basic("test-key-web")

  it.scopedLive("opens the page and its data, and pays for no call", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({ engines, gateway: page })
      for (const path of ["/", "/page.js", "/status.json", "/metrics"]) {
        assert.strictEqual((yield* request(`${url}${path}`, { headers: kept })).status, 200, path)
        assert.strictEqual((yield* request(`${url}${path}`, { headers: web })).status, 200, path)
      }
      for (const path of ["/v1/chat/completions", "/v1/messages"]) {
        const refused = yield* post(`${url}${path}`, { ...chat, max_tokens: 9 }, kept)
        assert.strictEqual(refused.status, 401, path)
        // Asked for a password here, a browser would ask its user for one.
        assert.match(refused.headers.get("www-authenticate") ?? "", /^Bearer /)
      }
      assert.strictEqual((yield* request(`${url}/v1/models`, { headers: kept })).status, 401)
      assert.deepStrictEqual(yield* scripted[0]?.calls ?? Effect.succeed([]), [])
      const asked = yield* request(`${url}/`)
      assert.match(asked.headers.get("www-authenticate") ?? "", /^Basic /)
    })
  )

  it.scopedLive("opens them to no page of another site, behind a proxy that speaks TLS neither", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: page })
      const { host } = new URL(url)
      const from = (origin: string, headers: Readonly<Record<string, string>>) =>
        Effect.map(request(`${url}/status.json`, { headers: { ...headers, origin } }), ({ status }) => status)
      for (const origin of [`http://${host}`, `https://${host}`]) {
        assert.strictEqual(yield* from(origin, kept), 200, origin)
      }
      for (const origin of ["https://evil.example", "null", `http://${host}.evil.example`]) {
        assert.strictEqual(yield* from(origin, kept), 403, origin)
        assert.strictEqual(yield* from(origin, web), 200, origin)
      }
    })
  )
})

describe("a body", () => {
  it.scopedLive("is JSON by its content type, with keys and without", () =>
    Effect.gen(function* () {
      for (const gateway of [{}, keyed()]) {
        const { engines: scripted, url } = yield* start({ engines, gateway })
        const typed = (type: string) => ask(url, { ...web, "content-type": type })
        const accepted = ["application/json", "application/json; charset=utf-8", "Application/vnd.x.v1+JSON"]
        for (const type of accepted) assert.strictEqual((yield* typed(type)).status, 200, type)
        const forms = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"]
        for (const type of [...forms, "", "text/json", "application/jsonp", "text/plain; application/json"]) {
          const refused = yield* typed(type)
          assert.strictEqual(refused.status, 415, type)
          assert.strictEqual(refused.code, "unsupported_media_type")
        }
        const reply = yield* post(`${url}/v1/messages`, chat, { ...web, "content-type": "text/plain" })
        assert.strictEqual(JSON.parse(reply.text).type, "error")
        assert.strictEqual((yield* scripted[0]?.calls ?? Effect.succeed([])).length, accepted.length)
      }
    })
  )
})

describe("a body's charset", () => {
  it.scopedLive("is UTF-8, or ASCII, which is part of it", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const typed = (type: string) => ask(url, { "content-type": type })
      for (const charset of ["utf-8", "UTF8", '"utf-8"', "us-ascii"]) {
        assert.strictEqual((yield* typed(`application/json; charset=${charset}`)).status, 200, charset)
      }
      assert.strictEqual((yield* typed("application/json;profile=a; CharSet = utf-8")).status, 200)
      for (const charset of ["utf-16", "UTF-16LE", "iso-8859-1", '"utf-32"', '""']) {
        const { code, status } = yield* typed(`application/json; charset=${charset}`)
        assert.deepStrictEqual({ code, status }, { code: "unsupported_media_type", status: 415 }, charset)
      }
      const reply = yield* post(`${url}/v1/messages`, chat, {
        "content-type": "application/json;charset=utf-16"
      })
      assert.strictEqual(reply.status, 415)
      assert.strictEqual(
        JSON.parse(reply.text).error.message,
        'The body\'s charset is "utf-16". Send it as UTF-8'
      )
    })
  )
})
