/** What providers send without end, or over connections that aren't theirs: a typed failure, and the next one is asked. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  type EngineError,
  MultiLLMOrchestrator,
  type ReasoningEngine,
  ReasoningEngineRegistry,
  type RoutingPolicy
} from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as Http from "node:http"
import * as Https from "node:https"
import * as os from "node:os"
import * as path from "node:path"
import { Agent } from "@effect/platform-node/Undici"
import * as cli from "../cli/harness.js"
import { eventually, post, start } from "../gateway/harness.js"
import * as RawServer from "../utils/RawServer.js"

const apiKey = Redacted.make("test-key")

const task = Either.getOrThrow(AITask.make({ prompt: "Hello", provider: AIProvider.Claude, pinned: true }))

interface Upstream {
  readonly url: string
  /** Bytes that were handed to the socket. */
  readonly sent: () => number
  /** Whether the client has closed the connection. */
  readonly left: () => boolean
}

/** Has a server listen, and gives its port. */
const serving = (server: Http.Server | Https.Server) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    }),
    () =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
  )

/** Answers every request by a head and then the same bytes, for as long as they are taken. */
const endless = (status: number, headers: Http.OutgoingHttpHeaders, piece: string) =>
  Effect.gen(function* () {
    let sent = 0
    let left = false
    const port = yield* serving(
      Http.createServer((_, response) => {
        response.on("close", () => (left = true))
        response.writeHead(status, headers)
        const more = (): void => {
          if (response.destroyed) return
          sent += piece.length
          if (response.write(piece)) setImmediate(more)
          else response.once("drain", more)
        }
        more()
      })
    )
    const upstream: Upstream = { url: `http://127.0.0.1:${port}`, sent: () => sent, left: () => left }
    return upstream
  })

const limit = 200_000

/** Engines for what is at an address, by wire and delivery. */
const makers = {
  "Chat Completions, streamed": (baseUrl: string) =>
    OpenAICompatible.make({ provider: AIProvider.Claude, baseUrl, model: "m", maxAnswerCharacters: limit }),
  "Chat Completions, in one piece": (baseUrl: string) =>
    OpenAICompatible.make({
      provider: AIProvider.Claude,
      baseUrl,
      model: "m",
      completeOver: "json",
      maxAnswerCharacters: limit
    }),
  "Messages, streamed": (baseUrl: string) =>
    Claude.make({ baseUrl, model: "m", apiKey, maxAnswerCharacters: limit }),
  "Messages, in one piece": (baseUrl: string) =>
    Claude.make({ baseUrl, model: "m", apiKey, completeOver: "json", maxAnswerCharacters: limit })
} as const

/** Asks an engine, and beside it one that always answers; with what the first failed, and who answered. */
const asked = (engine: ReasoningEngine.ReasoningEngine, limits: RoutingPolicy.Options["limits"] = {}) =>
  Effect.gen(function* () {
    const next = yield* ScriptedEngine.make({
      provider: AIProvider.Gpt4,
      script: [Behaviour.answer({ text: "Hi" })]
    })
    const layer = MultiLLMOrchestrator.layerFor({
      policy: { rules: { TransientError: { _tag: "fail-over" } }, limits }
    }).pipe(Layer.provide(ReasoningEngineRegistry.layerEngines([engine, next.engine])))
    const { attempts, provider } = yield* Effect.flatMap(
      MultiLLMOrchestrator.MultiLLMOrchestrator,
      (orchestrator) => orchestrator.complete(task)
    ).pipe(Effect.provide(layer))
    const error = Option.getOrUndefined(
      Option.flatMap(Option.fromNullable(attempts[0]), ({ error }) => error)
    )
    return { error, provider }
  })

const reasonOf = (error: EngineError.EngineError | undefined): string | undefined =>
  error?._tag === "TransientError" ? error.reason : error?._tag

const json = { "content-type": "application/json" }
const events = { "content-type": "text/event-stream" }
const a = "a".repeat(16_384)
const delta = `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"${a}"}}]}}]}\n\n`

