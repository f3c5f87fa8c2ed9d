import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as log from "../../internal/log.js"
import { onClose } from "../../internal/onClose.js"

/** What a stream gets to say that the gateway's grace period is over. */
const lastWordMs = 1000

/** The requests under way, and how they end when the gateway does. */
export interface Shutdown {
  /** Whether it has begun: no new request is taken then. */
  readonly begun: () => boolean
  /** Counts the request of this fiber until its scope closes. */
  readonly track: Effect.Effect<void, never, Scope.Scope>
  /**
   * An effect, which is run again and again, until the grace period of a shutdown is over: then it is interrupted,
   * and fails with `late`. Closing the scope ends it.
   */
  readonly bounded: <A, E>(
    effect: Effect.Effect<A, E>,
    runtime: Runtime.Runtime<never>,
    late: E
  ) => Effect.Effect<Effect.Effect<A, E>, never, Scope.Scope>
  /** Takes no more requests, and waits for those under way for milliseconds; the ones that are left are ended. */
  readonly drain: (gracePeriodMs: number) => Effect.Effect<void>
}

export const make: Effect.Effect<Shutdown> = Effect.gen(function* () {
  const requests = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  const empty = yield* Deferred.make<void>()
  /** What is told when the grace period is over. */
  const bounds = new Set<() => void>()
  let begun = false
  let over = false

  const emptied = Effect.suspend(() =>
    begun && requests.size === 0 ? Deferred.succeed(empty, undefined) : Effect.void
  )
  // In a fiber of its own: what is timed has to be interruptible, and the one that shuts down may have been
  // interrupted, so that it can't wait interruptibly for anything.
  const waited = (ms: number) =>
    Effect.timeoutOption(Deferred.await(empty), ms).pipe(
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.flatMap(Fiber.await)
    )

  return {
    begun: () => begun,
    track: Effect.withFiberRuntime((fiber) => {
      requests.add(fiber)
      return onClose(() =>
        Effect.suspend(() => {
          requests.delete(fiber)
          return emptied
        })
      )
    }),
    bounded: <A, E>(effect: Effect.Effect<A, E>, runtime: Runtime.Runtime<never>, late: E) => {
      /** The fiber that runs it each time, which costs less than a race, or a fiber each time. */
      let running: Fiber.RuntimeFiber<never> | undefined
      let isAsked = false
      let runOn = (): void => {}
      let tell: (answer: Effect.Effect<A, E>) => void = () => {}
      const asked = Effect.async<void>((resume) => {
        runOn = () => resume(Effect.void)
        if (isAsked) runOn()
      })
      const run: Effect.Effect<never> = Effect.zipRight(
        asked,
        Effect.flatMap(Effect.exit(effect), (exit) => {
          isAsked = false
          tell(exit)
          return run
        })
      )
      const end = Effect.suspend(() => (running === undefined ? Effect.void : Fiber.interrupt(running)))
      let isLate = (): void => {}
      // One that waits for it and is interrupted closes the scope.
      const next = Effect.async<A, E>((resume) => {
        isLate = () => {
          bounds.delete(isLate)
          resume(Effect.zipRight(end, Effect.fail(late)))
        }
        if (over) return isLate()
        bounds.add(isLate)
        tell = (exit) => {
          bounds.delete(isLate)
          resume(exit)
        }
        isAsked = true
        if (running === undefined) running = Runtime.runFork(runtime, Effect.interruptible(run))
        else runOn()
      })
      return Effect.as(
        onClose(() =>
          Effect.suspend(() => {
            bounds.delete(isLate)
            return end
          })
        ),
        next
      )
    },
    drain: (gracePeriodMs) =>
      Effect.gen(function* () {
        begun = true
        yield* emptied
        yield* log.event(LogLevel.Info, "gateway_draining", () => ({ requests: requests.size }))
        yield* waited(gracePeriodMs)
        over = true
        for (const end of bounds) end()
        yield* waited(lastWordMs)
        yield* Fiber.interruptAll(requests)
      })
  }
})
