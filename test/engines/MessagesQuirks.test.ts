import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as AITask from "../../src/AITask.js"
import * as decoding from "../../src/wire/decoding.js"
import { Answer, type Options } from "../../src/wire/messages/answer.js"
import * as toolCallIds from "../../src/wire/toolCallIds.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as bodies from "../utils/decoding.js"
import * as messages from "../utils/messages.js"

const { block, blockStop, counted, delta, end, hi, ping, rest, start, stopped, text, wire } = messages

const encoder = new TextEncoder()

const task = Either.getOrThrow(AITask.make({ prompt: "Say hi" }))

const decoderOf = (options: Partial<Options> = {}, isEventStream = true) =>
  decoding.streamDecoder(
    new Answer({
      model: "claude-test-1",
      unsent: "",
      continues: false,
      distinct: toolCallIds.distinct(task),
      ...options
    }),
    isEventStream
  )

/** What becomes of a body. */
const read = (body: string, options: Partial<Options> = {}) => {
  const { answer, events } = bodies.decode(decoderOf(options), encoder.encode(body), [])
  return { answer, events, kind: answer.failure?.kind, text: attempts.text(events) }
}

const stream = (...events: ReadonlyArray<Readonly<Record<string, unknown>>>) => read(wire(start(), ...events))

const finishOf = ({ events }: ReturnType<typeof read>) => {
  const last = events.at(-1)
  return last?._tag === "Finish" ? last : undefined
}

const callsOf = ({ events }: ReturnType<typeof read>) =>
  events.flatMap((event) =>
    event._tag === "ToolCall" ? [[event.call.id, event.call.name, event.call.arguments]] : []
  )

const tool = (id: string, input: unknown = {}) => ({ type: "tool_use", id, name: "f", input })

const json = (partial_json: string, index = 0) => delta({ type: "input_json_delta", partial_json }, index)

const noTokens = { input_tokens: 3, output_tokens: 0 }

describe("an answer of Messages that is none", () => {
  it("has nothing in it: no content, no calls, no tokens", () => {
    const nothing = stopped("end_turn", noTokens)
    assert.strictEqual(read(wire(start(noTokens), nothing, end)).kind, "malformed")
    assert.strictEqual(
      read(wire(start({}), block(), blockStop(), stopped("end_turn", {}), end)).kind,
      "malformed"
    )
    assert.strictEqual(
      read(JSON.stringify(messages.piece({ content: [], usage: noTokens }))).kind,
      "malformed"
    )
  })

  it("isn't one whose tokens went elsewhere, that reached its limit, or that goes on from a text", () => {
    const thought = [block({ type: "thinking", thinking: "" }), blockStop()]
    assert.isDefined(finishOf(read(wire(start(noTokens), ...thought, stopped("end_turn", noTokens), end))))
    assert.isDefined(finishOf(read(wire(start(noTokens), stopped("max_tokens", noTokens), end))))
    assert.isDefined(finishOf(stream(stopped(), end)))
    const nothing = wire(start(noTokens), stopped("end_turn", noTokens), end)
    assert.isDefined(finishOf(read(nothing, { continues: true })))
  })

  it("has an error where an answer should be, wherever that stands", () => {
    const error = messages.error("overloaded_error", "Overloaded")
    const torn = 'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"and'
    for (const body of [
      `${hi}${torn}${JSON.stringify({ error: error.error })}\n\n`,
      `${hi}${torn}${JSON.stringify(error).replace('"type":"error",', "")}`,
      `${hi}${JSON.stringify(error)}\n\n`,
      JSON.stringify(error)
    ]) {
      assert.deepInclude(read(body).answer.failure, { type: "overloaded_error", message: "Overloaded" }, body)
    }
  })
})

describe("the end of an answer of Messages", () => {
  it("tells the stop reason as it was said, and the stop sequence", () => {
    const more = { stop_sequence: "###" }
    for (const seen of [
      stream(block(), text("Hi"), blockStop(), stopped("stop_sequence", undefined, more), end),
      read(JSON.stringify(messages.piece({ stop_reason: "stop_sequence", ...more })))
    ]) {
      assert.deepInclude(finishOf(seen), { reason: "stop", rawReason: "stop_sequence", stopSequence: "###" })
    }
    assert.notProperty(finishOf(stream(block(), text("Hi"), stopped(), end)), "stopSequence")
  })
})

