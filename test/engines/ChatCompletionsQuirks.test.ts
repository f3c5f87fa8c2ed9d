import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as AITask from "../../src/AITask.js"
import { Answer, type Options } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import * as failure from "../../src/wire/failure.js"
import * as toolCallIds from "../../src/wire/toolCallIds.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { counted, delta, finish } from "../utils/chatCompletions.js"
import * as bodies from "../utils/decoding.js"
import { runs } from "../utils/property.js"

const encoder = new TextEncoder()

const task = Either.getOrThrow(AITask.make({ prompt: "Say hi" }))

const decoderOf = (options: Partial<Options> = {}, isEventStream = true) =>
  decoding.streamDecoder(
    new Answer({ model: "m", continues: false, distinct: toolCallIds.distinct(task), stop: [], ...options }),
    isEventStream
  )

const data = (event: unknown): string =>
  `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`

/** What becomes of a body. */
const read = (body: string, options: Partial<Options> = {}) => {
  const { answer, events } = bodies.decode(decoderOf(options), encoder.encode(body), [])
  return { answer, events, kind: answer.failure?.kind, text: attempts.text(events) }
}

const events = (...events: ReadonlyArray<unknown>): string => events.map(data).join("")

const stream = (...said: ReadonlyArray<unknown>) => read(events(...said, "[DONE]"))

const usage = (prompt_tokens: number, completion_tokens: number) => ({
  choices: [],
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
})

const hi = delta({ content: "Hi" })

const finishOf = ({ events }: ReturnType<typeof read>) => {
  const last = events.at(-1)
  return last?._tag === "Finish" ? last : undefined
}

/** The calls of an answer: their ids, names and arguments. */
const callsOf = ({ events }: { readonly events: ReadonlyArray<ReasoningEngine.EngineEvent> }) =>
  events.flatMap((event) =>
    event._tag === "ToolCall" ? [[event.call.id, event.call.name, event.call.arguments]] : []
  )

const pieces = (...tool_calls: ReadonlyArray<unknown>) => delta({ tool_calls })

const called = (...said: ReadonlyArray<unknown>) => stream(...said, finish("tool_calls"))

const piece = (index: unknown, id: unknown, name: unknown, args: unknown) => ({
  ...(index === undefined ? {} : { index }),
  ...(id === undefined ? {} : { id }),
  type: "function",
  function: { ...(name === undefined ? {} : { name }), ...(args === undefined ? {} : { arguments: args }) }
})

describe("the end of an answer of Chat Completions", () => {
  it("is [DONE]: what follows the finish reason is part of it, what follows [DONE] isn't", () => {
    const after = stream(
      hi,
      { ...finish("stop"), usage: usage(1, 2).usage },
      pieces(piece(0, "a", "f", "{}")),
      delta({ content: "!" }),
      usage(1, 9)
    )
    assert.strictEqual(after.text, "Hi!")
    assert.deepStrictEqual(callsOf(after), [["a", "f", "{}"]])
    assert.strictEqual(finishOf(after)?.reason, "tool_calls")
    assert.deepStrictEqual(
      after.events.find(({ _tag }) => _tag === "Usage"),
      counted(1, 9)
    )
    assert.strictEqual(read(events(hi, "[DONE]", finish("length"))).events.at(-1)?._tag, "Finish")
    assert.strictEqual(finishOf(read(events(hi, "[DONE]", finish("length"))))?.reason, "other")
  })

  it("doesn't come with the finish reason and usage alone", () => {
    const decoder = decoderOf()
    const seen = decoder.feed([encoder.encode(events(hi, finish("stop"), usage(1, 2)))])
    assert.deepStrictEqual(seen, [ReasoningEngine.textDelta("Hi"), counted(1, 2)])
    assert.isTrue(decoder.answer.awaitsEnd)
    assert.deepStrictEqual(decoder.feed([encoder.encode(data("[DONE]"))]), [
      ReasoningEngine.finish("stop", "m")
    ])
  })

  it("is a cut in the middle of an event, also after a finish reason", () => {
    for (const torn of ['data: {"choices":[{"delta":{"tool_calls":[', "data: {", 'data: {"choices":[]']) {
      assert.strictEqual(read(events(hi, finish("stop")) + torn).kind, "cut", torn)
    }
    assert.strictEqual(
      finishOf(read(events(hi, finish("stop")) + data(usage(1, 1)).trimEnd()))?.reason,
      "stop"
    )
  })

  it("tells the finish reason as it was said, and the stop sequence where that was asked for", () => {
    for (const said of ["eos", "MAX_TOKENS", "stop"]) {
      const seen = finishOf(stream(hi, finish(said)))
      assert.strictEqual(seen?.rawReason ?? seen?.reason, said)
    }
    assert.notProperty(finishOf(stream(hi, finish("stop"))), "rawReason")
    const choice = (more: object) => ({ choices: [{ index: 0, delta: {}, finish_reason: "stop", ...more }] })
    for (const more of [{ stop_reason: "END" }, { matched_stop: "END" }]) {
      const seen = read(events(hi, choice(more), "[DONE]"), { stop: ["###", "END"] })
      assert.strictEqual(finishOf(seen)?.stopSequence, "END")
    }
    for (const more of [{ stop_reason: 128_009 }, { stop_reason: "stop" }, { matched_stop: 2 }, {}]) {
      assert.notProperty(finishOf(read(events(hi, choice(more)), { stop: ["END"] })), "stopSequence")
    }
  })
})

