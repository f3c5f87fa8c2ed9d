import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as TokenUsage from "../../TokenUsage.js"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Block = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  id: maybe(Schema.String),
  name: maybe(Schema.String),
  input: Schema.optional(Schema.Unknown)
})

/** A part of the answer. */
export interface Block extends Schema.Schema.Type<typeof Block> {}

const StopDetails = Schema.Struct({ category: maybe(Schema.String), explanation: maybe(Schema.String) })

const Stop = Schema.Struct({
  stop_reason: maybe(Schema.String),
  stop_sequence: maybe(Schema.String),
  stop_details: Schema.optional(Schema.Unknown)
})

/** Why the model stopped. */
export interface Stop extends Schema.Schema.Type<typeof Stop> {}

const Message = Schema.Struct({
  ...Stop.fields,
  model: Schema.optional(Schema.Unknown),
  content: maybe(Schema.Array(Block)),
  // Decoded apart: a count that makes no sense must not cost the text beside it.
  usage: Schema.optional(Schema.Unknown)
})

/** An answer: all of it, or its head. */
export interface Message extends Schema.Schema.Type<typeof Message> {}

// Some servers leave it out where there is but one block.
const index = maybe(Schema.Number)

const Event = Schema.Union(
  Schema.Struct({ type: Schema.Literal("message_start"), message: Message }),
  Schema.Struct({ type: Schema.Literal("content_block_start"), index, content_block: Block }),
  Schema.Struct({
    type: Schema.Literal("content_block_delta"),
    index,
    delta: Schema.Union(
      Schema.Struct({ type: Schema.Literal("text_delta"), text: Schema.String }),
      Schema.Struct({ type: Schema.Literal("input_json_delta"), partial_json: Schema.String }),
      // Thinking, signatures, citations, and what is yet to come.
      Schema.Struct({ type: Schema.Literal("other") })
    )
  }),
  Schema.Struct({ type: Schema.Literal("content_block_stop"), index }),
  Schema.Struct({
    type: Schema.Literal("message_delta"),
    delta: maybe(Stop),
    usage: Schema.optional(Schema.Unknown)
  }),
  Schema.Struct({ type: Schema.Literal("message_stop") }),
  Schema.Struct({ ...Message.fields, type: Schema.Literal("message"), content: Schema.Array(Block) })
)

/** An event of a stream. */
export type Event = typeof Event.Type

/** Decodes the JSON of an event whose type is known. */
export const decodeEvent: (json: unknown) => Option.Option<Event> = Schema.decodeUnknownOption(Event)

const decodeStopDetails = Schema.decodeUnknownOption(StopDetails)

/** Why the model stopped, in the provider's words; empty when it has none. */
export const explanationOf = (details: unknown): string =>
  Option.match(decodeStopDetails(details), {
    onNone: () => "",
    onSome: ({ category, explanation }) => [category ?? "", explanation ?? ""].filter(Boolean).join(": ")
  })

/** Counts by their name, as far as they have come. */
export type Counts = Readonly<Record<string, number>>

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

/** The counts of a usage, those of its parts included; what can't be believed is left out. */
const countsIn = (usage: unknown): Counts =>
  Predicate.isRecord(usage)
    ? Object.fromEntries(
        Object.entries({ ...usage, ...countsIn(usage["cache_creation"]) }).filter(
          (entry): entry is [string, number] => isCount(entry[1])
        )
      )
    : {}

/** Counts are cumulative: what is told later replaces what was told before. */
export const overwrite = (before: Counts, usage: unknown): Counts => ({ ...before, ...countsIn(usage) })

/** Whether the model wrote something, by its counts. */
export const wrote = ({ output_tokens: written = 0 }: Counts): boolean => written > 0

/** The usage of counts; none before both input and output are known. */
export const usageOf = (counts: Counts): Option.Option<TokenUsage.TokenUsage> => {
  const { input_tokens: plain, output_tokens: outputTokens } = counts
  if (plain === undefined || outputTokens === undefined) return Option.none()
  const cacheReadTokens = counts["cache_read_input_tokens"] ?? 0
  const written1h = counts["ephemeral_1h_input_tokens"] ?? 0
  const cacheWriteTokens =
    counts["cache_creation_input_tokens"] ?? (counts["ephemeral_5m_input_tokens"] ?? 0) + written1h
  return Option.some(
    TokenUsage.make({
      inputTokens: plain + cacheReadTokens + cacheWriteTokens,
      outputTokens,
      cacheReadTokens,
      cacheWriteTokens,
      // The total may be newer than its parts.
      cacheWrite1hTokens: Math.min(written1h, cacheWriteTokens)
    })
  )
}
