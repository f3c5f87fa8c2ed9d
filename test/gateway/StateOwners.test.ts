/** State of one provider over sockets: two providers of one wire, and the members of a pool, each of which keeps its own. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  Budgets,
  CircuitBreaker,
  Pool,
  RateLimits,
  type ReasoningEngine,
  SpendLedger
} from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Http from "node:http"
import { dataOf, eventually, post, start } from "./harness.js"
import { rowsOf } from "../utils/ledger.js"
import * as responses from "../utils/responses.js"

/** A vendor's server: what it answered it keeps, and knows of nothing else. */
const vendor = (name: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const state = {
        bodies: [] as Array<Readonly<Record<string, unknown>>>,
        isDown: false,
        /** Whether it takes calls and says nothing; and how many of these were given up. */
        isSilent: false,
        closed: 0
      }
      const own = new Set<unknown>()
      const server = Http.createServer((request, reply) => {
        let text = ""
        request.on("data", (bytes: Buffer) => (text += bytes.toString()))
        request.on("end", () => {
          const body = JSON.parse(text)
          const number = state.bodies.push(body)
          const named = body.previous_response_id ?? body.container
          const answer = (status: number, json: unknown) =>
            reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(json))
          if (state.isSilent) {
            request.socket.once("close", () => (state.closed += 1))
            return
          }
          if (state.isDown) return answer(503, { error: { message: "down", type: "server_error" } })
          if (named !== undefined && named !== null && !own.has(named)) {
            return answer(400, { error: { message: "theirs: not found", type: "invalid_request_error" } })
          }
          if (request.url?.endsWith("/messages") === true) {
            const container = { id: `cntr_${name}`, expires_at: "2027-01-01T00:00:00Z" }
            own.add(container.id)
            const content = [{ type: "text", text: name }]
            const usage = { input_tokens: 1, output_tokens: 1 }
            return answer(200, {
              id: "msg_1",
              type: "message",
              role: "assistant",
              model: "m",
              content,
              stop_reason: "end_turn",
              usage,
              container
            })
          }
          const id = `resp_${name}_${number}`
          if (body.store !== false) own.add(id)
          const whole = responses.response({ id, output: [responses.message(name)] })
          if (body.stream !== true) return answer(200, whole)
          const head = {
            type: "response.created",
            response: { ...whole, status: "in_progress", output: [] }
          }
          const item = { type: "response.output_item.done", output_index: 0, item: whole.output[0] }
          const end = { type: "response.completed", response: whole }
          return reply
            .writeHead(200, { "content-type": "text/event-stream" })
            .end(responses.wire(head, item, end))
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      return { server, state, url: `http://127.0.0.1:${port}/v1` }
    }),
    ({ server }) =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) => server.close(resolve))
      })
  )

const A = AIProvider.unsafeMake("a")
const B = AIProvider.unsafeMake("b")

const engineOf = (provider: AIProvider.AIProvider, baseUrl: string) =>
  Effect.provide(
    OpenAICompatible.make({ provider, baseUrl, model: "gpt-4o", wires: ["responses"] }),
    FetchHttpClient.layer
  )

/** Asks for an answer, and gives its status, its text, its id, and an error's code. */
const ask = (url: string, body: Readonly<Record<string, unknown>>) =>
  Effect.map(post(`${url}/v1/responses`, { input: "Hi", ...body }), ({ status, text }) => {
    const said =
      body["stream"] === true && status === 200
        ? JSON.parse(dataOf(text).at(-1) ?? "{}").response
        : JSON.parse(text)
    return { status, id: String(said.id), said: said.output?.[0]?.content[0]?.text, error: said.error }
  })

const gateway = (...registered: ReadonlyArray<ReasoningEngine.ReasoningEngine>) =>
  Effect.map(start({ engines: [], registered }), ({ url }) => url)

