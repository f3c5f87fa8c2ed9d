import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as AIProvider from "../src/AIProvider.js"
import * as ReasoningEngine from "../src/ReasoningEngine.js"
import * as StreamEvent from "../src/StreamEvent.js"

describe("StreamInterruptedError", () => {
  const error = new StreamEvent.StreamInterruptedError({
    provider: AIProvider.Claude,
    partialText: "The sky is",
    cause: ReasoningEngine.cut(AIProvider.Claude),
    attempts: []
  })

  it("says who broke off, after how much and why, and never the text", () => {
    assert.match(
      error.message,
      /^The answer of claude broke off after 10 characters: claude failed \(network\)/
    )
    assert.match(error.message, /What was delivered is incomplete; ask again$/)
    assert.notInclude(error.message, "sky")
  })

  it("goes through JSON with its partial text and cause", () => {
    const json: unknown = JSON.parse(
      JSON.stringify(Schema.encodeSync(StreamEvent.StreamInterruptedError)(error))
    )
    const back = Schema.decodeUnknownSync(StreamEvent.StreamInterruptedError)(json)
    assert.strictEqual(back.partialText, "The sky is")
    assert.strictEqual(back.cause._tag, "TransientError")
    assert.strictEqual(back.message, error.message)
  })
})
