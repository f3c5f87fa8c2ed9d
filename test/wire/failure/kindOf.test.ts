import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as failure from "../../../src/wire/failure.js"
import { kindOf } from "../../../src/wire/failure/kindOf.js"
import { rows } from "../../../src/wire/failure/table.js"
import { runs } from "../../utils/property.js"

type Case = readonly [whose: string, status: number, body: unknown]

const said = (message: string, more: object = {}) => ({ error: { message, ...more } })

const kind = (status: number, body: unknown): failure.Kind =>
  kindOf(failure.fromBody(typeof body === "string" ? body : JSON.stringify(body), status))

const are = (expected: failure.Kind, cases: ReadonlyArray<Case>): void => {
  it.each(cases)(`takes it for ${expected}: %s (%i)`, (_, status, body) => {
    assert.strictEqual(kind(status, body), expected)
  })
}

const openAI =
  "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (8000 in your prompt; 1000 for the completion)."

describe("kindOf an overflow", () => {
  are("context", [
    ["OpenAI", 400, said("too long", { code: "context_length_exceeded" })],
    ["OpenAI without its code", 400, said(openAI)],
    ["OpenAI's Responses", 400, said("Your input exceeds the context window of this model. Please adjust.")],
    ["Azure", 400, said("Input tokens exceed the configured limit of 272000 tokens. Your messages …")],
    [
      "OpenRouter",
      400,
      said("This endpoint's maximum context length is 131072 tokens. However, you requested about 148000.")
    ],
    [
      "OpenRouter for another",
      400,
      said("Provider returned error", {
        code: 400,
        metadata: { raw: JSON.stringify(said("prompt is too long: 213456 tokens > 200000 maximum")) }
      })
    ],
    [
      "OpenRouter for another, in words",
      400,
      said("Provider returned error", { metadata: { raw: "Input is too long for requested model" } })
    ],
    ["Anthropic", 400, { type: "error", ...said("prompt is too long: 210000 tokens > 200000 maximum") }],
    [
      "Anthropic, no room for the answer",
      400,
      said("input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease")
    ],
    [
      "Gemini 2.0",
      400,
      [said("The input token count (2800010) exceeds the maximum number of tokens allowed (1).")]
    ],
    [
      "Gemini 2.5",
      400,
      [said("The input token count exceeds the maximum number of tokens allowed (1048576).")]
    ],
    [
      "xAI",
      400,
      {
        code: "Client specified an invalid argument",
        error: "This model's maximum prompt length is 131072 but the request contains 150000 tokens."
      }
    ],
    [
      "Together",
      422,
      said("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4000 `inputs`")
    ],
    ["SGLang", 400, said("The input (5000 tokens) is longer than the model's context length (4096 tokens).")],
    ["vLLM", 400, { object: "error", message: openAI, type: "BadRequestError", code: 400 }],
    [
      "vLLM's decoder",
      400,
      said("The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure")
    ],
    ["Moonshot", 400, said("Invalid request: Your request exceeded model token limit: 8192")],
    [
      "DashScope",
      400,
      said("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]")
    ],
    [
      "Cohere",
      400,
      { message: "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292" }
    ],
    [
      "LM Studio",
      400,
      {
        error:
          "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"
      }
    ],
    ["llama.cpp", 400, said("too long", { code: 400, type: "exceed_context_size_error", n_ctx: 4096 })],
    ["llama.cpp of before", 500, said("the request exceeds the available context size. try increasing it")],
    ["Ollama", 400, { error: "the input length exceeds the context length" }],
    ["Ollama in the cloud", 400, { error: "prompt too long; exceeded max context length by 1234 tokens" }],
    [
      "GitHub Models",
      413,
      said("Request body too large for gpt-4o model. Max size: 8000 tokens.", {
        code: "tokens_limit_reached"
      })
    ],
    ["GitHub Copilot", 400, said("prompt token count of 140000 exceeds the limit of 128000")],
    ["Bedrock", 400, { message: "ValidationException: Input is too long for requested model." }],
    [
      "Mistral",
      400,
      said("Prompt contains 140000 tokens, too large for model with 128000 maximum context length")
    ],
    ["Fireworks", 400, said("The prompt is too long: 140000, model maximum context length: 131071")],
    ["MiniMax", 400, said("invalid params, context window exceeds limit (2013)")],
    ["Z.ai", 400, said("Prompt exceeds max length", { code: "1261" })],
    [
      "LiteLLM for another",
      400,
      said(
        "litellm.BadRequestError: XaiException - This model's maximum prompt length is 5 but the request contains 9 tokens."
      )
    ]
  ])
})

