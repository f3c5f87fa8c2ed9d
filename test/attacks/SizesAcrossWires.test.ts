/** Large and deep calls from callers of each wire to providers of each: as sent, translated, or refused by a 400. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as bodies from "../../src/internal/bodies.js"
import { sizes } from "../../src/internal/sizes.js"
import { over, paths, type Wire, wires } from "../gateway/wires.js"
import { post } from "../gateway/harness.js"
import * as chatCompletions from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import { some } from "../utils/property.js"
import * as responses from "../utils/responses.js"

const whole = { chatCompletions: chatCompletions.whole, messages: messages.whole, responses: responses.whole }

const many = (count: number, each: (index: number) => unknown): ReadonlyArray<unknown> =>
  Array.from({ length: count }, (_, index) => each(index))

/** Objects in each other, so many. */
const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`)

/** A schema with so many objects in each other. */
const schemaOf = (objects: number): unknown =>
  JSON.parse(
    `${'{"type":"object","properties":{"a":'.repeat(objects)}{"type":"string"}${"}}".repeat(objects)}`
  )

const toolOf = (wire: Wire, name: string, schema: unknown): object =>
  wire === "messages"
    ? { name, input_schema: schema }
    : wire === "responses"
      ? { type: "function", name, parameters: schema }
      : { type: "function", function: { name, parameters: schema } }

/** A call of a tool with an input, and its result. */
const called = (wire: Wire, input: unknown): ReadonlyArray<object> => {
  const args = JSON.stringify(input)
  switch (wire) {
    case "messages":
      return [
        { role: "assistant", content: [{ type: "tool_use", id: "c1", name: "t0", input }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", content: "done" }] }
      ]
    case "responses":
      return [
        { type: "function_call", call_id: "c1", name: "t0", arguments: args },
        { type: "function_call_output", call_id: "c1", output: "done" }
      ]
    case "chatCompletions":
      return [
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "t0", arguments: args } }]
        },
        { role: "tool", tool_call_id: "c1", content: "done" }
      ]
  }
}

interface Shape {
  readonly characters?: number
  readonly messages?: number
  readonly tools?: number
  readonly schema?: number
  readonly input?: number
  readonly unknown?: number
}

/** What a caller says whose call has this shape. */
const bodyOf = (wire: Wire, model: string, shape: Shape): Readonly<Record<string, unknown>> => ({
  model,
  [wire === "responses" ? "input" : "messages"]: [
    { role: "user", content: "x".repeat(shape.characters ?? 1) },
    ...called(wire, nested(shape.input ?? 0)),
    ...many(shape.messages ?? 0, (index) => ({
      role: index % 2 === 0 ? "assistant" : "user",
      content: `message ${index}`
    })),
    { role: "user", content: "the last word" }
  ],
  ...(wire === "messages" ? { max_tokens: 99 } : {}),
  tools: many(shape.tools ?? 1, (index) => toolOf(wire, `t${index}`, schemaOf(shape.schema ?? 1))),
  mystery: nested(shape.unknown ?? 0)
})

describe.each(wires)("a call to a provider of %s", (provider) => {
  it.scopedLive("may be as large and as deep as the bounds allow, over each wire", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over([whole[provider]])
      for (const wire of wires) {
        const body = bodyOf(wire, provider, {
          characters: bodies.fewBytes,
          messages: 500,
          tools: sizes.tools.most,
          input: 80,
          unknown: 90
        })
        const { status, text } = yield* post(url + paths[wire], body)
        assert.strictEqual(status, 200, `${wire}: ${text.slice(0, 300)}`)
        const sent: Readonly<Record<string, unknown>> = JSON.parse(upstream.requests.at(-1)?.body ?? "")
        assert.lengthOf(sent["tools"] as ReadonlyArray<unknown>, sizes.tools.most)
        const said = JSON.stringify(sent)
        for (const each of ["message 499", "the last word", "done"]) assert.include(said, each)
        // The model's name is the provider's.
        if (wire === provider) assert.deepStrictEqual(sent, { ...body, model: "m" })
      }
    })
  )

  it.scopedLive("may have as many messages, and as deep a schema", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over([whole[provider]])
      for (const wire of some(wires, 1)) {
        const body = bodyOf(wire, provider, { messages: sizes.messages.most - 4, schema: 45 })
        const { status, text } = yield* post(url + paths[wire], body)
        assert.strictEqual(status, 200, `${wire}: ${text.slice(0, 300)}`)
        assert.include(upstream.requests.at(-1)?.body ?? "", `message ${sizes.messages.most - 5}`)
        assert.include(upstream.requests.at(-1)?.body ?? "", '{"a":{"type":"string"}}')
      }
    })
  )
})

describe("a call that is larger or deeper", () => {
  it.scopedLive("is refused by its field over each wire, and no provider is asked", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over([])
      const shapes: ReadonlyArray<readonly [Shape, RegExp]> = [
        [{ messages: sizes.messages.most }, /^(?:messages|input): Expected at most 10000 messages/],
        [{ tools: 10_000 }, /^tools: Expected at most 1024 tools/],
        [{ schema: 1000 }, /^"tools" can't be used: Expected at most 100 levels/],
        [{ input: 1000 }, /^(?:"messages" can't be used|.*\.arguments): Expected at most 100 levels/],
        [{ unknown: 1000 }, /^"mystery" can't be used: Expected at most 100 levels/]
      ]
      for (const wire of wires) {
        for (const [shape, message] of shapes) {
          const { status, text } = yield* post(url + paths[wire], bodyOf(wire, "messages", shape))
          assert.strictEqual(status, 400, `${wire}: ${text.slice(0, 300)}`)
          assert.match(JSON.parse(text).error.message, message, `${wire} ${JSON.stringify(shape)}`)
        }
      }
      assert.lengthOf(upstream.requests, 0)
    })
  )
})
