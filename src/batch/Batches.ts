/**
 * Batches of tasks that outlive their programs: they are submitted once, any number of workers on any machines
 * answers them, and everybody reads how far they have come and what came of them.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Entry, ResultLine } from "./ResultLine.js"

/**
 * The database of the batches can't be set up, written or read.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchStoreError extends Schema.TaggedError<BatchStoreError>("arc-saga/BatchStoreError")(
  "BatchStoreError",
  {
    /** What can't be done with it. */
    operation: Schema.Literal("set up", "written", "read"),
    /** What the database said. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `The batches can't be ${this.operation}: ${this.reason}. Look whether their database can be reached and used`
  }
}

/**
 * There is no batch of this name.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchNotFoundError extends Schema.TaggedError<BatchNotFoundError>("arc-saga/BatchNotFoundError")(
  "BatchNotFoundError",
  { batch: Schema.String }
) {
  override get message(): string {
    return `There is no batch ${JSON.stringify(this.batch)}. Look at the list of batches for its name`
  }
}

/**
 * The batch is there, and has other tasks.
 *
 * @since 0.1.0
 * @category errors
 */
export class BatchConflictError extends Schema.TaggedError<BatchConflictError>("arc-saga/BatchConflictError")(
  "BatchConflictError",
  {
    batch: Schema.String,
    /** In what it differs. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `The batch ${JSON.stringify(this.batch)} is there, and ${this.reason}. Submit these tasks under another name`
  }
}

/**
 * How far a batch has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** Its name. */
  readonly batch: string
  /** When it was submitted, in milliseconds since 1970. */
  readonly createdAt: number
  /** False while its tasks are being submitted, or where that was broken off: submitting it again goes on. */
  readonly submitted: boolean
  /** Whether it was cancelled. */
  readonly cancelled: boolean
  /** Tasks of all states together. */
  readonly total: number
  /** Tasks that no worker has begun, or whose worker ended without their result. */
  readonly waiting: number
  /** Tasks that a worker answers now. */
  readonly underWay: number
  /** Tasks with an answer. */
  readonly answered: number
  /** Tasks that failed. */
  readonly failed: number
  /** Lines that held no task. */
  readonly rejected: number
  /** Tasks that were cancelled before they had a result. */
  readonly dropped: number
  /** Tasks that a worker had begun and ended without their result, whatever came of them since. */
  readonly takenOver: number
  /** The providers that waiting tasks are pinned to, with the number of these: a worker without it leaves them. */
  readonly waitingFor: Readonly<Record<string, number>>
}

/**
 * Whether each of its tasks has a result.
 *
 * @since 0.1.0
 * @category getters
 */
export const isDone = (status: Status): boolean => status.submitted && status.waiting + status.underWay === 0

/**
 * Keeps batches.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Submits tasks under a name. Submitting the same ones again under it changes nothing, goes on where that was
   * broken off, and gives the status; other tasks under it fail with a BatchConflictError. Workers may begin before
   * the last task is there.
   */
  readonly submit: <E, R>(
    batch: string,
    tasks: Stream.Stream<Entry, E, R>
  ) => Effect.Effect<Status, E | BatchStoreError | BatchConflictError, R>
  /** How far a batch has come. */
  readonly status: (batch: string) => Effect.Effect<Status, BatchStoreError | BatchNotFoundError>
  /** How far all batches have come, in the order of their submission. */
  readonly list: Effect.Effect<ReadonlyArray<Status>, BatchStoreError>
  /** The results that are there, in the order of the tasks. Each task has one at most. */
  readonly results: (batch: string) => Stream.Stream<ResultLine, BatchStoreError | BatchNotFoundError>
  /**
   * Has no task of it begin any more: what waits has a result that says so. Workers interrupt the calls that are
   * under way within seconds; an answer that comes before is kept.
   */
  readonly cancel: (batch: string) => Effect.Effect<Status, BatchStoreError | BatchNotFoundError>
  /** Removes a batch with its prompts and answers. Calls of it that are under way are interrupted. */
  readonly remove: (batch: string) => Effect.Effect<void, BatchStoreError | BatchNotFoundError>
}

/**
 * Keeps batches.
 *
 * @since 0.1.0
 * @category tags
 */
export class Batches extends Context.Tag("arc-saga/Batches")<Batches, Service>() {}
