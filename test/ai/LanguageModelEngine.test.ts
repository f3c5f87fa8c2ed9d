import { AiError, LanguageModel } from "@effect/ai"
import { OpenAiLanguageModel } from "@effect/ai-openai"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as LanguageModelEngine from "../../src/ai/LanguageModelEngine.js"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as PriceCatalog from "../../src/spend/PriceCatalog.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as Registry from "../../src/ReasoningEngineRegistry.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "../utils/attempts.js"
import { streaming, task } from "../utils/chatCompletions.js"
import * as models from "../utils/languageModels.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

const eventStream = "text/event-stream"
const serving = (body: string) => RawServer.make(RawServer.answer(200, eventStream, body))

/** What an attempt at a server says that gives this stream. */
const openAiEvents = (body: string, options: Partial<AITask.Options> = { mode: "streaming" }) =>
  Effect.gen(function* () {
    const server = yield* serving(body)
    return yield* attempts.events(yield* models.openAiEngine(server.url), yield* task(options))
  })

const anthropicEvents = (body: string) =>
  Effect.gen(function* () {
    const server = yield* serving(body)
    return yield* attempts.events(yield* models.anthropicEngine(server.url), yield* streaming)
  })

const bodyOf = (server: RawServer.RawServer, request = 0): unknown =>
  JSON.parse(server.requests[request]?.body ?? "null")

const weather: AITask.Tool = {
  name: "weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
}

