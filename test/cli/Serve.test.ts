import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as Net from "node:net"
import { eventually, post, request } from "../gateway/harness.js"
import { command, directory, instant, platform, runLive, type World } from "./harness.js"

const chat = { model: "a", messages: [{ role: "user", content: "Hello" }] }
const sha256 = createHash("sha256").update("test-key-web").digest("hex")

/** Serves until the scope closes. */
const served = (args: ReadonlyArray<string>, world: World) =>
  Effect.gen(function* () {
    const { effect, printed } = command(["serve", "--port", "0", ...args], world)
    yield* Effect.forkScoped(effect)
    const told = () => printed.err.join("")
    yield* eventually(Effect.sync(() => told().includes("Listening at ")))
    return { url: /Listening at (http:\/\/\S+:\d+)\./.exec(told())?.[1] ?? "", told }
  })

describe("serve", () => {
  it.scopedLive("answers over what is configured, and says where", () =>
    Effect.gen(function* () {
      const file = yield* directory({ "config.json": instant() })
      const { told, url } = yield* served(["--config", file("config.json")], {})
      assert.include(told(), `${url}/v1 (OpenAI)`)
      assert.notInclude(told(), "simulated")
      const reply = yield* post(`${url}/v1/chat/completions`, chat)
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(reply.headers.get("x-saga-provider"), "a")
      const status = JSON.parse((yield* request(`${url}/status.json`)).text)
      // The circuits are on.
      assert.deepStrictEqual(
        status.providers.map(({ circuit, provider }: { circuit: string; provider: string }) => [
          provider,
          circuit
        ]),
        [
          ["a", "closed"],
          ["b", "closed"]
        ]
      )
      assert.strictEqual(status.calls[0].attempts.length, 1)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("says that the answers are simulated where nothing is configured", () =>
    Effect.gen(function* () {
      const { told, url } = yield* served([], { env: {} })
      assert.match(told(), /^No provider is configured/)
      const models = JSON.parse((yield* request(`${url}/v1/models`)).text)
      assert.include(
        models.data.map(({ id }: { id: string }) => id),
        "copilot_chat"
      )
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("takes keys and limits from the file", () =>
    Effect.gen(function* () {
      const gateway = { keys: [{ id: "web", sha256 }], delivery: "buffered", maxBodyBytes: 500 }
      const file = yield* directory({ "config.json": instant({ gateway }) })
      const { url: here } = yield* served([], { env: { ARC_SAGA_CONFIG: file("config.json") } })
      const headers = { authorization: "Bearer test-key-web" }
      assert.strictEqual((yield* post(`${here}/v1/chat/completions`, chat)).status, 401)
      const reply = yield* post(`${here}/v1/chat/completions`, { ...chat, stream: true }, headers)
      assert.strictEqual(reply.headers.get("x-saga-delivery"), "buffered")
      assert.strictEqual((yield* post(`${here}/v1/chat/completions`, "x".repeat(501), headers)).status, 413)
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("keeps to the rate limits of the file", () =>
    Effect.gen(function* () {
      const rateLimits = { a: { requestsPerMinute: 1 } }
      const file = yield* directory({ "config.json": instant({ rateLimits, chains: { a: [] } }) })
      const { url } = yield* served(["--config", file("config.json")], {})
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, chat)).status, 200)
      const reply = yield* post(`${url}/v1/chat/completions`, chat)
      assert.strictEqual(reply.status, 429)
      assert.include(reply.text, "the limit of 1 requests a minute is reached")
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("ends with 2, and why, where it can't serve", () =>
    Effect.gen(function* () {
      const bad = { keys: [{ id: "web", sha256: "test-key-web" }] }
      const file = yield* directory({ "config.json": instant(), "bad.json": instant({ gateway: bad }) })
      const config = ["--config", file("config.json")]
      const taken = yield* Effect.acquireRelease(
        Effect.async<Net.Server>((resume) => {
          const server = Net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = taken.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const uses: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[...config, "--host", "0.0.0.0", "--port", "0"], /^UnprotectedGatewayError: .*127\.0\.0\.1/],
        [
          [...config, "--port", String(port)],
          /^ListenError: Can't listen at 127\.0\.0\.1, port \d+: .*EADDRINUSE/
        ],
        [[...config, "--port", "70000"], /^UsageError: --port: Expected a port/],
        [
          ["--config", file("bad.json")],
          /^ConfigurationError: .*gateway\.keys\[0\]\.sha256: Expected the SHA-256/
        ]
      ]
      for (const [args, said] of uses) {
        const { code, err } = yield* runLive(["serve", ...args])
        assert.strictEqual(code, 2, err)
        assert.match(err, said)
        assert.notInclude(err, "test-key-web")
      }
    }).pipe(Effect.provide(platform))
  )
})
