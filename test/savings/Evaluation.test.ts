import { assert, describe, it } from "@effect/vitest"
import { Outcomes, QualityModel } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { PCGRandom } from "effect/Utils"
import * as evaluation from "../../src/savings/Evaluation.js"
import * as measures from "../../src/savings/internal/evaluation/measures.js"
import * as policies from "../../src/savings/internal/evaluation/policies.js"
import { know, play } from "../../src/savings/internal/evaluation/policy.js"
import { seen } from "../../src/savings/internal/train.js"
import * as data from "../utils/outcomes.js"
import { runs } from "../utils/property.js"

const { cheap, middle, strong } = data

const evaluate = (...args: Parameters<typeof evaluation.evaluate>) =>
  Either.getOrThrow(evaluation.evaluate(...args))

const recorded = data.make(800)

const mean = (numbers: ReadonlyArray<number>): number =>
  numbers.reduce((sum, n) => sum + n, 0) / numbers.length

const report = evaluate(recorded, { salts: ["s0"] })

const rowOf = (policy: string, keep: number) => {
  const row = report.rows.find((each) => each.policy === policy && each.keep === keep)
  if (row === undefined) throw new Error(`no row of ${policy}`)
  return row
}

/** The same outcomes, with what came of them dealt out anew among the prompts. */
const shuffledLabels = (
  outcomes: ReadonlyArray<Outcomes.Outcome>,
  seed: number
): ReadonlyArray<Outcomes.Outcome> => {
  const random = new PCGRandom(seed)
  const dealt = outcomes
    .map(({ outcomes: labels }) => ({ labels, key: random.number() }))
    .toSorted((left, right) => left.key - right.key)
  return outcomes.map((outcome, index) => ({
    ...outcome,
    outcomes: dealt[index]?.labels ?? outcome.outcomes
  }))
}

const apgrOf = (trained: Omit<Outcomes.Parts, "test">, test: ReadonlyArray<Outcomes.Outcome>): number => {
  const { gain } = Either.getOrThrow(
    Either.flatMap(know(trained), policies.prediction(policies.trainer()).fit)
  )
  const recovery = measures.recovery(
    test.map(seen).map(({ features, outcome }) => ({
      expected: gain?.(features, strong, cheap) ?? 0,
      actual:
        (Outcomes.answered(outcome, strong)?.quality ?? 0) - (Outcomes.answered(outcome, cheap)?.quality ?? 0)
    }))
  )
  return Option.getOrThrow(recovery).apgr
}

