import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  Comparison,
  Judge,
  Learning,
  MultiLLMOrchestrator,
  Outcomes,
  QualityModel,
  Retraining,
  Savings,
  Strategy,
  TokenUsage
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { PCGRandom } from "effect/Utils"
import * as Price from "../../src/Price.js"
import { share } from "../../src/internal/hash.js"
import { mostIn, showWhole, type Trial } from "../../src/savings/internal/guarantees.js"
import * as data from "../utils/outcomes.js"
import { sized } from "../utils/property.js"

const promises = [{ by: "prediction", keep: 0.9 }] as const

const decide = (outcomes: ReadonlyArray<Outcomes.Outcome>, options: Partial<Retraining.Options> = {}) =>
  Either.getOrThrow(Retraining.decide(outcomes, { promises, ...options }))

const whyOf = (decision: Retraining.Decision): string => (decision._tag === "Taken" ? "taken" : decision.why)

/** Outcomes in which a provider is wrong for some of the tasks. */
const spoiled = (
  outcomes: ReadonlyArray<Outcomes.Outcome>,
  provider: AIProvider.AIProvider,
  where: (outcome: Outcomes.Outcome) => boolean
): ReadonlyArray<Outcomes.Outcome> =>
  outcomes.map((outcome) => {
    const own = Outcomes.answered(outcome, provider)
    return own === undefined || !where(outcome)
      ? outcome
      : { ...outcome, outcomes: { ...outcome.outcomes, [provider]: { ...own, quality: 0 } } }
  })

const isHeld = ({ group }: Outcomes.Outcome): boolean => share(`s0/${group}`) >= 0.8
const isLast = (outcome: Outcomes.Outcome): boolean =>
  isHeld(outcome) && share(`s0/last/${outcome.group}`) < 0.5

const pair = { answers: false, providers: [data.cheap, data.strong] }
const recorded = data.make(750, pair)
const taken = decide(recorded)

describe("Retraining.decide", () => {
  it("takes a model that saves something where there is none, and says what it keeps", () => {
    if (taken._tag !== "Taken") throw new Error(taken.reason)
    assert.isAbove(taken.saved, 0.2)
    assert.isAbove(taken.kept, 0.9)
    assert.strictEqual(taken.tasks, recorded.filter(isLast).length)
    assert.strictEqual(taken.model.best, data.strong)
    assert.deepStrictEqual(decide(recorded), taken)
  })

  it("refuses one that saves no more than the one in use", () => {
    if (taken._tag !== "Taken") throw new Error(taken.reason)
    const again = decide(recorded, { current: taken.model })
    assert.strictEqual(whyOf(again), "saves-no-more")
    // What can't be promised saves nothing: there is no better than that.
    const strict = decide(recorded, { promises: [{ by: "prediction", keep: 1 }] })
    assert.strictEqual(whyOf(strict), "saves-no-more")
    assert.match(
      strict._tag === "Refused" ? strict.reason : "",
      /^it saves 0\.0 %, where 0\.0 % are saved now$/
    )
  })

  it("takes one that saves less in place of one that breaks what it promised", () => {
    if (taken._tag !== "Taken") throw new Error(taken.reason)
    // The cheap ones have become bad: what the old model saves isn't worth having.
    const changed = spoiled(
      data.make(750, { ...pair, seed: 8 }),
      data.cheap,
      ({ family }) => family === "facts"
    )
    const decision = decide(changed, { current: taken.model })
    assert.strictEqual(whyOf(decision), "taken")
    assert.isBelow(decision._tag === "Taken" ? decision.saved : 1, 0.8)
  })

  it("refuses one that breaks a promise on the outcomes that are looked at last, and by nothing else", () => {
    const decision = decide(spoiled(recorded, data.cheap, isLast))
    assert.strictEqual(whyOf(decision), "breaks-a-promise")
    assert.match(
      decision._tag === "Refused" ? decision.reason : "",
      /^by prediction it keeps \d+\.\d % in a test, or less in a family, of 90\.0 %$/
    )
    // All else is as before: nothing was chosen by them.
    const { train } = Outcomes.split(spoiled(recorded, data.cheap, isLast), "s0")
    assert.deepStrictEqual(train, Outcomes.split(recorded, "s0").train)
  })

  it("holds each promise, of a cascade on the whole, too", () => {
    const both = decide(data.make(750, { providers: pair.providers }), {
      promises: [
        { by: "cascade", keep: 0.9, scope: "whole" },
        { by: "prediction", keep: 0.9, scope: "whole" }
      ]
    })
    assert.strictEqual(whyOf(both), "taken")
  })

  it("refuses where too few outcomes can test, or none is of a provider that the model in use knows", () => {
    if (taken._tag !== "Taken") throw new Error(taken.reason)
    const few = decide(data.make(200, pair))
    assert.strictEqual(whyOf(few), "too-few")
    assert.match(
      few._tag === "Refused" ? few.reason : "",
      /^only \d+ outcomes to test by: 60 or more are needed$/
    )
    const known = Either.getOrThrow(
      QualityModel.train(Outcomes.split(data.make(60, { answers: false }), "s0"))
    )
    const without = decide(data.make(200, pair), { current: { ...taken.model, providers: known.providers } })
    assert.strictEqual(whyOf(without), "lacks-a-provider")
    const none = Retraining.decide([], { promises })
    assert.include(JSON.stringify(none), "Expected outcomes of two providers at least, actual 0")
  })
})

