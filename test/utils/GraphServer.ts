/**
 * Microsoft Graph's Copilot Chat over real HTTP, as its documentation has it: conversations, chat, streamed
 * chat, and errors. What it answers can be scripted, down to the bytes.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import { type Step, end, send } from "./RawServer.js"

/** A request as it was on the wire. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The port of the client: which connection it came over. */
  readonly connection: number
}

/** What a request is answered with. A script without an end leaves the answer open. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly steps: ReadonlyArray<Step>
}

/** What the server does; without a script it answers well. */
export interface Script {
  /** What the n-th creation of a conversation is answered with; the last one again for all that follow. */
  readonly conversations: ReadonlyArray<Reply>
  /** What the n-th chat is answered with, streamed or not. */
  readonly chats: ReadonlyArray<Reply>
  /** Which tokens are good; all of them by default. */
  readonly accepts: (token: string) => boolean
}

/** A running server. */
export interface GraphServer {
  readonly url: string
  /** The requests so far, in their order. */
  readonly requests: ReadonlyArray<Received>
  /** Waits until the n-th request has come. */
  readonly received: (request: number) => Effect.Effect<void>
  /** Waits until the n-th request is over: answered, or its connection closed. */
  readonly closed: (request: number) => Effect.Effect<void>
}

/** An answer of JSON. */
export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  steps: [send(JSON.stringify(body)), end]
})

/** An error's body as Graph writes it. */
export const error = (code: string, message = "no") => ({
  error: {
    code,
    message,
    innerError: {
      date: "2026-11-22T10:00:00",
      "request-id": "req-inner",
      "client-request-id": "client-inner"
    }
  }
})

/** A stream that does these steps. */
export const stream = (...steps: ReadonlyArray<Step>): Reply => ({
  status: 200,
  headers: { "content-type": "text/event-stream" },
  steps
})

/** A stream of this text, whole. */
export const sse = (text: string): Reply => stream(send(text), end)

const message = (id: string, text: string) => ({
  "@odata.type": "#microsoft.graph.copilotConversationResponseMessage",
  id,
  text,
  createdDateTime: "2026-11-22T10:00:00Z",
  adaptiveCards: [],
  attributions: [],
  sensitivityLabel: null
})

/** The conversation with the prompt and, if there is one yet, the answer. */
export const conversation = (prompt: string, answer: string | undefined, state = "active") => ({
  "@odata.context": "https://graph.microsoft.com/beta/$metadata#microsoft.graph.copilotConversation",
  id: "conversation-0",
  createdDateTime: "2026-11-22T10:00:00Z",
  displayName: prompt,
  state,
  turnCount: 1,
  messages: [message("prompt-0", prompt), ...(answer === undefined ? [] : [message("answer-0", answer)])]
})

/** An event, pretty-printed over several lines as Graph does, its id behind its data. */
export const pretty = (value: unknown, id = 1): string =>
  `${JSON.stringify(value, null, 2)
    .split("\n")
    .map((line) => `data: ${line}\n`)
    .join("")}id: ${id}\n\n`

