import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import type { Responses } from "openai/resources/responses/responses"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as OpenAI from "../../src/engines/OpenAI.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import type * as Wire from "../../src/Wire.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import { streaming, task } from "../utils/chatCompletions.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"
import {
  type Changes,
  engine,
  json,
  keptEvents,
  response,
  whole,
  wholeEvents,
  wire
} from "../utils/responses.js"
import * as responses from "../utils/responses.js"

type Asked = Effect.Effect<AITask.AITask, InvalidArgumentError>

type Json = Readonly<Record<string, unknown>>

/** What the server got of one attempt. */
const sent = (changes: Changes, asked: Asked, prefill?: string, steps = whole) =>
  Effect.gen(function* () {
    const server = yield* RawServer.make(steps)
    const made = yield* engine(server.url, changes)
    const seen = yield* attempts.events(made, yield* asked, prefill)
    const [request] = server.requests
    assert.strictEqual(server.requests.length, 1)
    assert.isDefined(request)
    const { body, headers, method, path } = request
    const sentBody: Json = JSON.parse(body)
    return { method, path, headers, body: sentBody, seen }
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

const everything = { capabilities: { reasoning: true, images: true, documents: true }, extraFields: true }

/** What is an error of the vendor's types where it isn't what they say. */
const body = (body: Responses.ResponseCreateParams): unknown => body

describe("Responses requests", () => {
  it.live("ask for a stream with the model, the prompt and nothing else that wasn't given", () =>
    Effect.gen(function* () {
      const asked = yield* sent({ apiKey: Redacted.make("sk-test") }, streaming)
      assert.strictEqual(`${asked.method} ${asked.path}`, "POST /responses")
      assert.deepInclude(asked.headers, {
        authorization: "Bearer sk-test",
        "content-type": "application/json",
        accept: "text/event-stream"
      })
      assert.deepStrictEqual(
        asked.body,
        body({
          model: "gpt-4o",
          input: [{ type: "message", role: "user", content: "Say hi" }],
          store: false,
          stream: true
        })
      )
      assert.deepStrictEqual(asked.seen, wholeEvents)
    })
  )

  it.live("send every field of a task by its wire name", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: { city: { type: "string" } } }
      const thought: Responses.ResponseReasoningItem = {
        type: "reasoning",
        id: "rs_1",
        summary: [],
        encrypted_content: "gAAA"
      }
      const search: Responses.ResponseFunctionWebSearch = {
        type: "web_search_call",
        id: "ws_1",
        status: "completed",
        action: { type: "search", query: "Rome", queries: ["Rome"] }
      }
      const patch = { type: "custom", name: "apply_patch", description: "Patches" }
      const asked = AITask.make({
        systemPrompt: "Be brief",
        messages: [
          { role: "system", content: "And polite" },
          {
            role: "user",
            content: [
              { type: "text", text: "What are these?" },
              { type: "image", url: "https://example.org/a.png", detail: "low" },
              { type: "image", url: "data:image/png;base64,AAAA" },
              { type: "document", url: "data:application/pdf;base64,BBBB", name: "b.pdf" },
              { type: "document", url: "data:application/pdf;base64,BBBB" },
              { type: "document", url: "https://example.org/c.pdf", name: "c.pdf" },
              { type: "document", url: "data:text/plain,words" },
              { type: "native", wire: "responses", value: { type: "item_reference", id: "msg_0" } },
              { type: "native", wire: "responses", value: { type: "input_file", file_id: "file_1" } },
              { type: "native", wire: "messages", value: { type: "search_result" } }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: "hm", state: { wire: "responses", value: { ...thought } } },
              { type: "reasoning", text: "hm", state: { wire: "messages", value: { type: "thinking" } } },
              { type: "native", wire: "responses", value: { ...search } },
              { type: "text", text: "Let me see" },
              { type: "text", text: "" }
            ],
            toolCalls: [
              { id: "call_1", name: "weather", arguments: "" },
              {
                id: "call_2",
                name: "apply_patch",
                arguments: '{"input":"*** Begin"}',
                options: { responses: { type: "custom_tool_call" } }
              },
              {
                id: "call_3",
                name: "spawn",
                arguments: "{}",
                options: { responses: { namespace: "agents" } }
              }
            ]
          },
          { role: "tool", toolCallId: "call_1", content: "sunny" },
          { role: "tool", toolCallId: "call_2", content: "no such file", isError: true },
          {
            role: "tool",
            toolCallId: "call_3",
            isError: true,
            content: [
              { type: "text", text: "seen" },
              { type: "image", url: "https://example.org/d.png" }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "text", text: "A" },
              { type: "text", text: "B" }
            ]
          },
          { role: "system", content: [{ type: "text", text: "Now answer" }] },
          { role: "user", content: "And?" }
        ],
        maxTokens: 50,
        temperature: 0.5,
        topP: 0.9,
        tools: [
          { name: "weather", description: "The weather", parameters: schema, strict: true },
          {
            name: "time",
            parameters: { type: "object" },
            options: { responses: { defer_loading: true }, messages: { defer_loading: false } }
          }
        ],
        nativeTools: [
          { wire: "responses", value: patch },
          { wire: "responses", value: { type: "web_search" } }
        ],
        toolChoice: { name: "apply_patch" },
        parallelToolCalls: false,
        responseFormat: { type: "json_schema", name: "Place", schema },
        reasoning: { effort: "high", show: true },
        verbosity: "low",
        logProbabilities: 3,
        serviceTier: "flex",
        cacheKey: "k",
        options: { responses: { truncation: "auto" } },
        userId: "somebody",
        metadata: { team: "a" }
      })
      const { body: seen } = yield* sent(everything, asked)
      assert.deepStrictEqual(
        seen,
        body({
          model: "gpt-4o",
          instructions: "Be brief",
          input: [
            { type: "message", role: "developer", content: "And polite" },
            {
              type: "message",
              role: "user",
              content: [
                { type: "input_text", text: "What are these?" },
                { type: "input_image", image_url: "https://example.org/a.png", detail: "low" },
                { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" },
                { type: "input_file", filename: "b.pdf", file_data: "data:application/pdf;base64,BBBB" },
                { type: "input_file", filename: "document", file_data: "data:application/pdf;base64,BBBB" },
                { type: "input_file", file_url: "https://example.org/c.pdf" },
                { type: "input_text", text: "words" }
              ]
            },
            { type: "item_reference", id: "msg_0" },
            { type: "message", role: "user", content: [{ type: "input_file", file_id: "file_1" }] },
            thought,
            search,
            { type: "message", role: "assistant", content: "Let me see" },
            { type: "function_call", call_id: "call_1", name: "weather", arguments: "{}" },
            { type: "custom_tool_call", call_id: "call_2", name: "apply_patch", input: "*** Begin" },
            { type: "function_call", call_id: "call_3", name: "spawn", arguments: "{}", namespace: "agents" },
            { type: "function_call_output", call_id: "call_1", output: "sunny" },
            { type: "custom_tool_call_output", call_id: "call_2", output: "Error: no such file" },
            {
              type: "function_call_output",
              call_id: "call_3",
              output: [
                { type: "input_text", text: "Error:" },
                { type: "input_text", text: "seen" },
                { type: "input_image", image_url: "https://example.org/d.png", detail: "auto" }
              ]
            },
            { type: "message", role: "assistant", content: "A" },
            { type: "message", role: "assistant", content: "B" },
            {
              type: "message",
              role: "developer",
              content: [{ type: "input_text", text: "Now answer" }]
            },
            { type: "message", role: "user", content: "And?" }
          ],
          max_output_tokens: 50,
          temperature: 0.5,
          top_p: 0.9,
          tools: [
            {
              type: "function",
              name: "weather",
              description: "The weather",
              parameters: schema,
              strict: true
            },
            {
              type: "function",
              name: "time",
              parameters: { type: "object" },
              strict: false,
              defer_loading: true
            },
            { type: "custom", name: "apply_patch", description: "Patches" },
            { type: "web_search" }
          ],
          tool_choice: { type: "custom", name: "apply_patch" },
          parallel_tool_calls: false,
          reasoning: { effort: "high", summary: "auto" },
          text: {
            format: { type: "json_schema", name: "Place", schema, strict: true },
            verbosity: "low"
          },
          top_logprobs: 3,
          include: ["reasoning.encrypted_content", "message.output_text.logprobs"],
          service_tier: "flex",
          prompt_cache_key: "k",
          store: false,
          truncation: "auto",
          stream: true
        })
      )
    })
  )

  it.live("say forms, choices and thinking as the wire does", () =>
    Effect.gen(function* () {
      const tools: AITask.Options["tools"] = [{ name: "f", parameters: {} }]
      const rows: ReadonlyArray<readonly [Partial<AITask.Options>, Json]> = [
        [{ responseFormat: { type: "json" } }, { text: { format: { type: "json_object" } } }],
        [{ responseFormat: { type: "text" } }, { text: undefined }],
        [
          { responseFormat: { type: "json_schema", name: "A", schema: {}, strict: false } },
          { text: { format: { type: "json_schema", name: "A", schema: {}, strict: false } } }
        ],
        [{ tools, toolChoice: "required" }, { tool_choice: "required" }],
        [{ tools, toolChoice: { name: "f" } }, { tool_choice: { type: "function", name: "f" } }],
        [{ reasoning: { budgetTokens: 3000 } }, { reasoning: { effort: "medium" } }],
        [{ reasoning: { show: false } }, { reasoning: undefined }],
        [{ logProbabilities: 0 }, { top_logprobs: 0 }],
        [{}, { include: ["reasoning.encrypted_content"] }]
      ]
      for (const [options, expected] of rows) {
        const { body } = yield* sent(everything, task(options))
        const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, body[name]]))
        assert.deepStrictEqual(seen, expected, JSON.stringify(options))
      }
    })
  )

  it.live("tell what they leave out", () =>
    Effect.gen(function* () {
      const asked = task({
        temperature: 0.5,
        topP: 0.5,
        topK: 5,
        seed: 1,
        stop: ["END"],
        frequencyPenalty: 1,
        presencePenalty: 1,
        verbosity: "low",
        serviceTier: "flex",
        cacheKey: "k",
        reasoning: { effort: "low" }
      })
      const { body, seen } = yield* sent({ capabilities: { sampling: false } }, asked)
      assert.hasAllKeys(body, ["model", "input", "store", "stream"])
      const fields = seen.flatMap((event) => (event._tag === "Warning" ? (event.fields ?? []) : []))
      assert.sameMembers(fields, [
        "temperature",
        "topP",
        "topK",
        "seed",
        "stop",
        "frequencyPenalty",
        "presencePenalty",
        "verbosity",
        "reasoning"
      ])
      const kept = yield* sent(everything, asked)
      const left = kept.seen.flatMap((event) => (event._tag === "Warning" ? (event.fields ?? []) : []))
      assert.sameMembers(left, ["topK", "seed", "stop", "frequencyPenalty", "presencePenalty"])
    })
  )

  it.live("go on from the beginning of an answer, and ask for one piece where that is set", () =>
    Effect.gen(function* () {
      const begun = yield* sent({}, task(), "Once")
      assert.deepStrictEqual(begun.body["input"], [
        { type: "message", role: "user", content: "Say hi" },
        { type: "message", role: "assistant", content: "Once" }
      ])
      const piece = yield* sent({ completeOver: "json" }, task(), undefined, json(200, response()))
      assert.strictEqual(piece.body["stream"], false)
      assert.strictEqual(piece.headers["accept"], "application/json")
      assert.deepStrictEqual(piece.seen, wholeEvents)
    })
  )

  it.live("give calls ids that the server takes, the same in call and result", () =>
    Effect.gen(function* () {
      const long = "x".repeat(80)
      const asked = task({
        messages: [
          { role: "assistant", content: "", toolCalls: [{ id: long, name: "f", arguments: "{}" }] },
          { role: "tool", toolCallId: long, content: "1" }
        ]
      })
      for (const [rule, length] of [
        ["any", 80],
        ["forty-characters", 64],
        ["nine-alphanumerics", 9]
      ] as const) {
        const { body } = yield* sent({ toolCallIds: rule }, asked)
        const ids = (body["input"] as ReadonlyArray<Json>).map((item) => item["call_id"])
        assert.deepStrictEqual(ids, [long.slice(0, length), long.slice(0, length)])
      }
    })
  )

  it.live("aren't sent for sound, nor for a document that isn't in base64", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(whole)
      const made = yield* engine(server.url)
      for (const part of [
        { type: "audio", data: "AAAA", format: "wav" },
        { type: "document", url: "data:application/pdf,x" }
      ] as const) {
        const asked = yield* task({ messages: [{ role: "user", content: [part] }] })
        const error = yield* Effect.flip(attempts.events(made, asked))
        assert.strictEqual(error._tag, "InputValidationError")
      }
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )
})