describe("an answer of Chat Completions that is none", () => {
  it("has nothing in it: no content, no calls, no tokens", () => {
    for (const said of [
      [finish("stop")],
      [delta({ role: "assistant", content: "" }), finish("stop"), usage(9, 0)],
      [finish("eos")],
      [{ choices: [{ message: { content: null }, finish_reason: "stop" }] }]
    ]) {
      const { answer } = stream(...said)
      assert.strictEqual(answer.failure?.kind, "malformed")
      // The next provider is asked, and not the same one again.
      assert.isFalse(answer.failure?.shouldRetry)
    }
  })

  it("isn't one whose tokens went elsewhere, or that goes on from a text", () => {
    for (const said of [
      [finish("stop"), usage(9, 3)],
      [delta({ reasoning_content: "Hm." }), finish("stop")],
      [delta({ reasoning: "Hm." }), finish("length")],
      [finish("length")],
      [delta({ content: " " }), finish("stop")]
    ]) {
      assert.isDefined(finishOf(stream(...said)))
    }
    assert.isDefined(finishOf(read(events(finish("stop"), "[DONE]"), { continues: true })))
  })

  it("ends in tool calls, and has none; or one whose head is lost", () => {
    assert.strictEqual(called().kind, "malformed")
    assert.strictEqual(called(hi).kind, "malformed")
    assert.strictEqual(called(hi, pieces({})).kind, "malformed")
    assert.strictEqual(
      called(pieces(piece(0, "a", "f", "{}"), piece(1, "b", "", '{"x":1}'))).kind,
      "malformed"
    )
    assert.strictEqual(stream(hi, pieces(piece(0, "", undefined, "{}")), finish("stop")).kind, "malformed")
  })

  it("says so in its finish reason, in the broker's or in the provider's words", () => {
    const ends = (finish_reason: unknown, native_finish_reason?: string) =>
      stream(hi, { choices: [{ index: 0, delta: {}, finish_reason, native_finish_reason }] }).kind
    for (const [finish_reason, native, kind] of [
      ["error", undefined, "server"],
      ["abort", undefined, "server"],
      ["insufficient_system_resource", undefined, "overloaded"],
      ["network_error", undefined, "server"],
      ["content_filter", undefined, "policy"],
      ["sensitive", undefined, "policy"],
      ["content_filter: PROHIBITED_CONTENT", undefined, "policy"],
      ["function_call_filter: MALFORMED_FUNCTION_CALL", undefined, "malformed"],
      ["stop", "MALFORMED_FUNCTION_CALL", "malformed"],
      ["stop", "error", "server"],
      [null, "SAFETY", "policy"],
      ["stop", "STOP", undefined],
      ["stop", "end_turn", undefined],
      ["stop", "completed", undefined]
    ] as const) {
      assert.strictEqual(ends(finish_reason, native), kind, `${finish_reason} ${native}`)
    }
  })

  it("counts what a filter ended", () => {
    const seen = stream(hi, finish("content_filter"), usage(3, 4))
    assert.strictEqual(seen.kind, "policy")
    assert.deepStrictEqual(seen.events, [ReasoningEngine.textDelta("Hi"), counted(3, 4)])
  })

  it("has an error where an answer should be, wherever that stands", () => {
    const error = { message: "Upstream is gone", code: 502 }
    const torn = '{"id":"1","choices":[{"index":0,"delta":{"content":"and th'
    for (const body of [
      events(hi, { choices: [{ index: 0, delta: {}, finish_reason: "error", error }] }),
      events(hi, { error }, "[DONE]"),
      events(hi, { choices: [], error }, "[DONE]"),
      events(hi, [{ error }]),
      events(hi, `${torn}{"error":${JSON.stringify(error)}}`, "[DONE]"),
      events(hi, `${torn}data: {"error":${JSON.stringify(error)}}`, "[DONE]"),
      events(hi) + `data: ${torn}{"error":${JSON.stringify(error)}}`,
      events(hi) + JSON.stringify({ error }) + "\n\n",
      `${events(hi)}event: error\n${data(error)}`,
      JSON.stringify({ error }),
      JSON.stringify(error),
      JSON.stringify({ object: "error", ...error })
    ]) {
      const { answer } = read(body)
      assert.deepInclude(answer.failure, { message: error.message, status: 502 }, body)
    }
    const { answer } = read('{"choices":null,"base_resp":{"status_code":1008,"status_msg":"no balance"}}')
    assert.deepInclude(answer.failure, { message: "no balance", code: "1008" })
  })

  it("isn't found where an event can't be read and has none", () => {
    for (const broken of [
      '{"choices":[{"error":null}',
      '{"choices":[{"error":{"message":',
      '{"error":null}}'
    ]) {
      assert.strictEqual(stream(hi, broken, finish("stop")).kind, "malformed")
    }
  })

  it("isn't found in a text about errors", () => {
    const content = '{"error":{"message":"no"}} data: {"error":{}} event: error'
    assert.strictEqual(stream(delta({ content }), finish("stop")).text, content)
    assert.strictEqual(stream({ ...hi, error: null }, { ...finish("stop"), error: "" }).text, "Hi")
  })
})

