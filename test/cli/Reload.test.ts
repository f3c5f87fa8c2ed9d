import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Struct from "effect/Struct"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import * as Http from "node:http"
import * as Identity from "../../src/cli/Identity.js"
import * as Watch from "../../src/cli/Watch.js"
import { eventually, post, request } from "../gateway/harness.js"
import { seed, sized } from "../utils/property.js"
import { command, directory, instant, platform, runLive, writeFile } from "./harness.js"

const sha256 = (key: string) => createHash("sha256").update(key).digest("hex")

const question = (model: string, stream = false) => ({
  model,
  stream,
  messages: [{ role: "user", content: "Hello" }]
})

/** A server of models whose answers begin at once and end when they are let. */
const upstream = Effect.gen(function* () {
  const waiting: Array<() => void> = []
  let open = false
  let begun = 0
  const server = Http.createServer((request, response) => {
    const parts: Array<Buffer> = []
    request.on("data", (part: Buffer) => parts.push(part))
    request.on("end", () => {
      const { model } = JSON.parse(Buffer.concat(parts).toString() || "{}")
      const say = (delta: object, finish: string | null = null) =>
        response.write(
          `data: ${JSON.stringify({ model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
        )
      response.writeHead(200, { "content-type": "text/event-stream" })
      say({ content: `begun by ${model}, ` })
      begun++
      const end = () => {
        say({ content: "whole" })
        say({}, "stop")
        response.end("data: [DONE]\n\n")
      }
      if (open) end()
      else waiting.push(end)
    })
  })
  yield* Effect.acquireRelease(
    Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/v1`,
    begun: () => begun,
    finish: () => {
      open = true
      for (const end of waiting) end()
    }
  }
})

/** Serves a file until the scope closes. */
const served = (config: string, ...flags: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const file = yield* directory({ "c.json": config })
    const { effect, printed } = command(["serve", "--port", "0", "--config", file("c.json"), ...flags])
    yield* Effect.forkScoped(effect)
    const told = () => printed.err.join("")
    yield* eventually(Effect.sync(() => told().includes("Listening at ")))
    const url = /Listening at (http:\/\/\S+:\d+)\./.exec(told())?.[1] ?? ""
    const of = (path: string) => Effect.map(request(`${url}${path}`), ({ text }) => JSON.parse(text))
    const ask = (model: string, headers = {}) => post(`${url}/v1/chat/completions`, question(model), headers)
    const notes = () => told().split("Note: the configuration ").length - 1
    /** Has it take another file, and waits until it has said what became of that. */
    const reload = (text: string) =>
      Effect.gen(function* () {
        const before = notes()
        yield* writeFile(file("c.json"), text)
        process.emit("SIGHUP")
        yield* eventually(Effect.sync(() => notes() > before))
        return told().split("Note: the configuration ").at(-1) ?? ""
      })
    return { ask, file, of, reload, told, url, notes }
  })

const notThere = new PlatformError.SystemError({ reason: "NotFound", module: "FileSystem", method: "stat" })

const server = (id: string, baseUrl: string, model: string) => ({ id, baseUrl, model, apiKey: "test-key" })

const config = (providers: ReadonlyArray<object>, overrides: object = {}) =>
  JSON.stringify({ ollama: false, providers, ...overrides })

/** The samples of a metric by their labels. */
const samples = (text: string, name: string): ReadonlyMap<string, number> =>
  new Map(
    Array.from(text.matchAll(/^(\w+)\{(.*)\} (\S+)$/gm), ([, found, labels = "", value]) =>
      found === name ? [[labels, Number(value)] as const] : []
    ).flat()
  )

describe("a reload", () => {
  it.scopedLive(
    "breaks none of 200 streams, asks new calls by the new file, and keeps all counts",
    () =>
      Effect.gen(function* () {
        const count = sized(200, 40)
        const models = yield* upstream
        const { ask, of, reload, url } = yield* served(
          config([server("a", models.url, "m-1"), server("b", models.url, "m-1")])
        )
        const hash = (yield* of("/readyz")).configuration
        const streams = yield* Effect.forEach(
          Array.from({ length: count }, (_, index) => (index % 2 === 0 ? "a" : "b")),
          (model) => Effect.fork(post(`${url}/v1/chat/completions`, question(model, true)))
        )
        yield* eventually(Effect.sync(() => models.begun() === count))
        // One is another model's now, the other is gone.
        const told = yield* reload(config([server("a", models.url, "m-2"), server("c", models.url, "m-3")]))
        assert.match(told, /^[0-9a-f]{16} is in use: a is another, b is gone, c is new\n$/)
        const status = yield* of("/status.json")
        assert.strictEqual(status.running, count)
        assert.strictEqual(status.configuration.refused, null)
        const ready = yield* of("/readyz")
        assert.strictEqual(ready.configuration, status.configuration.hash)
        assert.notStrictEqual(ready.configuration, hash)
        assert.strictEqual((yield* ask("b")).status, 404)
        models.finish()
        assert.include((yield* ask("a")).text, "begun by m-2, whole")
        for (const stream of streams) {
          const { status, text } = yield* Fiber.join(stream)
          assert.strictEqual(status, 200)
          assert.include(text, "begun by m-1")
          assert.include(text, "whole")
          assert.include(text, "[DONE]")
        }
        const { text } = yield* request(`${url}/metrics`)
        const attempts = samples(text, "arc_saga_gateway_attempts_total")
        assert.strictEqual(attempts.get('provider="a",outcome="succeeded"'), count / 2 + 1)
        assert.strictEqual(attempts.get('provider="b",outcome="succeeded"'), count / 2)
        assert.strictEqual(samples(text, "arc_saga_gateway_calls_total").get('ending="answered"'), count + 1)
        assert.include(text, "arc_saga_gateway_calls_running 0")
      }).pipe(Effect.provide(platform)),
    60_000
  )

  it.scopedLive("changes nothing that a process has for as long as it runs", () =>
    Effect.gen(function* () {
      const at = yield* directory({})
      const ledger = `sqlite:${at("spend.db")}`
      const { ask, reload } = yield* served(instant({ ledger }))
      for (const [field, changes] of [
        ["ledger", {}],
        ["redis", { ledger, redis: { url: "redis://127.0.0.1:9" } }]
      ] as const) {
        const told = yield* reload(instant(changes))
        assert.match(told, new RegExp(`^stays as it was: .*c\\.json: ${field}: .*takes a restart`))
        assert.strictEqual((yield* ask("a")).status, 200)
      }
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("of a file that can't be used changes nothing, and is told with the field", () =>
    Effect.gen(function* () {
      const { ask, file, of, reload, url } = yield* served(instant())
      const { configuration: hash } = yield* of("/readyz")
      const refusals: ReadonlyArray<readonly [string, RegExp]> = [
        ["{", /c\.json: Expected JSON/],
        [instant({ budgets: "many" }), /c\.json: budgets: /],
        [instant({ providers: [{ id: "c", baseUrl: "nowhere", model: "m" }] }), /providers\[0\]\.baseUrl/],
        [
          instant({
            providers: [{ id: "c", baseUrl: "http://127.0.0.1:9", model: "m", apiKeyEnv: "NOT_THERE" }]
          }),
          /providers\[0\]\.apiKeyEnv/
        ],
        [instant({ gateway: { models: { x: "saga/none" } } }), /models/],
        [instant({ model: file("none.json"), savings: { keep: 0.99 } }), /model/]
      ]
      for (const [text, reason] of refusals) {
        const told = yield* reload(text)
        assert.match(told, /^stays as it was: /)
        assert.match(told, reason)
        const { configuration } = yield* of("/status.json")
        assert.strictEqual(configuration.hash, hash)
        assert.match(configuration.refused.reason, reason)
        assert.strictEqual((yield* ask("a")).status, 200)
      }
      const outcomes = samples((yield* request(`${url}/metrics`)).text, "arc_saga_gateway_reloads")
      assert.isAtLeast(outcomes.get('outcome="refused"') ?? 0, refusals.length)
      assert.match(yield* reload(instant({ strategy: "cheapest" })), /is in use: the providers are the same/)
      assert.strictEqual((yield* of("/status.json")).configuration.refused, null)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("refuses the next call of a key that is gone, and goes on counting those that stay", () =>
    Effect.gen(function* () {
      const keys = (...names: ReadonlyArray<string>) =>
        instant({
          gateway: {
            keys: names.map((id) => ({ id, sha256: sha256(`test-key-${id}`), requestsPerMinute: 2 }))
          }
        })
      const { ask, reload } = yield* served(keys("web", "app"))
      const by = (id: string) =>
        Effect.map(ask("a", { "x-api-key": `test-key-${id}` }), ({ status }) => status)
      assert.strictEqual(yield* by("web"), 200)
      assert.strictEqual(yield* by("app"), 200)
      yield* reload(keys("app"))
      assert.strictEqual(yield* by("web"), 401)
      assert.strictEqual(yield* by("app"), 200)
      assert.strictEqual(yield* by("app"), 429)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive(
    "takes keys that are issued, otherwise or not at all, and goes on with what is counted of them",
    () =>
      Effect.gen(function* () {
        const at = yield* directory({})
        const ledger = `sqlite:${at("spend.db")}`
        const gateway = { keys: [{ id: "file", sha256: sha256("test-key-file") }] }
        const taking = (issuedKeys?: object) => instant({ ledger, issuedKeys, gateway })
        const { ask, file, reload } = yield* served(taking())
        const keys = (...args: ReadonlyArray<string>) =>
          Effect.map(runLive(["keys", ...args, "--config", file("c.json")]), ({ out }) => out.trim())
        const web = yield* keys("create", "web", "--requests-per-minute", "2")
        const gone = yield* keys("create", "gone")
        const by = (key: string) => Effect.map(ask("a", { "x-api-key": key }), ({ status }) => status)
        assert.strictEqual(yield* by(web), 401)
        assert.match(yield* reload(taking({ refreshMs: 1 })), /is in use/)
        assert.deepStrictEqual([yield* by(web), yield* by(gone)], [200, 200])
        yield* keys("revoke", "gone")
        yield* eventually(Effect.map(by(gone), (status) => status === 401))
        assert.match(yield* reload(taking({ refreshMs: 2, graceMs: 60_000 })), /is in use/)
        assert.deepStrictEqual([yield* by(gone), yield* by(web), yield* by(web)], [401, 200, 429])
        assert.match(yield* reload(taking()), /is in use/)
        assert.deepStrictEqual([yield* by(web), yield* by("test-key-file")], [401, 200])
        assert.match(yield* reload(taking({ refreshMs: 2, graceMs: 60_000 })), /is in use/)
        assert.deepStrictEqual([yield* by(gone), yield* by(web)], [401, 429])
        // Those that are known aren't given up for others that can't be read.
        const rename = (from: string, to: string) =>
          Effect.flatMap(SqlClient.SqlClient, (sql) =>
            sql.unsafe(`ALTER TABLE ${from} RENAME TO ${to}`)
          ).pipe(Effect.provide(Sqlite.layer({ path: at("spend.db") })), Effect.orDie)
        yield* rename("arc_saga_keys", "elsewhere")
        assert.match(yield* reload(taking({})), /^stays as it was: .*ledger: The keys can't be read/)
        assert.deepStrictEqual([yield* by(gone), yield* by(web)], [401, 429])
        yield* rename("elsewhere", "arc_saga_keys")
        assert.match(yield* reload(taking({})), /is in use/)
        assert.deepStrictEqual([yield* by(gone), yield* by(web)], [401, 429])
      }).pipe(Effect.provide(platform))
  )

  it.scopedLive(
    "lets go of a wait that was stated to another key, and keeps that of a provider that is the same",
    () =>
      Effect.gen(function* () {
        const limited = Http.createServer((request, response) => {
          const isOut = request.headers.authorization === "Bearer test-key-1"
          request.resume().on("end", () =>
            response
              .writeHead(isOut ? 429 : 200, {
                "content-type": "application/json",
                ...(isOut ? { "retry-after": "3600" } : {})
              })
              .end(
                JSON.stringify({
                  model: "m",
                  choices: [
                    { index: 0, message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }
                  ],
                  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
                })
              )
          )
        })
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) => void limited.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () => Effect.sync(() => limited.close())
        )
        const address = limited.address()
        const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/v1`
        const keyed = (apiKey: string, more: object = {}) =>
          config([{ ...server("a", url, "m"), apiKey }], {
            circuitBreaker: { consecutiveFailures: 100 },
            ...more
          })
        const { ask, reload } = yield* served(keyed("test-key-1"))
        const status = Effect.map(ask("a"), (answer) => answer.status)
        assert.strictEqual(yield* status, 429)
        assert.match(
          yield* reload(keyed("test-key-1", { strategy: "quality" })),
          /the providers are the same/
        )
        assert.include((yield* ask("a")).text, "it said when to come back")
        assert.match(yield* reload(keyed("test-key-2")), /a is another/)
        assert.strictEqual(yield* status, 200)
      }).pipe(Effect.provide(platform))
  )

  it.scopedLive("goes on with circuits, limits and answers, save of what is another", () =>
    Effect.gen(function* () {
      const broken = { id: "b", firstTokenMs: 1, tokensPerSecond: 1000, errorRate: 1 }
      const at = (b: object, overrides: object = {}) =>
        JSON.stringify({
          ollama: false,
          simulated: [{ id: "a", firstTokenMs: 1, tokensPerSecond: 1000 }, b],
          chains: { a: [], b: [] },
          rateLimits: { a: { requestsPerMinute: 2 } },
          circuitBreaker: { consecutiveFailures: 1, openMs: 600_000, failureRate: 1 },
          retryBudget: { share: 0 },
          hedging: { share: 0.01 },
          cache: { use: "always" },
          ...overrides
        })
      const { ask, of, reload } = yield* served(at(broken))
      const circuit = Effect.map(of("/status.json"), ({ providers }) => providers[1].circuit)
      assert.strictEqual((yield* ask("a")).status, 200)
      yield* ask("b")
      assert.strictEqual(yield* circuit, "open")
      yield* reload(at(broken, { limits: { timeoutMs: 500_000 } }))
      assert.strictEqual(yield* circuit, "open")
      // The answer is given again, which isn't asked for.
      assert.strictEqual((yield* ask("a")).headers.get("x-saga-cache"), "hit")
      yield* reload(at(broken, { cache: undefined }))
      assert.strictEqual((yield* ask("a")).status, 200)
      assert.strictEqual((yield* ask("a")).status, 429)
      yield* reload(at({ ...broken, errorRate: 0 }, { cache: undefined }))
      assert.strictEqual(yield* circuit, "closed")
      yield* reload(at(broken, { cache: undefined, rateLimits: { a: { requestsPerMinute: 3 } } }))
      assert.strictEqual((yield* ask("a")).status, 200)
      assert.strictEqual((yield* ask("a")).status, 429)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive(
    "may come a hundred times with anything in the file: no call fails, and everything is counted once",
    () =>
      Effect.gen(function* () {
        const count = sized(100, 15)
        const random = Random.make(seed)
        const files = {
          same: instant(),
          other: instant({ strategy: "quality", chains: { a: ["b"] }, hedging: {} }),
          broken: instant({ strategy: "worst" }),
          budget: instant({ budgets: [{ name: "all", scope: "overall", period: "day", usd: 1000 }] }),
          models: instant({ gateway: { models: { "gpt-*": "a" } } })
        }
        const names = Struct.keys(files)
        const { of, reload, url } = yield* served(instant())
        let calls = 0
        for (const _turn of Array.from({ length: count })) {
          const choice = names[yield* random.nextIntBetween(0, names.length)] ?? "same"
          const asking = yield* Effect.forkAll(
            ["a", "b", "saga/auto"].map((model) => post(`${url}/v1/chat/completions`, question(model, true)))
          )
          calls += 3
          const told = yield* reload(files[choice])
          assert.strictEqual(told.startsWith("stays as it was"), choice === "broken")
          for (const { status, text } of yield* Fiber.join(asking)) {
            assert.strictEqual(status, 200)
            assert.include(text, "[DONE]")
          }
        }
        const { running } = yield* of("/status.json")
        assert.strictEqual(running, 0)
        const { text } = yield* request(`${url}/metrics`)
        assert.strictEqual(samples(text, "arc_saga_gateway_calls_total").get('ending="answered"'), calls)
        const requests = samples(text, "arc_saga_gateway_requests_total")
        assert.strictEqual(requests.get('route="/v1/chat/completions",status="200"'), calls)
        const ended = Array.from(samples(text, "arc_saga_gateway_attempts_total").values())
        assert.isAtLeast(
          ended.reduce((sum, each) => sum + each, 0),
          calls
        )
      }).pipe(Effect.provide(platform)),
    60_000
  )
})

describe("a watched file", () => {
  it.effect("is told once it is another and stays so, however it is put there", () =>
    Effect.gen(function* () {
      let now: { readonly size: number; readonly ino: number; readonly at: number } | undefined = {
        size: 1,
        ino: 1,
        at: 0
      }
      const stat: FileSystem.FileSystem["stat"] = () =>
        Effect.suspend(() =>
          now === undefined
            ? Effect.fail(notThere)
            : Effect.succeed({
                type: "File",
                mtime: Option.some(new Date(now.at)),
                atime: Option.none(),
                birthtime: Option.none(),
                dev: 1,
                ino: Option.some(now.ino),
                mode: 0o600,
                nlink: Option.none(),
                uid: Option.none(),
                gid: Option.none(),
                rdev: Option.none(),
                size: FileSystem.Size(now.size),
                blksize: Option.none(),
                blocks: Option.none()
              })
        )
      const changed = yield* Effect.provide(Watch.changed("c.json"), FileSystem.layerNoop({ stat }))
      let times = 0
      yield* Effect.fork(Effect.forever(Effect.tap(changed, () => Effect.sync(() => times++))))
      const look = TestClock.adjust("500 millis")
      yield* look
      yield* look
      assert.strictEqual(times, 0)
      // It is being written.
      for (const size of [2, 3, 4]) {
        now = { size, ino: 1, at: size }
        yield* look
      }
      assert.strictEqual(times, 0)
      yield* look
      yield* look
      assert.strictEqual(times, 1)
      // Another takes its place, of the same size and time.
      now = undefined
      yield* look
      yield* look
      now = { size: 4, ino: 2, at: 4 }
      yield* look
      assert.strictEqual(times, 1)
      yield* look
      assert.strictEqual(times, 2)
      // It comes back as it was.
      now = { size: 9, ino: 2, at: 4 }
      yield* look
      now = { size: 4, ino: 2, at: 4 }
      yield* look
      yield* look
      assert.strictEqual(times, 2)
    })
  )

  it.scopedLive("is taken anew by serve, and has to be there", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { file, of, notes } = yield* served(instant(), "--watch")
      const { configuration } = yield* of("/readyz")
      yield* writeFile(file("next.json"), instant({ strategy: "cheapest" }))
      yield* fs.rename(file("next.json"), file("c.json"))
      yield* eventually(Effect.sync(() => notes() === 1))
      assert.notStrictEqual((yield* of("/readyz")).configuration, configuration)
      const { code, err } = yield* runLive(["serve", "--port", "0", "--watch"])
      assert.strictEqual(code, 2)
      assert.include(err, "--watch: Expected a configuration file")
    }).pipe(Effect.provide(platform))
  )
})

describe("the hash of a configuration", () => {
  const hashed = (value: unknown) => Effect.runPromise(Identity.hash(value))

  it("is of all that it says, in whatever order, and of no secret", async () => {
    const secret = (text: string) => ({
      providers: [
        { apiKey: Redacted.make(text), model: "m", baseUrl: `https://user:${text}@host/v1?key=${text}` }
      ],
      gateway: { keys: [{ id: "web", sha256: sha256(text) }] }
    })
    const one = await hashed(secret("one"))
    assert.match(one, /^[0-9a-f]{16}$/)
    assert.strictEqual(one, await hashed(secret("other")))
    assert.strictEqual(
      await hashed({ a: 1, b: { c: [1, 2], d: undefined } }),
      await hashed({ b: { c: [1, 2] }, a: 1 })
    )
    const all = await Promise.all([{ a: 1 }, { a: 2 }, { a: "1" }, { b: 1 }, { a: [1] }, {}].map(hashed))
    assert.strictEqual(new Set(all).size, all.length)
  })

  it("isn't what tells engines apart: they are others by another key", () => {
    assert.isTrue(Identity.equal({ a: Redacted.make("x"), b: 1 }, { b: 1, a: Redacted.make("x") }))
    assert.isFalse(Identity.equal({ a: Redacted.make("x") }, { a: Redacted.make("y") }))
    assert.isTrue(Identity.equal(undefined, undefined))
    assert.isFalse(Identity.equal(undefined, {}))
  })
})
