import { assert, describe, it } from "@effect/vitest"
import * as EngineError from "../../src/EngineError.js"
import * as Behaviour from "../../src/testing/Behaviour.js"
import { provider } from "../utils/scripted.js"

describe("Behaviour", () => {
  it("cuts a text into characters, never through one", () => {
    assert.deepStrictEqual(Behaviour.chunksOf("a😀b😀", 2), ["a😀", "b😀"])
    assert.deepStrictEqual(Behaviour.chunksOf("ab", 0), ["a", "b"])
    assert.deepStrictEqual(Behaviour.chunksOf("", 3), [])
  })

  it("has a sample of each error, and makes each from data", () => {
    for (const [tag, sample] of Object.entries(Behaviour.errors(provider))) {
      assert.strictEqual(sample._tag, tag)
      const made = Behaviour.toError({ _tag: sample._tag }, provider)
      assert.strictEqual(made._tag, tag)
      assert.strictEqual(made.provider, provider)
      assert.strictEqual(EngineError.isTransient(made), EngineError.isTransient(sample))
    }
  })

  it("keeps every field of an error that is given as data", () => {
    const limited = Behaviour.toError(
      { _tag: "RateLimitError", retryAfterMs: 7, status: 420, requestId: "r", description: "calm" },
      provider
    )
    assert.strictEqual(
      limited.message,
      "claude limits the rate of requests (420): calm [request r]. Retry after 7 ms"
    )
    const overloaded = Behaviour.toError({ _tag: "TransientError", retryAfterMs: 7 }, provider)
    assert.include(overloaded.message, "(overloaded) (503): as scripted. Retry after 7 ms")
    const timeout = Behaviour.toError({ _tag: "TimeoutError", phase: "idle" }, provider)
    assert.include(timeout.message, "(idle)")
  })
})
