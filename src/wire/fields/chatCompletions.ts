import type { Field, Fields } from "./field.js"

const carried: Field = { class: "carried" }
const hint: Field = { class: "hint" }
const preference: Field = { class: "preference" }

const shown = { type: carried, prompt_cache_breakpoint: hint }

const content: Field = {
  class: "carried",
  kinds: {
    text: { ...shown, text: carried },
    image_url: { ...shown, image_url: { class: "carried", fields: { url: carried, detail: hint } } },
    input_audio: { ...shown, input_audio: { class: "carried", fields: { data: carried, format: carried } } },
    file: {
      ...shown,
      file: {
        class: "carried",
        // What a provider keeps under an id has no place elsewhere.
        fields: { file_data: carried, filename: carried, file_id: { class: "requirement" } }
      }
    },
    refusal: { type: carried, refusal: carried }
  }
}

/** What models want back of their thoughts goes to their own wire only. */
const thoughts = { reasoning_content: hint, reasoning: hint, reasoning_details: hint }

const called: Field = { class: "carried", fields: { name: carried, arguments: carried } }

const message: Fields = {
  role: carried,
  content,
  tool_calls: {
    class: "carried",
    each: {
      id: carried,
      type: carried,
      index: hint,
      function: called,
      custom: { class: "carried", fields: { name: carried, input: carried } }
    }
  },
  tool_call_id: carried,
  function_call: called,
  refusal: carried,
  annotations: hint,
  ...thoughts,
  name: preference,
  // An answer in sound, that its provider keeps.
  audio: { class: "requirement" }
}

/** What is chosen by its name. */
const named: Field = { class: "carried", fields: { name: carried } }

/** What is chosen among the tools. */
const chosen = { type: carried, function: named, custom: named } satisfies Fields

const declared: Fields = { name: carried, description: carried, parameters: carried, strict: carried }

const offered: Fields = { type: carried, function: { class: "carried", fields: declared } }

/** POST /v1/chat/completions, as the types of the package openai 6.49 have it. */
export const chatCompletions: Fields = {
  model: { class: "edge" },
  stream: { class: "edge" },
  stream_options: { class: "edge" },
  messages: { class: "carried", task: "messages", each: message },
  max_completion_tokens: { class: "carried", task: "maxTokens" },
  max_tokens: { class: "carried", task: "maxTokens" },
  temperature: { class: "carried", task: "temperature" },
  top_p: { class: "carried", task: "topP" },
  stop: { class: "carried", task: "stop" },
  tools: {
    class: "carried",
    task: "tools",
    kinds: { function: offered, "": offered }
  },
  tool_choice: {
    class: "carried",
    task: "toolChoice",
    fields: {
      ...chosen,
      allowed_tools: {
        class: "carried",
        fields: { mode: carried, tools: { class: "carried", each: chosen } }
      }
    }
  },
  functions: { class: "carried", each: declared },
  function_call: named,
  parallel_tool_calls: { class: "carried", task: "parallelToolCalls" },
  response_format: {
    class: "carried",
    task: "responseFormat",
    fields: {
      type: carried,
      json_schema: {
        class: "carried",
        fields: { name: carried, schema: carried, strict: carried, description: preference }
      }
    }
  },
  reasoning_effort: {
    class: "carried",
    task: "reasoning",
    values: ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
  },
  seed: { class: "carried", task: "seed" },
  frequency_penalty: { class: "carried", task: "frequencyPenalty" },
  presence_penalty: { class: "carried", task: "presencePenalty" },
  verbosity: { class: "carried", task: "verbosity", values: ["low", "medium", "high"] },
  logprobs: { class: "carried", task: "logProbabilities" },
  top_logprobs: { class: "carried", task: "logProbabilities" },
  service_tier: { class: "carried", task: "serviceTier" },
  prompt_cache_key: { class: "carried", task: "cacheKey" },
  user: { class: "carried", task: "userId" },
  safety_identifier: { class: "carried", task: "userId" },
  metadata: { class: "carried", task: "metadata" },
  prompt_cache_options: { class: "hint" },
  prompt_cache_retention: { class: "hint" },
  prediction: { class: "hint" },
  store: { class: "preference", inert: [false] },
  logit_bias: { class: "preference", inert: [{}] },
  moderation: { class: "preference" },
  n: { class: "requirement", inert: [1] },
  audio: { class: "requirement" },
  modalities: { class: "requirement", inert: [["text"], []] },
  web_search_options: { class: "preference" }
}
