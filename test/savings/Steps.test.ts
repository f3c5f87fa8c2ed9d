/** What the model of quality sees of an agent's steps, and what that is worth in a simulation. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  AnswerObserver,
  Comparison,
  Escalation,
  Judge,
  Learning,
  MultiLLMOrchestrator,
  Outcomes,
  Price,
  ProviderMetrics,
  QualityModel,
  Savings,
  Strategy
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { PCGRandom } from "effect/Utils"
import { isFull, sized } from "../utils/property.js"

const tools: AITask.Options["tools"] = [{ name: "run", parameters: { type: "object" } }]

const user: AITask.Message = { role: "user", content: "Mend the test" }

const step = (argument: string, isError: boolean, said = "done"): ReadonlyArray<AITask.Message> => [
  { role: "assistant", content: "", toolCalls: [{ id: "c", name: "run", arguments: argument }] },
  { role: "tool", toolCallId: "c", content: said, isError }
]

const taskOf = (steps: ReadonlyArray<AITask.Message>, options: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(AITask.make({ messages: [user, ...steps], tools, ...options, prompt: undefined }))

describe("Outcomes.stepOf", () => {
  it("says where an agent stands, and nothing of a task without tools", () => {
    const steps = [step("1", true), step("2", false), step("2", true), step("3", true)].flat()
    const at = Outcomes.stepOf(taskOf(steps, { agent: "review" }))
    assert.deepStrictEqual(at, {
      depth: 4,
      failures: 2,
      failed: 3,
      repeats: 0,
      characters: AITask.inputCharacters(taskOf(steps)),
      isSubagent: true
    })
    assert.strictEqual(Outcomes.stepOf(taskOf([]))?.depth, 0)
    assert.strictEqual(Outcomes.stepOf(taskOf(steps, { tools: undefined }))?.depth, 4)
    assert.isUndefined(Outcomes.stepOf(taskOf([], { tools: undefined, agent: "review" })))
  })
})

describe("learning", () => {
  it.effect("writes down where the agent stood whose step feedback is about", () =>
    Effect.gen(function* () {
      const outcomes: Array<Outcomes.Outcome> = []
      const engine = yield* ScriptedEngine.make({
        provider: AIProvider.Claude,
        price: Either.getOrThrow(Price.make({ input: 1, output: 1 })),
        script: () => Effect.succeed(Behaviour.answer({ text: "ok" }))
      })
      const layer = MultiLLMOrchestrator.layerFor({}).pipe(
        Layer.provideMerge(
          Learning.layer({
            share: 0,
            budget: { usd: 1 },
            judge: Judge.agreement(Comparison.number, AIProvider.Claude),
            record: (outcome) => Effect.sync(() => void outcomes.push(outcome))
          })
        ),
        Layer.provide(Layer.orDie(ScriptedEngine.layerRegistry([engine])))
      )
      const task = taskOf(step("1", true))
      yield* Effect.gen(function* () {
        const { complete } = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
        const { judged } = yield* AnswerObserver.AnswerObserver
        for (const each of [task, taskOf([], { tools: undefined })]) {
          const { taskId } = yield* complete(each)
          yield* judged?.(taskId, 1) ?? Effect.void
        }
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual(
        outcomes.map((outcome) => outcome.step),
        [Outcomes.stepOf(task), undefined]
      )
    })
  )
})

const [weak, strong] = [AIProvider.unsafeMake("weak"), AIProvider.unsafeMake("strong")]

/** What a token of the input costs: thirty steps of a few thousand. */
const prices = { weak: 0.3e-6, strong: 3e-6 }

const costOf = (provider: AIProvider.AIProvider, task: AITask.AITask): number =>
  (provider === strong ? prices.strong : prices.weak) * (3000 + AITask.inputCharacters(task))

/** How likely a provider does a step, in the knots of a task and outside. */
const abilities = { weak: { knot: 0.1, plain: 0.97 }, strong: { knot: 0.9, plain: 0.99 } }

const stepsOfTask = 12
const mostCalls = 36

/**
 * An agent that does its task step by step. Tasks have knots, which the weak provider hardly unties: they begin more
 * often the longer the agent is at it, and less often for a subagent; after one step in a knot the next is more likely
 * than not in it, too. None of that stands in the words of the question.
 */
