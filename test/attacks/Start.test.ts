/** Starts and files: what comes too early, what two processes do at once, and keys in the wrong place. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Http from "node:http"
import * as os from "node:os"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import * as Lock from "../../src/cli/Lock.js"
import { looksLikeKey } from "../../src/internal/told.js"
import * as harness from "../cli/harness.js"
import { eventually } from "../gateway/harness.js"

describe("two runs on one file of results", () => {
  const file = harness.directory({})

  it.scopedLive("don't both write to it: the second is told who has it", () =>
    Effect.gen(function* () {
      const path = (yield* file)("r.jsonl")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Lock.hold(path)
          const error = yield* Effect.flip(Effect.scoped(Lock.hold(path)))
          assert.include(error.message, `process ${process.pid} on ${os.hostname()}`)
          assert.include(error.message, `${path}.lock`)
        })
      )
      yield* Effect.scoped(Lock.hold(path))
    }).pipe(Effect.provide(harness.platform))
  )

  it.scopedLive("take over what a process that has ended left, and only one of them does", () =>
    Effect.gen(function* () {
      const path = (yield* file)("r.jsonl")
      // No process has this number: Linux and macOS stop far below.
      yield* harness.writeFile(`${path}.lock`, `999999999 ${os.hostname()}\n`)
      const results = yield* Effect.scoped(
        Effect.all(
          Array.from({ length: 8 }, () => Effect.either(Lock.hold(path))),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(results.filter(Either.isRight).length, 1)
    }).pipe(Effect.provide(harness.platform))
  )

  it.scopedLive("respect the one of another machine, of which nothing is known", () =>
    Effect.gen(function* () {
      const path = (yield* file)("r.jsonl")
      yield* harness.writeFile(`${path}.lock`, "999999999 elsewhere\n")
      const error = yield* Effect.flip(Effect.scoped(Lock.hold(path)))
      assert.include(error.message, "elsewhere")
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a key in the wrong place", () => {
  const keys = [
    "sk-test-abcdefgh12345678",
    "sk_live_Abcd1234",
    "ghp_0123456789abcdefABCD",
    "AKIAIOSFODNN7EXAMPLE",
    "0123456789abcdef0123456789abcdef",
    "a1b2c3d4e5f6a7b8"
  ]
  const names = [
    "OPENAI_API_KEY_2",
    "claude-opus-4-5-20251101",
    "gpt-4o-mini",
    "meta-llama/Llama-3.3-70B-Instruct",
    "saga/cheapest",
    "skeleton"
  ]

  it.effect("is told from a name", () =>
    Effect.sync(() => {
      for (const key of keys) assert.isTrue(looksLikeKey(key), key)
      for (const name of names) assert.isFalse(looksLikeKey(name), name)
    })
  )

  it.scopedLive("is never repeated, whatever field of the configuration it is in", () =>
    Effect.gen(function* () {
      for (const key of keys) {
        const provider = { id: "a", baseUrl: "http://127.0.0.1:1/v1", model: "m" }
        const wrong = [
          { providers: [{ ...provider, apiKeyEnv: key }] },
          { providers: [{ ...provider, baseUrl: key }] },
          { providers: [{ ...provider, api: key }] },
          {
            providers: [
              { ...provider, id: key },
              { ...provider, id: key }
            ]
          },
          { providers: [{ ...provider, [key]: "x" }] },
          { providers: [provider], chains: { a: [key] } },
          { providers: [provider], strategy: key },
          { [key]: 1 }
        ]
        for (const config of wrong) {
          const told = Either.match(ConfigFile.parse("c.json", JSON.stringify(config)), {
            onLeft: ({ message }) => message,
            onRight: () => ""
          })
          assert.notInclude(told, key, JSON.stringify(config))
        }
        const file = yield* harness.directory({
          "c.json": JSON.stringify({
            ollama: false,
            providers: [{ ...provider, apiKeyEnv: key.replaceAll("-", "_") }]
          })
        })
        const { err, out } = yield* harness.runLive(["ask", "--config", file("c.json"), "Hello"])
        assert.notInclude(err + out, key.replaceAll("-", "_"))
      }
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a configuration file with a key", () => {
  const config = {
    ollama: false,
    simulated: [{ id: "b" }],
    providers: [
      { id: "a", baseUrl: "http://127.0.0.1:1/v1", model: "m", apiKey: "test-key-plain", enabled: false }
    ]
  }
  it.scopedLive("is warned of where others can read it", () =>
    Effect.gen(function* () {
      const file = yield* harness.directory({ "c.json": JSON.stringify(config) })
      const ask = (mode: number) =>
        Effect.gen(function* () {
          yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.chmod(file("c.json"), mode)))
          return (yield* harness.runLive(["ask", "--config", file("c.json"), "Hello"])).err
        })
      assert.match(yield* ask(0o644), /c\.json holds a key.*chmod 600/)
      assert.notInclude(yield* ask(0o600), "chmod")
    }).pipe(Effect.provide(harness.platform))
  )
})

describe("a gateway that starts", () => {
  it.scopedLive("refuses connections until it can answer, and answers from then on", () =>
    Effect.gen(function* () {
      const probe = Http.createServer()
      yield* Effect.promise(() => new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve)))
      const address = probe.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      yield* Effect.promise(() => new Promise((resolve) => probe.close(resolve)))
      const file = yield* harness.directory({
        "c.json": JSON.stringify({ ollama: false, simulated: [{ id: "a" }], ledger: "l.db" })
      })
      const config = JSON.stringify({ ollama: false, simulated: [{ id: "a" }], ledger: file("l.db") })
      yield* harness.writeFile(file("c.json"), config)
      const { effect, printed } = harness.command([
        "serve",
        "--port",
        String(port),
        "--config",
        file("c.json")
      ])
      const serving = yield* Effect.fork(effect)
      const seen: Array<number | string> = []
      yield* eventually(
        Effect.promise(async () => {
          const status = await fetch(`http://127.0.0.1:${port}/readyz`, {
            signal: AbortSignal.timeout(5000)
          }).then(
            (response) => response.status,
            (error: Error) => (error.name === "TimeoutError" ? "unanswered" : "refused")
          )
          seen.push(status)
          return status === 200 || status === "unanswered"
        })
      )
      assert.deepStrictEqual(
        [...new Set(seen)].filter((each) => each !== "refused" && each !== 503),
        [200]
      )
      assert.include(printed.err.join(""), "Listening at")
      yield* Fiber.interrupt(serving)
    }).pipe(Effect.provide(harness.platform))
  )
})