describe("kindOf what is no overflow", () => {
  are("rate", [
    [
      "tokens of a minute",
      429,
      said("Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 28000, Requested 4000.")
    ],
    ["words of an overflow under a limit", 429, said(openAI)],
    [
      "Groq's request that is too large for a minute",
      413,
      said("Request too large for model on tokens per minute (TPM): please reduce your message size", {
        type: "tokens",
        code: "rate_limit_exceeded"
      })
    ]
  ])
  are("input", [
    [
      "an answer that is too long",
      400,
      said("max_tokens: 64000 > 32000, which is the maximum allowed number")
    ],
    ["a parameter", 400, said("Unsupported parameter: context length. Remove it and try again.")],
    ["a picture", 400, said("messages.1: image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes")],
    [
      "a prompt that is cited",
      400,
      said(`Invalid value: '${openAI.replaceAll("'", "’")}'. Supported values are: text.`)
    ],
    ["a prompt that is cited as JSON", 422, { detail: [{ msg: `Input should be a list, not "${openAI}"` }] }],
    ["a question about it", 400, said("Could not parse: what is the maximum context length of this model?")],
    ["another status", 405, said(openAI)],
    ["a server that can't tools", 400, said("The model `x` does not support tools")],
    ["a model's parameter", 400, said("The model `x` does not accept temperature")],
    ["a body that is too large", 413, "<html><head><title>413 Request Entity Too Large</title></head></html>"]
  ])
  are("server", [["a failure of its own", 500, said("prompt is too long")]])
})

describe("kindOf a model that isn't there", () => {
  are("model", [
    ["OpenRouter", 400, said("google/gemini-9 is not a valid model ID", { code: 400 })],
    [
      "DeepSeek",
      400,
      said("Model Not Exist", { type: "invalid_request_error", code: "invalid_request_error" })
    ],
    ["Mistral", 400, { object: "error", message: "Invalid model: m", type: "invalid_model", code: "1500" }],
    ["Perplexity", 400, said("Invalid model 'x'. Permitted models can be found in the documentation")],
    ["Groq, retired", 400, said("The model `m` has been decommissioned and is no longer supported.")],
    ["Groq, by its code", 400, said("retired", { code: "model_decommissioned" })],
    ["LiteLLM", 400, said("/chat/completions: Invalid model name passed in model=nope. Call `/v1/models`")],
    [
      "OpenAI, no access",
      403,
      said("Project `p` does not have access to model `gpt-5`", { code: "model_not_found" })
    ],
    ["OpenAI, no access, without a code", 403, said("Project `p` does not have access to model `gpt-5`")],
    ["Together", 400, said("Unable to access model x. Please visit …", { code: "model_not_available" })],
    ["SiliconFlow", 400, { code: 20_012, message: "Model does not exist. Please check it carefully." }],
    ["vLLM", 422, said("The model `x/y-7B` does not exist.")],
    ["Bedrock", 400, { message: "The provided model identifier is invalid." }],
    [
      "Hugging Face",
      400,
      said("The requested model 'a/b' is not supported by any provider you have enabled.")
    ],
    ["Routeway", 400, said("No model found: x")],
    ["Cohere", 400, { message: "model 'x' not found, make sure the correct model ID was used" }],
    [
      "Azure",
      404,
      said("The API deployment for this resource does not exist.", { code: "DeploymentNotFound" })
    ]
  ])
})

describe("kindOf what a model did wrong", () => {
  are("malformed", [
    [
      "Groq's call",
      400,
      said("Failed to call a function.", { code: "tool_use_failed", failed_generation: "" })
    ],
    ["Groq's JSON", 400, said("Failed to generate JSON.", { code: "json_validate_failed" })],
    [
      "Groq through a proxy",
      400,
      said(
        "GroqException - Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details."
      )
    ]
  ])
})

