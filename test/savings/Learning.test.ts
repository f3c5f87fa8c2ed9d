import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AIResult,
  AITask,
  AnswerObserver,
  Budgets,
  CircuitBreaker,
  Comparison,
  Judge,
  Learning,
  MultiLLMOrchestrator,
  Outcomes,
  RateLimits,
  SpendLedger,
  Strategy,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Struct from "effect/Struct"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Price from "../../src/Price.js"
import { logged } from "../utils/logged.js"
import { runs } from "../utils/property.js"

const [cheap, strong] = [AIProvider.unsafeMake("cheap"), AIProvider.unsafeMake("strong")]

/** A dollar for a million tokens: the answers here cost 15 millionths. */
const price = Either.getOrThrow(Price.make({ input: 1, output: 1 }))
const usage = TokenUsage.make({ inputTokens: 10, outputTokens: 5 })
const costUsd = 0.000015

const says = (text: string, more: Partial<Parameters<typeof Behaviour.answer>[0]> = {}) =>
  Behaviour.answer({ text, usage, ...more })

const agreement = Judge.agreement(Comparison.number, strong)

/** What is known of each provider, but for the form of its answer. */
const answersOf = (outcome: Outcomes.Outcome | undefined) =>
  Object.entries(outcome?.outcomes ?? {}).map(([id, all]) => [id, Struct.omit(all, "answer")])

const answered = (quality: number) => ({ quality, costUsd, outputTokens: 5 })

const formOf = (outcome: Outcomes.Outcome | undefined, provider: AIProvider.AIProvider) =>
  outcome === undefined ? undefined : Outcomes.answered(outcome, provider)?.answer

const tools = [{ name: "do", parameters: {} }] as const

interface World {
  readonly cheap?: ScriptedEngine.Script
  readonly strong?: ScriptedEngine.Script
  readonly more?: ReadonlyArray<ScriptedEngine.Options>
  readonly options?: Partial<Learning.Options>
  readonly around?: Layer.Layer<never, never>
}

/** An orchestrator that asks `cheap`, and what is learned behind it. */
const world = ({ around = Layer.empty, cheap: first, more = [], options = {}, strong: second }: World = {}) =>
  Effect.gen(function* () {
    const outcomes: Array<Outcomes.Outcome> = []
    const engines = yield* ScriptedEngine.makeAll([
      { provider: cheap, price, script: first ?? [says("It is 42.")] },
      { provider: strong, price, script: second ?? [says("It is 42.")] },
      ...more
    ])
    const scope = yield* Scope.make()
    const context = yield* MultiLLMOrchestrator.layerFor({
      providers: [
        { provider: "cheap", costPerToken: 1 },
        { provider: "strong", costPerToken: 2 },
        ...more.map(({ provider }) => ({ provider, costPerToken: 3 }))
      ],
      strategy: Strategy.cheapest
    }).pipe(
      Layer.provideMerge(
        Learning.layer({
          share: 1,
          budget: { usd: 1 },
          judge: agreement,
          record: (outcome) => Effect.sync(() => void outcomes.push(outcome)),
          ...options
        })
      ),
      Layer.provideMerge(ScriptedEngine.layerRegistry(engines)),
      Layer.provideMerge(Layer.provideMerge(around, SpendLedger.layer)),
      Layer.buildWithScope(scope)
    )
    const orchestrator = yield* Effect.provide(MultiLLMOrchestrator.MultiLLMOrchestrator, context)
    const learning = yield* Effect.provide(Learning.Learning, context)
    const observer = yield* Effect.provide(AnswerObserver.AnswerObserver, context)
    const ledger = yield* Effect.provide(SpendLedger.SpendLedger, context)
    return {
      orchestrator,
      outcomes,
      counts: learning.counts,
      judged: observer.judged ?? (() => Effect.void),
      rows: Effect.map(Stream.runCollect(ledger.rows()), (all) => Array.from(all)),
      callsOf: (provider: AIProvider.AIProvider) =>
        engines.find((each) => each.provider === provider)?.calls ?? Effect.succeed([]),
      close: Scope.close(scope, Exit.void)
    }
  })

