import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AITask,
  AttemptGuard,
  AttemptObserver,
  CircuitBreaker,
  CostOptimizer,
  Hedging,
  LiveMetrics,
  MultiLLMOrchestrator,
  Price,
  ProviderRouter,
  ReasoningEngine,
  ReasoningEngineRegistry,
  type RoutingPolicy,
  Telemetry,
  TokenUsage
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import { SpanKind } from "@opentelemetry/api"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { answered, collected, task } from "../utils/fleet.js"
import { record } from "../utils/guards.js"
import { exported, type Span, traced } from "../utils/telemetry.js"

/** Metrics are the process's: a test has providers that no other has. */
const named = AIProvider.unsafeMake

interface Setting {
  readonly engines: ReadonlyArray<ReasoningEngine.ReasoningEngine>
  readonly policy?: RoutingPolicy.Options
  readonly options?: Telemetry.Options
  /** What else there is around the router. */
  readonly around?: Layer.Layer<never>
}

const routerOf = ({ around = Layer.empty, engines, options, policy }: Setting) =>
  Effect.provide(
    ProviderRouter.ProviderRouter,
    ProviderRouter.layer(policy).pipe(
      Layer.provide(ReasoningEngineRegistry.layerEngines(engines)),
      Layer.provide(Telemetry.layer(options)),
      Layer.provide(around)
    )
  )

const scripted = (options: ReadonlyArray<ScriptedEngine.Options>) =>
  Effect.map(ScriptedEngine.makeAll(options), (made) => made.map(({ engine }) => engine))

/** The spans of a complete task, in virtual time. */
const spansOf = (setting: Setting, options: Partial<AITask.Options> = {}) =>
  Effect.gen(function* () {
    const router = yield* routerOf(setting)
    const { value } = yield* answered(traced(Effect.exit(router.complete(yield* task(options)))))
    return value.spans
  })

const outline = (spans: ReadonlyArray<Span>): ReadonlyArray<string> =>
  spans.map(({ ms, name, parent }) => `${parent ?? "-"} > ${name} ${ms}`).toSorted()

const span = (spans: ReadonlyArray<Span>, name: string): Span => {
  const found = spans.find((each) => each.name === name)
  assert(found !== undefined, `no span ${name}`)
  return found
}

const once = { rules: { TransientError: { _tag: "fail-over" } } } as const

/** One more try, 200 ms later. */
const again = {
  rules: {
    TransientError: { _tag: "retry", schedule: Schedule.intersect(Schedule.spaced(200), Schedule.recurs(1)) }
  }
} as const

const overloaded = Behaviour.fail({ _tag: "TransientError" })

