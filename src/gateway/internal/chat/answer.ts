import type * as AITask from "../../../AITask.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import { type ChatRequest, errorText, type Identity, type Told, type Writer } from "../dialect.js"
import type { Problem } from "../problem.js"

type Json = Readonly<Record<string, unknown>>

const usage = ({ usage }: Told): Json => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cacheReadTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens }
})

const toolCall = (call: AITask.ToolCall): Json => ({
  id: call.id,
  type: "function",
  function: { name: call.name, arguments: toolArguments.text(call.arguments) }
})

const idOf = ({ id }: Identity): string => `chatcmpl-${id}`

const secondsOf = ({ createdAt }: Identity): number => Math.floor(createdAt / 1000)

/** Why the model stopped; in the provider's own word besides, where it has another one. */
const stopped = ({ finishReason, rawFinishReason, refusal }: Told): Json => ({
  finish_reason: refusal === undefined ? finishReason : "content_filter",
  ...(rawFinishReason === undefined ? {} : { native_finish_reason: rawFinishReason })
})

/** What the model thought, by the name that most servers have for it. */
const thoughts = ({ reasoning = [] }: Told): Json => {
  const text = reasoning.map((part) => part.text).join("\n\n")
  return text === "" ? {} : { reasoning_content: text }
}

/** The pages that it names; undefined where there are none. */
const annotations = ({ sources = [] }: Told): Json | undefined =>
  sources.length === 0
    ? undefined
    : {
        annotations: sources.map(({ end, start, title, url }) => ({
          type: "url_citation",
          url_citation: { start_index: start, end_index: end, title, url }
        }))
      }

/** The whole answer. */
export const answer = (identity: Identity, result: Told): Json => ({
  id: idOf(identity),
  object: "chat.completion",
  created: secondsOf(identity),
  model: result.model,
  choices: [
    {
      index: 0,
      message: {
        role: "assistant",
        // A turn that only calls tools has no text, which isn't an empty one.
        content:
          result.text === "" && (result.toolCalls.length > 0 || result.refusal !== undefined)
            ? null
            : result.text,
        ...thoughts(result),
        ...annotations(result),
        refusal: result.refusal ?? null,
        ...(result.toolCalls.length === 0 ? {} : { tool_calls: result.toolCalls.map(toolCall) })
      },
      ...stopped(result),
      logprobs: null
    }
  ],
  usage: usage(result)
})

const done = "data: [DONE]\n\n"

/** A streamed answer. All events but their delta are the same text: it is written once. */
export const writer = (identity: Identity, { includeUsage }: ChatRequest): Writer => {
  const id = JSON.stringify(idOf(identity))
  const common = `{"id":${id},"object":"chat.completion.chunk","created":${secondsOf(identity)},"model":`
  const noUsage = includeUsage ? ',"usage":null' : ""
  const goesOn = `,"logprobs":null,"finish_reason":null}]${noUsage}}\n\n`
  let head = ""
  let began = false
  let calls = 0
  const chunk = (delta: string): string => `${head}${delta}${goesOn}`
  return {
    model: (model) => {
      head = `data: ${common}${JSON.stringify(model)},"choices":[{"index":0,"delta":`
      if (began) return ""
      began = true
      return chunk('{"role":"assistant","content":"","refusal":null}')
    },
    event: (event) => {
      switch (event._tag) {
        case "TextDelta":
          return chunk(`{"content":${JSON.stringify(event.text)}}`)
        case "ReasoningDelta":
          return event.text === "" ? "" : chunk(JSON.stringify({ reasoning_content: event.text }))
        case "ToolCall":
          return chunk(JSON.stringify({ tool_calls: [{ index: calls++, ...toolCall(event.call) }] }))
      }
    },
    native: (text) => {
      began = true
      return text
    },
    end: (result) => {
      const reason = JSON.stringify(stopped(result)).slice(1)
      const refused = result.refusal === undefined ? "" : chunk(JSON.stringify({ refusal: result.refusal }))
      const saga = result.summary === undefined ? "" : `,"saga":${JSON.stringify(result.summary)}`
      const pages = annotations(result)
      const cited = pages === undefined ? "" : chunk(JSON.stringify(pages))
      const last = `${cited}${refused}${head}{},"logprobs":null,${reason}]${saga}${noUsage}}\n\n`
      const counted = JSON.stringify(usage(result))
      return includeUsage
        ? `${last}data: ${common}${JSON.stringify(result.model)},"choices":[],"usage":${counted}}\n\n${done}`
        : last + done
    },
    // Nothing says that it is done.
    error: (problem, said) => `data: ${errorText(said, error(problem))}\n\n`
  }
}

/** An error's body. */
export const error = ({ code, kind, message, param }: Problem): Json => ({
  error: { message, type: kind.openai, param: param ?? null, code }
})
