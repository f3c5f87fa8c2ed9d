import Anthropic, * as anthropicSdk from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, TokenUsage } from "arc-saga"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import { post, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const { answer, cut, fail } = Behaviour

const text = "Grüße, 世界 🚀"
const usage = TokenUsage.make({ inputTokens: 17, outputTokens: 5, cacheReadTokens: 3, cacheWriteTokens: 4 })
const calls = [
  { id: "call_a", name: "weather", arguments: '{"city":"Köln"}' },
  { id: "call_b", name: "time", arguments: "" }
]

const claude = (...script: [Behaviour.Behaviour, ...Array<Behaviour.Behaviour>]): ScriptedEngine.Options => ({
  provider: Claude,
  model: "claude-x",
  script
})

const user = { role: "user" as const, content: "Hello" }
const body = { model: "claude", max_tokens: 100, messages: [user] }

const client = (url: string): Anthropic =>
  new Anthropic({ baseURL: url, apiKey: "test-key-any", authToken: null, maxRetries: 0 })

/** Plain, and streamed. */
const deliveries = [
  (url: string, more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) =>
    client(url).messages.create({ ...body, ...more }),
  (url: string, more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}) =>
    client(url)
      .messages.stream({ ...body, ...more })
      .finalMessage()
]

/** A block of an answer as it is sent back. */
const sentBack = (block: Anthropic.ContentBlock): ReadonlyArray<Anthropic.ContentBlockParam> => {
  if (block.type === "text") return [{ type: "text", text: block.text }]
  return block.type === "tool_use"
    ? [{ type: "tool_use", id: block.id, name: block.name, input: block.input }]
    : []
}

const asked = (given: Readonly<Record<string, unknown>>) =>
  Effect.gen(function* () {
    const { engines, url } = yield* start({
      engines: [{ ...claude(answer({ text: "Hi" })), capabilities: { images: true } }]
    })
    const { status, text } = yield* post(`${url}/v1/messages`, { ...body, ...given })
    const [call] = yield* engines[0]?.calls ?? Effect.succeed([])
    return { status, json: JSON.parse(text), task: call?.request.task }
  })

