/**
 * What a simulation reports, as plain data.
 *
 * @since 0.1.0
 */
import type * as AIProvider from "../../AIProvider.js"

/**
 * How many of each, by name.
 *
 * @since 0.1.0
 * @category models
 */
export type Counts = Readonly<Record<string, number>>

/**
 * Milliseconds that half and 99 % of some calls took at most, and the longest.
 *
 * @since 0.1.0
 * @category models
 */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/**
 * The sums of the attempts at one provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Totals {
  readonly attempts: number
  /** How the attempts ended. */
  readonly outcomes: Counts
  /** The errors, by tag. */
  readonly errors: Counts
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input: read from the cache. */
  readonly cacheReadTokens: number
  /** Of the input: written to the cache. */
  readonly cacheWriteTokens: number
  /** Attempts whose usage was estimated. */
  readonly estimated: number
  /** What is known to have been spent, as an exact decimal. */
  readonly costUsd: string
  /** Attempts that used something whose price is unknown: their cost isn't in `costUsd`. */
  readonly unpriced: number
}

/**
 * One provider, seen from both sides.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProviderReport {
  readonly provider: AIProvider.AIProvider
  /** What the router says of its attempts. */
  readonly accounts: Totals
  /** What the provider says of the same attempts. */
  readonly record: Totals
  /** Attempts that began while it was down. */
  readonly duringOutages: number
  /**
   * For each outage, milliseconds from its end until the first attempt began that it answered; null where
   * there was none.
   */
  readonly recoveredAfterMs: ReadonlyArray<number | null>
  /** Attempts that were never closed at the provider. */
  readonly open: number
}

/**
 * What became of the tasks of a simulation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly seed: number
  /** When the last task was done, in virtual milliseconds. */
  readonly endedAtMs: number
  readonly tasks: number
  readonly answered: number
  /** Tasks that ended after their timeout; of a stream, those whose first content, or failure without any, did. */
  readonly late: number
  /** The longest that a stream paused between two pieces, in milliseconds. */
  readonly longestPauseMs: number
  /** Why the others failed, by the tag of the error that the caller got. */
  readonly errors: Counts
  /** Of the answered: how long the whole answer took; null when there is none. */
  readonly latencyMs: Latency | null
  /** Of the answered: how long the first content took; null when there is none. */
  readonly firstTokenMs: Latency | null
  /** Answered after a retry at the provider that was asked first. */
  readonly retried: number
  /** Answered by another provider than the one that was asked first. */
  readonly fellOver: number
  /** Answered by another provider than the session's call before. */
  readonly switched: number
  /** Answered although the answer was cut, by going on with it. */
  readonly resumed: number
  /** Attempts at a provider that the same task had asked before. */
  readonly retries: number
  /** Attempts that began while another one of the same task was under way. */
  readonly hedges: number
  /** What all attempts together cost, as an exact decimal; without those of unknown price. */
  readonly spendUsd: string
  /** Attempts that used something whose price is unknown. */
  readonly unpriced: number
  readonly providers: ReadonlyArray<ProviderReport>
}

const compared = [
  "attempts",
  "inputTokens",
  "outputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "costUsd",
  "unpriced"
] as const

/**
 * Where the router's accounts and the providers' records disagree, in words; empty when every attempt, every
 * token and every picodollar is accounted for and every attempt was closed.
 *
 * @since 0.1.0
 * @category getters
 */
export const discrepancies = (report: Report): ReadonlyArray<string> =>
  report.providers.flatMap(({ accounts, record, open, provider }) => [
    ...compared
      .filter((field) => accounts[field] !== record[field])
      .map(
        (field) => `${provider}: ${field} ${accounts[field]} in the accounts, ${record[field]} in the record`
      ),
    ...(open === 0 ? [] : [`${provider}: ${open} attempts still open`])
  ])
