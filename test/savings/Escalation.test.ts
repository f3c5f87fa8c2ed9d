import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  Escalation,
  MultiLLMOrchestrator,
  Price,
  ProviderMetrics,
  Strategy,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour, ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { PCGRandom } from "effect/Utils"
import { question } from "../../src/gateway/internal/messages/request.js"
import { isFull, sized } from "../utils/property.js"

const user: AITask.Message = { role: "user", content: "Mend the test" }

const reply: AITask.Message = { role: "assistant", content: "So" }

/** A step: a call with its argument, and what the tool said to it. */
const step = (
  argument: string,
  said: string | { readonly isError: boolean }
): ReadonlyArray<AITask.Message> => [
  { role: "assistant", content: "", toolCalls: [{ id: "c", name: "run", arguments: argument }] },
  typeof said === "string"
    ? { role: "tool", toolCallId: "c", content: said }
    : { role: "tool", toolCallId: "c", content: "done", ...said }
]

const taskOf = (steps: ReadonlyArray<AITask.Message>, agent?: string): AITask.AITask =>
  Either.getOrThrow(AITask.make({ messages: [user, ...steps], agent }))

const failed = { isError: true }

describe("Escalation.stepOf", () => {
  const cases: ReadonlyArray<
    readonly [string, Partial<Escalation.Step>, ReadonlyArray<ReadonlyArray<AITask.Message>>]
  > = [
    ["a question", {}, []],
    ["a step that worked", { depth: 1 }, [step("1", "ok")]],
    ["a failed one", { depth: 2, failures: 1 }, [step("1", "ok"), step("2", failed)]],
    [
      "failures up to the last that worked",
      { depth: 4, failures: 2 },
      [step("0", failed), step("1", "ok"), step("2", failed), step("3", failed)]
    ],
    ["nothing but failures", { depth: 2, failures: 2 }, [step("1", failed), step("2", failed)]],
    [
      "a step that worked after failures",
      { depth: 3 },
      [step("1", failed), step("2", failed), step("3", "ok")]
    ],
    ["words of an error", { depth: 1, failures: 1 }, [step("1", "  Error: no such file")]],
    ["a stack", { depth: 1, failures: 1 }, [step("1", "Traceback (most recent call last):")]],
    ["words that aren't one", { depth: 1 }, [step("1", "errors: none")]],
    ["a mark before words", { depth: 1 }, [step("1", { isError: false })]],
    ["a repetition", { depth: 2, repeats: 1 }, [step("1", "ok"), step("1", "ok")]],
    ["a circle", { depth: 5, repeats: 2 }, ["1", "2", "1", "2", "1"].map((argument) => step(argument, "ok"))],
    [
      "what is long ago",
      { depth: 7 },
      ["1", "2", "3", "4", "5", "6", "1"].map((argument) => step(argument, "ok"))
    ],
    ["a new question", {}, [step("1", failed), step("1", failed), [reply, user]]],
    ["steps since a new question", { depth: 1 }, [step("1", failed), [reply, user], step("2", "ok")]],
    [
      "a reminder beside a result",
      { depth: 2, failures: 2 },
      [step("1", failed), [user], step("2", failed), [user]]
    ],
    [
      "several reminders",
      { depth: 1, failures: 1 },
      [step("1", failed), [user, { role: "system", content: "!" }, user]]
    ],
    ["a question in place of a result", {}, [step("1", failed), step("2", failed).slice(0, 1), [user]]],
    ["an answer without calls", { depth: 1 }, [step("1", "ok"), [reply]]]
  ]
  it.each(cases)("knows %s", (_, expected, steps) => {
    assert.deepStrictEqual(Escalation.stepOf(taskOf(steps.flat())), {
      depth: 0,
      failures: 0,
      repeats: 0,
      isSubagent: false,
      ...expected
    })
  })

  it("knows failures that an agent puts reminders beside, as its calls come over Messages", () => {
    const turn = (id: string) => [
      { role: "assistant", content: [{ type: "tool_use", id, name: "run", input: { id } }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: id, content: "no such file", is_error: true },
          { type: "text", text: "Remember your list" }
        ]
      }
    ]
    const messages = [{ role: "user", content: "Mend the test" }, ...turn("a"), ...turn("b")]
    const read = Either.getOrThrow(question({ model: "claude", max_tokens: 9, messages }))
    const at = Escalation.stepOf(Either.getOrThrow(AITask.make({ messages: read.messages })))
    assert.deepStrictEqual(at, { depth: 2, failures: 2, repeats: 0, isSubagent: false })
  })

  it("knows whether a subagent asks", () => {
    assert.isTrue(Escalation.stepOf(taskOf([], "review")).isSubagent)
  })
})

const metrics = (provider: string, qualityScore: number, costPerToken: number) =>
  Either.getOrThrow(ProviderMetrics.make({ provider, qualityScore, costPerToken }))

const fleet = [metrics("weak", 5, 1e-6), metrics("strong", 9, 1e-5), metrics("middle", 7, 5e-6)]

const chosen = (strategy: Strategy.Strategy, task: AITask.AITask): string | undefined => {
  const score = strategy.scoreFor?.(task) ?? strategy.score
  return fleet.toSorted((left, right) => score(left) - score(right))[0]?.provider
}

const made = (options: Escalation.Options) => Either.getOrThrow(Escalation.make(options))