const task = (options: Partial<AITask.Options> = {}) =>
  Either.getOrThrow(AITask.make({ id: "t1", prompt: "What is 6 times 7, secretly?", ...options }))

/** Lets what was begun in the background end. */
const idle = TestClock.adjust("1 minute")

describe("Learning", () => {
  it.effect("asks the other provider behind the caller's back, and makes an outcome of both answers", () =>
    Effect.gen(function* () {
      const { callsOf, counts, orchestrator, outcomes, rows } = yield* world({
        strong: [says("41", { firstTokenMs: 5000 })]
      })
      const result = yield* orchestrator.complete(task({ userId: "u", keyId: "k", session: "s" }))
      assert.strictEqual(result.provider, cheap)
      // The caller has its answer: the other one is waited for by nobody.
      assert.deepStrictEqual(outcomes, [])
      yield* idle
      assert.deepStrictEqual(
        outcomes.map((outcome) => [outcome.id, outcome.family, outcome.prompt, answersOf(outcome)]),
        [
          [
            "t1",
            "all",
            undefined,
            [
              ["cheap", answered(0)],
              ["strong", answered(1)]
            ]
          ]
        ]
      )
      assert.deepStrictEqual(yield* counts, { compared: 1 })
      const [call] = yield* callsOf(strong)
      assert.strictEqual(call?.request.task.userId, undefined)
      const accounted = (yield* rows).map(({ agent, cost, keyId, provider, session, taskId }) => ({
        agent,
        taskId,
        provider,
        session,
        keyId: Option.getOrUndefined(keyId),
        cost: Option.getOrUndefined(Option.map(cost, Usd.toNumber))
      }))
      assert.deepStrictEqual(accounted, [
        { agent: undefined, taskId: "t1", provider: cheap, session: "s", keyId: "k", cost: costUsd },
        {
          agent: "learning",
          taskId: "t1/learning",
          provider: strong,
          session: undefined,
          keyId: undefined,
          cost: costUsd
        }
      ])
    })
  )

  it.effect("does the same behind a stream, once it is at its end", () =>
    Effect.gen(function* () {
      const { orchestrator, outcomes } = yield* world()
      const events = yield* Stream.runCollect(orchestrator.stream(task({ mode: "streaming" })))
      assert.strictEqual(Chunk.unsafeLast(events)._tag, "Completed")
      yield* idle
      assert.deepStrictEqual(answersOf(outcomes[0])[0], ["cheap", answered(1)])
    })
  )

  it.effect("asks all of the providers, so that an outcome says what each would have done", () =>
    Effect.gen(function* () {
      const third = AIProvider.unsafeMake("third")
      const more = [{ provider: third, price, script: [says("7")] as const }]
      const { orchestrator, outcomes } = yield* world({ more })
      yield* orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual(answersOf(outcomes[0]), [
        ["cheap", answered(1)],
        ["strong", answered(1)],
        ["third", answered(0)]
      ])
      const some = yield* world({ more, options: { providers: ["cheap", "strong"] } })
      yield* some.orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual(Object.keys(some.outcomes[0]?.outcomes ?? {}), ["cheap", "strong"])
      // Who answered is none of those that are compared.
      const others = yield* world({ more, options: { providers: ["third", "strong"] } })
      yield* others.orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual([others.outcomes, yield* others.counts], [[], {}])
    })
  )

  it.effect.each([
    ["names its provider", { provider: "cheap", pinned: true }],
    ["says which alone may be asked", { providers: ["cheap", "strong"] }],
    ["has tools", { tools }],
    [
      "has tools of a provider",
      { nativeTools: [{ wire: "responses", value: { type: "web_search" }, optional: true }] }
    ],
    ["is to be stored", { options: { responses: { store: true } } }],
    ["is stored where nothing is said", { original: { wire: "responses", body: {} } }],
    ["came as one to be stored", { original: { wire: "chatCompletions", body: { store: true } } }],
    [
      "goes on from a stored answer",
      { original: { wire: "responses", body: { store: false }, requires: ["previous_response_id"] } }
    ],
    ["embeds", { original: { wire: "embeddings", body: {} } }],
    [
      "goes on from encrypted reasoning",
      {
        prompt: undefined,
        messages: [
          { role: "user", content: "What is 6 times 7?" },
          {
            role: "assistant",
            content: [
              {
                type: "reasoning",
                text: "",
                state: { wire: "responses", value: { encrypted_content: "x" } }
              },
              { type: "text", text: "42" }
            ]
          },
          { role: "user", content: "And 6 times 8?" }
        ]
      }
    ]
  ] as const)("leaves out a task that %s", ([, options]) =>
    Effect.gen(function* () {
      const { callsOf, counts, orchestrator } = yield* world()
      yield* Effect.exit(orchestrator.complete(task(options)))
      yield* idle
      assert.deepStrictEqual([yield* callsOf(strong), yield* counts], [[], {}])
    })
  )

  it.effect("leaves out a task whose caller says that no other provider is asked", () =>
    Effect.gen(function* () {
      const { callsOf, counts, orchestrator } = yield* world()
      yield* orchestrator.complete(task(), { useFallback: false })
      yield* Stream.runDrain(orchestrator.stream(task({ mode: "streaming" }), { useFallback: false }))
      yield* idle
      assert.deepStrictEqual([yield* callsOf(strong), yield* counts], [[], {}])
      yield* orchestrator.complete(task(), { useFallback: true })
      yield* idle
      assert.deepStrictEqual(yield* counts, { compared: 1 })
    })
  )

  it.effect(
    "compares what is said once over several turns, and what came over a wire and leaves no trace",
    () =>
      Effect.gen(function* () {
        const { orchestrator, outcomes } = yield* world()
        yield* orchestrator.complete(
          task({
            id: "turns",
            prompt: undefined,
            messages: [
              { role: "user", content: "What is 6 times 7?" },
              {
                role: "assistant",
                content: [
                  { type: "reasoning", text: "…" },
                  { type: "text", text: "42" }
                ]
              },
              { role: "user", content: "Sure?" }
            ]
          })
        )
        yield* idle
        yield* orchestrator.complete(
          task({ id: "wire", original: { wire: "responses", body: { store: false } } })
        )
        yield* idle
        assert.deepStrictEqual(
          outcomes.map(({ id }) => id),
          ["turns", "wire"]
        )
      })
  )
})

