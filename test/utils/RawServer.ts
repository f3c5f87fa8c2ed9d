/** A server of scripted bytes, for what an HTTP framework can't do. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"

/** A request as it was on the wire. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Which connection it came over, from 0. */
  readonly connection: number
}

/** One thing that the server does with a connection. */
export type Step =
  | { readonly _tag: "Send"; readonly bytes: Uint8Array }
  | { readonly _tag: "Pause"; readonly ms: number }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "End" }

/** Sends bytes. */
export const send = (bytes: string | Uint8Array): Step => ({
  _tag: "Send",
  bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes
})

/** Waits before the next step. */
export const pause = (ms: number): Step => ({ _tag: "Pause", ms })

/** Breaks the connection. */
export const reset: Step = { _tag: "Reset" }

/** Closes the server's side of the connection. */
export const end: Step = { _tag: "End" }

const crlf = "\r\n"

/** The head of an answer whose body ends with the connection. */
export const head = (
  status: number,
  contentType: string,
  headers: Readonly<Record<string, string>> = {}
): string =>
  [
    `HTTP/1.1 ${status} Status`,
    `content-type: ${contentType}`,
    "connection: close",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ].join(crlf)

/** A whole answer. */
export const answer = (
  status: number,
  contentType: string,
  body: string,
  headers?: Readonly<Record<string, string>>
): ReadonlyArray<Step> => [send(head(status, contentType, headers) + body), end]

/** The head of an answer in HTTP chunks. */
export const chunkedHead = (contentType: string): string =>
  ["HTTP/1.1 200 OK", `content-type: ${contentType}`, "transfer-encoding: chunked", "", ""].join(crlf)

/** One HTTP chunk. */
export const chunk = (text: string): string =>
  `${new TextEncoder().encode(text).length.toString(16)}${crlf}${text}${crlf}`

/** The end of an answer in HTTP chunks. */
export const lastChunk: string = `0${crlf}${crlf}`

/** A running server. */
export interface RawServer {
  readonly url: string
  /** The requests so far, in their order. */
  readonly requests: ReadonlyArray<Received>
  /** Waits until the n-th request has come. */
  readonly received: (request: number) => Effect.Effect<void>
  /** Waits until the client has closed the connection of the n-th request. */
  readonly closed: (request: number) => Effect.Effect<void>
}

const parse = (text: string, connection: number): Received | undefined => {
  const headEnd = text.indexOf(crlf + crlf)
  if (headEnd === -1) return undefined
  const [first = "", ...lines] = text.slice(0, headEnd).split(crlf)
  const [method = "", path = ""] = first.split(" ")
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    })
  )
  // Read as latin1, so that a character is a byte.
  const body = text.slice(headEnd + 4)
  if (body.length < Number(headers["content-length"] ?? "0")) return undefined
  return { method, path, headers, body: Buffer.from(body, "latin1").toString("utf8"), connection }
}

/** A server that is listening. */
export interface Listening {
  readonly url: string
  /** Connections that are open. */
  readonly connections: () => number
}

/** Starts a server that plays for each request what it is told to. */
export const listen = (
  script: (request: Received, socket: Net.Socket) => ReadonlyArray<Step>
): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Net.Socket>()
    let connections = 0

    const play = (socket: Net.Socket, [step, ...rest]: ReadonlyArray<Step>): void => {
      if (step === undefined || socket.destroyed) return
      switch (step._tag) {
        case "Send":
          socket.write(step.bytes, () => play(socket, rest))
          return
        case "Pause":
          setTimeout(() => play(socket, rest), step.ms)
          return
        case "Reset":
          socket.resetAndDestroy()
          return
        case "End":
          socket.end()
      }
    }

    const server = Net.createServer((socket) => {
      const connection = connections++
      let received = ""
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on("error", () => {})
      socket.on("data", (bytes) => {
        received += bytes.toString("latin1")
        const request = parse(received, connection)
        if (request === undefined) return
        received = ""
        play(socket, script(request, socket))
      })
      socket.once("close", () => sockets.delete(socket))
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        // Many may come at once: none of them is to be turned away by the system.
        server.listen(0, "127.0.0.1", 4096, () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, connections: () => sockets.size }
  })

/** Starts a server that plays one script for each request; the last one again for all that follow. */
export const make = (
  ...scripts: ReadonlyArray<ReadonlyArray<Step>>
): Effect.Effect<RawServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Received> = []
    const fiberId = yield* Effect.fiberId
    const signals = () => {
      const all: Array<Deferred.Deferred<void>> = []
      return (request: number): Deferred.Deferred<void> => (all[request] ??= Deferred.unsafeMake(fiberId))
    }
    const arrival = signals()
    const closing = signals()
    const { url } = yield* listen((request, socket) => {
      const number = requests.push(request) - 1
      Deferred.unsafeDone(arrival(number), Effect.void)
      socket.once("close", () => Deferred.unsafeDone(closing(number), Effect.void))
      return scripts[number] ?? scripts.at(-1) ?? []
    })
    return {
      url,
      requests,
      received: (request) => Deferred.await(arrival(request)),
      closed: (request) => Deferred.await(closing(request))
    }
  })

/** Round trips over the network that are soon over, however busy the machine is. */
const soon = 20

/** Whether something is seen before so many requests went there and back: what is soon, without a clock. */
export const seenSoon = (something: Effect.Effect<void>): Effect.Effect<boolean, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { url } = yield* make(answer(200, "text/plain", "here"))
    const roundTrip = Effect.promise(async () => (await fetch(url)).text())
    return yield* Effect.raceFirst(
      Effect.as(something, true),
      Effect.as(Effect.repeatN(roundTrip, soon - 1), false)
    )
  })
