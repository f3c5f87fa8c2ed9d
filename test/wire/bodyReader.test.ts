import { assert, describe, it } from "@effect/vitest"
import * as bodyReader from "../../src/wire/bodyReader.js"

describe("bodyReader", () => {
  it("gives up an event that doesn't end, and all that follows", () => {
    const reader = bodyReader.make(100)
    assert.deepStrictEqual(reader.feed("data: a\n\n"), [{ name: "", data: "a" }])
    assert.deepStrictEqual(reader.feed("A".repeat(101)), [])
    assert.isTrue(reader.overflowed())
    assert.deepStrictEqual(reader.feed("\n\ndata: a\n\n"), [])
    assert.deepStrictEqual(reader.end(), [])
  })
})
