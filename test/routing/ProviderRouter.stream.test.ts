import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  type AIResult,
  ProviderRouter,
  ReasoningEngine,
  ReasoningEngineRegistry,
  type StreamEvent
} from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { answered, collected, failed, fleet, inVirtualTime, task, textOf } from "../utils/fleet.js"

const { Claude, CopilotChat, Gpt4 } = AIProvider
const { answer, cut, fail, failAfter, never, stall } = Behaviour

const text = "Light scatters from air."
const paced = { text, firstTokenMs: 100, msPerChunk: 10 }
const prefill = { prefill: true }

/** Takes a stream to its end and keeps what was delivered, however it ends. */
const watched = <E>(stream: Stream.Stream<StreamEvent.StreamEvent, E>) =>
  Effect.gen(function* () {
    const seen = yield* Ref.make<ReadonlyArray<StreamEvent.StreamEvent>>([])
    const { exit, ms } = yield* inVirtualTime(
      Stream.runForEach(stream, (event) => Ref.update(seen, (events) => [...events, event]))
    )
    const events = yield* Ref.get(seen)
    return { exit, ms, events, text: textOf(events) }
  })

const outcomes = (attempts: ReadonlyArray<AIResult.Attempt>) =>
  attempts.map(({ outcome, provider }) => `${provider} ${outcome}`)

