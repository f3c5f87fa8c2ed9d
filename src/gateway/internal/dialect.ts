import type * as Either from "effect/Either"
import type * as AIResult from "../../AIResult.js"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import type { ReasoningDelta, TextDelta, ToolCallEvent } from "../../ReasoningEngine.js"
import type { Problem } from "./problem.js"
import type { Wire } from "../../Wire.js"
import type { RejectedRequest } from "./rejection.js"

/** The decoded body of a call. */
export interface ChatRequest {
  /** A provider, or a strategy. */
  readonly model: string
  /** The fields of a task, as far as they are the body's. */
  readonly task: Readonly<Record<string, unknown>>
  readonly stream: boolean
  /** Whether a stream has to report its usage. */
  readonly includeUsage: boolean
  /** The field of the body that a field of the task came from. */
  readonly fieldOf: (field: string) => string
}

/** What names an answer. */
export interface Identity {
  readonly id: string
  /** In milliseconds of the Clock. */
  readonly createdAt: number
}

/** Writes a streamed answer as server-sent events. */
export interface Writer {
  /** Before the first content, and whenever another model goes on. */
  readonly model: (model: string) => string
  readonly event: (event: TextDelta | ReasoningDelta | ToolCallEvent) => string
  /** What came over the same wire, as it came: what is written after it goes on from there. */
  readonly native: (text: string) => string
  /** What says that the answer is whole. */
  readonly end: (result: AIResult.AIResult) => string
}

/** How a vendor's clients ask, and what they want to be told. */
export interface Dialect {
  readonly wire: Wire
  readonly question: (body: unknown) => Either.Either<ChatRequest, InvalidArgumentError | RejectedRequest>
  readonly answer: (identity: Identity, result: AIResult.AIResult) => unknown
  readonly writer: (identity: Identity, question: ChatRequest) => Writer
  readonly error: (problem: Problem, id: string) => unknown
  /** The last event of a stream that broke off. */
  readonly errorEvent: (problem: Problem, id: string) => string
  /** The header that names the request. */
  readonly idHeader: string
}