describe("an engine of @effect/ai-openai", () => {
  for (const mode of ["complete", "streaming"] as const) {
    it.scoped(`gives text, usage and model (${mode})`, () =>
      Effect.gen(function* () {
        const events = yield* openAiEvents(models.openAiText("Hel", "lo"), { mode })
        assert.deepStrictEqual(
          events.map((event) => (event._tag === "TextDelta" ? event.text : event)),
          [
            "Hel",
            "lo",
            ReasoningEngine.usage(
              TokenUsage.make({ inputTokens: 11, outputTokens: 7, cacheReadTokens: 4, reasoningTokens: 2 })
            ),
            ReasoningEngine.finish("stop", "gpt-test-2026")
          ]
        )
      })
    )
  }

  it.scoped("gives a call of a tool with its arguments as JSON, and shows that it is at work before", () =>
    Effect.gen(function* () {
      const server = yield* serving(models.openAiToolCall("weather", '{"city":"Rome"}'))
      const engine = yield* models.openAiEngine(server.url)
      const [first, ...chunks] = yield* attempts.chunks(
        engine,
        yield* task({ mode: "streaming", tools: [weather], toolChoice: { name: "weather" } })
      )
      assert.deepStrictEqual(first, [])
      const [called] = chunks.flat()
      assert.deepInclude(called, { call: { id: "call_1", name: "weather", arguments: '{"city":"Rome"}' } })
      assert.deepInclude(chunks.flat().at(-1), { reason: "tool_calls" })
      assert.deepNestedInclude(bodyOf(server), {
        "tools[0].name": "weather",
        "tools[0].description": "The weather of a city",
        "tools[0].parameters": weather.parameters,
        tool_choice: { type: "function", name: "weather" }
      })
    })
  )

  it.scoped("gives JSON of a schema in one piece", () =>
    Effect.gen(function* () {
      const output = [
        {
          type: "message",
          id: "msg_1",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text: '{"city":"Rome"}', annotations: [], logprobs: [] }]
        }
      ]
      const server = yield* RawServer.make(
        RawServer.answer(200, "application/json", JSON.stringify(models.response({ output })))
      )
      const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
      const events = yield* attempts.events(
        yield* models.openAiEngine(server.url),
        yield* task({ responseFormat: { type: "json_schema", name: "place", schema } })
      )
      assert.strictEqual(attempts.text(events), '{"city":"Rome"}')
      assert.deepInclude(events.at(-1), { reason: "stop", model: "gpt-test-2026" })
      assert.deepNestedInclude(bodyOf(server), {
        "text.format.name": "place",
        "text.format.schema": schema
      })
    })
  )

  it.scoped("says a whole conversation: system prompt, images, calls of tools and what they returned", () =>
    Effect.gen(function* () {
      const server = yield* serving(models.openAiText("Hi"))
      yield* attempts.events(
        yield* models.openAiEngine(server.url),
        yield* task({
          systemPrompt: "Be brief",
          messages: [
            {
              role: "user",
              content: [
                { type: "text", text: "What is this?" },
                { type: "image", url: "https://example.org/a.png" },
                { type: "image", url: "data:image/png;base64,AAAA" }
              ]
            },
            {
              role: "assistant",
              content: "Let me look",
              toolCalls: [
                { id: "call_1", name: "weather", arguments: '{"city":"Rome"}' },
                { id: "call_2", name: "weather", arguments: "no JSON" }
              ]
            },
            { role: "tool", toolCallId: "call_1", content: "mild" },
            {
              role: "assistant",
              content: "",
              toolCalls: [{ id: "call_3", name: "weather", arguments: "{}" }]
            },
            { role: "assistant", content: "Well" },
            { role: "tool", toolCallId: "call_9", content: "nobody's" },
            { role: "user", content: "And?" }
          ],
          tools: [weather]
        })
      )
      const { input } = attempts.fields(Object(bodyOf(server)))
      assert.deepStrictEqual(input, [
        { role: "system", content: "Be brief" },
        {
          role: "user",
          content: [
            { type: "input_text", text: "What is this?" },
            { type: "input_image", image_url: "https://example.org/a.png", detail: "auto" },
            { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "auto" }
          ]
        },
        { role: "assistant", content: [{ type: "output_text", text: "Let me look" }] },
        { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Rome"}' },
        { type: "function_call", call_id: "call_2", name: "weather", arguments: '"no JSON"' },
        { type: "function_call_output", call_id: "call_1", output: '"mild"' },
        { type: "function_call", call_id: "call_3", name: "weather", arguments: "{}" },
        { role: "assistant", content: [{ type: "output_text", text: "Well" }] },
        { type: "function_call_output", call_id: "call_9", output: '"nobody\'s"' },
        { role: "user", content: [{ type: "input_text", text: "And?" }] }
      ])
    })
  )

  it.scoped("closes the connection when it is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make([
        RawServer.send(
          RawServer.chunkedHead(eventStream) +
            RawServer.chunk(models.events(models.created, models.delta("Hel")))
        )
      ])
      const engine = yield* models.openAiEngine(server.url)
      const fiber = yield* Effect.fork(attempts.events(engine, yield* streaming))
      yield* server.received(0)
      yield* Fiber.interrupt(fiber)
      yield* server.closed(0)
    })
  )
})

