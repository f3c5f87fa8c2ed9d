/** Bodies that are admitted and as much work as one can be: none keeps the process from others for long. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import type { Dialect } from "../../src/gateway/internal/dialect.js"
import { question as chat } from "../../src/gateway/internal/chat/request.js"
import { question as messages } from "../../src/gateway/internal/messages/request.js"
import { sizes, tooLarge } from "../../src/internal/sizes.js"
import { post, start } from "../gateway/harness.js"

const many = <A>(count: number, each: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => each(index))
const keys = (count: number) => Object.fromEntries(many(count, (index) => [`k${index}`, 1]))
const hello = [{ role: "user", content: "Hi" }]
const nested = (levels: number): object => JSON.parse('{"a":'.repeat(levels) + "1" + "}".repeat(levels))
const tools = (count: number, parameters: object) =>
  many(count, (index) => ({ type: "function", function: { name: `t${index}`, parameters } }))
const claudeTools = (count: number, input_schema: object) =>
  many(count, (index) => ({ name: `t${index}`, input_schema }))

const body = (more: object) => ({ model: "claude", max_tokens: 9, messages: hello, ...more })

const attacks: ReadonlyArray<readonly [string, Dialect["question"], object]> = [
  ["messages", chat, { messages: many(sizes.messages.most, () => hello[0]) }],
  ["messages", messages, { messages: many(sizes.messages.most, () => hello[0]) }],
  [
    "results of tools",
    chat,
    { messages: many(sizes.messages.most, () => ({ role: "tool", tool_call_id: "a", content: "" })) }
  ],
  [
    "parts",
    chat,
    {
      messages: many(30, () => ({
        role: "user",
        content: many(sizes.parts.most, () => ({ type: "text", text: "a" }))
      }))
    }
  ],
  [
    "calls of tools",
    chat,
    {
      messages: many(15, () => ({
        role: "assistant",
        tool_calls: many(sizes.parts.most, (index) => ({
          id: `c${index}`,
          type: "function",
          function: { name: "f", arguments: "{}" }
        }))
      }))
    }
  ],
  ["keys", chat, { tools: tools(19, keys(sizes.keys.most)) }],
  ["keys", messages, { tools: claudeTools(19, keys(sizes.keys.most)) }],
  ["levels", chat, { tools: tools(900, nested(sizes.depth.most - 4)) }],
  ["tools", chat, { tools: tools(sizes.tools.most, keys(80)) }],
  ["tools", messages, { tools: claudeTools(sizes.tools.most, keys(80)) }],
  ["escapes", chat, { messages: [{ role: "user", content: '\n"\u0001'.repeat(300_000) }] }]
]

const mebibyte = 1024 * 1024

/** What a machine that does other work, and code that has just been loaded, may add to 100 ms. */
const patience = 4

/** Milliseconds of the processor for a step, the least of some, and what it gave. */
const step = <A>(run: () => A): readonly [number, A] => {
  let least = Number.POSITIVE_INFINITY
  let result = run()
  for (let time = 0; time < 3; time++) {
    const began = process.cpuUsage()
    result = run()
    least = Math.min(least, process.cpuUsage(began).user / 1000)
  }
  return [least, result]
}

describe("an admitted body", () => {
  for (const [name, question, more] of attacks) {
    it(`of as many ${name} as there may be takes no step that is long: ${question === chat ? "chat" : "messages"}`, () => {
      const text = JSON.stringify(body(more))
      const allowed = (patience * 100 * text.length) / mebibyte
      const [scanned, fault] = step(() => tooLarge(text))
      assert.isUndefined(fault)
      const [parsed, json] = step((): unknown => JSON.parse(text))
      // Of Chat Completions, max_tokens may be left as it is.
      const [asked, given] = step(() => question(json))
      const { fields } = Either.getOrThrow(given)
      const [decoded, made] = step(() => AITask.decodeUnknown({ ...fields, prompt: "-" }))
      assert.isTrue(Either.isRight(made))
      for (const ms of [scanned + parsed, asked, decoded]) assert.isBelow(ms, allowed)
    })
  }

  it.scopedLive("lets others have their turn between its steps", () =>
    Effect.gen(function* () {
      const live = Clock.make()
      let turns = 0
      const counting: Clock.Clock = {
        [Clock.ClockTypeId]: Clock.ClockTypeId,
        currentTimeMillis: live.currentTimeMillis,
        currentTimeNanos: live.currentTimeNanos,
        unsafeCurrentTimeMillis: () => live.unsafeCurrentTimeMillis(),
        unsafeCurrentTimeNanos: () => live.unsafeCurrentTimeNanos(),
        sleep: (duration) => {
          if (Duration.toMillis(duration) === 0) turns++
          return live.sleep(duration)
        }
      }
      const { url } = yield* start({
        engines: [{ provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Hi" })] }],
        around: Layer.setClock(counting)
      })
      for (const [count, expected] of [
        [10, 0],
        [sizes.messages.most, 1]
      ] as const) {
        turns = 0
        const asked = body({ messages: many(count, () => hello[0]) })
        assert.strictEqual((yield* post(`${url}/v1/chat/completions`, asked)).status, 200)
        assert.strictEqual(turns, expected)
      }
    })
  )
})

describe("a program's own input", () => {
  it("is told of by a typed error where it is nested too deeply, or in itself", () => {
    const deep = nested(100_000)
    const round: Record<string, unknown> = {}
    round["itself"] = round
    const list: Array<unknown> = []
    list.push(list)
    const tool = { name: "a", parameters: {} }
    const inputs: ReadonlyArray<readonly [string, object]> = [
      ...[deep, round, { list }].flatMap((parameters): ReadonlyArray<readonly [string, object]> => [
        ["tools", { tools: [{ ...tool, parameters }] }],
        ["responseFormat", { responseFormat: { type: "json_schema", name: "a", schema: parameters } }],
        ["metadata", { metadata: parameters }],
        ["unknown", { unknown: parameters }]
      ]),
      ["", deep],
      ["", list]
    ]
    for (const [field, input] of inputs) {
      const made = AITask.decodeUnknown(
        Array.isArray(input) || field === "" ? input : { prompt: "Hi", ...input }
      )
      const error = Either.getOrThrow(Either.flip(made))
      assert.strictEqual(error._tag, "InvalidArgumentError")
      assert.include(error.reason, "at most 100 levels")
      if (field !== "") assert.strictEqual(error.field, field)
    }
    const taken = AITask.make({ prompt: "Hi", tools: [{ ...tool, parameters: { a: nested(90) } }] })
    assert.isTrue(Either.isRight(taken))
  })

  it("may have what is undefined at any depth, and it is left out", () => {
    const { tools } = Either.getOrThrow(
      AITask.make({
        prompt: "Hi",
        tools: [{ name: "a", description: undefined, parameters: { a: { b: undefined, c: [1] } } }]
      })
    )
    assert.deepStrictEqual(tools, [{ name: "a", parameters: { a: { c: [1] } } }])
  })
})