describe("kindOf an account without credit", () => {
  are("quota", [
    [
      "DashScope",
      400,
      { code: "Arrearage", message: "Access denied, please make sure your account is in good standing." }
    ],
    ["DashScope in words", 400, said("Access denied, please make sure your account is in good standing.")],
    ["Moonshot", 429, said("Your account is suspended", { type: "exceeded_current_quota_error" })],
    ["One API", 403, said("user quota is not enough (request id: 1)", { code: "insufficient_user_quota" })],
    ["New API", 403, said("用户额度不足, 剩余额度: ＄-0.000002")],
    ["Sub2API", 403, { code: "INSUFFICIENT_BALANCE", message: "Insufficient account balance" }],
    ["DeepSeek", 402, said("Insufficient Balance")],
    ["DeepSeek behind a proxy", 400, said("Insufficient Balance")],
    [
      "xAI",
      429,
      { error: "Your team t has either used all available credits or reached its monthly spending limit." }
    ],
    [
      "xAI, forbidden",
      403,
      { error: "Your team t has either used all available credits or reached its monthly spending limit." }
    ],
    ["OpenRouter's key", 403, said("Key limit exceeded (total limit). Manage it using …", { code: 403 })],
    ["Anthropic", 400, said("Your credit balance is too low to access the Anthropic API.")],
    [
      "Anthropic's limit",
      400,
      said("You have reached your specified API usage limits. You will regain access …")
    ],
    ["Z.ai", 429, said("余额不足或无可用资源包,请充值。", { code: "1113" })],
    [
      "Hugging Face",
      403,
      { error: "You have exceeded your monthly included credits for Inference Providers." }
    ],
    ["Cohere", 429, { message: "You are using a Trial key, which is limited to 1000 API calls / month." }],
    [
      "Azure API Management",
      403,
      { message: "Out of call volume quota. Quota will be replenished in 01:02:03." }
    ],
    [
      "Gemini without a plan",
      429,
      [
        said("Quota exceeded for metric: generate_content_free_tier_requests, limit: 0", {
          status: "RESOURCE_EXHAUSTED"
        })
      ]
    ]
  ])
  are("rate", [
    [
      "Gemini's limit of a minute",
      429,
      [
        {
          error: {
            code: 429,
            message: "You exceeded your current quota, please check your plan and billing details. limit: 20",
            status: "RESOURCE_EXHAUSTED",
            details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "39s" }]
          }
        }
      ]
    ],
    ["a limit that speaks of balance", 429, said("Balance your requests: insufficient capacity")]
  ])
  are("authentication", [["a forbidden key", 403, said("Your key may not use credits")]])
})

describe("kindOf a bad key", () => {
  are("authentication", [
    [
      "Gemini",
      400,
      [said("API key not valid. Please pass a valid API key.", { code: 400, status: "INVALID_ARGUMENT" })]
    ],
    ["Gemini by its reason", 400, said("no", { details: [{}, { reason: "API_KEY_INVALID" }] })],
    [
      "Gemini within an error's words",
      400,
      said(JSON.stringify(said("API key not valid. Please pass a valid one.")))
    ],
    ["Gemini's expired one", 400, [said("API key expired. Please renew the API key.")]],
    [
      "xAI",
      400,
      { code: "Client specified an invalid argument", error: "Incorrect API key provided: ab***." }
    ],
    ["plainly", 401, said("no")]
  ])
  are("input", [["a field of that name", 400, said("Unknown field api key in metadata")]])
})

describe("kindOf moderation", () => {
  are("policy", [
    [
      "OpenRouter",
      403,
      said(
        'openai/x requires moderation on OpenAI. Your input was flagged for "sexual". No credits were charged.',
        {
          code: 403
        }
      )
    ],
    [
      "DashScope",
      400,
      said("Input data may contain inappropriate content.", { code: "data_inspection_failed" })
    ],
    [
      "DashScope in words",
      400,
      said(
        "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate content."
      )
    ],
    ["DeepSeek", 400, said("Content Exists Risk")],
    [
      "xAI",
      403,
      { error: "Content violates usage guidelines. Team: t. Failed check: SAFETY_CHECK_TYPE_BIO" }
    ],
    ["Moonshot", 400, said("The request was rejected because it was considered high risk")],
    [
      "OpenAI",
      400,
      said("Invalid prompt: your prompt was flagged as potentially violating our usage policy.")
    ],
    ["Azure", 400, said("no", { innererror: { code: "ResponsibleAIPolicyViolation" } })],
    ["Together", 422, said("Input text data failed moderation")]
  ])
  are("authentication", [["a key without the right", 403, said("Your key has no right to moderation")]])
})

