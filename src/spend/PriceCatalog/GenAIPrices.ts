/**
 * The prices and context windows of `@pydantic/genai-prices`, an optional peer: a table of what some forty
 * vendors charge, which comes with the package. Nothing is asked of the network; a newer table is a newer
 * version of the package, or what its `updatePrices` was given. Importing this module takes some 50 ms.
 *
 * A model is known where its vendor serves it: the vendor is who the address belongs to. A server of one's
 * own, a proxy, or a compatible server under another address has no price here, whatever its model is
 * called.
 *
 * A price is that of the day on which the engine is made. It is unknown where it changes with the time of
 * day, and where more than tokens is charged: a fee for each request, another price for reasoning or images.
 *
 * @since 0.1.0
 */
import * as GenAI from "@pydantic/genai-prices"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Price from "../../Price.js"
import * as PriceCatalog from "../PriceCatalog.js"

/** What an answer may be charged beside its tokens: a list of token prices alone would be too low. */
const beside = [
  "requests_kcount",
  "output_reasoning_mtok",
  "output_citation_mtok",
  "input_image_mtok",
  "input_text_messages_kcount"
]

/** The vendor at an address; a host whose name only begins like the vendor's is another's. */
const vendorAt = (baseUrl: string): Option.Option<GenAI.Provider> =>
  Option.filter(Option.fromNullable(GenAI.findProvider({ providerApiUrl: baseUrl })), ({ api_pattern }) =>
    new RegExp(`^(?:${api_pattern})(?:(?<=[./])|(?![\\w.-]))`).test(baseUrl)
  )

/** Finding a model costs it nothing; it throws where its table contradicts itself. */
const calculate = Option.liftThrowable(GenAI.calcPrice)

/** Of prices with conditions the last that holds counts. */
const changesWithinTheDay = ({ prices }: GenAI.ModelInfo, now: Date): boolean =>
  Array.isArray(prices) &&
  prices.findLast(
    ({ constraint }) => constraint?.type !== "start_date" || new Date(constraint.start_date) <= now
  )?.constraint?.type === "time_of_date"

/** What a kind of token costs in a request with so many input tokens. */
const priceAt = (price: GenAI.ModelPrice[string], inputTokens: number): number | undefined =>
  typeof price === "object"
    ? (price.tiers
        .toSorted((left, right) => right.start - left.start)
        .find(({ start }) => inputTokens > start)?.price ?? price.base)
    : price

type Rates = Omit<Required<Price.Options>, "tiers">

/** What a vendor charges for a model that embeds, or for one that writes. */
interface Listed {
  readonly vendor: string
  readonly embeds: boolean
  readonly price: GenAI.ModelPrice
}

const ratesAt = ({ embeds, price, vendor }: Listed, inputTokens: number): Option.Option<Rates> => {
  const at = (key: string): number | undefined => priceAt(price[key], inputTokens)
  const input = at("input_mtok")
  const output = at("output_mtok") ?? (embeds ? 0 : undefined)
  if (input === undefined || output === undefined) return Option.none()
  const cacheWrite = at("cache_write_mtok") ?? input
  return Option.some({
    input,
    output,
    cacheRead: at("cache_read_mtok") ?? input,
    cacheWrite,
    cacheWrite1h: at("cache_write_1h_mtok") ?? (vendor === "anthropic" ? 2 * input : cacheWrite)
  })
}

const listOf = (listed: Listed): Option.Option<Price.Options> => {
  const { price } = listed
  if (beside.some((key) => price[key] !== undefined)) return Option.none()
  const thresholds = new Set(
    Object.values(price)
      .flatMap((each) => (typeof each === "object" ? each.tiers : []))
      .map(({ start }) => start)
  )
  const tiers = Array.from(thresholds, (above) =>
    Option.map(ratesAt(listed, above + 1), (rates) => ({ above, ...rates }))
  )
  return Option.zipWith(ratesAt(listed, 0), Option.all(tiers), (base, tiers) => ({ ...base, tiers }))
}

const entryAt = ({ baseUrl, embeds = false, model }: PriceCatalog.Query, now: Date): PriceCatalog.Entry =>
  vendorAt(baseUrl.toLowerCase()).pipe(
    Option.flatMap(({ id }) => calculate({}, model, { providerId: id, timestamp: now })),
    Option.flatMap(Option.fromNullable),
    Option.match({
      onNone: () => PriceCatalog.unknown,
      onSome: (found) => ({
        price: changesWithinTheDay(found.model, now)
          ? Option.none()
          : Option.flatMap(listOf({ vendor: found.provider.id, embeds, price: found.model_price }), (list) =>
              Option.getRight(Price.make(list))
            ),
        contextWindow: Option.fromNullable(found.model.context_window)
      })
    })
  )

/**
 * Knows the models of `@pydantic/genai-prices`, at their vendors. A price that it lacks for tokens which
 * Anthropic caches for an hour is twice the input's, as Anthropic says it of all its models
 * (https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching).
 *
 * @since 0.1.0
 * @category constructors
 */
export const catalog: PriceCatalog.Service = {
  find: (query) => Effect.map(Clock.currentTimeMillis, (now) => entryAt(query, new Date(now)))
}

/**
 * Knows the models of `@pydantic/genai-prices`, at their vendors.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as GenAIPrices from "arc-saga/PriceCatalog/GenAIPrices"
 * import { Claude } from "arc-saga/engines"
 * import { Layer } from "effect"
 *
 * export const claude = Claude.layerConfig(Claude.config).pipe(Layer.provide(GenAIPrices.layer))
 * ```
 */
export const layer: Layer.Layer<PriceCatalog.PriceCatalog> = Layer.succeed(PriceCatalog.PriceCatalog, catalog)