const agent = (
  seed: number,
  choose: (task: AITask.AITask, random: PCGRandom) => AIProvider.AIProvider,
  see: (task: AITask.AITask, works: (provider: AIProvider.AIProvider) => boolean) => void = () => {}
) => {
  const [world, random] = [new PCGRandom(seed), new PCGRandom(seed + 500_000)]
  const isSubagent = world.number() < 0.3
  let [done, calls, usd, worked, strongWorks, inKnot] = [0, 0, 0, 0, 0, false]
  let messages: ReadonlyArray<AITask.Message> = []
  const knots = (): boolean =>
    world.number() < (inKnot ? 0.65 : (isSubagent ? 0.3 : 1) * (0.03 + 0.015 * done))
  inKnot = knots()
  for (; calls < mostCalls && done < stepsOfTask; calls++) {
    const task = taskOf(messages, isSubagent ? { agent: "explore" } : {})
    const draws = { weak: world.number(), strong: world.number() }
    const works = (provider: AIProvider.AIProvider): boolean => {
      const id = provider === strong ? "strong" : "weak"
      return draws[id] < abilities[id][inKnot ? "knot" : "plain"]
    }
    see(task, works)
    const provider = choose(task, random)
    usd += costOf(provider, task)
    if (works(strong)) strongWorks += 1
    if (works(provider)) {
      worked += 1
      done += 1
      messages = [...messages, ...step(`${done}`, false, "x".repeat(400))]
      inKnot = knots()
    } else {
      messages = [...messages, ...step(`${done}/${calls}`, true, "x".repeat(400))]
    }
  }
  return { finished: done === stepsOfTask, calls, usd, worked, strongWorks }
}

type Agent = ReturnType<typeof agent>

const sum = (agents: ReadonlyArray<Agent>, of: (agent: Agent) => number): number =>
  agents.reduce((total, each) => total + of(each), 0)

/** What becomes of many agents, and the share of the strong provider's quality that is kept on the steps that come. */
const figures = (agents: ReadonlyArray<Agent>) => ({
  finished: agents.filter(({ finished }) => finished).length,
  calls: sum(agents, ({ calls }) => calls),
  usd: Number(sum(agents, ({ usd }) => usd).toFixed(2)),
  kept: Number(
    (sum(agents, ({ worked }) => worked) / sum(agents, ({ strongWorks }) => strongWorks)).toFixed(3)
  )
})

const metrics = [weak, strong].map((provider) =>
  Either.getOrThrow(
    ProviderMetrics.make({
      provider,
      qualityScore: provider === strong ? 9 : 5,
      costPerToken: provider === strong ? prices.strong : prices.weak
    })
  )
)

const choosing =
  (strategy: Strategy.Strategy) =>
  (task: AITask.AITask): AIProvider.AIProvider => {
    const score = strategy.scoreFor?.(task) ?? strategy.score
    return metrics.toSorted((left, right) => score(left) - score(right))[0]?.provider ?? strong
  }

/** Outcomes of both providers on the steps of agents whose providers are drawn. */
const recorded = (agents: number): ReadonlyArray<Outcomes.Outcome> =>
  Array.from({ length: agents }, (_, seed) => {
    const outcomes: Array<Outcomes.Outcome> = []
    agent(
      seed + 1,
      (_task, random) => (random.number() < 0.5 ? weak : strong),
      (task, works) => {
        const of = (provider: AIProvider.AIProvider) =>
          [provider, { quality: works(provider) ? 1 : 0, costUsd: costOf(provider, task) }] as const
        outcomes.push({
          id: `${seed}/${outcomes.length}`,
          family: "steps",
          group: `${seed}`,
          prompt: "Mend the test",
          step: Outcomes.stepOf(task),
          outcomes: Object.fromEntries([of(weak), of(strong)])
        })
      }
    )
    return outcomes
  }).flat()

const withoutSteps = (outcomes: ReadonlyArray<Outcomes.Outcome>): ReadonlyArray<Outcomes.Outcome> =>
  outcomes.map(({ step: _step, ...outcome }) => outcome)

const trainedOn = (outcomes: ReadonlyArray<Outcomes.Outcome>): QualityModel.Model =>
  Either.getOrThrow(QualityModel.train(Outcomes.split(outcomes, "s0"), { keep: 0.95 }))

const outcomes = recorded(sized(600, 250))
const [seeing, blind] = [trainedOn(outcomes), trainedOn(withoutSteps(outcomes))]

const predictions = (model: QualityModel.Model, task: AITask.AITask) =>
  Effect.map(QualityModel.make(model), ({ predict }) => predict(task).estimates)