describe("kindOf a proxy's page", () => {
  const page = (title: string): string =>
    `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body>${openAI}`
  are("server", [["Cloudflare", 502, page("502 Bad Gateway")]])
  are("authentication", [["Cloudflare's challenge", 403, page("Just a moment...")]])
  are("input", [["whatever it says", 400, page("400 Bad Request")]])
  it("isn't shown", () => {
    const told = failure.fromBody(page("502 Bad Gateway"), 502).message
    assert.strictEqual(told, "it answers with a page instead of JSON: 502 Bad Gateway")
    for (const bare of [
      "<html><body>No</body></html>",
      '<?xml version="1.0"?><Error/>',
      "<!-- nginx --><p>"
    ]) {
      assert.strictEqual(failure.fromBody(bare, 500).message, "it answers with a page instead of JSON")
    }
  })
})

describe("kindOf", () => {
  it("prefers a code to words, words to the status, and the status to the type", () => {
    assert.strictEqual(kind(400, said(openAI, { code: "content_filter" })), "policy")
    assert.strictEqual(kind(403, said("Insufficient Balance", { type: "permission_error" })), "quota")
    assert.strictEqual(kind(429, said("no", { type: "invalid_request_error" })), "rate")
    assert.strictEqual(kind(400, said("no", { type: "overloaded_error" })), "overloaded")
  })

  it("goes by the type where there is no status, and never takes a server's failure for the caller's", () => {
    const within = (type: string) => kindOf(failure.fromJson({ error: { type, message: "no" } }))
    assert.strictEqual(within("invalid_request_error"), "input")
    assert.strictEqual(within("authentication_error"), "authentication")
    assert.strictEqual(within("unheard_of"), "server")
    assert.strictEqual(kind(500, said("no", { type: "invalid_request_error" })), "server")
    assert.strictEqual(kind(500, said("no", { type: "overloaded_error" })), "overloaded")
  })

  it("gives each row its source, and no words that a single term would meet", () => {
    for (const { of, source, words } of rows) {
      assert.match(source, /^https:\/\//, of)
      for (const term of [
        "context",
        "tokens",
        "model",
        "quota",
        "credits",
        "moderation",
        "API key",
        "length"
      ]) {
        assert.isNotTrue(words?.test(term), `${of}: ${term}`)
      }
    }
  })

  it("reads any JSON, however deep errors are wrapped", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.jsonValue(), FastCheck.integer({ min: 400, max: 599 }), (body, status) => {
        const read = failure.fromBody(JSON.stringify({ error: body }), status)
        assert.strictEqual(read.status, status)
        assert.isString(kindOf(read))
        read.wait?.(0)
      }),
      runs(300).fastCheck
    )
    let wrapped = JSON.stringify(said("deep"))
    for (let depth = 0; depth < 6; depth++) wrapped = JSON.stringify(said(wrapped))
    assert.isString(failure.fromBody(wrapped, 400).message)
  })
})

