import type * as Response from "@effect/ai/Response"
import * as Tool from "@effect/ai/Tool"
import * as Option from "effect/Option"
import type * as AIResult from "../../AIResult.js"
import type * as AITask from "../../AITask.js"
import * as Usd from "../../Usd.js"
import { fold } from "./fold.js"
import type { ModelCall, Part } from "./modelCall.js"

/** What happened to a call. A type, not an interface: those are no metadata. */
export type Report = {
  readonly taskId: string
  /** Who answered. */
  readonly provider: string
  /** The model that answered, as its provider names it. */
  readonly model: string
  /** How many attempts were made. */
  readonly attempts: number
  /** USD for all attempts together, as an exact decimal; null when one of them is unknown. */
  readonly cost: string | null
  /** What the caller should know: parameters that were dropped, say. */
  readonly warnings: ReadonlyArray<string>
}

const reportOf = (result: AIResult.AIResult): Report => ({
  taskId: result.taskId,
  provider: result.provider,
  model: result.model,
  attempts: result.attempts.length,
  cost: Option.getOrNull(Option.map(result.cost, Usd.toDecimal)),
  warnings: result.warnings
})

const parseArguments = Option.liftThrowable(Tool.unsafeSecureJsonParse)

/** A call of a tool. Arguments that are no JSON stay what they are: they don't fit the tool's schema then. */
export const toolCallPart = (call: AITask.ToolCall): Response.ToolCallPartEncoded => ({
  type: "tool-call",
  id: call.id,
  name: call.name,
  params: Option.getOrElse(parseArguments(call.arguments), () => call.arguments)
})

/** Estimates aren't told: a caller of a `LanguageModel` couldn't know them from counts. */
const usageOf = ({ usage }: AIResult.AIResult): Response.FinishPartEncoded["usage"] =>
  usage.estimated
    ? { inputTokens: undefined, outputTokens: undefined, totalTokens: undefined }
    : {
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        totalTokens: usage.inputTokens + usage.outputTokens,
        reasoningTokens: usage.reasoningTokens,
        cachedInputTokens: usage.cacheReadTokens
      }

const finishPart = (result: AIResult.AIResult): Response.FinishPartEncoded => ({
  type: "finish",
  reason: result.finishReason === "tool_calls" ? "tool-calls" : result.finishReason,
  usage: usageOf(result)
})

/** Whether the answer's text is one provider's alone. */
const isOfOne = (result: AIResult.AIResult): boolean =>
  result.attempts.every(({ outcome }) => outcome !== "cut")

const reported = (
  result: AIResult.AIResult,
  part: Response.FinishPartEncoded
): Response.FinishPartEncoded => ({
  ...part,
  usage: isOfOne(result) ? part.usage : usageOf(result),
  metadata: { ...part.metadata, arcSaga: reportOf(result) }
})

/** What comes after all content: as its provider gave it, where it did, and what happened to the call. */
export const ending = (result: AIResult.AIResult, call: ModelCall): ReadonlyArray<Part> => {
  const given: ReadonlyArray<Part> = call.endings.get(result.provider) ?? [
    { type: "response-metadata", modelId: result.model },
    finishPart(result)
  ]
  return given.map((part) => (part.type === "finish" ? reported(result, part) : part))
}

/** A thought; what Anthropic wants back of it is where its package keeps it. */
const reasoningPart = ({ state, text }: AITask.ReasoningPart): Response.ReasoningPartEncoded => {
  const { data, signature } = state?.wire === "messages" ? state.value : {}
  const anthropic =
    typeof signature === "string"
      ? { type: "thinking" as const, signature }
      : typeof data === "string"
        ? { type: "redacted_thinking" as const, redactedData: data }
        : undefined
  return { type: "reasoning", text, ...(anthropic === undefined ? {} : { metadata: { anthropic } }) }
}

/** A whole answer: as its provider gave it, where it did, and what happened to the call. */
export const whole = (result: AIResult.AIResult, call: ModelCall): Array<Response.PartEncoded> => {
  const parts = fold(ending(result, call))
  if (call.endings.has(result.provider)) return parts
  const text: ReadonlyArray<Response.PartEncoded> =
    result.text === "" ? [] : [{ type: "text", text: result.text }]
  return [
    ...(result.reasoning ?? []).map(reasoningPart),
    ...text,
    ...result.toolCalls.map(toolCallPart),
    ...parts
  ]
}
