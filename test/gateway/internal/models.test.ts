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

describe("the list of names", () => {
  const embedding = { provider: AIProvider.unsafeMake("embed"), model: "e5", attempt: () => Effect.never }
  const embeds = ReasoningEngine.make({ ...embedding, wires: ["embeddings"] })
  const both = ReasoningEngine.make({
    ...embedding,
    provider: AIProvider.unsafeMake("both"),
    wires: ["chatCompletions", "embeddings"],
    capabilities: { ...ReasoningEngine.defaultCapabilities, tools: false, images: true, reasoning: true }
  })
  const conversations = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]

  /** What is told of each name. */
  const told = (engines: ReadonlyArray<ReasoningEngine.ReasoningEngine>, aliases: models.Aliases = {}) =>
    new Map(models.list(engines, choices, aliases, 0).data.map(({ id, saga }) => [id, saga]))

  it("says which names may be asked by which path", () => {
    const saga = told([engine, embeds, both], {
      "text-embedding": "embed",
      "by-model": "e5",
      chosen: "saga/cheapest",
      gone: "nobody",
      "pattern-*": "claude"
    })
    const endpoints = (name: string) => saga.get(name)?.endpoints
    assert.deepStrictEqual(endpoints("claude"), conversations)
    assert.deepStrictEqual(endpoints("embed"), ["/v1/embeddings"])
    assert.deepStrictEqual(endpoints("both"), [...conversations, "/v1/embeddings"])
    assert.deepStrictEqual(endpoints("saga/auto"), conversations)
    assert.deepStrictEqual(endpoints("text-embedding"), ["/v1/embeddings"])
    assert.deepStrictEqual(endpoints("by-model"), ["/v1/embeddings"])
    assert.deepStrictEqual(endpoints("chosen"), conversations)
    assert.deepStrictEqual(endpoints("gone"), [])
    assert.isFalse(saga.has("pattern-*"))
  })

  it("says what a provider can, and nothing of who is yet to be chosen", () => {
    const saga = told([embeds, both], { mine: "both" })
    const can = ["systemPrompt", "sampling", "jsonSchema", "images", "streaming", "reasoning"]
    assert.sameMembers([...(saga.get("both")?.capabilities ?? [])], can)
    assert.deepStrictEqual(saga.get("mine"), saga.get("both"))
    assert.notProperty(saga.get("saga/auto"), "capabilities")
    assert.notProperty(saga.get("embed"), "capabilities")
  })

  it("has nothing to ask of strategies where all that there is embeds", () => {
    assert.deepStrictEqual(told([embeds]).get("saga/auto"), { endpoints: [] })
  })

  it("tells the same of one by its name", () => {
    assert.deepInclude(Either.getOrThrow(models.describe("embed", [embeds], choices, {}, 0)), {
      id: "embed",
      saga: { endpoints: ["/v1/embeddings"] }
    })
  })
})
