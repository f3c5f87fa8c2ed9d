import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as AITask from "../../src/AITask.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { type Changes, engine, streaming, task, whole, wholeEvents } from "../utils/chatCompletions.js"
import * as RawServer from "../utils/RawServer.js"

/** What the server got of one attempt. */
const sent = (
  changes: Changes,
  asked: Effect.Effect<AITask.AITask, InvalidArgumentError>,
  prefill?: string
) =>
  Effect.gen(function* () {
    const server = yield* RawServer.make(whole)
    const made = yield* engine(`${server.url}/v1`, changes)
    const seen = yield* attempts.events(made, yield* asked, prefill)
    const [request] = server.requests
    assert.strictEqual(server.requests.length, 1)
    assert.isDefined(request)
    const { body, headers, method, path } = request
    return { method, path, headers, body: JSON.parse(body) as unknown, seen }
  })

describe.concurrent("OpenAICompatible requests", () => {
  it.scopedLive("asks for a stream with the model, the prompt and nothing else that wasn't given", () =>
    Effect.gen(function* () {
      const { body, headers, method, path } = yield* sent({ apiKey: Redacted.make("sk-test") }, streaming)
      assert.strictEqual(method, "POST")
      assert.strictEqual(path, "/v1/chat/completions")
      assert.strictEqual(headers["authorization"], "Bearer sk-test")
      assert.strictEqual(headers["content-type"], "application/json")
      assert.strictEqual(headers["accept"], "text/event-stream")
      assert.notProperty(headers, "traceparent")
      assert.deepStrictEqual(body, {
        model: "gpt-4o",
        messages: [{ role: "user", content: "Say hi" }],
        stream: true,
        stream_options: { include_usage: true }
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("sends every field of a task by its wire name", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: { city: { type: "string" } } }
      const asked = AITask.make({
        systemPrompt: "Be brief",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image", url: "data:image/png;base64,AAAA" }
            ]
          },
          {
            role: "assistant",
            content: "",
            toolCalls: [{ id: "call_9", name: "weather", arguments: '{"city":"Rome"}' }]
          },
          { role: "tool", toolCallId: "call_9", content: "sunny" },
          {
            role: "assistant",
            content: "Let me see",
            toolCalls: [{ id: "call_10", name: "time", arguments: "{}" }]
          },
          { role: "tool", toolCallId: "call_10", content: "noon" },
          { role: "assistant", content: "It is noon" },
          { role: "user", content: "And now?" }
        ],
        maxTokens: 50,
        temperature: 0.5,
        topP: 0.9,
        stop: ["END"],
        tools: [
          { name: "weather", description: "The weather", parameters: schema },
          { name: "time", parameters: {} }
        ],
        toolChoice: { name: "weather" },
        responseFormat: { type: "json_schema", name: "Place", schema },
        userId: "somebody",
        metadata: { team: "a" }
      })
      const { body } = yield* sent({}, asked)
      assert.deepStrictEqual(body, {
        model: "gpt-4o",
        messages: [
          { role: "system", content: "Be brief" },
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }
            ]
          },
          {
            role: "assistant",
            content: null,
            tool_calls: [
              { id: "call_9", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } }
            ]
          },
          { role: "tool", tool_call_id: "call_9", content: "sunny" },
          {
            role: "assistant",
            content: "Let me see",
            tool_calls: [{ id: "call_10", type: "function", function: { name: "time", arguments: "{}" } }]
          },
          { role: "tool", tool_call_id: "call_10", content: "noon" },
          { role: "assistant", content: "It is noon" },
          { role: "user", content: "And now?" }
        ],
        max_tokens: 50,
        temperature: 0.5,
        top_p: 0.9,
        stop: ["END"],
        tools: [
          {
            type: "function",
            function: { name: "weather", description: "The weather", parameters: schema }
          },
          { type: "function", function: { name: "time", parameters: {} } }
        ],
        tool_choice: { type: "function", function: { name: "weather" } },
        response_format: { type: "json_schema", json_schema: { name: "Place", schema, strict: true } },
        stream: true,
        stream_options: { include_usage: true }
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("names the token limit as the server does, and leaves usage out where it isn't wanted", () =>
    Effect.gen(function* () {
      const { body } = yield* sent(
        { maxTokensField: "max_completion_tokens", includeUsage: false },
        task({ maxTokens: 7, toolChoice: "required", tools: [{ name: "a", parameters: {} }] })
      )
      assert.deepStrictEqual(body, {
        model: "gpt-4o",
        messages: [{ role: "user", content: "Say hi" }],
        max_completion_tokens: 7,
        tools: [{ type: "function", function: { name: "a", parameters: {} } }],
        tool_choice: "required",
        stream: true
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("asks for some JSON as json_object, and for text not at all", () =>
    Effect.gen(function* () {
      const json = yield* sent({}, task({ responseFormat: { type: "json" } }))
      assert.deepPropertyVal(json.body, "response_format", { type: "json_object" })
      const text = yield* sent({}, task({ responseFormat: { type: "text" } }))
      assert.notProperty(text.body, "response_format")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("appends the delivered text for the model to go on from", () =>
    Effect.gen(function* () {
      const { body } = yield* sent({ capabilities: { prefill: true } }, streaming, "Once upon")
      assert.deepPropertyVal(body, "messages", [
        { role: "user", content: "Say hi" },
        { role: "assistant", content: "Once upon" }
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("drops sampling parameters that the server doesn't take, with a warning", () =>
    Effect.gen(function* () {
      const changes = { capabilities: { sampling: false } }
      const both = yield* sent(changes, task({ temperature: 1, topP: 0.5 }))
      assert.notProperty(both.body, "temperature")
      assert.notProperty(both.body, "top_p")
      assert.deepStrictEqual(both.seen, [
        ReasoningEngine.warning("gpt-4o takes no sampling parameters: temperature and topP not sent", [
          "temperature",
          "topP"
        ]),
        ...wholeEvents
      ])
      const one = yield* sent(changes, task({ topP: 0.5 }))
      assert.deepInclude(one.seen, {
        _tag: "Warning",
        message: "gpt-4o takes no sampling parameters: topP not sent",
        fields: ["topP"]
      })
      assert.deepStrictEqual((yield* sent(changes, task())).seen, wholeEvents)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive(
    "joins the path to the base URL with or without a slash at its end, and keeps its query",
    () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make(whole)
        for (const [base, path] of [
          ["/v1/", "/v1/chat/completions"],
          ["", "/chat/completions"],
          [
            "/openai/deployments/d?api-version=2024-10-21#x",
            "/openai/deployments/d/chat/completions?api-version=2024-10-21"
          ]
        ] as const) {
          const made = yield* engine(server.url + base, { headers: { "API-Key": "azure" } })
          yield* attempts.events(made, yield* streaming)
          const request = server.requests.at(-1)
          assert.strictEqual(request?.path, path)
          assert.strictEqual(request?.headers["api-key"], "azure")
          assert.notProperty(request?.headers, "authorization")
        }
      }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("asks for one piece where it is told to, and where the server can't stream", () =>
    Effect.gen(function* () {
      const body = JSON.stringify({
        model: "gpt-4o-2024",
        choices: [{ message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
        usage: { prompt_tokens: 3, completion_tokens: 1 }
      })
      const server = yield* RawServer.make(RawServer.answer(200, "application/json", body))
      const asked = [
        [{ completeOver: "json" }, "complete"],
        [{ capabilities: { streaming: false } }, "complete"],
        [{ capabilities: { streaming: false }, completeOver: "sse" }, "streaming"]
      ] as const
      for (const [changes, mode] of asked) {
        const made = yield* engine(server.url, changes)
        assert.deepStrictEqual(yield* attempts.events(made, yield* task({ mode })), wholeEvents)
        const request = server.requests.at(-1)
        assert.strictEqual(request?.headers["accept"], "application/json")
        assert.deepStrictEqual(JSON.parse(request?.body ?? ""), {
          model: "gpt-4o",
          messages: [{ role: "user", content: "Say hi" }],
          stream: false
        })
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("streams a streaming task even where complete ones come in one piece", () =>
    Effect.gen(function* () {
      const { body, seen } = yield* sent({ completeOver: "json" }, streaming)
      assert.propertyVal(body, "stream", true)
      assert.deepStrictEqual(seen, wholeEvents)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("fails for a task that JSON can't carry, without asking", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(whole)
      const made = yield* engine(server.url)
      const asked = yield* task({ tools: [{ name: "a", parameters: { minimum: 1n } }] })
      const error = yield* Effect.flip(attempts.events(made, asked))
      assert.strictEqual(error._tag, "InputValidationError")
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
