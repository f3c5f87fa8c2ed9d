import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

// Everything is absent or null somewhere: servers agree on the names, not on what has to be there.
const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const FunctionDelta = Schema.Struct({
  name: maybe(Schema.String),
  // Some servers send the arguments parsed.
  arguments: Schema.optional(Schema.Unknown)
})

const ToolCallDelta = Schema.Struct({
  // Numbers, or texts of them.
  index: Schema.optional(Schema.Unknown),
  id: Schema.optional(Schema.Unknown),
  function: maybe(FunctionDelta)
})

/** A piece of a tool call, or all of it. */
export interface ToolCallDelta extends Schema.Schema.Type<typeof ToolCallDelta> {}

/** What a reasoning model thinks, by the names that servers have for it; it isn't part of the answer. */
const reasoning = {
  reasoning_content: Schema.optional(Schema.Unknown),
  reasoning: Schema.optional(Schema.Unknown),
  reasoning_text: Schema.optional(Schema.Unknown),
  reasoning_details: Schema.optional(Schema.Unknown),
  thinking: Schema.optional(Schema.Unknown),
  thinking_blocks: Schema.optional(Schema.Unknown)
}

const Part = Schema.Struct({
  type: maybe(Schema.String),
  text: maybe(Schema.String),
  thinking: Schema.optional(Schema.Unknown)
})

const Delta = Schema.Struct({
  // Some reasoning models send parts, of which the answer is the text.
  content: maybe(Schema.Union(Schema.String, Schema.Array(Schema.Union(Schema.String, Part)))),
  refusal: maybe(Schema.String),
  ...reasoning,
  annotations: Schema.optional(Schema.Unknown),
  tool_calls: maybe(Schema.Array(ToolCallDelta)),
  // The one tool call of before there were several.
  function_call: maybe(FunctionDelta)
})

/** A piece of the answer, or all of it. */
export interface Delta extends Schema.Schema.Type<typeof Delta> {}

const texts: ReadonlySet<unknown> = new Set(["text", "output_text", undefined, null])

/** The text in a piece of the answer. */
export const textOf = ({ content }: Delta): string =>
  typeof content === "string"
    ? content
    : (content ?? [])
        .map((part) => (typeof part === "string" ? part : texts.has(part.type) ? (part.text ?? "") : ""))
        .join("")

/** The fields that have what the model thinks as text; OpenRouter says the same in two of them. */
const reasoningTexts = ["reasoning_content", "reasoning", "reasoning_text", "thinking"] as const

/** What the model thinks in a piece of the answer, in words. */
export const reasoningOf = (delta: Delta): string => {
  for (const field of reasoningTexts) {
    const said = delta[field]
    if (typeof said === "string" && said !== "") return said
  }
  return typeof delta.content === "string"
    ? ""
    : (delta.content ?? []).map((part) => (typeof part === "string" ? "" : thoughtOf(part))).join("")
}

/** The thought in a part: `thinking` has parts of its own, at Mistral. */
const thoughtOf = ({ thinking, type }: typeof Part.Type): string => {
  if (texts.has(type)) return ""
  if (typeof thinking === "string") return thinking
  return Array.isArray(thinking)
    ? thinking
        .map((part: unknown) =>
          Predicate.isRecord(part) && typeof part["text"] === "string" ? part["text"] : ""
        )
        .join("")
    : ""
}

/** By which field a server has its thoughts back: by the one that it says them in. */
export const reasoningState = (
  delta: Delta
): { readonly field: string; readonly value: string | ReadonlyArray<unknown> } | undefined => {
  const { reasoning_details: details } = delta
  if (Array.isArray(details) && details.length > 0) return { field: "reasoning_details", value: details }
  for (const field of reasoningTexts) {
    const said = delta[field]
    if (typeof said === "string" && said !== "") return { field, value: said }
  }
  return undefined
}

