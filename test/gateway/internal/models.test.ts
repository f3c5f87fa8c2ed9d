import { assert, describe, it } from "@effect/vitest"
import { AIProvider, ReasoningEngine } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as models from "../../../src/gateway/internal/models.js"

const engine = ReasoningEngine.make({
  provider: AIProvider.Claude,
  model: "claude-opus-4-8",
  attempt: () => Effect.never
})

const choices = models.choicesOf([])

/** Whether a name is of a pattern. */
const fits = (pattern: string, name: string): boolean =>
  Either.isRight(models.resolve(name, [engine], choices, { [pattern]: "claude" }))

describe("a pattern of names", () => {
  for (const [pattern, name, expected] of [
    ["gpt-*", "gpt-4o", true],
    ["gpt-*", "gpt-", true],
    ["gpt-*", "a-gpt-4o", false],
    ["*-mini", "gpt-4o-mini", true],
    ["*-mini", "gpt-4o-mini-2", false],
    ["a*b*c", "a-b-c", true],
    ["a*b*c", "abc", true],
    ["a*b*c", "acb", false],
    ["a*bb*b", "abb", false],
    ["*", "anything", true],
    ["aba*aba", "aba", false],
    ["exact", "exact", true],
    ["exact", "exactly", false],
    ["__proto__", "constructor", false]
  ] as const) {
    it(`${pattern} ${expected ? "has" : "hasn't"} ${name}`, () =>
      assert.strictEqual(fits(pattern, name), expected))
  }

  it("means nothing where what it means isn't there", () => {
    assert.isTrue(Either.isLeft(models.resolve("a", [engine], choices, { a: "nobody" })))
    assert.isTrue(Either.isRight(models.resolve("a", [engine], choices, { a: "saga/auto" })))
    assert.isTrue(Either.isRight(models.resolve("claude-opus-4-8", [engine], choices)))
  })
})
