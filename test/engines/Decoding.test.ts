/** What the decoder of every wire does with bytes, whatever they are. */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import type * as AITask from "../../src/AITask.js"
import { Answer as Graph } from "../../src/engines/internal/graph/answer.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import { Answer as ChatCompletions } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import { Answer as Messages } from "../../src/wire/messages/answer.js"
import { Answer as Responses } from "../../src/wire/responses/answer.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import { decode, disturbed, lengths } from "../utils/decoding.js"
import { ending, prompt } from "../utils/graph.js"
import * as graph from "../utils/GraphServer.js"
import * as messages from "../utils/messages.js"
import { runs } from "../utils/property.js"
import * as responses from "../utils/responses.js"

type Events = ReadonlyArray<ReasoningEngine.EngineEvent>

interface Wire {
  readonly name: string
  readonly answer: (mode: AITask.Mode) => decoding.Decoding
  /** A body with all that is hard to split. */
  readonly whole: string
  /** The last event of it, without which it isn't whole; none where only the connection tells. */
  readonly last?: string
  /** What it gives, and what of it doesn't depend on how the bytes come. */
  readonly expected: Events
  readonly same: (events: Events) => unknown
  /** Words that begin an event. */
  readonly words: ReadonlyArray<string>
  /** An event with a piece of the text; `all` is the text so far. */
  readonly event: (piece: string, all: string) => string
  /** What ends an answer of such events, maybe without the end of its last line. */
  readonly terminal: string
  /** Events that are no answer. */
  readonly nonsense: FastCheck.Arbitrary<string>
}

const said = ["Grüße, 世界 🚀\u2028!", "e\u0301"] as const
const call = ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"ü":"🚀"}' })
const json = FastCheck.jsonValue({ maxDepth: 3 })
const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
const distinct = (id: string): string => id

