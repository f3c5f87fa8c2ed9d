import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as EngineError from "../../src/EngineError.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as RoutingPolicy from "../../src/routing/RoutingPolicy.js"
import * as Arbitraries from "../../src/testing/Arbitraries.js"
import * as ScriptedEngine from "../../src/testing/ScriptedEngine.js"
import * as VirtualTime from "../../src/testing/VirtualTime.js"
import { runs } from "../utils/property.js"

const seed = 20_260

const always = <A>(arbitrary: Arbitraries.Arbitrary<A>, check: (value: A) => void): void =>
  FastCheck.assert(FastCheck.property(arbitrary, check), runs(300).fastCheck)

/** The same in each run, and enough to have some of everything. */
const sample = <A>(arbitrary: Arbitraries.Arbitrary<A>): ReadonlyArray<A> =>
  FastCheck.sample(arbitrary, { seed, numRuns: 300 })

/** Whatever it began with, a property that never holds shrinks to something. */
const shrinks = <A>(arbitrary: Arbitraries.Arbitrary<A>): ReadonlyArray<A> =>
  Array.from({ length: 20 }, (_, index) => {
    const tried: Array<A> = []
    const details = FastCheck.check(
      FastCheck.property(arbitrary, (value) => {
        tried.push(value)
        return false
      }),
      { seed: seed + index, numRuns: 1 }
    )
    assert.isTrue(details.failed)
    assert.isBelow(tried.length, 2000)
    // Whatever fails is shrunk further: the last that was tried is the counterexample.
    return tried.slice(-1)
  }).flat()

