import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { Answer } from "../../src/wire/chatCompletions/answer.js"
import * as decoding from "../../src/wire/decoding.js"
import * as bodies from "../utils/decoding.js"
import { finish } from "../utils/chatCompletions.js"
import { runs } from "../utils/property.js"

const encoder = new TextEncoder()

const decode = (bytes: Uint8Array) =>
  bodies.decode(
    decoding.streamDecoder(
      new Answer({ model: "gpt-4o", continues: false, distinct: (id: string) => id, stop: [] }),
      true
    ),
    bytes,
    []
  )

describe("OpenAICompatible decoding", () => {
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
        )
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
})
