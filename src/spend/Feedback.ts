/**
 * How good answers were, as their callers say: a score for a task, kept beside the ledger, whose rows have the
 * task's provider, tokens and cost by the same id.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as numbers from "../internal/numbers.js"
import * as keptPerKey from "./internal/keptPerKey.js"

/**
 * A score for the answer to a task.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Judgement = Schema.Struct({
  /** The id of the task. */
  taskId: Schema.NonEmptyString.pipe(Schema.maxLength(256)),
  /** How good its answer was, 0 to 1. */
  score: numbers.upTo("a score", 1),
  /** The key of the gateway by which it was given. */
  keyId: Schema.optional(Schema.String),
  /** What its giver says besides, at most 4,096 characters. */
  comment: Schema.optional(Schema.String.pipe(Schema.maxLength(4096))),
  /** When it was given, in milliseconds since 1970. */
  at: Schema.Number
})

/**
 * A score for the answer to a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Judgement extends Schema.Schema.Type<typeof Judgement> {}

/**
 * Judgements can't be set up, written or read.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeedbackError extends Schema.TaggedError<FeedbackError>("arc-saga/FeedbackError")(
  "FeedbackError",
  {
    /** What can't be done with them. */
    operation: Schema.Literal("set up", "written", "read"),
    /** What the database said. */
    reason: Schema.String
  }
) {
  override get message(): string {
    return `Feedback can't be ${this.operation}: ${this.reason}. Look whether its database can be reached and used`
  }
}

/**
 * Keeps judgements, one for each task: a later one takes the place of an earlier. Of each key only so many are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Succeeds when the judgement is kept. */
  readonly record: (judgement: Judgement) => Effect.Effect<void, FeedbackError>
  /** All that are kept, by the time at which they were given. */
  readonly judgements: Stream.Stream<Judgement, FeedbackError>
}

/**
 * Keeps judgements.
 *
 * @since 0.1.0
 * @category tags
 */
export class Feedback extends Context.Tag("arc-saga/Feedback")<Feedback, Service>() {}

/**
 * How many judgements are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends keptPerKey.Options {}

/**
 * Keeps judgements in memory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.map(keptPerKey.make(options), ({ isDue, perKey }) => {
    const kept = new Map<string, Judgement>()
    const prune = (keyId: string | undefined): void => {
      // The first are the oldest.
      const ids = [...kept.values()].filter((each) => each.keyId === keyId).map(({ taskId }) => taskId)
      for (const id of ids.slice(0, Math.max(0, ids.length - perKey))) kept.delete(id)
    }
    return {
      record: (judgement) =>
        Effect.sync(() => {
          kept.delete(judgement.taskId)
          kept.set(judgement.taskId, judgement)
          if (isDue(judgement.keyId)) prune(judgement.keyId)
        }),
      judgements: Stream.suspend(() => Stream.fromIterable([...kept.values()]))
    }
  })

/**
 * Keeps judgements in memory: see {@link makeMemory}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: Options = {}): Layer.Layer<Feedback, InvalidArgumentError> =>
  Layer.effect(Feedback, makeMemory(options))
