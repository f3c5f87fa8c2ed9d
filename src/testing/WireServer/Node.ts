/**
 * Servers of scripted replies on Node.
 *
 * @since 0.1.0
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Http from "node:http"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as WireServer from "../WireServer.js"

/** Milliseconds for sent bytes to arrive: a reset overtakes them. */
const beforeResetMs = 10

const requestOf = (incoming: IncomingMessage, body: string): WireServer.Request => ({
  method: incoming.method ?? "",
  path: incoming.url ?? "",
  headers: Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, [value ?? []].flat().join(", ")])
  ),
  body
})

/** What a script says; one that throws is told in the reply, where the test sees it. */
const replyOf = (
  script: (request: WireServer.Request) => WireServer.Reply,
  request: WireServer.Request
): WireServer.Reply => {
  try {
    return script(request)
  } catch (defect) {
    return { status: 500, body: [`the script of the server failed: ${String(defect)}`] }
  }
}

const serve = (
  script: (request: WireServer.Request) => WireServer.Reply
): Effect.Effect<WireServer.Server, never, Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<WireServer.Request> = []
    const hanging = yield* Deferred.make<void>()
    const closed = yield* Deferred.make<void>()

    const finish = (outgoing: ServerResponse, ending: WireServer.Ending): void => {
      switch (ending) {
        case "end":
          outgoing.end()
          return
        case "reset":
          setTimeout(() => outgoing.socket?.resetAndDestroy(), beforeResetMs)
          return
        case "hang":
          outgoing.once("close", () => Deferred.unsafeDone(closed, Effect.void))
          Deferred.unsafeDone(hanging, Effect.void)
      }
    }

    // One piece in a turn of the event loop: two that are there together reach the client as one.
    const send = (outgoing: ServerResponse, reply: WireServer.Reply, index = 0): void => {
      const piece = reply.body[index]
      if (piece === undefined) return finish(outgoing, reply.ending ?? "end")
      outgoing.write(piece)
      setImmediate(() => send(outgoing, reply, index + 1))
    }

    const server = Http.createServer((incoming, outgoing) => {
      const pieces: Array<Uint8Array> = []
      incoming.on("data", (piece: Uint8Array) => pieces.push(piece))
      incoming.on("end", () => {
        const request = requestOf(incoming, Buffer.concat(pieces).toString("utf8"))
        requests.push(request)
        const reply = replyOf(script, request)
        outgoing.writeHead(reply.status, reply.headers)
        outgoing.flushHeaders()
        send(outgoing, reply)
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
      requests: Effect.sync(() => [...requests]),
      hanging: Deferred.await(hanging),
      closed: Deferred.await(closed)
    }
  })

/**
 * Starts servers with `node:http`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<WireServer.WireServer> = Layer.succeed(WireServer.WireServer, { serve })
