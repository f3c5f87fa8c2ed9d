import { assert, describe, it } from "@effect/vitest"
import type { AIResult, ProviderRouter, StreamEvent } from "arc-saga"
import { Arbitraries, Behaviour, type ScriptedEngine } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { fleet as fleetOf, inVirtualTime, simulated, task, textOf } from "../utils/fleet.js"
import { expected, limits, middle } from "../utils/model.js"
import { runs } from "../utils/property.js"

const fleets = Arbitraries.fleet()

/** One or two providers that all pause in their answer for longer than the idle limit: only the last may. */
const pausing = Arbitraries.fleet({
  maxProviders: 2,
  behaviour: FastCheck.record({
    text: FastCheck.constant("Light scatters"),
    chunkSize: FastCheck.constant(7),
    firstTokenMs: FastCheck.nat(9000),
    msPerChunk: FastCheck.integer({ min: 8001, max: 12_000 })
  }).map(Behaviour.answer)
})

const routed = (fleet: Arbitraries.Fleet) =>
  Effect.gen(function* () {
    const made = yield* fleetOf(fleet.engines, { chains: fleet.chains, limits })
    const asked = yield* task({ provider: fleet.primary })
    return { ...made, asked }
  })

/** A complete task over a fleet: how it ended, and what the engines saw. */
const completed = (fleet: Arbitraries.Fleet, inTime: typeof simulated = simulated) =>
  Effect.gen(function* () {
    const made = yield* routed(fleet)
    const { exit, ms } = yield* inTime(made.router.complete(made.asked).pipe(Effect.withRandomFixed(middle)))
    return { ...made, exit, ms, outcome: outcomeOf(exit), attempts: attemptsOf(exit, made.observed) }
  })

const outcomeOf = (exit: Exit.Exit<AIResult.AIResult, ProviderRouter.RouteError>): string =>
  Exit.match(exit, {
    onSuccess: ({ provider }) => provider,
    onFailure: (cause) => (cause._tag === "Fail" ? cause.error._tag : cause._tag)
  })

const attemptsOf = (
  exit: Exit.Exit<AIResult.AIResult, ProviderRouter.RouteError>,
  observed: ReadonlyArray<AIResult.Attempt>
): ReadonlyArray<AIResult.Attempt> => {
  if (Exit.isSuccess(exit)) return exit.value.attempts
  return exit.cause._tag === "Fail" && exit.cause.error._tag === "AllProvidersFailedError"
    ? exit.cause.error.attempts
    : observed
}

/** A streamed task over a fleet: how it ended, and what was delivered when. */
const streamed = (fleet: Arbitraries.Fleet) =>
  Effect.gen(function* () {
    const made = yield* routed(fleet)
    const events: Array<StreamEvent.StreamEvent> = []
    let firstAt: number | undefined
    const { exit, ms } = yield* simulated(
      Stream.runForEach(made.router.stream(made.asked), (event) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          firstAt ??= now
          events.push(event)
        })
      ).pipe(Effect.withRandomFixed(middle))
    )
    return { ...made, exit, ms, events, firstAt, text: textOf(events) }
  })

const near = (left: number, right: number): boolean => Math.abs(left - right) < 0.01

