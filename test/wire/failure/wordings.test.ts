/** What servers really answered, as public reports quote it, shortened; the reports stand beside it. */
import { assert, describe, it } from "@effect/vitest"
import * as failure from "../../../src/wire/failure.js"
import { kindOf } from "../../../src/wire/failure/kindOf.js"

type Case = readonly [whose: string, source: string, status: number, body: unknown]

const said = (message: string, more: object = {}) => ({ error: { message, ...more } })

/** What an error is that came with an error's status, or within a stream where that is 0. */
const read = (status: number, body: unknown): failure.Failure => {
  if (status === 0) return failure.fromJson(body)
  return failure.fromBody(typeof body === "string" ? body : JSON.stringify(body), status)
}

const are = (expected: failure.Kind, cases: ReadonlyArray<Case>): void => {
  it.each(cases)(`takes it for ${expected}: %s (%s)`, (_, __, status, body) => {
    assert.strictEqual(kindOf(read(status, body)), expected)
  })
}

describe("reported overflows", () => {
  are("context", [
    ["Snowflake", "posit-dev/positron#11737", 400, said("max tokens of 200000 exceeded", { code: "390142" })],
    [
      "SiliconFlow",
      "continuedev/continue#10020",
      400,
      '"max_total_tokens (33298) must be less than or equal to max_seq_len (32768)"'
    ],
    [
      "vLLM",
      "earendil-works/pi#5929",
      400,
      said(
        "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt contains at least 262145 input tokens, for a total of at least 262145 tokens.",
        { type: "BadRequestError", code: 400 }
      )
    ],
    [
      "NVIDIA",
      "Alishahryar1/free-claude-code#1198",
      400,
      { message: "max_tokens must be at least 1, got -853. (parameter=max_tokens, value=-853)", code: 400 }
    ],
    [
      "vLLM with pictures",
      "vllm-project/vllm#12165",
      400,
      said(
        "The prompt (total length 25938) is too long to fit into the model (context length 4096). Make sure that `max_model_len` is no smaller than the number of text tokens plus multimodal tokens."
      )
    ],
    [
      "LM Studio",
      "continuedev/continue#11279",
      400,
      { error: "Cannot truncate prompt with n_keep (4270) >= n_ctx (4096)" }
    ],
    [
      "LM Studio of its engine",
      "lmstudio-ai/lmstudio-bug-tracker",
      500,
      {
        error:
          "Engine protocol predict stream returned an error: {code:500, message:'Context size has been exceeded'}"
      }
    ],
    [
      "llama.cpp",
      "ggml-org/llama.cpp (tools/server)",
      500,
      said("Context size has been exceeded.", { code: 500, type: "server_error" })
    ],
    [
      "Bedrock",
      "openclaw/openclaw#58839",
      400,
      { message: "ValidationException: Input exceeds the max input token limit" }
    ],
    [
      "Bedrock in a stream",
      "openclaw/openclaw#58839",
      0,
      said("ModelStreamErrorException: Input is too long")
    ],
    [
      "a proxy for Anthropic",
      "openclaw/openclaw#20539",
      400,
      said(
        "LLM request rejected: input length and max_tokens exceed context limit: 170636 + 34048 > 200000, decrease"
      )
    ],
    [
      "SGLang in a stream",
      "ranxianglei/billion-context#493",
      0,
      {
        object: "error",
        message: "The input (400013 tokens) is longer than the model's context length (262144 tokens).",
        type: "BadRequestError",
        code: 400
      }
    ],
    [
      "DeepSeek",
      "continuedev/continue#9733",
      400,
      said(
        "This model's maximum context length is 131072 tokens. However, you requested 644796 tokens (640700 in the messages, 4096 in the completion)."
      )
    ],
    [
      "a router for DeepSeek",
      "musistudio/claude-code-router#692",
      400,
      said(
        `Error from provider(deepseek,deepseek-chat: 400): ${JSON.stringify(said("Prompt exceeds max length", { code: "1261" }))}`
      )
    ],
    ["Anthropic's proxy", "openclaw/openclaw (tests)", 400, said("Request size exceeds model context window")]
  ])
})