describe("a model of steps", () => {
  it.effect("expects less of a provider that has just failed, and of one deep in a task", () =>
    Effect.gen(function* () {
      const qualityOf = (steps: ReadonlyArray<AITask.Message>) =>
        Effect.map(predictions(seeing, taskOf(steps)), ([first]) => first.quality)
      const fresh = yield* qualityOf([])
      const failing = yield* qualityOf([step("1", true), step("2", true)].flat())
      assert.isAbove(fresh, failing + 0.3)
      const late = yield* qualityOf(Array.from({ length: 11 }, (_, n) => step(`${n}`, false)).flat())
      assert.isBelow(late, fresh)
      // The model that doesn't see steps takes them for alike, but for their length.
      const before = yield* predictions(blind, taskOf(step("1", false)))
      assert.deepStrictEqual(yield* predictions(blind, taskOf(step("1", true))), before)
    })
  )

  it.effect("learns of a step from feedback, too", () =>
    Effect.gen(function* () {
      const model = yield* QualityModel.make(seeing)
      const [stuck, plain] = [
        taskOf([step("1", true), step("2", true)].flat()),
        taskOf([], { tools: undefined })
      ]
      const of = (task: AITask.AITask) => model.predict(task).estimates[0].quality
      const before = of(stuck)
      for (let n = 0; n < 20; n++) {
        yield* model.remember(`t${n}`, stuck, weak)
        yield* model.feedback(`t${n}`, 1)
      }
      assert.isAbove(of(stuck), before)
      assert.isBelow(of(plain), 1)
    })
  )

  it("is a file that says what it sees of steps, and others are as they were", () => {
    assert.strictEqual(seeing.version, 3)
    assert.deepStrictEqual(seeing.steps, [
      "isStep",
      "failures",
      "failed",
      "repeats",
      "depth",
      "characters",
      "isSubagent"
    ])
    assert.strictEqual(blind.version, 2)
    assert.notMatch(JSON.stringify(blind), /"steps?":/)
    const again = (change: object) =>
      QualityModel.decodeUnknown({ ...JSON.parse(JSON.stringify(seeing)), ...change })
    assert.isTrue(Either.isRight(again({})))
    const refused = (change: object): string => Either.getOrThrow(Either.flip(again(change))).message
    assert.match(
      refused({ steps: ["mood"] }),
      /^QualityModel\.steps: Expected isStep, failures, .* \(train the model/
    )
    assert.match(
      refused({ version: 2 }),
      /^QualityModel\.steps: Expected names .* of version 3, and in no other/
    )
    assert.match(refused({ steps: undefined }), /^QualityModel\.steps: Expected names/)
    const [provider] = seeing.providers
    const torn = { ...provider, head: { ...provider.head, step: [1] } }
    assert.match(
      refused({ providers: [torn] }),
      /^QualityModel\.providers\[0\]\.head\.step: Expected a list of 7/
    )
  })

  it("is trained of outcomes some of which are steps, and refuses numbers that are none of a step", () => {
    const mixed = trainedOn([...outcomes.slice(0, 300), ...withoutSteps(outcomes.slice(300, 600))])
    assert.strictEqual(mixed.version, 3)
    const broken = { ...outcomes[0], step: { ...outcomes[0]?.step, depth: -1 } }
    assert.include(
      Either.getOrThrow(Either.flip(Outcomes.decodeUnknown(broken))).message,
      "Outcome.step.depth"
    )
  })
})

describe("agents in knots", () => {
  /** On agents of other seeds than the recorded ones. */
  const play = (strategy: Strategy.Strategy) =>
    Effect.map(
      Effect.forEach(
        Array.from({ length: sized(500, 60) }, (_, seed) => 1_000_000 + seed),
        (seed) =>
          // The test's process has to be heard of meanwhile.
          Effect.zipRight(
            Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
            Effect.sync(() => agent(seed, choosing(strategy)))
          )
      ),
      figures
    )
  const by = (model: QualityModel.Model, keep: number) =>
    Effect.provide(Savings.make({ keep }), QualityModel.layer(model))

  it.effect(
    "get on by a model of steps that keeps its promise, and saves what one without steps can't",
    () =>
      Effect.gen(function* () {
        const [steps, plain] = [yield* by(seeing, 0.95), yield* by(blind, 0.95)]
        const told = {
          weak: yield* play(Strategy.cheapest),
          strong: yield* play(Strategy.quality),
          escalation: yield* play(yield* Escalation.make({ strategy: Strategy.cheapest })),
          without95: yield* play(plain),
          steps95: yield* play(steps),
          without80: yield* play(yield* by(blind, 0.8)),
          steps80: yield* play(yield* by(seeing, 0.8))
        }
        if (isFull) process.stdout.write(`${JSON.stringify(told)}\n`)
        assert.strictEqual(steps.guarantee.parts[0]?.verdict._tag, "Kept")
        assert.isAtLeast(told.steps95.kept, 0.95)
        assert.isAtLeast(told.steps80.kept, 0.8)
        assert.isAtMost(told.steps95.usd, 0.8 * told.without95.usd)
        assert.strictEqual(told.steps95.finished, told.strong.finished)
        assert.isBelow(told.steps80.usd, told.strong.usd / 2)
        assert.isBelow(told.steps80.calls, told.escalation.calls)
      }),
    600_000
  )
})