describe("an engine of @effect/ai-anthropic", () => {
  it.scoped("gives text, model, and all tokens that were read, those of the cache included", () =>
    Effect.gen(function* () {
      const usage = {
        input_tokens: 3,
        output_tokens: 1,
        cache_read_input_tokens: 10,
        cache_creation_input_tokens: 5,
        cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 4 }
      }
      const events = yield* anthropicEvents(
        messages.wire(
          messages.start(usage),
          messages.block(),
          messages.text("Hi"),
          messages.blockStop(),
          messages.stopped(),
          messages.end
        )
      )
      assert.strictEqual(attempts.text(events), "Hi")
      assert.deepStrictEqual(events.slice(1), [
        ReasoningEngine.usage(
          TokenUsage.make({
            inputTokens: 18,
            outputTokens: 2,
            cacheReadTokens: 10,
            cacheWriteTokens: 5,
            cacheWrite1hTokens: 4
          })
        ),
        ReasoningEngine.finish("stop", "claude-test-1")
      ])
    })
  )

  it.scoped("gives an object in one piece, though it thought before", () =>
    Effect.gen(function* () {
      const body = {
        ...messages.start().message,
        content: [
          { type: "thinking", thinking: "Hm", signature: "s" },
          { type: "tool_use", id: "tu_1", name: "place", input: { city: "Rome" } }
        ],
        stop_reason: "tool_use",
        container: null
      }
      const server = yield* RawServer.make(RawServer.answer(200, "application/json", JSON.stringify(body)))
      const responseFormat = { type: "json_schema", name: "place", schema: { type: "object" } } as const
      const events = yield* attempts.events(
        yield* models.anthropicEngine(server.url),
        yield* task({ mode: "streaming", responseFormat })
      )
      assert.strictEqual(attempts.text(events), '{"city":"Rome"}')
      assert.deepInclude(events.at(-1), { reason: "stop" })
    })
  )

  it.scoped("shows that it is at work while it thinks", () =>
    Effect.gen(function* () {
      const server = yield* serving(
        messages.wire(
          messages.start(),
          messages.block({ type: "thinking", thinking: "", signature: "" }),
          messages.delta({ type: "thinking_delta", thinking: "Hm" }),
          messages.delta({ type: "signature_delta", signature: "s" }),
          messages.blockStop(),
          messages.block({ type: "text", text: "" }, 1),
          messages.text("Hi", 1),
          messages.blockStop(1),
          messages.stopped(),
          messages.end
        )
      )
      const chunks = yield* attempts.chunks(yield* models.anthropicEngine(server.url), yield* streaming)
      assert.deepStrictEqual(chunks[0], [])
      assert.strictEqual(attempts.text(chunks.flat()), "Hi")
    })
  )
})

describe("what a package takes for a success", () => {
  const { created, delta, ended, events, messageAdded } = models

  it.scoped("is a cut answer without a finish part", () =>
    Effect.gen(function* () {
      const openAi = yield* Effect.flip(openAiEvents(events(created, messageAdded, delta("Hel"))))
      assert.deepInclude(attempts.fields(openAi), { _tag: "TransientError", reason: "network" })
      const anthropic = yield* Effect.flip(
        anthropicEvents(messages.wire(messages.start(), messages.block(), messages.text("Hel")))
      )
      assert.deepInclude(attempts.fields(anthropic), { _tag: "TransientError", reason: "network" })
    })
  )

  it.scoped("is a failure with an error part, as what the error says", () =>
    Effect.gen(function* () {
      const rate = { type: "error", code: "rate_limit_exceeded", message: "slow down", param: null }
      const openAi = yield* Effect.flip(
        openAiEvents(events(created, messageAdded, delta("Hel"), rate, ended()))
      )
      assert.deepInclude(attempts.fields(openAi), { _tag: "RateLimitError", description: "slow down" })
      const anthropic = yield* Effect.flip(
        anthropicEvents(
          messages.wire(messages.start(), messages.error("overloaded_error", "busy"), messages.end)
        )
      )
      assert.deepInclude(attempts.fields(anthropic), { _tag: "TransientError", reason: "overloaded" })
    })
  )

  it.scoped("is a failure of OpenAI's that failed, with some of its text or none", () =>
    Effect.gen(function* () {
      const failed = ended("failed", {
        status: "failed",
        usage: null,
        error: { code: "server_error", message: "no" }
      })
      for (const body of [events(created, failed), events(created, messageAdded, delta("Hel"), failed)]) {
        const error = yield* Effect.flip(openAiEvents(body))
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "server" })
      }
    })
  )

  it.scoped("is a refusal of OpenAI's that leaves nothing but an end", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(openAiEvents(events(created, messageAdded, ended())))
      assert.strictEqual(error._tag, "ContentPolicyError")
      const output = [
        {
          type: "message",
          id: "msg_1",
          status: "completed",
          role: "assistant",
          content: [{ type: "refusal", refusal: "I can't" }]
        }
      ]
      const whole = yield* RawServer.make(
        RawServer.answer(200, "application/json", JSON.stringify(models.response({ output })))
      )
      const format = { type: "json_schema", name: "place", schema: { type: "object" } } as const
      const refused = yield* Effect.flip(
        attempts.events(yield* models.openAiEngine(whole.url), yield* task({ responseFormat: format }))
      )
      // The package sees no object before anybody sees the refusal.
      assert.deepInclude(attempts.fields(refused), { _tag: "TransientError", reason: "malformed" })
    })
  )

  it.effect("is a failure that finishes with neither usage nor an answer", () =>
    Effect.gen(function* () {
      for (const parts of [
        [models.finish("stop", models.uncounted)],
        [...models.written("0", ""), models.finish("stop", models.uncounted)]
      ]) {
        const { model } = yield* models.scripted({ parts })
        const error = yield* Effect.flip(
          attempts.events(yield* models.scriptedEngine(model), yield* streaming)
        )
        assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "server" })
      }
    })
  )

  it.effect("is a failure by its reason: an error, or its content filter", () =>
    Effect.gen(function* () {
      for (const [reason, tag] of [
        ["error", "TransientError"],
        ["content-filter", "ContentPolicyError"]
      ] as const) {
        const { model } = yield* models.scripted({
          parts: [...models.written("0", "Hi"), models.finish(reason)]
        })
        const error = yield* Effect.flip(
          attempts.events(yield* models.scriptedEngine(model), yield* streaming)
        )
        assert.strictEqual(error._tag, tag)
      }
    })
  )

  it.effect("delivers what came before it turned out to be none", () =>
    Effect.gen(function* () {
      const { model } = yield* models.scripted({
        parts: [...models.written("0", "Hi"), models.finish("error")]
      })
      const engine = yield* models.scriptedEngine(model)
      const pull = yield* engine.attempt({ task: yield* streaming, mode: "streaming" })
      assert.strictEqual(attempts.text(yield* pull), "Hi")
      assert.strictEqual((yield* Effect.flip(pull))._tag, "TransientError")
    }).pipe(Effect.scoped)
  )
})