describe("reported models that aren't there", () => {
  are("model", [
    [
      "watsonx",
      "quarkiverse/quarkus-langchain4j#2569",
      400,
      said(
        "Model 'openai/gpt-oss-120b' was not found. This model may be unsupported, deprecated, or removed."
      )
    ],
    [
      "iFlytek",
      "zhayujie/CowAgent#2252",
      0,
      { code: 10_003, message: "ClientMsgError:(23:02:32.721) invalid model domain" }
    ],
    [
      "Groq",
      "continuedev/continue#9890",
      404,
      said("The model `llama3.1-405b` does not exist or you do not have access to it.")
    ],
    [
      "Cerebras",
      "decolua/9router#1106",
      404,
      {
        message: "Model zai-glm-4.7 does not exist or you do not have access to it.",
        type: "not_found_error"
      }
    ],
    [
      "Cerebras in a stream",
      "decolua/9router#1106",
      0,
      { message: "Model zai-glm-4.7 does not exist or you do not have access to it." }
    ],
    [
      "NVIDIA",
      "Alishahryar1/free-claude-code#1021",
      404,
      { status: 404, title: "Not Found", detail: "Function '23d4f03a': Not found for account 'Qawmu2vU'" }
    ],
    [
      "SambaNova",
      "mozilla-ai/any-llm#976",
      400,
      said("The requested model (DeepSeek-R1-Distill-Llama-70B) is not available on SambaNova Cloud.")
    ],
    [
      "GitHub Copilot",
      "caozhiyuan/copilot-api#129",
      400,
      said(
        `${JSON.stringify(said("The requested model is not supported.", { code: "model_not_supported", param: "model", type: "invalid_request_error" }))}\n`,
        { type: "error" }
      )
    ],
    [
      "Volcengine",
      "volcengine/MineContext#328",
      400,
      said("The model or endpoint doubao-240915 does not exist or you do not have access to it")
    ],
    [
      "Vertex AI through TrueFoundry",
      "truefoundry/models#946",
      404,
      {
        status: "failure",
        message:
          "vertex error: Publisher Model `projects/1` was not found or your project does not have access to it."
      }
    ],
    [
      "LM Studio that can't load it",
      "continuedev/continue#12794",
      400,
      said('Failed to load model "google/gemma-4-e4b". Error: Error loading model.')
    ],
    [
      "LM Studio without one",
      "tinyhumansai/openhuman#4181",
      400,
      said("No models loaded. Please load a model in the developer page.", {
        type: "invalid_request_error",
        param: "model"
      })
    ],
    [
      "One API",
      "songquanpeng/one-api#2340",
      503,
      said("当前分组 default 下对于模型 gpt3 无可用渠道 (request id: 2025121521)", { type: "one_api_error" })
    ],
    [
      "New API",
      "a37836323/-chatgpt4.0-api-key#2",
      503,
      said("No available channels for model gpt5 in group default (request id: …)", { type: "new_api_error" })
    ],
    [
      "Cloudflare",
      "anomalyco/opencode#23773",
      404,
      {
        result: null,
        success: false,
        errors: [{ code: 7003, message: "Could not route to /client/v4/accounts/x, perhaps your object …" }]
      }
    ],
    [
      "Cloudflare's private models",
      "cloudflare/cloudflare-docs#19677",
      403,
      { success: false, errors: [{ code: 5018, message: "The account is not allowed to access this model" }] }
    ],
    ["Azure", "rusiaaman/chat.md#2", 404, { error: { code: "404", message: "Resource not found" } }],
    [
      "OpenRouter",
      "continuedev/continue#10322",
      400,
      said("deepseek-r1t-chimera:free is not a valid model ID", { code: 400 })
    ]
  ])
})

