/** Bodies for decoders: split anywhere, with anything between their events. */
import * as FastCheck from "effect/FastCheck"
import type * as decoding from "../../src/wire/decoding.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"

/** Decodes a body that comes in pieces of the given lengths. */
export const decode = <A extends decoding.Decoding>(
  decoder: decoding.Decoder<A>,
  bytes: Uint8Array,
  lengths: ReadonlyArray<number>,
  orderly = true
) => {
  const events: Array<ReasoningEngine.EngineEvent> = []
  let at = 0
  for (const length of lengths) {
    events.push(...decoder.feed([bytes.subarray(at, at + length)]))
    at += length
  }
  events.push(...decoder.feed([bytes.subarray(at)]), ...decoder.end(orderly))
  return { events, answer: decoder.answer }
}

/** The lengths of pieces; what is left comes in one. */
export const lengths = FastCheck.oneof(
  ...[40, 400].map((max) => FastCheck.array(FastCheck.integer({ min: 0, max }), { maxLength: 60 }))
)

const encoder = new TextEncoder()

/** Bytes that are no event: any at all, and words that begin one, those of a wire among them. */
const noise = (...words: ReadonlyArray<string>) =>
  FastCheck.oneof(
    FastCheck.uint8Array({ maxLength: 30 }),
    FastCheck.array(
      FastCheck.constantFrom(
        "data:",
        "data",
        ": ",
        "event: x",
        "id:",
        "retry: 1",
        "\r",
        "\n",
        "\r\n",
        "{",
        "[]",
        "}",
        "\u0000",
        "🚀",
        "\uFEFF",
        ...words
      ),
      { maxLength: 12 }
    ).map((parts) => encoder.encode(parts.join("")))
  )

/**
 * Events with such bytes before each, and their text, which is whole: an event is made of its piece, and of the
 * text with it.
 */
export const disturbed = (words: ReadonlyArray<string>, event: (piece: string, all: string) => string) =>
  FastCheck.array(noise(...words), { maxLength: 8 }).map((noises) => {
    const bytes: Array<number> = []
    let text = ""
    for (const [index, each] of noises.entries()) {
      const piece = `(${index})`
      text += piece
      bytes.push(...each, ...encoder.encode(`\n\n${event(piece, text)}`))
    }
    return { bytes, text }
  })