describe("the spans of a task", () => {
  it.effect("are one for it, and below it one for each attempt and each wait", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([
        {
          provider: named("span/a"),
          script: [overloaded, Behaviour.fail({ _tag: "QuotaExhaustedError" }, { afterMs: 30 })]
        },
        { provider: named("span/b"), script: [Behaviour.answer({ text: "So", firstTokenMs: 100 })] }
      ])
      const spans = yield* spansOf({ engines, policy: again })
      assert.deepStrictEqual(outline(spans), [
        "- > arc_saga.task 330",
        "arc_saga.task > arc_saga.wait 200",
        "arc_saga.task > chat span/a 0",
        "arc_saga.task > chat span/a 30",
        "arc_saga.task > chat span/b 100"
      ])
      assert.deepStrictEqual(span(spans, "arc_saga.wait").attributes, { "arc_saga.wait.reason": "retry" })
    })
  )

  it.effect("say who was asked for what and what it gave, by the conventions", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const usage = TokenUsage.make({
        inputTokens: 10,
        outputTokens: 4,
        cacheReadTokens: 3,
        cacheWriteTokens: 2,
        reasoningTokens: 1
      })
      const engines = yield* scripted([
        {
          provider: AIProvider.Claude,
          model: "claude-x",
          price,
          capabilities: { jsonSchema: true },
          script: [Behaviour.answer({ text: "{}", firstTokenMs: 50, usage })]
        }
      ])
      const spans = yield* spansOf(
        { engines },
        { id: "t-1", maxTokens: 9, temperature: 0.5, topP: 0.9, responseFormat: { type: "json" } }
      )
      const attempt = span(spans, "chat claude-x")
      assert.strictEqual(attempt.kind, SpanKind.CLIENT)
      const { "gen_ai.response.finish_reasons": reasons, ...attributes } = attempt.attributes
      // A list becomes a text on its way through @effect/opentelemetry.
      assert.deepStrictEqual(JSON.parse(String(reasons)), ["stop"])
      assert.deepStrictEqual(attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-x",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "claude-x",
        "gen_ai.response.time_to_first_chunk": 0.05,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "arc_saga.provider": "claude",
        "arc_saga.outcome": "succeeded",
        "arc_saga.cost": 0.000018
      })
      assert.deepStrictEqual(span(spans, "arc_saga.task").attributes, {
        "arc_saga.task.id": "t-1",
        "arc_saga.mode": "complete",
        "arc_saga.provider": "claude",
        "arc_saga.finish_reason": "stop",
        "arc_saga.tool_calls": 0,
        "arc_saga.attempts": 1,
        "arc_saga.cost": 0.000018,
        "arc_saga.overhead": 0
      })
    })
  )

  it.effect("say what failed by few names, and tell no estimates as counts", () =>
    Effect.gen(function* () {
      for (const [behaviour, type] of [
        [overloaded, "TransientError.overloaded"],
        [Behaviour.never(), "TimeoutError.total"],
        [Behaviour.fail({ _tag: "RateLimitError" }), "RateLimitError"]
      ] as const) {
        const engines = yield* scripted([{ provider: named("span/fails"), script: [behaviour] }])
        const policy = { rules: { ...once.rules, RateLimitError: { _tag: "fail-over" } } } as const
        const spans = yield* spansOf({ engines, policy })
        const attempt = span(spans, "chat span/fails")
        assert.strictEqual(attempt.attributes["error.type"], type)
        assert.isTrue(attempt.failed)
        assert.notProperty(attempt.attributes, "gen_ai.usage.input_tokens")
        assert.notProperty(attempt.attributes, "gen_ai.response.model")
        const whole = span(spans, "arc_saga.task")
        assert.strictEqual(whole.attributes["error.type"], "AllProvidersFailedError")
        assert.isTrue(whole.failed)
      }
    })
  )

  it.effect("hold what an engine makes spans of below its attempt", () =>
    Effect.gen(function* () {
      const provider = named("span/http")
      const engine = ReasoningEngine.fromEffect({
        provider,
        answer: () => Effect.withSpan(Effect.as(Effect.sleep(20), { text: "So" }), "http.client")
      })
      assert.deepStrictEqual(outline(yield* spansOf({ engines: [engine] })), [
        "- > arc_saga.task 20",
        "arc_saga.task > chat span/http 20",
        "chat span/http > http.client 20"
      ])
    })
  )

  it.effect("tell of a stream, of one that its caller leaves, and of one that breaks off", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([
        {
          provider: named("span/stream"),
          script: [
            Behaviour.answer({ text: "The sky is blue", chunkSize: 4, firstTokenMs: 10, msPerChunk: 10 }),
            Behaviour.answer({ text: "The sky is blue", chunkSize: 4, firstTokenMs: 10, msPerChunk: 10 }),
            Behaviour.cut({ text: "The sky is blue", chunkSize: 4, after: 2 })
          ]
        }
      ])
      const router = yield* routerOf({ engines })
      const asks = yield* task()
      const whole = yield* answered(traced(collected(router.stream(asks))))
      assert.deepStrictEqual(outline(whole.value.spans), [
        "- > arc_saga.task 40",
        "arc_saga.task > chat span/stream 40"
      ])
      assert.deepInclude(span(whole.value.spans, "arc_saga.task").attributes, {
        "arc_saga.mode": "streaming",
        "arc_saga.provider": "span/stream"
      })
      const left = yield* answered(traced(Stream.runDrain(Stream.take(router.stream(asks), 1))))
      assert.deepInclude(span(left.value.spans, "chat span/stream").attributes, {
        "arc_saga.outcome": "interrupted"
      })
      assert.notProperty(span(left.value.spans, "arc_saga.task").attributes, "arc_saga.provider")
      const broken = yield* answered(traced(Effect.exit(Stream.runDrain(router.stream(asks)))))
      assert.deepInclude(span(broken.value.spans, "chat span/stream").attributes, {
        "arc_saga.outcome": "cut",
        "error.type": "TransientError.network"
      })
      assert.deepInclude(span(broken.value.spans, "arc_saga.task").attributes, {
        "error.type": "StreamInterruptedError"
      })
      assert.notInclude(broken.value.spans.map(({ told }) => told).join(), "sky")
    })
  )

  it.effect("end with a call that is interrupted", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([{ provider: named("span/never"), script: [Behaviour.never()] }])
      const router = yield* routerOf({ engines })
      const asks = yield* task()
      const call = Effect.gen(function* () {
        const fiber = yield* Effect.fork(router.complete(asks))
        yield* Effect.sleep(30)
        yield* Fiber.interrupt(fiber)
      })
      const { value } = yield* answered(traced(call))
      assert.deepStrictEqual(outline(value.spans), [
        "- > arc_saga.task 30",
        "arc_saga.task > chat span/never 30"
      ])
      assert.deepInclude(span(value.spans, "chat span/never").attributes, {
        "arc_saga.outcome": "interrupted",
        "status.interrupted": true
      })
    })
  )

  it.effect("tell that a guard made an attempt wait, and that it then refused it", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([
        { provider: named("span/guarded"), script: [Behaviour.answer({ text: "So", firstTokenMs: 10 })] }
      ])
      let refuses = false
      const around = Layer.succeed(AttemptGuard.AttemptGuard, {
        admit: ({ engine: { provider } }) =>
          Effect.zipRight(
            Effect.sleep(70),
            refuses
              ? Effect.fail(Behaviour.toError({ _tag: "QuotaExhaustedError" }, provider))
              : Effect.succeed({ settle: () => Effect.void, cancel: Effect.void })
          )
      })
      const router = yield* routerOf({ engines, around })
      const asks = yield* task()
      const admitted = yield* answered(traced(router.complete(asks)))
      assert.deepStrictEqual(outline(admitted.value.spans), [
        "- > arc_saga.task 80",
        "arc_saga.task > arc_saga.wait 70",
        "arc_saga.task > chat span/guarded 10"
      ])
      assert.deepInclude(span(admitted.value.spans, "arc_saga.wait").attributes, {
        "arc_saga.wait.reason": "admission"
      })
      refuses = true
      const refused = yield* answered(traced(Effect.exit(router.complete(asks))))
      assert.deepStrictEqual(outline(refused.value.spans), [
        "- > arc_saga.task 70",
        "arc_saga.task > arc_saga.wait 70"
      ])
    })
  )

  it.effect("are two attempts at once where a late one is hedged", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([
        { provider: AIProvider.Claude, script: [Behaviour.answer({ text: "Late", firstTokenMs: 5000 })] },
        { provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: "So", firstTokenMs: 200 })] }
      ])
      const live = Layer.effect(
        LiveMetrics.LiveMetrics,
        Effect.gen(function* () {
          const made = yield* LiveMetrics.make({ enough: 1 })
          yield* made.observe(record(undefined, { firstTokenMs: Option.some(100) }), yield* task())
          return made
        })
      )
      const around = Layer.orDie(Layer.provide(Hedging.layer({ share: 1 }), live))
      const spans = yield* spansOf({ engines, around }, { provider: "claude" })
      const attempts = spans.filter(({ name }) => name.startsWith("chat"))
      assert.deepStrictEqual(
        attempts.map(({ attributes, parent }) => `${parent} ${attributes["arc_saga.outcome"]}`),
        ["arc_saga.task discarded", "arc_saga.task succeeded"]
      )
      assert.strictEqual(span(spans, "arc_saga.task").attributes["arc_saga.overhead"], 0)
    })
  )

  it.effect(
    "are the orchestrator's, one for its task and the router's, with what nobody could be asked for",
    () =>
      Effect.gen(function* () {
        const engines = yield* scripted([
          {
            provider: named("span/orchestrated"),
            script: [Behaviour.answer({ text: "So", firstTokenMs: 10 })]
          }
        ])
        const orchestratorOf = (registered: ReadonlyArray<ReasoningEngine.ReasoningEngine>) =>
          Effect.provide(
            MultiLLMOrchestrator.MultiLLMOrchestrator,
            MultiLLMOrchestrator.layerFor({ providers: [{ provider: "span/orchestrated" }] }).pipe(
              Layer.provide(ReasoningEngineRegistry.layerEngines(registered)),
              Layer.provide(Telemetry.layer())
            )
          )
        const orchestrator = yield* orchestratorOf(engines)
        const asks = yield* task()
        const complete = yield* answered(traced(orchestrator.complete(asks)))
        const streamed = yield* answered(traced(collected(orchestrator.stream(asks))))
        for (const { value } of [complete, streamed]) {
          assert.deepStrictEqual(outline(value.spans), [
            "- > arc_saga.task 10",
            "arc_saga.task > chat span/orchestrated 10"
          ])
        }
        const nobody = yield* orchestratorOf([])
        const { value } = yield* answered(traced(Effect.exit(nobody.complete(asks))))
        assert.deepStrictEqual(outline(value.spans), ["- > arc_saga.task 0"])
        assert.deepInclude(span(value.spans, "arc_saga.task").attributes, {
          "error.type": "NoAvailableProviderError",
          "arc_saga.attempts": 0
        })
      })
  )

  it.effect("of a task within another are below that", () =>
    Effect.gen(function* () {
      const inner = yield* routerOf({
        engines: yield* scripted([
          { provider: named("span/inner"), script: [Behaviour.answer({ text: "So" })] }
        ])
      })
      const asks = yield* task()
      const outer = ReasoningEngine.fromEffect({
        provider: named("span/outer"),
        answer: () => Effect.orDie(Effect.map(inner.complete(asks), ({ text }) => ({ text })))
      })
      assert.deepStrictEqual(outline(yield* spansOf({ engines: [outer] })), [
        "- > arc_saga.task 0",
        "arc_saga.task > chat span/inner 0",
        "arc_saga.task > chat span/outer 0",
        "chat span/outer > arc_saga.task 0"
      ])
    })
  )

  it.effect("name who is behind a provider as they are told to", () =>
    Effect.gen(function* () {
      const provider = named("azure/eu")
      const engines = yield* scripted([{ provider, script: [Behaviour.answer({ text: "So" })] }])
      const vendor = (spans: ReadonlyArray<Span>) =>
        span(spans, "chat azure/eu").attributes["gen_ai.provider.name"]
      assert.strictEqual(vendor(yield* spansOf({ engines })), "azure")
      const options = { vendorOf: () => "azure.ai.openai" }
      assert.strictEqual(vendor(yield* spansOf({ engines, options })), "azure.ai.openai")
    })
  )
})

