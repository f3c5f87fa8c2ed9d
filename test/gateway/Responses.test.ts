/** Callers of Responses: of providers of every wire, and of one of their own. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, type AITask, ReasoningEngine, TokenUsage } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import OpenAI from "openai"
import type { Responses } from "openai/resources/responses/responses"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import { jsonValue } from "../utils/jsonValue.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { connect, dataOf, eventually, post, start } from "./harness.js"

const { answer, cut, fail } = Behaviour

type Json = Readonly<Record<string, unknown>>

const path = "/v1/responses"
const text = "Grüße, 世界 🚀"
const usage = TokenUsage.make({ inputTokens: 17, outputTokens: 5, cacheReadTokens: 3, reasoningTokens: 2 })

const scripted = (
  ...script: [Behaviour.Behaviour, ...Array<Behaviour.Behaviour>]
): ScriptedEngine.Options => ({
  provider: AIProvider.Claude,
  model: "claude-x",
  script
})

const client = (url: string): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "test-key-any",
    organization: null,
    project: null,
    maxRetries: 0
  })

const eventsOf = (text: string) => dataOf(text).map((data) => JSON.parse(data))

/** Asks a gateway over one engine, and gives what came and the task. */
const asked = (given: Json, script: ScriptedEngine.Options = scripted(answer({ text: "Hi" }))) =>
  Effect.gen(function* () {
    const { engines, url } = yield* start({ engines: [script] })
    const { status, text } = yield* post(`${url}${path}`, { model: "claude", input: "Hi", ...given })
    const [call] = yield* engines[0]?.calls ?? Effect.succeed([])
    return { status, text, task: call?.request.task }
  })

/** An engine of the test's own: it gives these events. */
const giving = (...events: ReadonlyArray<ReasoningEngine.EngineEvent>) =>
  ReasoningEngine.fromStream({
    provider: AIProvider.Claude,
    model: "claude-x",
    capabilities: { images: true, documents: true },
    stream: () => Stream.fromIterable(events)
  })

const tools: Responses.ResponseCreateParams["tools"] = [
  {
    type: "function",
    name: "weather",
    description: "The weather",
    parameters: { type: "object" },
    strict: true
  },
  {
    type: "custom",
    name: "apply_patch",
    description: "Patches",
    format: { type: "grammar", syntax: "lark", definition: "start: /.+/" }
  },
  {
    type: "namespace",
    name: "agents",
    description: "Others",
    tools: [{ type: "function", name: "spawn", parameters: { type: "object" }, strict: false }]
  },
  { type: "web_search", external_web_access: false } as never,
  { type: "tool_search", execution: "client" }
]

