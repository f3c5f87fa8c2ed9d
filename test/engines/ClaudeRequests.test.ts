import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AITask from "../../src/AITask.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { streaming, task } from "../utils/chatCompletions.js"
import { type Changes, engine, json, piece, stream, whole, wholeEvents } from "../utils/messages.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

type Asked = Effect.Effect<AITask.AITask, InvalidArgumentError>

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
    const sentBody: Readonly<Record<string, unknown>> = JSON.parse(body)
    return { method, path, headers, body: sentBody, seen }
  })

const said = (text: string) => [{ type: "text", text }]
const sayHi = { role: "user", content: said("Say hi") }

describe.concurrent("Claude requests", () => {
  it.scopedLive("ask for a stream with the model, the prompt and nothing else that wasn't given", () =>
    Effect.gen(function* () {
      const { body, headers, method, path, seen } = yield* sent({}, streaming)
      assert.strictEqual(method, "POST")
      assert.strictEqual(path, "/v1/messages")
      assert.deepInclude(headers, {
        "x-api-key": "sk-ant-test",
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        accept: "text/event-stream"
      })
      assert.notProperty(headers, "authorization")
      assert.notProperty(headers, "traceparent")
      assert.deepStrictEqual(body, {
        model: "claude-test",
        max_tokens: 4096,
        messages: [sayHi],
        stream: true
      })
      assert.deepStrictEqual(seen, wholeEvents)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("send every field of a task by its wire name", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: { city: { type: "string" } } }
      const asked = AITask.make({
        systemPrompt: "Be brief",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What are these?" },
              { type: "text", text: " " },
              { type: "image", url: "data:image/PNG;name=a.png;base64,AAAA" },
              { type: "image", url: "https://example.org/a.png" }
            ]
          },
          {
            role: "assistant",
            content: "",
            toolCalls: [
              { id: "call_9", name: "weather", arguments: '{"city":"Rome"}' },
              { id: "functions.time:1", name: "time", arguments: "" },
              { id: "call_11", name: "time", arguments: '["broken' }
            ]
          },
          { role: "tool", toolCallId: "call_9", content: "sunny" },
          { role: "tool", toolCallId: "functions.time:1", content: "" },
          { role: "tool", toolCallId: "call_11", content: "no" },
          {
            role: "assistant",
            content: "Let me see",
            toolCalls: [{ id: "c", name: "time", arguments: "{}" }]
          },
          { role: "tool", toolCallId: "c", content: "noon" },
          { role: "assistant", content: "It is noon" },
          { role: "user", content: "And?" },
          { role: "assistant", content: "" },
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
        model: "claude-test",
        max_tokens: 50,
        system: "Be brief",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "What are these?" },
              { type: "image", source: { type: "base64", media_type: "image/png", data: "AAAA" } },
              { type: "image", source: { type: "url", url: "https://example.org/a.png" } }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "tool_use", id: "call_9", name: "weather", input: { city: "Rome" } },
              { type: "tool_use", id: "functions_time_1", name: "time", input: {} },
              { type: "tool_use", id: "call_11", name: "time", input: { INVALID_JSON: '["broken' } }
            ]
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "call_9", content: "sunny" },
              { type: "tool_result", tool_use_id: "functions_time_1" },
              { type: "tool_result", tool_use_id: "call_11", content: "no" }
            ]
          },
          {
            role: "assistant",
            content: [
              { type: "text", text: "Let me see" },
              { type: "tool_use", id: "c", name: "time", input: {} }
            ]
          },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "c", content: "noon" }] },
          { role: "assistant", content: said("It is noon") },
          { role: "user", content: said("And?") },
          { role: "user", content: said("And now?") }
        ],
        temperature: 0.5,
        top_p: 0.9,
        stop_sequences: ["END"],
        tools: [
          { name: "weather", description: "The weather", input_schema: schema },
          { name: "time", input_schema: { type: "object" } }
        ],
        tool_choice: { type: "tool", name: "weather" },
        output_config: { format: { type: "json_schema", schema } },
        stream: true
      })
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("say whether tools may, must or must not be called", () =>
    Effect.gen(function* () {
      for (const [toolChoice, type] of [
        ["auto", "auto"],
        ["none", "none"],
        ["required", "any"]
      ] as const) {
        const { body } = yield* sent({}, task({ toolChoice, tools: [{ name: "a", parameters: {} }] }))
        assert.deepPropertyVal(body, "tool_choice", { type })
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("ask for JSON without a schema in words, with a warning, and for text not at all", () =>
    Effect.gen(function* () {
      const words = "Answer with a single JSON value and nothing else: no other words, no code fence."
      const { body, seen } = yield* sent({}, task({ responseFormat: { type: "json" } }))
      assert.propertyVal(body, "system", words)
      assert.notProperty(body, "output_config")
      assert.deepStrictEqual(seen, [
        ReasoningEngine.warning(
          "claude-test has no mode for JSON without a schema: it was asked for JSON in words",
          ["responseFormat"]
        ),
        ...wholeEvents
      ])
      const both = yield* sent({}, task({ systemPrompt: "Be brief", responseFormat: { type: "json" } }))
      assert.propertyVal(both.body, "system", `Be brief\n\n${words}`)
      const text = yield* sent({}, task({ responseFormat: { type: "text" } }))
      assert.notProperty(text.body, "system")
      assert.notProperty(text.body, "output_config")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("pin the version that they are told, and the limit where the task has none", () =>
    Effect.gen(function* () {
      const changes = { version: "2026-10-21", maxTokens: 77 }
      const { body, headers } = yield* sent(changes, task())
      assert.strictEqual(headers["anthropic-version"], "2026-10-21")
      assert.deepPropertyVal(body, "max_tokens", 77)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive(
    "leave sampling parameters out where the version or the model rejects them, with a warning",
    () =>
      Effect.gen(function* () {
        for (const changes of [{ version: "2026-10-21" }, { capabilities: { sampling: false } }]) {
          const both = yield* sent(changes, task({ temperature: 1, topP: 0.5 }))
          assert.notProperty(both.body, "temperature")
          assert.notProperty(both.body, "top_p")
          assert.deepStrictEqual(both.seen, [
            ReasoningEngine.warning(
              "claude-test takes no sampling parameters: temperature and topP not sent",
              ["temperature", "topP"]
            ),
            ...wholeEvents
          ])
          const one = yield* sent(changes, task({ topP: 0.5 }))
          assert.deepInclude(one.seen, {
            _tag: "Warning",
            message: "claude-test takes no sampling parameters: topP not sent",
            fields: ["topP"]
          })
          assert.deepStrictEqual((yield* sent(changes, task())).seen, wholeEvents)
        }
      }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("leave out a temperature above 1, with a warning", () =>
    Effect.gen(function* () {
      const { body, seen } = yield* sent({}, task({ temperature: 1.5, topP: 0.5 }))
      assert.notProperty(body, "temperature")
      assert.propertyVal(body, "top_p", 0.5)
      assert.deepStrictEqual(seen, [
        ReasoningEngine.warning("claude-test takes temperatures up to 1: 1.5 not sent", ["temperature"]),
        ...wholeEvents
      ])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("have the model go on from what was delivered, without the white space that it ends in", () =>
    Effect.gen(function* () {
      const capable = { capabilities: { prefill: true } }
      const answering = (...texts: ReadonlyArray<string>) =>
        stream(
          messages.start(),
          ...texts.map((text) => messages.text(text)),
          messages.stopped(),
          messages.end
        )
      for (const [texts, expected] of [
        [["a time"], "a time"],
        [["\n", "\na time"], "a time"],
        [["\n\na time"], "a time"],
        [["\na time"], "a time"],
        [["\n", "\n", "\n", "a time"], "\na time"]
      ] as const) {
        const { body, seen } = yield* sent(capable, streaming, "Once upon\n\n", answering(...texts))
        assert.deepPropertyVal(body, "messages", [sayHi, { role: "assistant", content: said("Once upon") }])
        assert.strictEqual(attempts.text(seen), expected)
      }
      const blank = yield* sent(capable, streaming, "\n")
      assert.deepPropertyVal(blank.body, "messages", [sayHi])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive(
    "go below the base URL with or without a slash or version at its end, and keep its query",
    () =>
      Effect.gen(function* () {
        const server = yield* RawServer.make(whole)
        for (const [base, path] of [
          ["", "/v1/messages"],
          ["/", "/v1/messages"],
          ["/v1/", "/v1/messages"],
          ["/anthropic?tenant=a#x", "/anthropic/v1/messages?tenant=a"]
        ] as const) {
          const made = yield* engine(server.url + base, { headers: { "Anthropic-Beta": "b" } })
          yield* attempts.events(made, yield* streaming)
          const request = server.requests.at(-1)
          assert.strictEqual(request?.path, path)
          assert.strictEqual(request?.headers["anthropic-beta"], "b")
        }
      }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("ask for one piece where they are told to, and where the server can't stream", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(json(200, piece()))
      for (const [changes, mode] of [
        [{ completeOver: "json" }, "complete"],
        [{ capabilities: { streaming: false } }, "streaming"]
      ] as const) {
        const made = yield* engine(server.url, changes)
        assert.deepStrictEqual(yield* attempts.events(made, yield* task({ mode })), wholeEvents)
        const request = server.requests.at(-1)
        assert.strictEqual(request?.headers["accept"], "application/json")
        assert.deepStrictEqual(JSON.parse(request?.body ?? ""), {
          model: "claude-test",
          max_tokens: 4096,
          messages: [sayHi],
          stream: false
        })
      }
      const streamed = yield* sent({ completeOver: "json" }, streaming)
      assert.propertyVal(streamed.body, "stream", true)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("aren't made for a task that can't be carried", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(whole)
      const made = yield* engine(server.url)
      const image = (url: string) => ({ type: "image", url }) as const
      for (const [options, description] of [
        [
          { tools: [{ name: "a", parameters: { minimum: 1n } }] },
          "its tools or schema hold a value that JSON can't carry"
        ],
        [
          { messages: [{ role: "user", content: [image("data:image/svg+xml,<svg/>")] }] },
          "an image is a data: URL that isn't base64"
        ]
      ] satisfies ReadonlyArray<readonly [Partial<AITask.Options>, string]>) {
        const error = yield* Effect.flip(attempts.events(made, yield* task(options)))
        assert.deepInclude(attempts.fields(error), { _tag: "InputValidationError", description })
      }
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
