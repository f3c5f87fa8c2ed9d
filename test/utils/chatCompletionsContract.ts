/** OpenAI and the servers compatible to it under contract: what Chat Completions says. */
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../../src/AIProvider.js"
import * as OpenAI from "../../src/engines/OpenAI.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as Behaviour from "../../src/testing/Behaviour.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import type * as WireServer from "../../src/testing/WireServer.js"
import * as chat from "./chatCompletions.js"

export const key = "sk-S3CRET-KEY-0123456789"
const header = "azure-S3CRET-0123456789"

const usageOf = (count: EngineContract.Count | undefined) =>
  count === undefined
    ? {}
    : { usage: { prompt_tokens: count.inputTokens, completion_tokens: count.outputTokens } }

const data = (event: unknown): string =>
  `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`

const callOf = ({ arguments: args, id, name }: EngineContract.Answer["toolCalls"][number]) => ({
  id,
  type: "function",
  function: { name, arguments: args }
})

const chunk = (event: object) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m-1",
  ...event
})

/** Servers that count as they go do so with the text; the last count comes by itself. */
const events = ({ counts, finishReason, pieces, toolCalls, whole }: EngineContract.Answer) => [
  chunk(chat.delta({ role: "assistant", content: "" })),
  ...pieces.map((content) =>
    chunk({ ...chat.delta({ content }), ...(counts.length > 1 ? usageOf(counts[0]) : {}) })
  ),
  ...(whole
    ? [
        ...toolCalls.flatMap((call, index) => {
          const { function: whole, ...rest } = callOf(call)
          return [
            chunk(chat.delta({ tool_calls: [{ index, ...rest, function: { ...whole, arguments: "" } }] })),
            chunk(chat.delta({ tool_calls: [{ index, function: { arguments: call.arguments } }] }))
          ]
        }),
        chunk(chat.finish(finishReason)),
        ...(counts.length > 0 ? [chunk({ choices: [], ...usageOf(counts.at(-1)) })] : []),
        "[DONE]"
      ]
    : [])
]

const piece = ({ counts, finishReason, pieces, toolCalls, whole }: EngineContract.Answer): string => {
  const json = JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "m-1",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: pieces.join(""),
          ...(toolCalls.length > 0 ? { tool_calls: toolCalls.map(callOf) } : {})
        },
        finish_reason: finishReason
      }
    ],
    ...usageOf(counts.at(-1))
  })
  return whole ? json : json.slice(0, json.length / 2)
}

/** What it says of its limits, in every reply. */
const limits = {
  "x-ratelimit-limit-requests": "60",
  "x-ratelimit-remaining-requests": "59",
  "x-ratelimit-reset-requests": "1s",
  "x-ratelimit-limit-tokens": "150000",
  "x-ratelimit-remaining-tokens": "149984",
  "x-ratelimit-reset-tokens": "6m0s"
}

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { "content-type": "application/json", "x-request-id": "req_7", ...limits, ...headers },
  body: [typeof body === "string" ? body : JSON.stringify(body)]
})

const sse = (events: ReadonlyArray<unknown>, ending: WireServer.Ending = "end"): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream", "x-request-id": "req_7", "retry-after": "3", ...limits },
  body: events.map(data),
  ending
})

/** What a server replies where it answers. */
export const answer: EngineContract.Subject["answer"] = ({ body, headers, method, path }, answer) => {
  if (`${method} ${path}` !== "POST /v1/chat/completions") return json(404, chat.coded(null))
  if (headers["authorization"] !== `Bearer ${key}`) return json(401, chat.coded("invalid_api_key"))
  return JSON.parse(body).stream === true
    ? sse(events(answer), answer.ending)
    : { ...json(200, piece(answer)), ending: answer.ending }
}

type Body = (said: string) => unknown

/** A row for a status: its error carries status and request id. */
const status = (
  name: string,
  status: number,
  body: Body,
  error: Behaviour.ErrorData,
  headers?: Readonly<Record<string, string>>
): EngineContract.ErrorRow => ({
  name: `${status}, ${name}`,
  error: { status, requestId: "req_7", ...error },
  reply: (_, said) => json(status, body(said), headers)
})

