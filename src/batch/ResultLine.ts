/**
 * What came of one task of a file or a batch, as one JSON object on a line.
 *
 * @since 0.1.0
 */
import type * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as AIResult from "../AIResult.js"
import type * as AITask from "../AITask.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type { SoleTaskError, TaskError } from "../routing/TaskService.js"

/**
 * A task of a file or a batch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  /** Its line, from 1. No two tasks of a batch have the same. */
  readonly number: number
  /** Tells this line's task from every other. */
  readonly fingerprint: string
  /** The task, or why there is none. */
  readonly task: Either.Either<AITask.AITask & { readonly id: string }, InvalidArgumentError>
}

const head = {
  /** The line of the task, from 1. */
  line: Schema.Int,
  /** The fingerprint of the task's line. */
  input: Schema.String,
  /**
   * How many workers had begun the task of a batch and ended without its result: each may have paid for a call whose
   * answer is lost. Absent where none had.
   */
  takenOver: Schema.optional(Schema.Int)
}

/**
 * What came of one task.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ResultLine = Schema.Union(
  Schema.Struct({ ...head, taskId: Schema.String, result: AIResult.AIResult }),
  Schema.Struct({
    ...head,
    /** Null when the line has no task. */
    taskId: Schema.NullOr(Schema.String),
    error: Schema.Struct({
      tag: Schema.String,
      provider: Schema.optional(Schema.String),
      message: Schema.String,
      /** The attempts, where the error lists them. */
      attempts: Schema.Array(AIResult.Attempt)
    })
  })
)

/**
 * What came of one task.
 *
 * @since 0.1.0
 * @category models
 */
export type ResultLine = typeof ResultLine.Type

type Place = Pick<Entry, "number" | "fingerprint">

const providerOf = (error: TaskError | SoleTaskError): string | undefined =>
  error._tag === "AllProvidersFailedError"
    ? error.primary.provider
    : "provider" in error
      ? error.provider
      : undefined

/**
 * The line of a task that was answered.
 *
 * @since 0.1.0
 * @category constructors
 */
export const answered = (place: Place, result: AIResult.AIResult): ResultLine => ({
  line: place.number,
  input: place.fingerprint,
  taskId: result.taskId,
  result
})

/**
 * The line of a task that failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failed = (place: Place, taskId: string, error: TaskError | SoleTaskError): ResultLine => {
  const provider = providerOf(error)
  return {
    line: place.number,
    input: place.fingerprint,
    taskId,
    error: {
      tag: error._tag,
      ...(provider === undefined ? {} : { provider }),
      message: error.message,
      attempts: error._tag === "AllProvidersFailedError" ? error.attempts : []
    }
  }
}

/**
 * The line of a line that holds no task, or of a task that can't be asked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rejected = (
  place: Place,
  error: { readonly _tag: string; readonly message: string },
  taskId: string | null = null
): ResultLine => ({
  line: place.number,
  input: place.fingerprint,
  taskId,
  error: { tag: error._tag, message: error.message, attempts: [] }
})