describe("an error of a language model", () => {
  const openAiError = (code: string, message = "no") =>
    JSON.stringify({ error: { message, type: "invalid_request_error", param: null, code } })
  const anthropicError = (type: string, message = "no") => JSON.stringify(messages.error(type, message))

  it.scoped.each([
    ["gpt4", 401, openAiError("invalid_api_key"), "AuthenticationError"],
    ["gpt4", 403, openAiError("forbidden"), "AuthenticationError"],
    ["gpt4", 400, openAiError("invalid_value"), "InputValidationError"],
    ["gpt4", 400, openAiError("context_length_exceeded"), "ContextLengthError"],
    ["gpt4", 400, openAiError("content_policy_violation"), "ContentPolicyError"],
    ["gpt4", 429, openAiError("insufficient_quota"), "QuotaExhaustedError"],
    ["gpt4", 429, openAiError("rate_limit_exceeded"), "RateLimitError"],
    ["gpt4", 404, openAiError("model_not_found"), "ModelNotFoundError"],
    ["gpt4", 500, "oops", "TransientError"],
    ["gpt4", 503, "<html><title>Busy</title></html>", "TransientError"],
    ["gpt4", 504, "", "TimeoutError"],
    ["claude", 401, anthropicError("authentication_error"), "AuthenticationError"],
    [
      "claude",
      400,
      anthropicError("invalid_request_error", "prompt is too long: 9 tokens > 8"),
      "ContextLengthError"
    ],
    [
      "claude",
      400,
      anthropicError("invalid_request_error", "Your credit balance is too low"),
      "QuotaExhaustedError"
    ],
    ["claude", 400, anthropicError("invalid_request_error"), "InputValidationError"],
    ["claude", 404, anthropicError("not_found_error"), "ModelNotFoundError"],
    ["claude", 429, anthropicError("rate_limit_error"), "RateLimitError"],
    ["claude", 529, anthropicError("overloaded_error"), "TransientError"],
    ["claude", 500, anthropicError("api_error"), "TransientError"]
  ] as const)("of %s with %i and %s is a %s, and isn't asked for twice", ([provider, status, body, tag]) =>
    Effect.gen(function* () {
      const type = body.startsWith("{") ? "application/json" : "text/plain"
      const server = yield* RawServer.make(
        RawServer.answer(status, type, body, { "retry-after": "7", "request-id": "req_9" })
      )
      const engine = provider === "gpt4" ? models.openAiEngine : models.anthropicEngine
      const error = yield* Effect.flip(attempts.events(yield* engine(server.url), yield* streaming))
      assert.deepInclude(attempts.fields(error), { _tag: tag, provider, status, requestId: "req_9" })
      if (error._tag === "RateLimitError") assert.strictEqual(error.retryAfterMs, 7000)
      assert.strictEqual(server.requests.length, 1)
    })
  )

  it.scoped("is one of the network where nobody listens, or the connection breaks within the answer", () =>
    Effect.gen(function* () {
      const nobody = yield* Effect.flip(
        attempts.events(yield* models.openAiEngine("http://127.0.0.1:1"), yield* streaming)
      )
      assert.deepInclude(attempts.fields(nobody), { _tag: "TransientError", reason: "network" })
      const broken = yield* RawServer.make([
        RawServer.send(
          RawServer.chunkedHead(eventStream) +
            RawServer.chunk(models.events(models.created, models.messageAdded, models.delta("Hel")))
        ),
        RawServer.pause(10),
        RawServer.reset
      ])
      const error = yield* Effect.flip(
        attempts.events(yield* models.openAiEngine(broken.url), yield* streaming)
      )
      assert.deepInclude(attempts.fields(error), { _tag: "TransientError", reason: "network" })
    })
  )

  it.effect("that its package made itself is sorted too, and repeats nothing of the answer", () =>
    Effect.gen(function* () {
      const where = { module: "Test", method: "test" }
      const request = { method: "POST", url: "https://example.org", urlParams: [], headers: {} } as const
      for (const [error, fields] of [
        [
          new AiError.HttpRequestError({
            ...where,
            reason: "Encode",
            request: { ...request, hash: Option.none() }
          }),
          { _tag: "InputValidationError" }
        ],
        [
          new AiError.MalformedInput({ ...where, description: "no such media type" }),
          { _tag: "InputValidationError", description: "no such media type" }
        ],
        [
          new AiError.MalformedOutput({ ...where, description: "the answer: 42" }),
          {
            _tag: "TransientError",
            reason: "malformed",
            description: "its answer doesn't have the form that was asked for"
          }
        ],
        [
          new AiError.UnknownError({ ...where, description: "who knows" }),
          { _tag: "TransientError", reason: "server", description: "who knows" }
        ],
        [new AiError.MalformedInput(where), { _tag: "InputValidationError" }],
        [new AiError.UnknownError(where), { _tag: "TransientError", reason: "server" }]
      ] as const) {
        const { model } = yield* models.scripted({ parts: [], error })
        const sorted = yield* Effect.flip(
          attempts.events(yield* models.scriptedEngine(model), yield* streaming)
        )
        assert.deepInclude(attempts.fields(sorted), fields)
      }
    })
  )

  it.scoped("shows neither the key nor the prompt, even where the server repeats them", () =>
    Effect.gen(function* () {
      const prompt = "the merger with Acme is announced on Friday"
      for (const [key, engine] of [
        [models.openAiKey, models.openAiEngine],
        [models.anthropicKey, models.anthropicEngine]
      ] as const) {
        const body = JSON.stringify({ error: { message: `bad key ${key} for: ${prompt}`, type: "x" } })
        const server = yield* RawServer.make(RawServer.answer(401, "application/json", body))
        const error = yield* Effect.flip(
          attempts.events(yield* engine(server.url), yield* AITask.make({ prompt, mode: "streaming" }))
        )
        const told = `${String(error)} ${JSON.stringify(error)} ${String(error.cause)}`
        assert.notInclude(told, key)
        assert.notInclude(told, "Acme")
        assert.include(told, "<redacted>")
      }
    })
  )

  it.scoped("shows no key within an answer either, where it is told the keys", () =>
    Effect.gen(function* () {
      const event = messages.error("overloaded_error", `bad key ${models.anthropicKey}`)
      const server = yield* serving(messages.wire(messages.start(), event))
      const secrets = [Redacted.make(models.anthropicKey)]
      const error = yield* Effect.flip(
        attempts.events(yield* models.anthropicEngine(server.url, { secrets }), yield* streaming)
      )
      assert.strictEqual(error.description, "bad key <redacted>")
    })
  )

  it.scoped("is a refusal by the reason that it finishes for", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        anthropicEvents(
          messages.wire(messages.start(), messages.block(), messages.stopped("refusal"), messages.end)
        )
      )
      assert.strictEqual(error._tag, "ContentPolicyError")
    })
  )
})

