/**
 * The vendors' own clients against the servers that the engines are tested with: a server that is wrong
 * about the wire fails here first. They try once, and at this machine.
 */
import Anthropic, * as anthropicSdk from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import OpenAI, * as openaiSdk from "openai"
import * as law from "../../src/testing/internal/contract/law.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import * as WireServer from "../../src/testing/WireServer.js"
import * as NodeWireServer from "../../src/testing/WireServer/Node.js"
import { mock } from "../utils/chatCompletions.js"
import * as chat from "../utils/chatCompletionsContract.js"
import * as messages from "../utils/messagesContract.js"
import * as responses from "../utils/responsesContract.js"

const anthropic = (baseURL: string): Anthropic =>
  new Anthropic({ baseURL, apiKey: messages.key, authToken: null, maxRetries: 0 })

const openai = (url: string): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: chat.key, organization: null, project: null, maxRetries: 0 })

const text = "Grüße, 世界 🚀"

const calls = [
  { id: "call_a", name: "weather", arguments: '{"city":"Köln"}' },
  { id: "call_b", name: "time", arguments: "{}" }
]

const given = law.answer({
  pieces: ["Grüße, ", "世界 ", "🚀"],
  toolCalls: calls,
  finishReason: "tool_calls",
  counts: [
    { inputTokens: 17, outputTokens: 1 },
    { inputTokens: 17, outputTokens: 5 }
  ]
})

const serve = (reply: (request: WireServer.Request) => WireServer.Reply) =>
  Effect.map(
    Effect.flatMap(WireServer.WireServer, (server) => server.serve(reply)),
    ({ url }) => url
  )

/** What a client throws. */
const thrown = (ask: () => Promise<unknown>) =>
  Effect.promise(() =>
    ask().then(
      () => assert.fail("nothing was thrown"),
      (error: unknown) => error
    )
  )

/** The rows that are told by a status. */
const statuses = (errors: ReadonlyArray<EngineContract.ErrorRow>) => {
  const request = { method: "POST", path: "/", headers: {}, body: "{}" }
  return errors.flatMap((row) => {
    const { status } = row.reply(request, "no")
    return status < 400 ? [] : [{ row, status }]
  })
}

