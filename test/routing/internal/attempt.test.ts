import { assert, describe, it } from "@effect/vitest"
import { AIProvider, ReasoningEngine, ResponseMode } from "arc-saga"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import { collected, task } from "../../utils/fleet.js"
import { runs } from "../../utils/property.js"

const provider = AIProvider.Claude
const done = ReasoningEngine.finish("stop", "m")

/** The pieces of a streamed answer whose engine wrote the given deltas. */
const streamed = (deltas: ReadonlyArray<string>, more: ReadonlyArray<ReasoningEngine.EngineEvent> = []) =>
  Effect.gen(function* () {
    const engine = ReasoningEngine.fromStream({
      provider,
      stream: () =>
        Stream.fromIterable([...deltas.map(ReasoningEngine.textDelta), ...more, done]).pipe(Stream.rechunk(1))
    })
    const mode = yield* ResponseMode.make(engine)
    const { events, last } = yield* collected(mode.stream(yield* task({ mode: "streaming" })))
    const pieces = events.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))
    return { pieces, events, whole: last?._tag === "Completed" ? last.result.text : undefined }
  })

/** What comes of pieces that are encoded each by itself. */
const encoded = (pieces: ReadonlyArray<string>): string =>
  new TextDecoder().decode(Buffer.concat(pieces.map((piece) => new TextEncoder().encode(piece))))

const [first = "", second = ""] = ["🦉".slice(0, 1), "🦉".slice(1)]

describe("an attempt whose text comes in pieces", () => {
  it.effect.prop(
    "delivers whole characters, wherever the provider cuts",
    [
      FastCheck.string({ unit: "grapheme", minLength: 1 }),
      FastCheck.array(FastCheck.nat(40), { maxLength: 6 })
    ],
    ([text, cuts]) =>
      Effect.gen(function* () {
        const at = [0, ...cuts.map((cut) => cut % text.length).toSorted((a, b) => a - b), text.length]
        const { pieces, whole } = yield* streamed(at.slice(1).map((end, index) => text.slice(at[index], end)))
        assert.strictEqual(whole, text)
        assert.strictEqual(pieces.join(""), text)
        assert.strictEqual(encoded(pieces), text)
      }),
    runs(100)
  )

  it.effect("holds the first half of a character back until the other half is there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* streamed([`An owl ${first}`, `${second}!`])).pieces, ["An owl ", "🦉!"])
      assert.deepStrictEqual((yield* streamed([first, second])).pieces, ["🦉"])
    })
  )

  it.effect("delivers a half whose other half never comes, before what follows", () =>
    Effect.gen(function* () {
      const call = { id: "1", name: "t", arguments: "{}" }
      const { events, whole } = yield* streamed([`a${first}`], [ReasoningEngine.toolCall(call)])
      assert.deepStrictEqual(
        events.map((event) => (event._tag === "TextDelta" ? event.text : event._tag)),
        ["Started", "a", first, "ToolCall", "Completed"]
      )
      assert.strictEqual(whole, `a${first}`)
      assert.strictEqual((yield* streamed([`a${first}`])).whole, `a${first}`)
    })
  )
})
