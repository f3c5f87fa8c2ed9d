import type { Row } from "./row.js"

/** Statuses under which accounts without credit are told of. */
const unpaid = [0, 400, 402, 403, 412, 429]

/** Statuses under which models that aren't there are told of, besides 404. */
const absent = [0, 400, 403, 404, 422]

/** Statuses under which moderation is told of. */
const moderated = [0, 400, 403, 422, 451]

/** Servers of one's own tell of overflows as of failures of theirs. */
const local = [0, 400, 413, 422, 500]

/** Failures that only words tell. */
export const words: ReadonlyArray<Row> = [
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
    source:
      "https://github.com/vllm-project/vllm (entrypoints/renderer), https://github.com/vllm-project/vllm/issues/12165",
    words:
      /\bcontext length is only [\d,]+ tokens\b|\bmax_tokens must be at least 1, got -\d+|\btoo long to fit into the model \(context length [\d,]+\)/i
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
    source: "https://github.com/continuedev/continue/issues/10020, https://cloud.ibm.com/apidocs/watsonx-ai",
    words:
      /\blength of prompt_tokens \([\d,]+\) must be less than max_seq_len\b|\bmax_total_tokens \([\d,]+\) must be less than or equal to max_seq_len\b|\bnumber of input tokens [\d,]+ cannot exceed the total tokens limit [\d,]+/i
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
    source:
      "https://github.com/lmstudio-ai/lmstudio-bug-tracker, https://github.com/continuedev/continue/issues/11279",
    words:
      /\bcannot truncate prompt with n_keep \(\d+\) >= n_ctx\b|\btrying to keep the first \d+ tokens when context\b|\btokens to keep from the initial prompt is greater than the context length\b|\breached context length of [\d,]+ tokens with model loaded\b/i,
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
    source:
      "https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html, https://github.com/openclaw/openclaw/issues/58839",
    words:
      /\binput is too long for requested model\b|\b(?:ValidationException|ModelStreamErrorException): (?:the )?input (?:is too long|exceeds the max input token limit)\b/i
  },
  {
    kind: "context",
    of: "MiniMax, Snowflake",
    source:
      "https://github.com/earendil-works/pi/issues/129, https://github.com/posit-dev/positron/issues/11737",
    words: /\bcontext window exceeds limit\b|\bmax tokens of [\d,]+ exceeded\b/i
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
    of: "Cohere, Ollama, Routeway, xAI, Moonshot, MiniMax, watsonx, iFlytek",
    source: "https://github.com/tashfeenahmed/freellmapi/pull/1143, https://docs.cohere.com/reference/errors",
    words:
      /^(?:no model found|no such model|(?:unknown|unsupported|unavailable) model|model not found)\b|\binvalid params, unknown model\b|\binvalid model domain\b|^not found the model\b|\bmodel [`'"]?[\w./:@-]+[`'"]? (?:was )?not found\b/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "SambaNova, Volcengine, Cloudflare",
    source:
      "https://github.com/mozilla-ai/any-llm/issues/976, https://github.com/volcengine/MineContext/issues/328, https://github.com/cloudflare/cloudflare-docs/pull/19677",
    words:
      /\brequested model \([\w./:@-]+\) is not available\b|\bmodel or endpoint [\w./:@-]+ does not exist\b|\baccount is not allowed to access this model\b/i,
    statuses: absent
  },
  {
    kind: "model",
    of: "LM Studio",
    source:
      "https://github.com/continuedev/continue/issues/12794, https://github.com/tinyhumansai/openhuman/issues/4181",
    words: /^(?:failed to load model|no models loaded)\b/i,
    statuses: absent
  },
  {
    // A model that no channel has isn't there, whatever they call it.
    kind: "model",
    of: "One API, New API",
    source:
      "https://github.com/songquanpeng/one-api/issues/1494, https://github.com/songquanpeng/one-api/issues/2340",
    words: /对于模型.{0,100}无可用渠道|\bno available channels? for model\b/is,
    statuses: [...absent, 503]
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
    of: "MiniMax",
    source: "https://github.com/MiniMax-AI/MiniMax-M2/issues/62",
    words: /^insufficient balance \(1008\)/i,
    statuses: [500]
  },
  {
    kind: "quota",
    of: "OpenRouter",
    source: "https://openrouter.ai/docs/api-reference/limits, https://github.com/QwenLM/qwen-code/issues/73",
    words: /^key limit exceeded\b|\brequires more credits, or fewer max_tokens\b/i,
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
    // Gemini and DashScope say the same of limits that are there again in a minute, and which one it was.
    kind: "quota",
    of: "OpenAI, passed on without its code",
    source: "https://platform.openai.com/docs/guides/error-codes",
    words:
      /^(?!.*(?:\bquota exceeded for metric\b|\bretry in\b|\/error-code#token-limit\b)).*\bexceeded your current quota, please check your plan and billing details\b/is,
    statuses: unpaid
  },
  {
    kind: "quota",
    of: "Fireworks, LiteLLM",
    source:
      "https://docs.fireworks.ai, https://docs.litellm.ai/docs/proxy/users, https://github.com/BerriAI/litellm/issues/14144",
    words:
      /\bis suspended, possibly due to reaching the monthly spending limit\b|\bbudget has been exceeded!|^no deployments available - crossed budget\b/i,
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
    kind: "quota",
    of: "Ollama, Vercel, Baidu, iFlytek",
    source:
      "https://github.com/CCLMSY/nonebot-plugin-sparkapi/issues/8, https://github.com/continuedev/continue/issues/11444, https://github.com/Aider-AI/aider/pull/4495, https://github.com/zhayujie/CowAgent/issues/2024",
    words:
      /\breached your (?:session|hourly|daily|weekly|monthly) usage limit\b|^free credits temporarily have restricted access\b|\bopen api (?:daily|total) request limit reached\b|^AppIdNoAuthError\b/i,
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
    of: "Zhipu",
    source: "https://github.com/langchain4j/langchain4j/issues/1079",
    words: /可能包含不安全或敏感内容/,
    statuses: moderated
  },
  {
    // Groq is overloaded under this status.
    kind: "policy",
    of: "Cohere",
    source: "https://github.com/cohere-ai/cohere-developer-experience/pull/189",
    words: /\bunsafe request\b|\busage guidelines\b/i,
    statuses: [498]
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
    of: "xAI, OpenAI, Cohere",
    source: "https://docs.x.ai/docs/guides/errors, https://github.com/cohere-ai/cohere-toolkit/issues/857",
    words: /\bincorrect API key provided\b|^invalid API[ -]?(?:key|token)\b|^no API key provided\b/i
  },
  {
    kind: "authentication",
    of: "DeepSeek, Z.ai, MiniMax, LiteLLM",
    source: "https://api-docs.deepseek.com/quick_start/error_codes, https://docs.z.ai/api-reference/api-code",
    words: /^authentication (?:fails|failed|error)\b|^login fail\b/i
  },
  {
    kind: "authentication",
    of: "Anthropic, Gemini",
    source:
      "https://github.com/anthropics/claude-code/issues/72457, https://github.com/google-gemini/gemini-cli/issues/24641",
    words: /^this organization has been disabled\b|^user location is not supported\b/i
  },
  {
    kind: "overloaded",
    of: "NVIDIA, Mistral",
    source:
      "https://github.com/tashfeenahmed/freellmapi/issues/522, https://github.com/BerriAI/litellm/pull/25078",
    words: /\bDEGRADED function cannot be invoked\b|^service tier capacity exceeded\b/i,
    statuses: [0, 400, 429]
  },
  {
    kind: "overloaded",
    of: "Moonshot, Gemini, Cerebras, within a stream",
    source:
      "https://github.com/sandialabs/atlas-ui-3/issues/111, https://github.com/MoonshotAI/kimi-code/issues/3176, https://github.com/google-gemini/cookbook/issues/425",
    words:
      /^the (?:engine|model|server) is (?:currently )?overloaded\b|^we're experiencing high traffic right now\b|^this model is currently experiencing high demand\b/i,
    statuses: [0]
  },
  {
    kind: "rate",
    of: "Mistral, MiniMax, Baidu, OVH, within a stream",
    source:
      "https://github.com/ovh/shai/issues/105, https://github.com/pydantic/pydantic-ai/issues/1885, https://platform.minimaxi.com/document/error-code, https://cloud.baidu.com/doc/WENXINWORKSHOP",
    words:
      /^(?:api |requests? )?rate limit (?:is )?(?:exceeded|reached)\b|^too many requests\b|\bopen api qps request limit reached\b/i,
    statuses: [0]
  }
]
