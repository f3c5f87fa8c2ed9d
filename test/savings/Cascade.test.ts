import { assert, describe, it } from "@effect/vitest"
import {
  Acceptance,
  AIProvider,
  type AIResult,
  AITask,
  AnswerObserver,
  Cascade,
  Comparison,
  CostOptimizer,
  type ProviderMetrics,
  ProviderRouter,
  QualityModel,
  type RoutingPolicy,
  Strategy,
  type StreamEvent,
  type TaskService,
  TokenUsage,
  Usd
} from "arc-saga"
import { Behaviour, ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Price from "../../src/Price.js"
import * as progress from "../../src/savings/internal/progress.js"
import { task } from "../utils/fleet.js"
import { runs } from "../utils/property.js"

const { answer, cut, fail, never } = Behaviour

const [mini, haiku, large] = [
  AIProvider.unsafeMake("mini"),
  AIProvider.unsafeMake("haiku"),
  AIProvider.unsafeMake("large")
]

const price = Either.getOrThrow(Price.make({ input: 1, output: 1 }))
const usage = TokenUsage.make({ inputTokens: 10, outputTokens: 5 })

/** Each answer costs 15 millionths of a dollar. */
const says = (text: string, more: Partial<Parameters<typeof answer>[0]> = {}) =>
  answer({ text, usage, ...more })

type Scripts = Partial<Record<"mini" | "haiku" | "tiny" | "large", ScriptedEngine.Script>>

const number = Acceptance.agreement(Comparison.number)

const cascade = (
  scripts: Scripts,
  options: Partial<Cascade.Options> = {},
  world: {
    readonly metrics?: ReadonlyArray<ProviderMetrics.Options>
    readonly policy?: RoutingPolicy.Options
    readonly observer?: AnswerObserver.Service
    readonly engine?: Partial<ScriptedEngine.Options>
  } = {}
) =>
  Effect.gen(function* () {
    const engines = yield* ScriptedEngine.makeAll(
      Object.entries(scripts).map(([id, script]) => ({
        provider: AIProvider.unsafeMake(id),
        script,
        price,
        ...world.engine
      }))
    )
    const registry = ScriptedEngine.layerRegistry(engines)
    const metrics = world.metrics ?? [
      { provider: "mini", qualityScore: 5 },
      { provider: "haiku", qualityScore: 4 },
      { provider: "tiny", qualityScore: 3 },
      { provider: "large", qualityScore: 9 }
    ]
    const service = yield* Cascade.Cascade.pipe(
      Effect.provide(
        Cascade.layer({ asks: ["mini", "haiku"], last: "large", accept: number, ...options }).pipe(
          Layer.provide(ProviderRouter.layer(world.policy)),
          Layer.provide(CostOptimizer.layer(metrics)),
          Layer.provide(registry),
          Layer.provide(
            world.observer === undefined
              ? Layer.empty
              : Layer.succeed(AnswerObserver.AnswerObserver, world.observer)
          )
        )
      )
    )
    const asked = Effect.map(
      Effect.forEach(engines, ({ calls, provider }) =>
        Effect.map(
          calls,
          Arr.map(({ startedAt }) => ({ provider, startedAt }))
        )
      ),
      (calls) =>
        calls
          .flat()
          .toSorted((left, right) => left.startedAt - right.startedAt)
          .map(({ provider }) => provider)
    )
    const open = Effect.map(
      Effect.forEach(engines, (engine) => engine.open),
      (counts) => counts.reduce((sum, count) => sum + count, 0)
    )
    return { ...service, engines, asked, open }
  })

const outcomes = ({ attempts }: Pick<AIResult.AIResult, "attempts">): ReadonlyArray<string> =>
  attempts.map(({ outcome, provider }) => `${provider} ${outcome}`)

const costOf = ({ cost }: AIResult.AIResult): number => Usd.toNumber(Option.getOrThrow(cost))

const textOf = (events: ReadonlyArray<StreamEvent.StreamEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

describe("A cascade that is told how to serve", () => {
  it.effect("has the last provider answer alone where no other may be asked, and fails as that fails", () =>
    Effect.gen(function* () {
      const alone = { useFallback: false } as const
      const { asked, complete, stream } = yield* cascade({
        mini: [says("42")],
        haiku: [says("42")],
        large: [says("43"), fail({ _tag: "QuotaExhaustedError" })]
      })
      assert.strictEqual((yield* complete(yield* task(), alone)).provider, large)
      const error = yield* Effect.flip(complete(yield* task(), alone))
      assert.strictEqual(error._tag, "QuotaExhaustedError")
      const streamed = yield* Effect.flip(Stream.runDrain(stream(yield* task(), alone)))
      assert.strictEqual(streamed._tag, "QuotaExhaustedError")
      assert.deepStrictEqual(yield* asked, [large, large, large])
    })
  )

  it.effect("ranks the fallbacks of its last provider by the strategy of the call", () =>
    Effect.gen(function* () {
      const scripts: Scripts = {
        mini: [says("1")],
        haiku: [says("2")],
        large: [fail({ _tag: "QuotaExhaustedError" })],
        tiny: [says("3")]
      }
      const metrics = [
        { provider: "mini", qualityScore: 5, costPerToken: 2 },
        { provider: "haiku", qualityScore: 4, costPerToken: 2 },
        { provider: "tiny", qualityScore: 3, costPerToken: 1 },
        { provider: "large", qualityScore: 9, costPerToken: 9 }
      ]
      const answerOf = (serve: TaskService.ServeOptions) =>
        Effect.gen(function* () {
          const { complete } = yield* cascade(scripts, { asks: [["mini", "haiku"]] }, { metrics })
          return (yield* complete(yield* task(), serve)).provider
        })
      assert.strictEqual(yield* answerOf({}), mini)
      assert.strictEqual(yield* answerOf({ strategy: Strategy.cheapest }), "tiny")
    })
  )

  it.effect("has the time of the call where neither the task nor the cascade says", () =>
    Effect.gen(function* () {
      const late: Scripts = { mini: [never()], haiku: [never()], large: [never()] }
      const endOf = (options: Partial<Cascade.Options>, serve: TaskService.ServeOptions) =>
        Effect.gen(function* () {
          const { complete } = yield* cascade(late, options)
          const begun = yield* Clock.currentTimeMillis
          yield* Effect.flip(complete(yield* task(), serve))
          return (yield* Clock.currentTimeMillis) - begun
        })
      assert.strictEqual(yield* endOf({}, { defaultTimeoutMs: 5000 }), 5000)
      assert.strictEqual(yield* endOf({ timeoutMs: 3000 }, { defaultTimeoutMs: 5000 }), 3000)
      assert.strictEqual(yield* endOf({}, {}), 30_000)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("delivers of an accepted answer what was thought and what was left out, too", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade({ mini: [says("42")], haiku: [says("42")], large: [says("43")] })
      const result = {
        ...(yield* complete(yield* task())),
        reasoning: [{ type: "reasoning", text: "6 times 7" }],
        dropped: ["seed"]
      } as const
      const [started, thought, text, completed] = progress.eventsOf(result)
      assert.deepStrictEqual(started, {
        _tag: "Started",
        provider: mini,
        model: result.model,
        attempts: 2,
        dropped: ["seed"]
      })
      assert.deepStrictEqual(thought, { _tag: "ReasoningDelta", text: "6 times 7" })
      assert.deepStrictEqual(text, { _tag: "TextDelta", text: "42" })
      assert.deepStrictEqual(completed, { _tag: "Completed", result })
    })
  )
})

describe("Cascade", () => {
  it.effect("takes the first answer when another provider gives the same, and asks nobody else", () =>
    Effect.gen(function* () {
      const { asked, execute } = yield* cascade({
        mini: [says("It is 42.")],
        haiku: [says("42.0")],
        large: [says("43")]
      })
      const result = yield* execute(yield* AITask.make({ prompt: "ask" }))
      assert.strictEqual(result.text, "It is 42.")
      assert.strictEqual(result.provider, mini)
      assert.deepStrictEqual(outcomes(result), ["mini succeeded", "haiku discarded"])
      assert.deepStrictEqual(yield* asked, [mini, haiku])
      assert.closeTo(costOf(result), 30e-6, 1e-12)
      assert.strictEqual(result.usage.outputTokens, 5)
    })
  )

  it.effect("has the last provider answer when they differ, and counts what it cost to find out", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade({
        mini: [says("41", { firstTokenMs: 100 })],
        haiku: [says("42", { firstTokenMs: 200 })],
        large: [says("43", { firstTokenMs: 300 })]
      })
      const result = yield* complete(yield* task())
      assert.strictEqual(result.text, "43")
      assert.deepStrictEqual(outcomes(result), ["mini discarded", "haiku discarded", "large succeeded"])
      assert.closeTo(costOf(result), 45e-6, 1e-12)
      assert.strictEqual(result.durationMs, 600)
      assert.deepStrictEqual(result.firstTokenMs, Option.some(600))
    }).pipe(VirtualTime.simulate())
  )

  it.effect("doesn't take what two others agree on against the first", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade(
        { mini: [says("1")], haiku: [says("2")], tiny: [says("2")], large: [says("3")] },
        { asks: ["mini", "haiku", "tiny"] }
      )
      assert.strictEqual((yield* complete(yield* task())).text, "3")
    })
  )

  it.effect("asks the providers of one step at once", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade(
        {
          mini: [says("1", { firstTokenMs: 400 })],
          haiku: [says("1", { firstTokenMs: 300 })],
          large: [says("3")]
        },
        { asks: [["mini", "haiku"]] }
      )
      const result = yield* complete(yield* task())
      assert.strictEqual(result.provider, mini)
      assert.strictEqual(result.durationMs, 400)
      assert.deepStrictEqual(result.firstTokenMs, Option.some(400))
    }).pipe(VirtualTime.simulate())
  )

  it.effect("goes on from a provider that fails, whose attempts are in the result", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade({
        mini: [fail({ _tag: "QuotaExhaustedError" })],
        haiku: [says("42")],
        large: [says("43")]
      })
      const result = yield* complete(yield* task())
      assert.strictEqual(result.text, "43")
      assert.deepStrictEqual(outcomes(result), ["mini failed", "haiku discarded", "large succeeded"])
    })
  )

  it.effect("goes on from a window that is too small", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade(
        {
          mini: [fail({ _tag: "ContextLengthError" }, { afterMs: 50 })],
          haiku: [fail({ _tag: "ContextLengthError" })],
          large: [says("43")]
        },
        {}
      )
      const result = yield* complete(yield* task())
      assert.deepStrictEqual(outcomes(result), ["mini failed", "haiku failed", "large succeeded"])
      assert.deepStrictEqual(
        result.attempts.map(({ durationMs }) => durationMs),
        [50, 0, 0]
      )
      assert.closeTo(costOf(result), 15e-6, 1e-12)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("fails at once with what the routing policy fails with at once", () =>
    Effect.gen(function* () {
      const { asked, complete } = yield* cascade({
        mini: [fail({ _tag: "ContentPolicyError" })],
        haiku: [says("42")],
        large: [says("43")]
      })
      const error = yield* Effect.flip(complete(yield* task()))
      assert.strictEqual(error._tag, "ContentPolicyError")
      assert.deepStrictEqual(yield* asked, [mini])
    })
  )

  it.effect("fails with every attempt when the last provider and its fallbacks fail, too", () =>
    Effect.gen(function* () {
      const quota = [fail({ _tag: "QuotaExhaustedError" })] as const
      const { complete } = yield* cascade({ mini: quota, haiku: quota, large: quota })
      const error = yield* Effect.flip(complete(yield* task()))
      if (error._tag !== "AllProvidersFailedError") throw new Error(error._tag)
      assert.strictEqual(error.primary.provider, large)
      assert.deepStrictEqual(
        error.attempts.map(({ provider }) => provider),
        [mini, haiku, large, mini, haiku]
      )
    })
  )

  it.effect("falls over from the last provider as the router does", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade({
        mini: [says("1"), says("again")],
        haiku: [says("2")],
        large: [fail({ _tag: "QuotaExhaustedError" })]
      })
      const result = yield* complete(yield* task())
      assert.strictEqual(result.text, "again")
      assert.deepStrictEqual(outcomes(result), [
        "mini discarded",
        "haiku discarded",
        "large failed",
        "mini succeeded"
      ])
    })
  )

  it.effect("never takes an answer that was cut short, or an empty one", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade({
        mini: [says("42", { finishReason: "length" })],
        haiku: [says("42")],
        large: [says("43")]
      })
      assert.strictEqual((yield* complete(yield* task())).text, "43")
      const silent = yield* cascade({ mini: [says("")], haiku: [says("")], large: [says("43")] })
      assert.strictEqual((yield* silent.complete(yield* task())).text, "43")
    })
  )

  it.effect("takes no answer that nobody gave", () =>
    Effect.gen(function* () {
      const invented: Acceptance.Acceptance = {
        name: "invented",
        accept: ({ answers }) =>
          Effect.succeed(
            Option.map(Option.fromNullable(answers[0]), (first) => ({ ...first, provider: large }))
          )
      }
      const { complete } = yield* cascade(
        { mini: [says("1")], haiku: [says("1")], large: [says("3")] },
        { accept: invented }
      )
      assert.strictEqual((yield* complete(yield* task())).text, "3")
    })
  )

  it.effect("doesn't take what a check can't decide in half of the time that is left", () =>
    Effect.gen(function* () {
      const { complete } = yield* cascade(
        { mini: [says("1")], large: [says("3")] },
        { asks: ["mini"], accept: Acceptance.verified("endless", () => Effect.never) }
      )
      const result = yield* complete(yield* task({ timeoutMs: 1000 }))
      assert.strictEqual(result.text, "3")
      assert.strictEqual(result.durationMs, 500)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("logs whose answer it took and who is asked instead, without a word of either", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const sink = Logger.map(Logger.logfmtLogger, (line) => void lines.push(line))
      const { complete } = yield* cascade({
        mini: [says("1")],
        haiku: [says("1"), says("2")],
        large: [says("3")]
      })
      const asked = yield* task({ id: "a", prompt: "confidential" })
      yield* Effect.zipRight(complete(asked), complete(asked)).pipe(
        Logger.withMinimumLogLevel(LogLevel.Debug),
        Effect.provide(Logger.replace(Logger.defaultLogger, sink))
      )
      const own = lines.filter((line) => line.includes("message=cascade_"))
      const told = (line = "") =>
        line.split(" ").filter((field) => /^(message|provider|taskId|asked)=/.test(field))
      assert.sameMembers(told(own[0]), ["message=cascade_accepted", "taskId=a", "provider=mini", "asked=2"])
      assert.sameMembers(told(own[1]), ["message=cascade_escalated", "taskId=a", "provider=large", "asked=2"])
      assert.notInclude(lines.join(), "confidential")
    })
  )

  it.effect("asks whom a task pins, and nobody else", () =>
    Effect.gen(function* () {
      const { asked, complete } = yield* cascade({
        mini: [says("1")],
        haiku: [says("1")],
        large: [says("3")]
      })
      const result = yield* complete(yield* task({ provider: haiku, pinned: true }))
      assert.strictEqual(result.provider, haiku)
      assert.deepStrictEqual(yield* asked, [haiku])
    })
  )

  it.effect("leaves out who can't carry the task", () =>
    Effect.gen(function* () {
      const { asked, complete } = yield* cascade(
        { mini: [says("1")], haiku: [says("1")], large: [says("3")] },
        {},
        { engine: { capabilities: { tools: false } } }
      )
      const tools = [{ name: "find", parameters: {} }] as const
      const error = yield* Effect.flip(complete(yield* task({ tools })))
      assert.strictEqual(error._tag, "InputValidationError")
      assert.deepStrictEqual(yield* asked, [])
    })
  )

  it.effect("keeps one deadline, and leaves the last provider half of it at least", () =>
    Effect.gen(function* () {
      const { complete, open } = yield* cascade(
        { mini: [never()], haiku: [says("1")], large: [says("3", { firstTokenMs: 100 })] },
        { timeoutMs: 8000 }
      )
      const result = yield* complete(yield* task())
      assert.strictEqual(result.text, "3")
      assert.strictEqual(result.durationMs, 4100)
      assert.strictEqual(yield* open, 0)
      const stuck = yield* cascade({ mini: [never()], haiku: [never()], large: [never()] })
      const before = yield* Clock.currentTimeMillis
      const error = yield* Effect.flip(stuck.complete(yield* task({ timeoutMs: 1000 })))
      assert.strictEqual(error._tag, "AllProvidersFailedError")
      assert.strictEqual((yield* Clock.currentTimeMillis) - before, 1000)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("ends the requests when it is interrupted", () =>
    Effect.gen(function* () {
      const { complete, open } = yield* cascade(
        { mini: [never()], haiku: [never()], large: [says("3")] },
        { asks: [["mini", "haiku"]] }
      )
      const fiber = yield* Effect.fork(complete(yield* task()))
      yield* Effect.yieldNow()
      yield* Effect.sleep(10)
      assert.strictEqual(yield* open, 2)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* open, 0)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("remembers who answered for the model's feedback", () =>
    Effect.gen(function* () {
      const remembered: Array<string> = []
      const model: QualityModel.Service = {
        predict: () => ({
          family: "a",
          estimates: [{ provider: large, quality: 1, costUsd: 0, outputTokens: undefined, score: 0 }]
        }),
        gain: () => Option.none(),
        worth: () => Option.none(),
        guarantee: (keep) => ({ keep, confidence: 0.9, scope: "families", parts: [] }),
        best: large,
        cascade: Option.none(),
        experience: () => ({ good: 0, bad: 0 }),
        remember: (taskId, _, provider) => Effect.sync(() => void remembered.push(`${taskId} ${provider}`)),
        feedback: () => Effect.void
      }
      const { complete, stream } = yield* cascade(
        { mini: [says("1")], haiku: [says("1")], large: [says("3")] },
        {},
        { observer: QualityModel.observer(model) }
      )
      yield* complete(yield* task({ id: "a" }))
      yield* Stream.runDrain(stream(yield* task({ id: "b" })))
      assert.deepStrictEqual(remembered, ["a mini", "b mini"])
    })
  )

  it.effect("tells its observer whether other providers may be asked", () =>
    Effect.gen(function* () {
      const told: Array<boolean | undefined> = []
      const observer: AnswerObserver.Service = {
        answered: (_, __, serving) => Effect.sync(() => void told.push(serving?.useFallback))
      }
      const { complete, stream } = yield* cascade({ mini: [says("1")], large: [says("3")] }, {}, { observer })
      yield* complete(yield* task(), { useFallback: false })
      yield* Stream.runDrain(stream(yield* task(), { useFallback: false }))
      yield* complete(yield* task())
      assert.deepStrictEqual(told, [false, false, undefined])
    })
  )

  it.effect.each([
    [{ asks: ["mini", "large"] }, "Cascade.asks: Expected each provider once, actual large twice"],
    [{ timeoutMs: 0 }, "Cascade.timeoutMs: Expected milliseconds above 0 (at most 2147483647), actual 0"],
    [{ last: "" }, /^Cascade\.last: Expected a provider id/]
  ] as const)("refuses %j", ([options, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(cascade({}, options))
      if (typeof message === "string") assert.strictEqual(error.message, message)
      else assert.match(error.message, message)
    })
  )

  it.effect.prop(
    "never asks an unavailable provider, and pays for every attempt",
    [
      FastCheck.record({
        mini: FastCheck.boolean(),
        haiku: FastCheck.boolean(),
        large: FastCheck.boolean()
      }),
      FastCheck.array(FastCheck.constantFrom("1", "2", "error"), { minLength: 3, maxLength: 3 })
    ],
    ([available, [first = "1", second = "1", third = "1"]]) =>
      Effect.gen(function* () {
        const script = (text: string): ScriptedEngine.Script =>
          text === "error" ? [fail({ _tag: "QuotaExhaustedError" })] : [says(text)]
        const { asked, complete } = yield* cascade(
          { mini: script(first), haiku: script(second), large: script(third) },
          {},
          {
            metrics: Object.entries(available).map(([provider, is]) => ({ provider, available: is }))
          }
        )
        const exit = yield* Effect.either(complete(yield* task()))
        for (const provider of yield* asked) {
          assert.isTrue(Object.entries(available).some(([id, is]) => is && id === provider))
        }
        if (Either.isLeft(exit)) return
        const paid = exit.right.attempts.filter(({ outcome }) => outcome !== "failed").length
        assert.closeTo(costOf(exit.right), paid * 15e-6, 1e-12)
        assert.strictEqual(exit.right.attempts.filter(({ outcome }) => outcome === "succeeded").length, 1)
      }),
    runs()
  )
})

describe("a cascade that streams", () => {
  it.effect("delivers nothing before an answer is accepted, and then all of it", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const seen: Array<StreamEvent.StreamEvent> = []
      const { execute } = yield* cascade(
        { mini: [says("one two three")], haiku: [says("x")], large: [says("3")] },
        {
          accept: Acceptance.verified("gate", () => Effect.as(Deferred.await(gate), true))
        }
      )
      const streaming = yield* AITask.make({ prompt: "ask", mode: "streaming" })
      const fiber = yield* Effect.fork(
        Stream.runForEach(execute(streaming), (event) => Effect.sync(() => void seen.push(event)))
      )
      yield* Effect.sleep(100)
      assert.deepStrictEqual(seen, [])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      assert.strictEqual(textOf(seen), "one two three")
      const last = seen.at(-1)
      assert.strictEqual(last?._tag, "Completed")
      if (last?._tag === "Completed") assert.strictEqual(last.result.text, "one two three")
    }).pipe(VirtualTime.simulate())
  )

  it.effect("streams the last provider's answer as it is written, ended by the whole account", () =>
    Effect.gen(function* () {
      const { stream } = yield* cascade({
        mini: [says("1")],
        haiku: [says("2")],
        large: [says("a b c d", { firstTokenMs: 10, msPerChunk: 10 })]
      })
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(stream(yield* task())))
      assert.isAbove(events.filter(({ _tag }) => _tag === "TextDelta").length, 1)
      const last = events.at(-1)
      if (last?._tag !== "Completed") throw new Error("not completed")
      assert.strictEqual(textOf(events), last.result.text)
      assert.deepStrictEqual(outcomes(last.result), ["mini discarded", "haiku discarded", "large succeeded"])
      assert.closeTo(costOf(last.result), 45e-6, 1e-12)
    }).pipe(VirtualTime.simulate())
  )

  it.effect("says with every attempt that an answer broke off, or that nobody answered", () =>
    Effect.gen(function* () {
      const broken = yield* cascade(
        {
          mini: [says("1"), cut({ text: "other", after: 1 })],
          haiku: [says("2"), cut({ text: "other", after: 1 })],
          large: [cut({ text: "a b c", after: 1 })]
        },
        {},
        { policy: { resume: "off" } }
      )
      const error = yield* Effect.flip(Stream.runDrain(broken.stream(yield* task())))
      if (error._tag !== "StreamInterruptedError") throw new Error(error._tag)
      assert.deepStrictEqual(outcomes(error), ["mini discarded", "haiku discarded", "large cut"])
      const quota = [fail({ _tag: "QuotaExhaustedError" })] as const
      const failing = yield* cascade({ mini: quota, large: quota }, { asks: ["mini"] })
      const all = yield* Effect.flip(Stream.runDrain(failing.stream(yield* task())))
      if (all._tag !== "AllProvidersFailedError") throw new Error(all._tag)
      assert.deepStrictEqual(outcomes(all), ["mini failed", "large failed", "mini failed"])
      const refused = yield* cascade(
        { mini: quota, large: [fail({ _tag: "ContentPolicyError" })] },
        { asks: ["mini"] }
      )
      const policy = yield* Effect.flip(Stream.runDrain(refused.stream(yield* task())))
      assert.strictEqual(policy._tag, "ContentPolicyError")
    })
  )

  it.effect("hands on an accepted tool call", () =>
    Effect.gen(function* () {
      const call = (id: string) => [{ id, name: "find", arguments: '{"a": 1}' }]
      const { execute } = yield* cascade({
        mini: [says("", { toolCalls: call("1"), finishReason: "tool_calls" })],
        haiku: [says("", { toolCalls: call("2"), finishReason: "tool_calls" })],
        large: [says("3")]
      })
      const streaming = yield* AITask.make({
        prompt: "ask",
        mode: "streaming",
        tools: [{ name: "find", parameters: {} }]
      })
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(execute(streaming)))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Started", "ToolCall", "Completed"]
      )
    })
  )
})