describe("Escalation.make", () => {
  it("asks the strongest while steps fail or repeat, and the strategy's choice when they don't", () => {
    const strategy = made({ strategy: Strategy.cheapest })
    const asked = (...steps: ReadonlyArray<ReadonlyArray<AITask.Message>>) =>
      chosen(strategy, taskOf(steps.flat()))
    assert.strictEqual(asked(), "weak")
    assert.strictEqual(asked(step("1", failed)), "weak")
    assert.strictEqual(asked(step("1", failed), step("2", failed)), "strong")
    assert.strictEqual(asked(step("1", failed), step("2", failed), step("3", "ok")), "weak")
    assert.strictEqual(asked(step("1", "ok"), step("1", "ok"), step("1", "ok")), "strong")
    assert.strictEqual(strategy.name, "cheapest")
  })

  it("goes by the numbers of steps that are set, and by the strategy's own look at the task", () => {
    const base: Strategy.Strategy = {
      ...Strategy.cheapest,
      baseline: metrics("middle", 7, 1).provider,
      scoreFor: () => (known) => (known.provider === "strong" ? 0 : 1)
    }
    const strategy = made({ strategy: base, failures: 1, repeats: 1 })
    assert.strictEqual(chosen(strategy, taskOf([])), "strong")
    // The strongest is the one that the strategy names.
    assert.strictEqual(chosen(strategy, taskOf([...step("1", failed)])), "middle")
    assert.strictEqual(chosen(strategy, taskOf([...step("1", "ok"), ...step("1", "ok")])), "middle")
  })

  it.effect("counts the tasks of agents that were stuck, each once, by why", () =>
    Effect.gen(function* () {
      const strategy = made({ strategy: Strategy.cheapest })
      const before = yield* Escalation.counts
      const failing = taskOf([step("1", failed), step("2", failed)].flat())
      chosen(strategy, failing)
      chosen(strategy, failing)
      chosen(strategy, taskOf([step("1", "ok"), step("1", "ok"), step("1", "ok")].flat()))
      chosen(strategy, taskOf(step("1", "ok")))
      const after = yield* Escalation.counts
      assert.deepStrictEqual([after.failures - before.failures, after.repeats - before.repeats], [1, 1])
    })
  )

  it("refuses numbers that aren't of steps", () => {
    const { message } = Either.getOrThrow(
      Either.flip(Escalation.make({ strategy: Strategy.cheapest, failures: 0 }))
    )
    assert.include(message, "Escalation.failures")
  })
})

/** Providers that do a step when it isn't too hard for them: the weak one most of them, for a tenth. */
const providers = [
  { provider: "weak", qualityScore: 5, ability: 0.85, price: { input: 0.3, output: 1.2 } },
  { provider: "strong", qualityScore: 9, ability: 0.99, price: { input: 3, output: 12 } }
]

const stepsOfTask = 10
const mostCalls = 30

/** What becomes of agents that do their tasks step by step: how many finish, with how many calls, for what. */
const agents = (strategy: Strategy.Strategy) =>
  Effect.gen(function* () {
    const engines = yield* Effect.forEach(providers, ({ price, provider }) =>
      Effect.flatMap(Price.make(price), (resolved) =>
        ScriptedEngine.make({
          provider: AIProvider.unsafeMake(provider),
          price: resolved,
          script: () =>
            Effect.succeed(
              Behaviour.answer({
                text: "ok",
                usage: TokenUsage.make({ inputTokens: 4000, outputTokens: 200 })
              })
            )
        })
      )
    )
    const layer = MultiLLMOrchestrator.layerFor({
      strategy,
      providers: providers.map(({ provider, qualityScore }) => ({ provider, qualityScore }))
    }).pipe(Layer.provide(Layer.orDie(ScriptedEngine.layerRegistry(engines))))
    return yield* Effect.provide(
      Effect.gen(function* () {
        const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
        let [finished, calls, pico] = [0, 0, 0n]
        for (let agent = 0; agent < sized(500, 60); agent++) {
          const random = new PCGRandom(agent + 1)
          const hardness = Array.from({ length: stepsOfTask }, () => random.number())
          let done = 0
          let messages: ReadonlyArray<AITask.Message> = []
          for (let call = 0; call < mostCalls && done < stepsOfTask; call++) {
            const result = yield* orchestrator.complete(taskOf(messages))
            const { ability } = providers.find(({ provider }) => provider === result.provider) ?? {
              ability: 0
            }
            const works = (hardness[done] ?? 1) < ability
            messages = [...messages, ...step(`${done}/${works ? "" : call}`, { isError: !works })]
            if (works) done += 1
            calls += 1
            pico += Option.getOrElse(result.cost, () => Usd.zero).pico
          }
          if (done === stepsOfTask) finished += 1
        }
        return { finished, calls, usd: Usd.toNumber(Usd.fromPico(pico)) }
      }),
      layer
    )
  }).pipe(VirtualTime.simulate())

describe("agents in virtual time", () => {
  it.effect(
    "finish as often as with the strongest provider, for a part of its cost",
    () =>
      Effect.gen(function* () {
        const cheap = yield* agents(Strategy.cheapest)
        const strong = yield* agents(Strategy.quality)
        const escalated = yield* agents(made({ strategy: Strategy.cheapest }))
        assert.isBelow(cheap.finished, strong.finished / 2)
        assert.strictEqual(escalated.finished, strong.finished)
        assert.isBelow(escalated.usd, strong.usd / 2)
        if (isFull) process.stdout.write(`${JSON.stringify({ cheap, strong, escalated })}\n`)
      }),
    600_000
  )
})
