import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask } from "arc-saga"
import { Claude } from "arc-saga/engines"
import { Behaviour } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import * as RawServer from "../utils/RawServer.js"
import { eventually, post, start } from "./harness.js"

const body = {
  system: [{ type: "text", text: "Be brief", cache_control: { type: "ephemeral" } }],
  messages: [{ role: "user", content: [{ type: "block_of_next_year", a: 1 }] }],
  thinking: { type: "adaptive" },
  next_year: [1]
}

const claude = (baseUrl: string) =>
  Effect.provide(
    Effect.orDie(
      Claude.make({ baseUrl: `${baseUrl}/v1?key=1`, model: "claude-m", apiKey: Redacted.make("sk-ant-test") })
    ),
    FetchHttpClient.layer
  )

/** What a gateway over a provider that answers so says of how many tokens a call has. */
const counted = (status: number, answer: unknown, asked: object) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(
      RawServer.answer(status, "application/json", JSON.stringify(answer))
    )
    const { url } = yield* start({ engines: [], registered: [yield* claude(upstream.url)] })
    const reply = yield* post(`${url}/v1/messages/count_tokens?beta=true`, asked, {
      "anthropic-beta": "token-counting-2024-11-01"
    })
    const json: unknown = JSON.parse(reply.text)
    return { reply, json, request: upstream.requests[0] }
  })

describe("POST /v1/messages/count_tokens", () => {
  it.scopedLive("has the provider count what was sent, as it was sent", () =>
    Effect.gen(function* () {
      for (const model of ["claude", "claude-m", "saga/auto"]) {
        const { json, reply, request } = yield* counted(200, { input_tokens: 17 }, { ...body, model })
        assert.deepStrictEqual(json, { input_tokens: 17 })
        assert.isNull(reply.headers.get("x-saga-estimated"))
        assert.strictEqual(request?.path, "/v1/messages/count_tokens?key=1")
        assert.deepStrictEqual(JSON.parse(request?.body ?? ""), { ...body, model: "claude-m" })
        assert.propertyVal(request?.headers, "anthropic-beta", "token-counting-2024-11-01")
      }
    })
  )

  it.scopedLive("has it count no citations that the gateway has written", () =>
    Effect.gen(function* () {
      const citation = { type: "web_search_result_location", url: "u", title: "t", cited_text: "q" }
      const said = (encrypted_index: string) => ({
        role: "assistant",
        content: [{ type: "text", text: "Hi", citations: [{ ...citation, encrypted_index }] }]
      })
      const messages = [...body.messages, said("x"), said("")]
      const asked = { model: "claude", messages }
      const { request } = yield* counted(200, { input_tokens: 17 }, asked)
      const [first, theirs] = messages
      const ours = { role: "assistant", content: [{ type: "text", text: "Hi", citations: null }] }
      assert.deepStrictEqual(JSON.parse(request?.body ?? ""), {
        model: "claude-m",
        messages: [first, theirs, ours]
      })
    })
  )

  it.scopedLive("estimates where the provider doesn't count, and says so", () =>
    Effect.gen(function* () {
      const text = "x".repeat(400)
      const asked = { model: "claude", messages: [{ role: "user", content: text }] }
      for (const [status, answer] of [
        [404, { type: "error", error: { type: "not_found_error", message: "no" } }],
        [200, { input_tokens: -1 }],
        [200, "<html>"]
      ] as const) {
        const { json, reply } = yield* counted(status, answer, asked)
        assert.deepStrictEqual(json, { input_tokens: 100, estimated: true })
        assert.strictEqual(reply.headers.get("x-saga-estimated"), "true")
      }
    })
  )

  it.scopedLive("estimates for a provider that can't count, tools included", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }]
      })
      const ask = (more: object) =>
        Effect.map(
          post(`${url}/v1/messages/count_tokens`, {
            model: "claude",
            messages: [{ role: "user", content: "Hi" }],
            ...more
          }),
          ({ text }) => JSON.parse(text)
        )
      const plain = yield* ask({})
      const tool = { name: "f", description: "y".repeat(400), input_schema: { type: "object" } }
      const withTool = yield* ask({ tools: [tool] })
      assert.isAbove(withTool.input_tokens, plain.input_tokens + 99)
      assert.deepInclude((yield* ask({ model: "nobody" })).error, { type: "not_found_error" })
      assert.deepInclude((yield* ask({ messages: 1 })).error, { type: "invalid_request_error" })
    })
  )

  it.scopedLive("counts a task that came over no wire, too, without what bounds its answer", () =>
    Effect.gen(function* () {
      const upstream = yield* RawServer.make(RawServer.answer(200, "application/json", '{"input_tokens":3}'))
      const engine = yield* claude(upstream.url)
      const task = yield* AITask.make({ prompt: "Hi", maxTokens: 9, temperature: 0.5, stop: ["x"] })
      assert.strictEqual(yield* engine.countTokens?.(task) ?? Effect.succeed(0), 3)
      assert.deepStrictEqual(JSON.parse(upstream.requests[0]?.body ?? ""), {
        model: "claude-m",
        messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }]
      })
    })
  )
})

