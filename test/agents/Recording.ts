/** A proxy that records what goes through it, byte by byte. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"

/** A request, and what was answered. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
  readonly answer: { status: number; headers: Http.IncomingHttpHeaders; body: string }
}

export interface Recording {
  readonly url: string
  /** The exchanges that have begun, in their order. */
  readonly exchanges: ReadonlyArray<Exchange>
}

const read = async (incoming: Http.IncomingMessage): Promise<string> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of incoming) pieces.push(piece)
  return Buffer.concat(pieces).toString("utf8")
}

/** Starts one in front of a server. */
export const before = (server: string): Effect.Effect<Recording, never, Scope.Scope> =>
  Effect.gen(function* () {
    const exchanges: Array<Exchange> = []
    const proxy = Http.createServer((incoming, outgoing) => {
      const { headers, method = "", url: path = "" } = incoming
      void read(incoming).then((body) => {
        const answer: Exchange["answer"] = { status: 0, headers: {}, body: "" }
        exchanges.push({ method, path, headers, body, answer })
        const passed = Http.request(server + path, { method, headers }, (answered) => {
          answer.status = answered.statusCode ?? 0
          answer.headers = answered.headers
          answered.setEncoding("utf8").on("data", (piece: string) => (answer.body += piece))
          outgoing.writeHead(answer.status, answered.headers)
          outgoing.flushHeaders()
          answered.pipe(outgoing)
        })
        passed.on("error", () => outgoing.destroy())
        outgoing.on("close", () => passed.destroy())
        passed.end(body)
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        proxy.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          proxy.close(() => resume(Effect.void))
          proxy.closeAllConnections()
        })
    )
    const address = proxy.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return { url: `http://127.0.0.1:${port}`, exchanges }
  })
