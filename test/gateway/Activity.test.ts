import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AttemptObserver,
  CircuitBreaker,
  LiveMetrics,
  MultiLLMOrchestrator,
  Price,
  ReasoningEngine,
  ReasoningEngineRegistry,
  TokenUsage,
  Usd
} from "arc-saga"
import { Activity } from "arc-saga/gateway"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { task } from "../utils/fleet.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

const usage = TokenUsage.make({ inputTokens: 1000, outputTokens: 100 })
const price = (input: number) => Either.getOrThrow(Price.make({ input, output: 10 * input }))

/** An activity over two providers, the second of which costs ten times as much. */
const made = (
  script: [Behaviour.Behaviour, ...Array<Behaviour.Behaviour>] = [answer({ text: "Hi", usage })],
  around: Layer.Layer<never> = Layer.empty
) =>
  Effect.gen(function* () {
    const engines = yield* ScriptedEngine.makeAll([
      { provider: Claude, model: "c", price: price(1), script },
      { provider: Gpt4, model: "g", price: price(10), script: [answer({ text: "Hi", usage })] }
    ])
    const layer = Layer.provideMerge(MultiLLMOrchestrator.layerFor({}), Activity.layer).pipe(
      Layer.provide(ScriptedEngine.layerRegistry(engines)),
      Layer.provide(around)
    )
    const context = yield* Layer.build(layer)
    const activity = Context.get(context, Activity.Activity)
    const { complete } = Context.get(context, MultiLLMOrchestrator.MultiLLMOrchestrator)
    const served = (id: string, provider = "claude") =>
      Effect.gen(function* () {
        yield* activity.begin({ id, model: provider, delivery: "whole", keyId: "web" })
        const result = yield* complete(yield* task({ id, provider, pinned: true }))
        yield* activity.end(id, { _tag: "Answered", answer: result })
        return result
      })
    return { activity, served }
  })