describe("an answer without end", () => {
  const attacks: ReadonlyArray<readonly [string, number, Http.OutgoingHttpHeaders, string, number]> = [
    ["JSON", 200, json, a, 1],
    ["JSON that says it is shorter than it is compressed", 200, { ...json, "content-encoding": "x" }, a, 1],
    ["a line of an event", 200, events, a, 1],
    ["lines of one event", 200, events, `data: ${a}\n`, 1],
    ["an answer that is no JSON and no stream", 200, { "content-type": "text/html" }, `${a}\n`, 1],
    ["a tool call in pieces", 200, events, delta, 16],
    ["comments", 200, events, `: ${a}\n`, 16],
    ["an error", 500, json, a, 1]
  ]

  for (const [wire, make] of Object.entries(makers)) {
    it.scopedLive(`is a fault of the provider, and left: ${wire}`, () =>
      Effect.gen(function* () {
        for (const [name, status, headers, piece, times] of attacks) {
          const upstream = yield* endless(status, headers, piece)
          const { error, provider } = yield* asked(yield* make(upstream.url))
          assert.strictEqual(provider, "gpt4", name)
          assert.include(["malformed", "server"], reasonOf(error), `${name}: ${error?.message}`)
          // What was on its way in sockets' buffers counts, too.
          assert.isBelow(upstream.sent(), times * limit + 16 * 1024 * 1024, name)
          yield* eventually(Effect.sync(upstream.left))
        }
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )
  }

  it.scopedLive("has the same limit where none is set, which a whole answer below it passes", () =>
    Effect.gen(function* () {
      const answer = (characters: number) =>
        JSON.stringify({
          choices: [{ index: 0, message: { content: "a".repeat(characters) }, finish_reason: "stop" }]
        })
      for (const [characters, told] of [
        [4_000_000, true],
        [4_000_000, false],
        [17_000_000, true],
        [17_000_000, false]
      ] as const) {
        const body = answer(characters)
        const server = yield* serving(
          Http.createServer((_, response) => {
            response.writeHead(200, told ? { ...json, "content-length": body.length } : json).end(body)
          })
        )
        const engine = yield* OpenAICompatible.make({
          provider: AIProvider.Claude,
          baseUrl: `http://127.0.0.1:${server}`,
          model: "m",
          completeOver: "json"
        })
        const { error, provider } = yield* asked(engine)
        assert.strictEqual(provider, characters < 16_000_000 ? "claude" : "gpt4")
        assert.strictEqual(reasonOf(error), characters < 16_000_000 ? undefined : "malformed")
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe("a response whose frame has no end", () => {
  /** Sends some bytes for a request, and then the same ones for as long as they are taken. */
  const flooding = (first: string, piece: string) =>
    Effect.gen(function* () {
      const { connections, url } = yield* RawServer.listen((_, socket) => {
        const more = (): void => {
          if (socket.destroyed) return
          if (socket.write(piece)) setImmediate(more)
          else socket.once("drain", more)
        }
        socket.write(first, more)
        return []
      })
      return { url, left: () => connections() === 0 }
    })

  const ok = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
  const coded = `${ok}transfer-encoding: chunked\r\n`
  const attacks: ReadonlyArray<readonly [string, string, string, string]> = [
    ["a line of the status", "HTTP/1.1 200 ", a, "TimeoutError"],
    ["headers", ok, `x: ${a}\r\n`, "network"],
    ["short headers", ok, "x: y\r\n".repeat(1000), "network"],
    ["the name of a header", ok, a, "network"],
    ["an extension of a chunk", `${coded}\r\n5;`, a, "TimeoutError"],
    ["the size of a chunk", `${coded}\r\n`, "0".repeat(16_384), "TimeoutError"],
    ["trailers", `${coded}\r\n0\r\n`, `x: ${a}\r\n`, "network"],
    ["heads that announce another", "", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", "TimeoutError"]
  ]

  for (const [name, first, piece, expected] of attacks) {
    it.scopedLive(`is left, and the next provider asked: ${name}`, () =>
      Effect.gen(function* () {
        const upstream = yield* flooding(first, piece)
        const { error, provider } = yield* makers["Chat Completions, streamed"](upstream.url).pipe(
          Effect.flatMap((engine) => asked(engine, expected === "TimeoutError" ? { firstTokenMs: 100 } : {}))
        )
        assert.strictEqual(provider, "gpt4")
        assert.strictEqual(reasonOf(error), expected, error?.message)
        yield* eventually(Effect.sync(upstream.left))
      }).pipe(Effect.provide(NodeHttpClient.layerUndici))
    )
  }
})

describe("a redirect", () => {
  const elsewhere = Effect.gen(function* () {
    const target = yield* RawServer.make(RawServer.answer(200, "application/json", "{}"))
    const redirects = [301, 302, 303, 307, 308].map((status) =>
      RawServer.answer(status, "text/plain", "", { location: `${target.url}/v1/chat/completions?key=a` })
    )
    return { target, server: yield* RawServer.make(...redirects) }
  })

  it.scopedLive("is followed by no gateway: neither key nor prompt goes to another address", () =>
    Effect.gen(function* () {
      const { server, target } = yield* elsewhere
      const engine = yield* OpenAICompatible.make({
        provider: AIProvider.Claude,
        baseUrl: server.url,
        model: "m",
        apiKey
      })
      const { url } = yield* start({ engines: [], registered: [engine] })
      for (const stream of [false, true, false, true, false]) {
        const messages = [{ role: "user", content: "Hello" }]
        const { status, text } = yield* post(`${url}/v1/chat/completions`, {
          model: "claude",
          messages,
          stream
        })
        assert.strictEqual(status, 502, text)
        assert.include(text, `redirect to ${target.url}/v1/chat/completions,`)
        assert.notInclude(text, "key=a")
      }
      assert.strictEqual(server.requests.length, 5)
      assert.deepStrictEqual(target.requests, [])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("is followed by no command", () =>
    Effect.gen(function* () {
      const { server, target } = yield* elsewhere
      const provider = { id: "a", baseUrl: server.url, model: "m", apiKeyEnv: "TEST_KEY" }
      const file = yield* cli.directory({
        "c.json": JSON.stringify({ ollama: false, providers: [provider] }),
        "t.jsonl": '{"id":"1","prompt":"Hello"}\n'
      })
      const world = { env: { TEST_KEY: "test-key" }, http: NodeHttpClient.layerUndici }
      for (const args of [
        ["ask", "Hello"],
        ["run", file("t.jsonl"), "--out", file("r.jsonl")]
      ]) {
        const { code, err, out } = yield* cli.runLive([...args, "--config", file("c.json")], world)
        assert.notStrictEqual(code, 0)
        const told = out + err + (args.includes("run") ? yield* cli.readFile(file("r.jsonl")) : "")
        assert.include(told, `redirect to ${target.url}/v1/chat/completions,`)
        assert.notInclude(told, "test-key")
      }
      assert.isAbove(server.requests.length, 1)
      assert.deepStrictEqual(target.requests, [])
    }).pipe(Effect.provide(cli.platform))
  )
})

describe("TLS", () => {
  /** A key and a certificate of its own making for a name, which holds, or held until yesterday. */
  const certificate = (name: string, holds: boolean) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-tls-"))
    const [key = "", cert = ""] = ["key.pem", "cert.pem"].map((file) => path.join(directory, file))
    const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`, "-days", "2"]
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    const args = ["req", "-x509", ...curve, "-keyout", key, "-out", cert, ...subject]
    execFileSync("openssl", args, { stdio: "ignore" })
    const expired = ["x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", cert]
    if (!holds) execFileSync("openssl", expired, { stdio: "ignore" })
    const made = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) }
    fs.rmSync(directory, { recursive: true })
    return made
  }

  const requests: Array<string> = []
  const secure = (name: string, holds = true) => {
    const made = certificate(name, holds)
    return Effect.map(
      serving(
        Https.createServer(made, (request, response) => {
          requests.push(String(request.headers["x-api-key"]))
          response.end()
        })
      ),
      (port) => ({ port, cert: made.cert })
    )
  }

  /** The client that trusts a certificate, as a machine's own store would. */
  const trusting = (ca: Buffer) =>
    Layer.provide(
      NodeHttpClient.layerUndiciWithoutDispatcher,
      Layer.scoped(
        NodeHttpClient.Dispatcher,
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ connect: { ca } })),
          (agent) => Effect.promise(() => agent.destroy())
        )
      )
    )

  it.scopedLive("of a server that can't be believed is a fault of the network: no key is sent there", () =>
    Effect.gen(function* () {
      const own = yield* secure("localhost")
      const other = yield* secure("other.example")
      const old = yield* secure("localhost", false)
      const plain = yield* serving(Http.createServer((_, response) => void response.end()))
      const attacks = [
        ["self-signed", own.port, NodeHttpClient.layerUndici, /self-signed|SELF_SIGNED/i],
        ["another name", other.port, trusting(other.cert), /altnames|ALTNAME/i],
        ["expired", old.port, trusting(old.cert), /expired/i],
        ["no TLS at all", plain, NodeHttpClient.layerUndici, /SSL|TLS|wrong version/i]
      ] as const
      for (const [name, port, client, why] of attacks) {
        const { error, provider } = yield* makers["Messages, streamed"](`https://localhost:${port}`).pipe(
          Effect.flatMap(asked),
          Effect.provide(client)
        )
        assert.strictEqual(provider, "gpt4", name)
        assert.strictEqual(reasonOf(error), "network", name)
        assert.match(error?.message ?? "", why, name)
        assert.notInclude(error?.message ?? "", "test-key")
      }
      assert.deepStrictEqual(requests, [])
    })
  )
})
