/** Answers that are given again, and calls that share one: over scripted engines, in virtual time. */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as PlatformError from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AIResult,
  AITask,
  AnswerCache,
  AttemptObserver,
  MultiLLMOrchestrator,
  Price,
  SpendLedger,
  type StreamEvent,
  Strategy,
  TaskService,
  TokenUsage,
  Usd
} from "arc-saga"
import { Arbitraries, Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { MemoryAnswers } from "../../src/routing/internal/memoryAnswers.js"
import { logged } from "../utils/logged.js"
import { runs } from "../utils/property.js"

const mini = AIProvider.unsafeMake("mini")
const large = AIProvider.unsafeMake("large")
const price = Either.getOrThrow(Price.make({ input: 3, output: 15 }))
const usage: TokenUsage.TokenUsage = { ...TokenUsage.none, inputTokens: 10, outputTokens: 2 }

/** Another answer for each call: one that is given again shows. */
const numbered: ScriptedEngine.Script = (_request, index) =>
  Effect.succeed(
    Behaviour.answer({ chunks: ["answer ", String(index)], usage, firstTokenMs: 100, msPerChunk: 100 })
  )

const taskOf = (options: Partial<AITask.Options> = {}): AITask.AITask =>
  Either.getOrThrow(AITask.make({ prompt: "Why?", answerCache: "use", ...options }))

interface Setup {
  readonly script?: ScriptedEngine.Script
  readonly cache?: AnswerCache.Options
  readonly store?: Layer.Layer<AnswerCache.AnswerCache>
}

/** A service with a cache over an orchestrator of two providers, and what was asked of the first. */
const setUp = ({ cache, script = numbered, store = Layer.orDie(AnswerCache.layerMemory()) }: Setup = {}) =>
  Effect.gen(function* () {
    const engines = yield* ScriptedEngine.makeAll([
      { provider: mini, model: "mini-1", price, script, capabilities: { streaming: true } },
      { provider: large, model: "large-1", price, script: [Behaviour.answer({ text: "large", usage })] }
    ])
    const attempts: Array<AIResult.Attempt> = []
    const built = yield* Layer.build(
      AnswerCache.layer(cache).pipe(
        Layer.provide(store),
        Layer.provide(
          MultiLLMOrchestrator.layerFor({
            providers: [
              { provider: "mini", qualityScore: 9 },
              { provider: "large", qualityScore: 1 }
            ]
          })
        ),
        Layer.provideMerge(SpendLedger.layer),
        Layer.provide(
          Layer.succeed(AttemptObserver.AttemptObserver, {
            observe: (attempt) => Effect.sync(() => void attempts.push(attempt))
          })
        ),
        Layer.provide(ScriptedEngine.layerRegistry(engines))
      )
    )
    const [engine] = engines
    if (engine === undefined) throw new Error("no engine")
    return {
      attempts,
      engine,
      ledger: Context.get(built, SpendLedger.SpendLedger),
      tasks: Context.get(built, TaskService.TaskService)
    }
  })

type Asked = Effect.Effect.Success<ReturnType<typeof setUp>>

/** What a caller gets, whichever way it asks. */
const deliveries = {
  whole: ({ tasks }: Asked, task: AITask.AITask) => tasks.complete(task),
  streamed: ({ tasks }: Asked, task: AITask.AITask) =>
    Effect.map(Stream.runCollect(tasks.stream(task)), (events) => completed(Chunk.toReadonlyArray(events)))
}

/** The result of a stream that is one: its texts are the result's. */
const completed = (events: ReadonlyArray<StreamEvent.StreamEvent>): AIResult.AIResult => {
  const last = events.at(-1)
  const first = events.at(0)
  if (last?._tag !== "Completed" || first?._tag !== "Started") throw new Error("no answer")
  const text = events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")
  assert.strictEqual(text, last.result.text)
  assert.strictEqual(first.cache, last.result.cache)
  return last.result
}

type Delivery = keyof typeof deliveries

const both: ReadonlyArray<Delivery> = ["whole", "streamed"]
const pairs = both.flatMap((first) => both.map((second) => [first, second] as const))

/** Lets virtual time pass until it is done. */
const inTime = <A, E>(effect: Effect.Effect<A, E>, time = "1 minute" as const) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })

