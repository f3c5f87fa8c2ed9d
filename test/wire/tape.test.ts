import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Answer } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import * as tape from "../../src/wire/tape.js"
import { Answer as Messages } from "../../src/wire/messages/answer.js"
import * as attempts from "../utils/attempts.js"
import { delta, finish } from "../utils/chatCompletions.js"
import * as bodies from "../utils/decoding.js"
import * as messages from "../utils/messages.js"
import { runs } from "../utils/property.js"

const read = (body: string, stream: boolean) => {
  const answer = new Answer({ model: "m", continues: false, distinct: (id) => id, stop: [] })
  const decoder = tape.taped(decoding.streamDecoder(answer, stream), { stream })
  const { events } = bodies.decode(decoder, new TextEncoder().encode(body), [])
  return { text: attempts.text(events), isNative: events.some(({ _tag }) => _tag === "Native") }
}

const sse = (...events: ReadonlyArray<unknown>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")

describe("what is handed on as it came", () => {
  const legacy = { choices: [{ index: 0, text: "Hi", finish_reason: "stop" }] }
  const whole = { choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }] }
  const hi = delta({ content: "Hi" })

  it.each([
    ["a stream", sse(hi, finish("stop")), true],
    ["a whole answer", JSON.stringify(whole), false]
  ])("is %s of its wire", (_, body, stream) => {
    assert.deepStrictEqual(read(body, stream), { text: "Hi", isNative: true })
  })

  it.each([
    ["a bare text, whole", JSON.stringify(legacy), false],
    ["bare texts, streamed", sse(legacy), true],
    ["a list where a stream was asked for", JSON.stringify([hi, finish("stop")]), true],
    ["a list where a whole answer was asked for", JSON.stringify([hi, finish("stop")]), false]
  ])("isn't %s, of which clients would read nothing", (_, body, stream) => {
    assert.deepStrictEqual(read(body, stream), { text: "Hi", isNative: false })
  })
})

describe("a stream's end", () => {
  const encoder = new TextEncoder()

  const decodedOf = (body: string, lengths: ReadonlyArray<number>): string => {
    const answer = new Answer({ model: "m", continues: false, distinct: (id) => id, stop: [] })
    const decoder = tape.taped(decoding.streamDecoder(answer, true), { stream: true })
    const { events } = bodies.decode(decoder, encoder.encode(body), lengths)
    return events.map((event) => (event._tag === "Native" ? event.text : "")).join("")
  }
  const body = `${sse(delta({ content: "Grüße 🚀" }))}: a\n\ndata: [DONE]\n\n`

  it.prop(
    "is the last that is handed on of it, in whatever pieces it comes, what follows it and how lines end",
    [bodies.lengths, FastCheck.string({ maxLength: 40 }), FastCheck.constantFrom("\n", "\r\n")],
    ([lengths, more, end]) => {
      const lines = body.replaceAll("\n", end)
      assert.strictEqual(decodedOf(`${lines}data: ${more}${end}${end}`, lengths), lines)
    },
    runs(300, 60)
  )

  it("is that also where it is cut within the end of its last line", () => {
    const lines = body.replaceAll("\n", "\r\n")
    const length = encoder.encode(lines).length
    for (const before of [1, 2, 3]) {
      assert.strictEqual(decodedOf(`${lines}data: {}\r\n\r\n`, [length - before]), lines)
    }
  })

  it("is awaited of a refusal, and is there when nothing follows", () => {
    const answer = new Messages({ model: "m", unsent: "", continues: false, distinct: (id) => id })
    const decoder = decoding.streamDecoder(answer, true)
    decoder.feed([encoder.encode(messages.wire(messages.start(), messages.stopped("refusal")))])
    assert.isTrue(answer.awaitsEnd)
    assert.isFalse(answer.ended)
    decoder.end()
    assert.isFalse(answer.awaitsEnd)
    assert.strictEqual(answer.failure?.kind, "policy")
  })
})