describe("Arbitraries", () => {
  it("generates only tasks that AITask.make accepts", () => {
    always(Arbitraries.taskOptions(), (options) => {
      assert.isTrue(Either.isRight(AITask.make(options)), JSON.stringify(options))
    })
    always(Arbitraries.task(), (task) => assert.isAbove(task.messages.length, 0))
  })

  it("generates tasks with every field", () => {
    const seen = new Set(sample(Arbitraries.taskOptions()).flatMap((options) => Object.keys(options)))
    assert.sameMembers([...seen], Object.keys(AITask.Options.from.fields))
  })

  it("keeps to the mode and the providers that are asked for", () => {
    const providers = [AIProvider.Claude, AIProvider.Gpt4] as const
    const tasks = sample(Arbitraries.task({ mode: "streaming", providers }))
    assert.isTrue(tasks.every((task) => task.mode === "streaming"))
    const named = new Set(tasks.map((task) => task.provider))
    assert.sameMembers([...named], [...providers, undefined])
  })

  it("asks an engine of text alone for nothing that it lacks, when told so", () => {
    const engine = ReasoningEngine.make({
      provider: AIProvider.Claude,
      capabilities: { tools: false, jsonSchema: false, images: false },
      attempt: () => Effect.never
    })
    always(Arbitraries.task({ textOnly: true }), (task) =>
      assert.deepStrictEqual(ReasoningEngine.lacks(engine, task), [])
    )
    assert.isTrue(sample(Arbitraries.task()).some((task) => ReasoningEngine.lacks(engine, task).length > 0))
  })

  it("generates errors of every tag, reason and phase", () => {
    const errors = sample(Arbitraries.engineError())
    assert.strictEqual(new Set(errors.map(({ _tag }) => _tag)).size, 9)
    assert.isTrue(errors.every(Schema.is(EngineError.EngineError)))
    const details = new Set(
      errors.map((error) =>
        error._tag === "TransientError" ? error.reason : error._tag === "TimeoutError" ? error.phase : ""
      )
    )
    assert.strictEqual(details.size, 9)
    const of = sample(Arbitraries.engineError(FastCheck.constant(AIProvider.Gpt4)))
    assert.isTrue(of.every(({ provider }) => provider === AIProvider.Gpt4))
  })

  it("generates behaviours of every kind, the ill-behaved ones by themselves", () => {
    const tags = new Set(sample(Arbitraries.behaviour).map(({ _tag }) => _tag))
    assert.sameMembers([...tags], ["Answer", "Fail", "FailAfter", "Cut", "Stall", "Never"])
    for (const [name, arbitrary] of Object.entries(Arbitraries.behaviours)) {
      const [one] = FastCheck.sample<{ readonly _tag: string }>(arbitrary, { seed, numRuns: 1 })
      assert.strictEqual(one?._tag.toLowerCase(), name.toLowerCase())
    }
  })

  it("generates fleets whose chain is a policy's and whose names are distinct", () => {
    always(Arbitraries.fleet(), (fleet) => {
      const names = fleet.engines.map(({ provider }) => provider)
      assert.strictEqual(new Set(names).size, names.length)
      assert.strictEqual(fleet.primary, names[0])
      assert.deepStrictEqual(fleet.chains[fleet.primary], names.slice(1))
      assert.isTrue(Either.isRight(RoutingPolicy.make({ chains: fleet.chains })))
    })
    assert.isTrue(sample(Arbitraries.fleet({ maxProviders: 2 })).every(({ engines }) => engines.length <= 2))
    assert.isTrue(
      sample(Arbitraries.fleet({ behaviour: Arbitraries.behaviours.never })).every(({ engines }) =>
        engines.every(
          ({ script }) => typeof script !== "function" && script.every(({ _tag }) => _tag === "Never")
        )
      )
    )
  })

  it("generates fleets that can be made and asked", () => {
    always(Arbitraries.fleet({ behaviour: Arbitraries.behaviours.answer }), (fleet) => {
      const task = Either.getOrThrow(AITask.make({ prompt: "Why?" }))
      const exit = VirtualTime.run(
        Effect.flatMap(ScriptedEngine.makeAll(fleet.engines), (engines) =>
          Effect.forEach(engines, ({ engine }) =>
            Effect.scoped(Effect.flatten(engine.attempt({ task, mode: "complete" })))
          )
        )
      )
      assert.isTrue(Exit.isSuccess(exit))
    })
  })

  it("generates policies that RoutingPolicy.make accepts", () => {
    always(Arbitraries.policyOptions, (options) =>
      assert.isTrue(Either.isRight(RoutingPolicy.make(options)), FastCheck.stringify(options))
    )
  })

  it("prints what a fleet and a policy do", () => {
    const fleets = sample(Arbitraries.fleet()).map((fleet) => FastCheck.stringify(fleet))
    assert.isTrue(fleets.every((text) => !text.includes("[object") && !text.includes("=>")))
    assert.isTrue(fleets.some((text) => text.includes('"_tag":"Stall"')))
    const policies = sample(Arbitraries.policyOptions).map((options) => FastCheck.stringify(options))
    assert.isTrue(policies.some((text) => /\{_tag:"retry",schedule:backoff\(\d+,\d\)\}/.test(text)))
  })

  it("shrinks to something small", () => {
    for (const fleet of shrinks(Arbitraries.fleet())) {
      assert.strictEqual(fleet.engines.length, 1)
      const { script } = fleet.engines[0]
      assert.strictEqual(script.length, 1)
      assert.strictEqual(typeof script === "function" ? "" : script[0]._tag, "Answer")
    }
    for (const options of shrinks(Arbitraries.taskOptions())) {
      assert.isAtMost(Object.keys(options).length, 2, JSON.stringify(options))
    }
    shrinks(Arbitraries.task())
    shrinks(Arbitraries.engineError())
    shrinks(Arbitraries.script())
    shrinks(Arbitraries.policyOptions)
  })

  it("generates the same from the same seed", () => {
    assert.strictEqual(
      FastCheck.stringify(sample(Arbitraries.fleet())),
      FastCheck.stringify(sample(Arbitraries.fleet()))
    )
  })
})
