import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { PCGRandom } from "effect/Utils"
import {
  atLeast,
  bettingPValue,
  binomialTail,
  pairedPValue,
  type Pair,
  pValueOf
} from "../../src/savings/internal/bounds.js"
import { guaranteeOf, show, type Trial, worthOf } from "../../src/savings/internal/guarantees.js"
import { runs } from "../utils/property.js"

const times = (count: number) => Array.from({ length: count }, (_, index) => index)

/** The share of draws in which something happens. */
const shareOf = (draws: number, happens: (random: PCGRandom) => boolean): number => {
  const random = new PCGRandom(11)
  return times(draws).filter(() => happens(random)).length / draws
}

describe("binomial bounds", () => {
  it("are those of tables", () => {
    assert.closeTo(binomialTail(10, 0.5, 8), 56 / 1024, 1e-12)
    assert.closeTo(binomialTail(20, 0.05, 1), 1 - 0.95 ** 20, 1e-12)
    assert.closeTo(binomialTail(20, 0.3, 10), 0.0479618973, 1e-9)
    // Clopper and Pearson's 95 % interval of 7 of 10 is 0.3475 to 0.9333.
    assert.closeTo(atLeast(10, 7, 0.025), 0.3475, 5e-5)
    assert.closeTo(1 - atLeast(10, 3, 0.025), 0.9333, 5e-5)
    assert.closeTo(atLeast(10, 10, 0.05), 0.05 ** 0.1, 1e-9)
  })

  it("have their ends", () => {
    assert.strictEqual(binomialTail(5, 0.5, 0), 1)
    assert.strictEqual(binomialTail(5, 0.5, 6), 0)
    assert.strictEqual(binomialTail(5, 0, 1), 0)
    assert.strictEqual(binomialTail(5, 1, 5), 1)
    assert.strictEqual(atLeast(5, 0, 0.1), 0)
  })
})

const counts = FastCheck.record({
  right: FastCheck.nat(150),
  wrong: FastCheck.nat(150),
  helps: FastCheck.nat(30),
  harms: FastCheck.nat(30)
}).map(({ harms, helps, right, wrong }) => ({
  tasks: right + wrong + helps + harms + 1,
  good: right + harms,
  helps,
  harms
}))

describe("the exact test of pairs", () => {
  it.effect.prop(
    "believes less the more is lost, and more the more is won",
    [counts, FastCheck.double({ min: 0.8, max: 0.99, noNaN: true })],
    ([seen, keep]) =>
      Effect.sync(() => {
        const p = pairedPValue(seen)(keep)
        assert.isTrue(p >= 0 && p <= 1)
        const { good, harms, helps, tasks } = seen
        // One task more on which the best provider alone is right takes the place of one on which both are.
        if (good > harms)
          assert.isAtLeast(pairedPValue({ tasks, good, helps, harms: harms + 1 })(keep), p - 1e-6)
        if (tasks - good > helps) {
          // The rates that are tried stand for those between them.
          assert.isAtMost(pairedPValue({ tasks, good, helps: helps + 1, harms })(keep), p + 2e-3)
        }
      }),
    runs(60)
  )

  it("needs as many tasks without a loss as a loss that isn't seen takes", () => {
    const p = (tasks: number) => pairedPValue({ tasks, good: tasks, helps: 0, harms: 0 })(0.98)
    // Without a single help, harms are seen the least.
    for (const tasks of [60, 106, 150]) assert.isAtLeast(p(tasks), 0.98 ** tasks)
    assert.isAbove(p(100), 0.1)
    assert.isBelow(p(200), 0.05)
    assert.strictEqual(pairedPValue({ tasks: 500, good: 500, helps: 0, harms: 0 })(1), 1)
    assert.strictEqual(pairedPValue({ tasks: 500, good: 0, helps: 0, harms: 0 })(0.9), 1)
    assert.strictEqual(pairedPValue({ tasks: 0, good: 0, helps: 0, harms: 0 })(0.9), 1)
    assert.isBelow(pairedPValue({ tasks: 500, good: 250, helps: 250, harms: 0 })(1), 0.01)
    assert.isBelow(pairedPValue({ tasks: 500, good: 500, helps: 0, harms: 0 })(0), 0.01)
  })

  it.each([
    [150, 0.8, 0.03, 0.97],
    [150, 0.95, 0.002, 0.95],
    [110, 1, 0, 0.98],
    [400, 0.5, 0.1, 0.98],
    [60, 0.9, 0.05, 0.9]
  ])(
    "is wrong no more often than it says: %d tasks, %d good, %d helps, %d kept",
    (tasks, good, help, keep) => {
      // At the edge: exactly the share is kept.
      const harm = help + (1 - keep) * good
      for (const level of [0.1, 0.03]) {
        const wrong = shareOf(250, (random) => {
          let [goods, helps, harms] = [0, 0, 0]
          for (const draw of times(tasks).map(() => random.number())) {
            if (draw < harm) harms += 1
            else if (draw > 1 - help) helps += 1
            if (draw < good) goods += 1
          }
          return pairedPValue({ tasks, good: goods, helps, harms })(keep) <= level
        })
        assert.isAtMost(wrong, level + 3 * Math.sqrt((level * (1 - level)) / 250))
      }
    }
  )

  it("sees what is kept where betting doesn't", () => {
    const random = new PCGRandom(3)
    const pairs = times(2000).map((): Pair => {
      const draw = random.number()
      return { best: draw < 0.9 ? 1 : 0, quality: draw < 0.01 ? 0 : draw < 0.91 ? 1 : 0 }
    })
    assert.isBelow(pValueOf(pairs)(0.98, 0.1), 0.1)
    assert.isAbove(bettingPValue(pairs.slice(0, 1000), 0.98, 0.1), pValueOf(pairs.slice(0, 1000))(0.98, 0.1))
  })
})

