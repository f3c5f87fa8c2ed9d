import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import * as custom from "../../../wire/responses/customTools.js"
import type { ChatRequest, Identity, Told } from "../dialect.js"
import type { Problem } from "../problem.js"
import type { Json } from "../reading.js"
import * as state from "./state.js"
import type { Called } from "./tools.js"
import { calling } from "./tools.js"

/** The fields of a request that its answer repeats, and what they are where it doesn't have them. */
const repeated: Json = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: null,
  temperature: null,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: null,
  truncation: "disabled"
}

/** What every state of an answer says. */
const common = ({ createdAt, id }: Identity, { body }: Pick<ChatRequest, "body">): Json => ({
  id: `resp_${id}`,
  object: "response",
  created_at: Math.floor(createdAt / 1000),
  background: false,
  ...Object.fromEntries(Object.entries(repeated).map(([name, usual]) => [name, body[name] ?? usual])),
  store: false
})

const usage = ({ usage }: Told): Json => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: {
    cached_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens
  },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens
})

/** An answer that has begun. */
export const begun = (identity: Identity, question: Pick<ChatRequest, "body">, model: string): Json => ({
  ...common(identity, question),
  model,
  status: "in_progress",
  error: null,
  incomplete_details: null,
  output: [],
  usage: null
})

/** Why it isn't complete; null where it is. */
const incomplete = ({ finishReason, rawFinishReason, refusal }: Told): Json | null => {
  if (refusal !== undefined) return { reason: "content_filter" }
  if (finishReason === "length") return { reason: "max_output_tokens" }
  return finishReason === "other" ? { reason: rawFinishReason ?? "other" } : null
}

/** An answer that is over, with its items. */
export const over = (
  identity: Identity,
  question: Pick<ChatRequest, "body">,
  result: Told,
  output: ReadonlyArray<unknown>
): Json => {
  const details = incomplete(result)
  return {
    ...common(identity, question),
    model: result.model,
    status: details === null ? "completed" : "incomplete",
    error: null,
    incomplete_details: details,
    output,
    ...(result.serviceTier === undefined ? {} : { service_tier: result.serviceTier }),
    usage: usage(result)
  }
}

/** An answer that broke off. */
export const failed = (
  identity: Identity,
  question: Pick<ChatRequest, "body">,
  model: string,
  { code, message }: Pick<Problem, "code" | "message">,
  output: ReadonlyArray<unknown>
): Json => ({ ...begun(identity, question, model), status: "failed", error: { code, message }, output })

/** What an error's body says that a provider of this wire has sent. */
export const errorIn = ({ error }: Json): Pick<Problem, "code" | "message"> => {
  const { code, message, type } = Predicate.isRecord(error) ? error : {}
  return { code: String(code ?? type), message: String(message) }
}

/** The pages that a text names, which begins so far within the answer's. */
export const annotations = ({ sources = [] }: Told, from = 0): ReadonlyArray<Json> =>
  sources.map(({ end, start, title, url }) => ({
    type: "url_citation",
    start_index: Math.max(0, start - from),
    end_index: Math.max(0, end - from),
    title,
    url
  }))

/** A part of a message. */
export const outputText = (
  text: string,
  logprobs: unknown = [],
  annotations: ReadonlyArray<Json> = []
): Json => ({
  type: "output_text",
  text,
  annotations,
  logprobs: Array.isArray(logprobs) ? logprobs : []
})

export const refusalPart = (refusal: string): Json => ({ type: "refusal", refusal })

export const message = (id: string, status: string, content: ReadonlyArray<Json>): Json => ({
  id,
  type: "message",
  status,
  role: "assistant",
  content
})

/** A thought: as it came where this wire's model had it. */
export const reasoning = (id: string, text: string, made: AITask.ReasoningPart["state"]): Json =>
  made?.wire === "responses"
    ? made.value
    : {
        id,
        type: "reasoning",
        summary: text === "" ? [] : [{ type: "summary_text", text }],
        encrypted_content: state.seal(made)
      }

/** A call of a tool, by the way that its tool is called; `said` is what of its arguments is told. */
export const toolCall = (
  identity: string,
  status: string,
  call: AITask.ToolCall,
  { type, ...called }: Called,
  said: string
): Json => ({
  id: `${type === "custom_tool_call" ? "ctc" : "fc"}_${identity}`,
  type,
  status,
  call_id: call.id,
  ...called,
  ...(type === "custom_tool_call" ? { input: said } : { arguments: said })
})

/** What a call says to its tool. */
export const saidOf = (call: AITask.ToolCall, { type }: Called): string =>
  type === "custom_tool_call" ? custom.inputOf(call.arguments) : toolArguments.text(call.arguments)

/** The whole answer. */
export const answer = (identity: Identity, result: Told, question: ChatRequest): Json => {
  const called = calling(question.body)
  const { id } = identity
  const thoughts = (result.reasoning ?? []).map(({ state, text }, index) =>
    reasoning(`rs_${id}_${index}`, text, state)
  )
  const calls = result.toolCalls.map((call, index) => {
    const as = called(call)
    return toolCall(`${id}_${index}`, "completed", call, as, saidOf(call, as))
  })
  const parts = [
    ...(result.text === "" && (calls.length > 0 || thoughts.length > 0 || result.refusal !== undefined)
      ? []
      : [outputText(result.text, result.logProbabilities, annotations(result))]),
    ...(result.refusal === undefined ? [] : [refusalPart(result.refusal)])
  ]
  const status = incomplete(result) === null ? "completed" : "incomplete"
  const said = parts.length === 0 ? [] : [message(`msg_${id}`, status, parts)]
  return over(identity, question, result, [...thoughts, ...said, ...calls])
}

/** An item as it was told. */
export const isItem = (value: unknown): value is Json =>
  Predicate.isRecord(value) && typeof value["type"] === "string"
