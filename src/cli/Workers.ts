/** Processes of this program that serve at one address together: a primary, which starts them, and its workers. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import type { ListenError } from "./Listener.js"
import type { Place, ToPrimary, ToWorker } from "./Workers/messages.js"

/** A worker, as its primary has it. */
export interface Worker {
  readonly pid: number
  /** Once it has ended nothing is sent. */
  readonly send: (message: ToWorker) => Effect.Effect<void>
  readonly messages: Queue.Dequeue<ToPrimary>
  /** Waits for its end. */
  readonly ended: Effect.Effect<Ended>
}

/** How a worker ended. */
export interface Ended {
  /** In words. */
  readonly how: string
  /** The code to end with where all end with it. */
  readonly code: number
}

/** This process, which is a worker. */
export interface Own extends Place {
  readonly send: (message: ToPrimary) => Effect.Effect<void>
  readonly messages: Queue.Dequeue<ToWorker>
  /** Waits until no connection is on its way to it any more, once it listens no longer: one that is would be lost. */
  readonly leave: Effect.Effect<void>
}

/** Starts workers, or is one. */
export interface Service {
  readonly own: Own | undefined
  /** Starts this program once more, with the same command line. */
  readonly start: (place: Place) => Effect.Effect<Worker>
  /** A port of a host that nothing listens at. */
  readonly freePort: (host: string) => Effect.Effect<number, ListenError>
}

/** Starts workers, or is one. */
export class Workers extends Context.Tag("arc-saga/cli/Workers")<Workers, Service>() {}
