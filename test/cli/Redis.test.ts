import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { createServer } from "node:http"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import { eventually, post, request } from "../gateway/harness.js"
import { nowhere, prefix, urls } from "../utils/redis.js"
import { command, directory, instant, platform, runLive, type World } from "./harness.js"

const chat = { model: "a", messages: [{ role: "user", content: "Hello" }] }
const sha256 = createHash("sha256").update("test-key-web").digest("hex")
const web = { authorization: "Bearer test-key-web" }

const said = (redis: object): string => {
  const parsed = ConfigFile.parse("c.json", JSON.stringify({ redis }))
  return parsed._tag === "Left" ? parsed.left.message : "fine"
}

/** Serves until the scope closes. */
const served = (config: string, world: World = {}) =>
  Effect.gen(function* () {
    const file = yield* directory({ "c.json": config })
    const { effect, printed } = command(["serve", "--port", "0", "--config", file("c.json")], world)
    yield* Effect.forkScoped(effect)
    const told = () => printed.err.join("")
    yield* eventually(Effect.sync(() => told().includes("Listening at ")))
    return { url: /Listening at (http:\/\/\S+:\d+)\./.exec(told())?.[1] ?? "", told }
  })

describe("redis in the configuration file", () => {
  it("is an address or the variable that holds it, and what can be set", () => {
    for (const [redis, message] of [
      [{ url: "redis://localhost:6379", share: 0.25, prefix: "team:", timeoutMs: 200 }, "fine"],
      [{ url: "rediss://user:secret@localhost" }, "fine"],
      [{ urlEnv: "REDIS_URL" }, "fine"],
      [{}, "c.json: redis.url: Expected either url or urlEnv, actual none"],
      [{ url: nowhere, urlEnv: "A" }, "c.json: redis.url: Expected either url or urlEnv, actual both"],
      [{ url: "http://user:secret@localhost" }, "c.json: redis.url: Expected a redis or rediss URL"],
      [{ urlEnv: "A-B" }, 'c.json: redis.urlEnv: Expected the name of an environment variable, actual "A-B"'],
      [
        { url: nowhere, share: 0 },
        "c.json: redis.share: Expected a share (a number above 0, at most 1), actual 0"
      ],
      [
        { url: nowhere, timeoutMs: 0 },
        "c.json: redis.timeoutMs: Expected milliseconds (a number above 0), actual 0"
      ]
    ] as const) {
      assert.strictEqual(said(redis), message)
    }
  })

  it.scopedLive("has to be there where a variable is named", () =>
    Effect.gen(function* () {
      const file = yield* directory({ "c.json": instant({ redis: { urlEnv: "TEST_REDIS" } }) })
      for (const [env, but] of [
        [{}, "which isn't set"],
        [{ TEST_REDIS: "localhost:secret" }, "which holds something else"]
      ] as const) {
        const { code, err } = yield* runLive(["ask", "Hi", "--config", file("c.json")], { env })
        assert.notStrictEqual(code, 0)
        assert.include(
          err,
          "redis.urlEnv: Expected an environment variable that is set to a redis or rediss URL"
        )
        assert.include(err, but)
        assert.notInclude(err, "secret")
      }
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("keeps no call from being answered while it is away, and tells so", () =>
    Effect.gen(function* () {
      const config = instant({ redis: { urlEnv: "TEST_REDIS" }, rateLimits: { a: { requestsPerMinute: 4 } } })
      const env = { TEST_REDIS: nowhere }
      const { told, url } = yield* served(config, { env })
      assert.match(told(), /redis_away/)
      const providers: Array<string | null> = []
      for (let call = 0; call < 3; call++) {
        const reply = yield* post(`${url}/v1/chat/completions`, chat)
        assert.strictEqual(reply.status, 200)
        providers.push(reply.headers.get("x-saga-provider"))
      }
      // Half of the limit is its own.
      assert.deepStrictEqual(providers, ["a", "a", "b"])
      const ready = yield* request(`${url}/readyz`)
      assert.deepInclude(JSON.parse(ready.text), { status: "ready", shared: "away" })
      const metrics = yield* request(`${url}/metrics`)
      assert.match(metrics.text, /^arc_saga_redis_away 1$/m)
      const file = yield* directory({ "c.json": config })
      const asked = yield* runLive(["ask", "Hi", "--provider", "a", "--config", file("c.json")], { env })
      assert.strictEqual(asked.code, 0, asked.err)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("has serve tell what isn't shared all the same", () =>
    Effect.gen(function* () {
      const file = yield* directory()
      const budgets = [{ name: "all", scope: "overall", period: "day", usd: 1 }]
      const redis = { url: nowhere }
      const alone = yield* served(instant({ redis, budgets }))
      assert.include(alone.told(), "Note: Each process has budgets of its own")
      const here = yield* served(instant({ redis, ledger: file("spend.db") }))
      assert.include(here.told(), "with processes of this machine alone")
      const none = yield* served(instant({ redis }))
      assert.notInclude(none.told(), "Note:")
    }).pipe(Effect.provide(platform))
  )

  for (const url of urls) {
    it.scopedLive("has a key that one gateway finds refused left out by another, and by commands", () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const vendor = createServer((incoming, reply) => {
          const key = (incoming.headers.authorization ?? "none").replace("Bearer ", "")
          asked.push(key)
          const choices = [{ index: 0, message: { content: "Yes." }, finish_reason: "stop" }]
          reply.writeHead(key === "test-key-a" ? 401 : 200, { "content-type": "application/json" })
          reply.end(JSON.stringify(key === "test-key-a" ? { error: { message: "No" } } : { choices }))
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => vendor.close()))
        yield* Effect.async<void>((resume) => {
          vendor.listen(0, "127.0.0.1", () => resume(Effect.void))
        })
        const at = vendor.address()
        const port = typeof at === "object" ? at?.port : undefined
        const pool = [
          { name: "a", apiKey: "test-key-a", weight: 1000 },
          { name: "b", apiKey: "test-key-b" }
        ]
        const config = JSON.stringify({
          ollama: false,
          redis: { url, prefix: prefix(), timeoutMs: 5000 },
          providers: [{ id: "house", baseUrl: `http://127.0.0.1:${port}/v1`, model: "a", pool }]
        })
        const [one, other] = [yield* served(config), yield* served(config)]
        const ask = (gateway: { readonly url: string }) => post(`${gateway.url}/v1/chat/completions`, chat)
        const first = yield* ask(one)
        assert.strictEqual(first.status, 200, first.text)
        yield* eventually(
          Effect.map(request(`${other.url}/metrics`), ({ text }) =>
            /^arc_saga_gateway_pool_member_up\{[^}]*member="a"[^}]*\} 0$/m.test(text)
          )
        )
        assert.strictEqual((yield* ask(other)).status, 200)
        const file = yield* directory({ "c.json": config })
        const { code, err } = yield* runLive(["ask", "Hi", "--config", file("c.json")], {
          http: NodeHttpClient.layerUndici
        })
        assert.strictEqual(code, 0, err)
        assert.deepStrictEqual(asked, ["test-key-a", "test-key-b", "test-key-b", "test-key-b"])
      }).pipe(Effect.provide(platform))
    )

    it.scopedLive("has gateways and commands keep to the limits of keys and providers together", () =>
      Effect.gen(function* () {
        const config = instant({
          redis: { url, prefix: prefix() },
          rateLimits: { a: { requestsPerMinute: 3 } },
          gateway: { keys: [{ id: "web", sha256, requestsPerMinute: 2 }] }
        })
        const [one, other] = [yield* served(config), yield* served(config)]
        const statuses: Array<number> = []
        for (const each of [one, other, one]) {
          statuses.push((yield* post(`${each.url}/v1/chat/completions`, chat, web)).status)
        }
        assert.deepStrictEqual(statuses, [200, 200, 429])
        const file = yield* directory({ "c.json": config })
        const ask = () => runLive(["ask", "Hi", "--provider", "a", "--json", "--config", file("c.json")])
        const providers = yield* Effect.forEach([1, 2], () =>
          Effect.map(ask(), ({ out }) => String(JSON.parse(out).provider))
        )
        assert.deepStrictEqual(providers, ["a", "b"])
      }).pipe(Effect.provide(platform))
    )

    it.scopedLive("has commands and gateways give answers that others were given", () =>
      Effect.gen(function* () {
        const config = instant({ redis: { url, prefix: prefix() }, cache: { use: "always" } })
        const file = yield* directory({ "c.json": config })
        const ask = () => runLive(["ask", "Hi", "--json", "--complete", "--config", file("c.json")])
        const caches = yield* Effect.forEach([1, 2], () =>
          Effect.map(ask(), ({ out }) => String(JSON.parse(out).cache))
        )
        assert.deepStrictEqual(caches, ["miss", "hit"])
        const [one, other] = [yield* served(config), yield* served(config)]
        const told: Array<string | null> = []
        for (const each of [one, other]) {
          const { headers } = yield* post(`${each.url}/v1/chat/completions`, chat)
          told.push(headers.get("x-saga-cache"))
        }
        assert.deepStrictEqual(told, ["miss", "hit"])
      }).pipe(Effect.provide(platform))
    )
  }
})
