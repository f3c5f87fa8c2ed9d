/**
 * Clients that go away at each stage of a call, and clients that are slow: what was begun for them is ended and
 * given back, once, and others are answered meanwhile.
 *
 * In one process and by turns: test/gateway/Connections.test.ts.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  Budgets,
  BudgetStore,
  CircuitBreaker,
  MultiLLMOrchestrator,
  ReasoningEngineRegistry,
  Reliability,
  SpendLedger,
  Usd
} from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Net from "node:net"
import { connect, eventually, post, request, start } from "../gateway/harness.js"
import { bodyOf, paths, type Wire } from "../gateway/wires.js"
import { statusOf } from "../utils/budgets.js"
import { done, eventStream, hi, stop, usage } from "../utils/chatCompletions.js"
import { rowsOf } from "../utils/ledger.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"

const { chunk, lastChunk, send } = RawServer

type Steps = ReadonlyArray<RawServer.Step>

const delta = `data: {"choices":[{"delta":{"content":"Light scatters"}}]}\n\n`
const begun = [send(eventStream)]
const some = [send(eventStream + chunk(delta))]
/** With a finish reason it would count as whole a while later. */
const allButTheEnd = [send(eventStream + chunk(delta + stop.slice(0, 20)))]
const whole = [send(eventStream + chunk(delta + stop + usage + done) + lastChunk)]

/**
 * A gateway over a provider that does these things, one for each request and the last one again and again. It
 * may be asked one call at a time, and its budget has room for one: what isn't given back keeps the next call out.
 */
const gateway = (
  scripts: ReadonlyArray<Steps>,
  tokens = 600,
  around: (store: BudgetStore.Service) => BudgetStore.Service = (store) => store,
  wire: Wire = "chatCompletions"
) =>
  Effect.gen(function* () {
    let asked = 0
    const sockets: Array<Net.Socket> = []
    const upstream = yield* RawServer.listen((_, socket) => {
      sockets.push(socket)
      return scripts[asked++] ?? scripts.at(-1) ?? []
    })
    const client = yield* Layer.build(NodeHttpClient.layerUndici)
    const options = { provider: AIProvider.Claude, baseUrl: upstream.url, model: "m" }
    const engine = yield* Effect.provide(
      wire === "messages"
        ? Claude.make({ ...options, apiKey: Redacted.make("sk-test") })
        : OpenAICompatible.make({ ...options, wires: [wire] }),
      client
    )
    const ledger = yield* SpendLedger.makeMemory()
    const store = around(yield* BudgetStore.makeMemory)
    const budgets = yield* Effect.provideService(
      Budgets.make({ budgets: [{ name: "all", scope: "overall", period: "day", tokens }] }),
      BudgetStore.BudgetStore,
      store
    )
    const context = yield* Layer.build(
      MultiLLMOrchestrator.layerFor({}).pipe(
        Layer.provide(ReasoningEngineRegistry.layerEngines([engine])),
        // One failure would open the circuit.
        Layer.provideMerge(
          Reliability.layer({
            rateLimits: { providers: { claude: { concurrency: 1 } } },
            circuitBreaker: { consecutiveFailures: 1 }
          })
        ),
        Layer.provide(Layer.succeed(SpendLedger.SpendLedger, ledger)),
        Layer.provide(Layer.succeed(Budgets.Budgets, budgets))
      )
    )
    const { activity, url } = yield* start({
      engines: [],
      registered: [engine],
      orchestrator: Context.get(context, MultiLLMOrchestrator.MultiLLMOrchestrator)
    })
    const reserved = Effect.map(statusOf(budgets), ({ reserved }) => reserved)
    const rows = Effect.orDie(rowsOf(ledger))
    const circuit = Context.get(context, CircuitBreaker.CircuitBreaker).state(AIProvider.Claude)
    return { activity, asked: () => asked, circuit, reserved, rows, sockets, upstream, url }
  })

const json = (stream: boolean): string =>
  JSON.stringify({ model: "claude", max_tokens: 100, stream, messages: [{ role: "user", content: "Hello" }] })
const head = (length: number): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n`
const call = (stream: boolean): string => `${head(json(stream).length)}\r\n${json(stream)}`

interface Stage {
  readonly name: string
  /** What the client says before it goes. */
  readonly said: string
  /** What the provider does, if it is asked. */
  readonly steps?: Steps
  /** What the client has heard by then. */
  readonly heard?: string
}

const stages: ReadonlyArray<Stage> = [
  { name: "in the head", said: head(100) },
  { name: "in the body", said: `${head(json(true).length)}\r\n${json(true).slice(0, 20)}` },
  {
    name: "in a body in chunks",
    said: `${head(0).replace("content-length: 0", "transfer-encoding: chunked")}\r\n5\r\n{"mod`
  },
  { name: "before the head of the answer", said: call(true), steps: [] },
  { name: "before the first token", said: call(true), steps: begun },
  { name: "in the middle of the stream", said: call(true), steps: some, heard: "Light" },
  { name: "in the last event of the stream", said: call(true), steps: allButTheEnd, heard: "Light" },
  { name: "before the head of an answer in one piece", said: call(false), steps: [] },
  { name: "in the middle of an answer in one piece", said: call(false), steps: some },
  { name: "in the last event of an answer in one piece", said: call(false), steps: allButTheEnd }
]

