import { assert, describe, it } from "@effect/vitest"
import { AIProvider, Strategy, TokenUsage } from "arc-saga"
import { Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import OpenAI, * as openaiSdk from "openai"
import { dataOf, post, type Setup, start } from "./harness.js"

const { Claude, Gpt4 } = AIProvider
const { answer, cut, fail } = Behaviour

const text = "Grüße, 世界 🚀"
const usage = TokenUsage.make({ inputTokens: 17, outputTokens: 5, cacheReadTokens: 3, reasoningTokens: 2 })
const price = { input: 3, output: 15 }
const calls = [
  { id: "call_a", name: "weather", arguments: '{"city":"Köln"}' },
  { id: "call_b", name: "time", arguments: "{}" }
]

const claude = (...script: [Behaviour.Behaviour, ...Array<Behaviour.Behaviour>]): ScriptedEngine.Options => ({
  provider: Claude,
  model: "claude-x",
  script
})

const body = { model: "claude", messages: [{ role: "user", content: "Hello" }] }

const system = { role: "system", content: "x" }
const user = { role: "user", content: "x" }

const client = (url: string, options: openaiSdk.ClientOptions = {}): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "test-key-any",
    organization: null,
    project: null,
    maxRetries: 0,
    ...options
  })

const paths = "/v1/chat/completions"

/** Asks a gateway over these engines with a body, and gives what came and the last task. */
const asked = (given: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { engines, url } = yield* start({ engines: [claude(answer({ text: "Hi" }))] })
    const { status, text } = yield* post(`${url}${paths}`, { ...body, ...given }, headers)
    const [call] = yield* engines[0]?.calls ?? Effect.succeed([])
    return { status, json: JSON.parse(text), task: call?.request.task }
  })

