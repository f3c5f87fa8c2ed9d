import * as Option from "effect/Option"
import type { AIProvider } from "../../AIProvider.js"
import * as Price from "../../Price.js"
import * as ProviderMetrics from "../../ProviderMetrics.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import type { Entry } from "../SessionStore.js"

/**
 * What a session says of its next call, and of what providers have cached of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outlook {
  /** The instant of the call, in milliseconds of the Clock. */
  readonly now: number
  /** The length of the call's task, in UTF-16 units. */
  readonly characters: number
  /** The tokens that the call is expected to read, by how many the session's last call read for its length. */
  readonly inputTokens: number
  /** The tokens that each call is expected to add: the session's mean. */
  readonly addedTokens: number
  /** The tokens that the call is expected to write: the session's mean. */
  readonly outputTokens: number
  /** The calls of the session so far. Half as many more are expected. */
  readonly calls: number
  /** For how long the call has its beginning cached, where it marks one. */
  readonly mark: "5m" | "1h" | undefined
  readonly entries: ReadonlyArray<Entry>
  /** For how many milliseconds a provider keeps what it caches, where that isn't five minutes. */
  readonly lifetimes: Readonly<Record<string, number>>
}

/** What vendors document for what is cached without marks, and for marks that don't say otherwise. */
export const shortMs = 300_000

export const hourMs = 3_600_000

/** No vendor caches less; some more, by model. */
export const leastTokens = 1024

/** What is cached without marks is a multiple of this. */
const step = 128

/**
 * The share of the calls so far that are still to come. Nothing tells how long a session goes on but how long it
 * has; a half is what cost least in simulations of several prices, where sessions have thirty calls.
 */
const expectedMore = 0.5

/** Whether the provider caches what a task marks, and nothing else: its price says so, because that is charged. */
const wantsMarks = (price: Price.Price): boolean => price.cacheWrite.pico > price.input.pico

/** The tokens of a session that a call has left in the cache. */
const leftBy = (entry: Entry, price: Price.Price): number => {
  const reported = entry.readTokens + entry.writtenTokens
  if (entry.writtenTokens > 0 || wantsMarks(price)) return reported
  if (!entry.counted || entry.missed || entry.inputTokens < leastTokens) return 0
  return Math.max(reported, Math.floor(entry.inputTokens / step) * step)
}

/** Whether something is read again at a lower price. */
const isCheaper = (price: Price.Price): boolean => price.cacheRead.pico < price.input.pico

/** Whether what a provider reads of the session is cached there for the calls to come. */
const caches = (outlook: Outlook, entry: Entry | undefined, price: Price.Price): boolean => {
  if (!isCheaper(price) || outlook.inputTokens < leastTokens) return false
  return entry === undefined ? outlook.mark !== undefined || !wantsMarks(price) : leftBy(entry, price) > 0
}

const entryOf = ({ entries }: Outlook, provider: AIProvider): Entry | undefined =>
  entries.find((entry) => entry.provider === provider)

/**
 * The tokens of the call that a provider is expected to read from its cache. A conversation that has become
 * shorter, or that isn't marked any more, isn't the one that was cached.
 *
 * @since 0.1.0
 * @category getters
 */
export const cachedTokens = (outlook: Outlook, provider: AIProvider, price: Price.Price): number => {
  const entry = entryOf(outlook, provider)
  if (entry === undefined || outlook.characters < entry.characters) return 0
  if (!isCheaper(price) || (wantsMarks(price) && entry.marked && outlook.mark === undefined)) return 0
  const age = outlook.now - entry.startedAt
  const left = leftBy(entry, price)
  const shortAge = outlook.lifetimes[provider] ?? shortMs
  const kept = age < shortAge ? left : age < hourMs ? Math.min(left, entry.hourTokens) : 0
  return Math.min(kept, outlook.inputTokens)
}

/**
 * What a call of the session is expected to cost at a provider, in USD: the mean of this one, which reads what is
 * cached and writes the rest, and of half as many more as there were, which find cached what was there before. So
 * a switch counts what it saves later beside what it costs now. Never less than with everything cached.
 *
 * @since 0.1.0
 * @category costs
 */
export const expectedCost = (
  outlook: Outlook,
  provider: AIProvider,
  price: Price.Price,
  outputTokens = outlook.outputTokens
): number => {
  const { addedTokens, calls, inputTokens, mark } = outlook
  const cached = cachedTokens(outlook, provider, price)
  const continues = caches(outlook, entryOf(outlook, provider), price)
  const costOf = (read: number, fresh: number): number => {
    const written = continues ? fresh : 0
    const usage = TokenUsage.make({
      inputTokens: read + fresh,
      cacheReadTokens: read,
      cacheWriteTokens: written,
      cacheWrite1hTokens: mark === "1h" ? written : 0,
      outputTokens: Math.round(outputTokens)
    })
    return Usd.toNumber(Price.cost(price, usage))
  }
  const now = costOf(cached, inputTokens - cached)
  const later = continues ? costOf(inputTokens, addedTokens) : costOf(0, inputTokens + addedTokens)
  const more = expectedMore * calls
  return (now + more * later) / (1 + more)
}

/** Whether one of the providers has something of the session in its cache. */
export const isWarm = (
  outlook: Outlook,
  candidates: ReadonlyArray<ProviderMetrics.ProviderMetrics>
): boolean =>
  candidates.some((metrics) =>
    Option.exists(
      ProviderMetrics.priceOf(metrics),
      (price) => cachedTokens(outlook, metrics.provider, price) > 0
    )
  )

/**
 * What is known of a provider, with the cost per token that is expected of the call. A cost that was given beside
 * a price changes as the price's does.
 */
export const expected = (
  outlook: Outlook,
  metrics: ProviderMetrics.ProviderMetrics
): ProviderMetrics.ProviderMetrics => {
  const { costPerToken } = metrics
  const price = Option.getOrUndefined(ProviderMetrics.priceOf(metrics))
  if (price === undefined || costPerToken === undefined) return metrics
  const listed = Price.blendedPerToken(price)
  if (listed === 0) return metrics
  const perToken =
    expectedCost(outlook, metrics.provider, price) / (outlook.inputTokens + outlook.outputTokens)
  return { ...metrics, costPerToken: (costPerToken / listed) * perToken }
}
