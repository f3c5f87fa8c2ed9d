import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

// Everything is absent or null somewhere: servers agree on the names, not on what has to be there.
const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const FunctionDelta = Schema.Struct({
  name: maybe(Schema.String),
  // Some servers send the arguments parsed.
  arguments: maybe(Schema.Union(Schema.String, Schema.Record({ key: Schema.String, value: Schema.Unknown })))
})

const ToolCallDelta = Schema.Struct({
  index: maybe(Schema.Number),
  id: maybe(Schema.String),
  function: maybe(FunctionDelta)
})

/** A piece of a tool call, or all of it. */
export interface ToolCallDelta extends Schema.Schema.Type<typeof ToolCallDelta> {}

const Delta = Schema.Struct({
  // Some reasoning models send parts, of which the answer is the text.
  content: maybe(
    Schema.Union(
      Schema.String,
      Schema.Array(Schema.Struct({ type: maybe(Schema.String), text: maybe(Schema.String) }))
    )
  ),
  refusal: maybe(Schema.String),
  // What a reasoning model thinks, by two names; it isn't part of the answer.
  reasoning_content: Schema.optional(Schema.Unknown),
  reasoning: Schema.optional(Schema.Unknown),
  tool_calls: maybe(Schema.Array(ToolCallDelta)),
  // The one tool call of before there were several.
  function_call: maybe(FunctionDelta)
})

/** A piece of the answer, or all of it. */
export interface Delta extends Schema.Schema.Type<typeof Delta> {}

const Chunk = Schema.Struct({
  model: maybe(Schema.String),
  choices: maybe(
    Schema.Array(
      Schema.Struct({
        index: maybe(Schema.Number),
        delta: maybe(Delta),
        // What an answer in one piece has instead of deltas.
        message: maybe(Delta),
        finish_reason: maybe(Schema.String),
        usage: Schema.optional(Schema.Unknown)
      })
    )
  ),
  // Read apart: a count that makes no sense must not cost the text beside it.
  usage: Schema.optional(Schema.Unknown),
  x_groq: Schema.optional(Schema.Unknown)
})

/** One event of a stream, or an answer in one piece. */
export interface Chunk extends Schema.Schema.Type<typeof Chunk> {}

const decode = Schema.decodeUnknownOption(Chunk)

const isTextDelta = (delta: unknown): boolean =>
  Predicate.isRecord(delta) &&
  typeof delta["content"] === "string" &&
  Predicate.isNullable(delta["refusal"]) &&
  Predicate.isNullable(delta["tool_calls"]) &&
  Predicate.isNullable(delta["function_call"])

/**
 * Whether JSON is a chunk with the next text of the first choice, and nothing else that would have to be
 * looked at: nearly every event of a stream is, and the look costs a tenth of decoding it.
 */
const isText = (json: unknown): json is Chunk => {
  if (!Predicate.isRecord(json) || typeof json["model"] !== "string") return false
  const { choices } = json
  if (!Array.isArray(choices) || choices.length !== 1) return false
  const [choice]: ReadonlyArray<unknown> = choices
  return (
    Predicate.isRecord(choice) &&
    choice["index"] === 0 &&
    Predicate.isNullable(choice["message"]) &&
    Predicate.isNullable(choice["finish_reason"]) &&
    isTextDelta(choice["delta"])
  )
}

/** Decodes an event's JSON. */
export const decodeChunk = (json: unknown): Option.Option<Chunk> =>
  isText(json) ? Option.some(json) : decode(json)
