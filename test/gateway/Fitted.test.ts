/** What another wire takes less of: it is fitted, and turned back or told. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { OpenAICompatible } from "arc-saga/engines"
import * as Effect from "effect/Effect"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { dataOf, post, start } from "./harness.js"

type Json = Readonly<Record<string, unknown>>

type Wire = "chatCompletions" | "responses"

/** The names of the tools that a body offers. */
const offered = (body: string): ReadonlyArray<string> => {
  const { tools = [] }: { tools?: ReadonlyArray<{ name?: string; function?: { name: string } }> } =
    JSON.parse(body)
  return tools.map((tool) => tool.function?.name ?? tool.name ?? "")
}

const chunk = (choice: Json) =>
  `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, ...choice }] })}\n\n`

/** Calls the last tool that it is offered. */
const calling: Readonly<Record<Wire, (name: string) => string>> = {
  chatCompletions: (name) =>
    chunk({ delta: { tool_calls: [{ index: 0, id: "call_9", function: { name, arguments: "{}" } }] } }) +
    chunk({ delta: {}, finish_reason: "tool_calls" }) +
    "data: [DONE]\n\n",
  responses: (name) => {
    const call = responses.functionCall("call_9", name, "{}")
    return responses.wire(responses.created, responses.added(call), responses.completed({ output: [call] }))
  }
}

/** A gateway over a provider of one wire that calls the last of its tools, and what that one is asked. */
const over = (wire: Wire) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const upstream = yield* RawServer.listen(({ body }) => {
      asked.push(body)
      return RawServer.answer(200, "text/event-stream", calling[wire](offered(body).at(-1) ?? ""))
    })
    const engine = yield* Effect.orDie(
      OpenAICompatible.make({
        provider: AIProvider.unsafeMake("house"),
        baseUrl: upstream.url,
        model: "m",
        wires: [wire]
      })
    ).pipe(Effect.provide(FetchHttpClient.layer))
    const { url } = yield* start({ engines: [], registered: [engine] })
    const ask = (body: Json, headers: Readonly<Record<string, string>> = {}) =>
      post(`${url}/v1/messages`, { model: "house", max_tokens: 9, ...body }, headers)
    return { ask, asked }
  })

const long = `mcp__server__${"a".repeat(100)}`
const other = `mcp__server__${"a".repeat(99)}b`

const conversation: Json = {
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: other, input: {} }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "a" }] }
  ],
  tools: [
    { name: "read", input_schema: { type: "object" } },
    { name: other, input_schema: { type: "object" } },
    { name: long, input_schema: { type: "object" } }
  ],
  tool_choice: { type: "tool", name: long }
}

describe("a tool of Messages with a long name", () => {
  for (const wire of ["chatCompletions", "responses"] as const) {
    it.scopedLive(`has one that ${wire} takes, and is called by its own`, () =>
      Effect.gen(function* () {
        const { ask, asked } = yield* over(wire)
        const whole = yield* ask(conversation)
        assert.deepInclude(JSON.parse(whole.text).content[0], { type: "tool_use", name: long })
        const streamed = yield* ask({ ...conversation, stream: true })
        const begun = dataOf(streamed.text).map((data): Json => JSON.parse(data))
        const block = begun.find(({ type }) => type === "content_block_start")?.["content_block"]
        assert.propertyVal(block, "name", long)

        const [first = "", second = ""] = asked
        const names = offered(first)
        assert.deepStrictEqual(offered(second), names)
        assert.strictEqual(names[0], "read")
        assert.strictEqual(new Set(names).size, 3)
        for (const name of names) assert.match(name, /^[\w-]{1,64}$/)
        for (const name of [long, other]) assert.notInclude(first, name)
        // The history has the second one's, the choice the third one's.
        assert.lengthOf(first.split(JSON.stringify(names[1])), 3)
        assert.lengthOf(first.split(JSON.stringify(names[2])), 3)
      })
    )
  }
})

describe("texts that end an answer", () => {
  const body = { messages: [{ role: "user", content: "Hi" }], tools: [{ name: "a", input_schema: {} }] }
  const stops = (count: number) => ({ ...body, stop_sequences: ["a", "b", "c", "d", "e"].slice(0, count) })

  it.scopedLive("are four for Chat Completions, and the rest is told", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* over("chatCompletions")
      const four = yield* ask(stops(4))
      assert.isNull(four.headers.get("x-saga-dropped"))
      const five = yield* ask(stops(5))
      assert.strictEqual(five.headers.get("x-saga-dropped"), "stop_sequences")
      for (const each of asked) assert.deepStrictEqual(JSON.parse(each).stop, ["a", "b", "c", "d"])
      const refused = yield* ask(stops(5), { "x-saga-unsupported": "refuse" })
      assert.strictEqual(refused.status, 400)
      assert.include(refused.text, "m takes 4 texts that end the answer")
      assert.lengthOf(asked, 2)
    })
  )

  it.scopedLive("are none for Responses, which is told", () =>
    Effect.gen(function* () {
      const { ask, asked } = yield* over("responses")
      const one = yield* ask(stops(1))
      assert.strictEqual(one.headers.get("x-saga-dropped"), "stop_sequences")
      assert.notProperty(JSON.parse(asked[0] ?? ""), "stop")
      assert.strictEqual((yield* ask(stops(1), { "x-saga-unsupported": "refuse" })).status, 400)
    })
  )
})
