import * as Effect from "effect/Effect"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Supervisor from "effect/Supervisor"

/** Counts the steps that fibers make and the fibers that begin. Unlike time, they are the same on every machine. */
class Counter extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  steps = 0
  fibers = 0
  override onStart(): void {
    this.fibers += 1
  }
  override onEffect(): void {
    this.steps += 1
  }
}

/** What is counted since the last time it was asked for. */
export interface Counted {
  readonly steps: number
  readonly fibers: number
}

/** Runs an effect with a count of its steps, and of those of all fibers that it leads to. */
export const counting = <A, E, R>(
  effect: (taken: () => Counted) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const counter = new Counter()
    const taken = (): Counted => {
      const { fibers, steps } = counter
      counter.steps = 0
      counter.fibers = 0
      return { fibers, steps }
    }
    return effect(taken).pipe(
      Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision)),
      Effect.supervised(counter)
    )
  })