describe("betting", () => {
  const pairsOf = (tasks: number, kept: number, random: PCGRandom): ReadonlyArray<Pair> =>
    times(tasks).map(() => {
      const best = 0.5 + random.number() / 2
      // As much is lost by some tasks as is asked for, and more than that is never won.
      return { best, quality: random.number() < 0.2 ? best * (1 - 5 * (1 - kept)) : best }
    })

  it("is wrong no more often than it says where qualities are fractions", () => {
    for (const level of [0.1, 0.03]) {
      const wrong = shareOf(300, (random) => pValueOf(pairsOf(200, 0.9, random))(0.9, level) <= level)
      assert.isAtMost(wrong, level + 3 * Math.sqrt((level * (1 - level)) / 300))
    }
  })

  it("sees what is kept, and nothing without a task", () => {
    const seen = shareOf(50, (random) => pValueOf(pairsOf(300, 0.98, random))(0.9, 0.1) <= 0.1)
    assert.isAbove(seen, 0.9)
    assert.strictEqual(bettingPValue([], 0.9, 0.1), 1)
    assert.isBelow(bettingPValue([{ best: 0, quality: 0.5 }], 0, 0.1), 1)
  })
})

const tried = times(9).map((step) => step / 8)

const cheaply = (quality: number) => ({ quality, costUsd: 1 })

/** Tasks of families that lose so much of the best provider's quality for each dollar's worth. */
const trialsOf = (
  families: ReadonlyArray<readonly [family: string, tasks: number, loss: number]>,
  random = new PCGRandom(5)
): ReadonlyArray<Trial> =>
  families.flatMap(([family, tasks, loss]) =>
    times(tasks).map((index): Trial => {
      const draw = random.number()
      return {
        family,
        group: `${family} ${index}`,
        best: { quality: 1, costUsd: 2 },
        routed: (worth) => cheaply(draw < loss * worth ? 0 : 1)
      }
    })
  )