describe("a whole message", () => {
  const whole = (content: ReadonlyArray<unknown>) => messages.piece({ content })

  it("isn't delivered twice, and adds what was missing", () => {
    const said = [block(), text("Hi"), blockStop(), block(tool("a"), 1), json('{"x":1}', 1), blockStop(1)]
    const call = tool("a", { x: 1 })
    for (const [content, expected] of [
      [[{ type: "text", text: "Hi" }, call], "Hi"],
      [[{ type: "text", text: "Hi you" }, call], "Hi you"]
    ] as const) {
      const seen = stream(...said, whole(content))
      assert.strictEqual(seen.text, expected)
      assert.deepStrictEqual(callsOf(seen), [["a", "f", '{"x":1}']])
      assert.strictEqual(finishOf(seen)?.reason, "tool_calls")
    }
    assert.strictEqual(stream(...said, whole([{ type: "text", text: "Good day" }])).kind, "malformed")
  })

  it("is read whatever its content type says, as events are, and with what follows it", () => {
    const piece = JSON.stringify(messages.piece(), null, 2)
    const untyped = JSON.stringify({ ...messages.piece(), type: undefined })
    const lines = (hi + rest).replaceAll(/^event:.*\n|^data: |\n(?=\n)/gm, "")
    for (const body of [
      hi + rest,
      piece,
      untyped,
      `${piece}\n\ndata: [DONE]\n\n`,
      `\uFEFF${piece}[DONE]`,
      lines
    ]) {
      const bytes = encoder.encode(body)
      for (const isEventStream of [true, false]) {
        const seen = bodies.decode(decoderOf({}, isEventStream), bytes, [])
        assert.deepStrictEqual(seen.events, messages.wholeEvents, body)
      }
    }
    assert.strictEqual(read(piece.slice(0, 40)).kind, "malformed")
    assert.strictEqual(read("<html>Hi</html>").kind, "malformed")
  })
})

describe("the tool calls of Messages", () => {
  it("have {} for absent, empty and null arguments", () => {
    for (const [input, ...written] of [[{}], [{}, ""], [null], [undefined], [""], ["null"], [{}, " "]]) {
      const seen = stream(
        block(tool("a", input)),
        ...written.map((text) => json(String(text))),
        blockStop(),
        stopped("tool_use"),
        end
      )
      assert.deepStrictEqual(callsOf(seen), [["a", "f", "{}"]])
    }
  })

  it("have ids of their own", () => {
    const seen = stream(
      block(tool("")),
      blockStop(),
      block(tool("a"), 1),
      blockStop(1),
      block(tool("a"), 2),
      blockStop(2),
      stopped("tool_use"),
      end
    )
    assert.deepStrictEqual(
      callsOf(seen).map(([id]) => id),
      ["call_0", "a", "a_3"]
    )
  })

  it("are left out where the limit of tokens cut them, and told", () => {
    for (const written of ["", '{"x":']) {
      const said = [block(tool("a")), json('{"x":1}'), blockStop(), block(tool("b"), 1), json(written, 1)]
      for (const events of [said, [...said, blockStop(1)]]) {
        const seen = stream(...events, stopped("max_tokens"), end)
        assert.deepStrictEqual(callsOf(seen), [["a", "f", '{"x":1}']])
        assert.isTrue(seen.events.some(({ _tag }) => _tag === "Warning"))
        assert.strictEqual(finishOf(seen)?.reason, "length")
      }
    }
    const whole = stream(block(tool("a")), json('{"x":1}'), blockStop(), stopped("max_tokens"), end)
    assert.deepStrictEqual(callsOf(whole), [["a", "f", '{"x":1}']])
  })

  it("come in their order, also where one of them can't be read at once", () => {
    const seen = stream(
      block(tool("a")),
      json("not JSON"),
      blockStop(),
      block(tool("b"), 1),
      json('{"x":1}', 1),
      blockStop(1),
      stopped("tool_use"),
      end
    )
    assert.deepStrictEqual(callsOf(seen), [
      ["a", "f", "not JSON"],
      ["b", "f", '{"x":1}']
    ])
  })

  it("may have no index where there is but one", () => {
    const without = (event: object) => ({ ...event, index: undefined })
    const seen = stream(
      without(block(tool("a"))),
      without(json('{"x"')),
      without(json(":1}")),
      without(blockStop()),
      stopped("tool_use"),
      end
    )
    assert.deepStrictEqual(seen.events.slice(-3), [
      ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"x":1}' }),
      counted(3, 2),
      messages.finish("tool_calls")
    ])
  })
})

describe("signs of work of Messages", () => {
  it("are pings and comments while a block is open, and nothing before", () => {
    const works = (...bodies: ReadonlyArray<string>) => {
      const decoder = decoderOf()
      for (const body of bodies) {
        decoder.answer.working = false
        decoder.feed([encoder.encode(body)])
      }
      return decoder.answer.working
    }
    for (const life of [wire(ping), ": ping\n\n", "event: ping\ndata: {broken\n\n"]) {
      assert.isFalse(works(wire(start()), life))
      assert.isTrue(works(wire(start(), block({ type: "thinking", thinking: "" })), life))
      assert.isTrue(works(wire(start(), block(tool("a"))), life))
    }
    assert.isTrue(works(wire(start(), block({ type: "thinking", thinking: "" }))))
    assert.isTrue(works(wire(start(), block(tool("a")))))
  })
})

describe("blocks of Messages that their sender doesn't end", () => {
  it("end where another begins in their place", () => {
    const { events } = stream(
      block(tool("a")),
      json('{"x":1}'),
      block(tool("b")),
      json('{"y":2}'),
      stopped("tool_use"),
      end
    )
    const calls = events.flatMap((event) => (event._tag === "ToolCall" ? [event.call.arguments] : []))
    assert.deepStrictEqual(calls, ['{"x":1}', '{"y":2}'])
  })
})
