import type { Kind } from "../failure.js"

/**
 * How servers tell of one failure, and where that was found: vendors' own pages, or public reports that quote what
 * came. A row fits where all that it has fits. Rows with codes stand before those with words alone: the first that
 * fits decides.
 */
export interface Row {
  readonly kind: Kind
  /** Whose wording it is. */
  readonly of: string
  readonly source: string
  /** The code or the type, in small letters. */
  readonly codes?: ReadonlyArray<string> | RegExp | undefined
  /** Under which statuses; when absent, any for a code, and those of a rejected request for words. */
  readonly statuses?: ReadonlyArray<number> | undefined
  /** What it says: a sentence of the vendor's, never a lone term that a cited prompt has as well. */
  readonly words?: RegExp | undefined
}

/** Statuses under which accounts without credit are told of. */
const unpaid = [0, 400, 402, 403, 412, 429]

/** Statuses under which models that aren't there are told of, besides 404. */
const absent = [0, 400, 403, 404, 422]

/** Statuses under which moderation is told of. */
const moderated = [0, 400, 403, 422, 451]

/** Servers of one's own tell of overflows as of failures of theirs. */
const local = [0, 400, 413, 422, 500]

const codes: ReadonlyArray<Row> = [
  {
    kind: "context",
    of: "OpenAI, Azure, Groq, Cerebras, DeepSeek",
    source: "https://platform.openai.com/docs/guides/error-codes",
    codes: ["context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded"]
  },
  {
    kind: "context",
    of: "llama.cpp, ds4",
    source: "https://github.com/ggml-org/llama.cpp (tools/server), https://github.com/antirez/ds4/pull/150",
    codes: ["exceed_context_size_error", "context_exceeded"]
  },
  {
    kind: "context",
    of: "GitHub Models",
    source: "https://docs.github.com/en/github-models",
    codes: ["tokens_limit_reached"]
  },
  {
    kind: "context",
    of: "GitHub Copilot",
    source: "https://github.com/earendil-works/pi/issues/129",
    codes: ["model_max_prompt_tokens_exceeded"]
  },
  {
    kind: "context",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    codes: ["1261"]
  },
  {
    kind: "model",
    of: "OpenAI, Together, Groq",
    source: "https://platform.openai.com/docs/guides/error-codes, https://console.groq.com/docs/deprecations",
    codes: [
      "model_not_found",
      "model_not_available",
      "model_decommissioned",
      "model_not_supported",
      "model_not_exist"
    ]
  },
  {
    kind: "model",
    of: "Groq, LiteLLM, Moonshot",
    source: "https://console.groq.com/docs/errors, https://docs.litellm.ai/docs/exception_mapping",
    codes: /^(?:model_permission_blocked_\w+|\w+_model_access_denied|resource_not_found_error)$/
  },
  {
    kind: "model",
    of: "Volcengine, DashScope",
    source:
      "https://www.volcengine.com/docs/82379/1299023, https://help.aliyun.com/zh/model-studio/error-code",
    codes: ["invalidendpointormodel.notfound", "modelnotopen", "modelnotfound", "model.accessdenied"]
  },
  {
    kind: "model",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    codes: ["1211"]
  },
  {
    kind: "model",
    of: "Mistral, Perplexity, GitHub Models, Azure",
    source:
      "https://github.com/BerriAI/litellm/issues/9817, https://learn.microsoft.com/azure/ai-services/openai",
    codes: ["invalid_model", "unknown_model", "unavailable_model", "deploymentnotfound"]
  },
  {
    // The model wrote what the server can't read: the next answer may be better.
    kind: "malformed",
    of: "Groq",
    source: "https://console.groq.com/docs/errors, https://github.com/drnic/groq-ruby/issues/12",
    codes: ["tool_use_failed", "json_validate_failed", "output_parse_failed"]
  },
  {
    kind: "quota",
    of: "OpenAI",
    source: "https://platform.openai.com/docs/guides/error-codes",
    codes: [
      "insufficient_quota",
      "credit_balance_exhausted",
      "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded",
      "organization_usage_limit_exceeded",
      "billing_hard_limit_reached",
      "billing_not_active"
    ]
  },
  {
    // A limit of spending is told as a limit of rate; only its code says that waiting is no use.
    kind: "quota",
    of: "Anthropic",
    source: "https://docs.claude.com/en/api/errors",
    codes: /^(?:billing_error|(?:\w+_)?(?:spend_limit|usage_limit|credit_balance|quota)(?:_\w+)?)$/
  },
  {
    kind: "quota",
    of: "Moonshot",
    source: "https://platform.moonshot.ai/docs/api/chat",
    codes: ["exceeded_current_quota_error"]
  },
  {
    kind: "quota",
    of: "One API, New API, Sub2API",
    source:
      "https://github.com/songquanpeng/one-api/issues/1270, https://github.com/Wei-Shaw/sub2api/issues/890",
    codes: [
      "insufficient_user_quota",
      "pre_consume_token_quota_failed",
      "insufficient_balance",
      "insufficient_credits"
    ]
  },
  {
    kind: "quota",
    of: "DashScope, Volcengine",
    source:
      "https://help.aliyun.com/zh/model-studio/error-code, https://www.volcengine.com/docs/82379/1299023",
    codes: ["arrearage", "accountoverdueerror", "allocationquota.freetieronly"]
  },
  {
    kind: "quota",
    of: "LiteLLM",
    source: "https://docs.litellm.ai/docs/proxy/users",
    codes: ["budget_exceeded"]
  },
  {
    kind: "quota",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    codes: ["1113"],
    statuses: [429]
  },
  {
    // Nothing of this model is in the plan: its limit is none.
    kind: "quota",
    of: "Gemini",
    source: "https://ai.google.dev/gemini-api/docs/rate-limits",
    codes: ["resource_exhausted"],
    words: /\bquota exceeded for metric:.*\blimit: 0\b/is
  },
  {
    kind: "rate",
    of: "Gemini",
    source:
      "https://ai.google.dev/gemini-api/docs/troubleshooting, https://github.com/vercel/ai/issues/18627",
    codes: ["resource_exhausted"]
  },
  {
    kind: "rate",
    of: "OpenAI, Moonshot, Bedrock",
    source: "https://platform.openai.com/docs/guides/rate-limits, https://platform.moonshot.ai/docs/api/chat",
    codes: ["rate_limit_exceeded", "slow_down", "rate_limit_reached_error", "throttlingexception"]
  },
  {
    kind: "rate",
    of: "DashScope",
    source: "https://help.aliyun.com/zh/model-studio/error-code",
    codes: /^throttling(?:\.\w+)?$/
  },
  {
    kind: "overloaded",
    of: "OpenAI, Groq, Moonshot",
    source: "https://platform.openai.com/docs/guides/error-codes, https://console.groq.com/docs/errors",
    codes: ["server_is_overloaded", "capacity_exceeded", "engine_overloaded_error"]
  },
  {
    kind: "policy",
    of: "OpenAI, Azure, Moonshot",
    source: "https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter",
    codes: [
      "content_filter",
      "content_policy_violation",
      "responsibleaipolicyviolation",
      "moderation_blocked"
    ]
  },
  {
    kind: "policy",
    of: "DashScope",
    source: "https://github.com/camel-ai/owl/issues/432",
    codes: ["data_inspection_failed", "datainspectionfailed"]
  },
  {
    kind: "policy",
    of: "Volcengine",
    source: "https://www.volcengine.com/docs/82379/1299023",
    codes: /sensitivecontentdetected/
  },
  {
    kind: "policy",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    codes: ["1301"],
    statuses: [400]
  },
  {
    kind: "authentication",
    of: "OpenAI, DashScope",
    source:
      "https://platform.openai.com/docs/guides/error-codes, https://help.aliyun.com/zh/model-studio/error-code",
    codes: ["invalid_api_key", "invalidapikey"]
  },
  {
    kind: "authentication",
    of: "LiteLLM",
    source: "https://docs.litellm.ai/docs/exception_mapping",
    codes: ["auth_error"]
  },
  {
    kind: "authentication",
    of: "Gemini",
    source: "https://github.com/continuedev/continue/issues/10290",
    codes: ["api_key_invalid"]
  }
]

