import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as timer from "../../src/internal/timer.js"

/** Sets a timer on the clock of the test. */
const set = (ms: number, what: () => void) =>
  Effect.zipWith(Effect.clock, Effect.runtime(), (clock, runtime) => timer.after(clock, runtime, ms, what))

describe("a timer", () => {
  it.live("rings on the real clock, in the order of the instants", () =>
    Effect.gen(function* () {
      const rung: Array<string> = []
      const last = yield* Deferred.make<void>()
      yield* set(30, () => {
        rung.push("late")
        Deferred.unsafeDone(last, Exit.void)
      })
      yield* set(1, () => rung.push("early"))
      const stop = yield* set(1, () => rung.push("stopped"))
      stop()
      const never = yield* set(2 ** 31, () => rung.push("never"))
      yield* Deferred.await(last)
      never()
      assert.deepStrictEqual(rung, ["early", "late"])
    })
  )

  it.effect("rings on a clock of virtual time", () =>
    Effect.gen(function* () {
      const rung: Array<string> = []
      yield* set(2_000_000, () => rung.push("late"))
      yield* set(1000, () => rung.push("early"))
      const stop = yield* set(1000, () => rung.push("stopped"))
      stop()
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(rung, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(rung, ["early"])
      yield* TestClock.adjust("2000 seconds")
      assert.deepStrictEqual(rung, ["early", "late"])
    })
  )
})

describe("an effect that is timed", () => {
  /** Waits for ever, and tells when it is interrupted. */
  const endless = (interrupted: Deferred.Deferred<void>) =>
    Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))

  it.effect("gives what comes in time, or its failure", () =>
    Effect.gen(function* () {
      const soon = yield* Effect.fork(timer.timeoutOption(Effect.delay(Effect.succeed("it"), 900), 1000))
      const failing = yield* Effect.fork(timer.timeoutOption(Effect.delay(Effect.fail("why"), 900), 1000))
      yield* TestClock.adjust(900)
      assert.deepStrictEqual(yield* Fiber.join(soon), Option.some("it"))
      assert.deepStrictEqual(yield* Fiber.await(failing), Exit.fail("why"))
      assert.deepStrictEqual(yield* timer.timeoutOption(Effect.succeed("now"), 0), Option.some("now"))
    })
  )

  it.effect("is interrupted when its time is up, also where nothing else can be", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const timed = yield* Effect.fork(
        Effect.uninterruptible(timer.timeoutOption(endless(interrupted), 1000))
      )
      yield* TestClock.adjust(999)
      assert.isFalse(yield* Deferred.isDone(interrupted))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(timed), Option.none())
      assert.isTrue(yield* Deferred.isDone(interrupted))
    })
  )

  it.effect("is interrupted with whoever waits for it", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const timed = yield* Effect.fork(timer.timeoutOption(endless(interrupted), 1000))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(timed)
      assert.isTrue(yield* Deferred.isDone(interrupted))
    })
  )

  it.live("is interrupted on the real clock too", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      assert.deepStrictEqual(yield* timer.timeoutOption(endless(interrupted), 1), Option.none())
      assert.isTrue(yield* Deferred.isDone(interrupted))
    })
  )
})