/** A row for an error that comes as an event after a 200, at once. */
const within = (name: string, event: Body, error: Behaviour.ErrorData): EngineContract.ErrorRow => ({
  name: `${name} within the answer`,
  error: { requestId: "req_7", ...error },
  reply: (_, said) => sse([event(said)])
})

const coded =
  (code: string | number | null, words = "", type?: string): Body =>
  (said) =>
    chat.coded(code, `${words}${said}`, type)

const limit = coded("rate_limit_exceeded")

const usedUp = { "x-ratelimit-remaining-requests": "0" }
const server = { _tag: "TransientError", reason: "server" } as const
const overloaded = { _tag: "TransientError", reason: "overloaded" } as const
const malformed = { _tag: "TransientError", reason: "malformed" } as const
const late = { _tag: "TimeoutError", phase: "first-token" } as const
const quota = { _tag: "QuotaExhaustedError" } as const
const invalid = { _tag: "InputValidationError" } as const
const tooLong = { _tag: "ContextLengthError" } as const
const refused = { _tag: "ContentPolicyError" } as const
const missing = { _tag: "ModelNotFoundError" } as const
const limited = { _tag: "RateLimitError" } as const
const unknown = { _tag: "AuthenticationError" } as const

const byCode = (error: Behaviour.ErrorData, ...rows: ReadonlyArray<readonly [number, string]>) =>
  rows.map(([number, code]) => status(code, number, coded(code), error))

const byStatus = (error: Behaviour.ErrorData, ...statuses: ReadonlyArray<number>) =>
  statuses.map((number) => status("without a code", number, coded(null), error))

/** How servers of OpenAI's wires fail by a status. */
export const statuses: ReadonlyArray<EngineContract.ErrorRow> = [
  ...byCode(unknown, [401, "invalid_api_key"]),
  ...byStatus(unknown, 403),
  ...byStatus(invalid, 400, 405, 413),
  status("a list of details", 422, (said) => ({ detail: [{ loc: ["body"], msg: said }] }), invalid),
  ...byCode(tooLong, [400, "context_length_exceeded"]),
  status(
    "llama.cpp's overflow",
    400,
    (message) => ({
      error: { code: 400, message, type: "exceed_context_size_error", n_prompt_tokens: 9, n_ctx: 4 }
    }),
    tooLong
  ),
  status(
    "vLLM's overflow",
    400,
    (said) => ({
      object: "error",
      message: `This model's maximum context length is 4096 tokens. ${said}`,
      type: "BadRequestError",
      code: 400
    }),
    tooLong
  ),
  ...byCode(refused, [400, "content_filter"], [400, "content_policy_violation"]),
  ...byStatus(quota, 402),
  ...byCode(
    quota,
    [429, "insufficient_quota"],
    [429, "credit_balance_exhausted"],
    [429, "organization_spend_limit_exceeded"],
    [429, "project_spend_limit_exceeded"],
    [429, "organization_usage_limit_exceeded"]
  ),
  status("insufficient_quota as its type", 429, coded(null, "", "insufficient_quota"), quota),
  ...byStatus(missing, 404),
  status("Ollama's bare string", 404, (said) => ({ error: `model 'x' not found ${said}` }), missing),
  ...byCode(missing, [400, "model_not_found"]),
  ...byCode(limited, [429, "rate_limit_exceeded"], [429, "slow_down"], [429, "429"]),
  ...byStatus(limited, 429),
  status("retry-after", 429, limit, { ...limited, retryAfterMs: 250 }, { "retry-after": "0.25" }),
  status(
    "retry-after-ms",
    429,
    limit,
    { ...limited, retryAfterMs: 1234.5 },
    { "retry-after": "7", "retry-after-ms": "1234.5" }
  ),
  status(
    "a retry-after-ms that is no number",
    429,
    limit,
    { ...limited, retryAfterMs: 7000 },
    { "retry-after": "7", "retry-after-ms": "soon" }
  ),
  status("a retry-after that is nothing", 429, limit, limited, { "retry-after": "soon 1" }),
  status("a date that is none", 429, limit, limited, { "retry-after": "Fri, 99 Foo 2020 00:00:00 GMT" }),
  status("a date that has passed", 429, limit, limited, { "retry-after": "Wed, 01 Jan 2020 00:00:00 GMT" }),
  status("no requests left", 429, limit, { ...limited, retryAfterMs: 1000 }, usedUp),
  status(
    "no requests left and retry-after",
    429,
    limit,
    { ...limited, retryAfterMs: 7000 },
    { ...usedUp, "retry-after": "7" }
  ),
  status(
    "retry-after, not the limits",
    503,
    coded(null),
    { ...overloaded, retryAfterMs: 7000 },
    { ...usedUp, "retry-after": "7" }
  ),
  status("no requests left, which is no wait", 503, coded(null), overloaded, usedUp),
  ...byCode(overloaded, [503, "server_is_overloaded"], [498, "capacity_exceeded"]),
  ...byStatus(overloaded, 498, 503, 529),
  ...byStatus(server, 409, 425, 500, 502),
  ...byCode(server, [599, "constructor"]),
  ...byStatus(late, 408, 504)
]