const words: ReadonlyArray<Row> = [
  {
    kind: "context",
    of: "LiteLLM, whose own class of error it is",
    source: "https://docs.litellm.ai/docs/exception_mapping",
    words: /\bContextWindowExceededError\b/
  },
  {
    kind: "policy",
    of: "LiteLLM, whose own class of error it is",
    source: "https://docs.litellm.ai/docs/exception_mapping",
    words: /\bContentPolicyViolationError\b/,
    statuses: moderated
  },
  {
    kind: "context",
    of: "OpenAI, vLLM, OpenRouter, DeepSeek, Fireworks, Mistral",
    source: "https://github.com/earendil-works/pi/issues/129",
    words:
      /\bmaximum context length(?: is| of|:)? \(?[\d,]+|\btoo large for model with [\d,]+ maximum context length/i
  },
  {
    kind: "context",
    of: "OpenAI, Azure",
    source: "https://platform.openai.com/docs/api-reference/responses",
    words:
      /\binput exceeds the context window of this model\b|\binput tokens exceed the configured limit of [\d,]+ tokens/i
  },
  {
    // The second is a prompt that fits, with no room left for the answer that was asked for.
    kind: "context",
    of: "Anthropic, Vertex AI, Fireworks",
    source: "https://docs.claude.com/en/api/errors, https://github.com/earendil-works/pi/issues/129",
    words: /\bprompt is too long\b|\bexceeds? (?:the )?context (?:limit|window)\b/i
  },
  {
    kind: "context",
    of: "Databricks, Cloudflare, MLX, ds4",
    source: "https://developers.cloudflare.com/workers-ai, https://github.com/antirez/ds4/pull/150",
    words:
      /\bexceed(?:s|ed)? (?:(?:the|this|its|max|maximum|model|model's) ){0,4}context (?:length|window|size|limit)\b|^(?:the )?context (?:length|window|size) (?:was |is |has been )?exceeded\b/i
  },
  {
    kind: "context",
    of: "vLLM",
    source: "https://github.com/vllm-project/vllm (entrypoints/renderer)",
    words: /\bcontext length is only [\d,]+ tokens\b|\bmax_tokens must be at least 1, got -\d+/i
  },
  {
    kind: "context",
    of: "Cerebras, Groq",
    source: "https://inference-docs.cerebras.ai/support/error, https://console.groq.com/docs/errors",
    words: /^please reduce the length of the (?:messages|prompt)\b/i
  },
  {
    kind: "context",
    of: "DeepInfra, DashScope, Volcengine",
    source: "https://deepinfra.com/docs, https://www.volcengine.com/docs/82379/1299023",
    words:
      /\binput length [\d,]+ exceeds (?:the )?max(?:imum)? (?:input |allowed )?length\b|\btotal tokens of image and text exceed max message tokens\b/i
  },
  {
    kind: "context",
    of: "SiliconFlow, watsonx",
    source: "https://docs.siliconflow.cn, https://cloud.ibm.com/apidocs/watsonx-ai",
    words:
      /\blength of prompt_tokens \([\d,]+\) must be less than max_seq_len\b|\bnumber of input tokens [\d,]+ cannot exceed the total tokens limit [\d,]+/i
  },
  {
    kind: "context",
    of: "Vertex AI",
    source: "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/api-errors",
    words: /\binput token count is [\d,]+ but (?:the )?model only supports up to [\d,]+/i
  },
  {
    kind: "context",
    of: "Gemini",
    source: "https://github.com/BerriAI/litellm/issues/18282",
    words: /\binput token count (?:\([\d,]+\) )?exceeds the maximum number of tokens allowed\b/i
  },
  {
    kind: "context",
    of: "xAI",
    source: "https://github.com/earendil-works/pi/issues/129",
    words: /\bmaximum prompt length is [\d,]+ but the request contains [\d,]+ tokens/i
  },
  {
    kind: "context",
    of: "Together, Text Generation Inference",
    source: "https://github.com/huggingface/text-generation-inference (router/src/validation.rs)",
    words: /`?inputs`? (?:tokens \+ `?max_new_tokens`? must be <=|must have less than) ?[\d,]+/i
  },
  {
    kind: "context",
    of: "Together, SGLang, vLLM",
    source: "https://github.com/sgl-project/sglang, https://github.com/vllm-project/vllm",
    words:
      /\b(?:input|prompt) \((?:length )?[\d,]+(?: tokens)?\) is longer than the (?:model'?s context length|maximum model length)\b/i
  },
  {
    kind: "context",
    of: "Moonshot",
    source: "https://platform.moonshot.ai/docs/api/chat",
    words: /\brequest exceeded model token limit: [\d,]+/i
  },
  {
    kind: "context",
    of: "DashScope",
    source: "https://help.aliyun.com/zh/model-studio/error-code",
    words: /\brange of input length should be \[\d+, ?\d+\]/i
  },
  {
    kind: "context",
    of: "Cohere",
    source: "https://docs.cohere.com/reference/errors",
    words:
      /\btoo many tokens: (?:total number of tokens in the prompt cannot exceed|size limit exceeded by) \d+/i
  },
  {
    kind: "context",
    of: "LM Studio",
    source: "https://github.com/lmstudio-ai/lmstudio-bug-tracker",
    words:
      /\btrying to keep the first \d+ tokens when context\b|\btokens to keep from the initial prompt is greater than the context length\b|\breached context length of [\d,]+ tokens with model loaded\b/i,
    statuses: local
  },
  {
    kind: "context",
    of: "llama.cpp",
    source: "https://github.com/ggml-org/llama.cpp (tools/server)",
    words:
      /\brequest (?:\([\d,]+ tokens\) )?exceeds the available context size\b|\bcontext size has been exceeded\b|\binput is larger than the max context size\b/i,
    statuses: local
  },
  {
    kind: "context",
    of: "Ollama",
    source: "https://github.com/ollama/ollama (server/routes.go)",
    words:
      /\binput length exceeds (?:the |maximum )?context length\b|\bprompt too long; exceeded (?:max )?context length\b/i,
    statuses: local
  },
  {
    kind: "context",
    of: "GitHub Models",
    source: "https://docs.github.com/en/github-models",
    words: /\brequest body too large for \S+ model\. max size: \d+ tokens/i
  },
  {
    kind: "context",
    of: "GitHub Copilot",
    source: "https://github.com/earendil-works/pi/issues/129",
    words: /\bprompt token count of \d+ exceeds the limit of \d+/i
  },
  {
    kind: "context",
    of: "Bedrock",
    source: "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html",
    words: /\binput is too long for requested model\b/i
  },
  {
    kind: "context",
    of: "MiniMax",
    source: "https://github.com/earendil-works/pi/issues/129",
    words: /\bcontext window exceeds limit\b/i
  },
  {
    kind: "context",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    words: /\bprompt exceeds max length\b/i
  },
  {
    kind: "model",
    of: "OpenRouter",
    source: "https://openrouter.ai/docs/api-reference/errors",
    words: /\bis not a valid model ID\b/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "DeepSeek, SiliconFlow, Zhipu",
    source: "https://github.com/BerriAI/litellm/issues/9817",
    words: /\bmodel (?:does )?not exist\b|^模型不存在/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "Mistral, Perplexity, LiteLLM",
    source: "https://docs.perplexity.ai, https://github.com/BerriAI/litellm",
    words: /^invalid model\b|\binvalid model name passed in model=/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "OpenAI, vLLM, Groq",
    source: "https://github.com/skorokithakis/sysaidmin/issues/9, https://console.groq.com/docs/deprecations",
    words:
      /\bmodel [`'"]?[\w./:@-]+[`'"]? (?:does not exist|has been (?:decommissioned|deprecated|retired)|is no longer (?:available|supported)|is not (?:available|supported|found)(?=$|[.,!]))/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "OpenAI, Together",
    source: "https://community.openai.com, https://docs.together.ai/docs/error-codes",
    words: /\bdoes not have access to (?:the )?model\b|\bunable to access (?:non-serverless )?model\b/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "Bedrock, Gemini, Hugging Face",
    source: "https://docs.aws.amazon.com/bedrock, https://huggingface.co/docs/inference-providers",
    words:
      /\bprovided model identifier is invalid\b|\bunexpected model name format\b|\brequested model '[^']+' is not supported by any provider\b|^the requested model is not supported\b|\baccess to the model with the specified model ID\b|\bwith on-demand throughput isn.t supported\b/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "Cohere, Ollama, Routeway, xAI, Moonshot, MiniMax",
    source: "https://github.com/tashfeenahmed/freellmapi/pull/1143, https://docs.cohere.com/reference/errors",
    words:
      /^(?:no model found|no such model|(?:unknown|unsupported|unavailable) model|model not found)\b|\binvalid params, unknown model\b|^not found the model\b|\bmodel [`'"]?[\w./:@-]+[`'"]? not found\b/i,
    statuses: absent
  },
  {
    kind: "malformed",
    of: "Groq, passed on without its code",
    source: "https://github.com/lucagrippa/obsidian-ai-tagger/issues/34",
    words:
      /\bfailed to (?:call a function|generate JSON|validate JSON)\b.*'failed_generation'|^tool call validation failed: attempted to call tool\b/is
  },
  {
    kind: "quota",
    of: "Anthropic",
    source: "https://docs.claude.com/en/api/errors",
    words: /\bcredit balance is too low\b|\breached your specified\b.*\busage limits\b/is,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "DeepSeek, OpenRouter, Moonshot, SiliconFlow",
    source:
      "https://api-docs.deepseek.com/quick_start/error_codes, https://openrouter.ai/docs/api-reference/errors",
    words: /\binsufficient (?:account )?(?:balance|credits?|funds)\b|\baccount balance is insufficient\b/i,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "OpenRouter",
    source: "https://openrouter.ai/docs/api-reference/limits",
    words: /^key limit exceeded\b/i,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "One API, New API",
    source:
      "https://github.com/popjane/free_chatgpt_api/issues/78, https://github.com/QuantumNous/new-api/issues/6929",
    words: /\buser quota is not enough\b|用户额度不足|余额不足|欠费/i,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "xAI",
    source:
      "https://github.com/continuedev/continue/issues/10373, https://github.com/warpdotdev/warp/issues/14863",
    words:
      /\bused all available credits or reached its monthly spending limit\b|\bteam doesn't have any credits yet\b/i,
    statuses: unpaid
  },
  {
    // Gemini says the same of limits that are there again in a minute, and which one it was.
    kind: "quota",
    of: "OpenAI, passed on without its code",
    source: "https://platform.openai.com/docs/guides/error-codes",
    words:
      /^(?!.*\b(?:quota exceeded for metric|retry in)\b).*\bexceeded your current quota, please check your plan and billing details\b/is,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "Fireworks, LiteLLM",
    source: "https://docs.fireworks.ai, https://docs.litellm.ai/docs/proxy/users",
    words:
      /\bis suspended, possibly due to reaching the monthly spending limit\b|^budget has been exceeded! current cost\b/i,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "DashScope",
    source: "https://help.aliyun.com/zh/model-studio/error-code",
    words: /\bmake sure your account is in good standing\b/i,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "Hugging Face, Cohere, Azure API Management",
    source:
      "https://huggingface.co/docs/inference-providers/pricing, https://docs.cohere.com/docs/rate-limits",
    words:
      /\bexceeded your monthly included credits\b|\btrial key, which is limited to \d+ API calls \/ month\b|\bout of call volume quota\b/i,
    statuses: unpaid
  },
  {
    kind: "policy",
    of: "OpenRouter",
    source: "https://openrouter.ai/docs/api-reference/errors",
    words: /\brequires moderation\b.*\byour input was flagged\b|^(?:your )?input was flagged\b/is,
    statuses: moderated
  },
  {
    kind: "policy",
    of: "Anthropic, MiniMax, Volcengine",
    source: "https://docs.claude.com/en/api/errors, https://platform.minimaxi.com/document/error-code",
    words:
      /\boutput blocked by content filtering policy\b|^(?:in|out)put new_sensitive\b|\binput text may contain sensitive information\b/i,
    statuses: moderated
  },
  {
    kind: "policy",
    of: "DashScope",
    source: "https://github.com/QwenLM/qwen-code/issues/2905",
    words: /\bDataInspectionFailed\b|\bdata may contain inappropriate content\b/i,
    statuses: moderated
  },
  {
    kind: "policy",
    of: "DeepSeek, xAI, Moonshot",
    source: "https://github.com/deepseek-ai/awesome-deepseek-integration/issues/13, https://docs.x.ai",
    words:
      /^content exists risk\b|\bcontent violates usage guidelines\b|\brequest was rejected because it was considered high risk\b/i,
    statuses: moderated
  },
  {
    kind: "policy",
    of: "OpenAI, Azure, Together",
    source: "https://learn.microsoft.com/azure/ai-services/openai/concepts/content-filter",
    words:
      /\bflagged as potentially violating our usage policy\b|\brejected as a result of our safety system\b|\bresponse was filtered due to the prompt triggering\b|\binput text data failed moderation\b/i,
    statuses: moderated
  },
  {
    kind: "authentication",
    of: "Gemini",
    source: "https://github.com/continuedev/continue/issues/10290",
    words:
      /^API key (?:not valid|expired)\b|^missing or invalid authorization header\b|^multiple authentication credentials received\b/i
  },
  {
    kind: "authentication",
    of: "xAI, OpenAI",
    source: "https://docs.x.ai/docs/guides/errors",
    words: /\bincorrect API key provided\b|^invalid API[ -]?key\b|^no API key provided\b/i
  },
  {
    kind: "authentication",
    of: "DeepSeek, Z.ai, MiniMax, LiteLLM",
    source: "https://api-docs.deepseek.com/quick_start/error_codes, https://docs.z.ai/api-reference/api-code",
    words: /^authentication (?:fails|failed|error)\b|^login fail\b/i
  }
]

/** Every failure that servers tell of in a way of their own. */
export const rows: ReadonlyArray<Row> = [...codes, ...words]

/** The names of the families of errors, which say less than a status does. */
export const types: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  // https://docs.claude.com/en/api/errors
  ["authentication_error", "authentication"],
  ["permission_error", "authentication"],
  ["request_too_large", "input"],
  ["invalid_request_error", "input"],
  ["not_found_error", "model"],
  ["rate_limit_error", "rate"],
  ["timeout_error", "timeout"],
  ["overloaded_error", "overloaded"],
  ["api_error", "server"],
  // https://platform.openai.com/docs/guides/error-codes
  ["server_error", "server"],
  // https://cloud.google.com/apis/design/errors
  ["unauthenticated", "authentication"],
  ["permission_denied", "authentication"],
  ["invalid_argument", "input"],
  ["not_found", "model"],
  ["deadline_exceeded", "timeout"],
  ["unavailable", "overloaded"],
  ["internal", "server"]
])
