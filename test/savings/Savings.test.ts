import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  CostOptimizer,
  MultiLLMOrchestrator,
  Outcomes,
  Price,
  ProviderMetrics,
  QualityModel,
  Savings
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { choose } from "../../src/savings/internal/choice.js"
import { show, worthOf, worths } from "../../src/savings/internal/guarantees.js"
import * as data from "../utils/outcomes.js"
import { runs } from "../utils/property.js"

const { cheap, middle, strong } = data

const trained = Either.getOrThrow(QualityModel.train(Outcomes.split(data.make(1200), "s0")))
const Model = QualityModel.layer(trained)

/** The same model, which can promise nothing. */
const Modest = QualityModel.layer({ ...trained, shown: { ...trained.shown, families: [] } })

const task = (prompt: string, more: Partial<AITask.Options> = {}) =>
  Either.getOrThrow(AITask.make({ prompt, ...more }))
const easy = task("Of rivers, name simply which rivers?")
const hard = task("Of rivers, prove rigorously why rivers?")

const metrics = (provider: string, more: Partial<ProviderMetrics.Options> = {}) =>
  Either.getOrThrow(ProviderMetrics.make({ provider, ...more }))

const providers = [{ provider: "strong" }, { provider: "middle" }, { provider: "cheap" }]

const ranked = (
  options: Savings.Options,
  asked: AITask.AITask,
  known: ReadonlyArray<ProviderMetrics.Options> = providers
) =>
  Effect.gen(function* () {
    const strategy = yield* Savings.make(options)
    const optimizer = yield* CostOptimizer.make(known)
    const order = yield* optimizer.rank(asked, strategy)
    assert.strictEqual(yield* optimizer.select(asked, strategy), order[0])
    return order.map(String)
  })

const first = (...args: Parameters<typeof ranked>) => Effect.map(ranked(...args), ([provider]) => provider)

const one = FastCheck.record({
  quality: FastCheck.constantFrom(0, 1),
  costUsd: FastCheck.constantFrom(1, 2, 5, 10, 50)
})

/** What is known of a task, and right: how good each provider's answer is, and what it costs. */
const known = FastCheck.tuple(one, one, one)

type One = { readonly quality: number; readonly costUsd: number }

const estimatesOf = ([first, second, third]: readonly [One, One, One]) => {
  const of = (provider: AIProvider.AIProvider, each: One) => ({
    ...each,
    provider,
    score: 0,
    outputTokens: undefined
  })
  return [of(cheap, first), of(middle, second), of(strong, third)] as const
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, n) => total + n, 0)