describe("what is asked and answered", () => {
  const secret = "the merger with Acme"
  const toolCall = { id: "call_1", name: "look", arguments: '{"at":"the merger with Acme"}' }

  it.effect("is in no span, whatever becomes of the task", () =>
    Effect.gen(function* () {
      for (const behaviour of [
        Behaviour.answer({ text: secret, toolCalls: [toolCall] }),
        Behaviour.fail({ _tag: "InputValidationError" }),
        Behaviour.cut({ text: secret })
      ]) {
        const engines = yield* scripted([{ provider: named("span/secret"), script: [behaviour] }])
        const spans = yield* spansOf(
          { engines, policy: once },
          { prompt: secret, systemPrompt: secret, userId: secret, metadata: { note: secret } }
        )
        assert.isAtLeast(spans.length, 2)
        assert.notInclude(spans.map(({ told }) => told).join(), "merger")
      }
    })
  )

  it.effect("is in that of the task where it is wanted, in the form of the conventions", () =>
    Effect.gen(function* () {
      const engines = yield* scripted([
        {
          provider: named("span/captured"),
          capabilities: { images: true },
          script: [Behaviour.answer({ text: "So", toolCalls: [toolCall] })]
        }
      ])
      const { prompt: _, ...asks } = {
        prompt: undefined,
        systemPrompt: "Be brief",
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "Why?" },
              { type: "image", url: "https://example.org/a.png" }
            ]
          },
          { role: "assistant", content: "", toolCalls: [toolCall] },
          { role: "tool", toolCallId: "call_1", content: "done" },
          { role: "user", content: "And?" }
        ]
      } as const
      const router = yield* routerOf({ engines, options: { captureContent: true } })
      const { value } = yield* answered(
        traced(router.complete(yield* AITask.make({ ...asks, messages: [...asks.messages] })))
      )
      const { attributes } = span(value.spans, "arc_saga.task")
      const said = (name: string): unknown => JSON.parse(String(attributes[name]))
      const call = { type: "tool_call", ...toolCall }
      assert.deepStrictEqual(said("gen_ai.system_instructions"), [{ type: "text", content: "Be brief" }])
      assert.deepStrictEqual(said("gen_ai.input.messages"), [
        { role: "user", parts: [{ type: "text", content: "Why?" }, { type: "image" }] },
        { role: "assistant", parts: [call] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", response: "done" }] },
        { role: "user", parts: [{ type: "text", content: "And?" }] }
      ])
      assert.deepStrictEqual(said("gen_ai.output.messages"), [
        { role: "assistant", parts: [{ type: "text", content: "So" }, call], finish_reason: "tool_call" }
      ])
      const plain = yield* scripted([
        { provider: named("span/plain"), script: [Behaviour.answer({ text: "So" })] }
      ])
      const spans = yield* spansOf({ engines: plain, options: { captureContent: true } })
      const { attributes: shorter } = span(spans, "arc_saga.task")
      assert.notProperty(shorter, "gen_ai.system_instructions")
      assert.deepStrictEqual(JSON.parse(String(shorter["gen_ai.output.messages"])), [
        { role: "assistant", parts: [{ type: "text", content: "So" }], finish_reason: "stop" }
      ])
    })
  )
})