describe.concurrent("ProviderRouter, for every fleet", () => {
  it.effect.prop(
    "attempts follow the chain and never exceed it",
    [fleets],
    ([fleet]) =>
      Effect.gen(function* () {
        const { attempts } = yield* completed(fleet)
        const chain = fleet.engines.map(({ provider }) => provider)
        const order = attempts.map(({ provider }) => chain.indexOf(provider))
        assert.deepStrictEqual(order, order.toSorted())
        const fallbacks = order.filter((index) => index > 0)
        assert.strictEqual(new Set(fallbacks).size, fallbacks.length)
        // Two retries for a rate limit, two for a transient error.
        assert.isAtMost(order.length - fallbacks.length, 5)
      }),
    runs()
  )

  it.effect.prop(
    "a permanent error of the primary that is the task's own fault means one attempt",
    [
      Arbitraries.fleet({ behaviour: Arbitraries.behaviours.answer }),
      FastCheck.constantFrom(
        "AuthenticationError" as const,
        "InputValidationError" as const,
        "ContentPolicyError" as const
      ),
      FastCheck.nat(9000)
    ],
    ([fleet, _tag, afterMs]) =>
      Effect.gen(function* () {
        const [primary, ...others] = fleet.engines
        const failing: ScriptedEngine.Options = {
          ...primary,
          script: [{ _tag: "Fail", error: { _tag }, afterMs, during: "begin" }]
        }
        const { ms, observed, outcome } = yield* completed({ ...fleet, engines: [failing, ...others] })
        assert.strictEqual(outcome, _tag)
        assert.strictEqual(observed.length, 1)
        assert.strictEqual(ms, afterMs)
      }),
    runs()
  )

  it.effect.prop(
    "the call succeeds exactly when an allowed candidate would have succeeded before the deadline",
    [FastCheck.oneof({ weight: 9, arbitrary: fleets }, { weight: 1, arbitrary: pausing })],
    ([fleet]) =>
      Effect.gen(function* () {
        // The limits have fractions of a millisecond, which only TestClock keeps.
        const { attempts, ms, outcome } = yield* completed(fleet, inVirtualTime)
        const should = expected(fleet)
        assert.strictEqual(outcome, should.outcome)
        assert.deepStrictEqual(
          attempts.map(({ provider }): string => provider),
          should.attempts
        )
        assert.isTrue(near(ms, should.atMs), `ended at ${ms} instead of ${should.atMs}`)
      }),
    runs(400, 100)
  )

  it.effect.prop(
    "what the result lists as attempts is what the engines saw, each settled once and closed",
    [fleets],
    ([fleet]) =>
      Effect.gen(function* () {
        const { attempts, calls, observed, open } = yield* completed(fleet)
        const row = (attempt: {
          readonly provider: string
          readonly startedAt: number
          readonly outcome: string
        }) => `${attempt.provider} ${attempt.startedAt} ${attempt.outcome === "succeeded"}`
        assert.deepStrictEqual(attempts.map(row).toSorted(), (yield* calls).map(row).toSorted())
        assert.deepStrictEqual(observed, attempts)
        assert.strictEqual(yield* open, 0)
      }),
    runs()
  )

  it.effect.prop(
    "virtual time never passes the deadline",
    [
      FastCheck.oneof(
        fleets,
        Arbitraries.fleet({ behaviour: FastCheck.oneof(Arbitraries.behaviour, Arbitraries.behaviours.deaf) })
      ),
      FastCheck.integer({ min: 1, max: 40_000 })
    ],
    ([fleet, timeoutMs]) =>
      Effect.gen(function* () {
        const { router } = yield* routed(fleet)
        const asked = yield* task({ provider: fleet.primary, timeoutMs })
        const { ms } = yield* inVirtualTime(router.complete(asked))
        assert.isAtMost(ms, timeoutMs)
        const firstAt = yield* inVirtualTime(
          Effect.gen(function* () {
            const startedAt = yield* Clock.currentTimeMillis
            yield* Effect.ignore(Stream.runHead(router.stream(asked)))
            return (yield* Clock.currentTimeMillis) - startedAt
          })
        )
        assert.isAtMost(yield* firstAt.exit, timeoutMs)
      }),
    runs()
  )

  it.effect.prop(
    "delivered text is one provider's answer or a verified continuation, nothing twice and nothing cut",
    [fleets],
    ([fleet]) =>
      Effect.gen(function* () {
        const { calls, events, exit, text } = yield* streamed(fleet)
        const last = events.at(-1)
        const all = yield* calls
        if (Exit.isSuccess(exit)) {
          assert(last?._tag === "Completed")
          assert.strictEqual(last.result.text, text)
          const answering = all.find(
            (call) => call.outcome === "succeeded" && call.provider === last.result.provider
          )
          assert(answering !== undefined, "a finished answer without a Finish of its provider")
          // Whole from one provider, or what was delivered before and what its continuation added.
          assert.strictEqual((answering.request.prefill ?? "") + answering.text, text)
        } else {
          assert.isTrue(events.every(({ _tag }) => _tag !== "Completed"))
          assert(exit.cause._tag === "Fail")
          const error = exit.cause.error
          if (error._tag === "StreamInterruptedError") {
            assert.strictEqual(error.partialText, text)
            assert.notStrictEqual(text, "")
          } else {
            assert.strictEqual(text, "")
          }
        }
      }),
    // Few fleets have a cut that another provider goes on from.
    runs(400, 200)
  )

  it.effect.prop(
    "after an interruption at any point every engine has been closed and every attempt settled once",
    [
      // In a pause a stream is under way whose beginning was delivered.
      FastCheck.oneof(fleets, pausing),
      FastCheck.oneof(FastCheck.nat(35_000), FastCheck.nat(12_000)),
      FastCheck.constantFrom("complete" as const, "streaming" as const, "left" as const)
    ],
    ([fleet, afterMs, how]) =>
      Effect.gen(function* () {
        const { asked, calls, observed, open, router } = yield* routed(fleet)
        const stream = router.stream(asked)
        const calling = {
          complete: Effect.asVoid(router.complete(asked)),
          streaming: Stream.runDrain(stream),
          // Its caller goes away with the first text.
          left: Stream.runDrain(Stream.take(stream, 2))
        }
        const fiber = yield* Effect.fork(calling[how])
        yield* TestClock.adjust(afterMs)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* open, 0)
        assert.strictEqual(observed.length, (yield* calls).length)
        const begun = (yield* calls).length
        yield* TestClock.adjust("1 hour")
        assert.strictEqual((yield* calls).length, begun)
      }),
    runs(200, 40)
  )
})