describe("two providers of Responses behind the gateway", () => {
  const two = Effect.gen(function* () {
    const [a, b] = [yield* vendor("a"), yield* vendor("b")]
    const engines = [yield* engineOf(A, a.url), yield* engineOf(B, b.url)] as const
    return { a: a.state, b: b.state, engines, url: yield* gateway(...engines) }
  })

  it.scopedLive("get back what they keep, whatever model is named, streamed or whole", () =>
    Effect.gen(function* () {
      const { a, b, url } = yield* two
      for (const stream of [false, true]) {
        const first = yield* ask(url, { model: "b", stream })
        assert.deepStrictEqual([first.status, first.said], [200, "b"])
        let { id } = first
        for (const model of ["a", "gpt-4o", "saga/auto", "b"]) {
          const next = yield* ask(url, { model, stream, previous_response_id: id })
          assert.deepStrictEqual([next.status, next.said], [200, "b"], model)
          id = next.id
        }
      }
      assert.strictEqual(a.bodies.length, 0)
      assert.strictEqual(b.bodies.length, 10)
    })
  )

  it.scopedLive("don't stand in for each other: the error of the one that keeps it is the answer", () =>
    Effect.gen(function* () {
      const { a, b, url } = yield* two
      a.isDown = true
      // Nothing is kept yet: any may answer.
      const { id, said } = yield* ask(url, { model: "a" })
      assert.strictEqual(said, "b")
      const asked = a.bodies.length
      b.isDown = true
      const failed = yield* ask(url, { model: "a", previous_response_id: id })
      assert.strictEqual(failed.error.message, "down")
      b.isDown = false
      assert.strictEqual((yield* ask(url, { model: "a", previous_response_id: id })).said, "b")
      assert.strictEqual(a.bodies.length, asked)
    })
  )

  it.scopedLive("are asked by name alone for what isn't known, as after a restart", () =>
    Effect.gen(function* () {
      const { a, b, engines, url } = yield* two
      const { id } = yield* ask(url, { model: "b" })
      const restarted = yield* gateway(...engines)
      for (const model of ["saga/auto", "gpt-4o"]) {
        const refused = yield* ask(restarted, { model, previous_response_id: id })
        assert.strictEqual(refused.status, 400)
        assert.strictEqual(refused.error.code, "previous_response_not_found")
        assert.strictEqual(refused.error.param, "previous_response_id")
      }
      assert.deepStrictEqual([a.bodies.length, b.bodies.length], [0, 1])
      const wrong = yield* ask(restarted, { model: "a", previous_response_id: id })
      assert.deepStrictEqual([wrong.status, wrong.error.message], [400, "theirs: not found"])
      const right = yield* ask(restarted, { model: "b", previous_response_id: id })
      assert.strictEqual(right.said, "b")
      const known = yield* ask(restarted, { model: "saga/auto", previous_response_id: id })
      assert.strictEqual(known.said, "b")
    })
  )

  it.scopedLive("keep nothing of what isn't to be stored, and are told of other state by its field", () =>
    Effect.gen(function* () {
      const { url } = yield* two
      const { id } = yield* ask(url, { model: "b", store: false })
      const refused = yield* ask(url, { model: "saga/auto", previous_response_id: id })
      assert.strictEqual(refused.error.code, "previous_response_not_found")
      const file = [{ role: "user", content: [{ type: "input_file", file_id: "file_1" }] }]
      const unknown = yield* ask(url, { model: "saga/auto", input: file })
      assert.deepStrictEqual([unknown.status, unknown.error.code], [400, "state_not_found"])
      assert.strictEqual((yield* ask(url, { model: "a", input: file })).said, "a")
      assert.strictEqual((yield* ask(url, { model: "saga/auto", input: file })).said, "a")
    })
  )
})

describe("a pool behind the gateway", () => {
  it.scopedLive("gives back to each member what that one keeps", () =>
    Effect.gen(function* () {
      const [east, west] = [yield* vendor("east"), yield* vendor("west")]
      const house = AIProvider.unsafeMake("house")
      const pool = yield* Pool.make({
        members: [
          { name: "east", engine: yield* engineOf(house, east.url) },
          { name: "west", engine: yield* engineOf(house, west.url) }
        ]
      })
      const url = yield* gateway(pool)
      const answers = []
      for (const input of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
        answers.push(yield* ask(url, { model: "house", input }))
      }
      assert.sameMembers([...new Set(answers.map(({ said }) => said))], ["east", "west"])
      for (const { id, said } of answers) {
        const next = yield* ask(url, { model: "house", previous_response_id: id, input: "another" })
        assert.deepStrictEqual([next.status, next.said], [200, said])
      }
      east.state.isDown = true
      const ofEast = answers.find(({ said }) => said === "east")
      const asked = west.state.bodies.length
      const failed = yield* ask(url, { model: "house", previous_response_id: ofEast?.id })
      assert.strictEqual(failed.error.message, "down")
      assert.strictEqual(west.state.bodies.length, asked)
      const unknown = yield* ask(yield* gateway(pool), { model: "house", previous_response_id: ofEast?.id })
      assert.strictEqual(unknown.error.code, "previous_response_not_found")
    })
  )
})

describe("two providers of Messages behind the gateway", () => {
  it.scopedLive("get back their containers", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* vendor("a"), yield* vendor("b")]
      const claude = (provider: AIProvider.AIProvider, { url }: { readonly url: string }) =>
        Effect.provide(
          Claude.make({
            provider,
            apiKey: Redacted.make("test-key-any"),
            baseUrl: url.replace(/\/v1$/, ""),
            model: "claude-x"
          }),
          FetchHttpClient.layer
        )
      const url = yield* gateway(yield* claude(A, a), yield* claude(B, b))
      const say = (body: Readonly<Record<string, unknown>>) =>
        Effect.map(
          post(`${url}/v1/messages`, { max_tokens: 9, messages: [{ role: "user", content: "Hi" }], ...body }),
          ({ text }) => JSON.parse(text)
        )
      const { container } = yield* say({ model: "b" })
      assert.strictEqual(container.id, "cntr_b")
      const next = yield* say({ model: "a", container: container.id })
      assert.strictEqual(next.content[0].text, "b")
      const unknown = yield* say({ model: "saga/auto", container: "cntr_x" })
      assert.strictEqual(unknown.error.type, "invalid_request_error")
      assert.include(unknown.error.message, 'container "cntr_x" not found')
    })
  )
})

