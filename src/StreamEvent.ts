/**
 * The elements of a streamed answer, and what happens to one that breaks off.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AIProvider from "./AIProvider.js"
import * as AIResult from "./AIResult.js"
import * as EngineError from "./EngineError.js"
import type { NativeEvent, ReasoningDelta, TextDelta, ToolCallEvent } from "./ReasoningEngine.js"
import type * as Wire from "./Wire.js"

/**
 * Who answers from here on: the first element of a stream, in one chunk with the first content, and again where
 * another attempt goes on after a cut. What fails before it has delivered nothing.
 *
 * @since 0.1.0
 * @category events
 */
export interface Started {
  readonly _tag: "Started"
  readonly provider: AIProvider.AIProvider
  /** The model that was asked; the result has the one that answered. */
  readonly model: string
  /** The attempts of the call until now, this one included. */
  readonly attempts: number
  /**
   * The wire of the task's original, where this attempt's events come as they are on it, too: a Native event
   * before the events that it says.
   */
  readonly native?: Wire.Wire | undefined
  /** The fields of the task that were left out. */
  readonly dropped?: ReadonlyArray<string> | undefined
  /** Whether the answer comes of the cache of answers, where that is used. */
  readonly cache?: AIResult.CacheUse | undefined
}

/**
 * The last element of every stream that succeeds: the same result that a complete call gives.
 *
 * @since 0.1.0
 * @category events
 */
export interface Completed {
  readonly _tag: "Completed"
  readonly result: AIResult.AIResult
}

/**
 * An element of a streamed answer: `Started` first, `Completed` last. The texts joined are exactly
 * `result.text`. What the model thinks comes where the task asks to show it, and Native events where its
 * original's wire is the provider's.
 *
 * @since 0.1.0
 * @category events
 */
export type StreamEvent = Started | TextDelta | ReasoningDelta | ToolCallEvent | NativeEvent | Completed

/**
 * Events in which the result at their end, where they have one, is what an Effect makes of it. `Completed` is the
 * last of its chunk.
 *
 * @since 0.1.0
 * @category combinators
 */
export const mapResult = <E, R>(
  events: Chunk.Chunk<StreamEvent>,
  f: (result: AIResult.AIResult) => Effect.Effect<AIResult.AIResult, E, R>
): Effect.Effect<Chunk.Chunk<StreamEvent>, E, R> => {
  const last = Option.getOrUndefined(Chunk.last(events))
  if (last?._tag !== "Completed") return Effect.succeed(events)
  return Effect.map(f(last.result), (result) =>
    result === last.result
      ? events
      : // A slice of a chunk loses its elements where chunks are joined.
        Chunk.unsafeFromArray([...Chunk.toReadonlyArray(events).slice(0, -1), { ...last, result }])
  )
}

/**
 * A stream ended before its answer was whole, and couldn't be continued. The delivered text is in
 * `partialText`; it isn't the answer.
 *
 * @since 0.1.0
 * @category errors
 */
export class StreamInterruptedError extends Schema.TaggedError<StreamInterruptedError>(
  "arc-saga/StreamInterruptedError"
)("StreamInterruptedError", {
  /** Who was answering. */
  provider: AIProvider.AIProvider,
  /** The text that had been delivered. */
  partialText: Schema.String,
  /** What ended it. */
  cause: EngineError.EngineError,
  /** Every attempt of the call. */
  attempts: Schema.Array(AIResult.Attempt)
}) {
  override get message(): string {
    return `The answer of ${this.provider} broke off after ${this.partialText.length} characters: ${this.cause.message}. What was delivered is incomplete; ask again`
  }
}
