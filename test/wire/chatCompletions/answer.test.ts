import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Answer } from "../../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../../src/wire/decoding.js"
import type { Kind } from "../../../src/wire/failure.js"
import { kindOf } from "../../../src/wire/failure/kindOf.js"
import * as messages from "../../../src/wire/messages/answer.js"
import * as attempts from "../../utils/attempts.js"
import { delta, finish } from "../../utils/chatCompletions.js"
import * as bodies from "../../utils/decoding.js"
import { runs } from "../../utils/property.js"

const encoder = new TextEncoder()

const decoderOf = (tools: ReadonlyArray<string> = []) =>
  decoding.streamDecoder(
    new Answer({ model: "m", continues: false, distinct: (id) => id, stop: [], tools }),
    true
  )

const read = (body: string, tools: ReadonlyArray<string> = [], lengths: ReadonlyArray<number> = []) => {
  const { answer, events } = bodies.decode(decoderOf(tools), encoder.encode(body), lengths)
  const calls = events.flatMap((event) =>
    event._tag === "ToolCall" ? [[event.call.id, event.call.name, event.call.arguments]] : []
  )
  return { answer, calls, events, text: attempts.text(events) }
}

const sse = (...events: ReadonlyArray<unknown>): string =>
  [...events.map((event) => JSON.stringify(event)), "[DONE]"].map((data) => `data: ${data}\n\n`).join("")

describe("the name of a tool call", () => {
  const piece = (name: string | undefined, args: string | undefined, id?: string) =>
    delta({ tool_calls: [{ index: 0, id, function: { name, arguments: args } }] })
  const called = (tools: ReadonlyArray<string>, ...pieces: ReadonlyArray<unknown>) =>
    read(sse(...pieces, finish("tool_calls")), tools).calls

  it("is put together from its fragments, with or without an id", () => {
    const tools = ["get_time", "get_weather", "weather"]
    for (const id of ["a", undefined]) {
      for (const again of [id, undefined]) {
        for (const name of ["get_weather", "get_time"]) {
          const [first, second, third] = [name.slice(0, 2), name.slice(2, 4), name.slice(4)]
          for (const more of [
            [piece(second, undefined, again), piece(third, "", again), piece(undefined, '{"x":1}', again)],
            [piece(second, "", again), piece(third, '{"x":1}', again)],
            // All of it so far, each time.
            [piece(first + second, "", again), piece(name, "", again), piece(undefined, '{"x":1}')]
          ]) {
            assert.deepStrictEqual(called(tools, piece(first, "", id), ...more), [
              [id ?? "", name, '{"x":1}']
            ])
          }
        }
      }
    }
    assert.deepStrictEqual(called(tools, piece("get_", ""), piece("weather", ""), piece(undefined, "{}")), [
      ["", "get_weather", "{}"]
    ])
  })

  it("goes on where its call has the only id, though no tool that was offered is named so", () => {
    for (const tools of [[], ["other"]]) {
      assert.deepStrictEqual(
        called(tools, piece("ma", "", "a"), piece("de_up", ""), piece(undefined, "{}")),
        [["a", "made_up", "{}"]]
      )
      assert.deepStrictEqual(called(tools, piece("ma", "", "a"), piece("made", "", "a")), [
        ["a", "made", "{}"]
      ])
    }
  })

  it("doesn't go on in another call", () => {
    const [f, g] = ["f", "g"]
    const both = [
      ["", "f", "{}"],
      ["", "g", "{}"]
    ]
    assert.deepStrictEqual(called([], piece(f, ""), piece(g, "")), both)
    assert.deepStrictEqual(called(["f", "g", "fg"], piece(f, ""), piece(g, "")), both)
    assert.deepStrictEqual(called(["f", "g"], piece(f, "", "a"), piece(g, "", "a")), [
      ["a", "f", "{}"],
      ["a", "g", "{}"]
    ])
    assert.deepStrictEqual(called(["f", "ff"], piece(f, ""), piece(f, '{"x":1}')), [["", "f", '{"x":1}']])
    assert.deepStrictEqual(called(["fg"], piece(f, "{}", "a"), piece(g, "{}", "b")), [
      ["a", "f", "{}"],
      ["b", "g", "{}"]
    ])
    const beside = delta({
      tool_calls: [
        { index: 0, id: "a", function: { name: f } },
        { index: 0, function: { name: g } }
      ]
    })
    assert.deepStrictEqual(called(["fg"], beside), [
      ["a", "f", "{}"],
      ["", "g", "{}"]
    ])
  })
})

