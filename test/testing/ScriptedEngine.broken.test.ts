import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as AIProvider from "../../src/AIProvider.js"
import * as Behaviour from "../../src/testing/Behaviour.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import { collect, only, provider, request, scripted, textOf } from "../utils/scripted.js"

describe("ScriptedEngine that breaks", () => {
  it.effect("fails after some milliseconds, in the first pull where the script says so", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.fail({ _tag: "TimeoutError" }, { afterMs: 50, during: "pull" })
      ])
      const scope = yield* Scope.make()
      const pull = yield* Scope.extend(engine.engine.attempt(request), scope)
      const fiber = yield* Effect.fork(Effect.flip(pull))
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TimeoutError")
      const failed = yield* only(engine)
      assert.deepStrictEqual(failed.endedAt, Option.some(50))
      assert.deepStrictEqual(failed.closedAt, Option.none())
      assert.strictEqual(yield* engine.open, 1)
      yield* TestClock.adjust(5)
      yield* Scope.close(scope, Exit.void)
      const closed = yield* only(engine)
      assert.deepStrictEqual(closed.endedAt, Option.some(50))
      assert.deepStrictEqual(closed.closedAt, Option.some(55))
      assert.strictEqual(closed.outcome, "failed")
      assert.strictEqual(yield* engine.open, 0)
    })
  )

  it.effect("takes an error itself, or makes it for the provider", () =>
    Effect.gen(function* () {
      const error = Behaviour.errors(AIProvider.Gpt4).ContentPolicyError
      const engine = yield* scripted([
        Behaviour.fail(error),
        Behaviour.fail((asked) => Behaviour.errors(asked).ModelNotFoundError)
      ])
      assert.strictEqual(yield* Effect.flip(collect(engine.engine)), error)
      const made = yield* Effect.flip(collect(engine.engine))
      assert.strictEqual(made._tag, "ModelNotFoundError")
      assert.strictEqual(made.provider, provider)
    })
  )

  it.effect("fails after some of the text, and says what was used until then", () =>
    Effect.gen(function* () {
      const usage = TokenUsage.make({ inputTokens: 4, outputTokens: 2 })
      const engine = yield* scripted([
        Behaviour.failAfter({
          text: "Hello world",
          after: 2,
          error: { _tag: "TransientError", reason: "server" },
          firstTokenMs: 30,
          msPerChunk: 10,
          usage
        })
      ])
      const fiber = yield* Effect.fork(Effect.flip(collect(engine.engine)))
      yield* TestClock.adjust(50)
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "(server)")
      const call = yield* only(engine)
      assert.strictEqual(call.text, "Hello wo")
      assert.deepStrictEqual(call.usage, Option.some(usage))
      assert.deepStrictEqual(call.endedAt, Option.some(50))
    })
  )

  it.effect("fails in place of the first delta when none comes before", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.failAfter({
          text: "Hello",
          after: 0,
          error: { _tag: "TransientError" },
          firstTokenMs: 30,
          msPerChunk: 10
        })
      ])
      const fiber = yield* Effect.fork(Effect.flip(collect(engine.engine)))
      yield* TestClock.adjust(30)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual((yield* only(engine)).endedAt, Option.some(30))
    })
  )

  it.effect("cuts an answer: its end without a Finish is a network error", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([
        Behaviour.cut({ text: "Hello world" }),
        Behaviour.cut({ text: "Hello world", after: 1 })
      ])
      const error = yield* Effect.flip(collect(engine.engine))
      assert.strictEqual(error._tag === "TransientError" ? error.reason : "", "network")
      yield* Effect.flip(collect(engine.engine))
      assert.deepStrictEqual(
        (yield* engine.calls).map(({ text }) => text),
        ["Hello world", "Hell"]
      )
    })
  )

  it.effect("stalls after its text until it is interrupted, and notes when its scope was closed", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.stall({ text: "Hello world", after: 1, firstTokenMs: 10 })])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* engine.open, 1)
      yield* Fiber.interrupt(fiber)
      const call = yield* only(engine)
      assert.strictEqual(call.outcome, "interrupted")
      assert.strictEqual(call.text, "Hell")
      assert.deepStrictEqual(call.closedAt, Option.some(3_600_000))
      assert.deepStrictEqual(call.endedAt, call.closedAt)
      assert.strictEqual(yield* engine.open, 0)
    })
  )

  it.effect("stalls after the whole text when the script doesn't say where", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.stall({ text: "Hello" })])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* only(engine)).text, "Hello")
      yield* Fiber.interrupt(fiber)
    })
  )

  for (const during of ["begin", "pull"] as const) {
    it.effect(`never answers (${during})`, () =>
      Effect.gen(function* () {
        const engine = yield* scripted([Behaviour.never({ during })])
        const fiber = yield* Effect.fork(collect(engine.engine))
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* only(engine)).outcome, "running")
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* only(engine)).outcome, "interrupted")
      })
    )
  }

  it.effect("is silent from the first moment when never is all that is said", () =>
    Effect.sync(() => assert.deepStrictEqual(Behaviour.never(), { _tag: "Never", during: "begin" }))
  )

  it.effect("dies with the defect of the script", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.die("a bug")])
      const exit = yield* Effect.exit(collect(engine.engine))
      assert.deepStrictEqual(exit, Exit.die("a bug"))
      assert.strictEqual((yield* only(engine)).outcome, "died")
    })
  )

  it.effect("can't be interrupted while it is deaf", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.deaf(100, Behaviour.answer({ text: "late" }))])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(1)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(98)
      assert.strictEqual(yield* engine.open, 1)
      yield* TestClock.adjust(1)
      yield* Fiber.join(interrupting)
      const call = yield* only(engine)
      assert.deepStrictEqual(call.closedAt, Option.some(100))
      assert.strictEqual(call.outcome, "interrupted")
    })
  )

  it.effect("answers after it was deaf", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.deaf(100, Behaviour.answer({ text: "late" }))])
      const fiber = yield* Effect.fork(collect(engine.engine))
      yield* TestClock.adjust(100)
      assert.strictEqual(textOf(yield* Fiber.join(fiber)), "late")
    })
  )

  it.effect("breaks off so many deltas after the prefill", () =>
    Effect.gen(function* () {
      const engine = yield* scripted([Behaviour.cut({ chunks: ["a", "b", "c", "d"], after: 2 })], {
        capabilities: { prefill: true }
      })
      yield* Effect.flip(collect(engine.engine, { ...request, prefill: "a" }))
      const call = yield* only(engine)
      assert.strictEqual(call.text, "bc")
      assert.strictEqual(call.request.prefill, "a")
    })
  )
})
