import { assert, describe, it } from "@effect/vitest"
import { ReasoningEngine, TokenUsage, Usd } from "arc-saga"
import * as decoding from "../../src/wire/decoding.js"
import * as embeddings from "../../src/wire/embeddings.js"

type Json = Readonly<Record<string, unknown>>

/** A body with embeddings, in JSON. */
const said = (all: ReadonlyArray<unknown>, more: Json = {}): string =>
  JSON.stringify({ object: "list", data: all.map((embedding, index) => ({ index, embedding })), ...more })

/** What a model `m` that was asked for so many embeddings says by a body. */
const decoded = (body: string, count: number, isEvents = false) => {
  const { answer, end, feed } = decoding.streamDecoder(new embeddings.Answer("m", count), isEvents)
  const events = [...feed([new TextEncoder().encode(body)]), ...end(true)]
  return { events, answer }
}

describe("an answer of Embeddings", () => {
  it("is whole with an embedding for each input", () => {
    for (const all of [[[0.5]], ["AAAAPw=="], [[1], [2]]]) {
      const { answer, events } = decoded(said(all, { model: "m-2", usage: { prompt_tokens: 3 } }), all.length)
      assert.isTrue(answer.finished)
      assert.deepStrictEqual(events, [
        ReasoningEngine.usage(TokenUsage.make({ inputTokens: 3 })),
        ReasoningEngine.finish("stop", "m-2")
      ])
    }
  })

  it("is none with a hole, in another form, or with another word behind it", () => {
    for (const [body, words] of [
      [said([[1]]), "for each input"],
      [said([[1], [2], [3]]), "for each input"],
      [said([[1], []]), "for each input"],
      [said([[1], ""]), "for each input"],
      [said([[1], null]), "for each input"],
      ['{"object":"list","data":[1,2]}', "for each input"],
      ['{"object":"list"}', "for each input"],
      ['{"error":"out of order"}', "out of order"],
      ['{"detail":"out of order"}', "out of order"],
      [said([[1], [2]]) + said([[1], [2]]), "can't be read"],
      ["[1]", "can't be read"],
      [`data: ${said([[1], [2]])}\n\n`, "one of Embeddings"],
      ["", "one of Embeddings"]
    ] as const) {
      const { answer, events } = decoded(body, 2)
      assert.isFalse(answer.finished, body)
      assert.deepStrictEqual(events, [])
      assert.include(answer.failure?.message, words, body)
    }
  })

  it("counts as its provider does, where that says something", () => {
    const counted = (usage: unknown) => decoded(said([[1]], { usage }), 1).events
    const of = (counts: Partial<TokenUsage.TokenUsage>, cost?: Usd.Usd) =>
      ReasoningEngine.usage(TokenUsage.make(counts), cost)
    const end = ReasoningEngine.finish("stop", "m")
    assert.deepStrictEqual(counted({ total_tokens: 4 }), [of({ inputTokens: 4 }), end])
    assert.deepStrictEqual(counted({ input_tokens: 5, cost: 0.5 }), [
      of({ inputTokens: 5 }, Usd.fromNumber(0.5)),
      end
    ])
    for (const usage of [
      undefined,
      null,
      7,
      {},
      { prompt_tokens: 0, total_tokens: 0 },
      { prompt_tokens: -1 }
    ]) {
      assert.deepStrictEqual(counted(usage), [end])
    }
  })
})

describe("the inputs of a body", () => {
  it("are as many as its texts and its lists of tokens", () => {
    const count = (input: unknown) => embeddings.inputs({ input }).length
    assert.strictEqual(count("a"), 1)
    assert.strictEqual(count(["a", "b"]), 2)
    assert.strictEqual(count([1, 2, 3]), 1)
    assert.strictEqual(count([[1, 2], [3]]), 2)
    assert.strictEqual(count([]), 0)
  })
})