const times = ({ engine }: Asked) => Effect.map(engine.calls, (calls) => calls.length)

describe("an answer that is kept", () => {
  it.scoped.each(pairs)("is given again: %s first, then %s", ([first, second]) =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const before = yield* inTime(deliveries[first](asked, taskOf({ id: "one" })))
      assert.strictEqual(before.cache, "miss")
      assert.strictEqual(before.text, "answer 0")
      const again = yield* deliveries[second](asked, taskOf({ id: "two" }))
      assert.strictEqual(again.cache, "hit")
      assert.strictEqual(again.taskId, "two")
      assert.deepStrictEqual(
        { text: again.text, provider: again.provider, model: again.model, usage: again.usage },
        { text: before.text, provider: before.provider, model: before.model, usage: before.usage }
      )
      assert.strictEqual(yield* times(asked), 1)
    })
  )

  it.scoped("costs nothing, which the ledger has as a row of its own, and saves what it cost before", () =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const { cost } = yield* inTime(deliveries.whole(asked, taskOf({ id: "one" })))
      const again = yield* deliveries.whole(asked, taskOf({ id: "two", userId: undefined }))
      assert.deepStrictEqual(again.cost, Option.some(Usd.zero))
      assert.deepStrictEqual(AIResult.saved(again), cost)
      assert.deepStrictEqual(again.attempts, [])
      const rows = Chunk.toReadonlyArray(yield* Stream.runCollect(asked.ledger.rows()))
      assert.deepStrictEqual(
        rows.map(({ cost, outcome, provider, taskId, usage }) => ({
          cost,
          outcome,
          provider,
          taskId,
          tokens: usage.outputTokens
        })),
        [
          { cost, outcome: "succeeded", provider: mini, taskId: "one", tokens: 2 },
          { cost: Option.some(Usd.zero), outcome: "cached", provider: mini, taskId: "two", tokens: 0 }
        ]
      )
      assert.deepStrictEqual(
        asked.attempts.map(({ outcome }) => outcome),
        ["succeeded", "cached"]
      )
    })
  )

  it.scoped("is over after its time, and is replaced where a new one is wanted", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({ cache: { ttlMs: 120_000 } })
      const ask = (options: Partial<AITask.Options> = {}) =>
        Effect.map(inTime(deliveries.whole(asked, taskOf(options))), ({ text }) => text)
      assert.strictEqual(yield* ask(), "answer 0")
      assert.strictEqual(yield* ask(), "answer 0")
      assert.strictEqual(yield* ask({ answerCache: "refresh" }), "answer 1")
      assert.strictEqual(yield* ask(), "answer 1")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* ask(), "answer 2")
    })
  )

  it.scoped.each([
    ["nothing of calls that don't ask for it", undefined, undefined, 2],
    ["all where it is always used", "always", undefined, 1],
    ["nothing of a call that is to be left alone", "always", "off", 2]
  ] as const)("%s", ([, use, answerCache, expected]) =>
    Effect.gen(function* () {
      const asked = yield* setUp({ cache: { use } })
      for (const delivery of both) {
        const { cache } = yield* inTime(deliveries[delivery](asked, taskOf({ answerCache })))
        assert.strictEqual(cache === undefined, expected === 2)
      }
      assert.strictEqual(yield* times(asked), expected)
    })
  )

  const schema = { type: "json_schema", name: "n", schema: { type: "object" } } as const
  const unkept: ReadonlyArray<readonly [string, Behaviour.Behaviour, Partial<AITask.Options>]> = [
    ["was bounded", Behaviour.answer({ text: "a", finishReason: "length" }), {}],
    ["ended otherwise", Behaviour.answer({ text: "a", finishReason: "other" }), {}],
    ["doesn't fit its schema", Behaviour.answer({ text: "no JSON" }), { responseFormat: schema, repair: 1 }],
    ["was given up by its provider", Behaviour.fail({ _tag: "ContentPolicyError" }), {}]
  ]
  it.scoped.each(unkept)("isn't one that %s", ([, behaviour, options]) =>
    Effect.gen(function* () {
      const asked = yield* setUp({ script: [behaviour] })
      const ask = Effect.exit(inTime(deliveries.whole(asked, taskOf(options))))
      yield* ask
      const before = yield* times(asked)
      yield* ask
      assert.isAbove(yield* times(asked), before)
    })
  )

  it.scoped("isn't one that another provider has finished", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({
        script: [
          Behaviour.cut({ chunks: ["Half ", "of it"], after: 1 }),
          Behaviour.answer({ text: "Half of it" })
        ]
      })
      yield* Effect.exit(inTime(deliveries.streamed(asked, taskOf())))
      const before = yield* times(asked)
      yield* Effect.exit(inTime(deliveries.streamed(asked, taskOf())))
      assert.isAbove(yield* times(asked), before)
    })
  )

  it.scoped("has its thoughts, its calls of tools and what was left out, streamed as well", () =>
    Effect.gen(function* () {
      const call = { id: "c1", name: "look", arguments: '{"at":1}' }
      const asked = yield* setUp({ script: [Behaviour.answer({ text: "Well", toolCalls: [call] })] })
      const task = taskOf({ tools: [{ name: "look", parameters: {} }] })
      yield* inTime(deliveries.whole(asked, task))
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(asked.tasks.stream(task)))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Started", "TextDelta", "ToolCall", "Completed"]
      )
      assert.deepStrictEqual(completed(events).toolCalls, [call])
    })
  )
})

