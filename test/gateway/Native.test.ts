/** Calls of a wire to a provider of the same wire: what is sent, and what comes back, is as it was. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, type ReasoningEngine } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as attempts from "../utils/attempts.js"
import * as messages from "../utils/messages.js"
import { jsonValue } from "../utils/jsonValue.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"
import { post, start } from "./harness.js"

type Json = Readonly<Record<string, unknown>>

const claude = (baseUrl: string): Effect.Effect<ReasoningEngine.ReasoningEngine> =>
  Effect.orDie(
    Claude.make({
      baseUrl,
      model: "claude-upstream",
      apiKey: Redacted.make("sk-ant-test"),
      headers: { "anthropic-beta": "configured-2026-01-01" }
    })
  ).pipe(Effect.provide(FetchHttpClient.layer))

const house = (baseUrl: string): Effect.Effect<ReasoningEngine.ReasoningEngine> =>
  Effect.orDie(
    OpenAICompatible.make({
      baseUrl,
      provider: AIProvider.unsafeMake("house"),
      model: "house-upstream",
      apiKey: Redacted.make("sk-test-house"),
      maxTokensField: "max_completion_tokens"
    })
  ).pipe(Effect.provide(FetchHttpClient.layer))

/** A gateway over one provider that answers every call with these steps. */
const over = (
  engineOf: (url: string) => Effect.Effect<ReasoningEngine.ReasoningEngine>,
  steps: ReadonlyArray<RawServer.Step>,
  others: ReadonlyArray<ScriptedEngine.Options> = []
) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(...Array.from({ length: 4 }, () => steps))
    const engine = yield* engineOf(upstream.url)
    const gateway = yield* start({ engines: others, registered: [engine] })
    return { ...gateway, upstream }
  })

const events = (text: string) => RawServer.answer(200, "text/event-stream", text)

/** JSON of any shape under names that no table knows. */
const unknowns = FastCheck.dictionary(
  FastCheck.stringMatching(/^x_[a-z]{1,8}$/),
  jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
  { maxKeys: 3 }
)

const word = FastCheck.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== "")

const anthropicBlock = FastCheck.oneof(
  word.map((text): Json => ({ type: "text", text, cache_control: { type: "ephemeral", ttl: "1h" } })),
  word.map((data): Json => ({ type: "document", source: { type: "text", media_type: "text/plain", data } })),
  unknowns.map((fields): Json => ({ type: "block_of_next_year", ...fields })),
  FastCheck.constant<Json>({ type: "image", source: { type: "file", file_id: "file_1" } })
)

const anthropicBody = FastCheck.record({
  system: FastCheck.array(
    word.map((text) => ({ type: "text", text })),
    { minLength: 1, maxLength: 2 }
  ),
  content: FastCheck.array(anthropicBlock, { minLength: 1, maxLength: 3 }),
  midway: FastCheck.boolean(),
  thinking: FastCheck.constantFrom<Json>(
    { type: "adaptive", display: "omitted" },
    { type: "enabled", budget_tokens: 2048 },
    { type: "disabled" }
  ),
  effort: FastCheck.constantFrom("low", "ultra"),
  unknowns,
  stream: FastCheck.boolean()
}).map(({ content, effort, midway, stream, system, thinking, unknowns }): Json => ({
  model: "claude",
  max_tokens: 4096,
  system,
  messages: [
    { role: "user", content },
    ...(midway ? [{ role: "system", content: [{ type: "text", text: "Now in French" }] }] : [])
  ],
  thinking,
  context_management: { edits: [{ type: "clear_thinking_20251015", keep: "all" }] },
  output_config: { effort },
  tools: [{ name: "read", input_schema: { type: "object" }, eager_input_streaming: true, strict: true }],
  tool_choice: { type: "auto", disable_parallel_tool_use: true },
  ...unknowns,
  ...(stream ? { stream } : {})
}))

const chatBody = FastCheck.record({
  texts: FastCheck.array(
    word.map((text): Json => ({ type: "text", text })),
    { minLength: 1, maxLength: 3 }
  ),
  part: FastCheck.oneof(
    unknowns.map((fields): Json => ({ type: "part_of_next_year", ...fields })),
    FastCheck.constant<Json>({ type: "file", file: { file_id: "file_1" } })
  ),
  unknowns,
  stream: FastCheck.constantFrom(
    {},
    { stream: false },
    { stream: true, stream_options: { include_usage: true } }
  )
}).map(({ part, stream, texts, unknowns }): Json => ({
  model: "house",
  messages: [
    { role: "developer", content: "Be brief", name: "boss" },
    { role: "user", content: [...texts, part], name: "Ann" }
  ],
  max_completion_tokens: 100,
  logit_bias: { 50256: -100 },
  n: 1,
  reasoning_effort: "ultra",
  tools: [{ type: "function", function: { name: "read", parameters: {}, strict: true } }],
  parallel_tool_calls: false,
  ...unknowns,
  ...stream
}))

