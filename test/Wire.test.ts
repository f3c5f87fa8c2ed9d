/** What a call as it came over a wire may say of itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Wire from "../src/Wire.js"

const isTaken = (text: string): boolean =>
  Either.isRight(
    Schema.decodeUnknownEither(Wire.Original)({
      wire: "chatCompletions",
      body: { model: "m", n: [1] },
      text
    })
  )

describe("the text of an original", () => {
  it("is taken however it is written", () => {
    for (const text of ['{"model":"m","n":[1]}', ' {"mod\\u0065l" : "m",\n"n":[1.0]} '])
      assert.isTrue(isTaken(text), text)
  })

  it("is refused where it says something else than the body, to any parser", () => {
    for (const text of [
      "",
      "{",
      "[]",
      '{"model":"other","n":[1]}',
      '{"model":"m"}',
      '{"model":"other","n":[1],"model":"m"}',
      '{"mod\\u0065l":"other","n":[1],"model":"m"}',
      '{"model":"m","n":[1]} {}'
    ]) {
      assert.isFalse(isTaken(text), text)
    }
  })
})
