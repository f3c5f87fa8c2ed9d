import type { Fields } from "./field.js"

/** POST /v1/responses, as the types of the package openai 6.49 have it. */
export const responses: Fields = {
  model: { class: "edge" },
  stream: { class: "edge" },
  stream_options: { class: "edge" },
  input: { class: "carried", task: "messages" },
  instructions: { class: "carried", task: "systemPrompt" },
  max_output_tokens: { class: "carried", task: "maxTokens" },
  temperature: { class: "carried", task: "temperature" },
  top_p: { class: "carried", task: "topP" },
  tools: { class: "carried", task: "tools" },
  tool_choice: { class: "carried", task: "toolChoice" },
  parallel_tool_calls: { class: "carried", task: "parallelToolCalls" },
  text: {
    class: "carried",
    fields: {
      format: { class: "carried", task: "responseFormat" },
      verbosity: { class: "carried", task: "verbosity" }
    }
  },
  reasoning: {
    class: "carried",
    task: "reasoning",
    fields: {
      effort: { class: "carried" },
      summary: { class: "carried" },
      generate_summary: { class: "carried" },
      context: { class: "preference" },
      mode: { class: "preference" }
    }
  },
  top_logprobs: { class: "carried", task: "logProbabilities" },
  service_tier: { class: "carried", task: "serviceTier" },
  prompt_cache_key: { class: "carried", task: "cacheKey" },
  user: { class: "carried", task: "userId" },
  safety_identifier: { class: "carried", task: "userId" },
  metadata: { class: "carried", task: "metadata" },
  // Codex asks for it always: what it adds is state that goes back to its maker only.
  include: { class: "hint" },
  client_metadata: { class: "hint" },
  prompt_cache_options: { class: "hint" },
  prompt_cache_retention: { class: "hint" },
  store: { class: "preference", inert: [false] },
  truncation: { class: "preference", inert: ["disabled"] },
  moderation: { class: "preference" },
  context_management: { class: "preference" },
  background: { class: "requirement", inert: [false] },
  prompt: { class: "requirement" },
  conversation: { class: "state" },
  previous_response_id: { class: "state" }
}