describe("Activity", () => {
  it.scoped("keeps a call with its attempts, and nothing of its answer", () =>
    Effect.gen(function* () {
      const { activity, served } = yield* made([fail({ _tag: "QuotaExhaustedError" })])
      yield* activity.begin({ id: "first", model: "claude", delivery: "streamed", userId: "ann" })
      yield* TestClock.adjust("1 second")
      yield* served("second")
      const { calls, running } = yield* activity.snapshot
      assert.strictEqual(running, 1)
      assert.deepStrictEqual(
        calls.map(({ id }) => id),
        ["first", "second"]
      )
      const [first, second] = calls
      assert.deepInclude(first, { userId: "ann", startedAt: 0, attempts: [] })
      assert.notProperty(first, "ending")
      assert.deepInclude(second, { keyId: "web", startedAt: 1000, durationMs: 0 })
      assert.deepStrictEqual(
        second?.attempts.map(({ outcome, provider }) => `${provider} ${outcome}`),
        ["claude failed", "gpt4 succeeded"]
      )
      assert.notInclude(JSON.stringify(second), "Hi")
      yield* activity.end("first", { _tag: "ClientDisconnected" })
      yield* activity.end("first", { _tag: "Failed", code: "late" })
      const after = yield* activity.snapshot
      assert.deepStrictEqual(after.calls[0]?.ending, { _tag: "ClientDisconnected" })
      assert.strictEqual(after.calls[0]?.durationMs, 1000)
      assert.deepStrictEqual(after.endings, { Answered: 1, Failed: 0, ClientDisconnected: 1 })
    })
  )

  it.scoped("keeps the last fifty, whatever their number", () =>
    Effect.gen(function* () {
      const { activity, served } = yield* made()
      for (let index = 0; index < 60; index++) yield* served(`call-${index}`)
      const { calls, counts } = yield* activity.snapshot
      assert.strictEqual(calls.length, 50)
      assert.strictEqual(calls[0]?.id, "call-59")
      assert.deepStrictEqual(counts, [{ provider: Claude, outcome: "succeeded", attempts: 60 }])
    })
  )

  it.scoped("counts the money of a day, and what the most expensive provider would have cost", () =>
    Effect.gen(function* () {
      const { activity, served } = yield* made()
      yield* served("a")
      yield* served("b", "gpt4")
      const before = yield* activity.snapshot
      // 1000 × 1 + 100 × 10 USD per million, and ten times that.
      assert.strictEqual(Usd.toDecimal(before.cost), "0.022")
      assert.deepStrictEqual(before.dearest, Option.some({ provider: Gpt4, cost: Usd.fromNumber(0.04) }))
      assert.deepStrictEqual(
        before.providers.map(({ provider, today }) => [provider, today.attempts, Usd.toDecimal(today.cost)]),
        [
          [Claude, 1, "0.002"],
          [Gpt4, 1, "0.02"]
        ]
      )
      yield* TestClock.adjust("24 hours")
      const after = yield* activity.snapshot
      assert.strictEqual(after.since, 86_400_000)
      assert.strictEqual(Usd.toDecimal(after.cost), "0")
      assert.deepStrictEqual(after.dearest, Option.none())
    })
  )

  it.scoped("says of what it has no price that it has none", () =>
    Effect.gen(function* () {
      const engines = yield* ScriptedEngine.makeAll([{ provider: Claude, script: [answer({ text: "Hi" })] }])
      const layer = Layer.provideMerge(MultiLLMOrchestrator.layerFor({}), Activity.layer).pipe(
        Layer.provide(ScriptedEngine.layerRegistry(engines))
      )
      const context = yield* Layer.build(layer)
      const activity = Context.get(context, Activity.Activity)
      const { complete } = Context.get(context, MultiLLMOrchestrator.MultiLLMOrchestrator)
      // Not a call of the gateway's: its attempt counts all the same.
      yield* complete(yield* task())
      const { calls, dearest, providers } = yield* activity.snapshot
      assert.deepStrictEqual(calls, [])
      assert.deepStrictEqual(dearest, Option.none())
      assert.deepInclude(providers[0]?.today, { attempts: 1, unpriced: 1, cost: Usd.zero })
      assert.deepStrictEqual(providers[0]?.circuit, Option.none())
      assert.deepStrictEqual(providers[0]?.measured.successRate, Option.some(1))
    })
  )

  it.scoped("passes on what it is told, and takes what is measured already", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const alone = yield* made(
        undefined,
        Layer.succeed(AttemptObserver.AttemptObserver, { observe: () => Effect.void })
      )
      yield* alone.served("a")
      assert.strictEqual((yield* alone.activity.snapshot).providers[0]?.measured.attempts, 1)
      const observer = Layer.succeed(AttemptObserver.AttemptObserver, {
        observe: ({ provider }) => Effect.sync(() => void seen.push(provider))
      })
      const live = yield* LiveMetrics.make()
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1 })
      const around = Layer.mergeAll(
        observer,
        Layer.succeed(LiveMetrics.LiveMetrics, live),
        Layer.succeed(CircuitBreaker.CircuitBreaker, breaker)
      )
      const { activity, served } = yield* made([fail({ _tag: "TimeoutError" })], around)
      yield* served("a")
      const { providers } = yield* activity.snapshot
      assert.deepStrictEqual(seen, [Claude, Gpt4])
      assert.deepStrictEqual(
        providers.map(({ circuit, measured }) => [Option.getOrThrow(circuit)._tag, measured.attempts]),
        [
          ["open", 1],
          ["closed", 1]
        ]
      )
      assert.strictEqual((yield* live.measured(Claude)).attempts, 1)
    })
  )
})

describe("the money of embeddings", () => {
  it.scoped("is what it is at every provider that converses, and theirs isn't compared with it", () =>
    Effect.gen(function* () {
      const house = AIProvider.unsafeMake("house")
      const embedder = ReasoningEngine.make({
        provider: house,
        wires: ["embeddings"],
        price: price(1000),
        attempt: () => Effect.die("It isn't asked here")
      })
      const [claude] = yield* ScriptedEngine.makeAll([
        { provider: Claude, price: price(1), script: [answer({ text: "Hi", usage })] }
      ])
      const engines = ReasoningEngineRegistry.layerEngines([
        embedder,
        ...(claude === undefined ? [] : [claude.engine])
      ])
      const context = yield* Layer.build(Layer.provide(Activity.layer, engines))
      const activity = Context.get(context, Activity.Activity)
      const answered = (provider: AIProvider.AIProvider, cost: Option.Option<Usd.Usd>) =>
        Effect.gen(function* () {
          yield* activity.begin({ id: "a", model: provider, delivery: "whole" })
          const ended = { provider, model: "m", usage, cost }
          yield* activity.end("a", { _tag: "Answered", answer: ended })
          return (yield* activity.snapshot).dearest
        })
      const cost = (usd: number) => Option.some({ provider: Claude, cost: Usd.fromNumber(usd) })
      assert.deepStrictEqual(yield* answered(house, Option.some(Usd.fromNumber(0.5))), cost(0.5))
      assert.deepStrictEqual(yield* answered(house, Option.none()), cost(0.5))
      assert.deepStrictEqual(yield* answered(Claude, Option.none()), cost(0.502))
    })
  )
})
