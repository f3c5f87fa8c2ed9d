/** What users of `ask`, `run` and `serve` see of the servers behind them, over sockets. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import { dataOf, eventually, post } from "../gateway/harness.js"
import * as harness from "./harness.js"

interface Received {
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

/** A server that keeps what it is asked, and leaves the answer to the test. */
const server = (answer: (response: Http.ServerResponse, path: string) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Received> = []
      const made = Http.createServer((request, response) => {
        const pieces: Array<Buffer> = []
        request.on("data", (piece: Buffer) => pieces.push(piece))
        request.on("end", () => {
          received.push({ headers: request.headers, body: Buffer.concat(pieces).toString() })
          answer(response, request.url ?? "")
        })
      })
      await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve))
      const address = made.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { made, received, url: `http://127.0.0.1:${port}` }
    }),
    ({ made }) =>
      Effect.promise(() => {
        made.closeAllConnections()
        return new Promise((resolve) => made.close(resolve))
      })
  )

const events = (events: ReadonlyArray<object>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

const delta = (content: string) => ({ model: "m", choices: [{ index: 0, delta: { content } }] })

const stop = { model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }

const stream = (response: Http.ServerResponse) =>
  response.writeHead(200, { "content-type": "text/event-stream" })

const apiKey = "test-key-of-this-provider"

const provider = (id: string, url: string, more: object = {}) => ({
  id,
  baseUrl: `${url}/v1`,
  model: "m",
  apiKey,
  ...more
})

/** The commands with a configuration of these providers; each task goes to the one that is named. */
const withProviders = (
  providers: ReadonlyArray<object>,
  more: object = {},
  env: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const file = yield* harness.directory({
      "config.json": JSON.stringify({ ollama: false, providers, ...more })
    })
    const world = { http: FetchHttpClient.layer, env: { ARC_SAGA_CONFIG: file("config.json"), ...env } }
    let runs = 0
    const ask = (id: string) => harness.runLive(["ask", "Hello", "--provider", id], world)
    const run = (id: string, task: object = { prompt: "Hello" }) =>
      Effect.gen(function* () {
        yield* harness.writeFile(file("tasks.jsonl"), JSON.stringify(task))
        const out = file(`results-${++runs}.jsonl`)
        const ran = yield* harness.runLive(
          ["run", file("tasks.jsonl"), "--out", out, "--provider", id],
          world
        )
        const results = yield* harness.readFile(out)
        return { ...ran, results, table: ran.out + ran.err }
      })
    const serve = Effect.gen(function* () {
      const { effect, printed } = harness.command(["serve", "--port", "0"], world)
      yield* Effect.forkScoped(effect)
      const address = () => /Listening at (http:\/\/\S+:\d+)\./.exec(printed.err.join(""))?.[1]
      yield* eventually(Effect.sync(() => address() !== undefined))
      return (model: string, body: object = {}, path = "chat/completions") =>
        post(`${address()}/v1/${path}`, {
          model,
          max_tokens: 9,
          messages: [{ role: "user", content: "Hello" }],
          ...body
        })
    })
    return { ask, run, serve }
  })

const test = (name: string, body: () => Effect.Effect<void, never, FileSystem.FileSystem | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(body(), harness.platform))

describe("a provider that redirects", () => {
  test("is told with the new address, which gets no key and no prompt", () =>
    Effect.gen(function* () {
      const other = yield* server((response) => response.end())
      for (const status of [301, 302, 303, 307, 308]) {
        const { url } = yield* server((response) =>
          response.writeHead(status, { location: `${other.url}/moved?token=of-the-address` }).end()
        )
        const { run, serve } = yield* withProviders(
          [provider("chat", url), provider("messages", url, { api: "anthropic", baseUrl: url })],
          { chains: { chat: [], messages: [] } }
        )
        const call = yield* serve
        for (const id of ["chat", "messages"]) {
          const { code, results } = yield* run(id)
          const whole = yield* call(id)
          const streamed = yield* call(id, { stream: true }, "messages")
          assert.deepStrictEqual([code, whole.status, streamed.status], [1, 502, 502])
          for (const told of [results, whole.text, streamed.text]) {
            assert.include(told, `a redirect to ${other.url}/moved, which isn't followed`)
            assert.notInclude(told, "of-the-address")
            assert.notInclude(told, apiKey)
          }
        }
      }
      assert.deepStrictEqual(other.received, [])
    }))
})