/** An event in one line. */
export const compact = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`

/** Snapshots of an answer to a prompt, and of the prompt alone before. */
export const snapshots = (prompt: string, ...answers: ReadonlyArray<string>): string =>
  [undefined, ...answers].map((answer, index) => pretty(conversation(prompt, answer), index)).join("")

/** What is wrong with the body of a chat, as Graph requires it. */
const flawOf = (body: unknown): string | undefined => {
  if (!Predicate.isRecord(body)) return "The body isn't JSON."
  const { locationHint, message } = body
  if (!Predicate.isRecord(message) || typeof message["text"] !== "string" || message["text"] === "") {
    return "message.text is required."
  }
  if (!Predicate.isRecord(locationHint) || typeof locationHint["timeZone"] !== "string") {
    return "locationHint.timeZone is required."
  }
  return undefined
}

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const promptOf = (body: unknown): string =>
  Predicate.isRecord(body) && Predicate.isRecord(body["message"]) ? String(body["message"]["text"]) : ""

/** Starts a server. */
export const make = (script: Partial<Script> = {}): Effect.Effect<GraphServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Received> = []
    const fiberId = yield* Effect.fiberId
    const signals = () => {
      const all: Array<Deferred.Deferred<void>> = []
      return (request: number): Deferred.Deferred<void> => (all[request] ??= Deferred.unsafeMake(fiberId))
    }
    const arrival = signals()
    const closing = signals()
    const conversations = new Set<string>()
    let creations = 0
    let chats = 0

    const scripted = (replies: ReadonlyArray<Reply> | undefined, number: number): Reply | undefined =>
      replies?.[number] ?? replies?.at(-1)

    const create = (): Reply => {
      const id = `conversation-${conversations.size}`
      conversations.add(id)
      const created = { id, createdDateTime: "2026-11-22T10:00:00Z", displayName: "", turnCount: 0 }
      return scripted(script.conversations, creations++) ?? json(201, { ...created, status: "active" })
    }

    const chat = (operation: string, text: string): Reply => {
      const reply = scripted(script.chats, chats++)
      const body = Option.getOrUndefined(parse(text))
      const flaw = flawOf(body)
      if (flaw !== undefined) return json(400, error("BadRequest", flaw))
      if (reply !== undefined) return reply
      const prompt = promptOf(body)
      return operation === "chat"
        ? json(200, conversation(prompt, "Hello"))
        : sse(snapshots(prompt, "Hel", "Hello"))
    }

    const answer = ({ body, headers, method, path }: Received): Reply => {
      const token = /^Bearer (\S+)$/.exec(headers["authorization"] ?? "")?.[1]
      if (token === undefined || script.accepts?.(token) === false) {
        return json(
          401,
          error("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
          {
            "www-authenticate": "Bearer"
          }
        )
      }
      const target = /\/copilot\/conversations(\/[^?]*)?(?:\?.*)?$/.exec(path)
      if (method !== "POST" || target === null) return json(404, error("ResourceNotFound"))
      if (headers["content-type"] !== "application/json") return json(415, error("UnsupportedMediaType"))
      const [, below] = target
      if (below === undefined) return create()
      const [, id = "", operation = ""] = below.split("/")
      return conversations.has(decodeURIComponent(id)) && /^chat(OverStream)?$/.test(operation)
        ? chat(operation, body)
        : json(404, error("NotFound", "The conversation doesn't exist."))
    }

    const play = (response: Http.ServerResponse, [step, ...rest]: ReadonlyArray<Step>): void => {
      if (step === undefined || response.destroyed) return
      switch (step._tag) {
        case "Send":
          response.write(step.bytes, () => play(response, rest))
          return
        case "Pause":
          setTimeout(() => play(response, rest), step.ms)
          return
        case "Reset":
          response.socket?.resetAndDestroy()
          return
        case "End":
          response.end()
      }
    }

    const server = Http.createServer((incoming, response) => {
      const bytes: Array<Uint8Array> = []
      incoming.on("data", (piece: Uint8Array) => bytes.push(piece))
      incoming.on("error", () => {})
      incoming.on("end", () => {
        const received: Received = {
          method: incoming.method ?? "",
          path: incoming.url ?? "",
          headers: Object.fromEntries(
            Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])
          ),
          body: Buffer.concat(bytes).toString("utf8"),
          connection: incoming.socket.remotePort ?? 0
        }
        const number = requests.push(received) - 1
        Deferred.unsafeDone(arrival(number), Effect.void)
        response.once("close", () => Deferred.unsafeDone(closing(number), Effect.void))
        const { headers, status, steps } = answer(received)
        response.socket?.setNoDelay(true)
        response.writeHead(status, { "request-id": `req-${number}`, ...headers })
        // The head goes out with the first bytes: without any, the client waits for it.
        play(response, steps)
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      received: (request) => Deferred.await(arrival(request)),
      closed: (request) => Deferred.await(closing(request))
    }
  })