describe("Savings", () => {
  it.effect("asks the cheap provider what it can do, and the strong one what only that can", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* first({ keep: 0.97 }, easy), "cheap")
      assert.strictEqual(yield* first({ keep: 0.97 }, hard), "strong")
    }).pipe(Effect.provide(Model))
  )

  it.effect("asks the best when no quality may be traded", () =>
    Effect.gen(function* () {
      const strategy = yield* Savings.make({ keep: 1 })
      assert.strictEqual(strategy.name, "savings(1)")
      for (const asked of [easy, hard]) {
        const order = yield* ranked({ keep: 1 }, asked)
        assert.strictEqual(order[0], "strong")
        assert.lengthOf(order, 3)
      }
    }).pipe(Effect.provide(Modest))
  )

  it.effect("says what it promises, and where the best provider answers", () =>
    Effect.gen(function* () {
      const tags = (options: Savings.Options) =>
        Effect.map(Savings.make(options), ({ guarantee: { confidence, parts, scope } }) => {
          assert.strictEqual(confidence, 0.9)
          return [scope, ...parts.map(({ families, verdict }) => `${families.join(" ")} ${verdict._tag}`)]
        })
      assert.deepStrictEqual(yield* tags({ keep: 0.9 }), ["families", "facts Kept", "sums Kept"])
      assert.deepStrictEqual(yield* tags({ keep: 0.995 }), ["families", "facts TooFew", "sums TooFew"])
      assert.deepStrictEqual(yield* tags({ keep: 0.9, scope: "whole" }), ["whole", "facts sums Kept"])
      // What the whole alone has to keep may be traded in families that can't show it.
      assert.strictEqual(yield* first({ keep: 0.985 }, easy), "strong")
    }).pipe(Effect.provide(Model))
  )

  it.effect("explores who is best, whatever it costs, where nothing may be traded", () =>
    Effect.gen(function* () {
      const explore = { share: 1, seed: 1 }
      const choices = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, index) => index),
        (index) => first({ keep: 1, explore }, task(`${AITask.promptText(easy)} ${index}`))
      )
      assert.isAbove(new Set(choices).size, 1)
    }).pipe(Effect.provide(Modest))
  )

  it.effect("never ranks an unavailable provider, and one that the model doesn't know last", () =>
    Effect.gen(function* () {
      const others = [
        { provider: "other" },
        { provider: "cheap", available: false },
        { provider: "middle" },
        { provider: "strong" }
      ]
      const order = yield* ranked({ keep: 0.97 }, easy, others)
      assert.deepStrictEqual(order, ["middle", "strong", "other"])
    }).pipe(Effect.provide(Model))
  )

  it.effect("without a task scores by the quality that the numbers have", () =>
    Effect.gen(function* () {
      const { score } = yield* Savings.make({ keep: 0.99 })
      assert.isBelow(score(metrics("a", { qualityScore: 9 })), score(metrics("a", { qualityScore: 8 })))
    }).pipe(Effect.provide(Model))
  )

  it.effect("explores the share that it is told, the same tasks for the same seed", () =>
    Effect.gen(function* () {
      const asked = Array.from({ length: 300 }, (_, index) => task(`${AITask.promptText(hard)} ${index}`))
      const choices = (explore?: { readonly share: number; readonly seed: number }) =>
        Effect.forEach(asked, (each) =>
          first({ keep: 0.97, ...(explore === undefined ? {} : { explore }) }, each)
        )
      const usual = yield* choices()
      const differing = (other: ReadonlyArray<unknown>) =>
        other.filter((choice, index) => choice !== usual[index]).length
      const exploring = yield* choices({ share: 0.5, seed: 1 })
      assert.deepStrictEqual(yield* choices({ share: 0.5, seed: 1 }), exploring)
      assert.notDeepEqual(yield* choices({ share: 0.5, seed: 2 }), exploring)
      assert.isAbove(differing(exploring), 0)
      assert.isBelow(differing(exploring), 150)
      assert.strictEqual(differing(yield* choices({ share: 0, seed: 1 })), 0)
    }).pipe(Effect.provide(Model))
  )

  it.effect.each([
    [{ keep: 1.1 }, /^Savings\.keep: Expected a share of quality \(a number from 0 to 1\), actual 1\.1$/],
    [{ keep: 1, cachedShare: -1 }, /^Savings\.cachedShare: /],
    [{ keep: 1, explore: { share: 2, seed: 1 } }, /^Savings\.explore\.share: /],
    [{ keep: 1, explore: { share: 1, seed: 0.5 } }, /^Savings\.explore\.seed: /]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      assert.match((yield* Effect.flip(Savings.make(options))).message, message)
    }).pipe(Effect.provide(Model))
  )

  it.effect("comes to prefer by exploring what feedback says is good", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.QualityModel
      const strategy = yield* Savings.make({ keep: 0.97, explore: { share: 1, seed: 1 } })
      const optimizer = yield* CostOptimizer.make(providers)
      const chosen = (round: string) =>
        Effect.gen(function* () {
          const asked = Array.from({ length: 100 }, (_, index) =>
            task(AITask.promptText(hard), { id: `${round}-${index}` })
          )
          const choices = yield* Effect.forEach(asked, (each) => optimizer.select(each, strategy))
          return choices.filter((choice) => choice === cheap).length
        })
      const before = yield* chosen("before")
      for (const round of Array.from({ length: 300 }, (_, index) => `f-${index}`)) {
        yield* model.remember(round, hard, cheap)
        yield* model.feedback(round, 1)
      }
      assert.isAbove(yield* chosen("after"), before + 50)
    }).pipe(Effect.provide(Model))
  )

  it.effect.prop(
    "with a perfect model loses nothing while a dollar is worth nothing",
    [known],
    ([row]) =>
      Effect.sync(() => {
        const estimates = estimatesOf(row)
        assert.isAtLeast(choose(estimates, 0).quality, estimates[2].quality)
      }),
    runs()
  )

  it.effect.prop(
    "asked to keep more never expects less quality, nor costs less than the frontier",
    [
      FastCheck.array(known, { minLength: 1, maxLength: 40 }),
      FastCheck.tuple(
        FastCheck.double({ min: 0, max: 1, noNaN: true }),
        FastCheck.double({ min: 0, max: 1, noNaN: true })
      )
    ],
    ([rows, pair]) =>
      Effect.sync(() => {
        const [less, more] = pair.toSorted((left, right) => left - right)
        const tasks = rows.map(estimatesOf)
        const shown = show(
          tasks.map((estimates, index) => ({
            family: "a",
            group: `${index}`,
            best: estimates[2],
            routed: (worth) => choose(estimates, worth)
          })),
          worths(10),
          0.5
        )
        const at = (keep: number | undefined) => {
          const worth = worthOf(shown, keep ?? 1, "a", "families")
          if (worth === undefined) return undefined
          const chosen = tasks.map((estimates) => choose(estimates, worth))
          return {
            worth,
            quality: sum(chosen.map((each) => each.quality)),
            cost: sum(chosen.map((each) => each.costUsd))
          }
        }
        const [lax, strict] = [at(less), at(more)]
        // What is asked for too much is left to the best provider alone, and so is whatever asks for more.
        if (lax === undefined) assert.isUndefined(strict)
        if (lax === undefined || strict === undefined) return
        assert.isAtMost(strict.worth, lax.worth)
        assert.isAtLeast(strict.quality, lax.quality)
        assert.isAtLeast(strict.cost, lax.cost)
      }),
    runs(100)
  )
})