describe("reported accounts without credit", () => {
  are("quota", [
    [
      "ChatGPT",
      "NousResearch/hermes-agent#57235",
      429,
      said("The usage limit has been reached", { type: "usage_limit_reached", resets_in_seconds: 756 })
    ],
    [
      "iFlytek",
      "CCLMSY/nonebot-plugin-sparkapi#8",
      0,
      { code: 11_200, message: "AppIdNoAuthError:(17:27:05.718) tokens.total" }
    ],
    [
      "MiniMax's Messages",
      "MiniMax-AI/MiniMax-M2#62",
      500,
      { type: "error", error: { type: "api_error", message: "insufficient balance (1008)" } }
    ],
    [
      "ModelScope",
      "modelscope/modelscope#1691",
      429,
      said("insufficient balance (1008)", { http_code: "429", type: "insufficient_balance_error" })
    ],
    [
      "Moonshot through a proxy",
      "anomalyco/opencode#24462",
      429,
      said("Error from provider: Provider returned error", {
        code: 429,
        metadata: {
          raw: JSON.stringify(
            said("Your account org-1 <ak-2> is suspended due to insufficient balance, please recharge")
          )
        }
      })
    ],
    [
      "Moonshot",
      "MoonshotAI/Kimi-K2#5",
      403,
      said("Your account is not active, organization <x> exceeded current quota, please check your plan", {
        type: "exceeded_current_quota_error"
      })
    ],
    [
      "Together",
      "expectedparrot/edsl#2098",
      402,
      said("Credit limit exceeded. Please navigate to https://api.together.xyz/settings/billing to add", {
        type: "credit_limit"
      })
    ],
    [
      "GitHub Copilot",
      "github/copilot-cli#730",
      402,
      { message: "You have no quota", code: "quota_exceeded" }
    ],
    [
      "GitHub Copilot in a stream",
      "github/copilot-cli#730",
      0,
      { message: "You have no quota", code: "quota_exceeded" }
    ],
    [
      "Z.ai through Vercel",
      "vercel/ai#9290",
      429,
      said("Insufficient balance or no resource package. Please recharge.", { type: "AI_APICallError" })
    ],
    [
      "Z.ai's five hours",
      "dirge-code/dirge#818",
      429,
      said("已达到 5 小时的使用上限。您的限额将在 2026-08-25 07:41:44 重置。", { code: "1308" })
    ],
    [
      "DashScope",
      "axoviq-ai/synthadoc#215",
      403,
      said("The free quota has been exhausted. To continue accessing the model on a paid basis, please", {
        type: "AllocationQuota.FreeTierOnly",
        code: "AllocationQuota.FreeTierOnly"
      })
    ],
    [
      "DashScope's free quota",
      "modelscope/ms-agent#50",
      429,
      { code: "Throttling.AllocationQuota", message: "Free allocated quota exceeded." }
    ],
    [
      "LiteLLM's team",
      "BerriAI/litellm#14144",
      400,
      said("Budget has been exceeded! Team=99c74652-6e33-4dbd-93f3-5b545da15ade")
    ],
    [
      "LiteLLM behind LiteLLM",
      "BerriAI/litellm#14144",
      400,
      said(
        "litellm.BadRequestError: OpenAIException - Budget has been exceeded! Current cost: 14.1, Max budget: 100.",
        { code: "400" }
      )
    ],
    [
      "LiteLLM's deployments",
      "BerriAI/litellm#14144",
      429,
      said(
        "No deployments available - crossed budget: Exceeded budget for deployment model_name: x, 0.36 >= 1d"
      )
    ],
    [
      "Venice",
      "veniceai/api-docs#149",
      402,
      { error: "Insufficient USD or Diem balance", code: "INSUFFICIENT_BALANCE" }
    ],
    [
      "Vercel's free credits",
      "Aider-AI/aider#4495",
      403,
      said(
        "Free credits temporarily have restricted access due to abuse. We are working on a resolution. Paid credits continue to have unrestricted access."
      )
    ],
    [
      "Vercel without a card",
      "0xzr/freellmpool#117",
      403,
      said("AI Gateway requires a valid credit card on file", { type: "customer_verification_required" })
    ],
    [
      "Ollama's cloud",
      "continuedev/continue#11444",
      429,
      {
        error: "you (x) have reached your session usage limit, upgrade for higher limits: https://ollama.com"
      }
    ],
    [
      "Ollama's cloud, free",
      "continuedev/continue#10579",
      429,
      { error: "you (x) have reached your session usage limit, please wait or upgrade to continue" }
    ],
    [
      "Volcengine's limit of one's own",
      "volcengine/MineContext#328",
      429,
      said(
        'Your account [21] has reached the set inference limit for the [doubao] model, and the model service has been paused. To continue using this model, please visit the Model Activation page to adjust or close the "Safe Experience Mode"',
        { code: "SetLimitExceeded" }
      )
    ],
    [
      "Baidu",
      "zhayujie/CowAgent#2024",
      0,
      { error_code: 17, error_msg: "Open api daily request limit reached" }
    ],
    [
      "OpenRouter through LiteLLM",
      "astrio-labs/forall#76",
      400,
      said(
        `litellm.APIError: APIError: OpenrouterException - ${JSON.stringify(said("This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 2666.", { code: 402 }))}`
      )
    ],
    [
      "OpenRouter's limit of a key",
      "anomalyco/opencode#12219",
      402,
      said("Prompt tokens limit exceeded: 230799 > 91442. To increase, visit https://openrouter.ai/settings")
    ],
    [
      "OpenAI",
      "BerriAI/litellm#2743",
      429,
      said("Your account is not active, please check your billing details on our website.", {
        type: "billing_not_active"
      })
    ],
    [
      "Anthropic",
      "anthropics/anthropic-sdk-typescript#618",
      400,
      {
        type: "error",
        error: {
          type: "invalid_request_error",
          message: "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing"
        }
      }
    ],
    [
      "Gatewayz",
      "Alpaca-Network/gatewayz-backend",
      402,
      said("Insufficient credits for this request. Maximum possible cost: $0.2000.", {
        type: "insufficient_credits"
      })
    ]
  ])
})