describe("a message of Chat Completions that repeats what was streamed", () => {
  const whole = (message: object, more: object = {}) => ({
    object: "chat.completion",
    choices: [{ index: 0, finish_reason: "stop", message, ...more }],
    usage: { prompt_tokens: 12, completion_tokens: 4 }
  })

  it("isn't delivered twice, and adds what was missing", () => {
    for (const [content, text] of [
      ["Hello there.", "Hello there."],
      ["Hello there. Bye.", "Hello there. Bye."],
      ["Hello there. ", "Hello there. "],
      ["there.", "Hello there."],
      ["", "Hello there."],
      [null, "Hello there."]
    ]) {
      for (const more of [
        {},
        { delta: {} },
        { delta: { role: "assistant", content: "" } },
        { delta: null }
      ]) {
        const seen = stream(
          delta({ content: "Hello " }),
          delta({ content: "there." }),
          whole({ content }, more)
        )
        assert.strictEqual(seen.text, text)
        assert.deepStrictEqual(seen.events.at(-2), counted(12, 4))
      }
    }
  })

  it("fails the answer where it says something else", () => {
    assert.strictEqual(stream(delta({ content: "Hello" }), whole({ content: "Good day" })).kind, "malformed")
  })

  it("has the calls of before, and those that are new", () => {
    const first = piece(0, "a", "f", '{"x": 1}')
    const same = { id: "a", function: { name: "f", arguments: '{"x":1}' } }
    const nameless = { function: { name: "f", arguments: { x: 1 } } }
    const other = { id: "b", function: { name: "f", arguments: '{"x":2}' } }
    const expected = ["a", "f", '{"x": 1}']
    assert.deepStrictEqual(callsOf(stream(pieces(first), whole({ tool_calls: [same] }))), [expected])
    assert.deepStrictEqual(callsOf(stream(pieces(first), whole({ tool_calls: [nameless] }))), [expected])
    assert.deepStrictEqual(callsOf(stream(pieces(first), whole({ tool_calls: [other, same] }))), [
      expected,
      ["b", "f", '{"x":2}']
    ])
  })

  it("has the refusal once", () => {
    const { answer } = stream(delta({ refusal: "I can't" }), whole({ refusal: "I can't." }))
    assert.deepStrictEqual(answer.failure, failure.ofKind("policy", "I can't."))
  })

  it("is whole without a finish reason, and all choices of GitHub's are one answer", () => {
    const seen = read(
      JSON.stringify({
        choices: [
          { message: { content: "Let me see" }, finish_reason: "tool_calls" },
          { message: { tool_calls: [piece(undefined, "a", "f", "{}")] }, finish_reason: "tool_calls" }
        ]
      })
    )
    assert.strictEqual(seen.text, "Let me see")
    assert.deepStrictEqual(callsOf(seen), [["a", "f", "{}"]])
    const unsaid = read(data({ choices: [{ message: { content: "Hi" } }] }))
    assert.deepStrictEqual(unsaid.events, [
      ReasoningEngine.textDelta("Hi"),
      ReasoningEngine.finish("other", "m")
    ])
  })
})

