/** Processes of this program that serve at one address together: a primary, which starts them, and its workers. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type { ListenError } from "./Listener.js"

const id = Schema.Int

/** The answer to what was asked with an id. */
const Answer = Schema.TaggedStruct("Answer", { id, text: Schema.String })

/** What a primary tells a worker. */
export const ToWorker = Schema.Union(
  /** Let calls under way finish, and end. */
  Schema.TaggedStruct("Stop", {}),
  /** Take the configuration anew; the answer is why not, or empty. What others tell as well isn't told when quiet. */
  Schema.TaggedStruct("Reload", { id, quiet: Schema.Boolean }),
  /** Another worker was told to, and the configuration can't be used. */
  Schema.TaggedStruct("Refuse", { reason: Schema.String }),
  /** Answer with the metrics of this worker. */
  Schema.TaggedStruct("Measure", { id }),
  Answer
)

/** What a primary tells a worker. */
export type ToWorker = typeof ToWorker.Type

/** What a worker tells its primary. */
export const ToPrimary = Schema.Union(
  /** It answers at an address. */
  Schema.TaggedStruct("Ready", { address: Schema.String }),
  /** Answer with the metrics of all workers. */
  Schema.TaggedStruct("MeasureAll", { id }),
  Answer
)

/** What a worker tells its primary. */
export type ToPrimary = typeof ToPrimary.Type

/** What a worker is. */
export const Place = Schema.Struct({
  /** From 1; one that is started again has the number of the one that ended. */
  number: Schema.Int,
  /** How many workers there are. */
  count: Schema.Int,
  /** The port to listen at. */
  port: Schema.Int,
  /** Whether it tells what all would tell when they start. */
  tells: Schema.Boolean
})

/** What a worker is. */
export interface Place extends Schema.Schema.Type<typeof Place> {}

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

/** A worker ended before all were there: what kept it from serving would keep others from it. */
export class WorkerError extends Schema.TaggedError<WorkerError>("arc-saga/cli/WorkerError")("WorkerError", {
  number: Schema.Int,
  how: Schema.String,
  code: Schema.Int
}) {
  override get message(): string {
    return `Worker ${this.number} ${this.how} before all workers listened`
  }
}
