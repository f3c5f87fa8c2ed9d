import { assert, describe, it } from "@effect/vitest"
import * as dataUrl from "../../src/wire/dataUrl.js"
import * as effort from "../../src/wire/effort.js"

describe("an effort and a budget", () => {
  for (const [tokens, level] of [
    [1, "minimal"],
    [1024, "minimal"],
    [2048, "low"],
    [8192, "medium"],
    [16_384, "high"],
    [32_768, "xhigh"],
    [32_769, "max"]
  ] as const) {
    it(`of ${tokens} tokens is ${level}`, () => {
      assert.strictEqual(effort.of({ budgetTokens: tokens }), level)
      assert.strictEqual(effort.budgetOf({ budgetTokens: tokens }), tokens)
    })
  }

  it("say what is said", () => {
    assert.strictEqual(effort.of({ effort: "low", budgetTokens: 50_000 }), "low")
    assert.isUndefined(effort.of({}))
    assert.isUndefined(effort.budgetOf({}))
    assert.strictEqual(effort.budgetOf({ effort: "none" }), 0)
    assert.strictEqual(effort.budgetOf({ effort: "max" }), 63_999)
  })
})

describe("the text of a URL", () => {
  it("is what it holds, where it is text", () => {
    assert.strictEqual(dataUrl.textOf(dataUrl.ofText("a b ü")), "a b ü")
    assert.strictEqual(dataUrl.textOf("data:text/plain;base64,w7w="), "ü")
    for (const url of [
      "https://example.org",
      "data:image/png;base64,AA",
      "data:text/plain,%",
      "data:text/plain;base64,?"
    ]) {
      assert.isUndefined(dataUrl.textOf(url), url)
    }
  })
})
