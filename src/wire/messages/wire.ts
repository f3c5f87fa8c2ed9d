import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Block = Schema.Struct({
  type: Schema.String,
  text: maybe(Schema.String),
  id: maybe(Schema.String),
  name: maybe(Schema.String),
  input: Schema.optional(Schema.Unknown),
  thinking: maybe(Schema.String),
  signature: maybe(Schema.String),
  data: maybe(Schema.String),
  citations: maybe(Schema.Array(Schema.Unknown))
})

/** A part of the answer. */
export interface Block extends Schema.Schema.Type<typeof Block> {}

const StopDetails = Schema.Struct({ category: maybe(Schema.String), explanation: maybe(Schema.String) })

const Stop = Schema.Struct({
  stop_reason: maybe(Schema.String),
  stop_sequence: maybe(Schema.String),
  stop_details: Schema.optional(Schema.Unknown),
  container: Schema.optional(Schema.Unknown)
})

/** Why the model stopped. */
export interface Stop extends Schema.Schema.Type<typeof Stop> {}

const Message = Schema.Struct({
  ...Stop.fields,
  id: Schema.optional(Schema.Unknown),
  model: Schema.optional(Schema.Unknown),
  content: maybe(Schema.Array(Block)),
  // Read apart: a count that makes no sense must not cost the text beside it.
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
      Schema.Struct({ type: Schema.Literal("thinking_delta"), thinking: Schema.String }),
      Schema.Struct({ type: Schema.Literal("signature_delta"), signature: Schema.String }),
      Schema.Struct({ type: Schema.Literal("citations_delta"), citation: Schema.Unknown }),
      // What is yet to come.
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

/** More of a block. */
export type Delta = Extract<Event, { type: "content_block_delta" }>["delta"]

/** Decodes the JSON of an event whose type is known. */
export const decodeEvent: (json: unknown) => Option.Option<Event> = Schema.decodeUnknownOption(Event)

const decodeStopDetails = Schema.decodeUnknownOption(StopDetails)

/** Why the model stopped, in the provider's words; empty when it has none. */
export const explanationOf = (details: unknown): string =>
  Option.match(decodeStopDetails(details), {
    onNone: () => "",
    onSome: ({ category, explanation }) => [category ?? "", explanation ?? ""].filter(Boolean).join(": ")
  })
