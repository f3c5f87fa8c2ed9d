import { assert, describe, it } from "@effect/vitest"
import * as bodyReader from "../../src/wire/bodyReader.js"

const encoder = new TextEncoder()

describe("bodyReader", () => {
  it("gives up an event that doesn't end, and all that follows", () => {
    const reader = bodyReader.make(100)
    assert.deepStrictEqual(reader.feed(encoder.encode("data: a\n\n")), [{ name: "", data: "a" }])
    assert.deepStrictEqual(reader.feed(new Uint8Array(101).fill(65)), [])
    assert.isTrue(reader.overflowed())
    assert.deepStrictEqual(reader.feed(encoder.encode("\n\ndata: a\n\n")), [])
    assert.deepStrictEqual(reader.end(), [])
  })
})
