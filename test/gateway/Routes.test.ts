import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { generateText, streamText } from "ai"
import { AIProvider } from "arc-saga"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as Http from "node:http"
import OpenAI from "openai"
import { dataOf, post, request, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const text = "Light scatters from air."
const engines: ReadonlyArray<ScriptedEngine.Options> = [
  { provider: Claude, model: "claude-x", script: [Behaviour.answer({ text })] },
  { provider: Gpt4, script: [Behaviour.answer({ text })] }
]
const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

describe("GET /v1/models", () => {
  const names = [
    "claude",
    "gpt4",
    "saga/auto",
    "saga/cheapest",
    "saga/fastest",
    "saga/quality",
    "saga/balanced"
  ]

  it.scopedLive("lists providers and strategies to the clients of both vendors", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "test-key-any" })
      const anthropic = new Anthropic({ baseURL: url, apiKey: "test-key-any", authToken: null })
      const [one, other] = yield* Effect.promise(async () => {
        const seen: [Array<string>, Array<string>] = [[], []]
        for await (const model of openai.models.list()) seen[0].push(model.id)
        for await (const model of anthropic.models.list()) seen[1].push(model.id)
        return seen
      })
      assert.deepStrictEqual(one, names)
      assert.deepStrictEqual(other, names)
    })
  )

  it.scopedLive("describes one of them, whose name may have a slash", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "test-key-any" })
      const model = yield* Effect.promise(() => openai.models.retrieve("saga/cheapest"))
      assert.deepInclude(model, { id: "saga/cheapest", object: "model", owned_by: "arc-saga" })
      assert.strictEqual((yield* request(`${url}/v1/models/saga/fastest`)).status, 200)
      for (const unknown of ["nope", "%"]) {
        const reply = yield* request(`${url}/v1/models/${unknown}`)
        assert.strictEqual(reply.status, 404)
        assert.strictEqual(JSON.parse(reply.text).error.code, "model_not_found")
      }
      const anthropic = yield* request(`${url}/v1/models/nope`, {
        headers: { "anthropic-version": "2023-06-01" }
      })
      assert.strictEqual(JSON.parse(anthropic.text).error.type, "not_found_error")
    })
  )
})

describe("health", () => {
  it.scopedLive("is told, and readiness where there is a provider", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      assert.deepStrictEqual(JSON.parse((yield* request(`${url}/healthz`)).text), {
        status: "ok",
        providers: { "not asked yet": 2 }
      })
      const ready = yield* request(`${url}/readyz?verbose`)
      assert.deepStrictEqual([ready.status, JSON.parse(ready.text)], [200, { status: "ready" }])
      const empty = yield* start({ engines: [] })
      const unready = yield* request(`${empty.url}/readyz`)
      assert.deepStrictEqual([unready.status, JSON.parse(unready.text)], [503, { status: "no provider" }])
      assert.strictEqual((yield* request(`${url}/healthz`, { method: "HEAD" })).text, "")
    })
  )
})

describe("what isn't there", () => {
  it.scopedLive("is told with what is", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const lost = yield* post(`${url}/v1/completions`, chat)
      assert.strictEqual(lost.status, 404)
      assert.include(JSON.parse(lost.text).error.message, "/v1/chat/completions")
      const batches = yield* post(`${url}/v1/messages/batches`, chat)
      assert.strictEqual(JSON.parse(batches.text).error.type, "not_found_error")
      const method = yield* request(`${url}/v1/chat/completions`)
      assert.strictEqual(method.status, 405)
      assert.strictEqual(method.headers.get("allow"), "POST")
      assert.strictEqual(
        (yield* request(`${url}/healthz`, { method: "DELETE" })).headers.get("allow"),
        "GET, HEAD"
      )
    })
  )

  it.scopedLive("is no host of another name, where there are no keys", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const status = (host: string) =>
        Effect.async<number>((resume) => {
          Http.get(`${url}/v1/models`, { headers: { host } }, (response) => {
            response.resume()
            resume(Effect.succeed(response.statusCode ?? 0))
          })
        })
      assert.strictEqual(yield* status("evil.example"), 403)
      assert.strictEqual(yield* status("127.0.0.1.evil.example:80"), 403)
      for (const host of ["localhost:4000", "127.0.0.1", "[::1]:4000"]) {
        assert.strictEqual(yield* status(host), 200, host)
      }
    })
  )
})

describe("other clients", () => {
  it.scopedLive("Vercel's AI SDK with its provider for compatible servers, whole and streamed", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const gateway = createOpenAICompatible({ name: "saga", baseURL: `${url}/v1`, apiKey: "test-key-any" })
      const whole = yield* Effect.promise(() =>
        generateText({ model: gateway("claude"), prompt: "Hello", maxRetries: 0 })
      )
      assert.strictEqual(whole.text, text)
      assert.strictEqual(whole.finishReason, "stop")
      const streamed = yield* Effect.promise(async () => {
        const result = streamText({ model: gateway("saga/auto"), prompt: "Hello", maxRetries: 0 })
        return { text: await result.text, reason: await result.finishReason, usage: await result.usage }
      })
      assert.strictEqual(streamed.text, text)
      assert.strictEqual(streamed.reason, "stop")
    })
  )

  it.scopedLive("curl, which streams as it comes", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      const out = yield* Effect.async<string>((resume) => {
        const body = JSON.stringify({ ...chat, stream: true })
        const args = ["--silent", "--no-buffer", `${url}/v1/chat/completions`, "--json", body]
        execFile("curl", args, (error, stdout) =>
          resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
        )
      })
      const data = dataOf(out)
      assert.strictEqual(data.at(-1), "[DONE]")
      const content = data.slice(0, -1).map((each) => JSON.parse(each).choices[0].delta.content ?? "")
      assert.strictEqual(content.join(""), text)
    })
  )
})
