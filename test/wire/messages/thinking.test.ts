import { assert, describe, it } from "@effect/vitest"
import { AITask } from "arc-saga"
import * as Either from "effect/Either"
import * as thinking from "../../../src/wire/messages/thinking.js"

const of = (model: string, reasoning: AITask.Reasoning, more: Partial<AITask.Options> = {}) =>
  thinking.of(
    model,
    thinking.kindOf(model, undefined),
    4096,
    Either.getOrThrow(AITask.make({ prompt: "Hi", reasoning, ...more }))
  )

describe("how a model of Messages is asked to think", () => {
  for (const [model, kind] of [
    ["claude-fable-5", "adaptive"],
    ["claude-opus-5-20260801", "adaptive"],
    ["anthropic/claude-sonnet-5", "adaptive"],
    ["claude-opus-4-8", "adaptive"],
    ["claude-opus-4-6", "adaptive"],
    ["claude-sonnet-4-5-20250929", "enabled"],
    ["claude-haiku-4-5", "enabled"],
    ["claude-opus-4-1", "enabled"],
    ["claude-opus-4-20250514", "enabled"],
    ["claude-3-7-sonnet-latest", "enabled"],
    ["claude-3-5-haiku-latest", "none"],
    ["claude-3-opus", "none"],
    ["glm-5", "none"]
  ] as const) {
    it(`is ${kind} for ${model}`, () => assert.strictEqual(thinking.kindOf(model, undefined), kind))
  }

  it("is by tokens for another maker's model that thinks", () =>
    assert.strictEqual(thinking.kindOf("glm-5", true), "enabled"))

  it("is by effort where the model knows it", () => {
    const high = { maxTokens: 4096, thinking: { type: "adaptive" }, effort: "high" }
    assert.deepStrictEqual(of("claude-opus-4-8", { effort: "high" }), high)
    assert.deepStrictEqual(of("claude-opus-4-8", { budgetTokens: 10_000 }), high)
    assert.strictEqual(of("claude-opus-4-8", { effort: "xhigh" }).effort, "xhigh")
    assert.strictEqual(of("claude-opus-4-6", { effort: "xhigh" }).effort, "high")
    assert.strictEqual(of("claude-opus-4-8", { effort: "minimal" }).effort, "low")
    assert.deepStrictEqual(of("claude-opus-4-8", { effort: "low", show: false }).thinking, {
      type: "adaptive",
      display: "omitted"
    })
  })

  it("isn't asked for by who only wants it shown", () => {
    assert.deepStrictEqual(of("claude-opus-4-8", { show: true }), { maxTokens: 4096 })
    assert.deepStrictEqual(of("claude-haiku-4-5", { show: true }), { maxTokens: 4096 })
    assert.deepStrictEqual(of("claude-opus-5", { show: true }).thinking, {
      type: "adaptive",
      display: "summarized"
    })
  })

  it("is ended where the model lets it", () => {
    assert.deepStrictEqual(of("claude-opus-4-8", { effort: "none" }).thinking, { type: "disabled" })
    assert.deepStrictEqual(of("claude-haiku-4-5", { effort: "none" }).thinking, { type: "disabled" })
    assert.strictEqual(of("claude-fable-5", { effort: "none" }).untaken, "always thinks")
    assert.deepStrictEqual(of("claude-3-opus", { effort: "none" }), { maxTokens: 4096 })
  })

  it("is within a budget that leaves room for the answer", () => {
    assert.deepStrictEqual(of("claude-haiku-4-5", { budgetTokens: 500 }), {
      maxTokens: 5120,
      thinking: { type: "enabled", budget_tokens: 1024 }
    })
    assert.strictEqual(
      of("claude-haiku-4-5", { effort: "max" }, { maxTokens: 1024 }).untaken,
      "thinks from 1024 tokens on, and may write 1024"
    )
  })

  it("isn't where the model can't, or has to call a tool", () => {
    const tools = [{ name: "f", parameters: {} }] as const
    assert.isDefined(of("claude-haiku-4-5", { effort: "low" }, { tools, toolChoice: "required" }).untaken)
    assert.isUndefined(of("claude-haiku-4-5", { effort: "low" }, { tools, toolChoice: "auto" }).untaken)
    assert.strictEqual(of("claude-3-opus", { effort: "low" }).untaken, "doesn't think")
  })
})
