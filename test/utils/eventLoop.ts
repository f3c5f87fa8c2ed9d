/**
 * Turns of the event loop. The process of a test that computes for a minute without one answers its runner too late,
 * who takes that for an error.
 */
import * as Effect from "effect/Effect"

const next = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Lets the event loop turn. */
export const turn: Effect.Effect<void> = Effect.promise(next)

let turnedAt = 0

/** Lets it turn unless it did so within the last second. */
export const turnNowAndThen = async (): Promise<void> => {
  if (performance.now() - turnedAt < 1000) return
  await next()
  turnedAt = performance.now()
}
