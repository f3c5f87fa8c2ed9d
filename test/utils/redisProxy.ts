/** A way to Redis that can be stopped, cut and given back: what a process sees of a Redis that stalls or dies. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"

export interface Proxy {
  readonly url: string
  /** Nothing goes through until `resume`; the connections stay, as with SIGSTOP. */
  readonly stop: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends all connections and refuses others until `restart`, as with SIGKILL. */
  readonly kill: Effect.Effect<void>
  readonly restart: Effect.Effect<void>
}

const listening = (server: net.Server, port: number): Promise<void> =>
  new Promise((resolve) => server.listen(port, "127.0.0.1", resolve))

/** A proxy before the server at a URL. */
export const make = (url: string): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const { hostname, port } = new URL(url)
        const sockets = new Set<net.Socket>()
        let stopped = false
        const server = net.createServer((near) => {
          const far = net.connect(Number(port), hostname)
          for (const [socket, other] of [
            [near, far],
            [far, near]
          ] as const) {
            sockets.add(socket)
            if (stopped) socket.pause()
            socket.on("data", (data) => other.write(data))
            socket.on("error", () => other.destroy())
            socket.on("close", () => {
              sockets.delete(socket)
              other.destroy()
            })
            if (stopped) socket.pause()
          }
        })
        await listening(server, 0)
        const address = server.address()
        const own = address !== null && typeof address === "object" ? address.port : 0
        const end = (): void => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }
        const proxy: Proxy = {
          url: `redis://127.0.0.1:${own}`,
          stop: Effect.sync(() => {
            stopped = true
            for (const socket of sockets) socket.pause()
          }),
          resume: Effect.sync(() => {
            stopped = false
            for (const socket of sockets) socket.resume()
          }),
          kill: Effect.sync(end),
          restart: Effect.promise(() => listening(server, own))
        }
        return { end, proxy }
      }),
      ({ end }) => Effect.sync(end)
    ),
    ({ proxy }) => proxy
  )