describe("POST /v1/responses", () => {
  it.scopedLive("answers OpenAI's client in one piece", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [scripted(answer({ text, usage }))] })
      const said = yield* Effect.promise(() =>
        client(url).responses.create({ model: "claude", input: "Hello", instructions: "Be brief" })
      )
      assert.strictEqual(said.output_text, text)
      assert.deepInclude(said, {
        object: "response",
        status: "completed",
        model: "claude-x",
        instructions: "Be brief",
        error: null,
        incomplete_details: null,
        tools: [],
        usage: {
          input_tokens: 17,
          input_tokens_details: { cached_tokens: 3, cache_write_tokens: 0 },
          output_tokens: 5,
          output_tokens_details: { reasoning_tokens: 2 },
          total_tokens: 22
        }
      })
      assert.match(said.id, /^resp_/)
      assert.isAbove(said.created_at, 1_600_000_000)
    })
  )

  it.scopedLive("streams to OpenAI's client what it puts together to the same", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [scripted(answer({ text, chunkSize: 2, usage }))] })
      const seen: Array<string> = []
      const said = yield* Effect.promise(() => {
        const stream = client(url).responses.stream({ model: "claude", input: "Hello" })
        stream.on("response.output_text.delta", ({ delta }) => seen.push(delta))
        return stream.finalResponse()
      })
      assert.strictEqual(said.output_text, text)
      assert.strictEqual(seen.join(""), text)
      assert.isAbove(seen.length, 5)
      assert.strictEqual(said.usage?.total_tokens, 22)
    })
  )

  it.scopedLive("streams thoughts, text and calls item by item, numbered, and ends once", () =>
    Effect.gen(function* () {
      const call = { id: "call_a", name: "weather", arguments: '{"city":"Köln"}' }
      const patch = { id: "call_b", name: "apply_patch", arguments: '{"input":"*** Begin"}' }
      const spawn = { id: "call_c", name: "agents__spawn", arguments: "{}" }
      const engine = giving(
        ReasoningEngine.reasoningDelta("Hm"),
        ReasoningEngine.reasoningDelta("."),
        ReasoningEngine.reasoningDelta("", { wire: "messages", value: { type: "thinking", signature: "s" } }),
        ReasoningEngine.reasoningDelta("", { wire: "messages", value: { type: "redacted_thinking" } }),
        ReasoningEngine.textDelta("Let me "),
        ReasoningEngine.textDelta("see"),
        ReasoningEngine.toolCall(call),
        ReasoningEngine.toolCall(patch),
        ReasoningEngine.toolCall(spawn),
        ReasoningEngine.usage(usage),
        ReasoningEngine.finish("tool_calls", "claude-x")
      )
      const { url } = yield* start({ engines: [], registered: [engine] })
      const body = { model: "claude", input: "Hello", tools, reasoning: { summary: "auto" } } as const
      const streamed = yield* post(`${url}${path}`, { ...body, stream: true })
      const events = eventsOf(streamed.text)
      assert.deepStrictEqual(
        events.map(({ sequence_number }) => sequence_number),
        events.map((_, index) => index)
      )
      assert.deepStrictEqual(
        events.map(({ type }) => String(type).slice("response.".length)),
        [
          "created",
          "in_progress",
          "output_item.added",
          "reasoning_summary_part.added",
          "reasoning_summary_text.delta",
          "reasoning_summary_text.delta",
          "reasoning_summary_text.done",
          "reasoning_summary_part.done",
          "output_item.done",
          "output_item.added",
          "output_item.done",
          "output_item.added",
          "content_part.added",
          "output_text.delta",
          "output_text.delta",
          "output_text.done",
          "content_part.done",
          "output_item.done",
          ...["function_call_arguments", "custom_tool_call_input", "function_call_arguments"].flatMap(
            (type) => ["output_item.added", `${type}.delta`, `${type}.done`, "output_item.done"]
          ),
          "completed"
        ]
      )
      const done = events.filter(({ type }) => type === "response.output_item.done")
      assert.deepStrictEqual(
        done.map(({ output_index }) => output_index),
        [0, 1, 2, 3, 4, 5]
      )
      const output = events.at(-1)?.["response"].output
      assert.deepStrictEqual(
        done.map(({ item }) => item),
        output
      )
      const kinds = (items: ReadonlyArray<Json>) =>
        items.map((item) => {
          const { encrypted_content: _, id: __, ...rest } = item
          return rest
        })
      const expected = [
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
        { type: "reasoning", summary: [] },
        {
          type: "message",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text: "Let me see", annotations: [], logprobs: [] }]
        },
        {
          type: "function_call",
          status: "completed",
          call_id: "call_a",
          name: "weather",
          arguments: '{"city":"Köln"}'
        },
        {
          type: "custom_tool_call",
          status: "completed",
          call_id: "call_b",
          name: "apply_patch",
          input: "*** Begin"
        },
        {
          type: "function_call",
          status: "completed",
          call_id: "call_c",
          name: "spawn",
          namespace: "agents",
          arguments: "{}"
        }
      ]
      assert.deepStrictEqual(kinds(output), expected)
      const whole = JSON.parse((yield* post(`${url}${path}`, body)).text)
      assert.deepStrictEqual(kinds(whole.output), expected)
      assert.deepStrictEqual(whole.tools, tools)
      const buffered = yield* post(
        `${url}${path}`,
        { ...body, stream: true },
        { "x-saga-delivery": "buffered" }
      )
      assert.deepStrictEqual(kinds(eventsOf(buffered.text).at(-1)?.["response"].output), expected)
      // The vendor's client agrees.
      const final = yield* Effect.promise(() =>
        client(url)
          .responses.stream(body as never)
          .finalResponse()
      )
      assert.strictEqual(final.output_text, "Let me see")
      assert.lengthOf(final.output, 6)
    })
  )

  it.scopedLive("reads every item, part and field as those of a task", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: {} }
      const body: Responses.ResponseCreateParams = {
        instructions: "Be brief",
        input: [
          { role: "developer", content: "And polite" },
          {
            type: "message",
            role: "user",
            content: [
              { type: "input_text", text: "These?" },
              { type: "input_image", image_url: "https://example.org/a.png", detail: "low" },
              { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AAAA" },
              { type: "input_file", file_url: "https://example.org/b.pdf" }
            ]
          },
          {
            type: "reasoning",
            id: "rs_1",
            summary: [
              { type: "summary_text", text: "Hm" },
              { type: "summary_text", text: "So" }
            ],
            encrypted_content: "gAAA"
          },
          {
            type: "message",
            id: "msg_1",
            role: "assistant",
            status: "completed",
            content: [
              { type: "output_text", text: "A", annotations: [] },
              { type: "refusal", refusal: "B" }
            ]
          },
          { type: "function_call", call_id: "call_a", name: "weather", arguments: "{}" },
          { type: "custom_tool_call", call_id: "call_b", name: "apply_patch", input: "*** Begin" },
          { type: "function_call", call_id: "call_c", name: "spawn", namespace: "agents", arguments: "{}" },
          { type: "function_call_output", call_id: "call_a", output: "sunny" },
          { type: "custom_tool_call_output", call_id: "call_b", output: "done" },
          {
            type: "function_call_output",
            call_id: "call_c",
            output: [
              { type: "input_text", text: "seen" },
              { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" }
            ]
          },
          { role: "assistant", content: "It is sunny" },
          { role: "system", content: "Now answer" },
          { role: "user", content: "And?" }
        ],
        max_output_tokens: 100,
        temperature: 0.5,
        top_p: 0.9,
        tools,
        tool_choice: { type: "function", name: "weather" },
        parallel_tool_calls: false,
        text: { format: { type: "json_schema", name: "A", schema, strict: true }, verbosity: "low" },
        reasoning: { effort: "high", summary: "auto" },
        service_tier: "flex",
        prompt_cache_key: "k",
        safety_identifier: "ann",
        metadata: { team: "a" },
        include: ["reasoning.encrypted_content"],
        store: false
      }
      const { status, task, text } = yield* asked(
        { ...body },
        {
          ...scripted(answer({ text: "Hi" })),
          capabilities: { images: true, documents: true }
        }
      )
      assert.strictEqual(status, 200, text)
      assert.deepStrictEqual(task?.systemPrompt, "Be brief\n\nAnd polite")
      assert.deepStrictEqual(task?.messages, [
        {
          role: "user",
          content: [
            { type: "text", text: "These?" },
            { type: "image", url: "https://example.org/a.png", detail: "low" },
            { type: "document", url: "data:application/pdf;base64,AAAA", name: "a.pdf" },
            { type: "document", url: "https://example.org/b.pdf" }
          ]
        },
        {
          role: "assistant",
          content: [
            {
              type: "reasoning",
              text: "Hm\n\nSo",
              state: {
                wire: "responses",
                value: {
                  type: "reasoning",
                  id: "rs_1",
                  summary: [
                    { type: "summary_text", text: "Hm" },
                    { type: "summary_text", text: "So" }
                  ],
                  encrypted_content: "gAAA"
                }
              }
            },
            { type: "text", text: "A" },
            { type: "text", text: "B" }
          ],
          toolCalls: [
            { id: "call_a", name: "weather", arguments: "{}" },
            {
              id: "call_b",
              name: "apply_patch",
              arguments: '{"input":"*** Begin"}',
              options: { responses: { type: "custom_tool_call" } }
            },
            { id: "call_c", name: "agents__spawn", arguments: "{}" }
          ]
        },
        { role: "tool", toolCallId: "call_a", content: "sunny" },
        { role: "tool", toolCallId: "call_b", content: "done" },
        {
          role: "tool",
          toolCallId: "call_c",
          content: [
            { type: "text", text: "seen" },
            { type: "image", url: "data:image/png;base64,AAAA", detail: "auto" }
          ]
        },
        { role: "assistant", content: "It is sunny" },
        { role: "system", content: "Now answer" },
        { role: "user", content: "And?" }
      ])
      assert.deepInclude(task, {
        maxTokens: 100,
        temperature: 0.5,
        topP: 0.9,
        toolChoice: { name: "weather" },
        parallelToolCalls: false,
        responseFormat: { type: "json_schema", name: "A", schema, strict: true },
        verbosity: "low",
        reasoning: { show: true, effort: "high" },
        serviceTier: "flex",
        cacheKey: "k",
        userId: "ann",
        metadata: { team: "a" }
      })
      assert.deepStrictEqual(
        task?.tools?.map(({ name }) => name),
        ["weather", "apply_patch", "agents__spawn"]
      )
      assert.include(task?.tools?.[1]?.description, "start: /.+/")
      assert.isUndefined(task?.nativeTools)
    })
  )

  it.scopedLive("reads what is said in other ways", () =>
    Effect.gen(function* () {
      const own = (value: Json) => ({ type: "native", wire: "responses", value }) as const
      const image = { type: "input_image", image_url: "https://example.org/a.png" }
      const sound = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } }
      const item = {
        type: "reasoning",
        id: "rs_1",
        summary: [],
        content: [{ type: "reasoning_text", text: "Hm" }]
      }
      const body = {
        input: [
          { role: "developer", content: [{ type: "input_text", text: "Be brief" }] },
          {
            role: "user",
            content: [
              image,
              { type: "input_image", file_id: "file_1" },
              { type: "input_file", file_data: "AAAA" },
              { type: "input_file", file_url: "https://example.org/b.pdf", filename: "b.pdf" },
              sound
            ]
          },
          item,
          { role: "assistant", content: [image, { type: "text", text: "A" }] },
          { role: "assistant", content: "" },
          { type: "function_call", call_id: "a", name: "f", arguments: { x: 1 } },
          { type: "function_call_output", call_id: "a", output: [] },
          { type: "mcp_approval_response", approve: true }
        ],
        tools: [
          { type: "function", name: "f" },
          { type: "custom", name: "c" },
          { type: "namespace", name: "n", tools: [{ type: "custom", name: "c", description: "Says" }] }
        ],
        reasoning: { generate_summary: "auto", effort: "utmost" },
        text: { verbosity: "endless" },
        top_logprobs: 2,
        user: "ann"
      }
      const engine = giving(ReasoningEngine.textDelta("Hi"), ReasoningEngine.finish("stop", "m"))
      let task: AITask.AITask | undefined = undefined
      const { url } = yield* start({
        engines: [],
        registered: [
          {
            ...engine,
            wires: ["responses"],
            capabilities: { ...engine.capabilities, logProbabilities: true },
            attempt: (request) => {
              task = request.task
              return engine.attempt(request)
            }
          }
        ]
      })
      const { status, text } = yield* post(`${url}${path}`, { ...body, model: "claude" })
      assert.strictEqual(status, 200, text)
      assert.deepInclude(task ?? {}, {
        systemPrompt: "Be brief",
        messages: [
          {
            role: "user",
            content: [
              { type: "image", url: image.image_url },
              own({ type: "input_image", file_id: "file_1" }),
              own({ type: "input_file", file_data: "AAAA" }),
              { type: "document", url: "https://example.org/b.pdf", name: "b.pdf" },
              own(sound)
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "Hm", state: { wire: "responses", value: item } },
              own(image),
              { type: "text", text: "A" }
            ],
            toolCalls: [{ id: "a", name: "f", arguments: '{"x":1}' }]
          },
          { role: "tool", toolCallId: "a", content: "" },
          { role: "user", content: [own({ type: "mcp_approval_response", approve: true })] }
        ],
        reasoning: { show: true },
        logProbabilities: 2,
        userId: "ann"
      })
      assert.notProperty(task ?? {}, "verbosity")
    })
  )

  it.scopedLive("tells what it can't use, all of it by its fields", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<readonly [Json, string]> = [
        [{ input: "" }, "input"],
        [{ input: [] }, "input[0]"],
        [{ input: undefined }, "input"],
        [{ input: [17] }, "input[0]"],
        [{ input: [{ role: "user", content: " " }] }, "input[0].content"],
        [{ input: [{ role: "user", content: [] }] }, "input[0].content[0]"],
        [{ input: [{ role: "user", content: [{ text: "x" }] }] }, "input[0].content[0].type"],
        [{ input: [{ role: "user", content: [{ type: "input_text" }] }] }, "input[0].content[0].text"],
        [
          { input: [{ role: "user", content: [{ type: "input_image", image_url: "" }] }] },
          "input[0].content[0].image_url"
        ],
        [{ input: [{ role: 1, content: "x" }] }, "input[0].role"],
        [{ input: [{ type: 17 }] }, "input[0].type"],
        [{ input: [{ type: "function_call", name: "f", arguments: "{}" }] }, "input[0].call_id"],
        [{ input: [{ type: "function_call", call_id: "a", arguments: "{}" }] }, "input[0].name"],
        [{ input: [{ type: "custom_tool_call", call_id: "a", name: "f" }] }, "input[0].input"],
        [{ input: [{ type: "function_call_output", output: "x" }] }, "input[0].call_id"],
        [{ input: [{ type: "function_call_output", call_id: "a", output: 17 }] }, "input[0].output"],
        [{ max_output_tokens: 0 }, "max_output_tokens"],
        [{ temperature: 3 }, "temperature"],
        [{ tools: 17 }, "tools"],
        [{ tools: [{ type: "function" }] }, "tools[0].name"],
        [{ tools: [{ type: "function", name: "a b" }] }, "tools[0].name"],
        [{ tools: [{ type: "function", name: "f", parameters: 17 }] }, "tools[0].parameters"],
        [{ tools: [{ type: "namespace", tools: [{ type: "custom" }] }] }, "tools[0].name"],
        [{ tool_choice: "required" }, "tool_choice"],
        [{ tool_choice: 17 }, "tool_choice"],
        [{ text: { format: 17 } }, "text.format"],
        [{ text: { format: { type: 1 } } }, "text.format.type"],
        [{ input: [{ role: "assistant", content: [17] }] }, "input[0].content[0]"],
        [{ text: { format: { type: "json_schema" } } }, "text.format.name"],
        [{ stream: "yes" }, "stream"],
        [{ model: "" }, "model"]
      ]
      for (const [given, param] of rows) {
        const { status, text } = yield* asked(given)
        const { error } = JSON.parse(text)
        assert.deepStrictEqual([status, error.type, error.param], [400, "invalid_request_error", param], text)
      }
      const both = yield* asked({ input: [{ role: 1 }], tools: [{ type: "function" }] })
      assert.include(both.text, "input[0].role")
      assert.include(both.text, "tools[0].name")
    })
  )

  it.scopedLive("takes what says nothing for nothing", () =>
    Effect.gen(function* () {
      for (const given of [
        { tool_choice: "auto" },
        { tools: [], tool_choice: "none" },
        { tools, tool_choice: { type: "allowed_tools", mode: "auto", tools: [] } },
        { tools, tool_choice: { type: "namespace", name: "spawn", namespace: "agents" } },
        { text: { format: { type: "text" } } },
        { text: { format: { type: "json_object" } } },
        { reasoning: null, include: null, metadata: null },
        {
          input: [
            { role: "developer", content: "" },
            { role: "user", content: "Hi" }
          ]
        },
        { input: [{ role: "user", content: [{ type: "text", text: "Hi" }] }] },
        { top_logprobs: null, include: [] }
      ]) {
        const { status, text } = yield* asked(given)
        assert.strictEqual(status, 200, text)
      }
    })
  )

  it.scopedLive("ends an answer that isn't complete as such", () =>
    Effect.gen(function* () {
      for (const [finishReason, reason] of [
        ["length", "max_output_tokens"],
        ["other", "other"]
      ] as const) {
        const script = scripted(answer({ text: "Hi", finishReason }))
        const whole = JSON.parse((yield* asked({}, script)).text)
        assert.deepInclude(whole, { status: "incomplete", incomplete_details: { reason } })
        const last = eventsOf((yield* asked({ stream: true }, script)).text).at(-1)
        assert.strictEqual(last?.["type"], "response.incomplete")
        assert.deepStrictEqual(last?.["response"].incomplete_details, { reason })
      }
    })
  )

  it.scopedLive("fails with a body before the answer, and with a last event within it", () =>
    Effect.gen(function* () {
      const before = yield* asked({ stream: true }, scripted(fail({ _tag: "QuotaExhaustedError" })))
      assert.strictEqual(before.status, 429)
      assert.strictEqual(JSON.parse(before.text).error.type, "insufficient_quota")
      const { text } = yield* asked({ stream: true }, scripted(cut({ text: "Half", after: 1 })))
      const events = eventsOf(text)
      const last = events.at(-1)
      assert.strictEqual(last?.["type"], "response.failed")
      assert.deepInclude(last?.["response"], { status: "failed" })
      assert.strictEqual(last?.["response"].error.code, "stream_interrupted")
      assert.strictEqual(last?.["sequence_number"], events.length - 1)
      assert.notInclude(text, "response.completed")
    })
  )

  it.scopedLive("asks a websocket's client to go on over HTTP", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [scripted(answer({ text: "Hi" }))] })
      const { heard } = yield* connect(
        url,
        `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
          "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
      )
      yield* eventually(Effect.sync(() => heard().includes("upgrade_required")))
      assert.match(heard(), /^HTTP\/1\.1 426 /)
      assert.match(heard(), /\r\nupgrade: HTTP\/1\.1\r\n/i)
      const plain = yield* Effect.promise(() => fetch(`${url}${path}`))
      assert.strictEqual(plain.status, 405)
      assert.strictEqual(plain.headers.get("allow"), "POST")
    })
  )

  it.scopedLive("keeps a client waiting with an event that its timer hears", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines: [scripted(answer({ text: "Hi", firstTokenMs: 300 }))],
        gateway: { keepAliveMs: 50 }
      })
      const { text } = yield* post(`${url}${path}`, { model: "claude", input: "Hi", stream: true })
      const [first, ...others] = eventsOf(text)
      assert.deepStrictEqual(first, { type: "keepalive" })
      assert.strictEqual(others.at(-1)?.["type"], "response.completed")
    })
  )
})

const apiKey = Redacted.make("sk-test-upstream")

const engineOf = {
  responses: (baseUrl: string) =>
    OpenAICompatible.make({
      provider: AIProvider.unsafeMake("house"),
      baseUrl,
      model: "m",
      apiKey,
      wires: ["responses"]
    }),
  chat: (baseUrl: string) =>
    OpenAICompatible.make({ provider: AIProvider.unsafeMake("house"), baseUrl, model: "m", apiKey }),
  claude: (baseUrl: string) =>
    Claude.make({ provider: AIProvider.unsafeMake("house"), baseUrl, model: "claude-opus-4-8", apiKey })
}

/** A gateway over one provider of a wire that answers every call with these steps. */
const over = (
  wire: keyof typeof engineOf,
  steps: ReadonlyArray<RawServer.Step>,
  others: ReadonlyArray<ScriptedEngine.Options> = []
) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(...Array.from({ length: 4 }, () => steps))
    const engine = yield* Effect.orDie(engineOf[wire](upstream.url)).pipe(
      Effect.provide(FetchHttpClient.layer)
    )
    const gateway = yield* start({ engines: others, registered: [engine] })
    const sent = (index = 0): Json => JSON.parse(upstream.requests[index]?.body ?? "null")
    return { ...gateway, upstream, sent }
  })

describe("Responses over its own wire", () => {
  const unknowns = FastCheck.dictionary(
    FastCheck.stringMatching(/^x_[a-z]{1,8}$/),
    jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
    { maxKeys: 3 }
  )

  it.scopedLive.prop(
    "reaches its provider as it was sent, but for its model, and is answered byte for byte",
    [unknowns, FastCheck.boolean()],
    ([unknowns, stream]) =>
      Effect.gen(function* () {
        const body = {
          model: "house",
          input: [
            {
              role: "user",
              content: [
                { type: "input_text", text: "Hi" },
                { type: "part_of_2027", ...unknowns }
              ]
            },
            { type: "item_of_2027", ...unknowns }
          ],
          tools: [...tools, { type: "tool_of_2027", ...unknowns }],
          previous_response_id: "resp_0",
          ...unknowns,
          stream
        }
        const answer = stream
          ? responses.wire(
              ...responses.hi,
              { type: "response.event_of_2027", ...unknowns },
              ...responses.rest
            )
          : JSON.stringify({ ...responses.response(), ...unknowns }, null, 1)
        const type = stream ? "text/event-stream" : "application/json"
        const { sent, url } = yield* over("responses", RawServer.answer(200, type, answer))
        const reply = yield* post(`${url}${path}`, body)
        assert.strictEqual(reply.text, answer)
        assert.deepStrictEqual(sent(), { ...body, model: "m" })
      }),
    runs(40, 5)
  )

  it.scopedLive("fails as its provider says", () =>
    Effect.gen(function* () {
      const said = JSON.stringify({ error: { message: "no", type: "x", param: "input", code: "y" }, more: 1 })
      const { url } = yield* over("responses", RawServer.answer(400, "application/json", said))
      const reply = yield* post(`${url}${path}`, { model: "house", input: "Hi" })
      assert.deepStrictEqual([reply.status, reply.text], [400, said])
    })
  )

  it.scopedLive("goes on in the same message where it breaks off, by another provider", () =>
    Effect.gen(function* () {
      const search = { type: "web_search_call", id: "ws_1", status: "completed" }
      const beginning = responses.wire(
        responses.created,
        responses.added(search),
        responses.done(search),
        responses.added({ ...responses.message(""), content: [] }, 1),
        responses.partAdded(1),
        responses.text("Light scat", 1)
      )
      const { url } = yield* over(
        "responses",
        [RawServer.send(RawServer.head(200, "text/event-stream") + beginning), RawServer.reset],
        [{ provider: AIProvider.Gpt4, script: [answer({ text: "Light scatters from air." })] }]
      )
      const reply = yield* post(`${url}${path}`, { model: "house", input: "Hi", stream: true })
      assert.isTrue(reply.text.startsWith(beginning))
      const events = eventsOf(reply.text)
      assert.deepStrictEqual(
        events.map(({ sequence_number }) => sequence_number),
        events.map((_, index) => index)
      )
      assert.strictEqual(
        events
          .map((event) => (event["type"] === "response.output_text.delta" ? event["delta"] : ""))
          .join(""),
        "Light scatters from air."
      )
      const last = events.at(-1)
      assert.strictEqual(last?.["type"], "response.completed")
      assert.strictEqual(last?.["response"].id, "resp_1")
      assert.deepStrictEqual(last?.["response"].output[0], search)
      assert.strictEqual(last?.["response"].output[1].content[0].text, "Light scatters from air.")
      assert.lengthOf(last?.["response"].output, 2)
    })
  )

  it.scopedLive("fails in its own terms where it breaks off and can't be gone on with", () =>
    Effect.gen(function* () {
      const thought = responses.reasoning(["Hm"], { encrypted_content: "gAAA" })
      const beginning = responses.wire(
        responses.created,
        responses.added({ ...thought, summary: [] }),
        responses.done(thought),
        responses.added({ ...responses.message(""), content: [] }, 1),
        responses.text("Light scat", 1)
      )
      const { url } = yield* over("responses", [
        RawServer.send(RawServer.head(200, "text/event-stream") + beginning),
        RawServer.reset
      ])
      const reply = yield* post(`${url}${path}`, { model: "house", input: "Hi", stream: true })
      assert.isTrue(reply.text.startsWith(beginning))
      const last = eventsOf(reply.text).at(-1)
      assert.deepInclude(last, { type: "response.failed", sequence_number: 5 })
      assert.deepInclude(last?.["response"], { id: "resp_1", status: "failed", output: [thought] })
    })
  )

  it.scopedLive("is asked for of no other provider where it names what one keeps", () =>
    Effect.gen(function* () {
      const body = { model: "claude", input: "Hi", previous_response_id: "resp_0" }
      const { engines, url } = yield* start({ engines: [scripted(answer({ text: "Hi" }))] })
      const reply = yield* post(`${url}${path}`, body)
      assert.strictEqual(reply.status, 400, reply.text)
      assert.include(reply.text, "previous_response_id")
      assert.lengthOf(yield* engines[0]?.calls ?? Effect.succeed([]), 0)
    })
  )
})

describe("Responses across wires", () => {
  const body = {
    model: "house",
    input: "Patch it",
    tools,
    reasoning: { effort: "high", summary: "auto" },
    include: ["reasoning.encrypted_content"],
    prompt_cache_retention: "24h",
    store: false
  }

  const thinking = { type: "thinking", thinking: "Hm", signature: "sig" }

  const claudeAnswer = json({
    content: [
      thinking,
      { type: "tool_use", id: "toolu_1", name: "apply_patch", input: { input: "*** Begin" } }
    ],
    stop_reason: "tool_use"
  })

  function json(changes: object) {
    return messages.json(200, messages.piece(changes))
  }

  it.scopedLive("is served by Claude, whose thoughts go back to it with the next turn", () =>
    Effect.gen(function* () {
      const { sent, url } = yield* over("claude", claudeAnswer)
      const first = yield* post(`${url}${path}`, body)
      assert.strictEqual(first.status, 200, first.text)
      assert.strictEqual(decodeURIComponent(first.headers.get("x-saga-dropped") ?? ""), "tools[3], tools[4]")
      assert.deepStrictEqual(
        (sent()["tools"] as ReadonlyArray<Json>).map(({ name }) => name),
        ["weather", "apply_patch", "agents__spawn"]
      )
      const { output } = JSON.parse(first.text)
      assert.deepInclude(output[1], { type: "custom_tool_call", name: "apply_patch", input: "*** Begin" })
      const next = {
        ...body,
        input: [
          { role: "user", content: "Patch it" },
          ...output,
          { type: "custom_tool_call_output", call_id: "toolu_1", output: "done" }
        ]
      }
      yield* post(`${url}${path}`, next)
      assert.deepStrictEqual(sent(1)["messages"], [
        { role: "user", content: [{ type: "text", text: "Patch it" }] },
        {
          role: "assistant",
          content: [
            thinking,
            { type: "tool_use", id: "toolu_1", name: "apply_patch", input: { input: "*** Begin" } }
          ]
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "done" }] }
      ])
      // A provider of the caller's wire isn't shown them.
      const own = yield* over("responses", responses.json(200, responses.response()))
      yield* post(`${own.url}${path}`, next)
      assert.deepStrictEqual(own.sent()["input"], [next.input[0], ...output.slice(1), next.input.at(-1)])
    })
  )

  it.scopedLive("is served over Chat Completions", () =>
    Effect.gen(function* () {
      const said = chat.json(200, {
        model: "m-1",
        choices: [
          {
            message: {
              content: null,
              reasoning_content: "Hm",
              tool_calls: [
                { id: "a", type: "function", function: { name: "agents__spawn", arguments: "{}" } }
              ]
            },
            finish_reason: "tool_calls"
          }
        ]
      })
      const { url } = yield* over("chat", said)
      const reply = yield* post(`${url}${path}`, { ...body, stream: true })
      const last = eventsOf(reply.text).at(-1)
      assert.strictEqual(last?.["type"], "response.completed", reply.text)
      const [thought, call] = last?.["response"].output ?? []
      assert.deepStrictEqual(thought.summary, [{ type: "summary_text", text: "Hm" }])
      assert.deepInclude(call, { type: "function_call", name: "spawn", namespace: "agents" })
    })
  )

  it.scopedLive("serves callers of the other wires", () =>
    Effect.gen(function* () {
      const thought = responses.reasoning(["Hm"], { encrypted_content: "gAAA" })
      const call = responses.functionCall("call_1", "weather", "{}")
      const { url } = yield* over(
        "responses",
        responses.json(200, responses.response({ output: [thought, call] }))
      )
      const ofChat = yield* post(`${url}/v1/chat/completions`, {
        model: "house",
        messages: [{ role: "user", content: "Hi" }]
      })
      assert.strictEqual(ofChat.status, 200, ofChat.text)
      assert.deepInclude(JSON.parse(ofChat.text).choices[0], { finish_reason: "tool_calls" })
      const ofMessages = yield* post(`${url}/v1/messages`, {
        model: "house",
        max_tokens: 100,
        messages: [{ role: "user", content: "Hi" }]
      })
      const { content, stop_reason } = JSON.parse(ofMessages.text)
      assert.strictEqual(stop_reason, "tool_use", ofMessages.text)
      assert.deepInclude(content.at(-1), { type: "tool_use", id: "call_1", name: "weather", input: {} })
    })
  )

  it.scopedLive("isn't sent to who can't do what it asks for, and says what that is", () =>
    Effect.gen(function* () {
      for (const [given, named] of [
        [{ tools: [{ type: "web_search" }], tool_choice: "required" }, "web_search"],
        [
          {
            input: [
              { type: "item_reference", id: "a" },
              { role: "user", content: "Hi" }
            ]
          },
          "item_reference"
        ],
        [
          {
            input: [
              { type: "computer_call", id: "a" },
              { role: "user", content: "Hi" }
            ]
          },
          "computer_call"
        ],
        [{ input: [{ role: "user", content: [{ type: "input_file", file_id: "a" }] }] }, "input_file"],
        [{ background: true }, "background"]
      ] as const) {
        const { status, text } = yield* asked(given)
        assert.strictEqual(status, 400, text)
        assert.include(text, named)
      }
    })
  )
})