describe("reported limits of rate", () => {
  are("rate", [
    [
      "Databricks in a stream",
      "n8n-io/n8n#38642",
      0,
      {
        error_code: "REQUEST_LIMIT_EXCEEDED",
        message: "REQUEST_LIMIT_EXCEEDED: Exceeded workspace QPS rate limit for databricks-qwen35."
      }
    ],
    [
      "Llama API",
      "meta-llama/llama-models#354",
      429,
      {
        title: "Too Many Requests",
        detail: "You have exceeded the maximum number of tokens allowed within a given time frame.",
        status: 429
      }
    ],
    ["OVH in a stream", "ovh/shai#105", 0, { message: "API rate limit exceeded", request_id: "a" }],
    ["Vast", "vast-ai/docs#61", 429, "API requests too frequent"],
    [
      "Cerebras",
      "explyt/explyt#35",
      429,
      {
        message: "Requests per second limit exceeded - too many requests sent.",
        type: "too_many_requests_error",
        param: "quota",
        code: "request_quota_exceeded"
      }
    ],
    [
      "Cerebras' tokens",
      "anomalyco/opencode#7463",
      429,
      {
        message: "Tokens per minute limit exceeded - too many tokens processed.",
        type: "too_many_tokens_error",
        param: "quota",
        code: "token_quota_exceeded"
      }
    ],
    [
      "Mistral in a stream",
      "cline/cline#9085",
      0,
      { object: "error", message: "Rate limit exceeded", type: "rate_limited", param: null, code: "1300" }
    ],
    [
      "Mistral by its status",
      "raycast/extensions#31107",
      0,
      { object: "error", message: "no", type: "x", code: "1300", raw_status_code: 429 }
    ],
    ["Mistral", "pydantic/pydantic-ai#1885", 429, { message: "Requests rate limit exceeded" }],
    [
      "Together",
      "togethercomputer/MoA#27",
      429,
      said("You have been rate limited. Your rate limit is 60 queries per minute. Please navigate to …", {
        type: "credit_limit"
      })
    ],
    [
      "Moonshot",
      "MoonshotAI/kimi-cli#1599",
      429,
      said("Your account request reached organization TPD rate limit, current: 1526210, limit: 1500000", {
        type: "rate_limit_reached_error"
      })
    ],
    [
      "Xiaomi in a stream",
      "anomalyco/opencode#29912",
      0,
      { code: "429", message: "Error from provider (Xiaomi): Too many requests", type: "limitation" }
    ],
    ["New API", "zgsm-ai/costrict#136", 429, said("当前分组上游负载已饱和，请稍后再试 (request id: 1)")],
    [
      "DashScope's tokens of a minute",
      "anomalyco/opencode#23722",
      429,
      said(
        "You exceeded your current quota, please check your plan and billing details. For details, see: https://help.aliyun.com/zh/model-studio/error-code#token-limit",
        { type: "insufficient_quota", code: "insufficient_quota" }
      )
    ],
    [
      "DashScope's tokens of a minute, in words",
      "anomalyco/opencode#23722",
      429,
      said(
        "Error from provider (Alibaba): You exceeded your current quota, please check your plan and billing details. For details, see: https://help.aliyun.com/zh/model-studio/error-code#token-limit"
      )
    ],
    [
      "Bedrock",
      "anthropics/claude-code#1466",
      429,
      { message: "Too many tokens, please wait before trying again." }
    ],
    [
      "OpenRouter's free models",
      "cline/cline#5301",
      429,
      said(
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
        {
          code: 429
        }
      )
    ],
    [
      "Zhipu",
      "yilewang/llm-for-zotero#17",
      429,
      said("您的账户已达到速率限制，请您控制请求频率", { code: "1302" })
    ],
    ["Zhipu in a stream", "yilewang/llm-for-zotero#17", 0, said("您的账户已达到速率限制", { code: "1302" })],
    [
      "Vertex AI",
      "tech-shrimp/gemini-playground#10",
      429,
      said("Quota exceeded for quota metric 'Generate Content API requests per minute' and limit 'x'", {
        code: 429,
        status: "RESOURCE_EXHAUSTED",
        details: [{ reason: "RATE_LIMIT_EXCEEDED" }]
      })
    ],
    ["Baidu", "songquanpeng/one-api", 0, { error_code: 18, error_msg: "Open api qps request limit reached" }],
    [
      "ModelScope through a router",
      "musistudio/claude-code-router#692",
      429,
      said(
        'Error from provider(modelscope,Qwen/Qwen3: 429): {"errors":{"message":"Request limit exceeded."}}'
      )
    ]
  ])
})

