/**
 * What models cost and hold, for engines that aren't told.
 *
 * The service is optional: an engine that finds none in its context knows what its options say. It is
 * asked once, when an engine is made; a task costs no look-up. What no catalogue knows stays unknown: a
 * price that isn't known isn't 0.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Function from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type * as InvalidArgument from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import * as Price from "../Price.js"
import { embedsOnly, type ReasoningEngine } from "../ReasoningEngine.js"

/**
 * Which model is asked, and where: what it costs is for its server to say, not for its name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Query {
  readonly model: string
  /** The address of the API, as an engine takes it. */
  readonly baseUrl: string
  /** Whether it embeds, and so writes nothing that could have a price; false when absent. */
  readonly embeds?: boolean | undefined
}

/**
 * What is known of a model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry {
  /** What it charges; none when unknown, which isn't 0. */
  readonly price: Option.Option<Price.Price>
  /** Tokens that it can hold, prompt and answer together; none when unknown. */
  readonly contextWindow: Option.Option<number>
}

/**
 * Nothing is known.
 *
 * @since 0.1.0
 * @category models
 */
export const unknown: Entry = { price: Option.none(), contextWindow: Option.none() }

/**
 * Knows models.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What is known of a model now; {@link unknown} when nothing is. */
  readonly find: (query: Query) => Effect.Effect<Entry>
}

/**
 * Knows models.
 *
 * @since 0.1.0
 * @category tags
 */
export class PriceCatalog extends Context.Tag("arc-saga/PriceCatalog")<PriceCatalog, Service>() {}

/**
 * What one knows of a model oneself.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  /** The model, by the name that it is asked by. */
  model: Schema.NonEmptyString,
  /** The address of the API that it holds for; any when absent. */
  baseUrl: Schema.optional(Schema.NonEmptyString),
  /** USD per million tokens; unknown when absent. */
  price: Schema.optional(Price.Options),
  /** Tokens that the model can hold; unknown when absent. */
  contextWindow: Schema.optional(numbers.tokens)
})

/**
 * What one knows of a model oneself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

const decode = validation.decoder("PriceCatalog", Schema.Struct({ entries: Schema.Array(Options) }))

const withoutSlash = (baseUrl: string): string => baseUrl.replace(/(?<!\/)\/+$/, "")

/**
 * A catalogue of one's own; of several entries that fit a model, the first counts. Fails with an
 * InvalidArgumentError that names the entry and the field.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  entries: ReadonlyArray<Options>
): Either.Either<Service, InvalidArgument.InvalidArgumentError> =>
  Either.gen(function* () {
    yield* decode({ entries })
    const known: Array<{ readonly options: Options; readonly entry: Entry }> = []
    for (const options of entries) {
      const price =
        options.price === undefined ? Option.none() : Option.some(yield* Price.make(options.price))
      known.push({ options, entry: { price, contextWindow: Option.fromNullable(options.contextWindow) } })
    }
    const fits = (options: Options, { baseUrl, model }: Query): boolean =>
      options.model === model &&
      (options.baseUrl === undefined || withoutSlash(options.baseUrl) === withoutSlash(baseUrl))
    return {
      find: (query) => Effect.succeed(known.find(({ options }) => fits(options, query))?.entry ?? unknown)
    }
  })

/**
 * Asks a second catalogue for what the first doesn't know of a model.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orElse: {
  (that: Service): (self: Service) => Service
  (self: Service, that: Service): Service
} = Function.dual(2, (self: Service, that: Service): Service => ({
  find: (query) =>
    Effect.zipWith(self.find(query), that.find(query), (first, second) => ({
      price: Option.orElse(first.price, () => second.price),
      contextWindow: Option.orElse(first.contextWindow, () => second.contextWindow)
    }))
}))

/**
 * A catalogue of one's own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  entries: ReadonlyArray<Options>
): Layer.Layer<PriceCatalog, InvalidArgument.InvalidArgumentError> =>
  Layer.effect(PriceCatalog, make(entries))

/**
 * A catalogue in which single models are one's own: what the entries don't say, the catalogue below says.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { PriceCatalog } from "arc-saga"
 * import * as GenAIPrices from "arc-saga/PriceCatalog/GenAIPrices"
 * import { Layer } from "effect"
 *
 * // A discount on one model, the list prices of all others.
 * export const prices = PriceCatalog.layerOverride([
 *   { model: "claude-haiku-4-5", price: { input: 0.8, output: 4, cacheRead: 0.08, cacheWrite: 1 } }
 * ]).pipe(Layer.provide(GenAIPrices.layer))
 * ```
 */
export const layerOverride = (
  entries: ReadonlyArray<Options>
): Layer.Layer<PriceCatalog, InvalidArgument.InvalidArgumentError, PriceCatalog> =>
  Layer.effect(
    PriceCatalog,
    Effect.flatMap(PriceCatalog, (below) => Either.map(make(entries), orElse(below)))
  )

/**
 * An engine with the price and the context window that it wasn't told, from the catalogue where there is
 * one. For constructors of engines: what is found is kept for as long as the engine lives.
 *
 * @since 0.1.0
 * @category engines
 */
export const resolve = (engine: ReasoningEngine, baseUrl: string): Effect.Effect<ReasoningEngine> =>
  Option.isSome(engine.price) && Option.isSome(engine.capabilities.contextWindow)
    ? Effect.succeed(engine)
    : Effect.flatMap(
        Effect.serviceOption(PriceCatalog),
        Option.match({
          onNone: () => Effect.succeed(engine),
          onSome: (catalog) =>
            Effect.map(
              catalog.find({ model: engine.model, baseUrl, embeds: embedsOnly(engine) }),
              (entry) => ({
                ...engine,
                price: Option.orElse(engine.price, () => entry.price),
                capabilities: {
                  ...engine.capabilities,
                  contextWindow: Option.orElse(engine.capabilities.contextWindow, () => entry.contextWindow)
                }
              })
            )
        })
      )
