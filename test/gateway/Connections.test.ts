import * as HttpIncomingMessage from "@effect/platform/HttpIncomingMessage"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, ReasoningEngine } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { sized } from "../utils/property.js"
import { called, connect, dataOf, eventually, post, start } from "./harness.js"
import * as eventLoop from "../utils/eventLoop.js"

const { Claude } = AIProvider
const { answer, never, stall } = Behaviour

const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

const endpoints = [
  ["/v1/chat/completions", chat],
  ["/v1/messages", { ...chat, max_tokens: 9 }]
] as const

const requestOf = (path: string, body: unknown): string => {
  const json = JSON.stringify(body)
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`
}

describe.concurrent("a client that goes away", () => {
  it.scopedLive.each(endpoints)("ends the call at %s at once, settled once", ([path, body]) =>
    Effect.gen(function* () {
      for (const stream of [false, true]) {
        const { activity, engines, url } = yield* start({
          engines: [{ provider: Claude, script: [stall({ text: "Light scatters", after: 1 })] }]
        })
        const [engine] = engines
        if (engine === undefined) return assert.fail()
        const { heard, socket } = yield* connect(url, requestOf(path, { ...body, stream }))
        yield* called(engine)
        if (stream) yield* eventually(Effect.sync(() => heard().includes("Ligh")))
        socket.destroy()
        yield* eventually(Effect.map(engine.open, (open) => open === 0))
        const [call] = yield* engine.calls
        assert.strictEqual(call?.outcome, "interrupted")
        yield* eventually(Effect.map(activity.snapshot, ({ running }) => running === 0))
        const snapshot = yield* activity.snapshot
        assert.deepStrictEqual(snapshot.calls[0]?.ending, { _tag: "ClientDisconnected" })
        assert.deepStrictEqual(snapshot.counts, [{ provider: Claude, outcome: "interrupted", attempts: 1 }])
        assert.strictEqual(snapshot.calls[0]?.attempts.length, 1)
      }
    })
  )
})

describe.concurrent("a client that reads slowly", () => {
  it.scopedLive("holds the provider back: what isn't read isn't asked for", () =>
    Effect.gen(function* () {
      const pieces = sized(1000, 600)
      const piece = "x".repeat(65_536)
      let written = 0
      const engine = ReasoningEngine.make({
        provider: Claude,
        attempt: () =>
          Effect.succeed(
            Effect.sync(() => {
              written++
              return written < pieces
                ? [ReasoningEngine.textDelta(piece)]
                : [ReasoningEngine.textDelta("end"), ReasoningEngine.finish("stop", "m")]
            })
          )
      })
      const { url } = yield* start({ engines: [], registered: [engine] })
      const response = yield* Effect.promise(() =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...chat, stream: true })
        })
      )
      const reader = response.body?.getReader()
      let read = 0
      let ahead = 0
      let tail = ""
      for (;;) {
        const { done, value } = yield* Effect.promise(
          async () => (await reader?.read()) ?? { done: true, value: undefined }
        )
        if (done || value === undefined) break
        read += value.length
        ahead = Math.max(ahead, written * piece.length - read)
        tail = new TextDecoder().decode(value.slice(-64))
        // Turns in which a gateway without back-pressure would go on.
        for (let turn = 0; turn < 5; turn++) yield* eventLoop.turn
      }
      assert.isAbove(read, pieces * piece.length)
      assert.include(tail, "[DONE]")
      // What fits into the buffers of two sockets, of tens of MB.
      assert.isBelow(ahead, 24 * 1024 * 1024)
    })
  )
})

describe.concurrent("a body", () => {
  const limits = { maxBodyBytes: 1000, bodyTimeoutMs: 60_000 }
  const engines = [{ provider: Claude, script: [answer({ text: "Hi" })] }] as const

  it.scopedLive("that is too long is refused by its length, before it is read", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: limits })
      const reply = yield* post(`${url}/v1/chat/completions`, "x".repeat(1001))
      assert.strictEqual(reply.status, 413)
      assert.strictEqual(JSON.parse(reply.text).error.code, "body_too_large")
      const claude = yield* post(`${url}/v1/messages`, "x".repeat(1001))
      assert.strictEqual(JSON.parse(claude.text).error.type, "request_too_large")
    })
  )

  it.scopedLive("may have as many bytes as the gateway says, whatever the server below it takes", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* HttpIncomingMessage.withMaxBodySize(
        // It is about bytes: a machine with other work to do takes its time for them.
        start({ engines, gateway: { bodyTimeoutMs: 600_000 } }),
        Option.some(1000)
      )
      const content = "x".repeat(sized(12, 2) * 1024 * 1024)
      const reply = yield* post(`${url}/v1/chat/completions`, {
        ...chat,
        messages: [{ role: "user", content }]
      })
      assert.strictEqual(reply.status, 200)
      const [call] = yield* scripted[0]?.calls ?? Effect.succeed([])
      assert.isTrue(call?.request.task.messages[0].content === content)
      const over = yield* post(`${url}/v1/chat/completions`, "x".repeat(20 * 1024 * 1024 + 1))
      assert.strictEqual(over.status, 413)
    })
  )

  it.scopedLive("may begin with a byte order mark", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const reply = yield* post(`${url}/v1/chat/completions`, `\uFEFF${JSON.stringify(chat)}`)
      assert.strictEqual(reply.status, 200)
    })
  )

  it.scopedLive("that doesn't tell its length is refused as soon as it is too long", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: limits })
      const head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
      const { closed, heard } = yield* connect(url, `${head}7d0\r\n${"x".repeat(2000)}\r\n`)
      yield* eventually(Effect.sync(() => heard().includes("body_too_large")))
      assert.include(heard(), "413")
      // More of it isn't waited for.
      yield* eventually(Effect.sync(closed))
    })
  )

  it.scopedLive("may come in pieces that cut characters in two", () =>
    Effect.gen(function* () {
      const { engines: scripted, url } = yield* start({ engines, gateway: limits })
      const json = Buffer.from(JSON.stringify({ ...chat, messages: [{ role: "user", content: "Grüße 🚀" }] }))
      const body = new ReadableStream({
        async start(controller) {
          for (const byte of json) {
            controller.enqueue(Uint8Array.of(byte))
            await new Promise((resolve) => setImmediate(resolve))
          }
          controller.close()
        }
      })
      const reply = yield* Effect.promise(() =>
        // Node's own fetch asks for `duplex`, which the types of the DOM don't know.
        fetch(
          `${url}/v1/chat/completions`,
          Object.assign(
            { method: "POST", headers: { "content-type": "application/json" }, body },
            { duplex: "half" }
          )
        )
      )
      assert.strictEqual(reply.status, 200)
      const [call] = yield* scripted[0]?.calls ?? Effect.succeed([])
      assert.strictEqual(call?.request.task.messages[0].content, "Grüße 🚀")
    })
  )

  it.scopedLive("that doesn't come is waited for so long, and the client told why", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: { ...limits, bodyTimeoutMs: 20 } })
      const head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
      const { closed, heard } = yield* connect(url, head)
      yield* eventually(Effect.sync(() => heard().includes("body_too_slow")))
      assert.include(heard(), "408")
      yield* eventually(Effect.sync(closed))
    })
  )

  it.scopedLive("that breaks off costs nothing", () =>
    Effect.gen(function* () {
      const { activity, engines: scripted, url } = yield* start({ engines, gateway: limits })
      const head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
      const told = yield* connect(url, `${head}content-length: 100\r\n\r\n{`)
      const chunked = yield* connect(url, `${head}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`)
      yield* post(`${url}/v1/chat/completions`, chat)
      told.socket.destroy()
      chunked.socket.destroy()
      yield* post(`${url}/v1/chat/completions`, chat)
      assert.strictEqual((yield* scripted[0]?.calls ?? Effect.succeed([])).length, 2)
      assert.strictEqual((yield* activity.snapshot).calls.length, 2)
    })
  )

  it.scopedLive("that isn't JSON is refused, and never quoted", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const reply = yield* post(`${url}/v1/chat/completions`, '{"model": secret prompt}')
      assert.strictEqual(reply.status, 400)
      assert.match(JSON.parse(reply.text).error.message, /^The body isn't JSON/)
      assert.notInclude(reply.text, "secret")
      for (const body of ["", "{", "[]", "null", '"x"']) {
        const bad = yield* post(`${url}/v1/chat/completions`, body)
        assert.strictEqual(bad.status, 400, body)
        assert.strictEqual(JSON.parse(bad.text).error.code, "invalid_body", body)
      }
      const coded = yield* post(`${url}/v1/chat/completions`, chat, { "content-encoding": "gzip" })
      assert.strictEqual(coded.status, 415)
    })
  )
})

describe.concurrent("a shutdown", () => {
  const begin = { ...chat, stream: true }

  it.scopedLive("lets a stream finish, and takes no new calls meanwhile", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const events = [
        Effect.succeed([ReasoningEngine.textDelta("Light ")]),
        Effect.as(Deferred.await(gate), [
          ReasoningEngine.textDelta("scatters."),
          ReasoningEngine.finish("stop", "m")
        ])
      ]
      const engine = ReasoningEngine.make({
        provider: Claude,
        attempt: () => Effect.succeed(Effect.suspend(() => events.shift() ?? Effect.never))
      })
      const { stop, url } = yield* start({ engines: [], registered: [engine] })
      const { closed, heard } = yield* connect(url, requestOf("/v1/chat/completions", begin))
      yield* eventually(Effect.sync(() => heard().includes("Light ")))
      // As a signal does it: by interrupting whoever runs the gateway.
      const running = yield* Effect.fork(Effect.ensuring(Effect.never, stop))
      yield* Effect.yieldNow()
      const stopping = yield* Effect.fork(Fiber.interrupt(running))
      yield* eventually(Effect.map(post(`${url}/v1/chat/completions`, chat), ({ status }) => status === 503))
      const refused = yield* post(`${url}/v1/messages`, { ...chat, max_tokens: 9 })
      assert.strictEqual(refused.headers.get("retry-after"), "1")
      assert.strictEqual(JSON.parse(refused.text).error.type, "overloaded_error")
      const ready = yield* Effect.promise(() => fetch(`${url}/readyz`))
      assert.strictEqual(ready.status, 503)
      assert.strictEqual((yield* Effect.promise(() => fetch(`${url}/healthz`))).status, 200)
      assert.isTrue(Option.isNone(yield* Fiber.poll(stopping)))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(stopping)
      yield* eventually(Effect.sync(closed))
      assert.include(heard(), "scatters.")
      assert.include(heard(), "[DONE]")
    })
  )

  it.scopedLive("ends what is left when its grace period is over: a stream by an error, never as done", () =>
    Effect.gen(function* () {
      const events = [[ReasoningEngine.textDelta("Light ")], [ReasoningEngine.textDelta("scatters")]]
      const gate = yield* Deferred.make<void>()
      const engine = ReasoningEngine.make({
        provider: Claude,
        attempt: () =>
          Effect.succeed(
            Effect.suspend(() => {
              const next = events.shift()
              if (next === undefined) return Effect.never
              return events.length === 0 ? Effect.as(Deferred.await(gate), next) : Effect.succeed(next)
            })
          )
      })
      const { stop, url } = yield* start({ engines: [], registered: [engine], gateway: { drainMs: 2000 } })
      const { closed, heard } = yield* connect(url, requestOf("/v1/chat/completions", begin))
      yield* eventually(Effect.sync(() => heard().includes("Light ")))
      const stopping = yield* Effect.fork(stop)
      yield* eventually(Effect.map(post(`${url}/v1/chat/completions`, chat), ({ status }) => status === 503))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(stopping)
      yield* eventually(Effect.sync(closed))
      assert.notInclude(heard(), "[DONE]")
      assert.include(heard(), '"code":"shutting_down"')
    })
  )

  it.scopedLive("tells a stream that was silent before it began to shut down that it isn't whole", () =>
    Effect.gen(function* () {
      const closing = yield* Deferred.make<void>()
      const events = [[ReasoningEngine.textDelta("Light ")]]
      const engine = ReasoningEngine.make({
        provider: Claude,
        attempt: () =>
          Effect.as(
            Effect.addFinalizer(() => Deferred.succeed(closing, undefined)),
            Effect.suspend(() => {
              const next = events.shift()
              return next === undefined ? Effect.never : Effect.succeed(next)
            })
          )
      })
      const { stop, url } = yield* start({ engines: [], registered: [engine], gateway: { drainMs: 20 } })
      const { closed, heard } = yield* connect(url, requestOf("/v1/chat/completions", begin))
      yield* eventually(Effect.sync(() => heard().includes("Light ")))
      yield* stop
      yield* Deferred.await(closing)
      yield* eventually(Effect.sync(closed))
      assert.notInclude(heard(), "[DONE]")
      assert.include(heard(), '"code":"shutting_down"')
    })
  )

  it.scopedLive("interrupts a call that isn't answered in time", () =>
    Effect.gen(function* () {
      const { engines, stop, url } = yield* start({
        engines: [{ provider: Claude, script: [never()] }],
        gateway: { drainMs: 20 }
      })
      const [engine] = engines
      if (engine === undefined) return assert.fail()
      const { closed, heard } = yield* connect(url, requestOf("/v1/chat/completions", chat))
      yield* called(engine)
      yield* stop
      assert.strictEqual(yield* engine.open, 0)
      yield* eventually(Effect.sync(closed))
      assert.deepStrictEqual(dataOf(heard()), [])
      assert.include(heard(), "503")
    })
  )
})
