/** A bar that shows how far a run has come, on a terminal; elsewhere nothing. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Format from "./Format.js"
import { StandardStreams } from "./StandardStreams.js"

/** How far a run has come. */
export interface State {
  /** Tasks of the whole file. */
  readonly total: number
  /** Tasks that were done when the run began. */
  readonly earlier: number
  /** Tasks done, earlier ones included. */
  done: number
  /** Of those, the ones without an answer. */
  failed: number
}

/** The bar as a text of at most so many columns. */
export const render = (state: State, elapsedMs: number, columns: number): string => {
  const width = Math.max(10, Math.min(30, columns - 60))
  const filled = Math.floor((width * state.done) / state.total)
  const fresh = state.done - state.earlier
  const left =
    fresh === 0 ? "" : `, ${Format.duration((elapsedMs / fresh) * (state.total - state.done))} left`
  const failed = state.failed === 0 ? "" : `, ${state.failed} failed`
  const bar = `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${state.done}/${state.total}${failed}${left}`
  return bar.slice(0, Math.max(0, columns - 1))
}

/** Draws the bar ten times a second until the scope closes, and wipes it then. */
export const show = (state: State): Effect.Effect<void, never, StandardStreams | Scope.Scope> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    if (!streams.errorIsTerminal) return
    const startedAt = yield* Clock.currentTimeMillis
    const draw = Effect.gen(function* () {
      const elapsedMs = (yield* Clock.currentTimeMillis) - startedAt
      yield* streams.showStatus(render(state, elapsedMs, yield* streams.columns))
    })
    yield* Effect.addFinalizer(() => streams.showStatus(""))
    yield* Effect.forkScoped(Effect.repeat(draw, Schedule.spaced("100 millis")))
  })