describe("the evaluation", () => {
  it("reproduces the mean of a policy that always picks one model, to the digit", () => {
    const { test, ...parts } = Outcomes.split(recorded, "s0")
    for (const provider of [cheap, middle, strong]) {
      const results = play(
        Either.getOrThrow(Either.flatMap(know(parts), policies.single(provider).fit)).at(0.99),
        test.map(seen)
      )
      const own = test.map((outcome) => Outcomes.answered(outcome, provider))
      assert.strictEqual(
        mean(results.map(({ quality }) => quality)),
        mean(own.map((each) => each?.quality ?? 0))
      )
      assert.strictEqual(
        mean(results.map(({ costUsd }) => costUsd)),
        mean(own.map((each) => each?.costUsd ?? 0))
      )
    }
    assert.strictEqual(rowOf("strong", 0.99).kept.mean, 1)
    assert.strictEqual(rowOf("strong", 0.99).saved.mean, 0)
  })

  it("charges every provider that is asked, once, and whose answer is taken", () => {
    const [row] = recorded.slice(0, 1).map(seen)
    if (row === undefined) throw new Error("no outcome")
    const cost = (provider: typeof cheap) => Outcomes.answered(row.outcome, provider)?.costUsd ?? Number.NaN
    const [result] = play(
      ({ ask }) => {
        ask(cheap)
        ask(middle)
        ask(cheap)
        return strong
      },
      [row]
    )
    assert.closeTo(result?.costUsd ?? 0, cost(cheap) + cost(middle) + cost(strong), 1e-12)
    assert.strictEqual(result?.quality, Outcomes.answered(row.outcome, strong)?.quality)
  })

  it.effect.prop(
    "bounds every choice by the oracle",
    [
      FastCheck.array(
        FastCheck.array(
          FastCheck.record({
            quality: FastCheck.constantFrom(0, 0.5, 1),
            costUsd: FastCheck.constantFrom(1, 2, 3, 9)
          }),
          { minLength: 3, maxLength: 3 }
        ),
        { minLength: 1, maxLength: 8 }
      ),
      FastCheck.array(FastCheck.nat(2), { minLength: 8, maxLength: 8 })
    ],
    ([rows, choices]) =>
      Effect.sync(() => {
        const names = [cheap, middle, strong]
        const outcomes = rows.map((row, index): Outcomes.Outcome => ({
          id: `${index}`,
          family: "a",
          group: `${index}`,
          prompt: "",
          outcomes: Object.fromEntries(
            names.map((name, place) => [name, row[place] ?? { quality: 0, costUsd: 0 }])
          )
        }))
        // What is shared out must be something.
        if (rows.every((row) => row[2]?.quality === 0)) return
        const results = play(({ id }) => names[choices[Number(id)] ?? 0] ?? cheap, outcomes.map(seen))
        const { kept, saved } = measures.figures(results, strong)
        const bound = measures.oracle(outcomes, strong)(kept)
        assert.isAtLeast(bound.kept, kept - 1e-9)
        assert.isAtLeast(bound.saved, saved - 1e-9)
      }),
    runs()
  )

  it("has no policy that does better than the oracle", () => {
    for (const row of report.rows) {
      const { test, ...parts } = Outcomes.split(recorded, "s0")
      const policy = policies.all(recorded, 0.9).find(({ name }) => name === row.policy)
      if (policy === undefined || row.keep !== 0.99 || !/only|mixture|single/.test(row.policy)) continue
      const { kept, saved } = measures.figures(
        play(Either.getOrThrow(Either.flatMap(know(parts), policy.fit)).at(0.99), test.map(seen)),
        strong
      )
      assert.isAtLeast(measures.oracle(test, strong)(kept).saved, saved - 1e-9, row.policy)
    }
    for (const keep of [0.98, 0.99, 1]) {
      const bound = report.oracle.find((each) => each.keep === keep)
      assert.isAtLeast(bound?.saved.mean ?? 0, rowOf("cascade, learned", keep).saved.mean)
    }
  })

  it.effect("finds what can be learned, and nothing where labels are shuffled", () =>
    Effect.gen(function* () {
      const two = data.make(400, { providers: [cheap, strong], answers: false })
      const { test, train, validation } = Outcomes.split(two, "s0")
      assert.isAbove(apgrOf({ train, validation }, test), 0.65)
      // What is believed of a word by chance is as often wrong as right: one deal alone may be lucky.
      const deals = yield* Effect.forEach(
        Array.from({ length: 24 }, (_, seed) => seed),
        (seed) =>
          Effect.promise(async () => {
            const shuffled = {
              train: shuffledLabels(train, seed),
              validation: shuffledLabels(validation, seed)
            }
            return apgrOf(shuffled, test)
          })
      )
      assert.closeTo(mean(deals), 0.5, 0.08)
    })
  )

  it("gives policies nothing of the test part: other test outcomes change no decision", () => {
    const { test, ...parts } = Outcomes.split(recorded, "s0")
    const upside = test.map((outcome) => ({
      ...outcome,
      outcomes: Object.fromEntries(
        Object.entries(outcome.outcomes).map(([provider, each]) => [
          provider,
          { ...each, quality: 1 - each.quality }
        ])
      )
    }))
    const inverted = new Map(upside.map((outcome) => [outcome.id, outcome]))
    const changed = evaluate(
      recorded.map((outcome) => inverted.get(outcome.id) ?? outcome),
      { salts: ["s0"] }
    )
    assert.isAbove(parts.train.length, 0)
    for (const [index, row] of report.rows.entries()) {
      assert.strictEqual(changed.rows[index]?.saved.mean, row.saved.mean, row.policy)
    }
  })

  it("saves by prediction where words tell, and by a cascade where they don't", () => {
    // What is more likely than not: so few outcomes show little with certainty.
    const of = (telling: boolean) => {
      const { rows } = evaluate(data.make(800, { telling }), { salts: ["s0"], confidence: 0.5 })
      return (policy: string) => rows.find((row) => row.policy === policy && row.keep === 0.98)
    }
    const [told, silent] = [of(true), of(false)]
    assert.isAbove(told("prediction, whole")?.saved.mean ?? 0, 0.3)
    assert.isBelow(silent("prediction, whole")?.saved.mean ?? 1, 0.2)
    assert.isAbove(silent("cascade, learned, whole")?.saved.mean ?? 0, 0.3)
    assert.isAtLeast(silent("cascade, learned, whole")?.kept.mean ?? 0, 0.96)
  })

  it("has an interval around each figure", () => {
    for (const { interval, kept, saved } of report.rows) {
      assert.isAtMost(interval.saved[0], saved.mean)
      assert.isAtLeast(interval.saved[1], saved.mean)
      assert.isAtMost(interval.kept[0], kept.mean)
      assert.isAtLeast(interval.kept[1], kept.mean)
    }
  })

  it("tells how well the stronger of two is asked when it is needed, over all and within families", () => {
    const two = evaluate(data.make(600, { providers: [cheap, strong], answers: false }), { salts: ["s0"] })
    assert.deepStrictEqual(
      two.recovery.map(({ within }) => within),
      ["all", "facts", "sums"]
    )
    for (const { apgr, cpt50, cpt80 } of two.recovery) {
      assert.isAbove(apgr.mean, 0.5)
      assert.isBelow(cpt50.mean, cpt80.mean)
    }
    assert.notInclude(
      two.rows.map(({ policy }) => policy),
      "cascade, learned"
    )
    assert.lengthOf(report.recovery, 0)
  })

  it("measures only tasks that every provider answered", () => {
    const half = recorded.map((outcome, index): Outcomes.Outcome =>
      index % 2 === 0 ? outcome : { ...outcome, outcomes: {} }
    )
    assert.strictEqual(evaluate(half, { salts: ["s0"] }).tasks, 400)
  })

  it("has no recovery where a policy doesn't say what it expects, and no curve without a split", () => {
    const two = data.make(600, { providers: [cheap, strong], answers: false })
    const said = evaluate(two, { salts: ["s0"], policies: [policies.cheapest] })
    assert.lengthOf(said.recovery, 0)
    const none = evaluate(two, { salts: [], policies: [policies.cheapest] })
    assert.isUndefined(none.best)
    assert.deepStrictEqual(
      none.curves.map(({ points }) => points),
      [[], []]
    )
  })

  it("leaves to the best what nothing may be traded for, and what a model has no cascade for", () => {
    const { train, validation } = Outcomes.split(recorded, "s0")
    const known = Either.getOrThrow(know({ train, validation }))
    // What was learned is the opposite of what is held back.
    const opposite = validation.map((outcome) => ({
      ...outcome,
      outcomes: Object.fromEntries(
        known.byCost.map((provider) => [provider, { quality: provider === strong ? 1 : 0, costUsd: 1 }])
      )
    }))
    const misled = {
      ...known,
      validation: opposite,
      train: train.map((outcome) => ({
        ...outcome,
        outcomes: Object.fromEntries(
          known.byCost.map((provider) => [provider, { quality: provider === strong ? 0 : 1, costUsd: 1 }])
        )
      }))
    }
    const label = Either.getOrThrow(policies.familyLabel(0.9).fit(misled))
    assert.isTrue(play(label.at(1), opposite.map(seen)).every(({ quality }) => quality === 1))
    const { cascade: _, ...without } = Either.getOrThrow(QualityModel.train({ train, validation }))
    const same = evaluate(recorded, { salts: ["s0"], model: without })
    const row = same.rows.find(({ keep, policy }) => policy === "cascade, learned" && keep === 0.98)
    assert.strictEqual(row?.saved.mean, 0)
  })

  it.effect("says what is missing where there is too little to learn from", () =>
    Effect.gen(function* () {
      const few = yield* Effect.flip(evaluation.evaluate(recorded.slice(0, 30)))
      assert.match(few.message, /^QualityModel\.train: Expected 20 outcomes at least/)
      const none = yield* Effect.flip(evaluation.evaluate([]))
      assert.strictEqual(
        none.message,
        "Outcomes: Expected outcomes with an answer of every provider, actual too few to split"
      )
    })
  )

  it("has nothing to say of families that are too small", () => {
    const few = evaluate(recorded.slice(0, 300), { salts: ["s0"], policies: [policies.cheapest] })
    assert.isUndefined(few.rows[0]?.worst)
  })
})

