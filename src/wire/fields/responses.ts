import type { Field, Fields, Kinds } from "./field.js"

const carried: Field = { class: "carried" }
const hint: Field = { class: "hint" }
const preference: Field = { class: "preference" }

/** What a provider keeps under an id. */
const kept: Field = { class: "state" }

const breakpoint = { prompt_cache_breakpoint: hint }

const parts: Kinds = {
  input_text: { type: carried, text: carried, ...breakpoint },
  input_image: { type: carried, image_url: carried, detail: hint, file_id: kept, ...breakpoint },
  input_file: {
    type: carried,
    file_data: carried,
    file_url: carried,
    filename: carried,
    detail: hint,
    file_id: kept,
    ...breakpoint
  },
  // As some clients write it.
  text: { type: carried, text: carried, ...breakpoint },
  output_text: { type: carried, text: carried, annotations: hint, logprobs: hint },
  refusal: { type: carried, refusal: carried }
}

/** A thought, of whose two forms each has its texts. */
const thought: Field = { class: "carried", each: { type: carried, text: carried } }

/** What an item is to its provider alone. */
const made = { id: hint, status: hint }

const message: Fields = {
  type: carried,
  role: carried,
  content: { class: "carried", kinds: parts },
  ...made,
  // Its own model wants to know what of it was said before the end.
  phase: hint
}

/** A program that the provider runs calls tools by itself. */
const called = {
  type: carried,
  call_id: carried,
  ...made,
  caller: { class: "preference", inert: [{ type: "direct" }] }
} satisfies Fields

const toolCall = { ...called, name: carried, namespace: carried } satisfies Fields

const result: Fields = { ...called, output: { class: "carried", kinds: parts } }

const items: Kinds = {
  "": message,
  message,
  reasoning: { type: carried, summary: thought, content: thought, encrypted_content: hint, ...made },
  function_call: { ...toolCall, arguments: carried },
  function_call_output: result,
  custom_tool_call: { ...toolCall, input: carried },
  custom_tool_call_output: result
}

const offered = {
  type: carried,
  name: carried,
  description: carried,
  defer_loading: { class: "preference", inert: [false] },
  allowed_callers: { class: "preference", inert: [["direct"]] }
} satisfies Fields

const tools: Kinds = {
  function: { ...offered, parameters: carried, strict: carried, output_schema: preference },
  custom: {
    ...offered,
    format: { class: "carried", fields: { type: carried, syntax: carried, definition: carried } }
  }
}

/** POST /v1/responses, as the types of the package openai 6.49 have it. */
export const responses: Fields = {
  model: { class: "edge" },
  stream: { class: "edge" },
  stream_options: { class: "edge" },
  input: { class: "carried", task: "messages", kinds: items },
  instructions: { class: "carried", task: "systemPrompt" },
  max_output_tokens: { class: "carried", task: "maxTokens" },
  temperature: { class: "carried", task: "temperature" },
  top_p: { class: "carried", task: "topP" },
  tools: {
    class: "carried",
    task: "tools",
    kinds: {
      ...tools,
      namespace: {
        type: carried,
        name: carried,
        // Its tools have their own.
        description: hint,
        tools: { class: "carried", kinds: tools }
      }
    }
  },
  tool_choice: {
    class: "carried",
    task: "toolChoice",
    fields: {
      type: carried,
      name: carried,
      namespace: carried,
      mode: carried,
      tools: {
        class: "carried",
        each: { type: carried, name: carried, namespace: carried, server_label: preference }
      },
      server_label: preference
    }
  },
  parallel_tool_calls: { class: "carried", task: "parallelToolCalls" },
  text: {
    class: "carried",
    fields: {
      format: {
        class: "carried",
        task: "responseFormat",
        fields: { type: carried, name: carried, schema: carried, strict: carried, description: preference }
      },
      verbosity: { class: "carried", task: "verbosity", values: ["low", "medium", "high"] }
    }
  },
  reasoning: {
    class: "carried",
    task: "reasoning",
    fields: {
      effort: { class: "carried", values: ["none", "minimal", "low", "medium", "high", "xhigh", "max"] },
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