describe("LanguageModelEngine.make", () => {
  const engineOf = (changes: Partial<LanguageModelEngine.Options> = {}) =>
    Effect.flatMap(models.scripted({ parts: [...models.written("0", "Hi"), models.finish()] }), ({ model }) =>
      models.scriptedEngine(model, changes)
    )

  it.effect("says what the engine is and can", () =>
    Effect.gen(function* () {
      const engine = yield* engineOf({ capabilities: { tools: false } })
      assert.strictEqual(engine.model, "scripted-1")
      assert.deepStrictEqual(engine.capabilities, {
        ...ReasoningEngine.defaultCapabilities,
        images: true,
        documents: true,
        audio: true,
        tools: false
      })
      assert.deepStrictEqual(engine.price, Option.none())
    })
  )

  it.effect("rejects a model without a name", () =>
    Effect.gen(function* () {
      const { model } = yield* models.scripted({ parts: [] })
      const error = yield* Effect.flip(
        Effect.provideService(
          LanguageModelEngine.make({ provider: AIProvider.Gpt4, model: " " }),
          LanguageModel.LanguageModel,
          model
        )
      )
      assert.deepInclude(attempts.fields(error), { subject: "LanguageModelEngine", field: "model" })
    })
  )

  it.effect("looks its price up in the catalogue", () =>
    Effect.gen(function* () {
      const baseUrl = "https://example.org"
      const prices = PriceCatalog.layer([{ model: "scripted-1", baseUrl, price: { input: 1, output: 2 } }])
      const engine = yield* engineOf({ baseUrl }).pipe(Effect.provide(prices))
      assert.isTrue(Option.isSome(engine.price))
      assert.isTrue(Option.isNone((yield* engineOf().pipe(Effect.provide(prices))).price))
    })
  )

  it.effect(
    "refuses what a LanguageModel can't be asked: JSON without a schema, an image without address",
    () =>
      Effect.gen(function* () {
        for (const options of [
          { responseFormat: { type: "json" } },
          { messages: [{ role: "user", content: [{ type: "image", url: "https://" }] }] }
        ] as const) {
          const error = yield* Effect.flip(attempts.events(yield* engineOf(), yield* task(options)))
          assert.strictEqual(error._tag, "InputValidationError")
        }
      })
  )

  it.scoped("asks for a text in one piece where it is told to, or the model has no streams", () =>
    Effect.gen(function* () {
      const output = [
        {
          type: "message",
          id: "msg_1",
          status: "completed",
          role: "assistant",
          content: [{ type: "output_text", text: "Hello", annotations: [], logprobs: [] }]
        }
      ]
      for (const [changes, mode] of [
        [{ completeOver: "piece" }, "complete"],
        [{ capabilities: { streaming: false } }, "streaming"]
      ] as const) {
        const server = yield* RawServer.make(
          RawServer.answer(200, "application/json", JSON.stringify(models.response({ output })))
        )
        const engine = yield* models.openAiEngine(server.url, changes)
        const events = yield* attempts.events(engine, yield* task({ mode }))
        assert.strictEqual(attempts.text(events), "Hello")
        assert.notProperty(bodyOf(server), "stream")
      }
    })
  )

  it.scoped("takes a refusal in one piece for one", () =>
    Effect.gen(function* () {
      const content = [{ type: "refusal", refusal: "I can't" }]
      const output = [{ type: "message", id: "msg_1", status: "completed", role: "assistant", content }]
      const server = yield* RawServer.make(
        RawServer.answer(200, "application/json", JSON.stringify(models.response({ output })))
      )
      const engine = yield* models.openAiEngine(server.url, { completeOver: "piece" })
      const error = yield* Effect.flip(attempts.events(engine, yield* task()))
      assert.strictEqual(error._tag, "ContentPolicyError")
    })
  )

  it.effect("says which parameters it drops, having no words for them", () =>
    Effect.gen(function* () {
      const asked = yield* task({ temperature: 0.2, maxTokens: 9 })
      const [warning] = yield* attempts.events(yield* engineOf(), asked)
      assert.deepStrictEqual(
        warning,
        ReasoningEngine.warning("scripted-1 was made without configure: maxTokens and temperature not sent")
      )
    })
  )

  it.scoped("sends them as its package does, where it is told how", () =>
    Effect.gen(function* () {
      const server = yield* serving(models.openAiText("Hi"))
      const engine = yield* models.openAiEngine(server.url, {
        configure: ({ maxTokens, temperature }) =>
          OpenAiLanguageModel.withConfigOverride({
            ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
            ...(temperature === undefined ? {} : { temperature })
          })
      })
      const events = yield* attempts.events(engine, yield* task({ temperature: 0.2, maxTokens: 9 }))
      assert.isFalse(events.some((event) => event._tag === "Warning"))
      assert.deepInclude(bodyOf(server), { temperature: 0.2, max_output_tokens: 9 })
    })
  )

  it.effect("gives no call of a tool that the provider runs itself", () =>
    Effect.gen(function* () {
      const { model } = yield* models.scripted({
        parts: [
          { type: "tool-call", id: "c", name: "weather", params: { city: "Rome" }, providerExecuted: true },
          ...models.written("0", "Mild"),
          models.finish()
        ]
      })
      const engine = yield* models.scriptedEngine(model)
      const events = yield* attempts.events(engine, yield* task({ mode: "streaming", tools: [weather] }))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["TextDelta", "Usage", "Finish"]
      )
    })
  )

  it.effect("keeps the name that it was given where the provider tells none, and other reasons as such", () =>
    Effect.gen(function* () {
      const { model } = yield* models.scripted({
        parts: [{ type: "response-metadata", id: "r" }, ...models.written("0", "Hi"), models.finish("pause")]
      })
      const events = yield* attempts.events(yield* models.scriptedEngine(model), yield* streaming)
      assert.deepStrictEqual(events.at(-1), ReasoningEngine.finish("other", "scripted-1"))
    })
  )

  it.effect("takes no count that makes no sense", () =>
    Effect.gen(function* () {
      for (const usage of [
        { inputTokens: -1, outputTokens: 2, totalTokens: 1 },
        { inputTokens: 1.5, outputTokens: 2, totalTokens: 3 },
        { inputTokens: 1, outputTokens: undefined, totalTokens: 1 }
      ]) {
        const { model } = yield* models.scripted({
          parts: [...models.written("0", "Hi"), models.finish("stop", usage)]
        })
        const events = yield* attempts.events(yield* models.scriptedEngine(model), yield* streaming)
        assert.isFalse(events.some((event) => event._tag === "Usage"))
      }
    })
  )
})

describe("LanguageModelEngine.layer", () => {
  it.scoped("registers the engine of a model's Layer", () =>
    Effect.gen(function* () {
      const server = yield* serving(models.openAiText("Hi"))
      const registered = LanguageModelEngine.layer({
        provider: AIProvider.Gpt4,
        model: "gpt-test",
        languageModel: models.openAi(server.url)
      }).pipe(Layer.provideMerge(Registry.layer))
      const engines = yield* Effect.flatMap(Registry.ReasoningEngineRegistry, ({ list }) => list).pipe(
        Effect.provide(registered)
      )
      assert.deepStrictEqual(
        engines.map(({ model, provider }) => `${provider} ${model}`),
        ["gpt4 gpt-test"]
      )
    })
  )
})