describe("a list of chunks", () => {
  const chunks = [delta({ content: "Hi, " }), delta({ content: "[you]" }), finish("stop")]

  it("is the stream of its elements, however it is written and cut", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom("", " ", "\n", "\r\n"),
        FastCheck.constantFrom(0, 2),
        bodies.lengths,
        (space, indent, lengths) => {
          const elements = chunks.map((chunk) => JSON.stringify(chunk, null, indent))
          const body = `${space}[${space}${elements.join(`${space},${space}`)}${space}]${space}`
          for (const all of [body, `${body}data: [DONE]\n\n`, `${body}\n[DONE]`]) {
            const { answer, text } = read(all, [], lengths)
            assert.deepStrictEqual([text, answer.finished], ["Hi, [you]", true], all)
          }
        }
      ),
      runs(200).fastCheck
    )
  })

  it("is delivered as it comes", () => {
    const decoder = decoderOf()
    const feed = (text: string) => attempts.text(decoder.feed([encoder.encode(text)]))
    assert.strictEqual(feed(`[${JSON.stringify(chunks[0])}`), "Hi, ")
    assert.strictEqual(feed(`\n,\n${JSON.stringify(chunks[1])},`), "[you]")
    assert.deepStrictEqual(decoder.end(), [])
    assert.strictEqual(decoder.answer.failure?.kind, "malformed")
  })

  it("is torn where it isn't closed or has something between its elements, also after a finish reason", () => {
    const all = chunks.map((chunk) => JSON.stringify(chunk))
    for (const body of [
      `[${all.join(",")}`,
      `[${all.join(",")},`,
      `[${all.join(" lost ")}]`,
      `[${all.join(",")} lost]`,
      `[${all.join(",")}, null]`
    ]) {
      for (const lengths of [[], [body.length - 3], [7, 1, 1]]) {
        assert.strictEqual(read(body, [], lengths).answer.failure?.kind, "malformed", body)
      }
    }
  })

  it("may be the data of an event, or have the error", () => {
    assert.deepInclude(read(sse(chunks)), { text: "Hi, [you]" })
    const error = { error: { message: "Quota exceeded", code: 429, status: "RESOURCE_EXHAUSTED" } }
    for (const body of [[error], [chunks[0], error]].flatMap((list) => [JSON.stringify(list), sse(list)])) {
      assert.deepInclude(read(body).answer.failure, { message: "Quota exceeded", status: 429 }, body)
    }
  })

  it("is no answer where it has none, or is cut", () => {
    for (const body of [
      "[",
      "[ ",
      "[]",
      "[1,2]",
      "[[]]",
      '["Hi"]',
      "[DONE",
      '[{"choices":',
      "[{}]",
      "[{},{}]"
    ]) {
      for (const lengths of [[], [1], [1, 1]]) {
        const { answer, events } = read(body, [], lengths)
        assert.strictEqual(answer.failure?.kind, "malformed", body)
        assert.deepStrictEqual(events, [])
      }
    }
  })
})