describe("the tool calls of Chat Completions", () => {
  const x1 = '{"x":1}'
  const y2 = '{"y":2}'
  const twice = (first: string, second: string) => [
    [first, "f", x1],
    [second, "g", y2]
  ]

  it("are several where they are whole, whatever their index and ids", () => {
    for (const id of ["", null, undefined, "call_same"]) {
      for (const index of [0, undefined, null, "0"]) {
        const apart = called(pieces(piece(index, id, "f", x1)), pieces(piece(index, id, "g", y2)))
        const together = called(pieces(piece(index, id, "f", x1), piece(index, id, "g", y2)))
        const expected = id ? twice("call_same", "call_same_2") : twice("call_0", "call_1")
        assert.deepStrictEqual(callsOf(apart), expected, `${id} ${index}`)
        assert.deepStrictEqual(callsOf(together), expected, `${id} ${index}`)
      }
    }
  })

  it("are several of one tool, too", () => {
    const cities = ["北京", "Paris", "Köln"].map((city) => JSON.stringify({ city }))
    for (const index of [0, undefined]) {
      for (const id of ["", undefined]) {
        const seen = called(...cities.map((args) => pieces(piece(index, id, "weather", args))))
        assert.deepStrictEqual(
          callsOf(seen).map(([, , args]) => args),
          cities
        )
      }
    }
    assert.deepStrictEqual(callsOf(called(pieces(piece(0, "", "f", x1), piece(0, "", "f", x1)))), [
      ["call_0", "f", x1],
      ["call_1", "f", x1]
    ])
  })

  it("are one where each piece has id and name, or an id of its own", () => {
    for (const ids of [
      ["a", "a", "a"],
      ["a", "b", "c"],
      ["a", "", null],
      ["", "", ""]
    ]) {
      const args = ['{"x":', "1", "}"]
      const seen = called(...ids.map((id, at) => pieces(piece(0, id, "f", args[at]))))
      assert.deepStrictEqual(callsOf(seen), [[ids[0] || "call_0", "f", x1]])
    }
  })

  it("begin with a head, also where all have the same index", () => {
    const heads = (index: unknown) =>
      called(
        pieces(piece(index, "a", "f", "")),
        pieces(piece(index, "", null, '{"x":')),
        pieces(piece(index, undefined, undefined, "1}")),
        pieces(piece(index, "b", "g", "")),
        pieces(piece(index, "", null, y2))
      )
    for (const index of [0, undefined]) assert.deepStrictEqual(callsOf(heads(index)), twice("a", "b"))
    const interleaved = called(
      pieces(piece(0, "a", "f", ""), piece(1, "b", "g", "")),
      pieces(piece(1, undefined, undefined, '{"y"')),
      pieces(piece(0, undefined, undefined, '{"x":1')),
      pieces(piece(1, undefined, undefined, ":2}"), piece(0, undefined, undefined, "}"))
    )
    assert.deepStrictEqual(callsOf(interleaved), twice("a", "b"))
    const byId = called(
      pieces(piece(0, "a", "f", ""), piece(0, "b", "g", "")),
      pieces(piece(0, "b", undefined, y2)),
      pieces(piece(0, "a", undefined, x1))
    )
    assert.deepStrictEqual(callsOf(byId), twice("a", "b"))
  })

  it("are never glued to one another: a second one without a head fails the answer", () => {
    for (const index of [0, undefined, 1]) {
      const seen = called(pieces(piece(0, "a", "f", x1)), pieces(piece(index, undefined, undefined, y2)))
      assert.strictEqual(seen.kind, "malformed")
      assert.deepStrictEqual(callsOf(seen), [])
    }
  })

  it("aren't doubled where a server repeats them when they are whole", () => {
    for (const again of [
      piece(0, "a", "f", x1),
      piece(0, "a", undefined, x1),
      piece(0, undefined, undefined, x1),
      piece(0, undefined, undefined, '{ "x": 1 }'),
      piece(0, "a", "f", ""),
      piece(0, undefined, undefined, "")
    ]) {
      const seen = called(pieces(piece(0, "a", "f", '{"x"')), pieces(piece(0, "", "", ":1}")), pieces(again))
      assert.deepStrictEqual(callsOf(seen), [["a", "f", x1]], JSON.stringify(again))
    }
  })

  it("have {} for absent, empty and null arguments, and JSON for those that come parsed", () => {
    for (const [args, expected] of [
      [undefined, "{}"],
      [null, "{}"],
      ["", "{}"],
      [" ", "{}"],
      ["null", "{}"],
      [[], "{}"],
      [{}, "{}"],
      ["{}", "{}"],
      [{ x: [1, { y: "}" }] }, '{"x":[1,{"y":"}"}]}'],
      ['{"x":"\\"{"}', '{"x":"\\"{"}']
    ]) {
      assert.deepStrictEqual(callsOf(called(pieces(piece(0, "a", "f", args)))), [["a", "f", expected]])
    }
  })

  it("may begin with an empty object before their arguments", () => {
    const seen = called(
      pieces(piece(0, "a", "f", "{}")),
      pieces(piece(0, "a", "f", '{"x"')),
      pieces(piece(0, undefined, undefined, ":1}"))
    )
    assert.deepStrictEqual(callsOf(seen), [["a", "f", x1]])
    assert.deepStrictEqual(callsOf(called(pieces(piece(0, "a", "f", {})), pieces(piece(0, "", "", x1)))), [
      ["a", "f", x1]
    ])
  })

  it("are left out where the limit of tokens cut them, and told", () => {
    for (const args of ["", '{"x":']) {
      const seen = stream(pieces(piece(0, "a", "f", x1)), pieces(piece(1, "b", "g", args)), finish("length"))
      assert.deepStrictEqual(callsOf(seen), [["a", "f", x1]])
      assert.strictEqual(finishOf(seen)?.reason, "length")
      assert.isTrue(seen.events.some(({ _tag }) => _tag === "Warning"))
    }
  })

  it("have ids of their own in the whole conversation", () => {
    const said = Either.getOrThrow(
      AITask.make({
        messages: [
          { role: "user", content: "What time is it?" },
          { role: "assistant", content: "", toolCalls: [{ id: "call_0", name: "f", arguments: "{}" }] },
          { role: "tool", toolCallId: "call_0", content: "Noon" }
        ]
      })
    )
    const seen = read(
      events(pieces(piece(0, "call_0", "f", "{}"), piece(1, "", "g", "{}")), finish("stop")),
      {
        distinct: toolCallIds.distinct(said)
      }
    )
    const ids = callsOf(seen).map(([id]) => id)
    assert.strictEqual(new Set([...ids, "call_0"]).size, 3)
  })

  it("are the same however their arguments are cut, with or without repeated heads", () => {
    const args = FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue({ maxDepth: 2 }), {
      minKeys: 1
    })
    const cuts = FastCheck.array(FastCheck.integer({ min: 1, max: 9 }), { maxLength: 40 })
    const repeated = FastCheck.constantFrom("no", "id", "all", "random")
    const indexed = FastCheck.boolean()
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.tuple(args, cuts), { minLength: 1, maxLength: 3 }),
        repeated,
        indexed,
        (calls, repeated, indexed) => {
          const expected = calls.map(([args], at) => [`id${at}`, "f", JSON.stringify(args)])
          const said = expected.flatMap(([id = "", name, text = ""], at) => {
            const [, lengths = []] = calls[at] ?? []
            const cut: Array<string> = []
            let from = 0
            for (const length of lengths) {
              cut.push(text.slice(from, from + length))
              from += length
            }
            // An empty piece with another id may well be another call.
            const parts = [...cut, text.slice(from)].filter((part) => part !== "")
            return parts.map((part, position) =>
              pieces(
                piece(
                  indexed ? at : 0,
                  position === 0 || repeated === "id" || repeated === "all"
                    ? id
                    : repeated === "random" && from > 0
                      ? `${id}-${position}`
                      : "",
                  position === 0 || repeated === "all" || repeated === "random" ? name : null,
                  part
                )
              )
            )
          })
          assert.deepStrictEqual(callsOf(called(...said)), expected)
        }
      ),
      runs(300).fastCheck
    )
  })
})