describe("a client that goes away", () => {
  for (const { heard = "", name, said, steps } of stages) {
    it.scopedLive(`leaves nothing behind, and the next one is answered: ${name}`, () =>
      Effect.gen(function* () {
        const { activity, asked, reserved, rows, upstream, url } = yield* gateway(
          steps === undefined ? [whole] : [steps, whole]
        )
        const client = yield* connect(url, said)
        if (steps === undefined) yield* request(`${url}/healthz`)
        else yield* eventually(Effect.sync(() => asked() === 1 && client.heard().includes(heard)))
        // What is sent by now may still have to be read.
        yield* request(`${url}/healthz`)
        client.socket.destroy()

        yield* eventually(Effect.map(rows, ({ length }) => length === (steps === undefined ? 0 : 1)))
        yield* eventually(Effect.sync(() => upstream.connections() === 0))
        yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 0))
        assert.strictEqual(yield* reserved, 0)
        const metrics = yield* request(`${url}/metrics`)
        assert.include(metrics.text, "arc_saga_gateway_calls_running 0\n")

        const answer = yield* post(`${url}/v1/chat/completions`, json(true))
        assert.strictEqual(answer.status, 200, answer.text)
        assert.include(answer.text, "[DONE]")
        assert.deepStrictEqual(
          (yield* rows).map(({ outcome }) => outcome).toSorted(),
          steps === undefined ? ["succeeded"] : ["interrupted", "succeeded"]
        )
        assert.strictEqual(yield* reserved, 0)
      })
    )
  }

  it.scopedLive("while it waits for another's permit is never asked for", () =>
    Effect.gen(function* () {
      const { activity, asked, reserved, rows, upstream, url } = yield* gateway([begun, whole], 2000)
      const holding = yield* connect(url, call(true))
      yield* eventually(Effect.sync(() => asked() === 1))
      const waiting = yield* connect(url, call(true))
      yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 2))
      waiting.socket.destroy()
      yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 1))
      holding.socket.destroy()
      yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 0))
      yield* eventually(Effect.sync(() => upstream.connections() === 0))
      assert.strictEqual(asked(), 1)
      assert.strictEqual(yield* reserved, 0)
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, json(true))).status, 200)
      const outcomes = (yield* rows).map(({ outcome }) => outcome)
      assert.deepStrictEqual(outcomes.toSorted(), ["interrupted", "succeeded"])
    })
  )

  it.scopedLive(
    "while its budgets are looked at is never asked for, and what is reserved late is given back",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        let waiting = 0
        const slow = (store: BudgetStore.Service): BudgetStore.Service => ({
          ...store,
          reserve: (charges, deadline) => {
            waiting++
            return Effect.zipRight(Deferred.await(gate), store.reserve(charges, deadline))
          }
        })
        const { activity, asked, reserved, rows, url } = yield* gateway([whole], 600, slow)
        const client = yield* connect(url, call(true))
        yield* eventually(Effect.sync(() => waiting === 1))
        client.socket.destroy()
        // The gateway has noticed when another connection's request is answered.
        yield* request(`${url}/healthz`)
        yield* Deferred.succeed(gate, undefined)
        yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 0))
        assert.strictEqual(asked(), 0)
        assert.strictEqual(yield* reserved, 0)
        assert.deepStrictEqual(
          (yield* rows).map(({ cost, outcome }) => [outcome, Option.map(cost, Usd.toDecimal)]),
          [["interrupted", Option.some("0")]]
        )
        assert.strictEqual((yield* post(`${url}/v1/chat/completions`, json(true))).status, 200)
      })
  )
})

interface Said {
  readonly begins: string
  readonly text: string
  readonly ends: string
  /** The beginning of the end, up to within the event that says why the model stopped: from there on all is awaited. */
  readonly torn: string
}

/** What a provider streams over a wire. */
const said: Readonly<Record<Wire, Said>> = {
  chatCompletions: {
    begins: ": hello\n\n",
    text: hi,
    ends: stop + usage + done,
    torn: stop.slice(0, 20)
  },
  messages: {
    begins: messages.wire(messages.start(), messages.block()),
    text: messages.wire(messages.text("Hi")),
    ends: messages.rest,
    torn: messages.wire(messages.blockStop(), messages.stopped()).trimEnd().slice(0, -4)
  },
  responses: {
    begins: responses.wire(...responses.hi.slice(0, -1)),
    text: responses.wire(...responses.hi.slice(-1)),
    ends: responses.wire(...responses.rest),
    torn: responses
      .wire(...responses.rest)
      .trimEnd()
      .slice(0, -4)
  }
}

