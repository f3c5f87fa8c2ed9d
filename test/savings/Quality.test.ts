import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { PCGRandom } from "effect/Utils"
import { beta } from "../../src/savings/internal/beta.js"
import { run } from "../../src/savings/internal/cascades.js"
import { learn, weigh } from "../../src/savings/internal/evidence.js"
import { hash } from "../../src/internal/hash.js"
import { inner, leastSquares, logistic, sigmoid } from "../../src/savings/internal/linear.js"
import { costOf, mean } from "../../src/savings/internal/recorded.js"
import * as data from "../utils/outcomes.js"
import { runs } from "../utils/property.js"

const { cheap, middle, strong } = data

describe("linear algebra", () => {
  it.effect.prop(
    "finds the weights again that made the numbers",
    [FastCheck.tuple(FastCheck.integer({ min: -9, max: 9 }), FastCheck.integer({ min: -9, max: 9 }))],
    ([weights]) =>
      Effect.sync(() => {
        const samples = Array.from({ length: 40 }, (_, index) => {
          const inputs = [1, (index % 7) - 3]
          return { inputs, target: inner(inputs, weights) }
        })
        const [one, other] = leastSquares(samples, 2, 1e-9)
        assert.closeTo(one ?? 0, weights[0], 1e-6)
        assert.closeTo(other ?? 0, weights[1], 1e-6)
      }),
    runs()
  )

  it("finds the odds of what is more often so than not, and counts what is lacking as 0", () => {
    const [odds = 0] = logistic(
      Array.from({ length: 100 }, (_, index) => ({ inputs: [1], target: index < 80 ? 1 : 0 })),
      1,
      1e-6
    )
    assert.closeTo(sigmoid(odds), 0.8, 1e-4)
    assert.strictEqual(inner([1, 2, 3], [4]), 4)
  })
})

describe("hash", () => {
  it("is the same everywhere, and spreads similar texts", () => {
    assert.strictEqual(hash("arc-saga"), hash("arc-saga"))
    const places = new Set(Array.from({ length: 1000 }, (_, index) => hash(`group ${index}`) % 5))
    assert.strictEqual(places.size, 5)
  })
})

describe("beta", () => {
  it("has the mean of what was good, is sure of much and unsure of little", () => {
    const random = new PCGRandom(1)
    const drawn = (good: number, bad: number) => Array.from({ length: 2000 }, () => beta(good, bad, random))
    const spread = (numbers: ReadonlyArray<number>) =>
      Math.sqrt(mean(numbers.map((n) => (n - mean(numbers)) ** 2)))
    assert.closeTo(mean(drawn(8, 2)), 0.8, 0.02)
    assert.closeTo(mean(drawn(0.5, 0.5)), 0.5, 0.04)
    assert.isBelow(spread(drawn(800, 200)), spread(drawn(8, 2)) / 5)
    for (const n of [...drawn(0, 1), ...drawn(1, 0), ...drawn(0, 0)]) assert.isTrue(n >= 0 && n <= 1)
  })
})

describe("evidence", () => {
  const said = (answers: ReadonlyArray<string>) =>
    answers.map((answer, index) => ({
      provider: [cheap, middle][index] ?? strong,
      answer,
      score: 0,
      quality: answer === "right" ? 1 : 0
    }))
  const last = { score: 0, quality: 1 }
  const records = Array.from({ length: 60 }, (_, index) => ({
    said: said(index % 2 === 0 ? ["right", "right"] : index % 4 === 1 ? ["wrong", "other"] : ["", ""]),
    last
  }))
  const learned = learn(records, 2)

  it("speaks for answers that agree, and against those that don't", () => {
    const agreeing = weigh(learned, said(["a", "a"]), 0)
    const differing = weigh(learned, said(["a", "b"]), 0)
    assert.isBelow(agreeing?.gain ?? 1, 0.2)
    assert.isAbove(differing?.gain ?? 0, 0.7)
    assert.isUndefined(weigh(learned, said(["", ""]), 0))
  })

  it("is nothing to a cascade whose last provider a model doesn't know: it costs nothing to ask", () => {
    const cascade = { stages: [{ provider: cheap, ...learn([], 1) }], last: AIProvider.Gpt4 } as const
    const before = { estimates: [], ask: () => "a" }
    assert.strictEqual(run(cascade, before, 0), cheap)
    const better = {
      ...cascade,
      stages: [{ provider: cheap, accepted: [0], better: [5], worse: [-5] }]
    } as const
    assert.strictEqual(run(better, before, 1e9), AIProvider.Gpt4)
  })
})

describe("what was recorded", () => {
  it("of a provider that wasn't asked costs nothing", () => {
    const [outcome] = data.make(1, { providers: [cheap] })
    if (outcome === undefined) throw new Error("no outcome")
    assert.strictEqual(costOf(outcome, strong), 0)
  })
})
