import * as Option from "effect/Option"
import * as AIResult from "../../AIResult.js"
import { given } from "../../internal/options.js"
import * as Usd from "../../Usd.js"
import type { Wire } from "../../Wire.js"
import * as sources from "../../wire/sources.js"
import type { ChatRequest, Summary, Told } from "./dialect.js"

/** The providers that were asked, where there were several. */
const several = (attempts: ReadonlyArray<AIResult.Attempt>): Pick<Summary, "asked"> => {
  const asked = Array.from(new Set(attempts.map(({ provider }) => provider)))
  return asked.length < 2 ? {} : { asked }
}

/** How an answer came about: what the headers of one that isn't streamed say. */
export const summary = (result: AIResult.AIResult): Summary => ({
  provider: result.provider,
  attempts: result.attempts.length,
  ...several(result.attempts),
  cost: Option.getOrNull(Option.map(result.cost, Usd.toDecimal)),
  ...given({ cache: result.cache }),
  ...Option.match(AIResult.saved(result), {
    onNone: () => ({}),
    onSome: (saved) => ({ saved: Usd.toDecimal(saved) })
  }),
  ...Option.match(AIResult.cacheSaved(result), {
    onNone: () => ({}),
    onSome: (saved) => ({ cacheSaved: Usd.toDecimal(saved) })
  })
})

/**
 * An answer as it is written for a wire. What it cites that isn't a page is left out; and all of it where the text is
 * told and closed before: Messages and Responses have citations within it.
 */
export const told = (
  result: AIResult.AIResult,
  wire: Wire,
  isStreamed: boolean
): Told & { readonly summary: Summary } => {
  const { citations = [], text, toolCalls } = result
  const isClosed = isStreamed && wire !== "chatCompletions" && toolCalls.length > 0
  const pages = isClosed ? [] : sources.of(citations, text)
  const dropped = pages.length < citations.length ? { dropped: ["citations"] } : {}
  return { ...result, sources: pages, summary: { ...summary(result), ...dropped } }
}

/** A name as a header can hold it. */
const headerText = (name: string): string => encodeURI(name).replaceAll("%5B", "[").replaceAll("%5D", "]")

/** The header that names what of a call was left out; none where nothing was. */
export const droppedHeader = (
  dropped: ReadonlyArray<string> = [],
  { fieldOf }: Pick<ChatRequest, "fieldOf">
): Readonly<Record<string, string>> =>
  dropped.length === 0
    ? {}
    : { "x-saga-dropped": Array.from(new Set(dropped.map(fieldOf)), headerText).join(", ") }

/** The header that names by what the provider was chosen; none where the call names its provider. */
export const strategyHeader = (strategy: string | undefined): Readonly<Record<string, string>> =>
  strategy === undefined ? {} : { "x-saga-strategy": headerText(strategy) }

/** The header that tells whether an answer came of the cache; none where that wasn't used. */
export const cacheHeader = (cache: AIResult.CacheUse | undefined): Readonly<Record<string, string>> =>
  cache === undefined ? {} : { "x-saga-cache": cache }

/** The same as headers; what isn't known has none. */
export const headersOf = (
  { asked, attempts, cache, cacheSaved, cost, dropped = [], provider, saved }: Summary,
  question: Pick<ChatRequest, "fieldOf">,
  unasked: ReadonlyArray<string> = []
): Readonly<Record<string, string>> => ({
  ...droppedHeader([...unasked, ...dropped], question),
  "x-saga-provider": provider,
  "x-saga-attempts": String(attempts),
  ...(asked === undefined ? {} : { "x-saga-asked": asked.map(headerText).join(", ") }),
  ...(cost === null ? {} : { "x-saga-cost": cost }),
  ...cacheHeader(cache),
  ...(saved === undefined ? {} : { "x-saga-saved": saved }),
  ...(cacheSaved === undefined ? {} : { "x-saga-cache-saved": cacheSaved })
})
