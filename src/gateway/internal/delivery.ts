import * as Schema from "effect/Schema"

/** How a stream is delivered: as it is written, or held until the answer is whole. */
export type Delivery = "streamed" | "buffered"

const words = {
  streamed: "streamed",
  buffered: "buffered",
  // What the two were called before.
  live: "streamed",
  assured: "buffered"
} as const

/** The delivery that a word means; undefined where it means none. */
export const of = (word: string): Delivery | undefined =>
  word === "streamed" || word === "buffered" || word === "live" || word === "assured"
    ? words[word]
    : undefined

/** A delivery, by either of its words. */
export const Delivery = Schema.transform(
  Schema.Literal("streamed", "buffered", "live", "assured"),
  Schema.Literal("streamed", "buffered"),
  { strict: true, decode: (word) => words[word], encode: (delivery) => delivery }
)

/** What says how a stream is delivered that doesn't say itself, the first that does. */
export interface Defaults {
  readonly gateway: Delivery
  /** By what `model` may be: a provider, or `saga/` and the name of a strategy. */
  readonly models: Readonly<Record<string, Delivery>>
}

/** How a stream is delivered: as its request says, or else its key, its model, its strategy, the gateway. */
export const choose = (
  defaults: Defaults,
  asked: {
    readonly said: Delivery | undefined
    readonly key: Delivery | undefined
    /** What `model` is, and the strategy by its name as a model. */
    readonly names: ReadonlyArray<string>
  }
): Delivery => {
  const name = asked.names.find((each) => Object.hasOwn(defaults.models, each))
  const named = name === undefined ? undefined : defaults.models[name]
  return asked.said ?? asked.key ?? named ?? defaults.gateway
}