describe("reported servers under load", () => {
  are("overloaded", [
    [
      "Cerebras in a stream",
      "sandialabs/atlas-ui-3#111",
      0,
      { message: "We're experiencing high traffic right now! Please try again soon." }
    ],
    [
      "NVIDIA",
      "tashfeenahmed/freellmapi#522",
      400,
      {
        status: 400,
        title: "Bad Request",
        detail: "Function id '87ea0ddc-cff1-4bca-bf8b-3bd98a35ddd0': DEGRADED function cannot be invoked"
      }
    ],
    [
      "Gemini within an error's words",
      "continuedev/continue#10639",
      0,
      said(
        JSON.stringify(
          said("This model is currently experiencing high demand. Please try again later.", {
            code: 503,
            status: "UNAVAILABLE"
          }),
          null,
          2
        ),
        { code: 503, status: "Service Unavailable" }
      )
    ],
    [
      "Gemini",
      "google-gemini/cookbook#425",
      503,
      said("The model is overloaded. Please try again later.", { code: 503, status: "UNAVAILABLE" })
    ],
    [
      "Gemini's servers",
      "decolua/9router#1106",
      429,
      said("No capacity available for model gemini-3-flash-preview on the server", {
        code: 429,
        status: "RESOURCE_EXHAUSTED",
        details: [{ reason: "MODEL_CAPACITY_EXHAUSTED" }]
      })
    ],
    [
      "Moonshot",
      "MoonshotAI/kimi-cli#2209",
      429,
      said("The engine is currently overloaded, please try again later", { type: "engine_overloaded_error" })
    ],
    [
      "Moonshot in words",
      "MoonshotAI/kimi-code#3176",
      0,
      said("The engine is currently overloaded, please try again later")
    ],
    [
      "Hugging Face",
      "huggingface/transformers#32665",
      503,
      { error: "Model meta-llama/Llama-2-13b-chat is currently loading", estimated_time: 20.0 }
    ],
    [
      "Mistral",
      "continuedev/continue#6185",
      429,
      {
        object: "error",
        message: "Service tier capacity exceeded for this model.",
        type: "invalid_request_error",
        param: null,
        code: null
      }
    ],
    [
      "Mistral in a stream",
      "BerriAI/litellm#25078",
      0,
      {
        object: "error",
        message: "Service tier capacity exceeded for this model.",
        type: "invalid_request_error"
      }
    ],
    ["Zhipu", "HKUDS/nanobot#3864", 429, said("该模型当前访问量过大，请您稍后再试", { code: "1305" })]
  ])
  are("server", [
    [
      "llama.cpp, whose model wrote no JSON",
      "ggml-org/llama.cpp#22072",
      500,
      said("Failed to parse tool call arguments as JSON: parse error at line 1, column 27: invalid string", {
        code: 500
      })
    ],
    [
      "llama.cpp, whose model wrote no call",
      "pwilkin/llama.cpp#5",
      500,
      said("Failed to parse input at pos 184: ...", { code: 500 })
    ],
    [
      "Ollama without memory",
      "continuedev/continue#12795",
      500,
      { error: "model requires more system memory (7.5 GiB) than is available (5.2 GiB)" }
    ]
  ])
})

