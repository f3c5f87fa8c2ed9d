/** Claude under contract: what Anthropic's Messages API says. */
import * as Redacted from "effect/Redacted"
import * as Claude from "../../src/engines/Claude.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as Behaviour from "../../src/testing/Behaviour.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import type * as WireServer from "../../src/testing/WireServer.js"
import * as messages from "./messages.js"

export const key = "sk-ant-S3CRET-0123456789"
const header = "proxy-S3CRET-0123456789"

const stopReasons = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", other: "something_new" }

const usageOf = (count: EngineContract.Count | undefined) =>
  count === undefined ? null : { input_tokens: count.inputTokens, output_tokens: count.outputTokens }

const events = (answer: EngineContract.Answer): ReadonlyArray<Readonly<Record<string, unknown>>> => [
  messages.start(usageOf(answer.counts[0])),
  messages.ping,
  messages.block(),
  ...answer.pieces.map((piece) => messages.text(piece)),
  ...(answer.whole
    ? [
        messages.blockStop(),
        ...answer.toolCalls.flatMap(({ arguments: args, id, name }, index) => [
          messages.block({ type: "tool_use", id, name, input: {} }, index + 1),
          messages.delta({ type: "input_json_delta", partial_json: args.slice(0, 3) }, index + 1),
          messages.delta({ type: "input_json_delta", partial_json: args.slice(3) }, index + 1),
          messages.blockStop(index + 1)
        ]),
        messages.stopped(stopReasons[answer.finishReason], usageOf(answer.counts.at(-1))),
        messages.end
      ]
    : [])
]

const piece = (answer: EngineContract.Answer): string => {
  const json = JSON.stringify(
    messages.piece({
      content: [
        { type: "text", text: answer.pieces.join("") },
        ...answer.toolCalls.map(({ arguments: args, id, name }) => ({
          type: "tool_use",
          id,
          name,
          input: JSON.parse(args)
        }))
      ],
      stop_reason: stopReasons[answer.finishReason],
      usage: usageOf(answer.counts.at(-1))
    })
  )
  return answer.whole ? json : json.slice(0, json.length / 2)
}

/** What it says of its limits, in every reply. */
const limits = {
  "anthropic-ratelimit-requests-limit": "50",
  "anthropic-ratelimit-requests-remaining": "49",
  "anthropic-ratelimit-requests-reset": "2030-01-01T00:00:00Z"
}

const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  headers: { "content-type": "application/json", "request-id": "req_7", ...limits, ...headers },
  body: [typeof body === "string" ? body : JSON.stringify(body)]
})

const sse = (
  events: ReadonlyArray<Readonly<Record<string, unknown>>>,
  ending: WireServer.Ending = "end"
): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream", "request-id": "req_7", "retry-after": "3", ...limits },
  body: events.map((event) => messages.wire(event)),
  ending
})

