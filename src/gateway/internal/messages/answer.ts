import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as decoding from "../../../wire/decoding.js"
import { input } from "../../../wire/messages/request.js"
import { errorText, type Identity, type Told, type Writer } from "../dialect.js"
import type { Problem } from "../problem.js"

type Json = Readonly<Record<string, unknown>>

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  // The one that doesn't say that the answer is whole.
  other: "pause_turn"
} as const

/** What the API itself says, of the provider's own words. */
const own: ReadonlyMap<string | undefined, Told["finishReason"]> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "other"]
])

/** Why the model stopped. */
const stopped = ({ finishReason, rawFinishReason, refusal, stopSequence }: Told): Json =>
  refusal === undefined
    ? {
        stop_reason:
          stopSequence !== undefined && finishReason === "stop"
            ? "stop_sequence"
            : rawFinishReason !== undefined && own.get(rawFinishReason) === finishReason
              ? rawFinishReason
              : stopReasons[finishReason],
        stop_sequence: stopSequence ?? null
      }
    : {
        stop_reason: "refusal",
        stop_sequence: null,
        stop_details: { type: "refusal", category: null, explanation: refusal }
      }

const usage = ({ usage }: Told): Json => ({
  input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens),
  output_tokens: usage.outputTokens,
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cacheReadTokens
})

const message = ({ id }: Identity, model: string): Json => ({
  id: `msg_${id}`,
  type: "message",
  role: "assistant",
  model
})

const toolUse = (call: AITask.ToolCall, given: unknown): Json => ({
  type: "tool_use",
  id: call.id,
  name: call.name,
  input: given
})

/** A thought; one of another wire has no signature that could be checked. */
const thinking = ({ state, text }: AITask.ReasoningPart): Json =>
  state?.wire === "messages" ? state.value : { type: "thinking", thinking: text, signature: "" }

/** The pages that it names. Their index is the gateway's: sent back, it is left out, since no provider knows it. */
const citations = ({ sources = [] }: Told): ReadonlyArray<Json> =>
  sources.map(({ quote, title, url }) => ({
    type: "web_search_result_location",
    url,
    title,
    cited_text: quote,
    encrypted_index: ""
  }))

const text = (result: Told): Json => {
  const cited = citations(result)
  return { type: "text", text: result.text, ...(cited.length === 0 ? {} : { citations: cited }) }
}

/** The whole answer. */
export const answer = (identity: Identity, result: Told): Json => ({
  ...message(identity, result.model),
  content: [
    ...(result.reasoning ?? []).map(thinking),
    ...(result.text === "" ? [] : [text(result)]),
    ...result.toolCalls.map((call) => toolUse(call, input(call.arguments)))
  ],
  ...stopped(result),
  usage: usage(result)
})

/** One event: its name, and the same name in its data. */
const named = (type: string, fields: Json): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

/** A piece of text up to the text: written once for a block. */
const textDeltaOf = (index: number): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":`

const notYet = { stop_reason: null, stop_sequence: null }

const nothingYet = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0
}

/** A streamed answer: blocks one after the other, each opened, filled and closed. */
export const writer = (identity: Identity): Writer => {
  let began = false
  let index = -1
  /** What is being written; of a text, what every delta begins with is kept. */
  let block: "text" | "thinking" | undefined = undefined
  let textHead = ""
  const close = (): string => {
    if (block === undefined) return ""
    block = undefined
    return named("content_block_stop", { index })
  }
  const open = (block: Json): string => {
    index++
    return named("content_block_start", { index, content_block: block })
  }
  const begin = (type: "text" | "thinking", content: Json): string => {
    if (block === type) return ""
    const begun = close() + open(content)
    block = type
    textHead = textDeltaOf(index)
    return begun
  }
  /** Takes note of the blocks that came over the wire. */
  const follow = (line: string): void => {
    const json = Option.getOrUndefined(decoding.parse(line.slice("data:".length)))
    if (!Predicate.isRecord(json) || typeof json["index"] !== "number") return
    index = Math.max(index, json["index"])
    textHead = textDeltaOf(index)
    block = json["type"] === "content_block_start" ? "text" : undefined
  }
  return {
    model: (model) => {
      // The message has the model of its beginning; there is no event for another one.
      if (began) return ""
      began = true
      return named("message_start", {
        message: { ...message(identity, model), content: [], ...notYet, usage: nothingYet }
      })
    },
    event: (event) => {
      if (event._tag === "TextDelta") {
        return `${begin("text", { type: "text", text: "" })}${textHead}${JSON.stringify(event.text)}}}\n\n`
      }
      if (event._tag === "ReasoningDelta") {
        const { state, text } = event
        // What another wire's model wants back isn't for this one's callers.
        if (text === "" && state?.wire !== "messages") return block === "thinking" ? close() : ""
        const opening = begin("thinking", { type: "thinking", thinking: "", signature: "" })
        const delta = { type: "thinking_delta", thinking: text }
        const said = text === "" ? "" : named("content_block_delta", { index, delta })
        const signature = state?.wire === "messages" ? state.value["signature"] : undefined
        const signed = { index, delta: { type: "signature_delta", signature } }
        return [
          opening,
          said,
          typeof signature === "string" ? named("content_block_delta", signed) : "",
          state === undefined ? "" : close()
        ].join("")
      }
      const { call } = event
      const delta = { type: "input_json_delta", partial_json: JSON.stringify(input(call.arguments)) }
      return [
        close(),
        open(toolUse(call, {})),
        named("content_block_delta", { index, delta }),
        named("content_block_stop", { index })
      ].join("")
    },
    native: (text) => {
      began = true
      if (text.includes("content_block_st")) {
        for (const line of text.split(/\r?\n/)) {
          if (line.startsWith("data:") && line.includes("content_block_st")) follow(line)
        }
      }
      return text
    },
    end: (result) =>
      [
        ...(block === "text" ? citations(result) : []).map((citation) =>
          named("content_block_delta", { index, delta: { type: "citations_delta", citation } })
        ),
        close(),
        named("message_delta", {
          delta: stopped(result),
          usage: usage(result),
          ...(result.summary === undefined ? {} : { saga: result.summary })
        }),
        named("message_stop", {})
      ].join(""),
    // No message_stop comes after it.
    error: (problem, said) => `event: error\ndata: ${errorText(said, error(problem, identity.id))}\n\n`
  }
}

/** An error's body. */
export const error = ({ kind, message }: Problem, id: string): Json => ({
  type: "error",
  error: { type: kind.anthropic, message },
  request_id: id
})