const wholeMessage = {
  id: "msg_upstream",
  type: "message",
  role: "assistant",
  model: "claude-upstream",
  content: [{ type: "text", text: "Hi", citations: null, new_in_2027: [1] }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 1, service_tier: "standard" }
}

const thinking = messages.wire(
  messages.start(),
  messages.block({ type: "thinking", thinking: "", signature: "" }),
  messages.delta({ type: "thinking_delta", thinking: "Hm." }),
  messages.ping,
  messages.delta({ type: "signature_delta", signature: "c2ln" }),
  messages.blockStop(),
  messages.block({ type: "text", text: "" }, 1),
  messages.text("H", 1),
  { type: "event_of_next_year", index: 1 },
  messages.text("i", 1),
  messages.blockStop(1),
  messages.stopped(),
  messages.end
)

const wholeChat = {
  id: "chatcmpl-upstream",
  object: "chat.completion",
  created: 1,
  model: "house-upstream",
  choices: [
    { index: 0, message: { role: "assistant", content: "Hi", odd: { a: [] } }, finish_reason: "stop" }
  ],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }
}

const chatChunk = (choice: unknown, more: object = {}): string =>
  `data: ${JSON.stringify({ id: "c", model: "house-upstream", choices: [choice], ...more })}\r\n\r\n`

const chatEvents = [
  ": comment\r\n\r\n",
  chatChunk({ index: 0, delta: { role: "assistant", content: "" }, next_year: true }),
  chatChunk({ index: 0, delta: { reasoning_content: "Hm." } }),
  chatChunk({ index: 0, delta: { content: "Hi" }, logprobs: { content: [] } }),
  chatChunk({ index: 0, delta: {}, finish_reason: "stop" })
].join("")

const counts = `data: ${JSON.stringify({ choices: [], usage: wholeChat.usage })}\r\n\r\n`

const done = "data: [DONE]\r\n\r\n"

