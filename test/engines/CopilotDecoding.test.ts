import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import type * as AITask from "../../src/AITask.js"
import * as decoding from "../../src/wire/decoding.js"
import { Answer } from "../../src/engines/internal/graph/answer.js"
import * as attempts from "../utils/attempts.js"
import * as bodies from "../utils/decoding.js"
import { lengths } from "../utils/decoding.js"
import { ending, prompt } from "../utils/graph.js"
import { compact, conversation, snapshots } from "../utils/GraphServer.js"
import { runs, sized } from "../utils/property.js"

const encoder = new TextEncoder()

/** Decodes a body that comes in pieces of the given lengths. */
const decode = (bytes: Uint8Array, lengths: ReadonlyArray<number>, mode: AITask.Mode = "streaming") =>
  bodies.decode(
    decoding.streamDecoder(new Answer({ mode, model: "copilot", sentCharacters: prompt.length }), true),
    bytes,
    lengths
  )

const modes = FastCheck.constantFrom("streaming" as const, "complete" as const)

/** Pieces of texts, those that the decoder looks at more often than others. */
const piece = FastCheck.oneof(
  FastCheck.constantFrom(
    "<Person>",
    "</Person>",
    "<File>",
    "</File>",
    "<",
    "</",
    ">",
    "[1]",
    "[^2^]",
    "[",
    " ",
    "\n",
    "Grüße",
    "🚀",
    "a",
    "<Person>Ann</Person>"
  ),
  FastCheck.string({ unit: "grapheme", maxLength: 5 })
)

/** Texts that grow, each the beginning of the next. */
const growing = FastCheck.array(piece, { minLength: 1, maxLength: 12 })
  .map((pieces) => pieces.map((_, index) => pieces.slice(0, index + 1).join("")))
  .filter((texts) => texts.at(-1) !== "")

const withoutEntities = (text: string) => text.replaceAll(/<(Person|File|Event)>([^<>\n]*)<\/\1>/g, "$2")

describe("Copilot decoding", () => {
  it("joins the increments of any growing snapshots to the last, split anywhere", () => {
    FastCheck.assert(
      FastCheck.property(growing, lengths, modes, (texts, lengths, mode) => {
        const last = withoutEntities(texts.at(-1) ?? "")
        const { answer, events } = decode(encoder.encode(snapshots(prompt, ...texts)), lengths, mode)
        assert.strictEqual(attempts.text(events), last)
        assert.deepStrictEqual(events.slice(-2), ending(last))
        assert.isTrue(answer.finished)
        assert.notInclude(JSON.stringify(events), "Warning")
      }),
      runs(2000).fastCheck
    )
  })

  it("never takes back what it gave, and ends with the last snapshot but for its marks, or fails", () => {
    const words = (text: string) => text.replaceAll(/\[\^?\d{1,3}\^?\]| /g, "")
    const texts = FastCheck.array(
      FastCheck.array(FastCheck.constantFrom("a", "b", " ", "[1]", "[2]", "[x"), { maxLength: 6 }).map(
        (pieces) => pieces.join("")
      ),
      { minLength: 1, maxLength: 5 }
    )
    FastCheck.assert(
      FastCheck.property(texts, lengths, (texts, lengths) => {
        const bytes = encoder.encode(snapshots(prompt, ...texts))
        const { answer, events } = decode(bytes, lengths)
        if (answer.finished) assert.strictEqual(words(attempts.text(events)), words(texts.at(-1) ?? ""))
        else assert.isDefined(answer.failure)
        const whole = decode(bytes, lengths, "complete")
        assert.strictEqual(attempts.text(whole.events), texts.at(-1))
        assert.strictEqual(whole.answer.finished, texts.at(-1) !== "")
      }),
      runs(5000).fastCheck
    )
  })

  it("gives citation marks that come late a warning, and leaves out nothing else", () => {
    const word = FastCheck.constantFrom("one", "two, ", "x[0]", "\n", "🚀 ", "<b>")
    const mark = FastCheck.constantFrom("", "", "[1]", " [2]", " [^3^] ")
    const marked = FastCheck.array(FastCheck.tuple(word, mark), { minLength: 1, maxLength: 10 })
    FastCheck.assert(
      FastCheck.property(marked, FastCheck.nat(10), (pairs, at) => {
        // Up to here the marks come late.
        const before = pairs.slice(0, at).map(([word]) => word)
        const last = pairs.map(([word, mark]) => word + mark).join("")
        const first = encoder.encode(snapshots(prompt, before.join("")))
        const bytes = encoder.encode(snapshots(prompt, before.join(""), last))
        const { answer, events } = decode(bytes, [first.length])
        assert.isTrue(answer.finished)
        const words = (text: string) => text.replaceAll(/\[\^?[123]\^?\]| /g, "")
        assert.strictEqual(words(attempts.text(events)), words(last))
      }),
      runs(2000).fastCheck
    )
  })

  it("takes as long for each snapshot as it is long: tens of a growing megabyte in seconds", () => {
    const paragraph = "<Person>Ann</Person> said [1] that a[0] < b in List<Person> of Grüße 🚀. ".repeat(
      14_000
    )
    const count = sized(30, 10)
    const texts = Array.from({ length: count }, (_, index) =>
      paragraph.slice(0, (paragraph.length * (index + 1)) / count)
    )
    // Half of them have other marks in the text before.
    const marked = texts.map((text, index) =>
      index % 2 === 0 ? text : text.replaceAll("said [1]", "said [2]")
    )
    for (const [snapshots, warned] of [
      [texts, false],
      [marked, true]
    ] as const) {
      const bytes = encoder.encode(snapshots.map((text) => compact(conversation(prompt, text))).join(""))
      const started = performance.now()
      const { events } = decode(
        bytes,
        Array.from({ length: Math.ceil(bytes.length / 65_536) }, () => 65_536)
      )
      assert.isBelow(performance.now() - started, 20_000)
      assert.strictEqual(
        events.some(({ _tag }) => _tag === "Warning"),
        warned
      )
      assert.strictEqual(attempts.text(events).length, withoutEntities(paragraph).length)
    }
  })
})