describe("POST /v1/messages", () => {
  it.scopedLive("answers Anthropic's client, plain and streamed", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [claude(answer({ text, chunkSize: 3, usage }))] })
      for (const ask of deliveries) {
        const message = yield* Effect.promise(() => ask(url))
        assert.deepStrictEqual(
          message.content.map((block) => (block.type === "text" ? block.text : block.type)),
          [text]
        )
        assert.strictEqual(message.stop_reason, "end_turn")
        assert.strictEqual(message.model, "claude-x")
        assert.strictEqual(message.role, "assistant")
        assert.deepInclude(message.usage, {
          input_tokens: 10,
          output_tokens: 5,
          cache_read_input_tokens: 3,
          cache_creation_input_tokens: 4
        })
        assert.match(message.id, /^msg_req-/)
      }
    })
  )

  it.scopedLive("carries tools both ways, plain and streamed", () =>
    Effect.gen(function* () {
      const { engines, url } = yield* start({
        engines: [claude(answer({ text: "Let me see.", toolCalls: calls }))]
      })
      const tools = calls.map(({ name }) => ({
        name,
        description: `The ${name}`,
        input_schema: { type: "object" as const }
      }))
      for (const ask of deliveries) {
        const message = yield* Effect.promise(() => ask(url, { tools, tool_choice: { type: "any" } }))
        assert.strictEqual(message.stop_reason, "tool_use")
        assert.deepStrictEqual(
          message.content.map((block) =>
            block.type === "tool_use" ? [block.id, block.name, block.input] : block.type
          ),
          ["text", ["call_a", "weather", { city: "Köln" }], ["call_b", "time", {}]]
        )
        yield* Effect.promise(() =>
          ask(url, {
            tools,
            tool_choice: { type: "tool", name: "time" },
            messages: [
              user,
              {
                role: "assistant",
                content: message.content.flatMap(sentBack)
              },
              {
                role: "user",
                content: [
                  { type: "text", text: "Go on." },
                  { type: "tool_result", tool_use_id: "call_a", content: "rain" },
                  {
                    type: "tool_result",
                    tool_use_id: "call_b",
                    is_error: true,
                    content: [{ type: "text", text: "no clock" }]
                  }
                ]
              }
            ]
          })
        )
      }
      const tasks = (yield* engines[0]?.calls ?? Effect.succeed([])).map(({ request }) => request.task)
      assert.strictEqual(tasks.length, 4)
      for (const [index, task] of tasks.entries()) {
        assert.deepStrictEqual(task.toolChoice, index % 2 === 0 ? "required" : { name: "time" })
        if (index % 2 === 0) continue
        assert.deepStrictEqual(task.messages.slice(1), [
          {
            role: "assistant",
            content: "Let me see.",
            toolCalls: calls.map((call) => ({ ...call, arguments: call.arguments || "{}" }))
          },
          { role: "tool", toolCallId: "call_a", content: "rain" },
          { role: "tool", toolCallId: "call_b", content: "no clock", isError: true },
          { role: "user", content: [{ type: "text", text: "Go on." }] }
        ])
      }
    })
  )

  it.scopedLive("honours what a task has a field for", () =>
    Effect.gen(function* () {
      const schema = { type: "object" }
      const image = { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } }
      const linked = { type: "image", source: { type: "url", url: "https://example.com/a.png" } }
      const { json, status, task } = yield* asked({
        system: [
          { type: "text", text: "Be brief." },
          { type: "text", text: "Be kind." }
        ],
        messages: [{ role: "user", content: [image, linked, { type: "text", text: "What is this?" }] }],
        temperature: 0.5,
        top_p: 0.9,
        stop_sequences: ["END"],
        tool_choice: { type: "auto", disable_parallel_tool_use: false },
        tools: [{ type: "custom", name: "a", input_schema: {} }],
        output_config: { format: { type: "json_schema", schema } },
        metadata: { user_id: "ann" },
        thinking: { type: "disabled" },
        service_tier: "auto"
      })
      assert.strictEqual(status, 200, JSON.stringify(json))
      assert.deepInclude(task, {
        systemPrompt: "Be brief.\n\nBe kind.",
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        stop: ["END"],
        toolChoice: "auto",
        tools: [{ name: "a", parameters: {} }],
        responseFormat: { type: "json_schema", name: "answer", schema, strict: true },
        userId: "ann"
      })
      assert.deepStrictEqual(task?.messages[0].content, [
        { type: "image", url: "data:image/png;base64,AAAA" },
        { type: "image", url: "https://example.com/a.png" },
        { type: "text", text: "What is this?" }
      ])
      const plain = yield* asked({
        system: "Be brief.",
        stop_sequences: [],
        tools: [],
        metadata: {},
        messages: [user, { role: "assistant", content: "Hi" }, user]
      })
      assert.deepInclude(plain.task, { systemPrompt: "Be brief." })
      assert.strictEqual(plain.task?.messages.length, 3)
      for (const field of ["stop", "tools", "userId"]) assert.notProperty(plain.task, field)
      const results = yield* asked({
        messages: [
          user,
          { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "a" }] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "t1" }] }
        ]
      })
      assert.deepStrictEqual(results.task?.messages.slice(1), [
        { role: "assistant", content: "", toolCalls: [{ id: "t1", name: "a", arguments: "{}" }] },
        { role: "tool", toolCallId: "t1", content: "" }
      ])
      const none = yield* asked({
        system: [],
        tools: [{ name: "a", input_schema: {} }],
        tool_choice: { type: "none" }
      })
      assert.deepInclude(none.task, { toolChoice: "none" })
      assert.notProperty(none.task, "systemPrompt")
    })
  )

  it.scopedLive("answers a turn that only calls tools without a text", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [claude(answer({ text: "", toolCalls: calls.slice(0, 1) }))] })
      for (const ask of deliveries) {
        const message = yield* Effect.promise(() => ask(url))
        assert.deepStrictEqual(
          message.content.map(({ type }) => type),
          ["tool_use"]
        )
      }
    })
  )

  const refused: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
    ["top_k", { top_k: -5 }],
    ["container", { container: "c" }],
    ["max_tokens", { max_tokens: undefined }],
    ["max_tokens", { max_tokens: 0 }],
    ["stop_sequences[0]", { stop_sequences: [""] }],
    ["a beginning of the answer", { messages: [user, { role: "assistant", content: "Once" }] }],
    [
      "messages[2].content",
      { messages: [user, { role: "assistant", content: "Hi" }, { role: "user", content: "" }] }
    ],
    ["system", { system: " " }]
  ]

  it.scopedLive.each(refused)("refuses %s that it can't honour, by its name", ([param, given]) =>
    Effect.gen(function* () {
      const { json, status } = yield* asked(given)
      assert.strictEqual(status, 400)
      assert.strictEqual(json.type, "error")
      assert.strictEqual(json.error.type, "invalid_request_error")
      assert.include(json.error.message, param)
    })
  )

  it.scopedLive("tells errors in Anthropic's shape, with the request's id", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [claude(fail({ _tag: "RateLimitError", retryAfterMs: 60_000 }))]
      })
      for (const ask of deliveries) {
        const error = yield* Effect.promise(() =>
          ask(url).then(
            () => undefined,
            (error: unknown) => error
          )
        )
        if (!(error instanceof anthropicSdk.RateLimitError)) return assert.fail(String(error))
        assert.match(error.requestID ?? "", /^req-/)
        assert.strictEqual(error.headers?.get("retry-after"), "60")
        assert.include(JSON.stringify(error.error), `"request_id":"${error.requestID ?? "-"}"`)
      }
    })
  )

  it.scopedLive("ends a stream that breaks off by an error event, and without message_stop", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [claude(cut({ text, chunkSize: 4, after: 2 }))] })
      const reply = yield* post(`${url}/v1/messages`, { ...body, stream: true })
      const events = Array.from(reply.text.matchAll(/^event: (.*)$/gm), ([, name]) => name)
      assert.deepStrictEqual(events, [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "error"
      ])
      const error = yield* Effect.promise(() =>
        client(url)
          .messages.stream(body)
          .finalMessage()
          .then(
            () => undefined,
            (error: unknown) => error
          )
      )
      assert.instanceOf(error, anthropicSdk.APIError)
    })
  )

  it.scopedLive(
    "says of a resumed answer once that it begins, and of one without an end that it goes on",
    () =>
      Effect.gen(function* () {
        const { url } = yield* start({
          engines: [
            claude(cut({ text, chunkSize: 4, after: 2 })),
            {
              provider: Gpt4,
              capabilities: { prefill: true },
              script: [answer({ text, finishReason: "other", toolCalls: calls.slice(0, 1) })]
            }
          ]
        })
        const message = yield* Effect.promise(() => client(url).messages.stream(body).finalMessage())
        assert.deepStrictEqual(
          message.content.map((block) => (block.type === "text" ? block.text : block.type)),
          [text, "tool_use"]
        )
        assert.strictEqual(message.stop_reason, "pause_turn")
      })
  )
})