describe("what learning may not do", () => {
  it.effect("is to ask a provider whose limits are used up or whose circuit isn't closed", () =>
    Effect.gen(function* () {
      const limited = yield* world({
        around: Layer.orDie(RateLimits.layer({ providers: { strong: { requestsPerMinute: 1 } } }))
      })
      yield* limited.orchestrator.complete(task({ id: "own", provider: "strong", pinned: true }))
      yield* limited.orchestrator.complete(task())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* limited.counts, { yielded: 1 })
      yield* idle
      yield* limited.orchestrator.complete(task({ id: "later" }))
      yield* idle
      assert.deepStrictEqual(yield* limited.counts, { yielded: 1, compared: 1 })

      const broken = yield* world({
        strong: [Behaviour.fail({ _tag: "TransientError", reason: "server" }), says("42")],
        around: Layer.orDie(CircuitBreaker.layer({ consecutiveFailures: 1, openMs: 1000 }))
      })
      yield* Effect.flip(
        broken.orchestrator.complete(task({ id: "own", provider: "strong", pinned: true }), {
          useFallback: false
        })
      )
      yield* broken.orchestrator.complete(task())
      yield* TestClock.adjust("2 seconds")
      // Half-open by now: a probe is for a call of the program.
      yield* broken.orchestrator.complete(task({ id: "t2" }))
      yield* idle
      assert.deepStrictEqual(yield* broken.counts, { yielded: 2 })
    })
  )

  it.effect("is to repeat what failed, or to take it for an answer", () =>
    Effect.gen(function* () {
      const { callsOf, counts, orchestrator, outcomes } = yield* world({
        strong: [Behaviour.fail({ _tag: "TransientError", reason: "overloaded" })]
      })
      yield* orchestrator.complete(task())
      yield* idle
      assert.strictEqual((yield* callsOf(strong)).length, 1)
      assert.deepStrictEqual([outcomes, yield* counts], [[], { failed: 1 }])
    })
  )

  it.effect("is to charge a caller who went away", () =>
    Effect.gen(function* () {
      const { callsOf, orchestrator } = yield* world({ cheap: [says("42", { firstTokenMs: 5000 })] })
      const caller = yield* Effect.fork(orchestrator.complete(task()))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(caller)
      yield* idle
      assert.deepStrictEqual(yield* callsOf(strong), [])
    })
  )

  it.effect("is to go on when it ends: what is under way is interrupted, and accounted for", () =>
    Effect.gen(function* () {
      const { close, orchestrator, outcomes, rows } = yield* world({
        strong: [says("42", { firstTokenMs: 5000 })]
      })
      yield* orchestrator.complete(task())
      yield* TestClock.adjust("1 second")
      yield* close
      assert.deepStrictEqual(
        (yield* rows).map(({ agent, outcome }) => [agent, outcome]),
        [
          [undefined, "succeeded"],
          ["learning", "interrupted"]
        ]
      )
      yield* idle
      assert.deepStrictEqual(outcomes, [])
    })
  )

  it.effect("is to have more under way than it may", () =>
    Effect.gen(function* () {
      const { counts, orchestrator } = yield* world({ strong: [says("42", { firstTokenMs: 5000 })] })
      for (const id of ["a", "b", "c"]) yield* orchestrator.complete(task({ id }))
      yield* idle
      yield* orchestrator.complete(task({ id: "d" }))
      yield* idle
      assert.deepStrictEqual(yield* counts, { busy: 2, compared: 2 })
    })
  )

  it.effect("is to spend what budgets of the program have, or is held against its own alone", () =>
    Effect.gen(function* () {
      const own = Layer.orDie(
        Budgets.layer({ budgets: [{ name: "all", scope: "overall", period: "day", usd: 0.01 }] })
      )
      const { counts, orchestrator } = yield* world({ around: own, options: { budget: { usd: 0.000001 } } })
      yield* orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual(yield* counts, { "over-budget": 1 })
      const budgets = yield* world({ around: own })
      yield* budgets.orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual(yield* budgets.counts, { compared: 1 })
    })
  )

  it.effect.prop(
    "is to pass its budget, whatever is asked and answered",
    {
      texts: FastCheck.array(
        FastCheck.string({ minLength: 1, maxLength: 200 }).filter((text) => text.trim() !== ""),
        { minLength: 1, maxLength: 30 }
      ),
      usd: FastCheck.double({ min: 0, max: 0.005, noNaN: true }),
      written: FastCheck.integer({ min: 0, max: 300 })
    },
    ({ texts, usd, written }) =>
      Effect.gen(function* () {
        const { orchestrator, rows } = yield* world({
          strong: [says("42", { usage: TokenUsage.make({ inputTokens: 1, outputTokens: written }) })],
          options: { budget: { usd }, concurrency: 3 }
        })
        for (const [index, prompt] of texts.entries()) {
          yield* orchestrator.complete(task({ id: `t${index}`, prompt, maxTokens: 300 }))
        }
        yield* idle
        const spent = (yield* rows)
          .filter(({ agent }) => agent === "learning")
          .reduce((sum, { cost }) => sum + Usd.toNumber(Option.getOrThrow(cost)), 0)
        assert.isAtMost(spent, usd + 1e-12)
      }),
    runs(50)
  )

  it.effect.prop(
    "is to change an answer, or what chance gives to the callers",
    { share: FastCheck.double({ min: 0, max: 1, noNaN: true }), seed: FastCheck.integer() },
    ({ seed, share }) =>
      Effect.gen(function* () {
        const answers = (options: Partial<Learning.Options>) =>
          Effect.gen(function* () {
            const { orchestrator, outcomes } = yield* world({
              cheap: (_, index) => Effect.succeed(says(String(index % 3), { firstTokenMs: 10 })),
              options: { concurrency: 100, ...options }
            })
            const unnamed = Either.getOrThrow(AITask.make({ prompt: "How many?" }))
            const results: Array<AIResult.AIResult> = []
            for (let turn = 0; turn < 10; turn++) {
              const asked = yield* Effect.fork(orchestrator.complete(unnamed))
              yield* TestClock.adjust("1 second")
              const result = yield* Fiber.join(asked)
              // Each run has its own time.
              results.push({ ...result, attempts: [] })
            }
            yield* idle
            return { results, outcomes }
          }).pipe(Effect.withRandom(Random.make(seed)))
        const [off, on, again] = [
          yield* answers({ share: 0 }),
          yield* answers({ share, seed }),
          yield* answers({ share, seed })
        ]
        assert.deepStrictEqual(on.results, off.results)
        assert.deepStrictEqual(on.outcomes, again.outcomes)
      }),
    runs(20)
  )

  it.effect.prop(
    "is to keep a word of a prompt or of an answer where that isn't switched on",
    { words: FastCheck.array(FastCheck.stringMatching(/^[a-z]{6,12}$/), { minLength: 3, maxLength: 30 }) },
    ({ words }) =>
      Effect.gen(function* () {
        const prompt = words.join(" ")
        const { orchestrator, outcomes } = yield* world({
          cheap: [says(prompt)],
          strong: [says(prompt)],
          options: { judge: Judge.agreement(Comparison.shortAnswer, strong) }
        })
        yield* orchestrator.complete(task({ prompt }))
        yield* idle
        assert.strictEqual(outcomes.length, 1)
        const { words: hashes = [] } = outcomes[0]?.features ?? {}
        assert.deepStrictEqual(
          hashes,
          [...hashes].toSorted((one, other) => one - other)
        )
        const kept = JSON.stringify(outcomes)
        for (const word of words) assert.notInclude(kept, word)
      }),
    runs(50)
  )
})

