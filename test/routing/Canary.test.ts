import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, Canary, MultiLLMOrchestrator, ProviderMetrics, Strategy } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import { runs } from "../utils/property.js"

const { answer, fail } = Behaviour

const next = AIProvider.unsafeMake("next")

const made = (options: Omit<Canary.Options, "provider">): Canary.Canary =>
  Either.getOrThrow(Canary.make({ ...options, provider: next }))

const taskOf = (options: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(AITask.make({ prompt: "Why is the sky blue?", ...options }))

const metricsOf = (options: ProviderMetrics.Options): ProviderMetrics.ProviderMetrics =>
  Either.getOrThrow(ProviderMetrics.make(options))

/** The providers in the order in which a strategy has them asked for a task, by its score alone. */
const orderOf = (
  strategy: Strategy.Strategy,
  task: AITask.AITask,
  providers: ReadonlyArray<ProviderMetrics.ProviderMetrics>
): ReadonlyArray<string> => {
  const score = strategy.scoreFor?.(task) ?? strategy.score
  return providers
    .map((metrics) => ({ provider: metrics.provider, score: score(metrics) }))
    .toSorted((one, other) => (one.score < other.score ? -1 : 1))
    .map(({ provider }) => provider)
}

/** The canary would be chosen first by each strategy, and `bare` is known for nothing. */
const fleet = [
  metricsOf({ provider: next, costPerToken: 0.0001, p50LatencyMs: 1, p99LatencyMs: 2, qualityScore: 10 }),
  metricsOf({
    provider: AIProvider.Claude,
    costPerToken: 0.001,
    p50LatencyMs: 300,
    p99LatencyMs: 900,
    qualityScore: 9
  }),
  metricsOf({ provider: AIProvider.unsafeMake("bare") })
]

const isDrawn = (canary: Canary.Canary, task: AITask.AITask): boolean =>
  orderOf(canary.within(Strategy.cheapest), task, fleet)[0] === next

describe("a canary", () => {
  it("is first for its share of the tasks, whatever the seed", () => {
    for (const [share, seed] of [
      [0.05, 0],
      [0.05, 7],
      [0.5, 1]
    ] as const) {
      const canary = made({ share, seed })
      const drawn = Array.from({ length: 10_000 }, (_, id) => taskOf({ id: `t${id}` })).filter((task) =>
        isDrawn(canary, task)
      )
      // Five standard deviations of the binomial distribution.
      assert.closeTo(drawn.length, 10_000 * share, 5 * Math.sqrt(10_000 * share * (1 - share)))
    }
  })

  it("isn't there for a share of 0, and always there for a share of 1", () => {
    for (const share of [0, 1]) assert.strictEqual(isDrawn(made({ share }), taskOf()), share === 1)
  })

  it("has all tasks of a conversation, or none; and else all of a prompt", () => {
    const canary = made({ share: 0.5 })
    const kinds: ReadonlyArray<(group: string, turn: number) => Partial<AITask.Options>> = [
      (session, turn) => ({ session, id: `t${turn}` }),
      (id, turn) => ({ id, prompt: `Turn ${turn}` }),
      (prompt) => ({ prompt })
    ]
    for (const kind of kinds) {
      const drawn = Array.from({ length: 40 }, (_, group) =>
        Array.from({ length: 5 }, (_, turn) => isDrawn(canary, taskOf(kind(`g${group}`, turn))))
      )
      for (const turns of drawn) assert.strictEqual(new Set(turns).size, 1)
      assert.strictEqual(new Set(drawn.map(([first]) => first)).size, 2)
    }
  })

  const strategies: ReadonlyArray<Strategy.Strategy> = [
    ...Object.values(Strategy.named),
    // Scores that a canary must not tie with.
    { name: "none", score: () => Number.NaN },
    { name: "worst", score: () => Number.POSITIVE_INFINITY },
    { name: "best", score: () => Number.NEGATIVE_INFINITY },
    { name: "by the task", score: () => 0, scoreFor: () => Strategy.quality.score }
  ]

  it.prop(
    "leaves the order of all others as it was",
    [FastCheck.constantFrom(...strategies), FastCheck.boolean(), FastCheck.shuffledSubarray(fleet)],
    ([strategy, all, providers]) => {
      const task = taskOf()
      const order = orderOf(made({ share: all ? 1 : 0 }).within(strategy), task, providers)
      const others = providers.filter(({ provider }) => provider !== next)
      const own = others.length < providers.length ? [next] : []
      const left = order.filter((provider) => provider !== next)
      assert.deepStrictEqual(order, all ? [...own, ...left] : [...left, ...own])
      const finite = (metrics: ProviderMetrics.ProviderMetrics): boolean =>
        Number.isFinite((strategy.scoreFor?.(task) ?? strategy.score)(metrics))
      if (others.every(finite)) assert.deepStrictEqual(left, orderOf(strategy, task, others))
    },
    runs(200)
  )

  it("keeps the name and the baseline of the strategy", () => {
    const strategy = { ...Strategy.cheapest, baseline: AIProvider.Claude }
    const { baseline, name } = made({ share: 0.1 }).within(strategy)
    assert.deepStrictEqual([name, baseline], ["cheapest", AIProvider.Claude])
  })

  it("is refused with a share that isn't one", () => {
    for (const share of [-0.1, 1.1, Number.NaN]) {
      const { field } = Either.getOrThrow(Either.flip(Canary.make({ provider: next, share })))
      assert.strictEqual(field, "share")
    }
  })

  /** Who is asked for a task, in turn, by the orchestrator's strategy and by one that the call names. */
  const asked = (share: number, nexts: Behaviour.Behaviour, claudes: Behaviour.Behaviour) =>
    Effect.gen(function* () {
      const engines = yield* ScriptedEngine.makeAll([
        { provider: next, script: [nexts] },
        { provider: AIProvider.Claude, script: [claudes] }
      ])
      const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator.pipe(
        Effect.provide(
          MultiLLMOrchestrator.layerFor({
            canary: made({ share }),
            strategy: Strategy.quality,
            providers: [
              { provider: next, costPerToken: 0.0001, qualityScore: 10 },
              { provider: AIProvider.Claude, costPerToken: 0.001, qualityScore: 9 }
            ]
          }).pipe(Layer.provide(ScriptedEngine.layerRegistry(engines)))
        )
      )
      return yield* Effect.forEach([{}, { strategy: Strategy.cheapest }], (options) =>
        Effect.map(orchestrator.complete(taskOf(), options), ({ attempts }) =>
          attempts.map(({ provider }) => provider)
        )
      )
    })

  it.effect("stands beside each strategy of an orchestrator, and fails over to it", () =>
    Effect.gen(function* () {
      const { Claude } = AIProvider
      const answers = answer({ text: "So" })
      const broken = fail({ _tag: "QuotaExhaustedError" })
      const twice = (order: ReadonlyArray<string>) => [order, order]
      assert.deepStrictEqual(yield* asked(1, answers, answers), twice([next]))
      assert.deepStrictEqual(yield* asked(0, answers, answers), twice([Claude]))
      assert.deepStrictEqual(yield* asked(1, broken, answers), twice([next, Claude]))
      assert.deepStrictEqual(yield* asked(0, answers, broken), twice([Claude, next]))
    })
  )
})