/** A row for what a body of status 200 holds. */
const body = (
  name: string,
  contentType: string,
  body: (said: string) => string,
  error: Behaviour.ErrorData
): EngineContract.ErrorRow => ({
  name,
  error,
  reply: (_, said) => ({ status: 200, headers: { "content-type": contentType }, body: [body(said)] })
})

const refusal = (words: string) => chat.delta({ refusal: words })

const within200: ReadonlyArray<EngineContract.ErrorRow> = [
  within("a code", coded("insufficient_quota"), quota),
  within("a status as its code", coded(429), { ...limited, status: 429, retryAfterMs: 3000 }),
  within("a status as a code in letters", coded("503"), { ...overloaded, status: 503 }),
  within("a number that is no status", coded(999), server),
  within("a status_code", (message) => ({ error: { message, status_code: 401 } }), {
    ...unknown,
    status: 401
  }),
  within("a bare string", (error) => ({ error }), server),
  within("a bare error", (message) => ({ object: "error", message, code: 400 }), { ...invalid, status: 400 }),
  within("a finish by error", () => chat.finish("error"), server),
  within("a timeout", coded(504), late),
  within("a finish by the content filter", () => chat.finish("content_filter"), refused),
  {
    name: "a refusal",
    error: refused,
    reply: (_, said) => sse([refusal("I can't "), refusal(said), chat.finish("stop"), "[DONE]"])
  },
  body("a refusal that isn't finished", "text/event-stream", (said) => data(refusal(said)), refused),
  body(
    "an error as an event of its own",
    "text/event-stream",
    (message) => `event: error\n${data({ message, code: 503 })}`,
    overloaded
  ),
  body("an error in plain words", "text/event-stream", (said) => `event: error\ndata: ${said}\n\n`, server),
  body("an event that is no JSON", "text/event-stream", (said) => `data: ${said}\n\n`, malformed),
  body(
    "a page in place of an answer",
    "text/html; charset=utf-8",
    (said) => `<!doctype html>${said}`,
    malformed
  ),
  body("JSON without an answer", "application/json", () => '{"choices":[]}', malformed),
  body("an empty body", "application/json", () => "", malformed)
]

/** How servers fail. */
export const errors: ReadonlyArray<EngineContract.ErrorRow> = [...statuses, ...within200]

const engine = (changes: Partial<OpenAICompatible.Options>) => (baseUrl: string) =>
  OpenAICompatible.make({
    provider: AIProvider.unsafeMake("house"),
    baseUrl: `${baseUrl}/v1`,
    model: "m",
    apiKey: Redacted.make(key),
    headers: { "api-key": `Token ${header}` },
    ...changes
  })

/** A compatible server, asked for streams. */
export const compatible: EngineContract.Subject<InvalidArgumentError> = {
  name: "OpenAICompatible",
  engine: engine({}),
  secrets: [key, header],
  answer,
  errors
}

/** A compatible server without streams: an answer that ends too early is malformed, not cut. */
export const compatibleInOnePiece: EngineContract.Subject<InvalidArgumentError> = {
  ...compatible,
  name: "OpenAICompatible without streams",
  engine: engine({ capabilities: { streaming: false } }),
  lacks: ["streaming", "terminal"]
}

/** OpenAI itself. */
export const openai: EngineContract.Subject<InvalidArgumentError> = {
  ...compatible,
  name: "OpenAI",
  secrets: [key],
  engine: (baseUrl) => OpenAI.make({ baseUrl: `${baseUrl}/v1`, model: "m", apiKey: Redacted.make(key) })
}
