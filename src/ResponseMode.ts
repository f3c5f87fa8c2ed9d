/**
 * The two deliveries of an answer: whole, or as it is written.
 *
 * @since 0.1.0
 */
import type { AIResult } from "./AIResult.js"
import type { TextDelta, ToolCallEvent } from "./ReasoningEngine.js"

/**
 * The last element of every stream that succeeds: the same result that a complete call gives.
 *
 * @since 0.1.0
 * @category events
 */
export interface Completed {
  readonly _tag: "Completed"
  readonly result: AIResult
}

/**
 * An element of a streamed answer. The texts joined are exactly `result.text`.
 *
 * @since 0.1.0
 * @category events
 */
export type StreamEvent = TextDelta | ToolCallEvent | Completed
