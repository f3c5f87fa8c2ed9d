import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as AIProvider from "../src/AIProvider.js"

const valid = FastCheck.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,127}$/)

describe("AIProvider", () => {
  it("names the three providers of the roadmap", () => {
    assert.deepStrictEqual<ReadonlyArray<string>>(
      [AIProvider.CopilotChat, AIProvider.Claude, AIProvider.Gpt4],
      ["copilot_chat", "claude", "gpt4"]
    )
  })

  it("lets two models of one vendor be two providers", () => {
    assert.notStrictEqual(AIProvider.unsafeMake("claude/haiku"), AIProvider.Claude)
  })

  it.prop("takes every id of the documented characters as it is", [valid], ([id]) => {
    assert.deepStrictEqual<Either.Either<string, unknown>>(AIProvider.make(id), Either.right(id))
    assert.strictEqual<string>(AIProvider.unsafeMake(id), id)
  })

  it.effect.each(["", " claude", "claude ", "a b", "-a", "_a", "/a", "é", "a\n", "a".repeat(129)])(
    "refuses %j as an id",
    (id) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(AIProvider.make(id))
        assert.strictEqual(error._tag, "InvalidArgumentError")
        assert.match(error.message, /^AIProvider: Expected a provider id \(letters, digits/)
      })
  )

  it.effect("names an id that can't be used", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(AIProvider.make("gpt+4"))
      assert.strictEqual(
        error.message,
        'AIProvider: Expected a provider id (letters, digits and . _ : / @ -), actual "gpt+4"'
      )
    })
  )

  it("throws the error of make where the program itself has a bad id", () => {
    assert.throws(() => AIProvider.unsafeMake(""), /^AIProvider: Expected a provider id .*, actual ""$/)
  })

  it("is a schema for wires and files", () => {
    assert.strictEqual(Schema.decodeSync(AIProvider.AIProvider)("claude"), AIProvider.Claude)
    assert.strictEqual(Schema.encodeSync(AIProvider.AIProvider)(AIProvider.Claude), "claude")
    assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(AIProvider.AIProvider)(4)))
  })
})
