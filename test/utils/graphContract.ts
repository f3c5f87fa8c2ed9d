/** Copilot under contract: what Microsoft Graph says. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { AccessTokens } from "../../src/auth/AccessTokens.js"
import * as Copilot from "../../src/engines/Copilot.js"
import type { InvalidArgumentError } from "../../src/InvalidArgument.js"
import type * as Behaviour from "../../src/testing/Behaviour.js"
import type * as EngineContract from "../../src/testing/EngineContract.js"
import type * as WireServer from "../../src/testing/WireServer.js"
import * as GraphServer from "./GraphServer.js"

const token = "eyJ0eXAi.S3CRET-TOKEN-0123456789"
const renewed = "eyJ0eXAi.S3CRET-RENEWED-0123456789"
const header = "proxy-S3CRET-0123456789"

const root = "/beta/copilot/conversations"

type Reply = (said: string) => WireServer.Reply

const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): WireServer.Reply => ({
  status,
  headers: { "content-type": "application/json", "request-id": "req_7", ...headers },
  body: [typeof body === "string" ? body : JSON.stringify(body)]
})

const sse = (events: ReadonlyArray<unknown>, ending: WireServer.Ending = "end"): WireServer.Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream", "request-id": "req_7", "retry-after": "3" },
  body: events.map((event) => GraphServer.pretty(event)),
  ending
})

/** A conversation is made before anything can be asked in it. */
const created = json(201, { id: "conversation-0", status: "active", turnCount: 0 })

const isCreation = ({ path }: WireServer.Request): boolean => path === root

const promptOf = ({ body }: WireServer.Request): string => JSON.parse(body).message.text

/** Snapshots as a service makes them of a text that is written fast: some, and the last. */
const snapshotsOf = (pieces: ReadonlyArray<string>): ReadonlyArray<string> => {
  const every = Math.ceil(pieces.length / 8)
  return pieces.flatMap((_, index) =>
    (index + 1) % every === 0 || index === pieces.length - 1 ? [pieces.slice(0, index + 1).join("")] : []
  )
}

const answer: EngineContract.Subject["answer"] = (request, { ending, pieces, whole }) => {
  if (request.headers["authorization"] !== `Bearer ${token}`) {
    return json(401, GraphServer.error("InvalidAuthenticationToken"))
  }
  if (isCreation(request)) return created
  const prompt = promptOf(request)
  switch (request.path) {
    case `${root}/conversation-0/chatOverStream`: {
      const answers = [undefined, ...snapshotsOf(pieces)]
      return sse(
        answers.map((text) => GraphServer.conversation(prompt, text)),
        ending
      )
    }
    case `${root}/conversation-0/chat`: {
      const body = JSON.stringify(GraphServer.conversation(prompt, pieces.join("")))
      return { ...json(200, whole ? body : body.slice(0, body.length / 2)), ending }
    }
    default:
      return json(404, GraphServer.error("ResourceNotFound"))
  }
}

/** What a chat is answered with, in a conversation that could be made. */
const chat = (name: string, error: Behaviour.ErrorData, reply: Reply): EngineContract.ErrorRow => ({
  name: `${name}, for the chat`,
  error,
  reply: (request, said) => (isCreation(request) ? created : reply(said))
})

/** A row for a status, of the conversation and of the chat in it. */
const status = (
  status: number,
  code: string,
  error: Behaviour.ErrorData,
  words = "",
  headers?: Readonly<Record<string, string>>
): ReadonlyArray<EngineContract.ErrorRow> => {
  const name = `${status} ${code}${words === "" ? "" : `, “${words}”`}`
  const expected = { status, requestId: "req_7", ...error }
  const reply: Reply = (said) => json(status, GraphServer.error(code, `${words} ${said}`), headers)
  return [
    chat(name, expected, reply),
    { name: `${name}, for the conversation`, error: expected, reply: (_, said) => reply(said) }
  ]
}

const within = (code: string, error: Behaviour.ErrorData, words = ""): EngineContract.ErrorRow =>
  chat(`${code} within the answer`, { requestId: "req_7", ...error }, (said) =>
    sse([GraphServer.error(code, `${words} ${said}`)])
  )

const server = { _tag: "TransientError", reason: "server" } as const
const overloaded = { _tag: "TransientError", reason: "overloaded" } as const
const malformed = { _tag: "TransientError", reason: "malformed" } as const
const late = { _tag: "TimeoutError", phase: "first-token" } as const
const invalid = { _tag: "InputValidationError" } as const
const unknown = { _tag: "AuthenticationError" } as const
const limited = { _tag: "RateLimitError" } as const

const errors: ReadonlyArray<EngineContract.ErrorRow> = [
  ...status(401, "InvalidAuthenticationToken", unknown),
  ...status(403, "Forbidden", unknown),
  ...status(500, "InternalServerError", unknown, "Status = 403 (Forbidden)"),
  ...status(400, "BadRequest", invalid, "message.text is too long"),
  ...status(413, "RequestEntityTooLarge", invalid),
  ...status(402, "PaymentRequired", { _tag: "QuotaExhaustedError" }),
  ...status(429, "TooManyRequests", limited),
  ...status(429, "Throttled", { ...limited, retryAfterMs: 7000 }, "", { "retry-after": "7" }),
  ...status(503, "ServiceUnavailable", overloaded),
  ...status(503, "Throttled", { ...overloaded, retryAfterMs: 7000 }, "", { "retry-after": "7" }),
  ...status(500, "InternalServerError", server),
  ...status(409, "Conflict", server),
  ...status(504, "GatewayTimeout", late),
  within("TooManyRequests", { ...limited, retryAfterMs: 3000 }),
  within("ServiceUnavailable", overloaded),
  within("generalException", server),
  within("Forbidden", unknown),
  within("badRequest", invalid),
  chat("a refusal", { _tag: "ContentPolicyError" }, (said) =>
    sse([GraphServer.conversation("hi", said, "disengagedForRai")])
  ),
  chat("a page in place of an answer", malformed, (said) => ({
    status: 200,
    headers: { "content-type": "text/html" },
    body: [`<!doctype html>${said}`]
  })),
  {
    name: "a conversation without an id",
    error: malformed,
    reply: () => json(201, { status: "active" })
  }
]

/** Copilot, asked for streams. */
export const copilot: EngineContract.Subject<InvalidArgumentError> = {
  name: "Copilot",
  engine: (baseUrl) =>
    Effect.provideService(
      Copilot.make({ baseUrl, user: "ann", headers: { "x-proxy": `Token ${header}` } }),
      AccessTokens,
      {
        get: () => Effect.succeed(Redacted.make(token)),
        renew: () => Effect.succeed(Redacted.make(renewed))
      }
    ),
  secrets: [token, renewed, header],
  answer,
  errors,
  // The service has no sign that an answer is whole: it ends orderly.
  lacks: ["tools", "usage", "length", "terminal"]
}