describe("what a provider's server takes for ids of tool calls", () => {
  const id = "toolu_01A.of-another:provider"
  const called = [
    { role: "user", content: "What time is it?" },
    { role: "assistant", content: "", toolCalls: [{ id, name: "now", arguments: "{}" }] },
    { role: "tool", toolCallId: id, content: "Noon" }
  ]
  const calledOfOpenAI = [
    called[0],
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id, type: "function", function: { name: "now", arguments: "{}" } }]
    },
    { role: "tool", tool_call_id: id, content: "Noon" }
  ]

  test("is read from the file, and reaches the wire by run and by serve", () =>
    Effect.gen(function* () {
      const { received, url } = yield* server((response) =>
        stream(response).end(events([delta("Noon."), stop]))
      )
      const long = "x".repeat(50)
      const { run, serve } = yield* withProviders([
        provider("nine", url, { toolCallIds: "nine-alphanumerics" }),
        provider("forty", url, { toolCallIds: "forty-characters" }),
        provider("any", url, { model: "mistral-large", toolCallIds: "any" }),
        provider("told", url, { model: "mistral-large" })
      ])
      const call = yield* serve
      const sent = (named: string) => {
        const { messages } = JSON.parse(received.at(-1)?.body ?? "{}")
        const ids = [messages[1].tool_calls[0].id, messages[2].tool_call_id]
        assert.strictEqual(ids[0], ids[1], named)
        return ids[0]
      }
      for (const [provider, given, fits] of [
        ["nine", id, /^[A-Za-z0-9]{9}$/],
        ["forty", id + long, /^.{40}$/],
        ["forty", id, new RegExp(`^${id.replaceAll(".", "\\.")}$`)],
        ["any", id + long, new RegExp(`${long}$`)],
        ["told", id, /^[A-Za-z0-9]{9}$/]
      ] as const) {
        const as = (messages: unknown): unknown =>
          JSON.parse(JSON.stringify(messages).replaceAll(JSON.stringify(id), JSON.stringify(given)))
        const ran = yield* run(provider, { messages: as(called) })
        assert.strictEqual(ran.code, 0, ran.results)
        assert.match(sent(`run ${provider}`), fits)
        const reply = yield* call(provider, { messages: as(calledOfOpenAI) })
        assert.strictEqual(reply.status, 200, reply.text)
        assert.match(sent(`serve ${provider}`), fits)
      }
    }))
})

describe("when a provider wants to be asked again", () => {
  test("is told to the gateway's clients in whole seconds, also where it isn't asked any more", () =>
    Effect.gen(function* () {
      let stated = ""
      const { received, url } = yield* server((response) =>
        response.writeHead(429, { "retry-after": stated }).end('{"error":{"message":"slow down"}}')
      )
      const now = Date.now()
      for (const [value, least, most] of [
        ["7.2", 7, 8],
        ["30, 30", 29, 30],
        [new Date(now + 90_000).toUTCString(), 60, 90],
        [String(now + 90_000), 60, 90],
        [String(Math.ceil(now / 1000) + 90), 60, 91],
        ["31536000000", 86_399, 86_400]
      ] as const) {
        stated = value
        const before = received.length
        const { serve } = yield* withProviders([provider("limited", url)])
        const call = yield* serve
        const replies = [
          yield* call("limited"),
          yield* call("limited"),
          yield* call("limited", {}, "messages")
        ]
        // It is asked once, and left alone then.
        assert.strictEqual(received.length - before, 1, value)
        for (const { headers, status } of replies) {
          assert.strictEqual(status, 429)
          const seconds = headers.get("retry-after") ?? ""
          assert.match(seconds, /^\d+$/, value)
          assert.isAtLeast(Number(seconds), least, value)
          assert.isAtMost(Number(seconds), most, value)
        }
      }
    }))
})

describe("limits of single providers in the file", () => {
  test("end what takes too long there, and the table says what that cost", () =>
    Effect.gen(function* () {
      const silent = yield* server((response) => void stream(response).write(": here\n\n"))
      const stalled = yield* server((response) => void stream(response).write(events([delta("Once upon")])))
      const quick = yield* server((response) => stream(response).end(events([delta("Hi"), stop])))
      const price = { input: 1000, output: 1000 }
      const { run } = yield* withProviders(
        [
          provider("silent", silent.url, { price }),
          provider("stalled", stalled.url, { price }),
          provider("quick", quick.url, { price })
        ],
        {
          chains: { silent: ["quick"], stalled: ["quick"] },
          providerLimits: { silent: { firstTokenMs: 100 }, stalled: { idleMs: 100 } }
        }
      )
      for (const [id, limit] of [
        ["silent", "no content within 100 ms"],
        ["stalled", "no further content within 100 ms"]
      ] as const) {
        const { code, results, table } = yield* run(id)
        assert.strictEqual(code, 0)
        assert.include(results, limit)
        assert.match(table, /p99 +given up\n/)
        assert.match(table, /\nquick +1 .* 0\n/)
        assert.match(table, new RegExp(`\n${id} +0 +1 .* 1: ~\\$0\\.\\d+\n`))
      }
    }))
})

describe("headers and counts of a provider", () => {
  test("are read from the file", () =>
    Effect.gen(function* () {
      const { received, url } = yield* server((response) =>
        stream(response).end(events([delta("Noon."), stop]))
      )
      const { run } = yield* withProviders([
        provider("plain", url),
        provider("set", url, { headers: { "x-team": "blue" }, includeUsage: false })
      ])
      yield* run("plain")
      assert.deepInclude(JSON.parse(received.at(-1)?.body ?? ""), {
        stream_options: { include_usage: true }
      })
      yield* run("set")
      assert.notProperty(JSON.parse(received.at(-1)?.body ?? ""), "stream_options")
      assert.propertyVal(received.at(-1)?.headers, "x-team", "blue")
    }))
})

