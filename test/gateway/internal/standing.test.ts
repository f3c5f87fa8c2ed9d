import { assert, describe, it } from "@effect/vitest"
import { AIProvider, type AIResult, EngineError, TokenUsage } from "arc-saga"
import * as Option from "effect/Option"
import { Standing } from "../../../src/gateway/internal/state.js"

const provider = AIProvider.Claude

const attempt = (outcome: AIResult.Outcome, error?: EngineError.EngineError): AIResult.Attempt => ({
  provider,
  model: "m",
  outcome,
  error: Option.fromNullable(error),
  usage: TokenUsage.none,
  cost: Option.none(),
  startedAt: 0,
  durationMs: 1,
  firstTokenMs: Option.none()
})

const succeeded = attempt("succeeded")
const failed = (error: EngineError.EngineError) => attempt("failed", error)
const badKey = failed(new EngineError.AuthenticationError({ provider, description: "no" }))
const overloaded = failed(
  new EngineError.TransientError({ provider, reason: "overloaded", description: "no" })
)
const neutral = [
  failed(new EngineError.InputValidationError({ provider, description: "no" })),
  failed(new EngineError.ContextLengthError({ provider, description: "no" })),
  failed(new EngineError.ContentPolicyError({ provider, description: "no" })),
  failed(new EngineError.AuthenticationError({ provider, userId: "u", description: "no" })),
  attempt("interrupted"),
  attempt("discarded")
]

const after = (attempts: ReadonlyArray<AIResult.Attempt>, now = 0): string => {
  const standing = new Standing()
  for (const each of attempts) standing.see(each, 0)
  return standing.state(Option.none(), now)
}

describe("how a provider stands", () => {
  it("is what its last attempts say, and nothing more", () => {
    assert.strictEqual(after([]), "not asked yet")
    assert.strictEqual(after([succeeded]), "answering")
    assert.strictEqual(after([succeeded, overloaded]), "partly answering")
    assert.strictEqual(
      after([
        attempt("cut", new EngineError.TransientError({ provider, reason: "network", description: "no" }))
      ]),
      "failing"
    )
    assert.strictEqual(after([overloaded, overloaded]), "failing")
    // A key that is refused isn't the circuit's business, but no answer comes.
    assert.strictEqual(after([badKey]), "failing")
    assert.strictEqual(after([overloaded, ...Array.from({ length: 20 }, () => succeeded)]), "answering")
  })

  it("doesn't change with what the request or its user is to blame for", () => {
    for (const each of neutral) {
      assert.strictEqual(after([each]), "not asked lately")
      assert.strictEqual(after([succeeded, each]), "answering")
      assert.strictEqual(after([badKey, each]), "failing")
    }
  })

  it("is forgotten after five minutes", () => {
    assert.strictEqual(after([overloaded], 299_999), "failing")
    assert.strictEqual(after([overloaded], 300_000), "not asked lately")
  })

  it("is what its circuit says where that isn't closed", () => {
    const standing = new Standing()
    standing.see(succeeded, 0)
    assert.strictEqual(standing.state(Option.some({ _tag: "closed" }), 0), "answering")
    assert.strictEqual(standing.state(Option.some({ _tag: "half-open" }), 0), "on probation")
    assert.strictEqual(standing.state(Option.some({ _tag: "open", until: 5 }), 0), "circuit open")
  })
})