describe("the whole loop", () => {
  const [cheap, strong] = [data.cheap, data.strong]
  const price = (input: number) => Either.getOrThrow(Price.make({ input, output: input }))
  const says = (text: string) =>
    Behaviour.answer({ text, usage: TokenUsage.make({ inputTokens: 100, outputTokens: 20 }) })

  /** Every answer is a number; the cheap provider knows those of easy tasks. */
  const engines = ScriptedEngine.makeAll([
    {
      provider: cheap,
      record: false,
      price: price(1),
      script: ({ task }) => {
        const prompt = AITask.promptText(task)
        return Effect.succeed(says(prompt.includes("prove") ? "1" : (/\d+/.exec(prompt)?.[0] ?? "")))
      }
    },
    {
      provider: strong,
      record: false,
      price: price(20),
      script: ({ task }) => Effect.succeed(says(/\d+/.exec(AITask.promptText(task))?.[0] ?? ""))
    }
  ])

  /** Serves tasks by a strategy, and gives the outcomes that were learned of meanwhile. */
  const serve = (strategy: Strategy.Strategy, from: number, count: number) =>
    Effect.gen(function* () {
      const outcomes: Array<Outcomes.Outcome> = []
      const served = MultiLLMOrchestrator.layerFor({ strategy }).pipe(
        Layer.provideMerge(
          Learning.layer({
            share: 1,
            budget: { usd: 100 },
            judge: Judge.agreement(Comparison.number, strong),
            record: (outcome) => Effect.sync(() => void outcomes.push(outcome))
          })
        ),
        Layer.provide(ScriptedEngine.layerRegistry(yield* engines))
      )
      const random = new PCGRandom(from)
      let spent = 0
      yield* Effect.gen(function* () {
        const { complete } = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
        for (let index = from; index < from + count; index++) {
          const words = random.number() < 0.5 ? "name simply which" : "prove rigorously why"
          const task = yield* AITask.make({ id: `t${index}`, prompt: `Of ${index + 2}, ${words} number?` })
          const { provider } = yield* complete(task)
          spent += provider === strong ? 20 : 1
          // What is asked in the background has its turn.
          for (let turn = 0; turn < 50 && outcomes.length <= index - from; turn++) yield* Effect.yieldNow()
        }
      }).pipe(Effect.provide(served))
      return { outcomes, spent }
    })

  it.effect("serves, learns, and saves by a better model, which no worse one replaces", () =>
    Effect.gen(function* () {
      const first = yield* serve(Strategy.quality, 0, 720)
      assert.strictEqual(first.outcomes.length, 720)
      const keep = { by: "prediction", keep: 0.95 } as const
      const decision = yield* Retraining.decide(first.outcomes, { promises: [keep] })
      if (decision._tag !== "Taken") throw new Error(decision.reason)
      assert.isAbove(decision.saved, 0.3)

      const strategy = yield* Savings.make({ keep: 0.95 }).pipe(
        Effect.provide(QualityModel.layer(decision.model))
      )
      const second = yield* serve(strategy, 900, 100)
      assert.isBelow(second.spent, 0.7 * 20 * 100)

      // Where the cheap one is never right, nothing is learned that saves.
      const outcomes = spoiled(first.outcomes, cheap, () => true)
      const worse = yield* Retraining.decide(outcomes, { promises: [keep], current: decision.model })
      assert.strictEqual(whyOf(worse), "saves-no-more")
    })
  )
})