/** A provider whose count never comes, and can't be given up. */
const silent = Effect.map(claude("http://127.0.0.1:9"), (engine) => ({
  ...engine,
  countTokens: () => Effect.uninterruptible(Effect.async<never>(() => {}))
}))

const question = { model: "claude", messages: [{ role: "user", content: "x".repeat(400) }] }

/** A count that waits for its provider. */
const begin = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  post(`${url}/v1/messages/count_tokens`, question, headers).pipe(
    Effect.fork,
    Effect.tap(eventually(Effect.map(TestClock.sleeps(), (ends) => Chunk.contains(ends, 5000))))
  )

describe("a count", () => {
  it.scoped("is an estimate once its provider has had five seconds", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [], registered: [yield* silent] })
      const waiting = yield* begin(url)
      yield* TestClock.adjust("5 seconds")
      const { headers, status, text } = yield* Fiber.join(waiting)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(JSON.parse(text), { input_tokens: 100, estimated: true })
      assert.strictEqual(headers.get("x-saga-estimated"), "true")
    })
  )

  const key = "test-key-agent"
  const authorization = { authorization: `Bearer ${key}` }
  const sha256 = createHash("sha256").update(key).digest("hex")
  const engines = [{ provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: "Hi" })] as const }]
  const call = { model: "gpt4", messages: [{ role: "user", content: "Hi" }] }

  it.scoped("is limited as calls of its key are, at a time", () =>
    Effect.gen(function* () {
      const gateway = { keys: [{ id: "agent", sha256, concurrent: 1 }] }
      const { url } = yield* start({ engines, registered: [yield* silent], gateway })
      const waiting = yield* begin(url, authorization)
      const limited = yield* post(`${url}/v1/messages/count_tokens`, question, authorization)
      assert.strictEqual(limited.status, 429)
      assert.deepInclude(JSON.parse(limited.text).error, { type: "rate_limit_error" })
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, call, authorization)).status, 200)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(waiting)).status, 200)
    })
  )

  it.scoped("is limited as calls of its key are, in a minute, and takes nothing from them", () =>
    Effect.gen(function* () {
      const gateway = { keys: [{ id: "agent", sha256, requestsPerMinute: 1 }] }
      const { url } = yield* start({ engines, gateway })
      const statuses = (path: string, body: unknown) =>
        Effect.map(Effect.all([1, 2].map(() => post(`${url}/v1/${path}`, body, authorization))), (answers) =>
          answers.map(({ status }) => status)
        )
      assert.deepStrictEqual(
        yield* statuses("messages/count_tokens", { ...question, model: "gpt4" }),
        [200, 429]
      )
      assert.deepStrictEqual(yield* statuses("chat/completions", call), [200, 429])
    })
  )
})
