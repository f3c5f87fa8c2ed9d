/** OpenAI and the servers compatible to it under contract: what Responses says. */
import * as Redacted from "effect/Redacted"
import * as AIProvider from "../../src/AIProvider.js"
import * as OpenAI from "../../src/engines/OpenAI.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as Behaviour from "../../src/testing/Behaviour.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import type * as WireServer from "../../src/testing/WireServer.js"
import * as chat from "./chatCompletions.js"
import { key, statuses } from "./chatCompletionsContract.js"
import * as responses from "./responses.js"

const header = "azure-S3CRET-0123456789"

const usageOf = (count: EngineContract.Count | undefined) => ({
  usage: count === undefined ? null : responses.usage(count.inputTokens, count.outputTokens)
})

const callOf = ({ arguments: args, id, name }: EngineContract.Answer["toolCalls"][number]) =>
  responses.functionCall(id, name, args)

const outputOf = ({ pieces, toolCalls }: EngineContract.Answer) => [
  ...(pieces.length > 0 ? [responses.message(pieces.join(""))] : []),
  ...toolCalls.map(callOf)
]

/** The end of an answer; what ends it otherwise than by the answer or the limit is another reason. */
const terminal = (answer: EngineContract.Answer) => {
  const changes = { output: outputOf(answer), ...usageOf(answer.counts.at(-1)) }
  switch (answer.finishReason) {
    case "length":
      return responses.incomplete("max_output_tokens", changes)
    case "other":
      return responses.incomplete("something_new", changes)
    default:
      return responses.completed(changes)
  }
}

const events = (answer: EngineContract.Answer): ReadonlyArray<{ readonly type: string }> => {
  const { counts, pieces, toolCalls, whole } = answer
  const first = counts.length > 1 ? usageOf(counts[0]) : {}
  const before = pieces.length > 0 ? 1 : 0
  return [
    { ...responses.created, response: { ...responses.created.response, ...first } },
    responses.inProgress,
    ...(pieces.length > 0
      ? [responses.added({ ...responses.message(""), content: [] }), responses.partAdded()]
      : []),
    ...pieces.map((piece) => responses.text(piece)),
    ...(whole
      ? [
          ...(pieces.length > 0
            ? [
                responses.textDone(pieces.join("")),
                responses.partDone(pieces.join("")),
                responses.done(responses.message(pieces.join("")))
              ]
            : []),
          ...toolCalls.flatMap((call, index) => {
            const item = callOf(call)
            const at = before + index
            return [
              responses.added({ ...item, arguments: "" }, at),
              responses.args(`fc_${call.id}`, call.arguments.slice(0, 3), at),
              responses.args(`fc_${call.id}`, call.arguments.slice(3), at),
              responses.argsDone(`fc_${call.id}`, call.arguments, at),
              responses.done(item, at)
            ]
          }),
          terminal(answer)
        ]
      : [])
  ]
}

const piece = (answer: EngineContract.Answer): string => {
  const json = JSON.stringify(terminal(answer).response)
  return answer.whole ? json : json.slice(0, json.length / 2)
}

/** What it says of its limits, in every reply. */
const limits = {
  "x-ratelimit-limit-requests": "60",
  "x-ratelimit-remaining-requests": "59",
  "x-ratelimit-reset-requests": "1s"
}

const json = (status: number, body: unknown) => ({
  status,
  headers: { "content-type": "application/json", "x-request-id": "req_7", ...limits },
  body: [typeof body === "string" ? body : JSON.stringify(body)]
})

const sse = (
  events: ReadonlyArray<{ readonly type: string }>,
  ending: WireServer.Ending = "end"
): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream", "x-request-id": "req_7", "retry-after": "3", ...limits },
  body: events.map((event) => responses.wire(event)),
  ending
})

/** What a server replies where it answers. */
export const answer: EngineContract.Subject["answer"] = ({ body, headers, method, path }, answer) => {
  if (`${method} ${path}` !== "POST /v1/responses") return json(404, chat.coded(null))
  if (headers["authorization"] !== `Bearer ${key}`) return json(401, chat.coded("invalid_api_key"))
  return JSON.parse(body).stream === true
    ? sse(events(answer), answer.ending)
    : { ...json(200, piece(answer)), ending: answer.ending }
}

