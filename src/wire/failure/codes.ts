import type { Row } from "./row.js"

/** Failures that a code or a type tells. */
export const codes: ReadonlyArray<Row> = [
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
    // What it calls a quota is there again in a second or a minute.
    kind: "rate",
    of: "Cerebras",
    source: "https://github.com/explyt/explyt/issues/35, https://github.com/anomalyco/opencode/issues/7463",
    codes: ["request_quota_exceeded", "token_quota_exceeded"]
  },
  {
    kind: "rate",
    of: "Databricks",
    source: "https://github.com/n8n-io/n8n/pull/38642",
    codes: ["request_limit_exceeded"]
  },
  {
    // The limit of a minute, under the name that others have for an empty account.
    kind: "rate",
    of: "DashScope",
    source: "https://github.com/anomalyco/opencode/issues/23722",
    codes: ["insufficient_quota"],
    words: /\/error-code#token-limit\b/
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
    codes: ["arrearage", "accountoverdueerror", "setlimitexceeded", "allocationquota.freetieronly"]
  },
  {
    kind: "quota",
    of: "DashScope",
    source: "https://github.com/modelscope/ms-agent/issues/50",
    codes: ["throttling.allocationquota"],
    words: /^free allocated quota exceeded\b/i
  },
  {
    kind: "quota",
    of: "Vercel",
    source: "https://github.com/0xzr/freellmpool/pull/117",
    codes: ["customer_verification_required", "insufficient_funds"]
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
    codes: ["1113", "1304", "1308", "1309", "1310"],
    statuses: [0, 429]
  },
  {
    kind: "rate",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code",
    codes: ["1302", "1303"],
    statuses: [0, 429]
  },
  {
    kind: "overloaded",
    of: "Z.ai",
    source: "https://docs.z.ai/api-reference/api-code, https://github.com/HKUDS/nanobot/pull/3864",
    codes: ["1305"],
    statuses: [0, 429]
  },
  {
    kind: "overloaded",
    of: "Gemini",
    source: "https://github.com/decolua/9router/issues/1106",
    codes: ["model_capacity_exhausted"]
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
    of: "OpenAI's Responses",
    source: "https://platform.openai.com/docs/api-reference/responses/object",
    codes: ["bio_policy", "cyber_policy", "image_content_policy_violation"]
  },
  {
    kind: "input",
    of: "OpenAI's Responses, of images within an answer",
    source: "https://platform.openai.com/docs/api-reference/responses/object",
    codes:
      /^(?:invalid_(?:base64_)?image(?:_\w+)?|image_(?:too|parse|file)_\w+|empty_image_file|unsupported_image_media_type|failed_to_download_image|data_residency_mismatch)$/
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
    of: "OpenAI",
    source: "https://github.com/songquanpeng/one-api/issues/1692",
    codes: ["unsupported_country_region_territory"]
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