/** A call as it came over a wire, and the view of it. */
const came = (
  body: Json,
  options: Partial<AITask.Options> = {},
  wire: Wire.Wire = "responses",
  headers?: Readonly<Record<string, string>>
) =>
  task({
    ...options,
    mode: body["stream"] === true ? "streaming" : "complete",
    original: { wire, body, ...(headers === undefined ? {} : { headers }) }
  })

/** What an attempt gives that is asked for the answer as it comes. */
const natively = (made: ReasoningEngine.ReasoningEngine, asked: AITask.AITask) =>
  Effect.scoped(
    Effect.gen(function* () {
      const pull = yield* made.attempt({ task: asked, mode: asked.mode, native: true })
      const seen: Array<ReasoningEngine.EngineEvent> = []
      while (!seen.some(({ _tag }) => _tag === "Finish")) seen.push(...(yield* pull))
      return {
        body: seen.map((event) => (event._tag === "Native" ? event.text : "")).join(""),
        events: seen.filter(({ _tag }) => _tag !== "Native")
      }
    })
  )

describe("Responses that came over the wire", () => {
  it.live("are sent as they came, but for model, stream and bound", () =>
    Effect.gen(function* () {
      const given = {
        model: "saga/quality",
        input: "Say hi",
        instructions: null,
        previous_response_id: "resp_0",
        something_new: { a: [1] },
        tools: [{ type: "something_newer" }],
        max_output_tokens: 100,
        stream: true
      }
      const rows: ReadonlyArray<readonly [Json, Partial<AITask.Options>, Json]> = [
        [given, {}, { ...given, model: "gpt-4o" }],
        [given, { maxTokens: 10 }, { ...given, model: "gpt-4o", max_output_tokens: 10 }],
        [given, { maxTokens: 1000 }, { ...given, model: "gpt-4o" }],
        [{ input: "Hi" }, { maxTokens: 10 }, { input: "Hi", model: "gpt-4o", max_output_tokens: 10 }],
        [{ input: "Hi", stream: false }, {}, { input: "Hi", model: "gpt-4o", stream: false }]
      ]
      for (const [original, options, expected] of rows) {
        const steps = original["stream"] === true ? whole : json(200, response())
        const { body, headers, seen } = yield* sent(
          { apiKey: Redacted.make("sk-test") },
          came(original, options, "responses", { "x-client": "a", authorization: "Bearer theirs" }),
          undefined,
          steps
        )
        assert.deepStrictEqual(body, expected)
        assert.deepInclude(headers, { "x-client": "a", authorization: "Bearer sk-test" })
        const told = seen.flatMap((event) => (event._tag === "Warning" ? [event.message] : []))
        assert.deepStrictEqual(
          told,
          options.maxTokens === 10 ? ["the answer may have at most 10 tokens"] : []
        )
        assert.deepStrictEqual(
          seen.filter(({ _tag }) => _tag !== "Warning"),
          keptEvents
        )
      }
    })
  )

  it.live("go on from the beginning of an answer, whatever form their input has", () =>
    Effect.gen(function* () {
      const begun = { role: "assistant", content: "Once" }
      for (const [input, expected] of [
        ["Hi", [{ role: "user", content: "Hi" }, begun]],
        [[{ role: "user", content: "Hi" }], [{ role: "user", content: "Hi" }, begun]],
        [17, 17]
      ]) {
        const { body } = yield* sent({}, came({ input, stream: true }), "Once")
        assert.deepStrictEqual(body["input"], expected)
      }
    })
  )

  it.live("have ids of tool calls that the server takes, and all else as it came", () =>
    Effect.gen(function* () {
      const id = "x".repeat(80)
      const view = {
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "", toolCalls: [{ id, name: "f", arguments: "{}" }] },
          { role: "tool", toolCallId: id, content: "1" }
        ]
      } as const
      const input = (call_id: string) => [
        { role: "user", content: "Hi", odd: 1 },
        { type: "function_call", id: "fc_1", call_id, name: "f", arguments: "{}" },
        { type: "function_call_output", call_id, output: "1" }
      ]
      const { body } = yield* sent(
        { toolCallIds: "forty-characters" },
        came({ input: input(id), next_year: 1, stream: true }, view)
      )
      assert.deepInclude(body, { input: input("x".repeat(64)), next_year: 1 })
    })
  )

  it.live("have random bodies sent as they came, and answers given back byte for byte", () =>
    Effect.gen(function* () {
      const noise = [": ping\r\n\r\n", 'event: keepalive\ndata: {"type":"keepalive"}\n\n', "\n"]
      const events = [...responses.hi, ...responses.rest]
      const rows = FastCheck.sample(
        FastCheck.record({
          fields: FastCheck.dictionary(
            FastCheck.string({ unit: "grapheme-ascii", minLength: 1 }).filter((name) => name !== "__proto__"),
            FastCheck.jsonValue({ maxDepth: 3 })
          ),
          noises: FastCheck.array(FastCheck.constantFrom("", ...noise), {
            minLength: events.length,
            maxLength: events.length
          }),
          stream: FastCheck.boolean()
        }),
        { ...runs(10).fastCheck }
      )
      for (const { fields, noises, stream } of rows) {
        // Negative zero isn't JSON's.
        const original: Json = JSON.parse(JSON.stringify({ ...fields, input: "Hi", model: "a", stream }))
        const answer = stream
          ? events.map((event, index) => (noises[index] ?? "") + wire(event)).join("")
          : JSON.stringify({ ...response(), something_new: fields }, null, stream ? 0 : 1)
        const type = stream ? "text/event-stream" : "application/json"
        const server = yield* RawServer.make(RawServer.answer(200, type, answer))
        const { body, events: seen } = yield* natively(yield* engine(server.url), yield* came(original))
        const { max_output_tokens: _, ...sentBody } = JSON.parse(server.requests[0]?.body ?? "")
        const { max_output_tokens: __, ...expected } = original
        assert.deepStrictEqual(sentBody, { ...expected, model: "gpt-4o" })
        assert.strictEqual(body, answer)
        assert.deepStrictEqual(seen, keptEvents)
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )
})

describe("An engine of both wires", () => {
  const asked = (options: Partial<OpenAI.Options>, task: Asked) =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(RawServer.answer(500, "application/json", "{}"))
      const made = yield* OpenAI.make({
        model: "m",
        apiKey: Redacted.make("sk-test"),
        baseUrl: `${server.url}/v1?a=1`,
        ...options
      })
      const error = yield* Effect.flip(attempts.events(made, yield* task))
      return server.requests[0]?.path ?? error.message
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

  const over = { chat: "/v1/chat/completions?a=1", responses: "/v1/responses?a=1" }
  const native = (wire: Wire.Wire): AITask.NativeTool => ({ wire, value: { type: "custom", name: "a" } })
  const sound = { type: "audio", data: "AAAA", format: "wav" } as const

  it.live("asks over that of the call, else over its first one that has a place for the task", () =>
    Effect.gen(function* () {
      const preferring = { wire: "responses" } as const
      assert.strictEqual(yield* asked({}, task()), over.chat)
      assert.strictEqual(yield* asked(preferring, task()), over.responses)
      assert.strictEqual(yield* asked({}, came({ input: "Hi" })), over.responses)
      assert.strictEqual(yield* asked(preferring, came({ messages: [] }, {}, "chatCompletions")), over.chat)
      assert.strictEqual(yield* asked({}, came({ messages: [] }, {}, "messages")), over.chat)
      assert.strictEqual(yield* asked({}, task({ nativeTools: [native("responses")] })), over.responses)
      assert.strictEqual(
        yield* asked(preferring, task({ nativeTools: [native("chatCompletions")] })),
        over.chat
      )
      const messages = [{ role: "user", content: [sound] }] as const
      assert.strictEqual(yield* asked(preferring, task({ messages })), over.chat)
      const file = { type: "native", wire: "responses", value: { type: "input_file", file_id: "a" } } as const
      assert.strictEqual(
        yield* asked({}, task({ messages: [{ role: "user", content: [file] }] })),
        over.responses
      )
      assert.include(
        yield* asked({}, task({ messages: [{ role: "user", content: [file, sound] }] })),
        "it has parts or tools of several wires"
      )
    })
  )

  it.effect("says which they are", () =>
    Effect.gen(function* () {
      const apiKey = Redacted.make("sk-test")
      const made = yield* OpenAI.make({ model: "m", apiKey })
      assert.deepStrictEqual(made.wires, ["chatCompletions", "responses"])
      const preferring = yield* OpenAI.make({ model: "m", apiKey, wire: "responses" })
      assert.deepStrictEqual(preferring.wires, ["responses", "chatCompletions"])
      assert.deepStrictEqual((yield* engine("http://127.0.0.1:1")).wires, ["responses"])
      const usual = yield* chat.engine("http://127.0.0.1:1")
      assert.deepStrictEqual(usual.wires, ["chatCompletions"])
      assert.strictEqual(usual.provider, AIProvider.Gpt4)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