describe("a call for the one provider that keeps what it names", () => {
  /** Two providers, of which the second has answered, behind a gateway with a ledger and what is around it. */
  const bound = (around: Layer.Layer<never>) =>
    Effect.gen(function* () {
      const [a, b] = [yield* vendor("a"), yield* vendor("b")]
      const ledger = yield* SpendLedger.makeMemory()
      const { url } = yield* start({
        engines: [],
        registered: [yield* engineOf(A, a.url), yield* engineOf(B, b.url)],
        // Their waits are real here.
        policy: { rules: { TransientError: { _tag: "fail-over" }, RateLimitError: { _tag: "fail-over" } } },
        around: Layer.merge(around, Layer.succeed(SpendLedger.SpendLedger, ledger))
      })
      const { id } = yield* ask(url, { model: "b", max_output_tokens: 20 })
      const next = { model: "a", previous_response_id: id }
      const rows = Effect.map(Effect.orDie(rowsOf(ledger)), (all) =>
        all.map(({ outcome, provider }) => `${provider} ${outcome}`)
      )
      return { a: a.state, b: b.state, url, next, rows }
    })

  it.scopedLive("is told that its circuit is open", () =>
    Effect.gen(function* () {
      const open = { consecutiveFailures: 1, openMs: 1e9, maxOpenMs: 1e9 }
      const { a, b, next, url } = yield* bound(Layer.orDie(CircuitBreaker.layer(open)))
      b.isDown = true
      assert.strictEqual((yield* ask(url, next)).error.message, "down")
      b.isDown = false
      for (const stream of [false, true]) {
        const { error, status } = yield* ask(url, { ...next, stream })
        // Of Responses: clients of that wire would ask again and again upon a 503.
        assert.deepStrictEqual([status, error.code], [429, "provider_circuit_open"])
        assert.include(error.message, "b isn't asked")
      }
      assert.deepStrictEqual([a.bodies.length, b.bodies.length], [0, 2])
      // Without what is kept the other one answers.
      assert.strictEqual((yield* ask(url, { model: "a" })).said, "a")
    })
  )

  it.scopedLive("is told that it mustn't be asked now", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* vendor("a"), yield* vendor("b")]
      const { url } = yield* start({
        engines: [],
        registered: [yield* engineOf(A, a.url), yield* engineOf(B, b.url)],
        providers: [{ provider: A }, { provider: B, available: false }]
      })
      const { id } = yield* ask(url, { model: "b" })
      const { error, status } = yield* ask(url, { model: "saga/auto", previous_response_id: id })
      assert.strictEqual(status, 429)
      assert.include(error.message, "is kept by b, which mustn't be asked now")
      assert.deepStrictEqual([a.state.bodies.length, b.state.bodies.length], [0, 1])
    })
  )

  it.scopedLive("is told that its limit is used up, and when to ask again", () =>
    Effect.gen(function* () {
      const limits = RateLimits.layer({ providers: { b: { requestsPerMinute: 1 } } })
      const { a, b, next, url } = yield* bound(Layer.orDie(limits))
      const { error, status } = yield* ask(url, next)
      assert.deepStrictEqual([status, error.code], [429, "rate_limit_exceeded"])
      assert.deepStrictEqual([a.bodies.length, b.bodies.length], [0, 1])
    })
  )

  it.scopedLive("is told that its budget is used up", () =>
    Effect.gen(function* () {
      const budget = { name: "once", scope: "overall", period: "day", tokens: 2000 } as const
      const { a, b, next, rows, url } = yield* bound(Layer.orDie(Budgets.layer({ budgets: [budget] })))
      const { error, status } = yield* ask(url, { ...next, max_output_tokens: 5000, input: "x".repeat(4000) })
      assert.deepStrictEqual([status, error.code], [429, "budget_exceeded"], JSON.stringify(error))
      assert.deepStrictEqual([a.bodies.length, b.bodies.length], [0, 1])
      assert.deepStrictEqual(yield* rows, ["b succeeded"])
    })
  )

  it.scopedLive("reaches no other, and is accounted for once, where its caller gives it up", () =>
    Effect.gen(function* () {
      const { a, b, next, rows, url } = yield* bound(Layer.empty)
      b.isSilent = true
      const caller = new AbortController()
      const asked = fetch(`${url}/v1/responses`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input: "Hi", ...next }),
        signal: caller.signal
      }).catch(() => undefined)
      yield* eventually(Effect.sync(() => b.bodies.length === 2))
      caller.abort()
      yield* Effect.promise(() => asked)
      yield* eventually(Effect.sync(() => b.closed === 1))
      yield* eventually(Effect.map(rows, ({ length }) => length === 2))
      assert.deepStrictEqual(yield* rows, ["b succeeded", "b interrupted"])
      assert.strictEqual(a.bodies.length, 0)
    })
  )
})
