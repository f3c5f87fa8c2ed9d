/**
 * Where circuit breakers keep which circuits are open, and who probes them: shared by several processes, or by
 * several breakers of one.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Open } from "./internal/circuit.js"
import { OpenCircuits } from "./internal/openCircuits.js"

export type { Open, Probe } from "./internal/circuit.js"

/**
 * Keeps the open circuits. Times are in milliseconds of the Clock. What is told to it is known here at once, and to
 * others soon.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** An open circuit, as far as it is known without asking; undefined while it is closed. */
  readonly unsafeGet: (key: string) => Open | undefined
  /**
   * Opens a circuit, or keeps it open: the later time and the longer wait hold. If a probe is named, it has failed,
   * and another one may begin.
   */
  readonly unsafeOpen: (key: string, until: Omit<Open, "probe">, probeId?: string) => void
  /** Closes a circuit. */
  readonly unsafeClose: (key: string) => void
  /**
   * Begins the only probe of a half-open circuit and gives its id. It keeps others from probing for so many
   * milliseconds. None when the circuit isn't half-open, or another probe is under way.
   */
  readonly probe: (key: string, probeMs: number) => Effect.Effect<Option.Option<string>>
  /** A probe has ended and says nothing; unless another has taken over, the next may begin. */
  readonly unsafeRelease: (key: string, probeId: string) => void
}

/**
 * Keeps the open circuits.
 *
 * @since 0.1.0
 * @category tags
 */
export class CircuitStore extends Context.Tag("arc-saga/CircuitStore")<CircuitStore, Service>() {}

/**
 * Keeps them in memory: for the breakers of one process.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<Service> = Effect.sync(() => {
  const circuits = new OpenCircuits()
  let probes = 0
  return {
    unsafeGet: (key) => circuits.get(key),
    unsafeOpen: (key, until, probeId) => circuits.open(key, until, probeId),
    unsafeClose: (key) => circuits.close(key),
    probe: (key, probeMs) =>
      Effect.map(Effect.clock, (clock) => {
        const id = String(++probes)
        const begun = circuits.probe(key, id, clock.unsafeCurrentTimeMillis(), probeMs)
        return begun ? Option.some(id) : Option.none()
      }),
    unsafeRelease: (key, probeId) => circuits.release(key, probeId)
  }
})

/**
 * Keeps them in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<CircuitStore> = Layer.effect(CircuitStore, makeMemory)
