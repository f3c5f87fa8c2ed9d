import { assert, describe, it } from "@effect/vitest"
import { Answer } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import * as tape from "../../src/wire/tape.js"
import * as attempts from "../utils/attempts.js"
import { delta, finish } from "../utils/chatCompletions.js"
import * as bodies from "../utils/decoding.js"

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