/** A row for an error that comes as an event after a 200, at once. */
const within = (
  name: string,
  event: (said: string) => { readonly type: string },
  error: Behaviour.ErrorData
): EngineContract.ErrorRow => ({
  name: `${name} within the answer`,
  error: { requestId: "req_7", ...error },
  reply: (_, said) => sse([responses.created, event(said)])
})

const failed = (code: string, error: Behaviour.ErrorData) =>
  within(code, (said) => responses.failed(code, said), error)

const server = { _tag: "TransientError", reason: "server" } as const
const malformed = { _tag: "TransientError", reason: "malformed" } as const
const refused = { _tag: "ContentPolicyError" } as const
const invalid = { _tag: "InputValidationError" } as const

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

const refusal = (said: string) => ({
  type: "response.refusal.delta",
  item_id: "msg_1",
  output_index: 0,
  content_index: 0,
  delta: said
})

const within200: ReadonlyArray<EngineContract.ErrorRow> = [
  failed("server_error", server),
  failed("rate_limit_exceeded", { _tag: "RateLimitError", retryAfterMs: 3000 }),
  failed("server_is_overloaded", { _tag: "TransientError", reason: "overloaded" }),
  failed("insufficient_quota", { _tag: "QuotaExhaustedError" }),
  failed("context_length_exceeded", { _tag: "ContextLengthError" }),
  failed("invalid_prompt", invalid),
  failed("invalid_image_format", invalid),
  failed("image_too_large", invalid),
  failed("bio_policy", refused),
  failed("image_content_policy_violation", refused),
  within(
    "an error event",
    (message) => ({ type: "error", code: null, message, param: null }) as never,
    server
  ),
  within(
    "an error event with a code",
    (message) => ({ type: "error", code: "insufficient_quota", message, param: null }) as never,
    { _tag: "QuotaExhaustedError" }
  ),
  within(
    "an error of an earlier form",
    (message) => ({ type: "error", error: { type: "server_error", code: null, message } }) as never,
    server
  ),
  within("a content filter", () => responses.incomplete("content_filter"), refused),
  {
    name: "a refusal",
    error: refused,
    reply: (_, said) => sse([refusal("I can't "), refusal(said), responses.completed({ output: [] })])
  },
  body(
    "a refusal that isn't finished",
    "text/event-stream",
    (said) => responses.wire(refusal(said)),
    refused
  ),
  body("an event that is no JSON", "text/event-stream", (said) => `data: ${said}\n\n`, malformed),
  body("a page in place of an answer", "text/html", (said) => `<!doctype html>${said}`, malformed),
  body("JSON without an answer", "application/json", () => '{"output":[]}', malformed),
  body("an empty body", "application/json", () => "", malformed)
]

/** How servers fail. */
export const errors: ReadonlyArray<EngineContract.ErrorRow> = [...statuses, ...within200]

const engine = (changes: Partial<OpenAICompatible.Options>) => (baseUrl: string) =>
  OpenAICompatible.make({
    provider: AIProvider.unsafeMake("house"),
    baseUrl: `${baseUrl}/v1`,
    model: "m",
    wires: ["responses"],
    apiKey: Redacted.make(key),
    headers: { "api-key": `Token ${header}` },
    ...changes
  })

/** A compatible server of Responses, asked for streams. */
export const responding: EngineContract.Subject<InvalidArgumentError> = {
  name: "OpenAICompatible over Responses",
  engine: engine({}),
  secrets: [key, header],
  answer,
  errors
}

/** A compatible server without streams: an answer that ends too early is malformed, not cut. */
export const respondingInOnePiece: EngineContract.Subject<InvalidArgumentError> = {
  ...responding,
  name: "OpenAICompatible over Responses without streams",
  engine: engine({ capabilities: { streaming: false } }),
  lacks: ["streaming", "terminal"]
}

/** OpenAI itself. */
export const openaiResponding: EngineContract.Subject<InvalidArgumentError> = {
  ...responding,
  name: "OpenAI over Responses",
  secrets: [key],
  engine: (baseUrl) =>
    OpenAI.make({ wire: "responses", baseUrl: `${baseUrl}/v1`, model: "m", apiKey: Redacted.make(key) })
}
