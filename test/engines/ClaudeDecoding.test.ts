import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as decoding from "../../src/wire/decoding.js"
import { Answer } from "../../src/wire/messages/answer.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as bodies from "../utils/decoding.js"
import { lengths } from "../utils/decoding.js"
import {
  block,
  blockStop,
  counted,
  delta,
  end,
  finish,
  ping,
  start,
  stopped,
  text,
  wire
} from "../utils/messages.js"
import { runs } from "../utils/property.js"

const encoder = new TextEncoder()

const answerOf = (model: string) =>
  new Answer({ model, unsent: "", continues: false, distinct: (id: string) => id })

/** Decodes a body that comes in pieces of the given lengths. */
const decode = (bytes: Uint8Array, lengths: ReadonlyArray<number>) =>
  bodies.decode(decoding.streamDecoder(answerOf("claude-test-1"), true), bytes, lengths)

/** Usage comes with every network chunk that has some: only the last counts. */
const withLastUsage = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) => {
  const last = events.findLast(({ _tag }) => _tag === "Usage")
  return events.filter((event) => event._tag !== "Usage" || event === last)
}

describe("Claude decoding", () => {
  const whole = encoder.encode(
    [
      wire(ping, start(), block(), text("Grüße, 世界 🚀\u2028!"), text("e\u0301")),
      wire(
        blockStop(),
        block({ type: "tool_use", id: "a", name: "f", input: {} }, 1),
        delta({ type: "input_json_delta", partial_json: '{"ü":' }, 1),
        delta({ type: "input_json_delta", partial_json: '"🚀"}' }, 1),
        blockStop(1),
        stopped("tool_use"),
        end
      )
    ]
      .join("")
      .replaceAll("\n", "\r\n")
  )

  const expected = [
    ReasoningEngine.textDelta("Grüße, 世界 🚀\u2028!"),
    ReasoningEngine.textDelta("e\u0301"),
    ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"ü":"🚀"}' }),
    counted(3, 2),
    finish("tool_calls")
  ]

  const same = (lengths: ReadonlyArray<number>): void =>
    assert.deepStrictEqual(withLastUsage(decode(whole, lengths).events), expected)

  it("gives the same events wherever the bytes are split", () => {
    same([])
    for (let at = 0; at <= whole.length; at++) same([at])
    same(Array.from(whole, () => 1))
    FastCheck.assert(FastCheck.property(lengths, same), runs(1000).fastCheck)
  })

  it("never throws, always ends, and is whole only with every good event, whatever bytes are between", () => {
    const body = bodies.disturbed(["event: content_block_delta", '"type":"ping"', '"delta":{'], (piece) =>
      wire(text(piece))
    )
    FastCheck.assert(
      FastCheck.property(body, lengths, FastCheck.boolean(), ({ bytes, text }, lengths, ends) => {
        const last = ends ? encoder.encode(`\n\n${wire(stopped(), end).trimEnd()}`) : []
        const { answer, events } = decode(Uint8Array.from([...bytes, ...last]), lengths)
        assert.isTrue(text.startsWith(attempts.text(events)))
        assert.isTrue(answer.ended)
        if (answer.finished) assert.deepStrictEqual([attempts.text(events), ends], [text, true])
      }),
      runs(2000).fastCheck
    )
  })

  it("never throws and always ends for bytes that are no stream at all", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 300 }), lengths, (bytes, lengths) => {
        assert.isTrue(decode(bytes, lengths).answer.ended)
      }),
      runs(1000).fastCheck
    )
    const type = FastCheck.constantFrom(
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
      "error",
      "other"
    )
    const field = FastCheck.constantFrom("message", "index", "content_block", "delta", "usage", "error")
    const event = FastCheck.tuple(type, FastCheck.dictionary(field, FastCheck.jsonValue({ maxDepth: 3 })))
    FastCheck.assert(
      FastCheck.property(FastCheck.array(event), lengths, (events, lengths) => {
        const bytes = encoder.encode(wire(...events.map(([type, fields]) => ({ ...fields, type }))))
        assert.isTrue(decode(bytes, lengths).answer.ended)
      }),
      runs(1000).fastCheck
    )
  })

  it("gives up an event that doesn't end", () => {
    const decoder = decoding.streamDecoder(answerOf("m"), true)
    decoder.feed(Array.from({ length: 17 }, () => new Uint8Array(1024 * 1024).fill(65)))
    assert.strictEqual(decoder.answer.failure?.kind, "malformed")
    assert.deepStrictEqual(decoder.end(), [])
  })
})