const chatCompletions: Wire = {
  name: "Chat Completions",
  answer: () => new ChatCompletions({ model: "gpt-4o", continues: false, distinct, stop: [] }),
  whole: [
    ": ping\n\n",
    data(chat.delta({ content: said[0] })),
    data(chat.delta({ content: said[1] })).replace(": ", ":"),
    data(chat.delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"ü":' } }] })),
    data(chat.delta({ tool_calls: [{ index: 0, function: { arguments: '"🚀"}' } }] })),
    data(chat.finish("tool_calls")),
    data({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    "data: [DONE]\n\n"
  ].join(""),
  last: '{"choices":[{"index":0,"delta":{},"finish_reason"',
  expected: [
    ...said.map(ReasoningEngine.textDelta),
    chat.counted(1, 2),
    call,
    ReasoningEngine.finish("tool_calls", "gpt-4o")
  ],
  same: (events) => events,
  words: ['"choices":['],
  event: (content) => data(chat.delta({ content })),
  terminal: data(chat.finish("stop")).trimEnd(),
  nonsense: json.map((value) => data(value) + data({ error: value }))
}

const types = [
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
  "error",
  "other"
] as const

const messagesWire: Wire = {
  name: "Messages",
  answer: () => new Messages({ model: "claude-test-1", unsent: "", continues: false, distinct }),
  whole: messages.wire(
    messages.ping,
    messages.start(),
    messages.block(),
    ...said.map((text) => messages.text(text)),
    messages.blockStop(),
    messages.block({ type: "tool_use", id: "a", name: "f", input: {} }, 1),
    messages.delta({ type: "input_json_delta", partial_json: '{"ü":' }, 1),
    messages.delta({ type: "input_json_delta", partial_json: '"🚀"}' }, 1),
    messages.blockStop(1),
    messages.stopped("tool_use"),
    messages.end
  ),
  last: "event: message_stop",
  expected: [
    ...said.map(ReasoningEngine.textDelta),
    call,
    messages.counted(3, 2),
    messages.finish("tool_calls")
  ],
  // Usage comes with every network chunk that has some: only the last counts.
  same: (events) => {
    const last = events.findLast(({ _tag }) => _tag === "Usage")
    return events.filter((event) => event._tag !== "Usage" || event === last)
  },
  words: ["event: content_block_delta", '"type":"ping"', '"delta":{'],
  event: (piece) => messages.wire(messages.text(piece)),
  terminal: `\n\n${messages.wire(messages.stopped(), messages.end).trimEnd()}`,
  nonsense: FastCheck.array(
    FastCheck.tuple(
      FastCheck.constantFrom(...types),
      FastCheck.dictionary(
        FastCheck.constantFrom("message", "index", "content_block", "delta", "usage", "error"),
        json
      )
    )
  ).map((events) => messages.wire(...events.map(([type, fields]) => ({ ...fields, type }))))
}

const item = responses.functionCall("a", "f", '{"ü":"🚀"}')
const output = [responses.message(said.join("")), item]

const responsesWire: Wire = {
  name: "Responses",
  answer: () => new Responses({ model: "gpt-4o", continues: false, distinct }),
  whole: responses.wire(
    responses.created,
    responses.added({ ...responses.message(""), content: [] }),
    responses.partAdded(),
    ...said.map((text) => responses.text(text)),
    responses.textDone(said.join("")),
    responses.partDone(said.join("")),
    responses.done(output[0] ?? {}),
    responses.added({ ...item, arguments: "" }, 1),
    responses.args("fc_a", '{"ü":', 1),
    responses.args("fc_a", '"🚀"}', 1),
    responses.argsDone("fc_a", item.arguments, 1),
    responses.done(item, 1),
    responses.completed({ output })
  ),
  last: "event: response.completed",
  expected: [
    ...said.map(ReasoningEngine.textDelta),
    call,
    responses.counted(3, 1),
    responses.finish("tool_calls")
  ],
  same: (events) => events,
  words: ["event: response.output_text.delta", '"type":"response.completed"', '"delta":"'],
  event: (piece) => responses.wire(responses.text(piece)),
  terminal: `\n\n${responses.wire(responses.completed({ output: [] })).trimEnd()}`,
  nonsense: FastCheck.array(
    FastCheck.tuple(
      FastCheck.constantFrom(
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
        "other"
      ),
      FastCheck.dictionary(
        FastCheck.constantFrom(
          "response",
          "item",
          "part",
          "delta",
          "text",
          "output_index",
          "item_id",
          "error"
        ),
        json
      )
    )
  ).map((events) => responses.wire(...events.map(([type, fields]) => ({ ...fields, type }))))
}

const answered = (text: string): string => graph.pretty(graph.conversation(prompt, text))

const graphWire: Wire = {
  name: "Microsoft Graph",
  answer: (mode) => new Graph({ mode, model: "copilot", sentCharacters: prompt.length }),
  whole: `: hi\n\n${graph.snapshots(prompt, "Grüße", said[0])}${graph.compact(
    graph.conversation(prompt, `${said.join("")} [1] for <Person>Zoë</Person>.`)
  )}`,
  expected: [
    ReasoningEngine.textDelta(`${said.join("")} [1] for Zoë.`),
    ...ending(`${said.join("")} [1] for Zoë.`)
  ],
  // What a network chunk adds to the text comes with it.
  same: (events) => [
    ReasoningEngine.textDelta(attempts.text(events)),
    ...events.filter(({ _tag }) => _tag !== "TextDelta")
  ],
  words: ['"messages":['],
  event: (_, all) => answered(all),
  terminal: "",
  nonsense: FastCheck.array(
    FastCheck.dictionary(FastCheck.constantFrom("id", "messages", "state", "error"), json)
  ).map((events) => events.map(graph.compact).join(""))
}

const encoder = new TextEncoder()

const modes = FastCheck.constantFrom("streaming" as const, "complete" as const)

describe.each([chatCompletions, messagesWire, responsesWire, graphWire])("The decoder of $name", (wire) => {
  const { terminal } = wire
  const of = (bytes: Uint8Array, lengths: ReadonlyArray<number> = [], mode: AITask.Mode = "streaming") =>
    decode(decoding.streamDecoder(wire.answer(mode), true), bytes, lengths)

  it("gives the same events wherever the bytes are split", () => {
    const whole = encoder.encode(wire.whole.replaceAll("\n", "\r\n"))
    const same = (lengths: ReadonlyArray<number>): void =>
      assert.deepStrictEqual(wire.same(of(whole, lengths).events), wire.expected)
    same([])
    for (let at = 0; at <= whole.length; at++) same([at])
    same(Array.from(whole, () => 1))
    FastCheck.assert(FastCheck.property(lengths, same), runs(1000).fastCheck)
  })

  it("takes an answer for cut wherever its connection breaks before the last event", () => {
    const before = wire.last === undefined ? wire.whole : wire.whole.slice(0, wire.whole.indexOf(wire.last))
    const bytes = encoder.encode(before)
    const text = attempts.text(wire.expected)
    for (let at = 0; at <= bytes.length; at++) {
      const decoder = decoding.streamDecoder(wire.answer("streaming"), true)
      const { answer, events } = decode(decoder, bytes.subarray(0, at), [], false)
      assert.strictEqual(answer.failure?.kind, "cut", `${at}`)
      assert.isTrue(text.startsWith(attempts.text(events)))
    }
  })

  it("never throws, always ends, and is whole only with every good event, whatever bytes are between", () => {
    FastCheck.assert(
      FastCheck.property(
        disturbed(wire.words, wire.event),
        lengths,
        modes,
        FastCheck.boolean(),
        ({ bytes, text }, lengths, mode, ends) => {
          const last = ends ? encoder.encode(terminal) : []
          const { answer, events } = of(Uint8Array.from([...bytes, ...last]), lengths, mode)
          assert.isTrue(text.startsWith(attempts.text(events)))
          assert.isTrue(answer.ended)
          if (!answer.finished) return
          assert.strictEqual(attempts.text(events), text)
          assert.isTrue(ends || terminal === "")
        }
      ),
      runs(2000).fastCheck
    )
  })

  it("never throws and always ends for bytes and events that are no answer at all", () => {
    const bodies = FastCheck.oneof(
      FastCheck.uint8Array({ maxLength: 300 }),
      wire.nonsense.map((text) => encoder.encode(text))
    )
    FastCheck.assert(
      FastCheck.property(bodies, lengths, modes, (bytes, lengths, mode) => {
        assert.isTrue(of(bytes, lengths, mode).answer.ended)
      }),
      runs(2000).fastCheck
    )
  })

  it("gives up an event that doesn't end", () => {
    const decoder = decoding.streamDecoder(wire.answer("streaming"), true)
    decoder.feed(Array.from({ length: 17 }, () => new Uint8Array(1024 * 1024).fill(65)))
    assert.strictEqual(decoder.answer.failure?.kind, "malformed")
    assert.deepStrictEqual(decoder.end(), [])
  })
})
