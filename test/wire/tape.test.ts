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
    "comes behind the byte order mark that a server begins with",
    [bodies.lengths],
    ([lengths]) => assert.strictEqual(decodedOf(`\u{FEFF}${body}`, lengths), `\u{FEFF}${body}`),
    runs(50)
  )

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

describe("where a stream is cut", () => {
  /** Each line's end, and whether it ends an event: what stands before it is another line's end, or nothing of a line. */
  const slowly = (text: string): ReadonlyArray<string> => {
    const parts: Array<string> = []
    let part = ""
    let isBlank = false
    for (const line of text.match(/[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+$/g) ?? []) {
      const isEmpty = /^[\r\n]/.test(line)
      part += line
      if (isEmpty && isBlank) {
        parts.push(part)
        part = ""
      }
      isBlank = true
    }
    return part === "" ? parts : [...parts, part]
  }
  const ends = (...of: ReadonlyArray<string>) =>
    FastCheck.array(FastCheck.constantFrom("a", "ü", ...of), { maxLength: 24 })

  it.prop(
    "is behind each blank line, whatever lines end in",
    [FastCheck.oneof(ends("\n"), ends("\n", "\r\n", "\r"))],
    ([words]) => {
      const text = words.join("")
      assert.deepStrictEqual(tape.cutter()(text), slowly(text))
    },
    runs(1000, 200)
  )

  it.prop(
    "is the same in whatever pieces it comes, but for those that a piece ends",
    [FastCheck.oneof(ends("\n"), ends("\n", "\r\n")), bodies.lengths],
    ([words, lengths]) => {
      const text = words.join("")
      const cut = tape.cutter()
      const boundaries = new Set<number>()
      const pieces = new Set<number>()
      let at = 0
      for (const length of [...lengths.map((each) => each % 5), text.length]) {
        const piece = text.slice(at, at + length)
        let end = at
        for (const part of cut(piece)) boundaries.add((end += part.length))
        at += piece.length
        pieces.add(at)
      }
      let end = 0
      const expected = slowly(text).map((part) => (end += part.length))
      for (const each of expected) assert.isTrue(boundaries.has(each), `${each} of ${JSON.stringify(text)}`)
      for (const each of boundaries) assert.isTrue(pieces.has(each) || expected.includes(each), String(each))
    },
    runs(1000, 200)
  )
})