describe("an answer over a wire", () => {
  it.scoped("has its thoughts and what was left out where it is given again as a stream", () =>
    Effect.gen(function* () {
      const result = yield* Effect.flatMap(setUp(), (asked) => inTime(deliveries.whole(asked, taskOf())))
      const rich: AIResult.AIResult = {
        ...result,
        text: "",
        reasoning: [{ type: "reasoning", text: "Hm" }],
        dropped: ["seed"],
        native: { wire: "messages", body: "event: x" },
        baseline: { provider: large, cost: Option.some(Usd.zero) }
      }
      const asked = yield* setUp({
        store: Layer.succeed(AnswerCache.AnswerCache, {
          get: () => Effect.succeedSome(JSON.stringify(AIResult.toJson(rich))),
          set: () => Effect.void
        })
      })
      const events = Chunk.toReadonlyArray(yield* Stream.runCollect(asked.tasks.stream(taskOf())))
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Started", "Native", "ReasoningDelta", "Completed"]
      )
      assert.deepInclude(events[0], { native: "messages", dropped: ["seed"], cache: "hit" })
      assert.strictEqual(completed(events).baseline?.provider, large)
    })
  )
})

describe("what is asked", () => {
  const original = (body: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, string>>) => ({
    wire: "messages" as const,
    body,
    headers
  })
  const same: ReadonlyArray<readonly [string, Partial<AITask.Options>, Partial<AITask.Options>]> = [
    ["its id is", { id: "a" }, { id: "b" }],
    ["its time limit is", { timeoutMs: 1000 }, { timeoutMs: 2000 }],
    ["its conversation is", { session: "a", agent: "b" }, { session: "c" }],
    ["its labels are", { metadata: { a: "b" } }, {}],
    ["its mode is", { mode: "streaming" }, { mode: "complete" }],
    [
      "call of its client it is",
      { original: original({ x: 1 }, { "session-id": "a" }) },
      { original: original({ x: 1 }, { "session-id": "b" }) }
    ]
  ]
  it.scoped.each(same)("is the same whatever %s", ([, one, other]) =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      yield* inTime(deliveries.whole(asked, taskOf(one)))
      yield* inTime(deliveries.whole(asked, taskOf(other)))
      assert.strictEqual(yield* times(asked), 1)
    })
  )

  const different: ReadonlyArray<readonly [string, Partial<AITask.Options>]> = [
    ["prompt", { prompt: "Why not?" }],
    ["system prompt", { systemPrompt: "Be brief" }],
    ["temperature", { temperature: 0.5 }],
    ["most tokens", { maxTokens: 7 }],
    ["form", { responseFormat: { type: "json" } }],
    ["thinking", { reasoning: { effort: "low" } }],
    ["user", { userId: "u" }],
    ["key", { keyId: "k" }],
    ["original", { original: original({ x: 1 }, {}) }],
    ["provider", { provider: "mini", pinned: true }]
  ]
  it.scoped("is something else with another prompt, setting, caller or body", () =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      yield* inTime(deliveries.whole(asked, taskOf()))
      for (const [index, [field, options]] of different.entries()) {
        yield* inTime(deliveries.whole(asked, taskOf(options)))
        assert.strictEqual(yield* times(asked), index + 2, field)
      }
      const more = [original({ x: 2 }, {}), original({ x: 1 }, { "anthropic-beta": "b" })]
      for (const each of more) yield* inTime(deliveries.whole(asked, taskOf({ original: each })))
      assert.strictEqual(yield* times(asked), different.length + 1 + more.length)
    })
  )

  it.scoped("is something else by another strategy, or without fallback", () =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const { complete } = asked.tasks
      yield* inTime(complete(taskOf()))
      yield* inTime(complete(taskOf(), { useFallback: true, strategy: Strategy.named.balanced }))
      assert.strictEqual(yield* times(asked), 1)
      yield* inTime(complete(taskOf(), { strategy: Strategy.named.quality }))
      yield* inTime(complete(taskOf(), { useFallback: false }))
      assert.strictEqual(yield* times(asked), 3)
    })
  )

  it.scoped("is everybody's where answers are shared", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({ cache: { share: "everybody" } })
      yield* inTime(deliveries.whole(asked, taskOf({ userId: "a", keyId: "k" })))
      yield* inTime(deliveries.whole(asked, taskOf({ userId: "b" })))
      assert.strictEqual(yield* times(asked), 1)
    })
  )

  it.scoped("is something else where the version of what answers is another", () =>
    Effect.gen(function* () {
      const store = Layer.succeedContext(yield* Layer.build(AnswerCache.layerMemory()))
      const one = yield* setUp({ store, cache: { version: "1" } })
      const other = yield* setUp({ store, cache: { version: "2" } })
      yield* inTime(deliveries.whole(one, taskOf()))
      yield* inTime(deliveries.whole(other, taskOf()))
      assert.strictEqual(yield* times(other), 1)
    })
  )

  it.effect.prop(
    "is answered as without a cache, whatever was asked before",
    [
      FastCheck.array(Arbitraries.task(), { minLength: 1, maxLength: 3 }),
      FastCheck.array(FastCheck.tuple(FastCheck.nat(2), FastCheck.boolean()), { maxLength: 6 })
    ],
    ([tasks, calls]) =>
      Effect.gen(function* () {
        const echo: ScriptedEngine.Script = ({ task }) =>
          Effect.succeed(Behaviour.answer({ text: JSON.stringify(task.messages), usage }))
        const asked = yield* setUp({ script: echo, cache: { use: "always" } })
        for (const [index, isWhole] of calls) {
          const task = tasks[index % tasks.length]
          if (task === undefined) continue
          const plain = yield* setUp({ script: echo, cache: { use: "always" } })
          const deliver = deliveries[isWhole ? "whole" : "streamed"]
          const [cached, fresh] = [
            yield* Effect.either(deliver(asked, task)),
            yield* Effect.either(deliver(plain, task))
          ]
          const text = Either.map((each: AIResult.AIResult) => [each.text, each.provider, each.toolCalls])
          assert.deepStrictEqual(Either.getOrNull(text(cached)), Either.getOrNull(text(fresh)))
        }
      }).pipe(Effect.scoped),
    runs(100, 20)
  )
})

