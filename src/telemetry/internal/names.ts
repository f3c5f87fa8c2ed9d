import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AIProvider from "../../AIProvider.js"
import type * as AIResult from "../../AIResult.js"
import * as AITask from "../../AITask.js"
import type { FinishReason, ReasoningEngine } from "../../ReasoningEngine.js"
import * as TokenUsage from "../../TokenUsage.js"
import * as Usd from "../../Usd.js"
import { given } from "../../internal/options.js"

/** Attributes of a span. */
export type Attributes = Readonly<Record<string, unknown>>

/** The names that the conventions have for who is behind the predefined providers. */
const wellKnown = new Map<string, string>([
  ["claude", "anthropic"],
  ["gpt4", "openai"]
])

/** Who is behind a provider: behind "claude/haiku" it is who is behind "claude". */
export const vendorOf = (provider: AIProvider.AIProvider): string => {
  const name = provider.replace(/\/.*/, "")
  return wellKnown.get(name) ?? name
}

/** An error by one of the few names that there are. */
export const errorType = (error: { readonly _tag: string }): string => {
  const detail =
    error._tag === "TransientError" && Predicate.hasProperty(error, "reason")
      ? error.reason
      : error._tag === "TimeoutError" && Predicate.hasProperty(error, "phase")
        ? error.phase
        : undefined
  return typeof detail === "string" ? `${error._tag}.${detail}` : error._tag
}

/** Why a model stopped, by the name that the conventions have for it. */
export const finishReason = (reason: FinishReason): string => (reason === "tool_calls" ? "tool_call" : reason)

/** What is done for a task, by the name that the conventions have for it. */
export const operationOf = ({ original }: AITask.AITask): "chat" | "embeddings" =>
  original?.wire === "embeddings" ? "embeddings" : "chat"

/** What is known of an attempt when it begins. */
export const request = (engine: ReasoningEngine, task: AITask.AITask, vendor: string): Attributes =>
  given({
    "gen_ai.operation.name": operationOf(task),
    "gen_ai.provider.name": vendor,
    "gen_ai.request.model": engine.model,
    "gen_ai.request.max_tokens": task.maxTokens,
    "gen_ai.request.temperature": task.temperature,
    "gen_ai.request.top_p": task.topP,
    "gen_ai.output.type": (task.responseFormat?.type ?? "text") === "text" ? "text" : "json",
    "arc_saga.provider": engine.provider
  })

/** Whether a provider counted what an attempt used: an estimate isn't told, and nothing is nothing to tell. */
export const isCounted = (usage: TokenUsage.TokenUsage): boolean =>
  !usage.estimated && TokenUsage.isUsed(usage)

/** What is known of an attempt when it has ended. */
export const response = ({
  cost,
  error,
  firstTokenMs,
  model,
  outcome,
  usage
}: AIResult.Attempt): Attributes =>
  given({
    "gen_ai.response.model": outcome === "succeeded" ? model : undefined,
    "gen_ai.response.time_to_first_chunk": Option.getOrUndefined(Option.map(firstTokenMs, (ms) => ms / 1000)),
    ...(!isCounted(usage)
      ? {}
      : {
          "gen_ai.usage.input_tokens": usage.inputTokens,
          "gen_ai.usage.output_tokens": usage.outputTokens,
          "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
          "gen_ai.usage.cache_creation.input_tokens": usage.cacheWriteTokens,
          "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens
        }),
    "error.type": Option.getOrUndefined(Option.map(error, errorType)),
    "arc_saga.outcome": outcome,
    "arc_saga.cost": costOf(cost)
  })

const costOf = (cost: Option.Option<Usd.Usd>): number | undefined =>
  Option.getOrUndefined(Option.map(cost, Usd.toNumber))

/** What came of a task. */
export const result = ({ cost, finishReason: reason, provider, toolCalls }: AIResult.AIResult): Attributes =>
  given({
    "arc_saga.provider": provider,
    "arc_saga.cost": costOf(cost),
    "arc_saga.finish_reason": finishReason(reason),
    "arc_saga.tool_calls": toolCalls.length
  })

type Part = Readonly<Record<string, unknown>>

const text = (content: string): ReadonlyArray<Part> => (content === "" ? [] : [{ type: "text", content }])

const toolCallPart = ({ arguments: args, id, name }: AITask.ToolCall): Part => ({
  type: "tool_call",
  id,
  name,
  arguments: args
})

/** What isn't text is told of, not told. */
const partsOf = (message: AITask.Message): ReadonlyArray<Part> => {
  if (message.role === "tool") {
    return [{ type: "tool_call_response", id: message.toolCallId, response: AITask.messageText(message) }]
  }
  const said = AITask.parts(message).flatMap((part) =>
    part.type === "text" ? text(part.text) : [{ type: part.type }]
  )
  return message.role === "assistant" ? [...said, ...(message.toolCalls ?? []).map(toolCallPart)] : said
}

/** What is asked, in the form that the conventions give it. */
export const input = (task: AITask.AITask): Attributes =>
  given({
    "gen_ai.system_instructions":
      task.systemPrompt === undefined ? undefined : JSON.stringify(text(task.systemPrompt)),
    "gen_ai.input.messages": JSON.stringify(
      task.messages.map((message) => ({ role: message.role, parts: partsOf(message) }))
    )
  })

/** What is answered, in the form that the conventions give it. */
export const output = ({ finishReason: reason, text: answer, toolCalls }: AIResult.AIResult): Attributes => ({
  "gen_ai.output.messages": JSON.stringify([
    {
      role: "assistant",
      parts: [...text(answer), ...toolCalls.map(toolCallPart)],
      finish_reason: finishReason(reason)
    }
  ])
})