/** What the API replies where it answers. */
export const answer: EngineContract.Subject["answer"] = ({ body, headers, method, path }, answer) => {
  if (`${method} ${path}` !== "POST /v1/messages") return json(404, messages.error("not_found_error"))
  // Anthropic's own client sends the key as a bearer token.
  if (headers["x-api-key"] !== key && headers["authorization"] !== `Bearer ${key}`) {
    return json(401, messages.error("authentication_error"))
  }
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

/** A row for an error that comes as an event of its own after a 200, at once. */
const within = (type: string, error: Behaviour.ErrorData, words = ""): EngineContract.ErrorRow => ({
  name: `${type} within the answer${words === "" ? "" : `, “${words}”`}`,
  error: { requestId: "req_7", ...error },
  reply: (_, said) => sse([messages.error(type, `${words}${said}`)])
})

const typed =
  (type: string, words = "", more: object = {}): Body =>
  (said) =>
    messages.error(type, `${words}${said}`, more)

const input = (words: string) => typed("invalid_request_error", words)
const limit = typed("rate_limit_error")
const plain: Body = (said) => said
const server = { _tag: "TransientError", reason: "server" } as const
const overloaded = { _tag: "TransientError", reason: "overloaded" } as const
const malformed = { _tag: "TransientError", reason: "malformed" } as const
const late = { _tag: "TimeoutError", phase: "first-token" } as const
const quota = { _tag: "QuotaExhaustedError" } as const
const invalid = { _tag: "InputValidationError" } as const
const tooLong = { _tag: "ContextLengthError" } as const

const statuses: ReadonlyArray<EngineContract.ErrorRow> = [
  status("authentication_error", 401, typed("authentication_error"), { _tag: "AuthenticationError" }),
  status("permission_error", 403, typed("permission_error"), { _tag: "AuthenticationError" }),
  status("invalid_request_error", 400, input("messages: "), invalid),
  status("request_too_large", 413, typed("request_too_large"), invalid),
  status("invalid_request_error", 422, input(""), invalid),
  status("a type named constructor", 405, typed("constructor"), invalid),
  status("prompt is too long", 400, input("prompt is too long: 210000 tokens > 200000 maximum "), tooLong),
  status(
    "no room for the answer",
    400,
    input("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000 "),
    tooLong
  ),
  status("billing_error", 402, typed("billing_error"), quota),
  status("API usage limits", 400, input("You have reached your specified API usage limits. "), quota),
  status(
    "workspace usage limits",
    400,
    input("You have reached your specified workspace API usage limits. "),
    quota
  ),
  status("credit balance", 400, input("Your credit balance is too low to access the Anthropic API. "), quota),
  status(
    "a spend limit as its code",
    429,
    typed("rate_limit_error", "", { code: "workspace_spend_limit_exceeded" }),
    quota
  ),
  status(
    "a spend limit among its details",
    429,
    typed("rate_limit_error", "", { details: { code: "organization_spend_limit_exceeded" } }),
    quota
  ),
  status(
    "a spend limit as the code of its details",
    429,
    typed("rate_limit_error", "", { details: { error_code: "spend_limit_exceeded" } }),
    quota
  ),
  status("a spend limit as its type", 429, typed("spend_limit_error"), quota),
  status("not_found_error", 404, typed("not_found_error", "model: "), { _tag: "ModelNotFoundError" }),
  status("rate_limit_error", 429, limit, { _tag: "RateLimitError" }),
  status(
    "a limit of tokens",
    429,
    typed("rate_limit_error", "", { details: { code: "tokens_per_minute" } }),
    { _tag: "RateLimitError" }
  ),
  status("plain text", 429, plain, { _tag: "RateLimitError" }),
  status("retry-after", 429, limit, { _tag: "RateLimitError", retryAfterMs: 7000 }, { "retry-after": "7" }),
  status(
    "retry-after-ms",
    429,
    limit,
    { _tag: "RateLimitError", retryAfterMs: 1234 },
    { "retry-after": "7", "retry-after-ms": "1234" }
  ),
  status(
    "a date that has passed",
    429,
    limit,
    { _tag: "RateLimitError" },
    { "retry-after": "Wed, 01 Jan 2020 00:00:00 GMT" }
  ),
  status("overloaded_error", 529, typed("overloaded_error"), overloaded),
  status(
    "overloaded_error and retry-after",
    529,
    typed("overloaded_error"),
    { ...overloaded, retryAfterMs: 7000 },
    { "retry-after": "7" }
  ),
  status("api_error", 503, typed("api_error"), overloaded),
  status("overloaded_error", 500, typed("overloaded_error"), overloaded),
  status("api_error", 500, typed("api_error"), server),
  status("a proxy's page", 502, (said) => `<html>Bad gateway ${said}</html>`, server),
  status("conflict_error", 409, typed("conflict_error"), server),
  status("api_error", 425, typed("api_error"), server),
  status("api_error", 599, typed("api_error"), server),
  status("timeout_error", 408, typed("timeout_error"), late),
  status("timeout_error", 504, typed("timeout_error"), late)
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

const within200: ReadonlyArray<EngineContract.ErrorRow> = [
  within("overloaded_error", overloaded),
  within("api_error", server),
  within("something_new", server),
  within("rate_limit_error", { _tag: "RateLimitError", retryAfterMs: 3000 }),
  within("authentication_error", { _tag: "AuthenticationError" }),
  within("permission_error", { _tag: "AuthenticationError" }),
  within("billing_error", quota),
  within("not_found_error", { _tag: "ModelNotFoundError" }),
  within("request_too_large", invalid),
  within("invalid_request_error", invalid),
  within("invalid_request_error", tooLong, "prompt is too long: "),
  within("timeout_error", late),
  {
    name: "a refusal",
    error: { _tag: "ContentPolicyError" },
    reply: (_, said) =>
      sse([
        messages.start(),
        messages.block(),
        messages.stopped("refusal", null, { stop_details: { category: "a", explanation: said } }),
        messages.end
      ])
  },
  {
    name: "an answer that fills the context window",
    error: tooLong,
    reply: () =>
      sse([
        messages.start(),
        messages.block(),
        messages.text("Hi"),
        messages.stopped("model_context_window_exceeded"),
        messages.end
      ])
  },
  body("an event that is no JSON", "text/event-stream", (said) => `data: ${said}\n\n`, malformed),
  body("an error in plain words", "text/event-stream", (said) => `event: error\ndata: ${said}\n\n`, server),
  body(
    "a page in place of an answer",
    "text/html; charset=utf-8",
    (said) => `<!doctype html>${said}`,
    malformed
  ),
  body("JSON without an answer", "application/json", () => '{"type":"message"}', malformed),
  body("an empty body", "application/json", () => "", malformed)
]

/** How the API fails. */
export const errors: ReadonlyArray<EngineContract.ErrorRow> = [...statuses, ...within200]

const engine = (changes: Partial<Claude.Options>) => (baseUrl: string) =>
  Claude.make({
    baseUrl,
    model: "claude-test",
    apiKey: Redacted.make(key),
    headers: { "x-proxy": `Token ${header}` },
    ...changes
  })

const subject = { secrets: [key, header], answer, errors }

/** Claude, asked for streams. */
export const claude: EngineContract.Subject<InvalidArgumentError> = {
  ...subject,
  name: "Claude",
  engine: engine({})
}

/** Claude, asked for one piece by complete tasks: one that ends too early is malformed, not cut. */
export const claudeInOnePiece: typeof claude = {
  ...subject,
  name: "Claude in one piece",
  engine: engine({ completeOver: "json" }),
  lacks: ["terminal"]
}
