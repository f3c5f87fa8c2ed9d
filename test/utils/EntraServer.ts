/**
 * Entra ID's token and device code endpoints over real HTTP, as its documentation has them. It answers well
 * until it is scripted otherwise.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"

/** A request as it was on the wire. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly form: Readonly<Record<string, string>>
}

/** What a request is answered with. */
export interface Reply {
  /** Whether the answer waits until it is let go. */
  readonly held?: boolean
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** How a request ends without an answer. */
export type Fault = "hang" | "reset"

/** An answer of JSON. */
export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {}
): Reply => ({
  status,
  body: JSON.stringify(body),
  headers: { "content-type": "application/json; charset=utf-8", ...headers }
})

/** A refusal in the form that Entra ID gives it. */
export const refusal = (
  error: string,
  description = `AADSTS50000: ${error} it is.`,
  status = 400,
  headers?: Readonly<Record<string, string>>
): Reply =>
  json(
    status,
    {
      error,
      error_description: `${description}\r\nTrace ID: 0000-trace\r\nCorrelation ID: 0000-correlation\r\nTimestamp: 2026-11-22 12:00:00Z`,
      error_codes: [50000],
      timestamp: "2026-11-22 12:00:00Z",
      trace_id: "0000-trace",
      correlation_id: "0000-correlation"
    },
    headers
  )

/** Tokens in the form that Entra ID gives them. */
export const granted = (name: string, changes: Readonly<Record<string, unknown>> = {}): Reply =>
  json(200, {
    token_type: "Bearer",
    scope: "Chat.Read Mail.Read",
    expires_in: 3599,
    ext_expires_in: 3599,
    access_token: `access-${name}`,
    refresh_token: `refresh-${name}`,
    ...changes
  })

/** A device code in the form that Entra ID gives it. */
export const device = (changes: Readonly<Record<string, unknown>> = {}): Reply =>
  json(200, {
    user_code: "ABCD-EFGH",
    device_code: "device-secret",
    verification_uri: "https://microsoft.com/devicelogin",
    expires_in: 900,
    interval: 5,
    message: "To sign in, open https://microsoft.com/devicelogin and enter the code ABCD-EFGH.",
    ...changes
  })

/** An answer that waits until it is let go. */
export const held = (reply: Reply): Reply => ({ ...reply, held: true })

/** A running server. */
export interface EntraServer {
  readonly url: string
  /** The requests so far, in their order. */
  readonly requests: ReadonlyArray<Received>
  /** Waits until the n-th request has come. */
  readonly received: (request: number) => Effect.Effect<void>
  /** Waits until the n-th request is over: answered, or its connection closed. */
  readonly closed: (request: number) => Effect.Effect<void>
  /** Lets the answers go that are held. */
  readonly letGo: Effect.Effect<void>
}

/** Starts a server that gives these answers; once they are given, tokens that say the request's number. */
export const make = (
  ...replies: ReadonlyArray<Reply | Fault>
): Effect.Effect<EntraServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Received> = []
    const fiberId = yield* Effect.fiberId
    const signals = () => {
      const all: Array<Deferred.Deferred<void>> = []
      return (request: number): Deferred.Deferred<void> => (all[request] ??= Deferred.unsafeMake(fiberId))
    }
    const arrival = signals()
    const closing = signals()
    const waiting: Array<() => void> = []

    const answer = (request: Received, number: number): Reply | Fault => {
      const scripted = replies[number]
      if (scripted !== undefined) return scripted
      return request.path.endsWith("/devicecode") ? device() : granted(`${number}`)
    }

    const server = Http.createServer((incoming, outgoing) => {
      let body = ""
      incoming.on("data", (bytes) => (body += String(bytes)))
      incoming.on("end", () => {
        const { headers, method = "", url = "" } = incoming
        const form = Object.fromEntries(new URLSearchParams(body))
        const request = { method, path: url, headers, form }
        const number = requests.push(request) - 1
        outgoing.once("close", () => Deferred.unsafeDone(closing(number), Effect.void))
        Deferred.unsafeDone(arrival(number), Effect.void)
        const reply = answer(request, number)
        if (reply === "hang") return
        if (reply === "reset") {
          incoming.socket.resetAndDestroy()
          return
        }
        const send = () => outgoing.writeHead(reply.status, reply.headers).end(reply.body)
        if (reply.held === true) waiting.push(send)
        else send()
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `http://127.0.0.1:${port}`,
      requests,
      received: (request) => Deferred.await(arrival(request)),
      closed: (request) => Deferred.await(closing(request)),
      letGo: Effect.sync(() => {
        for (const send of waiting.splice(0)) send()
      })
    }
  })