describe("what a task is expected to cost", () => {
  const price = { input: 2, output: 10, cacheRead: 0.2, tiers: [{ above: 1000, input: 4, output: 20 }] }
  const estimate = { provider: cheap, quality: 1, score: 0, costUsd: 0.5, outputTokens: 300.4 }
  const priced = metrics("cheap", { price })
  const asked = task("x".repeat(400))

  it("is that of its input and the predicted length at the provider's price", () => {
    assert.closeTo(Savings.expectedCost(asked, priced, estimate), (100 * 2 + 300 * 10) / 1e6, 1e-12)
    // The price is made of the list once.
    assert.closeTo(Savings.expectedCost(asked, priced, estimate), (100 * 2 + 300 * 10) / 1e6, 1e-12)
  })

  it("counts what is read from the cache, what a long request costs, and the limit of the answer", () => {
    assert.closeTo(
      Savings.expectedCost(asked, priced, estimate, 0.5),
      (50 * 2 + 50 * 0.2 + 300 * 10) / 1e6,
      1e-12
    )
    const long = task("x".repeat(8000), { maxTokens: 50 })
    assert.closeTo(Savings.expectedCost(long, priced, estimate), (2000 * 4 + 50 * 20) / 1e6, 1e-12)
  })

  it("is what such tasks cost before, where price or length isn't known", () => {
    assert.strictEqual(Savings.expectedCost(asked, metrics("cheap"), estimate), 0.5)
    assert.strictEqual(Savings.expectedCost(asked, priced, { ...estimate, outputTokens: undefined }), 0.5)
  })

  it.effect("decides with the price of the engine, not with that of the past", () =>
    Effect.gen(function* () {
      const parts = Outcomes.split(data.make(1200, { tokens: true }), "s0")
      const model = QualityModel.layer(yield* QualityModel.train(parts))
      // What was cheap has become dear.
      const dear = [
        { provider: "cheap", price: { input: 1000, output: 1000 } },
        { provider: "middle", price: { input: 0.1, output: 0.1 } },
        { provider: "strong", price: { input: 10, output: 10 } }
      ]
      assert.strictEqual(yield* Effect.provide(first({ keep: 0.97 }, easy, dear), model), "middle")
    })
  )
})

describe("an orchestrator with a quality model", () => {
  const text = "Light scatters."
  const orchestra = Effect.gen(function* () {
    const scripted = yield* ScriptedEngine.makeAll(
      [cheap, strong].map((provider) => ({
        provider,
        price: Either.getOrThrow(Price.make({ input: 1, output: 1 })),
        script: [Behaviour.answer({ text })]
      }))
    )
    const strategy = yield* Savings.make({ keep: 0.97 })
    return yield* MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
      Effect.provide(
        MultiLLMOrchestrator.layerFor({ strategy }).pipe(
          Layer.provide(ScriptedEngine.layerRegistry(scripted))
        )
      )
    )
  })

  it.effect("chooses by the task, and has the model remember whole and streamed answers for feedback", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.QualityModel
      const orchestrator = yield* orchestra
      const result = yield* orchestrator.complete(easy)
      assert.strictEqual(result.provider, cheap)
      yield* model.feedback(result.taskId, 0)
      const streamed = Option.getOrThrow(yield* Stream.runLast(orchestrator.stream(hard)))
      if (streamed._tag !== "Completed") throw new Error("not completed")
      assert.strictEqual(streamed.result.provider, strong)
      yield* model.feedback(streamed.result.taskId, 1)
      assert.deepStrictEqual(model.experience("facts", cheap), { good: 0, bad: 1 })
      assert.deepStrictEqual(model.experience("facts", strong), { good: 1, bad: 0 })
      const error = yield* Effect.flip(model.feedback("never asked", 1))
      assert.strictEqual(error._tag, "UnknownTaskError")
    }).pipe(Effect.provide(Model))
  )
})
