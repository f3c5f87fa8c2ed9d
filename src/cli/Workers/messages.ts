/** What a primary and its workers tell each other. */
import * as Schema from "effect/Schema"

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
