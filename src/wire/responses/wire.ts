import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Part = Schema.Struct({
  type: maybe(Schema.String),
  text: maybe(Schema.String),
  refusal: maybe(Schema.String),
  annotations: maybe(Schema.Array(Schema.Unknown)),
  logprobs: maybe(Schema.Array(Schema.Unknown))
})

/** A part of a message, or of a thought. */
export interface Part extends Schema.Schema.Type<typeof Part> {}

const parts = maybe(Schema.Array(Part))

const Item = Schema.Union(
  Schema.Struct({ type: Schema.Literal("message"), content: parts }),
  Schema.Struct({
    type: Schema.Literal("reasoning"),
    summary: parts,
    content: parts,
    encrypted_content: maybe(Schema.String)
  }),
  Schema.Struct({
    type: Schema.Literal("function_call"),
    call_id: maybe(Schema.String),
    name: maybe(Schema.String),
    namespace: maybe(Schema.String),
    // Some servers send the arguments parsed.
    arguments: Schema.optional(Schema.Unknown)
  }),
  Schema.Struct({
    type: Schema.Literal("custom_tool_call"),
    call_id: maybe(Schema.String),
    name: maybe(Schema.String),
    namespace: maybe(Schema.String),
    input: maybe(Schema.String)
  })
)

/** An item of the answer that is looked at. */
export type Item = typeof Item.Type

/** The items that are looked at. The provider's own tools, and what is yet to come, aren't part of the answer. */
const items: ReadonlySet<unknown> = new Set(["message", "reasoning", "function_call", "custom_tool_call"])

const decodeItem = Schema.decodeUnknownOption(Item)

/** An item as it came. */
export interface Told {
  readonly raw: Readonly<Record<string, unknown>>
  readonly type: string
  /** What it is called; empty where it has no name. */
  readonly id: string
  /** What it says, where it is one that is looked at. */
  readonly item: Item | undefined
}

/** An item; none where it can't be read. */
export const itemOf = (value: unknown): Option.Option<Told> => {
  if (!Predicate.isRecord(value) || typeof value["type"] !== "string") return Option.none()
  const told = { raw: value, type: value["type"], id: typeof value["id"] === "string" ? value["id"] : "" }
  return items.has(told.type)
    ? Option.map(decodeItem(value), (item) => ({ ...told, item }))
    : Option.some({ ...told, item: undefined })
}

const Response = Schema.Struct({
  id: Schema.optional(Schema.Unknown),
  conversation: Schema.optional(Schema.Unknown),
  status: maybe(Schema.String),
  model: Schema.optional(Schema.Unknown),
  service_tier: Schema.optional(Schema.Unknown),
  output: maybe(Schema.Array(Schema.Unknown)),
  error: Schema.optional(Schema.Unknown),
  incomplete_details: maybe(Schema.Struct({ reason: maybe(Schema.String) })),
  // Read apart: a count that makes no sense must not cost the text beside it.
  usage: Schema.optional(Schema.Unknown)
})

/** The answer: its head, or all of it. */
export interface Response extends Schema.Schema.Type<typeof Response> {}

const at = {
  output_index: maybe(Schema.Number),
  content_index: maybe(Schema.Number),
  summary_index: maybe(Schema.Number),
  item_id: maybe(Schema.String)
}

const TextDelta = Schema.Struct({
  ...at,
  type: Schema.Literal("response.output_text.delta"),
  delta: Schema.String,
  logprobs: maybe(Schema.Array(Schema.Unknown))
})

const At = Schema.Struct(at)

/** Where something belongs: some senders number their items, others name them. */
export interface At extends Schema.Schema.Type<typeof At> {}

const Event = Schema.Union(
  TextDelta,
  Schema.Struct({
    ...at,
    type: Schema.Literal(
      "response.refusal.delta",
      "response.reasoning_summary_text.delta",
      "response.reasoning_text.delta",
      "response.function_call_arguments.delta",
      "response.custom_tool_call_input.delta"
    ),
    delta: Schema.String
  }),
  Schema.Struct({ ...at, type: Schema.Literal("response.output_text.done"), text: Schema.String }),
  Schema.Struct({ ...at, type: Schema.Literal("response.refusal.done"), refusal: Schema.String }),
  Schema.Struct({
    ...at,
    type: Schema.Literal("response.function_call_arguments.done"),
    arguments: Schema.Unknown,
    name: maybe(Schema.String)
  }),
  Schema.Struct({
    ...at,
    type: Schema.Literal("response.custom_tool_call_input.done"),
    input: Schema.String
  }),
  Schema.Struct({
    ...at,
    type: Schema.Literal("response.output_text.annotation.added"),
    annotation: Schema.Unknown
  }),
  Schema.Struct({
    ...at,
    type: Schema.Literal("response.content_part.added", "response.content_part.done"),
    part: Part
  }),
  Schema.Struct({
    ...at,
    type: Schema.Literal("response.output_item.added", "response.output_item.done"),
    item: Schema.Unknown
  }),
  Schema.Struct({
    type: Schema.Literal(
      "response.created",
      "response.in_progress",
      "response.queued",
      "response.completed",
      "response.incomplete",
      "response.failed",
      "response.cancelled",
      // A whole answer.
      "response"
    ),
    response: Schema.optionalWith(Response, { nullable: true, as: "Option" }),
    error: Schema.optional(Schema.Unknown)
  })
)

/** An event of a stream, or an answer in one piece. */
export type Event = typeof Event.Type

/** What the answer, or its head, is told with. */
export type ResponseEvent = Extract<Event, { readonly response: unknown }>

/** The events that are looked at. */
const known: ReadonlySet<string> = new Set(
  Event.members.flatMap(({ fields }): ReadonlyArray<string> => fields.type.literals)
)

/** Whether events of a type are looked at. */
export const isKnown = (type: string): boolean => known.has(type)

const decode = Schema.decodeUnknownOption(Event)

/** Whether JSON is the next piece of a text, which nearly every event is: a look is cheaper than decoding it. */
const isText = (json: unknown): json is typeof TextDelta.Type =>
  Predicate.isRecord(json) &&
  json["type"] === "response.output_text.delta" &&
  typeof json["delta"] === "string" &&
  typeof json["output_index"] === "number" &&
  typeof json["content_index"] === "number" &&
  typeof json["item_id"] === "string" &&
  Predicate.isNullable(json["summary_index"]) &&
  (Predicate.isNullable(json["logprobs"]) || Array.isArray(json["logprobs"]))

/** Decodes the JSON of an event whose type is known. */
export const decodeEvent = (json: unknown, type: string): Option.Option<Event> => {
  if (!Predicate.isRecord(json)) return Option.none()
  if (type === "response") return decode({ type, response: json })
  return isText(json) ? Option.some(json) : decode({ ...json, type })
}
