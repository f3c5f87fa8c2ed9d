/** What an orchestrator can fail with beyond what engines do. */
import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  BudgetExceeded,
  type MultiLLMOrchestrator,
  ReasoningEngineRegistry,
  Strategy
} from "arc-saga"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { dataOf, post, request, type Running, type Setup, start } from "./harness.js"
import { Behaviour } from "arc-saga/testing"

const { Claude } = AIProvider

/** What both kinds of orchestration fail with. */
type Failure =
  | BudgetExceeded.BudgetExceededError
  | BudgetExceeded.BudgetUnavailableError
  | ReasoningEngineRegistry.EngineNotRegisteredError

/** An orchestrator that does this and nothing else. */
const stub = (
  complete: Effect.Effect<never, Failure>,
  stream: Stream.Stream<{ readonly _tag: "TextDelta"; readonly text: string }, Failure>
): MultiLLMOrchestrator.Service => ({
  complete: () => complete,
  stream: () => stream,
  execute: () => assert.fail("the gateway knows which one it wants"),
  updateStrategy: () => Effect.void,
  strategy: Effect.succeed(Strategy.balanced)
})

const failing = (error: Failure) => stub(Effect.fail(error), Stream.fail(error))

const chat = { model: "saga/auto", messages: [{ role: "user", content: "Hello" }] }

const asked = ({ url }: Running, more: object = {}) =>
  Effect.map(post(`${url}/v1/chat/completions`, { ...chat, ...more }), ({ headers, status, text }) => ({
    status,
    headers,
    text
  }))

const started = (orchestrator: MultiLLMOrchestrator.Service, more: Partial<Setup> = {}) =>
  start({ engines: [], orchestrator, ...more })

describe("a budget", () => {
  const exceeded = (needed: { readonly needed?: number }, resetsAt: number) =>
    new BudgetExceeded.BudgetExceededError({
      budget: "web",
      scope: "key",
      subject: "web",
      unit: "usd",
      limit: 5,
      left: 0.01,
      resetsAt,
      ...needed
    })

  it.scopedLive("that is used up is told, whole and streamed, with the time when it isn't", () =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const running = yield* started(failing(exceeded({ needed: 1 }, now + 90_000)))
      for (const stream of [false, true]) {
        const reply = yield* asked(running, { stream })
        assert.strictEqual(reply.status, 429)
        const { error } = JSON.parse(reply.text)
        assert.strictEqual(error.code, "budget_exceeded")
        assert.strictEqual(error.type, "insufficient_quota")
        const wait = Number(reply.headers.get("retry-after"))
        assert.isTrue(wait > 0 && wait <= 90, String(wait))
        assert.strictEqual(reply.headers.get("x-should-retry"), String(wait <= 60))
      }
    })
  )

  it.scopedLive("that can't be held against an unknown price isn't worth waiting for", () =>
    Effect.gen(function* () {
      const reply = yield* asked(yield* started(failing(exceeded({}, 0))))
      assert.strictEqual(reply.status, 429)
      assert.isNull(reply.headers.get("retry-after"))
      assert.strictEqual(reply.headers.get("x-should-retry"), "false")
    })
  )

  it.scopedLive("that can't be checked is told without what its database says", () =>
    Effect.gen(function* () {
      const error = new BudgetExceeded.BudgetUnavailableError({ reason: "no route to db.internal" })
      const reply = yield* asked(yield* started(failing(error)))
      assert.strictEqual(reply.status, 503)
      assert.strictEqual(JSON.parse(reply.text).error.code, "budget_unavailable")
      assert.notInclude(reply.text, "db.internal")
    })
  )
})

describe("a provider", () => {
  it.scopedLive("that has gone since the call began is told as one that isn't there", () =>
    Effect.gen(function* () {
      const error = new ReasoningEngineRegistry.EngineNotRegisteredError({ provider: Claude, registered: [] })
      const reply = yield* asked(yield* started(failing(error)))
      assert.strictEqual(reply.status, 404)
      assert.strictEqual(JSON.parse(reply.text).error.code, "model_not_found")
    })
  )
})

