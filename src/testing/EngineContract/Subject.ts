/**
 * An engine under contract: how it is made, and what its provider says over the wire.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as AITask from "../../AITask.js"
import type * as ReasoningEngine from "../../ReasoningEngine.js"
import type * as Behaviour from "../Behaviour.js"
import type * as WireServer from "../WireServer.js"

/**
 * Tokens as a provider counts them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Count {
  readonly inputTokens: number
  readonly outputTokens: number
}

/**
 * An answer that the provider gives, or the beginning of one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  /** The pieces that its text comes in. */
  readonly pieces: ReadonlyArray<string>
  readonly toolCalls: ReadonlyArray<AITask.ToolCall>
  /** What the provider counts as it goes; the last one is the truth. A wire that says it once says that one. */
  readonly counts: ReadonlyArray<Count>
  readonly finishReason: ReasoningEngine.FinishReason
  /** Whether the provider says that the answer is whole. If not, nothing comes after the pieces. */
  readonly whole: boolean
  /** What becomes of the connection: part of the reply as it is. */
  readonly ending: WireServer.Ending
}

/**
 * A way in which the provider fails, and the error that it has to become.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorRow {
  /** What the law about it is called: `429 with a retry-after`. */
  readonly name: string
  /** What isn't given isn't looked at, except that a RateLimitError has no other `retryAfterMs`. */
  readonly error: Behaviour.ErrorData
  /**
   * What the provider replies. Its own words are to contain `said`, where it has words: some of the laws
   * let it repeat there what no error may tell.
   */
  readonly reply: (request: WireServer.Request, said: string) => WireServer.Reply
}

/**
 * What a wire may lack: text that arrives while it is written (`streaming`), `tools`, counts of tokens
 * (`usage`), answers without a count (`uncounted`), answers that end at a limit of tokens (`length`), a sign
 * that the answer is whole (`terminal`).
 *
 * @since 0.1.0
 * @category models
 */
export type Feature = "streaming" | "tools" | "usage" | "uncounted" | "length" | "terminal"

/**
 * An engine under contract. `E` is what its constructor may fail with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<out E = never> {
  /** By which violations name it. */
  readonly name: string
  /** Makes the engine for a server at this address. */
  readonly engine: (
    baseUrl: string
  ) => Effect.Effect<ReasoningEngine.ReasoningEngine, E, HttpClient.HttpClient | Scope.Scope>
  /** Keys and tokens that the engine is made with: what it must never tell. Of 8 characters at least. */
  readonly secrets: ReadonlyArray<string>
  /** What the provider replies where it answers: to each request, if an attempt makes several. */
  readonly answer: (request: WireServer.Request, answer: Answer) => WireServer.Reply
  /** How the provider fails. */
  readonly errors: ReadonlyArray<ErrorRow>
  /** What its wire lacks; nothing when absent. Laws about it aren't part of the contract. */
  readonly lacks?: ReadonlyArray<Feature> | undefined
}