describe("kindOf what other servers say of the same", () => {
  are("context", [
    ["ds4", 400, said("Prompt tokens (9001) exceeds context size (8192)", { type: "context_exceeded" })],
    ["ds4 without its type", 400, said("Prompt tokens (9001) exceeds context size (8192)")],
    ["DashScope", 400, said("Input length 140001 exceeds the maximum length 129024")],
    ["DeepInfra", 400, { detail: said("Requested input length 9000 exceeds maximum input length 8191") }],
    [
      "LM Studio while it writes",
      400,
      { error: "Reached context length of 4096 tokens with model loaded, but …" }
    ],
    [
      "vLLM",
      400,
      said("You passed 5000 input tokens. However, the model's context length is only 4096 tokens")
    ],
    ["vLLM, no room for the answer", 400, said("max_tokens must be at least 1, got -12.")],
    [
      "Cerebras",
      400,
      { message: "Please reduce the length of the messages or completion. Current length is 9" }
    ],
    [
      "SiliconFlow",
      400,
      { code: 20015, message: "length of prompt_tokens (9) must be less than max_seq_len (8)." }
    ],
    ["Volcengine", 400, said("Total tokens of image and text exceed max message tokens")],
    [
      "Vertex AI",
      400,
      said("Unable to submit: the input token count is 1100000 but model only supports up to 9")
    ],
    [
      "watsonx",
      400,
      { errors: [{ message: "the number of input tokens 9 cannot exceed the total tokens limit 8" }] }
    ],
    [
      "Cloudflare",
      400,
      { errors: [{ message: "AiError: tokens (9) exceeded this model context window limit (8)." }] }
    ],
    ["LiteLLM's class", 400, said("litellm.ContextWindowExceededError: litellm.BadRequestError: no")],
    [
      "LiteLLM for another",
      400,
      said(
        `litellm.BadRequestError: AnthropicException - ${JSON.stringify(said("prompt is too long: 9 > 8"))}. Group=x`
      )
    ]
  ])
  are("input", [
    [
      "a citation of an overflow",
      400,
      said(`Invalid value: '${JSON.stringify(said("prompt is too long: 9 > 8"))}'`)
    ],
    ["a limit of the answer", 400, said("max_tokens must be at least 1, got 0.")]
  ])
  are("model", [
    ["Zhipu", 400, said("模型不存在，请检查模型代码。", { code: "1211" })],
    ["GitHub Models", 400, said("no", { code: "unavailable_model" })],
    ["Groq", 403, said("no", { code: "model_permission_blocked_org" })],
    ["LiteLLM", 401, said("key not allowed to access model.", { type: "key_model_access_denied" })],
    ["Bedrock", 403, { message: "You don't have access to the model with the specified model ID." }],
    [
      "Bedrock, a profile",
      400,
      { message: "Invocation of model ID x with on-demand throughput isn’t supported." }
    ],
    ["xAI", 400, { code: "Client specified an invalid argument", error: "Model not found: grok-0" }],
    ["Volcengine", 404, said("no", { code: "ModelNotOpen" })],
    ["DashScope", 403, { code: "Model.AccessDenied", message: "Model access denied." }],
    [
      "Moonshot",
      400,
      said("Not found the model kimi-0 or Permission denied", { type: "resource_not_found_error" })
    ],
    ["a broker", 400, said("Model a/b is not available.")],
    ["a model that is gone", 410, said("retired")]
  ])
  are("input", [["a part of what the model takes", 400, said("Model a/b is not available for images")]])
  are("quota", [
    [
      "LiteLLM",
      400,
      said("Budget has been exceeded! Current cost: 2, Max budget: 1", { type: "budget_exceeded" })
    ],
    ["DashScope's free tier", 403, said("no", { code: "AllocationQuota.FreeTierOnly" })],
    [
      "OpenAI's words alone",
      429,
      said("You exceeded your current quota, please check your plan and billing details.")
    ],
    ["xAI", 403, { error: "Your newly created team doesn't have any credits yet." }],
    ["Fireworks", 412, said("Account a is suspended, possibly due to reaching the monthly spending limit")]
  ])
  are("rate", [
    [
      "Gemini's minute",
      429,
      said("You exceeded your current quota, please check your plan and billing details. Please retry in 9s.")
    ],
    ["Bedrock", 400, { __type: "ThrottlingException", message: "Too many tokens, please wait." }],
    ["DashScope", 400, said("no", { code: "Throttling.RateQuota" })]
  ])
  are("authentication", [
    ["Gemini", 400, [said("Missing or invalid Authorization header.", { status: "INVALID_ARGUMENT" })]],
    ["LiteLLM", 400, said("no", { type: "auth_error", code: "400" })],
    ["MiniMax", 400, said("login fail: Please carry the API secret key")],
    [
      "a family beside the widest one",
      400,
      said("no", { type: "authentication_error", code: "invalid_request_error" })
    ]
  ])
  are("policy", [
    ["OpenRouter", 403, said("Input was flagged")],
    ["Anthropic", 400, said("Output blocked by content filtering policy")],
    ["Volcengine", 400, said("no", { code: "InputTextSensitiveContentDetected" })],
    ["MiniMax", 400, said("input new_sensitive (1026)")],
    ["LiteLLM's class", 400, said("litellm.ContentPolicyViolationError: no")]
  ])
  are("malformed", [
    ["Groq", 400, said("tool call validation failed: attempted to call tool 'x' which was not in")]
  ])
  are("timeout", [["Cloudflare", 524, "<html><title>524: A timeout occurred</title>"]])
})
