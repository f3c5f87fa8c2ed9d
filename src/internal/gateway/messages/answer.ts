import type * as AIResult from "../../../AIResult.js"
import type * as AITask from "../../../AITask.js"
import { input } from "../../messages/request.js"
import type { Identity, Writer } from "../dialect.js"
import type { Problem } from "../problem.js"
import { summary } from "../summary.js"

type Json = Readonly<Record<string, unknown>>

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  // The one that doesn't say that the answer is whole.
  other: "pause_turn"
} as const

const usage = ({ usage }: AIResult.AIResult): Json => ({
  input_tokens: Math.max(0, usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens),
  output_tokens: usage.outputTokens,
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cacheReadTokens
})

const message = ({ id }: Identity, model: string): Json => ({
  id: `msg_${id}`,
  type: "message",
  role: "assistant",
  model,
  stop_sequence: null
})

const toolUse = (call: AITask.ToolCall, given: unknown): Json => ({
  type: "tool_use",
  id: call.id,
  name: call.name,
  input: given
})

/** The whole answer. */
export const answer = (identity: Identity, result: AIResult.AIResult): Json => ({
  ...message(identity, result.model),
  content: [
    ...(result.text === "" ? [] : [{ type: "text", text: result.text }]),
    ...result.toolCalls.map((call) => toolUse(call, input(call.arguments)))
  ],
  stop_reason: stopReasons[result.finishReason],
  usage: usage(result)
})

/** One event: its name, and the same name in its data. */
const named = (type: string, fields: Json): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

/** A piece of text up to the text: written once for a block. */
const textDeltaOf = (index: number): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":`

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
  let textHead = ""
  const close = (): string => {
    if (textHead === "") return ""
    textHead = ""
    return named("content_block_stop", { index })
  }
  const open = (block: Json): string => {
    index++
    return named("content_block_start", { index, content_block: block })
  }
  return {
    model: (model) => {
      // The message has the model of its beginning; there is no event for another one.
      if (began) return ""
      began = true
      return named("message_start", {
        message: { ...message(identity, model), content: [], stop_reason: null, usage: nothingYet }
      })
    },
    event: (event) => {
      if (event._tag === "TextDelta") {
        const opening = textHead === "" ? open({ type: "text", text: "" }) : ""
        if (opening !== "") textHead = textDeltaOf(index)
        return `${opening}${textHead}${JSON.stringify(event.text)}}}\n\n`
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
    end: (result) =>
      [
        close(),
        named("message_delta", {
          delta: { stop_reason: stopReasons[result.finishReason], stop_sequence: null },
          usage: usage(result),
          saga: summary(result)
        }),
        named("message_stop", {})
      ].join("")
  }
}

/** An error's body. */
export const error = ({ kind, message }: Problem, id: string): Json => ({
  type: "error",
  error: { type: kind.anthropic, message },
  request_id: id
})

/** The last event of a stream that broke off: no message_stop comes after it. */
export const errorEvent = (problem: Problem, id: string): string =>
  `event: error\ndata: ${JSON.stringify(error(problem, id))}\n\n`