describe("many trainings", () => {
  const confidences = Array.from({ length: 10_000 }, (_, index) => Retraining.confidenceOf(0.9, index + 1))

  it("may err no more together than the confidence leaves, and get the whole of it", () => {
    const error = confidences.reduce((sum, confidence) => sum + (1 - confidence), 0)
    assert.isBelow(error, 0.1)
    assert.isAbove(error, 0.0999)
    assert.strictEqual(Retraining.confidenceOf(1, 3), 1)
  })

  it("test by their part of it", () => {
    if (taken._tag !== "Taken") throw new Error(taken.reason)
    const third = decide(recorded, { training: 3 })
    assert.strictEqual(
      third._tag === "Taken" ? third.model.shown.confidence : 0,
      Retraining.confidenceOf(0.9, 3)
    )
    assert.strictEqual(taken.model.shown.confidence, 0.9)
    const refusal = (options: Partial<Retraining.Options>) =>
      Either.getOrThrow(Either.flip(Retraining.decide(recorded, { promises, ...options }))).message
    assert.include(refusal({ training: 0 }), "Retraining.training: Expected")
    assert.include(refusal({ training: 1, confidence: -0.3 }), "Retraining.confidence: Expected")
  })

  it("can still show what is so, however many there were", () => {
    const sure = Array.from({ length: 1000 }, (_, index) => trialOf(index, 1, 1))
    assert.isDefined(mostIn(showWhole(sure, [0, 1], Retraining.confidenceOf(0.9, 1000)), 0.9))
  })

  /** A task that a cheap provider plays with some quality where the best one has another. */
  const trialOf = (index: number, best: number, cheap: number): Trial => ({
    family: "all",
    group: `g${index}`,
    best: { quality: best, costUsd: 1 },
    routed: (worth) => ({ quality: worth > 0 ? cheap : best, costUsd: worth > 0 ? 0 : 1 })
  })

  /**
   * In how many of some lives of a server one of its trainings promises 0.9 although just a little less is kept: each
   * training sees all outcomes so far, one day after the other.
   */
  const broken = (sureOf: (training: number) => number): number => {
    const [lives, days, perDay] = [sized(300, 60), sized(40, 15), 40]
    let wrong = 0
    for (let life = 1; life <= lives; life++) {
      const random = new PCGRandom(life)
      const trials: Array<Trial> = []
      for (let day = 1; day <= days; day++) {
        for (let n = 0; n < perDay; n++) {
          trials.push(trialOf(trials.length, random.number() < 0.9 ? 1 : 0, random.number() < 0.809 ? 1 : 0))
        }
        if (mostIn(showWhole(trials, [1], sureOf(day)), 0.9) === undefined) continue
        wrong += 1
        break
      }
    }
    return wrong / lives
  }

  it("on ever the same outcomes promise wrongly no more often than stated, which each by itself would", () => {
    assert.isAbove(
      broken(() => 0.9),
      0.15
    )
    assert.isAtMost(
      broken((training) => Retraining.confidenceOf(0.9, training)),
      0.1
    )
  }, 600_000)
})