const says = (value: unknown): boolean =>
  typeof value === "string" || Array.isArray(value) ? value.length > 0 : Predicate.isRecord(value)

const reasoningFields = Object.keys(reasoning) as ReadonlyArray<keyof typeof reasoning>

/** Whether the model thinks in a piece of the answer. */
export const reasons = (delta: Delta): boolean =>
  reasoningFields.some((field) => says(delta[field])) ||
  (typeof delta.content !== "string" &&
    (delta.content ?? []).some((part) => typeof part !== "string" && !texts.has(part.type)))

/** Whether a piece of the answer says anything. */
export const isEmpty = (delta: Delta): boolean =>
  !says(delta.content) &&
  !says(delta.refusal) &&
  !says(delta.tool_calls) &&
  !says(delta.function_call) &&
  !reasons(delta)

/** Whether a piece beside a message says all of the answer, and not what is new of it. */
export const repeats = (delta: Delta, message: Delta, before: string): boolean => {
  const text = textOf(delta)
  return before !== "" && text.startsWith(before) && text === textOf(message)
}

const Choice = Schema.Struct({
  index: Schema.optional(Schema.Unknown),
  delta: maybe(Delta),
  // What an answer in one piece has instead of deltas, and some streams at their end.
  message: maybe(Delta),
  // What legacy completions have instead of both.
  text: maybe(Schema.String),
  finish_reason: Schema.optional(Schema.Unknown),
  // Why the provider stopped that a broker asked, in its own words.
  native_finish_reason: Schema.optional(Schema.Unknown),
  // The sequence that the model stopped at: vLLM's name for it, and SGLang's. Else a token's number.
  stop_reason: Schema.optional(Schema.Unknown),
  matched_stop: Schema.optional(Schema.Unknown),
  error: Schema.optional(Schema.Unknown),
  usage: Schema.optional(Schema.Unknown),
  logprobs: Schema.optional(Schema.Unknown)
})

/** One of the answers to a question, or a piece of it. */
export interface Choice extends Schema.Schema.Type<typeof Choice> {}

/** The piece of the answer in a choice, also where that is a bare text. */
export const deltaOf = ({ delta, message, text }: Choice): Delta | null | undefined =>
  text && [delta, message].every((piece) => !piece || isEmpty(piece)) ? { ...delta, content: text } : delta

const Chunk = Schema.Struct({
  model: Schema.optional(Schema.Unknown),
  choices: maybe(Schema.Array(Choice)),
  // Read apart: a count that makes no sense must not cost the text beside it.
  usage: Schema.optional(Schema.Unknown),
  usageMetadata: Schema.optional(Schema.Unknown),
  usage_metadata: Schema.optional(Schema.Unknown),
  x_groq: Schema.optional(Schema.Unknown),
  service_tier: Schema.optional(Schema.Unknown)
})

/** One event of a stream, or an answer in one piece. */
export interface Chunk extends Schema.Schema.Type<typeof Chunk> {}

const decode = Schema.decodeUnknownOption(Chunk)

/** What has to be looked at where it comes with text. */
const notWithText = Object.keys(Choice.fields).filter((field) => field !== "index" && field !== "delta")

const isTextDelta = (delta: unknown): boolean =>
  Predicate.isRecord(delta) &&
  typeof delta["content"] === "string" &&
  Predicate.isNullable(delta["refusal"]) &&
  Predicate.isNullable(delta["tool_calls"]) &&
  Predicate.isNullable(delta["function_call"]) &&
  Predicate.isNullable(delta["annotations"]) &&
  reasoningFields.every((field) => Predicate.isNullable(delta[field]))

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
    notWithText.every((field) => Predicate.isNullable(choice[field])) &&
    isTextDelta(choice["delta"])
  )
}

/** Decodes an event's JSON. */
export const decodeChunk = (json: unknown): Option.Option<Chunk> =>
  isText(json) ? Option.some(json) : decode(json)
