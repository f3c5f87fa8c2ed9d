import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"

/** The default clock. */
const real = Context.get(DefaultServices.liveServices, Clock.Clock)

/** The longest that a timer of the platform can wait; it would take more for nothing. */
const longestMs = 2_147_483_647

/**
 * Has something done after so many milliseconds of a clock, unless what it returns is called before. Where
 * the clock isn't the real one, it is waited for in a fiber of the given runtime.
 *
 * Nearly every timer here is for what doesn't happen. A fiber that sleeps and is interrupted costs a hundred
 * times what the platform's own timer does, and a sixth of a whole call: the real clock's are those.
 */
export const after = (
  clock: Clock.Clock,
  runtime: Runtime.Runtime<never>,
  ms: number,
  what: () => void
): (() => void) => {
  if (clock === real) {
    if (ms > longestMs) return () => {}
    const timer = setTimeout(what, ms)
    return () => clearTimeout(timer)
  }
  const sleeping = Runtime.runFork(runtime, Effect.interruptible(clock.sleep(Duration.millis(ms))))
  sleeping.addObserver((exit) => {
    if (Exit.isSuccess(exit)) what()
  })
  return () => sleeping.unsafeInterruptAsFork(FiberId.none)
}

/** Waits for a fiber, but only so many milliseconds; the fiber goes on. */
export const awaitFor = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  runtime: Runtime.Runtime<never>,
  ms: number
): Effect.Effect<Option.Option<A>, E> =>
  Effect.clockWith((clock) =>
    Effect.async<Option.Option<A>, E>((resume) => {
      const done = fiber.unsafePoll()
      if (done !== null) return resume(Exit.map(done, Option.some))
      const stop = after(clock, runtime, ms, () => resume(Effect.succeedNone))
      const ended = (exit: Exit.Exit<A, E>): void => {
        stop()
        resume(Exit.map(exit, Option.some))
      }
      fiber.addObserver(ended)
      return Effect.sync(() => {
        fiber.removeObserver(ended)
        stop()
      })
    })
  )

/**
 * The result of an effect if it comes within so many milliseconds; it is interrupted otherwise. It costs a
 * quarter of `Effect.timeoutOption`, which sleeps in a fiber and takes over the fiber refs of what it timed.
 */
export const timeoutOption = <A, E>(
  effect: Effect.Effect<A, E>,
  ms: number
): Effect.Effect<Option.Option<A>, E> =>
  // A timer that is begun is ended: nothing comes between the two.
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.runtime(), (runtime) => {
      const running = Runtime.runFork(runtime, Effect.interruptible(effect))
      const interrupted = Fiber.interrupt(running)
      return Effect.flatMap(
        Effect.onInterrupt(restore(awaitFor(running, runtime, ms)), () => interrupted),
        (result) => Effect.as(Option.isSome(result) ? Effect.void : interrupted, result)
      )
    })
  )