describe("the metrics", () => {
  /** The points of one provider, or those without one. */
  const pointsOf = (provider: string) =>
    Effect.map(exported, (points) => points.filter(({ labels }) => labels["arc_saga.provider"] === provider))

  const value = (points: Effect.Effect.Success<typeof exported>, name: string, label?: string) =>
    points.find(
      (point) => point.name === name && (label === undefined || Object.values(point.labels).includes(label))
    )

  it.effect("tell durations, tokens and cost, with the names, units and boundaries of the conventions", () =>
    Effect.gen(function* () {
      const price = yield* Price.make({ input: 1, output: 2 })
      const usage = TokenUsage.make({ inputTokens: 10, outputTokens: 4 })
      const provider = named("metric/a")
      const engines = yield* scripted([
        { provider, price, script: [Behaviour.answer({ text: "So", firstTokenMs: 250, usage })] }
      ])
      const router = yield* routerOf({ engines })
      const asks = yield* task()
      yield* answered(router.complete(asks))
      yield* answered(collected(router.stream(asks)))
      const points = yield* pointsOf(provider)
      const duration = value(points, "gen_ai.client.operation.duration")
      assert.deepInclude(duration, { unit: "s", value: 0.5, count: 2 })
      assert.deepStrictEqual(
        duration?.boundaries,
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
      )
      assert.deepStrictEqual(duration?.labels, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "metric",
        "gen_ai.request.model": "metric/a",
        "arc_saga.provider": "metric/a",
        unit: "s"
      })
      // Of a whole answer there is no first chunk.
      assert.deepInclude(value(points, "gen_ai.client.operation.time_to_first_chunk"), {
        value: 0.25,
        count: 1
      })
      const read = value(points, "gen_ai.client.token.usage", "input")
      assert.deepInclude(read, { unit: "{token}", value: 20, count: 2 })
      assert.deepStrictEqual(read?.boundaries.slice(0, 3), [1, 4, 16])
      assert.deepInclude(value(points, "gen_ai.client.token.usage", "output"), { value: 8, count: 2 })
      assert.deepInclude(value(points, "arc_saga.cost"), { unit: "USD", value: 0.000036 })
    })
  )

  it.effect("tell errors by their names, fallbacks, and no tokens that nobody counted", () =>
    Effect.gen(function* () {
      const [a, b] = [named("metric/b"), named("metric/c")] as const
      const engines = yield* scripted([
        { provider: a, script: [overloaded] },
        { provider: b, script: [Behaviour.answer({ text: "So" })] }
      ])
      const router = yield* routerOf({ engines, policy: again })
      yield* answered(router.complete(yield* task()))
      const failed = yield* pointsOf(a)
      assert.deepInclude(value(failed, "gen_ai.client.operation.duration"), { count: 2 })
      assert.deepInclude(value(failed, "gen_ai.client.operation.duration")?.labels, {
        "error.type": "TransientError.overloaded"
      })
      const answering = yield* pointsOf(b)
      assert.isUndefined(value(answering, "gen_ai.client.token.usage"))
      assert.isUndefined(value(answering, "arc_saga.cost"))
      assert.deepInclude(value(answering, "arc_saga.fallbacks"), { value: 1 })
      assert.deepInclude(value(answering, "arc_saga.fallbacks")?.labels, { "arc_saga.fallback.from": a })
      assert.isUndefined(value(failed, "arc_saga.fallbacks"))
    })
  )

  it.effect("tell how circuits stand, also of those whose providers aren't asked any more", () =>
    Effect.gen(function* () {
      const [a, b] = [named("metric/d"), named("metric/e")] as const
      const engines = yield* scripted([
        { provider: a, script: [overloaded] },
        { provider: b, script: [Behaviour.answer({ text: "So" })] }
      ])
      const around = Layer.orDie(CircuitBreaker.layer({ consecutiveFailures: 1, openMs: 10_000 }))
      const router = yield* routerOf({ engines, around, policy: once })
      const asks = yield* task()
      const circuit = (provider: string) =>
        Effect.map(pointsOf(provider), (points) => value(points, "arc_saga.circuit")?.value)
      yield* router.complete(asks)
      assert.deepStrictEqual([yield* circuit(a), yield* circuit(b)], [2, 0])
      yield* TestClock.adjust("11 seconds")
      // Over an orchestrator, whose call holds that of the router.
      const telemetry = Telemetry.layer()
      const orchestrator = yield* Effect.provide(
        MultiLLMOrchestrator.MultiLLMOrchestrator,
        MultiLLMOrchestrator.layer().pipe(
          Layer.provide(CostOptimizer.layer([{ provider: b }])),
          Layer.provide(Layer.succeed(ProviderRouter.ProviderRouter, router)),
          Layer.provide(ReasoningEngineRegistry.layerEngines(engines)),
          Layer.provide(telemetry)
        )
      )
      yield* orchestrator.complete(asks)
      assert.deepStrictEqual([yield* circuit(a), yield* circuit(b)], [1, 0])
    })
  )

  it.effect("tell how long tasks took, and how long besides attempts and waits", () =>
    Effect.gen(function* () {
      // What stands around the attempts is our own time.
      const around = Layer.succeed(AttemptObserver.AttemptObserver, { observe: () => Effect.sleep(20) })
      const engines = yield* scripted([
        {
          provider: named("metric/f"),
          script: [overloaded, Behaviour.answer({ text: "So", firstTokenMs: 100 })]
        }
      ])
      const before = yield* exported
      const router = yield* routerOf({ engines, policy: again, around })
      yield* answered(router.complete(yield* task()))
      const after = yield* exported
      const grown = (name: string) =>
        (after.find((point) => point.name === name && !("error.type" in point.labels))?.value ?? 0) -
        (before.find((point) => point.name === name && !("error.type" in point.labels))?.value ?? 0)
      // Two attempts, observed for 20 ms each, and 200 ms between them.
      assert.closeTo(grown("arc_saga.task.duration"), 0.34, 1e-9)
      assert.closeTo(grown("arc_saga.task.overhead"), 0.04, 1e-9)
    })
  )

  it.effect("are told without a tracer too, and then there is no span", () =>
    Effect.gen(function* () {
      const provider = named("metric/g")
      const engines = yield* scripted([{ provider, script: [overloaded, Behaviour.answer({ text: "So" })] }])
      const router = yield* routerOf({ engines, policy: again })
      const { value: given } = yield* answered(
        traced(Effect.withTracerEnabled(router.complete(yield* task()), false))
      )
      assert.deepStrictEqual(given.spans, [])
      assert.deepInclude(value(yield* pointsOf(provider), "gen_ai.client.operation.duration"), { count: 1 })
    })
  )
})