describe("equal calls at the same time", () => {
  it.scoped.each(both)("are asked once: %s", (delivery) =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const results = yield* inTime(
        Effect.all(
          Array.from({ length: 5 }, (_, index) => deliveries[delivery](asked, taskOf({ id: `t${index}` }))),
          { concurrency: "unbounded" }
        )
      )
      assert.strictEqual(yield* times(asked), 1)
      assert.deepStrictEqual(results.map(({ cache }) => cache).toSorted(), [
        "joined",
        "joined",
        "joined",
        "joined",
        "miss"
      ])
      assert.deepStrictEqual(
        results.map(({ taskId }) => taskId),
        ["t0", "t1", "t2", "t3", "t4"]
      )
      const paid = results.filter(({ cost }) => Option.exists(cost, ({ pico }) => pico > 0n))
      assert.lengthOf(paid, 1)
      const { length } = yield* Stream.runCollect(asked.ledger.rows({})).pipe(
        Effect.map(Chunk.toReadonlyArray)
      )
      assert.strictEqual(length, 5)
    })
  )

  it.scoped.each(both)("outlive the one that was first, and end with the last: %s", (delivery) =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const deliver = deliveries[delivery]
      const first = yield* Effect.fork(deliver(asked, taskOf({ id: "first" })))
      yield* TestClock.adjust("150 millis")
      const second = yield* Effect.fork(deliver(asked, taskOf({ id: "second" })))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* asked.engine.open, 1)
      yield* TestClock.adjust("1 second")
      const { cache, text } = yield* Fiber.join(second)
      assert.deepStrictEqual({ cache, text }, { cache: "joined", text: "answer 0" })
      assert.strictEqual((yield* deliver(asked, taskOf())).cache, "hit")

      const other = taskOf({ prompt: "Another" })
      const alone = yield* Effect.fork(deliver(asked, other))
      const beside = yield* Effect.fork(deliver(asked, other))
      yield* TestClock.adjust("150 millis")
      yield* Fiber.interrupt(alone)
      yield* Fiber.interrupt(beside)
      const [, call] = yield* asked.engine.calls
      assert.strictEqual(call?.outcome, "interrupted")
      assert.strictEqual(yield* asked.engine.open, 0)
    })
  )

  it.scoped.each(both)("fail together, and the next one asks anew: %s", (delivery) =>
    Effect.gen(function* () {
      const asked = yield* setUp({
        script: [
          Behaviour.fail({ _tag: "ContentPolicyError" }, { afterMs: 100 }),
          Behaviour.answer({ text: "well" })
        ]
      })
      const task = taskOf({ provider: "mini", pinned: true })
      const exits = yield* inTime(
        Effect.all(
          [Effect.exit(deliveries[delivery](asked, task)), Effect.exit(deliveries[delivery](asked, task))],
          { concurrency: 2 }
        )
      )
      assert.isTrue(exits.every(Exit.isFailure))
      assert.strictEqual(yield* times(asked), 1)
      assert.strictEqual((yield* inTime(deliveries[delivery](asked, task))).text, "well")
    })
  )

  it.scoped("aren't those that come when it is over, however slow one of them reads", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({
        script: [Behaviour.answer({ text: "cut", finishReason: "length" }), Behaviour.answer({ text: "new" })]
      })
      const pull = yield* Stream.toPull(asked.tasks.stream(taskOf()))
      yield* inTime(pull)
      const { cache, text } = yield* inTime(deliveries.streamed(asked, taskOf()))
      assert.deepStrictEqual({ cache, text }, { cache: "miss", text: "new" })
    })
  )

  it.scoped("aren't those that were asked before where a new answer is wanted", () =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const [old, anew] = yield* inTime(
        Effect.all(
          [deliveries.whole(asked, taskOf()), deliveries.whole(asked, taskOf({ answerCache: "refresh" }))],
          { concurrency: 2 }
        )
      )
      assert.notStrictEqual(old.text, anew.text)
      assert.strictEqual(anew.cache, "miss")
    })
  )

  it.scoped("wait no longer than each may", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({ script: [Behaviour.answer({ text: "late", firstTokenMs: 5000 })] })
      const ask = (timeoutMs: number) =>
        Effect.fork(Effect.exit(asked.tasks.complete(taskOf({ timeoutMs }), { useFallback: false })))
      const patient = yield* ask(10_000)
      const hasty = yield* ask(1000)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(hasty)))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(patient)))
    })
  )

  it.scoped("have all of a stream, whenever they come", () =>
    Effect.gen(function* () {
      const asked = yield* setUp()
      const early = yield* Effect.fork(deliveries.streamed(asked, taskOf()))
      yield* TestClock.adjust("190 millis")
      const seen = yield* Ref.make("")
      const late = yield* Effect.fork(
        Stream.runForEach(asked.tasks.stream(taskOf()), (event) =>
          event._tag === "TextDelta" ? Ref.update(seen, (text) => text + event.text) : Effect.void
        )
      )
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Ref.get(seen), "answer ")
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(late)
      assert.strictEqual(yield* Ref.get(seen), "answer 0")
      assert.strictEqual((yield* Fiber.join(early)).text, "answer 0")
    })
  )
})