describe("reported keys and accounts that aren't let in", () => {
  are("authentication", [
    [
      "Gemini's countries",
      "google-gemini/gemini-cli#24641",
      400,
      said(
        JSON.stringify(
          said("User location is not supported for the API use.", {
            code: 400,
            status: "FAILED_PRECONDITION"
          })
        ),
        { code: 400, status: "Bad Request" }
      )
    ],
    [
      "Snowflake",
      "vllm-project/semantic-router#3608",
      403,
      {
        code: "003001",
        message: "This account is not allowed to access this endpoint.",
        error_code: "003001"
      }
    ],
    [
      "Anthropic",
      "anthropics/claude-code#72457",
      400,
      {
        type: "error",
        error: { type: "invalid_request_error", message: "This organization has been disabled." }
      }
    ],
    ["MiniMax", "MiniMax-AI/MiniMax-01#37", 0, { message: "invalid api key", code: "2049" }],
    ["Cohere", "cohere-ai/cohere-toolkit#857", 401, { message: "invalid api token" }],
    ["Cohere behind a proxy", "cohere-ai/cohere-toolkit#857", 400, { message: "invalid api token" }],
    [
      "Azure's network",
      "continuedev/continue#12547",
      403,
      {
        code: "403",
        message: "A Virtual Network is configured for this resource. Please use the correct endpoint"
      }
    ],
    [
      "OpenAI's countries",
      "home-assistant/core#120072",
      403,
      said("Country, region, or territory not supported", {
        code: "unsupported_country_region_territory",
        type: "request_forbidden"
      })
    ],
    [
      "OpenAI's countries, passed on",
      "songquanpeng/one-api#1692",
      400,
      said("Country, region, or territory not supported (request id: 1)", {
        code: "unsupported_country_region_territory"
      })
    ],
    [
      "a restricted user",
      "anomalyco/opencode#48408",
      403,
      said("Upstream request failed: [user_blocked] Your access has been restricted due to repeated policy")
    ],
    [
      "a page",
      "langgenius/dify#2506",
      403,
      '<!doctype html><meta charset="utf-8"><meta name=viewport content="width=device-width"><title>403</title>403 Forbidden'
    ]
  ])
})

describe("reported moderation", () => {
  are("policy", [
    [
      "Zhipu",
      "langchain4j/langchain4j#1079",
      400,
      said("系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语", {
        code: "1301"
      })
    ],
    [
      "Zhipu passed on",
      "langchain4j/langchain4j#1079",
      400,
      said("系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语")
    ],
    [
      "DeepSeek through a broker",
      "NousResearch/hermes-agent#115218",
      400,
      said("Content Exists Risk", { type: "AI_APICallError" })
    ],
    [
      "DeepSeek through a router",
      "musistudio/claude-code-router#692",
      400,
      said(
        `Error from provider(deepseek,deepseek-chat: 400): ${JSON.stringify(said("Content Exists Risk"))}Error: at nt (cli.js:1)`
      )
    ],
    [
      "Azure through LiteLLM",
      "BerriAI/litellm#16231",
      400,
      said(
        "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        { code: "400", provider_specific_fields: { innererror: { code: "ResponsibleAIPolicyViolation" } } }
      )
    ],
    [
      "Cohere",
      "cohere-ai/cohere-developer-experience#189",
      498,
      { message: "Unsafe Request: blocked due to potential violations of the Usage Guidelines" }
    ]
  ])
})