describe("an emoji whose halves come in two deltas", () => {
  test("is whole in ask, in run and in serve, over either wire", () =>
    Effect.gen(function* () {
      const halves = ["a\uD83D", "\uDE80b", "\uD83D", "\uDE80"]
      const { url } = yield* server((response, path) => {
        const of = (type: string, more: object = {}) => ({ type, ...more })
        stream(response).end(
          path.endsWith("/messages")
            ? events([
                of("message_start", { message: { model: "m", content: [] } }),
                of("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
                ...halves.map((text) =>
                  of("content_block_delta", { index: 0, delta: { type: "text_delta", text } })
                ),
                of("content_block_stop", { index: 0 }),
                of("message_delta", { delta: { stop_reason: "end_turn" } }),
                of("message_stop")
              ])
            : events([...halves.map(delta), stop])
        )
      })
      const { ask, run, serve } = yield* withProviders([
        provider("chat", url),
        provider("messages", url, { api: "anthropic", baseUrl: url })
      ])
      const call = yield* serve
      const whole = "a🚀b🚀"
      for (const id of ["chat", "messages"]) {
        assert.strictEqual((yield* ask(id)).out, `${whole}\n`)
        assert.include((yield* run(id)).results, whole)
        for (const path of ["chat/completions", "messages"]) {
          assert.include((yield* call(id, {}, path)).text, whole)
          const streamed = yield* call(id, { stream: true }, path)
          const texts = dataOf(streamed.text)
            .filter((data) => data !== "[DONE]")
            .map((data) => JSON.parse(data))
            .map(({ choices, delta }) => choices?.[0]?.delta.content ?? delta?.text ?? "")
          assert.strictEqual(texts.join(""), whole)
          // Each piece can be shown by itself, but where it goes on as its provider wrote it.
          const isNative = path.startsWith(id)
          for (const text of texts) assert.isTrue(isNative || text.isWellFormed())
        }
      }
    }))
})

describe("an Ollama that was merely found", () => {
  test("is asked by serve for its name alone, and never falls in for a configured provider", () =>
    Effect.gen(function* () {
      let down = false
      const answer = (text: string) => (response: Http.ServerResponse, path: string) => {
        if (path.endsWith("/models")) response.end(JSON.stringify({ data: [{ id: "m" }] }))
        else stream(response).end(events([delta(text), stop]))
      }
      const found = yield* server(answer("Local."))
      const house = yield* server((response, path) =>
        down ? response.writeHead(402).end() : answer("House.")(response, path)
      )
      const price = { input: 1000, output: 1000 }
      const { serve } = yield* withProviders(
        [provider("house", house.url, { price })],
        { ollama: undefined },
        { OLLAMA_HOST: found.url }
      )
      const call = yield* serve
      const strategies = ["auto", "cheapest", "fastest", "quality", "balanced"].map((name) => `saga/${name}`)
      for (const model of [...strategies, "house"]) {
        assert.strictEqual((yield* call(model)).headers.get("x-saga-provider"), "house", model)
      }
      assert.include((yield* call("ollama")).text, "Local.")
      down = true
      for (const model of ["house", "saga/cheapest"]) {
        const { status, text } = yield* call(model)
        // The provider's own status.
        assert.strictEqual(status, 402, text)
        assert.notInclude(text, "ollama")
      }
    }))
})

describe("an answer in a form that clients of its wire can't read", () => {
  const legacy = (text: string, finish_reason: string | null = null) => ({
    object: "text_completion",
    model: "m",
    choices: [{ index: 0, text, finish_reason }]
  })
  const json = (body: unknown) => (response: Http.ServerResponse) =>
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))

  test("reaches the gateway's clients in theirs", () =>
    Effect.gen(function* () {
      const forms: ReadonlyArray<(response: Http.ServerResponse) => unknown> = [
        json([delta("Hi,"), delta(" you"), stop]),
        json(legacy("Hi, you", "stop")),
        (response) => stream(response).end(events([legacy("Hi,"), legacy(" you", "stop")]))
      ]
      let form = forms[0]
      const { url } = yield* server((response) => form?.(response))
      const { serve } = yield* withProviders([provider("odd", url)])
      const call = yield* serve
      for (form of forms) {
        const whole = yield* call("odd")
        assert.strictEqual(JSON.parse(whole.text).choices[0].message.content, "Hi, you", whole.text)
        const streamed = yield* call("odd", { stream: true })
        const chunks = dataOf(streamed.text)
          .filter((data) => data !== "[DONE]")
          .map((data) => JSON.parse(data))
        const texts = chunks.map(({ choices }) => choices[0].delta.content ?? "")
        assert.strictEqual(texts.join(""), "Hi, you", streamed.text)
      }
    }))
})