describe("without its Layer", () => {
  it.effect("there is no span and no metric", () =>
    Effect.gen(function* () {
      const provider = named("metric/off")
      const engines = yield* scripted([{ provider, script: [overloaded, Behaviour.answer({ text: "So" })] }])
      const router = yield* Effect.provide(
        ProviderRouter.ProviderRouter,
        Layer.provide(ProviderRouter.layer(again), ReasoningEngineRegistry.layerEngines(engines))
      )
      const asks = yield* task()
      const { value } = yield* answered(
        traced(Effect.zipRight(router.complete(asks), collected(router.stream(asks))))
      )
      assert.deepStrictEqual(value.spans, [])
      const points = yield* exported
      assert.isFalse(points.some(({ labels }) => labels["arc_saga.provider"] === provider))
    })
  )

  it.effect("a router's guard is asked outside of a call that is traced, and does nothing", () =>
    Effect.gen(function* () {
      const { guard, waiting } = Telemetry.make().tracing(Option.none())
      const [engine] = yield* scripted([{ provider: named("metric/alone"), script: [overloaded] }])
      assert(engine !== undefined)
      const lease = yield* guard.admit({
        engine,
        task: yield* task(),
        prefill: undefined,
        deadline: Number.POSITIVE_INFINITY
      })
      assert.isUndefined(lease.wrap)
      yield* lease.settle(record())
      yield* lease.cancel
      yield* waiting(Effect.void)
    })
  )
})

describe("embeddings", () => {
  it.effect("are told of by their own name", () =>
    Effect.gen(function* () {
      const provider = named("metric/embeds")
      const engine = ReasoningEngine.make({
        provider,
        model: "m",
        wires: ["embeddings"],
        attempt: () => Effect.succeed(Effect.succeed([ReasoningEngine.finish("stop", "m")]))
      })
      const spans = yield* spansOf(
        { engines: [engine] },
        { original: { wire: "embeddings", body: { model: "m", input: "a" } } }
      )
      assert.strictEqual(span(spans, "embeddings m").attributes["gen_ai.operation.name"], "embeddings")
      const labels = (yield* exported)
        .map((point) => point.labels)
        .filter((each) => each["arc_saga.provider"] === provider && "gen_ai.request.model" in each)
      assert.isAbove(labels.length, 0)
      for (const each of labels) assert.strictEqual(each["gen_ai.operation.name"], "embeddings")
    })
  )
})