describe("ProviderRouter", () => {
  describe("stream", () => {
    it.effect("joins to the text of the complete call and ends with the same result", () =>
      Effect.gen(function* () {
        const usage = {
          inputTokens: 3,
          outputTokens: 6,
          cacheReadTokens: 0,
          cacheWriteTokens: 0,
          cacheWrite1hTokens: 0,
          reasoningTokens: 0,
          estimated: false
        }
        const { router } = yield* fleet([{ provider: Claude, script: [answer({ ...paced, usage })] }])
        const asked = yield* task({ id: "t" })
        const whole = yield* answered(router.complete(asked))
        const { value } = yield* answered(collected(router.stream(asked)))
        assert.strictEqual(value.text, text)
        assert(value.last?._tag === "Completed")
        const startedAt = value.last.result.attempts[0]?.startedAt ?? 0
        assert.deepStrictEqual(value.last.result, {
          ...whole.value,
          attempts: whole.value.attempts.map((attempt) => ({ ...attempt, startedAt }))
        })
        assert.strictEqual(value.events.filter(({ _tag }) => _tag === "Completed").length, 1)
      })
    )

    it.effect("delivers what a chunk of the provider brings as one chunk, and at once", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [answer({ text, chunkSize: 2 })] }])
        const chunks = yield* router
          .stream(yield* task())
          .pipe(Stream.chunks, Stream.map(Chunk.size), Stream.runCollect)
        assert.deepStrictEqual(Chunk.toReadonlyArray(chunks), [14])
      })
    )

    it.effect("falls over freely until the first content", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "TransientError" }), cut({ text: "" }), never()] },
          { provider: CopilotChat, script: [never({ during: "pull" })] },
          { provider: Gpt4, script: [answer(paced)] }
        ])
        const { text: seen, exit, ms } = yield* watched(router.stream(yield* task({ provider: "claude" })))
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(seen, text)
        assert.isAtLeast(ms, 20_000)
        assert.deepStrictEqual(yield* asked, [Claude, Claude, Claude, CopilotChat, Gpt4])
      })
    )

    it.effect("tells who writes it before its first content, and again who goes on after a cut", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: CopilotChat, model: "first", script: [cut({ ...paced, after: 3 })] },
          { provider: Gpt4, model: "second", capabilities: prefill, script: [answer(paced)] }
        ])
        const { value } = yield* answered(collected(router.stream(yield* task({ provider: "claude" }))))
        assert.deepStrictEqual(
          value.events.slice(0, 2).map(({ _tag }) => _tag),
          ["Started", "TextDelta"]
        )
        assert.deepStrictEqual(
          value.events.filter(({ _tag }) => _tag === "Started"),
          [
            { _tag: "Started", provider: CopilotChat, model: "first", attempts: 2 },
            { _tag: "Started", provider: Gpt4, model: "second", attempts: 3 }
          ]
        )
        assert(value.last?._tag === "Completed")
        assert.strictEqual(value.text, value.last.result.text)
      })
    )

    it.effect("tells who wrote it where all of it comes at once, in one chunk with it", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, model: "m", script: [answer({ text })] }])
        const stream = router.stream(yield* task(), { useFallback: false })
        const { value } = yield* answered(Stream.runCollect(Stream.chunks(stream)))
        const [first = Chunk.empty()] = value
        assert.deepStrictEqual(Chunk.toReadonlyArray(first).slice(0, 2), [
          { _tag: "Started", provider: Claude, model: "m", attempts: 1 },
          { _tag: "TextDelta", text: "Ligh" }
        ])
      })
    )

    it.effect("fails like the complete call where nobody begins to answer", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [fail({ _tag: "QuotaExhaustedError" })] },
          { provider: Gpt4, script: [fail({ _tag: "TransientError" })] }
        ])
        const asked = yield* task({ provider: "claude" })
        const all = yield* failed(Stream.runDrain(router.stream(asked)))
        assert.strictEqual(all.error._tag, "AllProvidersFailedError")
        const alone = yield* failed(Stream.runDrain(router.stream(asked, { useFallback: false })))
        assert.strictEqual(alone.error._tag, "QuotaExhaustedError")
      })
    )

    it.effect("may be empty, and is complete then too", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [answer({ text: "" })] }])
        const { value } = yield* answered(collected(router.stream(yield* task())))
        assert.deepStrictEqual(
          value.events.map(({ _tag }) => _tag),
          ["Started", "Completed"]
        )
        assert(value.last?._tag === "Completed")
        assert.deepStrictEqual(value.last.result.firstTokenMs, Option.none())
      })
    )

    it.effect("delivers tool calls", () =>
      Effect.gen(function* () {
        const toolCalls = [{ id: "1", name: "f", arguments: "{}" }]
        const { router } = yield* fleet([{ provider: Claude, script: [answer({ ...paced, toolCalls })] }])
        const { value } = yield* answered(collected(router.stream(yield* task())))
        assert(value.last?._tag === "Completed")
        assert.deepStrictEqual(value.last.result.toolCalls, toolCalls)
        assert.strictEqual(value.last.result.finishReason, "tool_calls")
        assert.isTrue(value.events.some(({ _tag }) => _tag === "ToolCall"))
      })
    )
  })

  describe("a stream that is cut", () => {
    for (const [name, behaviour] of [
      ["by its provider's error", failAfter({ ...paced, after: 3, error: { _tag: "TransientError" } })],
      ["without a terminal event", cut({ ...paced, after: 3 })],
      ["by silence", stall({ ...paced, after: 3 })]
    ] as const) {
      it.effect(`${name} fails, and says what was delivered`, () =>
        Effect.gen(function* () {
          const { observed, open, router } = yield* fleet(
            [
              { provider: Claude, script: [behaviour] },
              { provider: Gpt4, script: [answer({ text })] }
            ],
            { resume: "off" }
          )
          const { exit, text: seen } = yield* watched(router.stream(yield* task({ provider: "claude" })))
          const error = yield* Effect.flip(exit)
          assert(error._tag === "StreamInterruptedError")
          assert.strictEqual(error.partialText, "Light scatte")
          assert.strictEqual(seen, "Light scatte")
          assert.strictEqual(error.provider, Claude)
          assert.notInclude(error.message, "Light")
          assert.include(error.message, "broke off after 12 characters")
          assert.deepStrictEqual(outcomes(error.attempts), ["claude cut"])
          assert.deepStrictEqual(observed, error.attempts)
          assert.strictEqual(yield* open, 0)
        })
      )
    }

    it.effect("is continued by an engine with prefill, from where it broke off", () =>
      Effect.gen(function* () {
        const { engines, router } = yield* fleet([
          { provider: Claude, script: [cut({ ...paced, after: 3 })] },
          { provider: CopilotChat, script: [fail({ _tag: "TransientError" })] },
          { provider: Gpt4, capabilities: prefill, script: [answer(paced)] }
        ])
        const { events, text: seen } = yield* watched(router.stream(yield* task({ provider: "claude" })))
        assert.strictEqual(seen, text)
        const last = events.at(-1)
        assert(last?._tag === "Completed")
        assert.strictEqual(last.result.text, text)
        assert.strictEqual(last.result.provider, Gpt4)
        assert.deepStrictEqual(outcomes(last.result.attempts), [
          "claude cut",
          "copilot_chat failed",
          "gpt4 succeeded"
        ])
        const calls = yield* engines[2]?.calls ?? Effect.succeed([])
        assert.strictEqual(calls[0]?.request.prefill, "Light scatte")
        // Both wrote a part of the answer.
        assert.strictEqual(last.result.usage.outputTokens, 3 + 3)
      })
    )

    it.effect("is continued by an engine that says the same again, heard from where it goes on", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [cut({ ...paced, after: 3 })] },
          { provider: Gpt4, script: [answer({ ...paced, chunkSize: 5 })] }
        ])
        const { events, text: seen } = yield* watched(router.stream(yield* task({ provider: "claude" })))
        assert.strictEqual(seen, text)
        assert.isTrue(events.every((event) => event._tag !== "TextDelta" || event.text !== ""))
        const last = events.at(-1)
        assert(last?._tag === "Completed")
        assert.strictEqual(last.result.text, text)
      })
    )

    it.effect("is complete when the other engine's answer ends where it broke off", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([
          { provider: Claude, script: [cut({ ...paced, after: 3 })] },
          { provider: Gpt4, script: [answer({ text: "Light scatte" })] }
        ])
        const { events, text: seen } = yield* watched(router.stream(yield* task({ provider: "claude" })))
        assert.strictEqual(seen, "Light scatte")
        assert.strictEqual(events.at(-1)?._tag, "Completed")
      })
    )

    for (const [name, other] of [
      ["something else", "Light is bent by the air"],
      ["less", "Light"]
    ] as const) {
      it.effect(`fails when the other engine says ${name}`, () =>
        Effect.gen(function* () {
          const { observed, open, router } = yield* fleet([
            { provider: Claude, script: [cut({ ...paced, after: 3 })] },
            { provider: CopilotChat, script: [answer({ ...paced, text: other })] },
            { provider: Gpt4, script: [answer({ text })] }
          ])
          const { exit, text: seen } = yield* watched(router.stream(yield* task({ provider: "claude" })))
          const error = yield* Effect.flip(exit)
          assert(error._tag === "StreamInterruptedError")
          assert.strictEqual(seen, "Light scatte")
          assert.deepStrictEqual(outcomes(observed), ["claude cut", "copilot_chat discarded"])
          assert.strictEqual(yield* open, 0)
        })
      )
    }

    it.effect("isn't continued after a tool call was delivered: it may have been acted upon", () =>
      Effect.gen(function* () {
        const call = { id: "1", name: "f", arguments: "{}" }
        const cutAfterCall = ReasoningEngine.fromStream({
          provider: Claude,
          stream: () => Stream.make(ReasoningEngine.textDelta("So:"), ReasoningEngine.toolCall(call))
        })
        const [other] = yield* ScriptedEngine.makeAll([{ provider: Gpt4, script: [answer({ text: "So:" })] }])
        assert(other !== undefined)
        const router = yield* ProviderRouter.ProviderRouter.pipe(
          Effect.provide(
            Layer.provide(
              ProviderRouter.layer(),
              ReasoningEngineRegistry.layerEngines([cutAfterCall, other.engine])
            )
          )
        )
        const { error } = yield* failed(Stream.runDrain(router.stream(yield* task({ provider: "claude" }))))
        assert.strictEqual(error._tag, "StreamInterruptedError")
        assert.deepStrictEqual(yield* other.calls, [])
      })
    )

    it.effect("isn't continued by anybody when fallbacks are off", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet([
          { provider: Claude, script: [cut({ ...paced, after: 3 })] },
          { provider: Gpt4, capabilities: prefill, script: [answer(paced)] }
        ])
        const { exit } = yield* watched(
          router.stream(yield* task({ provider: "claude" }), { useFallback: false })
        )
        assert.strictEqual((yield* Effect.flip(exit))._tag, "StreamInterruptedError")
        assert.deepStrictEqual(yield* asked, [Claude])
      })
    )

    it.effect("has the call's time again to be continued, and no more", () =>
      Effect.gen(function* () {
        const { asked, router } = yield* fleet(
          [
            { provider: Claude, script: [cut({ ...paced, after: 3 })] },
            { provider: CopilotChat, script: [never()] },
            { provider: Gpt4, script: [answer({ text })] }
          ],
          { limits: { firstTokenMs: 5000 } }
        )
        const { exit, ms } = yield* watched(
          router.stream(yield* task({ provider: "claude", timeoutMs: 3000 }))
        )
        assert.strictEqual((yield* Effect.flip(exit))._tag, "StreamInterruptedError")
        assert.strictEqual(ms, 130 + 3000)
        assert.deepStrictEqual(yield* asked, [Claude, CopilotChat])
      })
    )
  })

  describe("the time of a stream", () => {
    it.effect("is bounded until its first content only", () =>
      Effect.gen(function* () {
        const slow = answer({ text: "x".repeat(100), chunkSize: 1, firstTokenMs: 900, msPerChunk: 900 })
        const { router } = yield* fleet([{ provider: Claude, script: [slow] }])
        const { exit, ms } = yield* watched(router.stream(yield* task({ timeoutMs: 1000 })))
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(ms, 90_000)
      })
    )

    it.effect("has the idle limit from there, the last candidate's too", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [stall({ ...paced, after: 2 })] }], {
          limits: { idleMs: 2000 }
        })
        const { exit, ms } = yield* watched(router.stream(yield* task()))
        const error = yield* Effect.flip(exit)
        assert(error._tag === "StreamInterruptedError")
        assert(error.cause._tag === "TimeoutError")
        assert.strictEqual(error.cause.phase, "idle")
        assert.strictEqual(ms, 110 + 2000)
      })
    )

    it.effect("has a limit as a whole where the policy sets one", () =>
      Effect.gen(function* () {
        const slow = answer({ text: "x".repeat(100), chunkSize: 1, msPerChunk: 100 })
        const { router } = yield* fleet([{ provider: Claude, script: [slow] }], {
          limits: { streamMs: 5050 }
        })
        const { exit, ms, text: seen } = yield* watched(router.stream(yield* task()))
        const error = yield* Effect.flip(exit)
        assert(error._tag === "StreamInterruptedError")
        assert(error.cause._tag === "TimeoutError")
        assert.strictEqual(error.cause.phase, "total")
        assert.strictEqual(ms, 5050)
        assert.strictEqual(seen.length, 51)
      })
    )

    it.effect("doesn't run while the reader takes its time", () =>
      Effect.gen(function* () {
        const { router } = yield* fleet([{ provider: Claude, script: [answer(paced)] }], {
          limits: { idleMs: 1000 }
        })
        const { exit, ms } = yield* inVirtualTime(
          Stream.runForEach(router.stream(yield* task()), () => Effect.sleep("5 seconds"))
        )
        assert.isTrue(Exit.isSuccess(exit))
        assert.isAtLeast(ms, 30_000)
      })
    )

    it.effect("is up for a slow reader too when the limit as a whole has passed", () =>
      Effect.gen(function* () {
        const { open, router } = yield* fleet([{ provider: Claude, script: [answer(paced)] }], {
          limits: { streamMs: 3000 }
        })
        const { exit } = yield* inVirtualTime(
          Stream.runForEach(router.stream(yield* task()), () => Effect.sleep("5 seconds"))
        )
        assert.strictEqual((yield* Effect.flip(exit))._tag, "StreamInterruptedError")
        assert.strictEqual(yield* open, 0)
      })
    )

    it.effect("is not kept at all where every limit is infinite", () =>
      Effect.gen(function* () {
        const Infinite = Number.POSITIVE_INFINITY
        const { router } = yield* fleet(
          [
            { provider: Claude, script: [answer({ ...paced, firstTokenMs: 1_000_000, msPerChunk: 100_000 })] }
          ],
          { limits: { timeoutMs: Infinite, firstTokenMs: Infinite, idleMs: Infinite } }
        )
        const { exit } = yield* watched(router.stream(yield* task()))
        assert.isTrue(Exit.isSuccess(exit))
      })
    )
  })

  describe("abandoning a stream", () => {
    it.effect("in the moment in which a chunk arrives closes the attempt", () =>
      Effect.gen(function* () {
        const arrives = yield* Deferred.make<void>()
        let closed = false
        const engine = ReasoningEngine.make({
          provider: Claude,
          attempt: () =>
            Effect.as(
              Effect.addFinalizer(() => Effect.sync(() => void (closed = true))),
              Effect.as(Deferred.await(arrives), [ReasoningEngine.textDelta("So")])
            )
        })
        const router = yield* ProviderRouter.ProviderRouter.pipe(
          Effect.provide(
            Layer.provide(ProviderRouter.layer(), ReasoningEngineRegistry.layerEngines([engine]))
          )
        )
        const fiber = yield* Effect.fork(Stream.runDrain(router.stream(yield* task())))
        yield* TestClock.adjust(10)
        Deferred.unsafeDone(arrives, Exit.void)
        fiber.unsafeInterruptAsFork(fiber.id())
        yield* Fiber.await(fiber)
        assert.isTrue(closed)
      })
    )

    it.effect("between two chunks closes the attempt and settles it once", () =>
      Effect.gen(function* () {
        const { observed, open, router } = yield* fleet([
          { provider: Claude, script: [answer(paced)] },
          { provider: Gpt4, script: [answer(paced)] }
        ])
        const { value } = yield* answered(
          Stream.runCollect(Stream.take(router.stream(yield* task({ provider: "claude" })), 2))
        )
        assert.strictEqual(textOf(Chunk.toReadonlyArray(value)), "Ligh")
        assert.strictEqual(yield* open, 0)
        assert.deepStrictEqual(outcomes(observed), ["claude interrupted"])
        assert.strictEqual(observed[0]?.usage.outputTokens, 1)
      })
    )

    for (const [name, after] of [
      ["before its first content", 50],
      ["in the middle", 105],
      ["during the wait for a retry", 1150]
    ] as const) {
      it.effect(`${name} closes the attempt and settles it once`, () =>
        Effect.gen(function* () {
          const { observed, open, router } = yield* fleet([
            {
              provider: Claude,
              script: [
                name === "during the wait for a retry"
                  ? fail({ _tag: "RateLimitError", retryAfterMs: 3000 }, { afterMs: 1000 })
                  : answer(paced)
              ]
            }
          ])
          const fiber = yield* Effect.fork(Stream.runDrain(router.stream(yield* task())))
          yield* TestClock.adjust(after)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(yield* open, 0)
          assert.strictEqual(observed.length, 1)
        })
      )
    }
  })
})