describe("a call over a wire, to a provider of the same wire", () => {
  it.scopedLive.prop(
    "reaches it as it was sent, but for its model: Messages",
    [anthropicBody],
    ([body]) =>
      Effect.gen(function* () {
        const isStream = body["stream"] === true
        const answer = isStream
          ? events(thinking)
          : RawServer.answer(200, "application/json", JSON.stringify(wholeMessage))
        const { upstream, url } = yield* over(claude, answer)
        const reply = yield* post(`${url}/v1/messages?beta=true`, body, {
          "anthropic-version": "2023-06-01",
          "anthropic-beta": "context-management-2025-06-27"
        })
        assert.strictEqual(reply.status, 200, reply.text)
        assert.strictEqual(reply.text, isStream ? thinking : JSON.stringify(wholeMessage))
        const [request] = upstream.requests
        assert.deepStrictEqual(JSON.parse(request?.body ?? ""), { ...body, model: "claude-upstream" })
        assert.deepInclude(request?.headers, {
          "anthropic-version": "2023-06-01",
          "anthropic-beta": "configured-2026-01-01,context-management-2025-06-27",
          "x-api-key": "sk-ant-test"
        })
      }),
    runs(60, 6)
  )

  it.scopedLive.prop(
    "reaches it as it was sent, but for its model: Chat Completions",
    [chatBody],
    ([body]) =>
      Effect.gen(function* () {
        const isStream = body["stream"] === true
        const text = isStream ? chatEvents + counts + done : JSON.stringify(wholeChat)
        const type = isStream ? "text/event-stream" : "application/json"
        const { upstream, url } = yield* over(house, RawServer.answer(200, type, text))
        const reply = yield* post(`${url}/v1/chat/completions`, body)
        assert.strictEqual(reply.status, 200, reply.text)
        assert.strictEqual(reply.text, text)
        const [request] = upstream.requests
        assert.deepStrictEqual(JSON.parse(request?.body ?? ""), { ...body, model: "house-upstream" })
      }),
    runs(60, 6)
  )

  it.scopedLive("isn't told counts that it didn't ask for, though they are asked for", () =>
    Effect.gen(function* () {
      const { activity, upstream, url } = yield* over(house, events(chatEvents + counts + done))
      const body = { model: "house", stream: true, messages: [{ role: "user", content: "Hi" }] }
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, body)).text, chatEvents + done)
      assert.deepInclude(JSON.parse(upstream.requests[0]?.body ?? ""), {
        stream_options: { include_usage: true }
      })
      const [call] = (yield* activity.snapshot).calls
      if (call?.ending?._tag !== "Answered") return assert.fail("it isn't answered")
      assert.deepInclude(call.ending.answer.usage, { inputTokens: 3, outputTokens: 1, estimated: false })
    })
  )

  it.scopedLive("is bounded where a budget allows less, which is told", () =>
    Effect.gen(function* () {
      const upstream = yield* RawServer.make(
        RawServer.answer(200, "application/json", JSON.stringify(wholeMessage))
      )
      const engine = yield* claude(upstream.url)
      const task = yield* AITask.make({
        prompt: "Hi",
        maxTokens: 1500,
        original: {
          wire: "messages",
          body: { max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 2048 }, messages: [] }
        }
      })
      const seen = yield* attempts.events(engine, task)
      assert.deepStrictEqual(JSON.parse(upstream.requests[0]?.body ?? ""), {
        model: "claude-upstream",
        max_tokens: 1500,
        thinking: { type: "enabled", budget_tokens: 1499 },
        messages: []
      })
      assert.deepInclude(seen, {
        _tag: "Warning",
        message: "the answer may have at most 1500 tokens",
        fields: []
      })
    })
  )

  it.scopedLive("is delivered buffered as it came, too", () =>
    Effect.gen(function* () {
      const { url } = yield* over(claude, events(thinking))
      const body = {
        model: "claude",
        max_tokens: 9,
        stream: true,
        messages: [{ role: "user", content: "Hi" }]
      }
      const reply = yield* post(`${url}/v1/messages`, body, { "x-saga-delivery": "buffered" })
      assert.strictEqual(reply.text, thinking)
    })
  )

  it.scopedLive("fails as its provider says, with status and body, and no key in it", () =>
    Effect.gen(function* () {
      const said = {
        type: "error",
        error: { type: "invalid_request_error", message: "adaptive thinking is not supported; sk-ant-test" },
        request_id: "req_upstream"
      }
      const { url } = yield* over(claude, RawServer.answer(400, "application/json", JSON.stringify(said)))
      const body = { model: "claude", max_tokens: 9, messages: [{ role: "user", content: "Hi" }] }
      const reply = yield* post(`${url}/v1/messages`, body)
      assert.strictEqual(reply.status, 400)
      assert.strictEqual(reply.text, JSON.stringify(said).replace("sk-ant-test", "<redacted>"))
      // A caller of another wire is told in the words of that.
      const { error } = JSON.parse(
        (yield* post(`${url}/v1/chat/completions`, { ...body, max_tokens: undefined })).text
      )
      assert.strictEqual(error.type, "invalid_request_error")
    })
  )

  it.scopedLive("isn't told that the gateway's own key isn't taken in the provider's words", () =>
    Effect.gen(function* () {
      const said = { type: "error", error: { type: "authentication_error", message: "invalid x-api-key" } }
      const { url } = yield* over(claude, RawServer.answer(401, "application/json", JSON.stringify(said)))
      const body = { model: "claude", max_tokens: 9, messages: [{ role: "user", content: "Hi" }] }
      const reply = yield* post(`${url}/v1/messages`, body)
      assert.notStrictEqual(reply.text, JSON.stringify(said))
    })
  )

  it.scopedLive("that breaks off in its text goes on in the same message, by another provider", () =>
    Effect.gen(function* () {
      const beginning = messages.wire(messages.start(), messages.block(), messages.text("Light scat"))
      const { url } = yield* over(
        claude,
        [RawServer.send(RawServer.head(200, "text/event-stream") + beginning), RawServer.reset],
        [{ provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: "Light scatters from air." })] }]
      )
      const body = {
        model: "claude",
        max_tokens: 9,
        stream: true,
        messages: [{ role: "user", content: "Hi" }]
      }
      const reply = yield* post(`${url}/v1/messages`, body)
      assert.isTrue(reply.text.startsWith(beginning))
      const data = Array.from(reply.text.matchAll(/^data: (.*)$/gm), ([, json = ""]) => JSON.parse(json))
      assert.strictEqual(data.map(({ delta }) => delta?.text ?? "").join(""), "Light scatters from air.")
      assert.deepStrictEqual(
        data.filter(({ type }) => type === "content_block_start").map(({ index }) => index),
        [0]
      )
      assert.strictEqual(data.at(-1)?.type, "message_stop")
    })
  )

  it.scopedLive("is bound by no other name of its bound above it", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over(
        house,
        RawServer.answer(200, "application/json", JSON.stringify(wholeChat))
      )
      const others = { max_output_tokens: 999, max_new_tokens: "999", min_tokens: 999, num_predict: -1 }
      const body = { model: "house", max_tokens: 100, ...others, messages: [{ role: "user", content: "Hi" }] }
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, body)).status, 200)
      const { messages: _, ...sent } = JSON.parse(upstream.requests[0]?.body ?? "{}")
      assert.deepStrictEqual(sent, {
        model: "house-upstream",
        max_completion_tokens: 100,
        max_output_tokens: 100,
        max_new_tokens: 100,
        min_tokens: 100,
        num_predict: 100
      })
    })
  )
})