describe("a choice of a legacy completion", () => {
  const choice = (text: string | null, finish_reason: string | null = null, more: object = {}) => ({
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason, ...more }]
  })

  it("has its text beside or instead of a message and a delta", () => {
    for (const body of [
      sse(choice("Hi"), choice(" you"), choice("", "stop")),
      JSON.stringify(choice("Hi you", "stop")),
      JSON.stringify(choice("Hi you", "stop", { message: null, delta: null })),
      JSON.stringify(choice("Hi you", "stop", { message: { role: "assistant", content: "" } })),
      sse(choice("Hi you", "stop", { delta: { role: "assistant" } }))
    ]) {
      const { answer, text } = read(body)
      assert.deepStrictEqual([text, answer.finished], ["Hi you", true], body)
    }
  })

  it("says nothing twice, and is none without a text", () => {
    const both = [{ delta: { content: "Hi" } }, { message: { content: "Hi" } }]
    for (const more of both) assert.strictEqual(read(sse(choice("Hi", "stop", more))).text, "Hi")
    assert.strictEqual(read(sse(choice(null, "stop"))).answer.failure?.kind, "malformed")
    assert.strictEqual(read(JSON.stringify(choice("Hi"))).answer.failure?.kind, "cut")
  })
})

describe("a body that refuses under a status of success", () => {
  const refused: ReadonlyArray<readonly [body: unknown, kind: Kind, message: string]> = [
    [{ detail: "Insufficient Balance" }, "quota", "Insufficient Balance"],
    [{ detail: [{ loc: ["body"], msg: "Model does not exist" }] }, "model", "Model does not exist"],
    [{ success: false, error: "Invalid API key" }, "authentication", "Invalid API key"],
    [
      { success: false, errors: [{ code: 7003, message: "prompt is too long" }] },
      "context",
      "prompt is too long"
    ],
    [{ success: false, errors: ["Content Exists Risk"], result: null }, "policy", "Content Exists Risk"],
    [{ success: false, message: "try again in 5 seconds", code: 429 }, "rate", "try again in 5 seconds"],
    [{ success: false }, "server", ""],
    [
      { error: "the input length exceeds the context length" },
      "context",
      "the input length exceeds the context length"
    ],
    [{ error: true, message: "Unsupported model" }, "model", "Unsupported model"],
    [{ error: { message: "slow", type: "rate_limit_error" } }, "rate", "slow"],
    [
      { error_code: 18, error_msg: "Open api qps request limit reached" },
      "rate",
      "Open api qps request limit reached"
    ],
    [{ code: 401, msg: "who are you", data: null }, "authentication", "who are you"],
    [{ status: 503, title: "Service Unavailable", detail: "later" }, "overloaded", "later"],
    [{ choices: null, detail: "Insufficient Balance" }, "quota", "Insufficient Balance"]
  ]

  it("is the error that its words say, and no empty answer", () => {
    for (const [body, kind, message] of refused) {
      for (const text of [JSON.stringify(body), JSON.stringify(body, null, 2), sse(body)]) {
        const { failure } = read(text).answer
        assert(failure !== undefined)
        assert.strictEqual(failure.message, message, text)
        assert.strictEqual(failure.kind ?? kindOf(failure), kind, text)
      }
    }
  })

  it("is one for the Messages API, too", () => {
    for (const [body, kind, message] of refused) {
      const answer = new messages.Answer({ model: "m", unsent: "", continues: false, distinct: (id) => id })
      bodies.decode(decoding.streamDecoder(answer, false), encoder.encode(JSON.stringify(body)), [])
      const { failure } = answer
      assert(failure !== undefined)
      assert.strictEqual(failure.message, message)
      assert.strictEqual(failure.kind ?? kindOf(failure), kind)
    }
  })

  it("isn't found in an answer with such fields", () => {
    const { answer, text } = read(
      JSON.stringify({
        success: false,
        message: "OK",
        detail: "none",
        errors: [],
        choices: [{ message: { content: "Hi" }, finish_reason: "stop" }]
      })
    )
    assert.deepStrictEqual([text, answer.finished], ["Hi", true])
  })
})