describe("a store of answers", () => {
  const stores: ReadonlyArray<readonly [string, Layer.Layer<AnswerCache.AnswerCache>]> = [
    ["memory", Layer.orDie(AnswerCache.layerMemory())],
    ["a KeyValueStore", Layer.provide(AnswerCache.layerKeyValueStore, KeyValueStore.layerMemory)]
  ]
  it.scoped.each(stores)("keeps texts for their time: %s", ([, layer]) =>
    Effect.gen(function* () {
      const { get, set } = Context.get(yield* Layer.build(layer), AnswerCache.AnswerCache)
      assert.deepStrictEqual(yield* get("a"), Option.none())
      yield* set("a", "1", 1000)
      yield* set("b", "2", 2000)
      assert.deepStrictEqual(yield* get("a"), Option.some("1"))
      yield* set("a", "3", 3000)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([yield* get("a"), yield* get("b")], [Option.some("3"), Option.none()])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* get("a"), Option.none())
    })
  )

  it("in memory lets those go that haven't been asked for the longest", () => {
    const kept = new MemoryAnswers(3, 40)
    kept.set("a", "1", 9)
    kept.set("b", "2", 9)
    kept.set("c", "3", 9)
    kept.get("a", 0)
    kept.set("d", "4", 9)
    assert.deepStrictEqual(
      ["a", "b", "c", "d"].map((key) => kept.get(key, 0)),
      ["1", undefined, "3", "4"]
    )
    kept.set("e", "x".repeat(16), 9)
    assert.deepStrictEqual(
      ["a", "c", "d"].map((key) => kept.get(key, 0)),
      [undefined, undefined, "4"]
    )
    kept.set("f", "x".repeat(20), 9)
    assert.deepStrictEqual([kept.get("f", 0), kept.get("d", 0)], [undefined, "4"])
  })

  it.scoped("that can't be read is as good as empty, and told of", () =>
    Effect.gen(function* () {
      const broken = new PlatformError.SystemError({
        reason: "Unknown",
        module: "KeyValueStore",
        method: "get",
        description: "gone"
      })
      const Broken = Layer.succeed(
        KeyValueStore.KeyValueStore,
        KeyValueStore.makeStringOnly({
          get: () => Effect.fail(broken),
          set: () => Effect.fail(broken),
          remove: () => Effect.void,
          clear: Effect.void,
          size: Effect.succeed(0)
        })
      )
      const { exit, lines } = yield* logged(
        Effect.gen(function* () {
          const store = Layer.provide(AnswerCache.layerKeyValueStore, Broken)
          const asked = yield* setUp({ store, script: [Behaviour.answer({ text: "at once" })] })
          return yield* deliveries.whole(asked, taskOf())
        })
      )
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(
        lines.filter(({ name }) => name === "answer_cache_failed").map(({ level }) => level),
        ["WARN", "WARN"]
      )
    })
  )

  it.scoped("that holds something else is asked anew", () =>
    Effect.gen(function* () {
      const asked = yield* setUp({
        store: Layer.succeed(AnswerCache.AnswerCache, {
          get: () => Effect.succeedSome('{"text":"no result"}'),
          set: () => Effect.void
        })
      })
      assert.strictEqual((yield* inTime(deliveries.whole(asked, taskOf()))).cache, "miss")
    })
  )
})