describe("measures.recovery", () => {
  it("is half for a router that knows nothing, and the most for one that knows all", () => {
    const actual = [1, 0, 1, 0, 0, 1, 0, 0]
    const none = measures.recovery(actual.map(() => ({ expected: 0, actual: 1 })))
    assert.deepStrictEqual(none, Option.some({ apgr: 0.5, cpt50: 0.5, cpt80: 0.875 }))
    const all = Option.getOrThrow(measures.recovery(actual.map((each) => ({ expected: each, actual: each }))))
    assert.closeTo(all.apgr, (3 / 2 + 5) / 8, 1e-12)
    assert.strictEqual(all.cpt50, 2 / 8)
  })

  it("is nothing where the stronger isn't", () => {
    assert.deepStrictEqual(measures.recovery([{ expected: 1, actual: 0 }]), Option.none())
  })
})

describe("a broken promise", () => {
  /** Results of right and wrong answers, each task a group of its own unless it is told. */
  const resultsOf = (family: string, tasks: number, losses: number, groups = tasks) =>
    Array.from({ length: tasks }, (_, index) => ({
      outcome: {
        id: `${family} ${index}`,
        family,
        group: `${family} ${index % groups}`,
        prompt: "",
        outcomes: { [strong]: { quality: 1, costUsd: 1 } }
      },
      quality: index < losses ? 0 : 1,
      costUsd: 0.5
    }))

  it("is one where the 90 % interval lies below what was asked, on the whole or in a family", () => {
    const breaks = (...results: ReadonlyArray<ReturnType<typeof resultsOf>>) =>
      measures.breaks(results.flat(), strong, 0.95)
    // Of 200 the standard error of 10 % is 2.1 %, of 7 % it is 1.8 %.
    assert.isTrue(breaks(resultsOf("a", 200, 20)))
    assert.isFalse(breaks(resultsOf("a", 200, 14)))
    assert.isFalse(breaks(resultsOf("a", 200, 0)))
    assert.isTrue(breaks(resultsOf("a", 60, 12), resultsOf("b", 900, 0)))
    // A family of 59 says nothing of itself.
    assert.isFalse(breaks(resultsOf("a", 59, 12), resultsOf("b", 900, 0)))
  })

  it("is measured by intervals of groups, and of splits as far as they aren't the same tasks", () => {
    const of = (...sets: ReadonlyArray<ReturnType<typeof resultsOf>>) => {
      const [low, high] = measures.interval(
        sets.map((results) => ({ results, best: strong })),
        1
      ).kept
      assert.closeTo((low + high) / 2, 0.9, 1e-9)
      return (high - low) / 2
    }
    const error = Math.sqrt((0.1 * 0.9) / 200)
    assert.closeTo(of(resultsOf("a", 200, 20)), error, 1e-9)
    assert.closeTo(of(resultsOf("a", 200, 20), resultsOf("a", 200, 20)), error, 1e-9)
    assert.closeTo(of(resultsOf("a", 200, 20), resultsOf("b", 200, 20)), error / Math.SQRT2, 1e-9)
    // All losses in the first of ten groups of twenty.
    const grouped = resultsOf("a", 200, 0, 10).map((each) =>
      each.outcome.group === "a 0" ? { ...each, quality: 0 } : each
    )
    assert.closeTo(of(grouped), Math.sqrt((0.1 * 0.9) / 10), 1e-9)
  })

  it("is told beside what was left to the best provider, and why", () => {
    const [row] = evaluate(recorded.slice(0, 300), {
      salts: ["s0", "s1"],
      policies: [policies.prediction(policies.trainer())]
    }).rows.filter(({ keep }) => keep === 0.99)
    assert.strictEqual(row?.broken, 0)
    assert.deepStrictEqual(row?.withheld, [{ families: "facts, sums", tooFew: 2, notShown: 0 }])
    assert.strictEqual(row?.saved.mean, 0)
  })
})
