/**
 * The elements of a streamed answer, and what happens to one that breaks off.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as AIProvider from "./AIProvider.js"
import * as AIResult from "./AIResult.js"
import * as EngineError from "./EngineError.js"
import type { TextDelta, ToolCallEvent } from "./ReasoningEngine.js"

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
 * An element of a streamed answer. The texts joined are exactly `result.text`.
 *
 * @since 0.1.0
 * @category events
 */
export type StreamEvent = TextDelta | ToolCallEvent | Completed

/**
 * A stream ended before its answer was whole, and couldn't be continued. What was delivered is in
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