describe("signs of work of Chat Completions", () => {
  const works = (...said: ReadonlyArray<string>) => {
    const decoder = decoderOf()
    decoder.answer.working = false
    for (const text of said) {
      decoder.answer.working = false
      decoder.feed([encoder.encode(text)])
    }
    return decoder.answer.working
  }

  it("are all the names that servers have for thinking", () => {
    for (const thought of [
      { reasoning_content: "Hm." },
      { reasoning: "Hm.", content: "" },
      { reasoning_text: "Hm.", content: null },
      { reasoning_details: [{ type: "reasoning.encrypted", data: "x" }] },
      { thinking: "Hm." },
      { thinking_blocks: [{ type: "thinking", thinking: "Hm." }] },
      { content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm." }] }] }
    ]) {
      assert.isTrue(works(data(delta(thought))), JSON.stringify(thought))
      const seen = stream(delta(thought), hi, finish("stop"))
      assert.strictEqual(seen.text, "Hi")
    }
    for (const nothing of [
      { reasoning: "" },
      { reasoning_details: [] },
      { content: [] },
      { role: "assistant" }
    ]) {
      assert.isFalse(works(data(delta(nothing))), JSON.stringify(nothing))
    }
  })

  it("are pings, once the model is thinking or writing", () => {
    const pings = [": ping\n\n", "data:\n\n", "event: ping\ndata: {}\n\n", "event: heartbeat\ndata: ok\n\n"]
    for (const ping of pings.slice(0, 2)) {
      assert.isFalse(works(ping))
      assert.isTrue(works(data(pieces(piece(0, "a", "f", ""))), ping))
      assert.isTrue(works(data(delta({ reasoning: "Hm." })), ping))
    }
    for (const ping of pings) {
      assert.strictEqual(read(events(hi) + ping + events(finish("stop"))).text, "Hi", ping)
    }
  })
})

describe("the body of an answer of Chat Completions", () => {
  const answer = { choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }] }
  const whole = [ReasoningEngine.textDelta("Hi"), ReasoningEngine.finish("stop", "m")]

  it("tells what it is, whatever its content type says, however it is cut", () => {
    const pretty = JSON.stringify(answer, null, 2)
    for (const body of [
      events(hi, finish("stop")),
      events(hi, finish("stop"), "[DONE]"),
      `\uFEFF${events(hi, finish("stop"))}`,
      `\n\n: OPENROUTER PROCESSING\n\n${events(hi, finish("stop"))}`,
      `event: message\nid: 1\n${events(hi, finish("stop"))}`,
      pretty,
      `\uFEFF\r\n${pretty}\r\n`,
      `${pretty}\n\ndata: [DONE]\n\n`,
      `${pretty}data: [DONE]`,
      `${pretty}\n[DONE]`,
      data(answer),
      `${[hi, finish("stop")].map((line) => JSON.stringify(line)).join("\n")}\n`,
      [hi, finish("stop")].map((line) => JSON.stringify(line)).join("\r\n\r\n"),
      [hi, finish("stop")].map((line) => JSON.stringify(line, null, 1)).join(""),
      `${JSON.stringify(hi)}\n${JSON.stringify(finish("stop"))}\n[DONE]\n`,
      `[${pretty}]`
    ]) {
      const bytes = encoder.encode(body)
      for (const isEventStream of [true, false]) {
        for (let at = 0; at <= bytes.length; at += 7) {
          const seen = bodies.decode(decoderOf({}, isEventStream), bytes, [at])
          assert.deepStrictEqual(seen.events, whole, body)
        }
      }
    }
  })

  it("is delivered as it comes where it is lines of JSON", () => {
    const decoder = decoderOf({}, false)
    const feed = (text: string) => attempts.text(decoder.feed([encoder.encode(text)]))
    assert.strictEqual(feed(`${JSON.stringify(hi)}\n`), "Hi")
    assert.strictEqual(feed(JSON.stringify(delta({ content: " you" }))), " you")
    assert.strictEqual(decoder.end().length, 0)
    assert.strictEqual(decoder.answer.failure?.kind, "cut")
  })

  it("is malformed where it is none, and cut where a stream has nothing", () => {
    for (const body of ["<!doctype html><p>Hi", "{", "[", '{"choices":[', "[]", "{}", '{"choices":[]}']) {
      assert.strictEqual(read(body).kind, "malformed", body)
    }
    const kindOf = (body: string, isEventStream: boolean) =>
      bodies.decode(decoderOf({}, isEventStream), encoder.encode(body), []).answer.failure?.kind
    assert.strictEqual(kindOf("", true), "cut")
    assert.strictEqual(kindOf(": ping\n\n", false), "cut")
    assert.strictEqual(kindOf("", false), "malformed")
    assert.strictEqual(kindOf("Bad gateway\n\n", false), "malformed")
  })

  it("finds the end of any JSON value, however the bytes are split", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue({ maxDepth: 3 })), {
          maxLength: 4
        }),
        bodies.lengths,
        FastCheck.constantFrom("", "\n", "\r\n", " "),
        (extras, lengths, between) => {
          const lines = extras.map((extra, at) => ({ extra, ...delta({ content: `<${at}>` }) }))
          const body = [...lines, finish("length")].map((line) => JSON.stringify(line)).join(between)
          const seen = bodies.decode(decoderOf(), encoder.encode(body), lengths)
          assert.strictEqual(attempts.text(seen.events), extras.map((_, at) => `<${at}>`).join(""))
          assert.isTrue(seen.answer.finished)
        }
      ),
      runs(500).fastCheck
    )
  })

  it("has a limit for a value that doesn't end", () => {
    const decoder = decoderOf()
    const megabyte = new Uint8Array(1024 * 1024).fill(65)
    decoder.feed([encoder.encode('{"choices":"'), ...Array.from({ length: 17 }, () => megabyte)])
    assert.strictEqual(decoder.answer.failure?.kind, "malformed")
    assert.deepStrictEqual(decoder.end(), [])
  })
})

