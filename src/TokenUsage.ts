/**
 * The tokens that an attempt used, as its provider counted them, or as estimated where it didn't.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { type Given, given } from "./internal/options.js"

const Count = Schema.NonNegativeInt

/**
 * Tokens of one attempt.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TokenUsage = Schema.Struct({
  /** All tokens read, cached ones included. */
  inputTokens: Count,
  /** All tokens written, reasoning included. */
  outputTokens: Count,
  /** Of the input: read from the provider's cache. */
  cacheReadTokens: Count,
  /** Of the input: written to the provider's cache. */
  cacheWriteTokens: Count,
  /** Of the tokens written to the cache: those kept for an hour, which cost more than those kept for minutes. */
  cacheWrite1hTokens: Count,
  /** Of the output: reasoning that isn't part of the text. */
  reasoningTokens: Count,
  /** Whether any of it was estimated instead of counted by the provider. */
  estimated: Schema.Boolean
})

/**
 * Tokens of one attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface TokenUsage extends Schema.Schema.Type<typeof TokenUsage> {}

/**
 * Nothing used, and surely so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: TokenUsage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite1hTokens: 0,
  reasoningTokens: 0,
  estimated: false
}

/**
 * Usage from the counts that are known; the others are 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (counts: Given<TokenUsage>): TokenUsage => ({ ...none, ...given(counts) })

/**
 * About how many tokens a text of so many UTF-16 units has: a quarter, rounded up. Good to some 20 % for
 * English prose; usage made from it is marked `estimated`.
 *
 * @since 0.1.0
 * @category estimates
 */
export const estimateTokens = (characters: number): number => Math.ceil(characters / 4)

/**
 * Whether any tokens were read or written.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isUsed = ({ inputTokens, outputTokens }: TokenUsage): boolean => inputTokens + outputTokens > 0

/**
 * The sum of two usages; estimated when one of them is.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (left: TokenUsage, right: TokenUsage): TokenUsage => ({
  inputTokens: left.inputTokens + right.inputTokens,
  outputTokens: left.outputTokens + right.outputTokens,
  cacheReadTokens: left.cacheReadTokens + right.cacheReadTokens,
  cacheWriteTokens: left.cacheWriteTokens + right.cacheWriteTokens,
  cacheWrite1hTokens: left.cacheWrite1hTokens + right.cacheWrite1hTokens,
  reasoningTokens: left.reasoningTokens + right.reasoningTokens,
  estimated: left.estimated || right.estimated
})