describe("what learning keeps", () => {
  it.effect("is prompts and answers only where that is switched on, and so much of a prompt", () =>
    Effect.gen(function* () {
      const { orchestrator, outcomes } = yield* world({ options: { prompts: true, familyOf: () => "sums" } })
      yield* orchestrator.complete(task({ prompt: `What is 42? ${"x".repeat(20_000)}` }))
      yield* idle
      const [outcome] = outcomes
      assert.strictEqual(outcome?.prompt?.length, 16_384)
      assert.strictEqual(outcome?.family, "sums")
      assert.strictEqual(formOf(outcome, cheap), "42")
    })
  )

  it.effect("is nothing of a price that isn't known, nor of an answer that several have written", () =>
    Effect.gen(function* () {
      const free = { provider: AIProvider.unsafeMake("free"), script: [says("42")] as const }
      const { counts, orchestrator } = yield* world({
        more: [free],
        options: { providers: ["cheap", "free"] }
      })
      yield* orchestrator.complete(task())
      yield* idle
      // A budget in dollars has no room for what has no price.
      assert.deepStrictEqual(yield* counts, { "over-budget": 1 })
    })
  )

  it.effect("is what feedback says of an answer, once", () =>
    Effect.gen(function* () {
      const { counts, judged, orchestrator, outcomes } = yield* world({
        options: { share: 0, remembered: 2 }
      })
      for (const id of ["a", "b", "c"]) yield* orchestrator.complete(task({ id, tools }))
      for (const id of ["a", "c", "c", "unknown"]) yield* judged(id, 0.25)
      yield* judged("b", Number.NaN)
      assert.deepStrictEqual(
        outcomes.map((outcome) => [outcome.id, answersOf(outcome)]),
        [["c", [["cheap", answered(0.25)]]]]
      )
      assert.deepStrictEqual(yield* counts, { judged: 1 })
      const none = yield* world({ options: { share: 0, remembered: 0 } })
      yield* none.orchestrator.complete(task())
      yield* none.judged("t1", 1)
      assert.deepStrictEqual(none.outcomes, [])
    })
  )

  it.effect("is nothing where the judge says nothing, dies, or says what is no quality", () =>
    Effect.gen(function* () {
      const judges: ReadonlyArray<ReturnType<Judge.Judge["judge"]>> = [
        Effect.succeedNone,
        Effect.die("a bug"),
        Effect.succeedSome([1]),
        Effect.succeedSome([2, Number.NaN])
      ]
      for (const said of judges) {
        const { counts, orchestrator, outcomes } = yield* world({
          options: { judge: { name: "own", judge: () => said } }
        })
        yield* orchestrator.complete(task())
        yield* idle
        assert.deepStrictEqual([outcomes, yield* counts], [[], { undecided: 1 }])
      }
    })
  )

  it.effect("is told in the log where it can't be kept, and stops nothing", () =>
    Effect.gen(function* () {
      const { exit, lines } = yield* logged(
        Effect.gen(function* () {
          const { counts, orchestrator } = yield* world({
            options: { record: () => Effect.fail({ message: "disk full" }) }
          })
          yield* orchestrator.complete(task())
          yield* idle
          return yield* counts
        }),
        LogLevel.Info
      )
      assert.deepStrictEqual(exit, Exit.succeed({ lost: 1 }))
      assert.deepStrictEqual(lines, [
        { level: "WARN", name: "learning_outcome_lost", fields: { taskId: "t1", reason: "disk full" } }
      ])
    })
  )

  it.effect("tells the observer that was there before, and refuses what is out of range", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const before = Layer.succeed(AnswerObserver.AnswerObserver, {
        answered: (_: AITask.AITask, { taskId }: AIResult.AIResult) =>
          Effect.sync(() => void seen.push(taskId))
      })
      const { orchestrator } = yield* world({ around: before })
      yield* orchestrator.complete(task())
      assert.deepStrictEqual(seen, ["t1"])
      const exit = yield* Effect.exit(world({ options: { share: 2 } }))
      assert.include(JSON.stringify(exit), "Expected a share of the tasks (a number from 0 to 1), actual 2")
    })
  )
})

