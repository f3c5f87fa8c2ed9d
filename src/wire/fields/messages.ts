import type { Field, Fields, Kinds } from "./field.js"

const carried: Field = { class: "carried" }
const hint: Field = { class: "hint" }
const preference: Field = { class: "preference" }

const text: Fields = {
  type: carried,
  text: carried,
  cache_control: hint,
  citations: { class: "preference", inert: [[]] }
}

/** What a provider keeps under an id, and a document of several blocks, have no place elsewhere. */
const only: Field = { class: "requirement" }

const source = {
  type: carried,
  media_type: carried,
  data: carried,
  url: carried,
  file_id: only
} satisfies Fields

const shown: Kinds = {
  text,
  image: {
    type: carried,
    source: { class: "carried", fields: source },
    cache_control: hint,
    transformations: { class: "preference", inert: [{}] }
  },
  document: {
    type: carried,
    source: { class: "carried", fields: { ...source, content: only } },
    title: carried,
    cache_control: hint,
    context: preference,
    citations: { class: "preference", inert: [{ enabled: false }] }
  }
}

const content: Field = {
  class: "carried",
  kinds: {
    ...shown,
    thinking: { type: carried, thinking: carried, signature: hint },
    redacted_thinking: { type: carried, data: hint },
    tool_use: {
      type: carried,
      id: carried,
      name: carried,
      input: carried,
      cache_control: hint,
      caller: hint,
      toolset_name: hint
    },
    tool_result: {
      type: carried,
      tool_use_id: carried,
      content: { class: "carried", kinds: shown },
      is_error: carried,
      cache_control: hint,
      toolset_name: hint
    },
    // Elsewhere all tools are offered from the beginning to the end.
    tool_addition: { type: carried, tool: preference, cache_control: hint },
    tool_removal: { type: carried, tool: preference, cache_control: hint }
  }
}

const message: Fields = {
  role: carried,
  content,
  // Of instructions midway.
  clear_at: { class: "preference", inert: ["never"] },
  output_config: { class: "preference", inert: [{}] }
}

const format: Field = {
  class: "carried",
  task: "responseFormat",
  fields: { type: carried, schema: carried }
}

const tool: Fields = {
  type: carried,
  name: carried,
  description: carried,
  input_schema: carried,
  strict: carried,
  cache_control: hint,
  // How its arguments are streamed.
  eager_input_streaming: hint,
  defer_loading: { class: "preference", inert: [false] },
  allowed_callers: preference,
  input_examples: preference
}

/**
 * POST /v1/messages, as the types of the package @anthropic-ai/sdk 1.14 have it, those of its betas included.
 * Claude Code sends the betas' to whatever address it is pointed at.
 */
export const messages: Fields = {
  model: { class: "edge" },
  stream: { class: "edge" },
  betas: { class: "edge" },
  messages: { class: "carried", task: "messages", each: message },
  system: { class: "carried", task: "systemPrompt", kinds: { text } },
  max_tokens: { class: "carried", task: "maxTokens" },
  temperature: { class: "carried", task: "temperature" },
  top_p: { class: "carried", task: "topP" },
  top_k: { class: "carried", task: "topK" },
  stop_sequences: { class: "carried", task: "stop" },
  tools: { class: "carried", task: "tools", kinds: { custom: tool, "": tool } },
  tool_choice: {
    class: "carried",
    task: "toolChoice",
    fields: { type: carried, name: carried, disable_parallel_tool_use: carried }
  },
  thinking: {
    class: "carried",
    task: "reasoning",
    fields: {
      type: { class: "carried", values: ["enabled", "adaptive", "disabled"] },
      budget_tokens: carried,
      display: carried,
      // What becomes of thoughts that go back to their maker only.
      block_binding: hint
    }
  },
  output_config: {
    class: "carried",
    fields: {
      format,
      effort: { class: "carried", values: ["low", "medium", "high", "xhigh", "max"] },
      task_budget: { class: "preference" }
    }
  },
  output_format: format,
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