/** What the provider has sent of a stream that is handed on as it comes, when its client goes, and what was heard. */
const moments: ReadonlyArray<readonly [string, (of: Said) => string | undefined, heard: boolean]> = [
  ["before the head", () => undefined, false],
  ["in silence after the head", () => "", false],
  ["in silence after what says nothing yet", ({ begins }) => begins, false],
  ["between two events", ({ begins, text }) => begins + text, true],
  ["within an event", ({ begins, text }) => begins + text + text.slice(0, text.length / 2), true],
  ["within the last events", ({ begins, text, torn }) => begins + text + torn, true]
]

describe.each(["chatCompletions", "messages", "responses"] as const)(
  "a client of %s whose stream is handed on as it comes",
  (wire) => {
    it.scopedLive.each(moments)("leaves nothing behind when it goes away %s", ([, sent, heard]) =>
      Effect.gen(function* () {
        const of = said[wire]
        const script = sent(of)
        const first = script === undefined ? [] : [send(eventStream + (script === "" ? "" : chunk(script)))]
        const all = [send(eventStream + chunk(of.begins + of.text + of.ends) + lastChunk)]
        const { activity, asked, circuit, reserved, rows, upstream, url } = yield* gateway(
          [first, all],
          600,
          undefined,
          wire
        )
        const bound = wire === "responses" ? { max_output_tokens: 99 } : { max_tokens: 99 }
        const asking = bodyOf(wire, "claude", true, bound)
        const body = JSON.stringify(asking)
        const path = paths[wire]
        const client = yield* connect(
          url,
          `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
        )
        yield* eventually(Effect.sync(() => asked() === 1 && client.heard().includes(heard ? of.text : "")))
        // What is sent by now may still have to be read.
        yield* request(`${url}/healthz`)
        client.socket.destroy()

        yield* eventually(Effect.map(rows, ({ length }) => length === 1))
        yield* eventually(Effect.sync(() => upstream.connections() === 0))
        yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 0))
        assert.strictEqual(yield* reserved, 0)
        const [row] = yield* rows
        assert.strictEqual(row?.outcome, "interrupted")
        // A provider that was asked may charge for what it read.
        assert.isAbove(row?.usage.inputTokens ?? 0, 0)
        assert.strictEqual((yield* circuit)._tag, "closed")

        // The permit and the budget have room for one: this one is answered, and as its provider says it.
        const next = yield* post(url + path, asking)
        assert.strictEqual(next.status, 200, next.text)
        assert.strictEqual(next.text, of.begins + of.text + of.ends)
        assert.deepStrictEqual((yield* rows).map(({ outcome }) => outcome).toSorted(), [
          "interrupted",
          "succeeded"
        ])
        assert.strictEqual(yield* reserved, 0)
      })
    )
  }
)

describe("slow clients", () => {
  it.scopedLive("that never end their heads keep no other from being answered", () =>
    Effect.gen(function* () {
      const { url } = yield* gateway([whole])
      const clients = yield* Effect.forEach(Array.from({ length: 300 }), () => connect(url, head(9)), {
        concurrency: "unbounded"
      })
      for (const { socket } of clients) socket.write("x")
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, json(true))).status, 200)
      assert.isTrue(clients.every(({ closed, heard }) => !closed() && heard() === ""))
    })
  )

  it.scopedLive("that read nothing hold their provider back, for as long as they stay", () =>
    Effect.gen(function* () {
      const piece = send(chunk(delta.replace("Light scatters", "x".repeat(60_000))))
      const pieces = 2000
      const { activity, reserved, rows, sockets, upstream, url } = yield* gateway([
        [send(eventStream), ...Array.from({ length: pieces }, () => piece)]
      ])
      const client = yield* connect(url, call(true))
      client.socket.pause()
      yield* eventually(Effect.sync(() => sockets.length === 1))
      const sent = () => sockets[0]?.bytesWritten ?? 0
      // It has come to a stop when nothing more was sent while others were answered.
      for (let before = -1; before < sent();) {
        before = sent()
        yield* Effect.repeatN(request(`${url}/healthz`), 20)
      }
      assert.isAbove(sent(), 0)
      // What fits into the buffers of four sockets, of 120 MB.
      assert.isBelow(sent(), 30 * 1024 * 1024)
      assert.strictEqual((yield* activity.snapshot).running, 1)
      client.socket.destroy()
      yield* eventually(Effect.sync(() => upstream.connections() === 0))
      yield* eventually(Effect.map(rows, ({ length }) => length === 1))
      assert.strictEqual(yield* reserved, 0)
    })
  )
})
