import type { Fields } from "./field.js"

/**
 * POST /v1/messages, as the types of the package @anthropic-ai/sdk 1.14 have it, those of its betas included.
 * Claude Code sends the betas' to whatever address it is pointed at.
 */
export const messages: Fields = {
  model: { class: "edge" },
  stream: { class: "edge" },
  betas: { class: "edge" },
  messages: { class: "carried", task: "messages" },
  system: { class: "carried", task: "systemPrompt" },
  max_tokens: { class: "carried", task: "maxTokens" },
  temperature: { class: "carried", task: "temperature" },
  top_p: { class: "carried", task: "topP" },
  top_k: { class: "carried", task: "topK" },
  stop_sequences: { class: "carried", task: "stop" },
  tools: { class: "carried", task: "tools" },
  tool_choice: { class: "carried", task: "toolChoice" },
  thinking: { class: "carried", task: "reasoning" },
  output_config: {
    class: "carried",
    fields: {
      format: { class: "carried", task: "responseFormat" },
      effort: { class: "carried" },
      task_budget: { class: "preference" }
    }
  },
  output_format: { class: "carried", task: "responseFormat" },
  metadata: { class: "carried", fields: { user_id: { class: "carried", task: "userId" } } },
  service_tier: { class: "carried", task: "serviceTier" },
  cache_control: { class: "hint" },
  billing_policy: { class: "hint" },
  diagnostics: { class: "hint" },
  fallbacks: { class: "hint" },
  fallback_credit_token: { class: "hint" },
  inference_geo: { class: "preference" },
  speed: { class: "preference", inert: ["standard"] },
  user_profile_id: { class: "hint" },
  workspace_id: { class: "hint" },
  // What it edits is the conversation as Anthropic counts it: elsewhere it is read whole.
  context_management: { class: "preference" },
  compaction: { class: "preference" },
  mcp_servers: { class: "requirement", inert: [[]] },
  container: { class: "state" },
  thread: { class: "state" }
}