describe("POST /v1/chat/completions", () => {
  it.scopedLive("answers OpenAI's client, and says by headers how", () =>
    Effect.gen(function* () {
      const { Price } = yield* Effect.promise(() => import("arc-saga"))
      const { url } = yield* start({
        engines: [
          { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { ...claude(answer({ text, usage })), price: yield* Price.make({ ...price, cacheRead: 1 }) }
        ]
      })
      const { data, response, request_id } = yield* Effect.promise(() =>
        client(url)
          .chat.completions.create({ ...body, model: "gpt4", messages: [{ role: "user", content: "Hello" }] })
          .withResponse()
      )
      assert.strictEqual(data.choices[0]?.message.content, text)
      assert.strictEqual(data.choices[0]?.finish_reason, "stop")
      assert.strictEqual(data.model, "claude-x")
      assert.deepStrictEqual(data.usage, {
        prompt_tokens: 17,
        completion_tokens: 5,
        total_tokens: 22,
        prompt_tokens_details: { cached_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 }
      })
      assert.strictEqual(response.headers.get("x-saga-provider"), "claude")
      assert.strictEqual(response.headers.get("x-saga-attempts"), "2")
      // 14 × 3 + 3 × 1 + 5 × 15 USD per million.
      assert.strictEqual(response.headers.get("x-saga-cost"), "0.00012")
      assert.strictEqual(response.headers.get("x-saga-cache-saved"), "0.000006")
      assert.strictEqual(data.id, `chatcmpl-${request_id ?? ""}`)
    })
  )

  it.scopedLive("streams to OpenAI's client, chunk by chunk, with the usage at the end", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [claude(answer({ text, chunkSize: 2, usage }))] })
      const chunks = yield* Effect.promise(async () => {
        const stream = await client(url).chat.completions.create({
          model: "claude",
          messages: [{ role: "user", content: "Hello" }],
          stream: true,
          stream_options: { include_usage: true }
        })
        const seen: Array<OpenAI.ChatCompletionChunk> = []
        for await (const chunk of stream) seen.push(chunk)
        return seen
      })
      const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? ""))
      assert.strictEqual(deltas.join(""), text)
      assert.isAbove(deltas.length, 5)
      assert.isTrue(
        chunks.every(({ model, object }) => model === "claude-x" && object === "chat.completion.chunk")
      )
      assert.deepStrictEqual(
        chunks.flatMap(({ choices }) => choices.flatMap(({ finish_reason }) => finish_reason ?? [])),
        ["stop"]
      )
      assert.deepInclude(chunks.at(-1), { choices: [] })
      assert.strictEqual(chunks.at(-1)?.usage?.total_tokens, 22)
      assert.isTrue(chunks.slice(0, -1).every(({ usage }) => usage === null))
    })
  )

  it.scopedLive(
    "ends a stream by [DONE], and tells who wrote it by headers and what it cost at the end",
    () =>
      Effect.gen(function* () {
        const { url } = yield* start({
          engines: [
            { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] },
            claude(answer({ text, usage }))
          ]
        })
        const reply = yield* post(`${url}${paths}`, { ...body, model: "gpt4", stream: true })
        assert.strictEqual(reply.status, 200)
        assert.match(reply.headers.get("content-type") ?? "", /^text\/event-stream/)
        assert.strictEqual(reply.headers.get("x-saga-provider"), "claude")
        assert.strictEqual(reply.headers.get("x-saga-attempts"), "2")
        assert.strictEqual(reply.headers.get("x-saga-delivery"), "streamed")
        assert.match(reply.headers.get("x-request-id") ?? "", /^req-/)
        const data = dataOf(reply.text)
        assert.strictEqual(data.at(-1), "[DONE]")
        const last = JSON.parse(data.at(-2) ?? "")
        assert.deepStrictEqual(last.saga, {
          provider: "claude",
          attempts: 2,
          asked: ["gpt4", "claude"],
          cost: null
        })
        assert.notProperty(last, "usage")
      })
  )

  it.scopedLive("carries tools both ways", () =>
    Effect.gen(function* () {
      const { engines, url } = yield* start({
        engines: [claude(answer({ text: "", toolCalls: calls }), answer({ text: "It rains." }))]
      })
      const tools = calls.map(({ name }) => ({
        type: "function" as const,
        function: { name, description: `The ${name}`, parameters: { type: "object" } }
      }))
      const user = { role: "user" as const, content: "Weather?" }
      const openai = client(url)
      for (const run of [0, 1]) {
        const completion = yield* Effect.promise(() =>
          run === 0
            ? openai.chat.completions.create({
                model: "claude",
                messages: [user],
                tools,
                tool_choice: "required"
              })
            : openai.chat.completions
                .stream({ model: "claude", messages: [user], tools })
                .finalChatCompletion()
        )
        if (run === 1) continue
        const message = completion.choices[0]?.message
        assert.strictEqual(completion.choices[0]?.finish_reason, "tool_calls")
        assert.isNull(message?.content)
        assert.deepStrictEqual(
          message?.tool_calls,
          calls.map(({ arguments: args, id, name }) => ({
            id,
            type: "function" as const,
            function: { name, arguments: args }
          }))
        )
        if (message === undefined) continue
        yield* Effect.promise(() =>
          openai.chat.completions.create({
            model: "claude",
            messages: [
              user,
              message,
              { role: "tool", tool_call_id: "call_a", content: "rain" },
              { role: "tool", tool_call_id: "call_b", content: [{ type: "text", text: "noon" }] }
            ],
            tools
          })
        )
      }
      const [first, second] = (yield* engines[0]?.calls ?? Effect.succeed([])).map(
        ({ request }) => request.task
      )
      assert.strictEqual(first?.toolChoice, "required")
      assert.deepStrictEqual(
        first?.tools?.map(({ name, description }) => [name, description]),
        [
          ["weather", "The weather"],
          ["time", "The time"]
        ]
      )
      assert.deepStrictEqual(second?.messages, [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: "", toolCalls: calls },
        { role: "tool", toolCallId: "call_a", content: "rain" },
        { role: "tool", toolCallId: "call_b", content: "noon" }
      ])
    })
  )

  it.scopedLive("streams tool calls that OpenAI's client puts together", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [claude(answer({ text: "Let me see.", toolCalls: calls }))] })
      const completion = yield* Effect.promise(() =>
        client(url)
          .chat.completions.stream({ model: "claude", messages: [{ role: "user", content: "Weather?" }] })
          .finalChatCompletion()
      )
      const [choice] = completion.choices
      assert.strictEqual(choice?.message.content, "Let me see.")
      assert.strictEqual(choice?.finish_reason, "tool_calls")
      assert.deepStrictEqual(
        choice?.message.tool_calls?.map((call) => (call.type === "function" ? call.function.arguments : "")),
        calls.map((call) => call.arguments)
      )
    })
  )

  it.scopedLive("honours what a task has a field for", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: {} }
      const { json, status, task } = yield* asked({
        messages: [
          { role: "system", content: "Be brief." },
          { role: "developer", content: [{ type: "text", text: "Be kind." }] },
          {
            role: "user",
            content: [
              { type: "text", text: "What is this?" },
              { type: "text", text: " And that?" }
            ]
          }
        ],
        max_tokens: 10,
        max_completion_tokens: 20,
        temperature: 0.5,
        top_p: 0.9,
        stop: "END",
        response_format: { type: "json_schema", json_schema: { name: "thing", schema, strict: true } },
        user: "ann",
        metadata: { team: "a" },
        n: 1,
        frequency_penalty: 0,
        seed: null,
        parallel_tool_calls: true
      })
      assert.strictEqual(status, 200, JSON.stringify(json))
      assert.deepInclude(task, {
        systemPrompt: "Be brief.\n\nBe kind.",
        maxTokens: 20,
        temperature: 0.5,
        topP: 0.9,
        stop: ["END"],
        responseFormat: { type: "json_schema", name: "thing", schema, strict: true },
        userId: "ann",
        metadata: { team: "a" }
      })
      assert.deepStrictEqual(task?.messages, [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "text", text: " And that?" }
          ]
        }
      ])
      const jsonMode = yield* asked({ response_format: { type: "json_object" }, stop: ["a", "b"] })
      assert.deepInclude(jsonMode.task, { responseFormat: { type: "json" }, stop: ["a", "b"] })
      const chosen = yield* asked({
        messages: [user, { role: "assistant", content: null }, user],
        tools: [{ type: "function", function: { name: "a" } }],
        tool_choice: { type: "function", function: { name: "a" } }
      })
      assert.deepInclude(chosen.task, {
        toolChoice: { name: "a" },
        tools: [{ name: "a", parameters: { type: "object", properties: {} } }]
      })
      assert.deepStrictEqual(chosen.task?.messages[1], { role: "assistant", content: "" })
      const textMode = yield* asked({ response_format: { type: "text" }, tools: [], max_tokens: 7 })
      assert.deepInclude(textMode.task, { responseFormat: { type: "text" }, maxTokens: 7 })
      assert.notProperty(textMode.task, "tools")
    })
  )

  it.scopedLive("hands images on", () =>
    Effect.gen(function* () {
      const { engines, url } = yield* start({
        engines: [{ ...claude(answer({ text: "A cat." })), capabilities: { images: true } }]
      })
      const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "auto" } }
      const reply = yield* post(`${url}${paths}`, { ...body, messages: [{ role: "user", content: [image] }] })
      assert.strictEqual(reply.status, 200, reply.text)
      const [call] = yield* engines[0]?.calls ?? Effect.succeed([])
      assert.deepStrictEqual(call?.request.task.messages[0].content, [
        { type: "image", url: "data:image/png;base64,AAAA", detail: "auto" }
      ])
    })
  )

  const refused: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
    ["n", { n: 2 }],
    ["log probabilities", { logprobs: true }],
    ["seed", { seed: "often" }],
    ["frequency_penalty", { frequency_penalty: 3 }],
    ["parallel_tool_calls", { parallel_tool_calls: "no" }],
    ["audio", { audio: {} }],
    ["messages", { messages: undefined }],
    ["messages[0]", { messages: [] }],
    ["messages[].role", { messages: [{ role: "wizard", content: "x" }] }],
    ["messages[1].content", { messages: [system, { role: "user", content: "" }] }],
    ["messages[0].content[0].type", { messages: [{ role: "user", content: [{ text: "file" }] }] }],
    ['the part "file"', { messages: [{ role: "user", content: [{ type: "file", file: {} }] }] }],
    ["max_tokens", { max_tokens: 0 }],
    ["temperature", { temperature: 3 }],
    ["top_p", { top_p: 2 }],
    ["tool_choice", { tool_choice: "required" }],
    ["tools[0].function.name", { tools: [{ type: "function", function: { name: "a b" } }] }],
    ["response_format.type", { response_format: { type: "xml" } }],
    ["stream", { stream: "yes" }]
  ]

  it.scopedLive.each(refused)("refuses %s that it can't honour, by its name", ([param, given]) =>
    Effect.gen(function* () {
      const { json, status } = yield* asked(given)
      assert.strictEqual(status, 400)
      assert.strictEqual(json.error.type, "invalid_request_error")
      // What no provider carries is told in the words of the one that was asked.
      assert.include([param, null], json.error.param)
      assert.include(json.error.message, param)
    })
  )

  it.scopedLive("chooses by what the model's name says", () =>
    Effect.gen(function* () {
      const engines = [
        claude(answer({ text: "c" })),
        { provider: Gpt4, script: [answer({ text: "g" })] } as const
      ]
      const flat = yield* Strategy.weighted("thrifty", { cost: 1, latency: 0, quality: 0 })
      const setup: Setup = {
        engines,
        gateway: { strategies: [flat] },
        providers: [
          { provider: "claude", costPerToken: 0.1, p50LatencyMs: 100, qualityScore: 9 },
          { provider: "gpt4", costPerToken: 0.001, p50LatencyMs: 900, qualityScore: 5 }
        ]
      }
      const { url } = yield* start(setup)
      const who = (model: string, headers: Readonly<Record<string, string>> = {}) =>
        Effect.map(post(`${url}${paths}`, { ...body, model }, headers), (reply) =>
          reply.status === 200 ? reply.headers.get("x-saga-provider") : JSON.parse(reply.text).error.code
        )
      assert.strictEqual(yield* who("gpt4"), "gpt4")
      assert.strictEqual(yield* who("saga/cheapest"), "gpt4")
      assert.strictEqual(yield* who("saga/fastest"), "claude")
      assert.strictEqual(yield* who("saga/quality"), "claude")
      assert.strictEqual(yield* who("saga/thrifty"), "gpt4")
      assert.strictEqual(yield* who("saga/auto"), "gpt4")
      assert.strictEqual(yield* who("saga/auto", { "x-saga-strategy": "fastest" }), "claude")
      assert.strictEqual(yield* who("saga/luckiest"), "model_not_found")
      assert.strictEqual(yield* who("gpt-4o"), "model_not_found")
      assert.strictEqual(yield* who("claude", { "x-saga-strategy": "luckiest" }), "invalid_body")
    })
  )

  it.scopedLive("is steered by headers", () =>
    Effect.gen(function* () {
      const { engines, url } = yield* start({
        engines: [
          claude(fail({ _tag: "QuotaExhaustedError" })),
          { provider: Gpt4, script: [answer({ text: "Hi" })] }
        ]
      })
      const alone = yield* post(`${url}${paths}`, body, { "x-saga-fallback": "off" })
      assert.strictEqual(alone.status, 429)
      const headers = { "x-saga-fallback": "on", "x-saga-timeout": "1.5m", "x-saga-user": "ann" }
      const reply = yield* post(`${url}${paths}`, { ...body, user: "bob" }, headers)
      assert.strictEqual(reply.status, 200)
      const [call] = yield* engines[1]?.calls ?? Effect.succeed([])
      assert.deepInclude(call?.request.task, { timeoutMs: 90_000, userId: "ann" })
      const wrong = {
        "x-saga-fallback": "maybe",
        "x-saga-timeout": "soon",
        "x-saga-user": " ",
        "x-saga-delivery": "tomorrow",
        "x-saga-unsupported": "maybe",
        "x-saga-session": "s".repeat(257),
        "x-saga-agent": "a".repeat(257),
        "x-saga-strategie": "fastest"
      }
      for (const [name, value] of Object.entries(wrong)) {
        const refused = yield* post(`${url}${paths}`, body, { [name]: value })
        assert.strictEqual(refused.status, 400, name)
        assert.strictEqual(JSON.parse(refused.text).error.param, name)
      }
      assert.strictEqual((yield* post(`${url}${paths}`, body, { "x-saga-timeout": "0s" })).status, 400)
    })
  )

  describe("delivers streamed", () => {
    const paced = { text: "Light scatters from air.", chunkSize: 6 }

    it.scopedLive("what fails before its first content as a status", () =>
      Effect.gen(function* () {
        const { url } = yield* start({ engines: [claude(fail({ _tag: "ContentPolicyError" }))] })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true })
        assert.strictEqual(reply.status, 400)
        assert.strictEqual(JSON.parse(reply.text).error.code, "content_policy_violation")
      })
    )

    it.scopedLive("what breaks off as an error in the stream, and never as done", () =>
      Effect.gen(function* () {
        const { activity, url } = yield* start({ engines: [claude(cut({ ...paced, after: 2 }))] })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true })
        assert.strictEqual(reply.status, 200)
        const data = dataOf(reply.text)
        assert.notInclude(data, "[DONE]")
        assert.notInclude(reply.text, '"finish_reason":"')
        const { error } = JSON.parse(data.at(-1) ?? "")
        assert.strictEqual(error.code, "stream_interrupted")
        assert.strictEqual(error.type, "server_error")
        const [call] = (yield* activity.snapshot).calls
        assert.deepStrictEqual(call?.ending, { _tag: "Failed", code: "stream_interrupted" })
        const thrown = yield* Effect.promise(() =>
          client(url)
            .chat.completions.stream({ model: "claude", messages: [{ role: "user", content: "Hello" }] })
            .finalChatCompletion()
            .then(
              () => undefined,
              (error: unknown) => error
            )
        )
        assert.instanceOf(thrown, openaiSdk.APIError)
      })
    )

    it.scopedLive("what another provider can continue as one answer, with its model from there on", () =>
      Effect.gen(function* () {
        const { url } = yield* start({
          engines: [
            claude(cut({ ...paced, after: 2 })),
            { provider: Gpt4, model: "gpt-x", capabilities: { prefill: true }, script: [answer(paced)] }
          ]
        })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true })
        const chunks = dataOf(reply.text)
          .slice(0, -1)
          .map((data) => JSON.parse(data))
        const content = chunks.map(({ choices: [choice] }) => choice.delta.content ?? "")
        assert.strictEqual(content.join(""), paced.text)
        assert.deepStrictEqual(Array.from(new Set(chunks.map(({ model }) => model))), ["claude-x", "gpt-x"])
        assert.strictEqual(
          chunks.filter(({ choices: [choice] }) => choice.delta.role === "assistant").length,
          1
        )
        assert.strictEqual(dataOf(reply.text).at(-1), "[DONE]")
      })
    )

    it.scopedLive("a bug of an engine as an error, without its inside", () =>
      Effect.gen(function* () {
        const { url } = yield* start({ engines: [claude(Behaviour.die(new Error("test-key-inside")))] })
        for (const stream of [false, true]) {
          const reply = yield* post(`${url}${paths}`, { ...body, stream })
          assert.strictEqual(reply.status, 500)
          assert.strictEqual(JSON.parse(reply.text).error.code, "internal_error")
          assert.notInclude(reply.text, "inside")
        }
      })
    )
  })

  describe("delivers buffered", () => {
    const buffered = { "x-saga-delivery": "buffered" }

    it.scopedLive("a stream whose answer is whole, with all that is known of it in the headers", () =>
      Effect.gen(function* () {
        const { url } = yield* start({
          engines: [
            claude(cut({ text: "Light is", after: 1 })),
            { provider: Gpt4, script: [answer({ text, toolCalls: calls, usage })] }
          ]
        })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true }, buffered)
        assert.strictEqual(reply.headers.get("x-saga-attempts"), "4")
        assert.strictEqual(reply.headers.get("x-saga-delivery"), "buffered")
        const data = dataOf(reply.text)
        assert.strictEqual(data.at(-1), "[DONE]")
        const deltas = data.slice(0, -1).flatMap((each) => JSON.parse(each).choices)
        assert.strictEqual(deltas.map(({ delta }) => delta.content ?? "").join(""), text)
        assert.strictEqual(deltas.filter(({ delta }) => delta.tool_calls !== undefined).length, 2)
      })
    )

    it.scopedLive("an answer that only calls tools without a text", () =>
      Effect.gen(function* () {
        const { url } = yield* start({ engines: [claude(answer({ text: "", toolCalls: calls }))] })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true }, buffered)
        const contents = dataOf(reply.text)
          .slice(0, -1)
          .flatMap((each) => JSON.parse(each).choices)
          .map(({ delta }) => delta.content)
        assert.deepStrictEqual(
          contents.filter((content) => content !== undefined),
          [""]
        )
      })
    )

    it.scopedLive("a failure as a status, where the setting says so too", () =>
      Effect.gen(function* () {
        const { url } = yield* start({
          engines: [claude(cut({ text, after: 1 }))],
          gateway: { delivery: "buffered" }
        })
        const reply = yield* post(`${url}${paths}`, { ...body, stream: true })
        assert.strictEqual(reply.status, 502)
        const live = yield* post(
          `${url}${paths}`,
          { ...body, stream: true },
          { "x-saga-delivery": "streamed" }
        )
        assert.strictEqual(live.status, 200)
      })
    )
  })
})
