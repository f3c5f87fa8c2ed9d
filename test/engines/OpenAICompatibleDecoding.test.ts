import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as bodyReader from "../../src/wire/bodyReader.js"
import { Answer } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as bodies from "../utils/decoding.js"
import { lengths } from "../utils/decoding.js"
import { counted, delta, finish } from "../utils/chatCompletions.js"
import { runs } from "../utils/property.js"

const encoder = new TextEncoder()

const streamDecoder = () =>
  decoding.streamDecoder(
    new Answer({ model: "gpt-4o", continues: false, distinct: (id: string) => id, stop: [] }),
    true
  )

/** Decodes a body that comes in pieces of the given lengths. */
const decode = (bytes: Uint8Array, lengths: ReadonlyArray<number>) =>
  bodies.decode(streamDecoder(), bytes, lengths)

describe("OpenAICompatible decoding", () => {
  const whole = encoder.encode(
    [
      ": ping",
      "",
      `data: ${JSON.stringify(delta({ content: "Grüße, 世界 🚀\u2028!" }))}`,
      "",
      `data:${JSON.stringify(delta({ content: "e\u0301" }))}`,
      "",
      `data: ${JSON.stringify(delta({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"ü":' } }] }))}`,
      "",
      `data: ${JSON.stringify(delta({ tool_calls: [{ index: 0, function: { arguments: '"🚀"}' } }] }))}`,
      "",
      `data: ${JSON.stringify(finish("tool_calls"))}`,
      "",
      `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })}`,
      "",
      "data: [DONE]",
      "",
      ""
    ].join("\r\n")
  )

  const expected = [
    ReasoningEngine.textDelta("Grüße, 世界 🚀\u2028!"),
    ReasoningEngine.textDelta("e\u0301"),
    counted(1, 2),
    ReasoningEngine.toolCall({ id: "a", name: "f", arguments: '{"ü":"🚀"}' }),
    ReasoningEngine.finish("tool_calls", "gpt-4o")
  ]

  it("gives the same events wherever the bytes are split", () => {
    assert.deepStrictEqual(decode(whole, []).events, expected)
    for (let at = 0; at <= whole.length; at++) {
      assert.deepStrictEqual(decode(whole, [at]).events, expected)
    }
    FastCheck.assert(
      FastCheck.property(lengths, (lengths) => {
        assert.deepStrictEqual(decode(whole, lengths).events, expected)
      }),
      runs(1000).fastCheck
    )
    assert.deepStrictEqual(
      decode(
        whole,
        Array.from(whole, () => 1)
      ).events,
      expected
    )
  })

  it("never throws, always ends, and is whole only with every good event, whatever bytes are between", () => {
    const body = bodies.disturbed(
      ['"choices":['],
      (content) => `data: ${JSON.stringify(delta({ content }))}\n\n`
    )
    FastCheck.assert(
      FastCheck.property(body, lengths, FastCheck.boolean(), ({ bytes, text }, lengths, ends) => {
        const last = ends ? encoder.encode(`data: ${JSON.stringify(finish("stop"))}`) : []
        const { answer, events } = decode(Uint8Array.from([...bytes, ...last]), lengths)
        assert.isTrue(text.startsWith(attempts.text(events)))
        assert.isTrue(answer.ended)
        if (answer.finished) assert.deepStrictEqual([attempts.text(events), ends], [text, true])
      }),
      runs(2000).fastCheck
    )
  })

  it("gives the same events for chunks that needn't be decoded as for the same chunks decoded", () => {
    const odd = FastCheck.constantFrom<unknown>(null, "", "text", 0, 1, [], {}, [
      { type: "text", text: "part" }
    ])
    const some = (values: Record<string, FastCheck.Arbitrary<unknown>>) =>
      FastCheck.record(values, { requiredKeys: [] })
    const text = FastCheck.oneof({ weight: 6, arbitrary: FastCheck.string() }, odd)
    const absent = FastCheck.oneof({ weight: 9, arbitrary: FastCheck.constant(null) }, odd)
    const chunk = FastCheck.record(
      {
        model: FastCheck.oneof({ weight: 6, arbitrary: FastCheck.constant("gpt-4o-2024") }, odd),
        usage: absent,
        choices: FastCheck.array(
          some({
            index: FastCheck.oneof({ weight: 6, arbitrary: FastCheck.constant(0) }, odd),
            delta: FastCheck.oneof(
              {
                weight: 9,
                arbitrary: some({
                  content: text,
                  refusal: absent,
                  reasoning: absent,
                  reasoning_content: absent,
                  tool_calls: absent,
                  function_call: absent
                })
              },
              odd
            ),
            message: absent
          }),
          { maxLength: 2 }
        )
      },
      { requiredKeys: ["choices"] }
    )
    const eventsOf = (chunks: ReadonlyArray<unknown>) =>
      decode(
        encoder.encode(
          [...chunks, finish("stop")].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")
        ),
        []
      ).events
    FastCheck.assert(
      FastCheck.property(FastCheck.array(chunk, { maxLength: 4 }), (chunks) => {
        // An empty finish reason says as little as none, but has to be looked at.
        const decoded = chunks.map((chunk) => ({
          ...chunk,
          choices: chunk.choices.map((choice) => ({ ...choice, finish_reason: "" }))
        }))
        assert.deepStrictEqual(eventsOf(chunks), eventsOf(decoded))
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
    FastCheck.assert(
      FastCheck.property(FastCheck.json({ maxDepth: 4 }), lengths, (json, lengths) => {
        assert.isTrue(
          decode(encoder.encode(`data: ${json}\n\ndata: {"error":${json}}\n\n`), lengths).answer.ended
        )
      }),
      runs(1000).fastCheck
    )
  })

  it("gives up an event that doesn't end", () => {
    const reader = bodyReader.make(100)
    assert.deepStrictEqual(reader.feed(encoder.encode("data: a\n\n")), [{ name: "", data: "a" }])
    assert.deepStrictEqual(reader.feed(new Uint8Array(101).fill(65)), [])
    assert.isTrue(reader.overflowed())
    assert.deepStrictEqual(reader.feed(encoder.encode("\n\ndata: a\n\n")), [])
    assert.deepStrictEqual(reader.end(), [])
    const decoder = streamDecoder()
    decoder.feed(Array.from({ length: 17 }, () => new Uint8Array(1024 * 1024).fill(65)))
    assert.strictEqual(decoder.answer.failure?.kind, "malformed")
    assert.deepStrictEqual(decoder.end(), [])
  })
})