describe("a judge", () => {
  it.effect("by agreement says nothing where its provider has nothing to compare", () =>
    Effect.gen(function* () {
      const { counts, orchestrator } = yield* world({ strong: [says("no number")] })
      yield* orchestrator.complete(task())
      yield* idle
      assert.deepStrictEqual(yield* counts, { undecided: 1 })
    })
  )

  it.effect(
    "of a provider sees answers without names, in an order by the task, on the budget of learning",
    () =>
      Effect.gen(function* () {
        const judge = AIProvider.unsafeMake("judge")
        const grade = (request: { readonly task: AITask.AITask }) => {
          const { answers }: { readonly answers: ReadonlyArray<string> } = JSON.parse(
            AITask.promptText(request.task)
          )
          assert.notInclude(AITask.promptText(request.task), "strong")
          return answers.map((text) => (text.includes("42") ? 10 : 3))
        }
        const orders = new Set<string>()
        const { orchestrator, outcomes, rows } = yield* world({
          strong: [says("It is 41.")],
          more: [
            {
              provider: judge,
              price,
              script: (request) =>
                Effect.sync(() => {
                  orders.add(AITask.promptText(request.task).replace(/.*"answers"/, ""))
                  return says(`\`\`\`json\n{"scores": ${JSON.stringify(grade(request))}}\n\`\`\``)
                })
            }
          ],
          options: { judge: Judge.byProvider(judge), providers: ["cheap", "strong"] }
        })
        for (let turn = 0; turn < 8; turn++) {
          yield* orchestrator.complete(task({ id: `t${turn}` }))
          yield* idle
        }
        assert.strictEqual(orders.size, 2)
        assert.deepStrictEqual(
          outcomes.map((outcome) => [answersOf(outcome), formOf(outcome, cheap)]),
          Array.from({ length: 8 }, () => [
            [
              ["cheap", answered(1)],
              ["strong", answered(0.3)]
            ],
            undefined
          ])
        )
        assert.strictEqual((yield* rows).filter(({ agent }) => agent === "learning").length, 16)
      })
  )

  it.effect.each(["no JSON", '{"scores": [1]}', '{"scores": [1, 11]}'])(
    "of a provider says nothing where it answers %s",
    (text) =>
      Effect.gen(function* () {
        const judge = AIProvider.unsafeMake("judge")
        const { counts, orchestrator } = yield* world({
          more: [{ provider: judge, price, script: [says(text)] }],
          options: { judge: Judge.byProvider(judge, Comparison.number), providers: ["cheap", "strong"] }
        })
        yield* orchestrator.complete(task())
        yield* idle
        assert.deepStrictEqual(yield* counts, { undecided: 1 })
      })
  )
})
