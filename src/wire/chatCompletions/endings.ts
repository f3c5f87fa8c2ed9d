import type * as ReasoningEngine from "../../ReasoningEngine.js"
import * as failure from "../failure.js"

/** Why a model stopped where the answer is one, by the words that servers have for it. */
const finishes = new Map<string, ReasoningEngine.FinishReason>([
  ["stop", "stop"],
  ["stop_sequence", "stop"],
  ["end_turn", "stop"],
  ["eos_token", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["model_length", "length"],
  ["tool_calls", "tool_calls"],
  ["tool_use", "tool_calls"],
  ["function_call", "tool_calls"]
])

/** Why a model stopped where there is no answer: OpenAI's own, Gemini's, DeepSeek's, Zhipu's, vLLM's. */
const failures = new Map<string, failure.Kind>([
  ["error", "server"],
  ["abort", "server"],
  ["network_error", "server"],
  ["insufficient_system_resource", "overloaded"],
  ["malformed_function_call", "malformed"],
  ["malformed_response", "malformed"],
  ["unexpected_tool_call", "malformed"],
  ["too_many_tool_calls", "malformed"],
  ["missing_thought_signature", "malformed"],
  ["content_filter", "policy"],
  ["refusal", "policy"],
  ["sensitive", "policy"],
  ["safety", "policy"],
  ["image_safety", "policy"],
  ["prohibited_content", "policy"],
  ["blocklist", "policy"],
  ["recitation", "policy"],
  ["spii", "policy"]
])

/** What a finish reason means; `other` for one that only its server knows. */
export const finishOf = (reason: string): ReasoningEngine.FinishReason =>
  finishes.get(reason.toLowerCase()) ?? "other"

/**
 * Why there is no answer, where a finish reason says that. Some say it in two words, as Gemini's
 * `function_call_filter: MALFORMED_FUNCTION_CALL`.
 */
export const failureOf = (reason: unknown): failure.Failure | undefined => {
  if (typeof reason !== "string") return undefined
  const kind = reason
    .toLowerCase()
    .split(/[^a-z_]+/)
    .map((word) => failures.get(word))
    .findLast((kind) => kind !== undefined)
  if (kind === undefined) return undefined
  return kind === "policy"
    ? failure.ofKind(kind, "its content filter ended the answer")
    : failure.ofKind(kind, reason === "error" ? "the server ended the answer with an error" : reason)
}
