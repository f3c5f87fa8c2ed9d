import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, AttemptObserver, type AIResult, ResponseMode } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { answered, collected, failed, task } from "../utils/fleet.js"

const { answer, cut, fail, failAfter, never } = Behaviour

const text = "Light scatters."

const over = (script: ScriptedEngine.Script, limits = {}) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedEngine.make({ provider: AIProvider.Claude, script })
    const observed: Array<AIResult.Attempt> = []
    const mode = yield* ResponseMode.ResponseMode.pipe(
      Effect.provide(
        Layer.provide(
          ResponseMode.layer(scripted.engine, limits),
          Layer.succeed(AttemptObserver.AttemptObserver, {
            observe: (attempt) => Effect.sync(() => void observed.push(attempt))
          })
        )
      )
    )
    return { mode, observed, scripted }
  })

describe("ResponseMode", () => {
  it.effect("gives the same answer whole and streamed", () =>
    Effect.gen(function* () {
      const { mode } = yield* over([answer({ text, firstTokenMs: 5, msPerChunk: 1 })])
      const asked = yield* task()
      const whole = yield* answered(mode.complete(asked))
      const streamed = yield* answered(collected(mode.stream(asked)))
      assert.strictEqual(whole.value.text, text)
      assert.strictEqual(streamed.value.text, text)
      assert(streamed.value.last?._tag === "Completed")
      assert.strictEqual(streamed.value.last.result.text, text)
    })
  )

  it.effect("executes as the task's mode says", () =>
    Effect.gen(function* () {
      const { mode } = yield* over([answer({ text })])
      const whole = yield* mode.execute(yield* AITask.make({ prompt: "ask" }))
      assert.strictEqual(whole.text, text)
      const streamed = yield* collected(
        mode.execute(yield* AITask.make({ prompt: "ask", mode: "streaming" }))
      )
      assert.strictEqual(streamed.text, text)
      const unknown = yield* AITask.decodeUnknown({ prompt: "ask", mode: "complete" })
      assert.isTrue(Effect.isEffect(mode.execute(unknown)))
    })
  )

  it.effect("makes one attempt, whatever its error", () =>
    Effect.gen(function* () {
      const { mode, observed, scripted } = yield* over([fail({ _tag: "TransientError" }), answer({ text })])
      const { error } = yield* failed(mode.complete(yield* task()))
      assert.strictEqual(error._tag, "TransientError")
      assert.strictEqual((yield* scripted.calls).length, 1)
      assert.deepStrictEqual(
        observed.map(({ outcome }) => outcome),
        ["failed"]
      )
    })
  )

  it.effect("keeps the deadline", () =>
    Effect.gen(function* () {
      const { mode } = yield* over([never()], { timeoutMs: 2000 })
      assert.strictEqual((yield* failed(mode.complete(yield* task()))).ms, 2000)
      assert.strictEqual((yield* failed(Stream.runDrain(mode.stream(yield* task())))).ms, 2000)
    })
  )

  it.effect("never passes off a cut answer as whole", () =>
    Effect.gen(function* () {
      const { mode } = yield* over([cut({ text, after: 2 })])
      const complete = yield* failed(mode.complete(yield* task()))
      assert.strictEqual(complete.error._tag, "TransientError")
      const { error } = yield* failed(Stream.runDrain(mode.stream(yield* task())))
      assert(error._tag === "StreamInterruptedError")
      assert.strictEqual(error.partialText, "Light sc")
    })
  )

  it.effect("counts what a cut answer had written where the provider's count is older", () =>
    Effect.gen(function* () {
      const usage = {
        inputTokens: 9,
        outputTokens: 1,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        reasoningTokens: 0,
        estimated: false
      }
      const begun = (outputTokens: number) =>
        over([
          failAfter({
            text: "x".repeat(80),
            after: 10,
            usage: { ...usage, outputTokens },
            error: { _tag: "TransientError" }
          })
        ])
      const early = yield* begun(1)
      yield* failed(early.mode.complete(yield* task()))
      const late = yield* begun(50)
      yield* failed(late.mode.complete(yield* task()))
      assert.deepStrictEqual(late.observed[0]?.usage.outputTokens, 50)
      assert.deepStrictEqual(early.observed[0]?.cost, Option.none())
    })
  )

  it.effect("refuses limits that aren't above 0", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(over([answer({ text })], { idleMs: 0 }))
      assert(error._tag === "InvalidArgumentError")
      assert.strictEqual(
        error.message,
        "RoutingPolicy.limits.idleMs: Expected milliseconds above 0, actual 0"
      )
    })
  )
})