describe("The client of Anthropic", () => {
  const body = (content: string) => ({
    model: "m",
    max_tokens: 100,
    messages: [{ role: "user" as const, content }]
  })

  /** Plain, and streamed. */
  const deliveries: ReadonlyArray<(client: Anthropic, content?: string) => Promise<Anthropic.Message>> = [
    (client, content = "weather?") => client.messages.create(body(content)),
    (client, content = "weather?") => client.messages.stream(body(content)).finalMessage()
  ]

  const toolsOf = (message: Anthropic.Message) =>
    message.content.flatMap((block) =>
      block.type === "tool_use"
        ? [{ id: block.id, name: block.name, arguments: JSON.stringify(block.input) }]
        : []
    )
  const textOf = (message: Anthropic.Message) =>
    message.content.map((block) => (block.type === "text" ? block.text : "")).join("")

  const whole = (message: Anthropic.Message): void => {
    assert.strictEqual(textOf(message), text)
    assert.deepStrictEqual(toolsOf(message), calls)
    assert.strictEqual(message.stop_reason, "tool_use")
    assert.deepInclude(message.usage, { input_tokens: 17, output_tokens: 5 })
  }

  it.scopedLive("reads the contract's answers, plain and streamed", () =>
    Effect.gen(function* () {
      const client = anthropic(yield* serve((request) => messages.answer(request, given)))
      for (const ask of deliveries) whole(yield* Effect.promise(() => ask(client)))
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the contract's errors by their status", () =>
    Effect.gen(function* () {
      for (const { row, status } of statuses(messages.errors)) {
        const client = anthropic(yield* serve((request) => row.reply(request, "no")))
        for (const ask of deliveries) {
          const error = yield* thrown(() => ask(client))
          if (!(error instanceof anthropicSdk.APIError)) assert.fail(String(error))
          assert.strictEqual(error.status, status, row.name)
          assert.strictEqual(error.requestID, "req_7", row.name)
        }
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the contract's errors within an answer", () =>
    Effect.gen(function* () {
      const rows = messages.errors.filter(({ name }) => name.includes("_error within the answer"))
      assert.isAbove(rows.length, 5)
      for (const row of rows) {
        const client = anthropic(yield* serve((request) => row.reply(request, "no")))
        const error = yield* thrown(() => client.messages.stream(body("weather?")).finalMessage())
        if (!(error instanceof anthropicSdk.APIError)) assert.fail(String(error))
        assert.include(error.message, row.name.replace(/ .*/, ""))
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the mock server's answers and errors", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("weather", { toolCalls: calls })
      server.onMessage("hi", { content: text, usage: { input_tokens: 11, output_tokens: 42 } })
      server.onMessage("limit", { error: { message: "slow down", type: "rate_limit_error" }, status: 429 })
      const client = anthropic(server.url)
      for (const ask of deliveries) {
        const said = yield* Effect.promise(() => ask(client, "hi"))
        assert.strictEqual(textOf(said), text)
        assert.deepInclude(said.usage, { input_tokens: 11, output_tokens: 42 })
        assert.strictEqual(said.stop_reason, "end_turn")
        assert.deepStrictEqual(toolsOf(yield* Effect.promise(() => ask(client, "weather"))), calls)
        assert.instanceOf(yield* thrown(() => ask(client, "limit")), anthropicSdk.RateLimitError)
      }
    })
  )
})

describe("The client of OpenAI", () => {
  const toolsOf = ({ choices: [choice] }: OpenAI.ChatCompletion) =>
    (choice?.message.tool_calls ?? []).flatMap((call) =>
      call.type === "function" ? [{ id: call.id, ...call.function }] : []
    )

  const whole = (completion: OpenAI.ChatCompletion): void => {
    const [choice] = completion.choices
    assert.strictEqual(choice?.message.content, text)
    assert.deepStrictEqual(
      toolsOf(completion).map(({ arguments: args, id, name }) => ({ id, name, arguments: args })),
      calls
    )
    assert.strictEqual(choice?.finish_reason, "tool_calls")
    assert.deepInclude(completion.usage, { prompt_tokens: 17, completion_tokens: 5 })
  }

  const body = (content: string) => ({ model: "m", messages: [{ role: "user" as const, content }] })

  /** Plain, and streamed. */
  const deliveries: ReadonlyArray<(client: OpenAI, content?: string) => Promise<OpenAI.ChatCompletion>> = [
    (client, content = "weather?") => client.chat.completions.create(body(content)),
    (client, content = "weather?") =>
      client.chat.completions
        .stream({ ...body(content), stream_options: { include_usage: true } })
        .finalChatCompletion()
  ]

  it.scopedLive("reads the contract's answers, plain and streamed", () =>
    Effect.gen(function* () {
      const client = openai(yield* serve((request) => chat.answer(request, given)))
      for (const ask of deliveries) whole(yield* Effect.promise(() => ask(client)))
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the contract's errors by their status", () =>
    Effect.gen(function* () {
      for (const { row, status } of statuses(chat.errors)) {
        const client = openai(yield* serve((request) => row.reply(request, "no")))
        for (const ask of deliveries) {
          const error = yield* thrown(() => ask(client))
          if (!(error instanceof openaiSdk.APIError)) assert.fail(String(error))
          assert.strictEqual(error.status, status, row.name)
          assert.strictEqual(error.requestID, "req_7", row.name)
        }
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the contract's error within an answer", () =>
    Effect.gen(function* () {
      const row = chat.errors.find(({ name }) => name === "a code within the answer")
      const url = yield* serve((request) => row?.reply(request, "no") ?? { status: 500, body: [] })
      const client = openai(url)
      const error = yield* thrown(() =>
        client.chat.completions.stream(body("weather?")).finalChatCompletion()
      )
      if (!(error instanceof openaiSdk.APIError)) assert.fail(String(error))
      assert.strictEqual(error.code, "insufficient_quota")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the mock server's answers and errors", () =>
    Effect.gen(function* () {
      const server = yield* mock
      server.onMessage("weather", { toolCalls: calls })
      server.onMessage("hi", { content: text, usage: { prompt_tokens: 11, completion_tokens: 42 } })
      server.onMessage("limit", { error: { message: "slow down", type: "rate_limit_error" }, status: 429 })
      const client = openai(server.url)
      for (const ask of deliveries) {
        const said = yield* Effect.promise(() => ask(client, "hi"))
        assert.strictEqual(said.choices[0]?.message.content, text)
        assert.deepInclude(said.usage, { prompt_tokens: 11, completion_tokens: 42 })
        assert.strictEqual(said.choices[0]?.finish_reason, "stop")
        const called = yield* Effect.promise(() => ask(client, "weather"))
        assert.sameDeepMembers(
          toolsOf(called).map(({ arguments: args, id, name }) => ({ id, name, arguments: args })),
          calls
        )
        const limited = yield* thrown(() => ask(client, "limit"))
        assert.instanceOf(limited, openaiSdk.RateLimitError)
      }
    })
  )
})

describe("The client of OpenAI over Responses", () => {
  const body = { model: "m", input: "weather?" }

  const deliveries: ReadonlyArray<
    (client: OpenAI) => Promise<Pick<OpenAI.Responses.Response, "output" | "output_text" | "usage">>
  > = [(client) => client.responses.create(body), (client) => client.responses.stream(body).finalResponse()]

  it.scopedLive("reads the contract's answers, plain and streamed", () =>
    Effect.gen(function* () {
      const client = openai(yield* serve((request) => responses.answer(request, given)))
      for (const ask of deliveries) {
        const { output, output_text, usage } = yield* Effect.promise(() => ask(client))
        assert.strictEqual(output_text, text)
        assert.deepStrictEqual(
          output.flatMap((item) =>
            item.type === "function_call"
              ? [{ id: item.call_id, name: item.name, arguments: item.arguments }]
              : []
          ),
          calls
        )
        assert.deepInclude(usage, { input_tokens: 17, output_tokens: 5 })
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scopedLive("reads the contract's errors by their status", () =>
    Effect.gen(function* () {
      for (const { row, status } of statuses(responses.errors)) {
        const client = openai(yield* serve((request) => row.reply(request, "no")))
        const error = yield* thrown(() => client.responses.create(body))
        if (!(error instanceof openaiSdk.APIError)) assert.fail(String(error))
        assert.strictEqual(error.status, status, row.name)
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
