import { assert, describe, it } from "@effect/vitest"
import * as ReasoningEngine from "../../../src/ReasoningEngine.js"
import * as messages from "../../../src/gateway/internal/messages/answer.js"

const { reasoningDelta, textDelta } = ReasoningEngine

/** What a writer writes, as the JSON of its events: their types, and what they are of. */
const kinds = (...texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  Array.from(texts.join("").matchAll(/^data: (.*)$/gm), ([, json = ""]) => {
    const { content_block: block, delta, index, type } = JSON.parse(json)
    return [type, index, block?.type ?? delta?.type].filter((part) => part !== undefined).join(" ")
  })

const writer = () => messages.writer({ id: "r", createdAt: 0 })

const signed = { wire: "messages", value: { type: "thinking", thinking: "a", signature: "s" } } as const

describe("a stream of Messages", () => {
  it("has thoughts as blocks, with the signature that they came with", () => {
    const { event, model } = writer()
    assert.deepStrictEqual(
      kinds(
        model("m"),
        model("n"),
        event(reasoningDelta("a")),
        event(reasoningDelta("b")),
        event(reasoningDelta("", signed)),
        event(textDelta("c")),
        event(ReasoningEngine.toolCall({ id: "t", name: "f", arguments: "{}" }))
      ),
      [
        "message_start",
        "content_block_start 0 thinking",
        "content_block_delta 0 thinking_delta",
        "content_block_delta 0 thinking_delta",
        "content_block_delta 0 signature_delta",
        "content_block_stop 0",
        "content_block_start 1 text",
        "content_block_delta 1 text_delta",
        "content_block_stop 1",
        "content_block_start 2 tool_use",
        "content_block_delta 2 input_json_delta",
        "content_block_stop 2"
      ]
    )
  })

  it("has nothing of the state of another wire, but the thought's end", () => {
    const foreign = { wire: "chatCompletions", value: { reasoning: "a" } } as const
    const { event } = writer()
    assert.strictEqual(event(reasoningDelta("", foreign)), "")
    assert.strictEqual(event(reasoningDelta("")), "")
    assert.deepStrictEqual(kinds(event(reasoningDelta("a", foreign)), event(textDelta("b"))), [
      "content_block_start 0 thinking",
      "content_block_delta 0 thinking_delta",
      "content_block_stop 0",
      "content_block_start 1 text",
      "content_block_delta 1 text_delta"
    ])
    const unsigned = { wire: "messages", value: { type: "redacted_thinking" } } as const
    assert.deepStrictEqual(kinds(event(reasoningDelta("", unsigned))), [
      "content_block_stop 1",
      "content_block_start 2 thinking",
      "content_block_stop 2"
    ])
  })

  it("goes on in the block that came over the wire", () => {
    const { event, model, native } = writer()
    const began = 'event: content_block_start\r\ndata: {"type":"content_block_start","index":3}\r\n\r\n'
    assert.strictEqual(native(began), began)
    native("data: torn content_block_start\n\n")
    native('data: {"type":"content_block_start"}\n\n')
    native("data: {}\n\n")
    assert.strictEqual(model("m"), "")
    assert.deepStrictEqual(kinds(event(textDelta("a"))), ["content_block_delta 3 text_delta"])
    native('data: {"type":"content_block_stop","index":3}\n\n')
    assert.deepStrictEqual(kinds(event(textDelta("b"))), [
      "content_block_start 4 text",
      "content_block_delta 4 text_delta"
    ])
  })
})
