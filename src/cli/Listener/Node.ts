/** Listens on Node. */
import * as Http from "node:http"
import * as os from "node:os"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Listener from "../Listener.js"

/** Listens with `node:http`. What only a server needs is loaded when there is to be one. */
export const layer: Layer.Layer<Listener.Listener> = Layer.succeed(Listener.Listener, {
  listen: (at) =>
    Layer.unwrapEffect(
      Effect.map(
        Effect.promise(() => import("@effect/platform-node/NodeHttpServer")),
        (NodeHttpServer) => {
          const server = Http.createServer()
          // In the instants before the gateway is there and after it has gone, nothing else would answer.
          server.on("request", (_, response) => {
            if (server.listenerCount("request") > 1) return
            response.writeHead(503, { "retry-after": "1", connection: "close" }).end()
          })
          // It speaks nothing else: a client that offers HTTP/2 beside (Java's does) is answered in HTTP/1.1, and
          // Node takes the offer, and leaves the body unread, where there is a listener for it.
          server.on("newListener", (event) => {
            if (event === "upgrade") queueMicrotask(() => server.removeAllListeners("upgrade"))
          })
          // Requests are done by then; what is still connected has nothing to say, or never finished saying it.
          const disconnect = Layer.scopedDiscard(
            Effect.addFinalizer(() =>
              Effect.sync(() => {
                // One that comes until it has stopped listening, and says nothing, would hold up the end for minutes.
                server.on("connection", (socket) => socket.destroy())
                server.closeAllConnections()
              })
            )
          )
          return Layer.provideMerge(
            disconnect,
            NodeHttpServer.layerServer(() => server, at)
          )
        }
      )
    ).pipe(Layer.mapError(({ cause }) => new Listener.ListenError({ ...at, reason: String(cause) }))),
  onReload: (told) =>
    Effect.acquireRelease(
      // On Windows it says that the console closes.
      Effect.sync(() => process.platform !== "win32" && process.on("SIGHUP", told)),
      () => Effect.sync(() => process.off("SIGHUP", told))
    ),
  instance: `${os.hostname()}:${process.pid}`,
  client: Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("@effect/platform-node/NodeHttpClient")),
      // Its Layer would carry its own context into every request.
      ({ makeDispatcher, makeUndici }) =>
        Layer.scoped(HttpClient.HttpClient, Effect.map(makeDispatcher, makeUndici))
    )
  )
})