describe("a stream", () => {
  const begun = Stream.make({ _tag: "TextDelta", text: "Light" } as const)

  it.scopedLive("that has a bug after it began ends with an error, without the bug's inside", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(begun, Stream.die(new Error("test-key-inside")))
      const running = yield* started(stub(Effect.never, broken))
      const { status, text } = yield* asked(running, { stream: true })
      assert.strictEqual(status, 200)
      assert.strictEqual(JSON.parse(dataOf(text).at(-1) ?? "").error.code, "internal_error")
      assert.notInclude(text, "inside")
      assert.deepStrictEqual((yield* running.activity.snapshot).calls[0]?.ending, {
        _tag: "Failed",
        code: "internal_error"
      })
    })
  )

  it.scopedLive("that ends without its result isn't done", () =>
    Effect.gen(function* () {
      const after = yield* asked(yield* started(stub(Effect.never, begun)), { stream: true })
      assert.notInclude(after.text, "[DONE]")
      assert.strictEqual(JSON.parse(dataOf(after.text).at(-1) ?? "").error.code, "internal_error")
      const before = yield* asked(yield* started(stub(Effect.never, Stream.empty)), { stream: true })
      assert.strictEqual(before.status, 500)
    })
  )
})

describe("GET /status.json", () => {
  it.scopedLive("tells of calls that were answered, failed, and are under way", () =>
    Effect.gen(function* () {
      const running = yield* start({
        engines: [
          {
            provider: Claude,
            script: [
              Behaviour.answer({ text: "Hi" }),
              Behaviour.fail({ _tag: "ContentPolicyError" }),
              Behaviour.never()
            ]
          }
        ]
      })
      yield* asked(running, { user: "ann" })
      yield* asked(running)
      yield* running.activity.begin({ id: "req-x", model: "claude", delivery: "streamed", keyId: "web" })
      const { calls, cost, dearest } = JSON.parse((yield* request(`${running.url}/status.json`)).text)
      assert.deepStrictEqual(
        calls.map((call: Record<string, unknown>) => [
          call["state"],
          call["code"],
          call["provider"],
          call["key"],
          call["user"]
        ]),
        [
          ["running", null, null, "web", null],
          ["failed", "content_policy_violation", null, null, null],
          ["answered", null, "claude", null, "ann"]
        ]
      )
      assert.deepStrictEqual([cost, dearest], ["0", null])
    })
  )
})

describe("a tracer", () => {
  const spans = (seen: Array<string>) =>
    Layer.unwrapEffect(
      Effect.tracerWith((tracer) =>
        Effect.succeed(
          Layer.setTracer(
            Tracer.make({
              span: (name, ...rest) => {
                seen.push(name)
                return tracer.span(name, ...rest)
              },
              context: (f, fiber) => tracer.context(f, fiber)
            })
          )
        )
      )
    )

  it.scopedLive("sees each request, if somebody has set one", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const { url } = yield* start({ engines: [], around: spans(seen) })
      yield* request(`${url}/healthz`)
      assert.deepStrictEqual(seen, ["http.server GET"])
    })
  )
})

describe("a provider asked for by name that can't carry the task", () => {
  const engines = [
    {
      provider: Claude,
      capabilities: { tools: false },
      script: [Behaviour.answer({ text: "Wrong" })] as const
    },
    { provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: "Elsewhere" })] as const }
  ]
  const parameters = { type: "object", properties: {} }
  const dialects: ReadonlyArray<readonly [path: string, body: object]> = [
    ["/v1/chat/completions", { tools: [{ type: "function", function: { name: "now", parameters } }] }],
    ["/v1/messages", { max_tokens: 9, tools: [{ name: "now", input_schema: parameters }] }]
  ]

  it.scopedLive("is told of with what it lacks, and the task goes nowhere else", () =>
    Effect.gen(function* () {
      const running = yield* start({ engines })
      for (const [path, body] of dialects) {
        for (const stream of [false, true]) {
          const sent = { ...chat, ...body, model: "claude", stream }
          const { status, text } = yield* post(`${running.url}${path}`, sent)
          assert.strictEqual(status, 400, text)
          assert.include(text, "tools")
        }
      }
      for (const { calls } of running.engines) assert.deepStrictEqual(yield* calls, [])
    })
  )
})