describe("what senders of Chat Completions make of events", () => {
  it("is read a line each where no blank line ends them", () => {
    const lines = [hi, delta({ content: " you" }), finish("stop"), usage(3, 2)]
      .map((event) => `data: ${JSON.stringify(event)}\n`)
      .join("")
    for (const body of [lines, `${lines}data: [DONE]\n`, `${lines}\n${data("[DONE]")}`]) {
      const { answer, text } = read(body)
      assert.deepStrictEqual([answer.finished, text], [true, "Hi you"])
    }
    assert.strictEqual(read(`${lines}data: {"choices":[{\n`).kind, "cut")
  })

  it("is an error where the field is named so", () => {
    const error = JSON.stringify({ error: { message: "no slot", code: 503, type: "unavailable_error" } })
    const { answer } = read(`${events(hi)}error: ${error}\n\n`)
    assert.include(answer.failure, { message: "no slot", status: 503 })
  })

  it("isn't doubled where the last of them has all of it as a delta and as a message", () => {
    const all = { content: "Hi you" }
    const last = { choices: [{ index: 0, delta: all, message: all, finish_reason: "stop" }] }
    assert.strictEqual(stream(hi, delta({ content: " you" }), last).text, "Hi you")
    assert.strictEqual(stream(last).text, "Hi you")
  })
})
