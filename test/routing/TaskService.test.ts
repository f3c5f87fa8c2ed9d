/** One program, one gateway and one language model over everything that serves tasks. */
import * as LanguageModel from "@effect/ai/LanguageModel"
import { assert, describe, it } from "@effect/vitest"
import {
  Acceptance,
  AIProvider,
  AITask,
  Cascade,
  Comparison,
  CostOptimizer,
  type InvalidArgument,
  MultiLLMOrchestrator,
  ProviderRouter,
  type ReasoningEngineRegistry,
  type StreamEvent,
  TaskService
} from "arc-saga"
import { SagaLanguageModel } from "arc-saga/ai"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { post, start } from "../gateway/harness.js"

const [mini, haiku, large] = [
  AIProvider.unsafeMake("mini"),
  AIProvider.unsafeMake("haiku"),
  AIProvider.unsafeMake("large")
]

const says = (text: string): ScriptedEngine.Script => [Behaviour.answer({ text, firstTokenMs: 0 })]

const engines: ReadonlyArray<ScriptedEngine.Options> = [
  { provider: mini, script: says("It is 42.") },
  { provider: haiku, script: says("42") },
  { provider: large, script: says("43") }
]

const Providers = CostOptimizer.layer([
  { provider: "mini", qualityScore: 5 },
  { provider: "haiku", qualityScore: 6 },
  { provider: "large", qualityScore: 9 }
])

type ServiceLayer = Layer.Layer<
  TaskService.TaskService,
  InvalidArgument.InvalidArgumentError,
  ReasoningEngineRegistry.ReasoningEngineRegistry
>

const cascadeLayer: ServiceLayer = Cascade.layer({
  asks: ["mini", "haiku"],
  last: "large",
  accept: Acceptance.agreement(Comparison.number)
}).pipe(Layer.provide(Providers), Layer.provide(ProviderRouter.layer()))

/** Each by its Layer, with whose answer it gives, and the name that it has for its choice. */
const services: ReadonlyArray<readonly [string, ServiceLayer, AIProvider.AIProvider, string | undefined]> = [
  ["a router", TaskService.layerRouter.pipe(Layer.provide(ProviderRouter.layer())), mini, undefined],
  [
    "an orchestrator",
    MultiLLMOrchestrator.layerFor({ providers: [{ provider: "large" }, { provider: "mini" }] }),
    large,
    "balanced"
  ],
  ["a cascade", cascadeLayer, mini, "cascade"]
]

const over = (layer: ServiceLayer) =>
  Effect.map(ScriptedEngine.makeAll(engines), (made) =>
    Layer.provide(layer, ScriptedEngine.layerRegistry(made))
  )

const serviceOf = (layer: ServiceLayer) =>
  Effect.flatMap(over(layer), (built) => Effect.map(Layer.build(built), Context.get(TaskService.TaskService)))

/** A program that doesn't know what serves it. */
const program = Effect.gen(function* () {
  const tasks = yield* TaskService.TaskService
  const task = yield* AITask.make({ prompt: "What is 6 times 7?" })
  const whole = yield* tasks.complete(task)
  const events = yield* Stream.runCollect(tasks.stream(task))
  return { whole, events: Chunk.toReadonlyArray(events) }
})

const textOf = (events: ReadonlyArray<StreamEvent.StreamEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

const texts: Readonly<Record<string, string>> = { mini: "It is 42.", large: "43" }

const body = { model: "saga/auto", messages: [{ role: "user", content: "What is 6 times 7?" }] }

describe.each(services)("%s as the service of tasks", (_, layer, provider, strategy) => {
  it.scoped("answers a program, whole and streamed", () =>
    Effect.gen(function* () {
      const { events, whole } = yield* Effect.provide(program, yield* over(layer))
      assert.strictEqual(whole.provider, provider)
      assert.strictEqual(whole.text, texts[provider])
      assert.strictEqual(textOf(events), texts[provider])
      assert.strictEqual(events.at(-1)?._tag, "Completed")
    })
  )

  it.scoped("names what it chooses by", () =>
    Effect.gen(function* () {
      const service = yield* serviceOf(layer)
      assert.strictEqual((yield* service.strategy ?? Effect.succeed(undefined))?.name, strategy)
    })
  )

  it.scoped("answers a language model's program", () =>
    Effect.gen(function* () {
      const Model = Layer.provide(SagaLanguageModel.layer, yield* over(layer))
      const { text } = yield* Effect.provide(LanguageModel.generateText({ prompt: "6 times 7?" }), Model)
      assert.strictEqual(text, texts[provider])
    })
  )

  it.scopedLive("answers the clients of a gateway, whole and streamed", () =>
    Effect.gen(function* () {
      const { url } = yield* start({
        engines,
        orchestrator: yield* serviceOf(layer),
        gateway: strategy === "cascade" ? { deliveries: { "saga/cascade": "buffered" } } : {}
      })
      const whole = yield* post(`${url}/v1/chat/completions`, body)
      assert.strictEqual(whole.headers.get("x-saga-provider"), provider)
      assert.include(whole.text, JSON.stringify(texts[provider]))
      const streamed = yield* post(`${url}/v1/chat/completions`, { ...body, stream: true })
      assert.strictEqual(streamed.headers.get("x-saga-provider"), provider)
      const delivery = strategy === "cascade" ? "buffered" : "streamed"
      assert.strictEqual(streamed.headers.get("x-saga-delivery"), delivery)
    })
  )
})

describe("A gateway with a service besides its own", () => {
  const setup = Effect.map(serviceOf(cascadeLayer), (cascade) => ({
    engines,
    providers: [{ provider: "large" }, { provider: "mini" }],
    gateway: { services: { careful: cascade }, models: { "gpt-*": "saga/careful" } }
  }))

  it.scopedLive("has it answer the calls that name it, by model, by header and by an alias", () =>
    Effect.gen(function* () {
      const { url } = yield* start(yield* setup)
      const by = (model: string, headers: Readonly<Record<string, string>> = {}) =>
        Effect.map(post(`${url}/v1/chat/completions`, { ...body, model }, headers), (answer) => [
          answer.headers.get("x-saga-provider"),
          answer.headers.get("x-saga-attempts")
        ])
      assert.deepStrictEqual(yield* by("saga/auto"), ["large", "1"])
      assert.deepStrictEqual(yield* by("saga/careful"), ["mini", "2"])
      assert.deepStrictEqual(yield* by("gpt-4o"), ["mini", "2"])
      assert.deepStrictEqual(yield* by("saga/auto", { "x-saga-strategy": "careful" }), ["mini", "2"])
      // A provider that a call names answers alone.
      assert.deepStrictEqual(yield* by("large", { "x-saga-strategy": "careful" }), ["large", "1"])
    })
  )

  it.scopedLive("lists it, and says so where a call names another", () =>
    Effect.gen(function* () {
      const { url } = yield* start(yield* setup)
      const refused = yield* post(`${url}/v1/chat/completions`, { ...body, model: "saga/bold" })
      assert.strictEqual(refused.status, 404)
      assert.include(refused.text, "saga/careful")
      const header = yield* post(`${url}/v1/chat/completions`, body, { "x-saga-strategy": "bold" })
      assert.strictEqual(header.status, 400)
      assert.include(header.text, "balanced, careful")
    })
  )
})