describe("reported requests that a server can't take", () => {
  are("input", [
    [
      "Databricks",
      "leonardovida/duckdb-ai#85",
      400,
      "BAD_REQUEST: Model eu.anthropic.claude-opus-5 does not support the temperature parameter."
    ],
    [
      "Mistral",
      "editor-code-assistant/eca#231",
      422,
      {
        object: "error",
        message: {
          detail: [
            {
              type: "extra_forbidden",
              loc: ["body", "max_completion_tokens"],
              msg: "Extra inputs are not permitted"
            }
          ]
        },
        type: "invalid_request_error"
      }
    ],
    [
      "NVIDIA's tools",
      "hidenobunagai/nvidia-nim-provider#2",
      400,
      said('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', {
        type: "BadRequestError"
      })
    ],
    [
      "NVIDIA's names",
      "Alishahryar1/free-claude-code#1307",
      400,
      { message: "Validation: Function name at index 51 exceeds 96 character limit, got 102 characters" }
    ],
    [
      "Baidu",
      "songquanpeng/one-api#1487",
      400,
      said("parameter check failed, max_output_tokens range is [2, 1024]")
    ],
    [
      "Baidu's turns",
      "songquanpeng/one-api#625",
      400,
      said("the length of messages must be an odd number", { type: "baidu_error", code: 336_006 })
    ],
    [
      "Bedrock",
      "continuedev/continue#10148",
      400,
      "InvokeModelWithResponseStream: https response error StatusCode: 400, ValidationException: messages: text content blocks must be non-empty"
    ],
    [
      "Bedrock's answers",
      "RooCodeInc/Roo-Code#248",
      400,
      { message: "The maximum tokens you requested exceed the model limit of 4096. Try again with a maximum" }
    ],
    [
      "llama.cpp",
      "openclaw/openclaw#107430",
      400,
      said("Unable to generate parser for this template. Automatic parser generation failed: JSON schema")
    ],
    [
      "Yi",
      "cline/cline#547",
      400,
      "JSON parse error: Cannot deserialize value of type `java.lang.String` from Array"
    ],
    [
      "GitHub Copilot",
      "pssah4/vault-operator#28",
      400,
      said(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"
      )
    ],
    [
      "SambaNova through a router",
      "musistudio/claude-code-router#965",
      400,
      said(
        "Error from provider(sambanova,DeepSeek-V3.1: 400): Unable to tokenize message with status code 400 for model DeepSeek-V3.1: Invalid 'content' type. Expected one of: ['str'], got list."
      )
    ]
  ])
})

describe("reported waits", () => {
  it.each([
    ["Antigravity", "diegosouzapw/OmniRoute#858", said("Your quota will reset after 27h41m36s"), 86_400_000],
    ["ChatGPT", "NousResearch/hermes-agent#26893", said("no", { resets_in_seconds: 756 }), 756_000],
    [
      "Azure",
      "icereed/paperless-gpt#814",
      said("Your requests have exceeded the token rate limit for your tier. Please retry after 45 seconds."),
      45_000
    ],
    [
      "Azure API Management",
      "Azure-Samples/graphrag-accelerator#129",
      said("Rate limit is exceeded. Try again in 50 seconds."),
      50_000
    ],
    ["Azure's day", "jasonacox/TinyLLM#17", said("Please retry after 86400 seconds."), 86_400_000],
    [
      "Moonshot",
      "LLM-Red-Team/kimi-cc#16",
      said("request reached max organization concurrency: 1, please try again after 1 seconds"),
      1000
    ],
    [
      "Hugging Face",
      "huggingface/transformers#23793",
      { error: "Model x is currently loading", estimated_time: 300.889 },
      300_889
    ],
    [
      "Qoder",
      "decolua/9router#3510",
      {
        code: "403",
        message: JSON.stringify({
          code: "10605",
          message: JSON.stringify({ isQueued: false, queueCount: 0, retryAfterSeconds: 30 })
        })
      },
      30_000
    ],
    [
      "OpenAI",
      "Chanzhaoyu/chatgpt-web#1764",
      said("Limit: 3 / min. Please try again in 20s. Contact us"),
      20_000
    ]
  ] as const)("are read: %s (%s)", (_, __, body, ms) => {
    assert.strictEqual(read(429, body).wait?.(0), ms)
  })
})