describe("a guarantee", () => {
  it("is broken in no more draws than its confidence leaves, in any family and on the whole", () => {
    const families = [
      ["a", 150, 0.2],
      ["b", 250, 0.1]
    ] as const
    const breaks = { families: 0, whole: 0 }
    const random = new PCGRandom(7)
    for (const _ of times(150)) {
      const shown = show(trialsOf(families, random), tried, 0.9)
      const keptBy = (family: string, loss: number, scope: "families" | "whole") =>
        1 - loss * (worthOf(shown, 0.95, family, scope) ?? 0)
      if (families.some(([family, , loss]) => keptBy(family, loss, "families") < 0.95)) breaks.families += 1
      const whole = (150 * keptBy("a", 0.2, "whole") + 250 * keptBy("b", 0.1, "whole")) / 400
      if (whole < 0.95) breaks.whole += 1
    }
    assert.isAtMost(breaks.families / 150, 0.1 + 0.07)
    assert.isAtMost(breaks.whole / 150, 0.1 + 0.07)
  })

  it("lets a family trade nothing that loses as soon as anything is traded, and others what they can", () => {
    const shown = show(
      trialsOf([
        ["fragile", 300, 8],
        ["sturdy", 300, 0]
      ]),
      tried,
      0.9
    )
    const at = (keep: number) => guaranteeOf(shown, keep, "families").parts.map(({ verdict }) => verdict)
    assert.deepStrictEqual(at(0.95), [
      { _tag: "Kept", worth: 0 },
      { _tag: "Kept", worth: 1 }
    ])
    assert.deepStrictEqual(at(0.999)[0]?._tag, "TooFew")
    assert.deepStrictEqual(
      guaranteeOf(shown, 0.9, "whole").parts.map(({ families }) => families),
      [["fragile", "sturdy"]]
    )
    // A worth beyond one that loses isn't looked at, lucky or not.
    const lucky = show(
      trialsOf([["a", 300, 0]]).map((trial, index) => ({
        ...trial,
        routed: (worth: number) => cheaply(worth > 0.2 && worth < 0.6 && index % 5 === 0 ? 0 : 1)
      })),
      tried,
      0.9
    )
    assert.strictEqual(worthOf(lucky, 0.95, "a", "families"), 0.125)
  })

  it("says how many tasks it lacks, and what was shown instead", () => {
    const few = guaranteeOf(show(trialsOf([["a", 80, 0]]), tried, 0.9), 0.98, "families")
    assert.strictEqual(few.confidence, 0.9)
    assert.strictEqual(few.parts[0]?.tasks, 80)
    const [verdict] = few.parts.map((part) => part.verdict)
    if (verdict?._tag !== "TooFew") throw new Error("not too few")
    // 0.98 ** 114 is a tenth.
    assert.isTrue(verdict.needed > 105 && verdict.needed < 150, `${verdict.needed}`)
    const enough = show(trialsOf([["a", verdict.needed, 0]]), tried, 0.9)
    assert.strictEqual(guaranteeOf(enough, 0.98, "families").parts[0]?.verdict._tag, "Kept")
    const lossy = show(
      trialsOf([["a", 400, 0]]).map((trial, index) => ({
        ...trial,
        routed: () => cheaply(index % 10 === 0 ? 0 : 1)
      })),
      tried,
      0.9
    )
    const [shown] = guaranteeOf(lossy, 0.98, "families").parts.map((part) => part.verdict)
    if (shown?._tag !== "NotShown") throw new Error("shown")
    // Nine tenths are kept: the next lower share that is tested is shown.
    assert.strictEqual(shown.share, 0.85)
    assert.isUndefined(worthOf(lossy, 0.98, "a", "families"))
  })

  it("judges families that are small together, and counts prompts of one group once", () => {
    const trials = trialsOf([
      ["large", 200, 0],
      ["small", 60, 0],
      ["tiny", 1, 0]
    ])
    const shown = show([...trials, ...trials], tried, 0.9)
    assert.deepStrictEqual(
      shown.families.map(({ names, tasks }) => [names, tasks]),
      [
        [["large"], 200],
        [["small", "tiny"], 61]
      ]
    )
    assert.strictEqual(shown.whole.tasks, 261)
    assert.strictEqual(worthOf(shown, 0.9, "tiny", "families"), 1)
    assert.isUndefined(worthOf(shown, 0.9, "unheard of", "families"))
    assert.deepStrictEqual(shown, show([...trials, ...trials], tried, 0.9))
  })

  it("promises nothing of no tasks, nor where all are wrong or the losses are all there is", () => {
    const none = show([], tried, 0.9)
    assert.deepStrictEqual(guaranteeOf(none, 0.9, "families").parts, [])
    assert.strictEqual(guaranteeOf(none, 0.9, "whole").parts[0]?.verdict._tag, "TooFew")
    const of = (best: number, quality: number) =>
      guaranteeOf(
        show(
          trialsOf([["a", 200, 0]]).map((trial) => ({
            ...trial,
            best: { quality: best, costUsd: 2 },
            routed: () => cheaply(quality)
          })),
          tried,
          0.9
        ),
        0.9,
        "families"
      ).parts[0]?.verdict
    assert.deepStrictEqual(of(0, 0), { _tag: "NotShown", share: 0 })
    assert.deepStrictEqual(of(1, 0), { _tag: "NotShown", share: 0 })
    assert.deepStrictEqual(of(1, 1), { _tag: "Kept", worth: 1 })
    assert.deepStrictEqual(of(0.5, 0.5), { _tag: "Kept", worth: 1 })
    assert.deepStrictEqual(of(0, 1), { _tag: "Kept", worth: 1 })
  })

  it("trades nothing where that saves nothing, however much it keeps", () => {
    const dear = trialsOf([["a", 300, 0]]).map((trial) => ({
      ...trial,
      routed: (worth: number) => ({ quality: 1, costUsd: worth < 0.5 ? 3 : 1 })
    }))
    const only = (tested: ReadonlyArray<number>) =>
      show(dear, tested, 0.9).whole.shown.map(({ worth }) => worth)
    assert.deepStrictEqual(only(tried), [1])
    assert.deepStrictEqual(only([0, 0.25]), [])
  })

  it("divides among families what may go wrong", () => {
    const tagsOf = (...families: ReadonlyArray<string>) => {
      const shown = show(trialsOf(families.map((family) => [family, 130, 0] as const)), tried, 0.9)
      return guaranteeOf(shown, 0.98, "families").parts.map(({ verdict }) => verdict._tag)
    }
    assert.deepStrictEqual(tagsOf("a"), ["Kept"])
    assert.deepStrictEqual(tagsOf("a", "b"), ["TooFew", "TooFew"])
  })
})
