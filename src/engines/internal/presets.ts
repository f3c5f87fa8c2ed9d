/** What well-known servers of OpenAI's wires are like, as their makers document it. */
import * as AIProvider from "../../AIProvider.js"
import type { Given } from "../../internal/options.js"
import type * as Wire from "../../Wire.js"

/**
 * What a server takes for the ids of tool calls.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolCallIds = "any" | "forty-characters" | "nine-alphanumerics"

/**
 * A wire of OpenAI's: Chat Completions, Responses, or Embeddings.
 *
 * @since 0.1.0
 * @category models
 */
export type OpenAIWire = Exclude<Wire.Wire, "messages">

/** The options by which servers differ. */
interface Differences {
  /** The wires of models that write, that of tasks which came over none of them first. */
  readonly wires: readonly [OpenAIWire, ...ReadonlyArray<OpenAIWire>]
  /** What it calls the limit of tokens in Chat Completions. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens"
  /** Whether it is to be asked for a stream's usage. */
  readonly includeUsage: boolean
  /** What it takes for the ids of tool calls. */
  readonly toolCallIds: ToolCallIds
}

/**
 * A server, apart from its model and from who asks it. Options that are absent are as for any server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Preset extends Given<Differences> {
  /** The id of its provider, where no other is given. */
  readonly provider: AIProvider.AIProvider
  /** Its address; undefined where each customer has an own one, in the form of `address`. */
  readonly baseUrl: string | undefined
  /** The address for people to read: what differs from customer to customer is in capitals. */
  readonly address: string
  /** The environment variable that its documentation has the key in; undefined where it needs no key. */
  readonly apiKeyEnv: string | undefined
}

/** A server at an address that is the same for all. */
const at = (
  provider: string,
  baseUrl: string,
  apiKeyEnv: string | undefined,
  differences?: Given<Differences>
) => ({
  provider: AIProvider.unsafeMake(provider),
  baseUrl,
  address: baseUrl,
  apiKeyEnv,
  ...differences
})

/**
 * Presets by their names, each with the documentation that it is taken from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Presets {
  /** Chat Completions; Responses are in beta there. https://console.groq.com/docs/openai */
  readonly groq: Preset
  /**
   * It refuses fields that it doesn't have, `stream_options` among them, and says what a stream used without being
   * asked. https://docs.mistral.ai/api
   */
  readonly mistral: Preset
  /** https://api-docs.deepseek.com */
  readonly deepseek: Preset
  /** https://docs.x.ai/developers/rest-api-reference */
  readonly xai: Preset
  /** https://docs.together.ai/docs/inference/openai-compatibility */
  readonly together: Preset
  /** https://docs.fireworks.ai/tools-sdks/openai-compatibility */
  readonly fireworks: Preset
  /** Chat Completions; Responses are in beta there. https://openrouter.ai/docs/quickstart */
  readonly openrouter: Preset
  /** The Gemini API's compatible endpoint. https://ai.google.dev/gemini-api/docs/openai */
  readonly gemini: Preset
  /**
   * The v1 API, below a resource's own address; the model is the name of a deployment.
   * https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
   */
  readonly azure: Preset
  /**
   * Bedrock's compatible endpoint, which is in each region; the key is one of Bedrock's own.
   * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
   */
  readonly bedrock: Preset
  /** `vllm serve`. https://docs.vllm.ai/en/stable/serving/openai_compatible_server */
  readonly vllm: Preset
  /** `llama-server`. https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md */
  readonly llamacpp: Preset
  /** https://lmstudio.ai/docs/api/openai-api */
  readonly lmstudio: Preset
  /** https://docs.ollama.com/api/openai-compatibility */
  readonly ollama: Preset
}

const both = { wires: ["chatCompletions", "responses"] } as const

/**
 * Well-known servers, to be used by {@link configOf}. What their makers don't document isn't in it; how a model
 * differs (its window, whether it sees images) isn't, either.
 *
 * @since 0.1.0
 * @category presets
 */
export const presets: Presets = {
  groq: at("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
  mistral: at("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", {
    includeUsage: false,
    toolCallIds: "nine-alphanumerics"
  }),
  deepseek: at("deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"),
  xai: at("xai", "https://api.x.ai/v1", "XAI_API_KEY", both),
  together: at("together", "https://api.together.ai/v1", "TOGETHER_API_KEY"),
  fireworks: at("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
  openrouter: at("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
  gemini: at("gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
  azure: {
    provider: AIProvider.unsafeMake("azure"),
    baseUrl: undefined,
    address: "https://RESOURCE.openai.azure.com/openai/v1",
    apiKeyEnv: "AZURE_OPENAI_API_KEY",
    maxTokensField: "max_completion_tokens",
    ...both
  },
  bedrock: {
    provider: AIProvider.unsafeMake("bedrock"),
    baseUrl: undefined,
    address: "https://bedrock-runtime.REGION.amazonaws.com/openai/v1",
    apiKeyEnv: "AWS_BEARER_TOKEN_BEDROCK"
  },
  vllm: at("vllm", "http://127.0.0.1:8000/v1", undefined, both),
  llamacpp: at("llamacpp", "http://127.0.0.1:8080/v1", undefined),
  lmstudio: at("lmstudio", "http://127.0.0.1:1234/v1", undefined, both),
  ollama: at("ollama", "http://127.0.0.1:11434/v1", undefined)
}
