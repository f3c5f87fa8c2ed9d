/** Processes by `node:cluster`: the primary listens, and hands connections to its workers by turns. */
import cluster from "node:cluster"
import * as Net from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import { ListenError } from "../Listener.js"
import type * as Workers from "../Workers.js"
import * as messages from "./messages.js"

const decodePlace = Schema.decodeUnknownOption(Schema.parseJson(messages.Place))
const decodeToWorker = Schema.decodeUnknownOption(messages.ToWorker)
const decodeToPrimary = Schema.decodeUnknownOption(messages.ToPrimary)

/** What a worker is started with beside what its primary was. */
export const variable = "ARC_SAGA_WORKER"

/** Keeps what comes, as far as it is a message of this program: Node's own come the same way. */
const received = <A>(
  queue: Queue.Queue<A>,
  decode: (message: unknown) => Option.Option<A>
): ((message: unknown) => void) => {
  return (message) => void Option.map(decode(message), (known) => Queue.unsafeOffer(queue, known))
}

/** What a worker says that listens no longer, and what its primary answers: behind all that it has handed over. */
const leaving = "arc-saga/leaving"
const left = "arc-saga/left"

/** Milliseconds that a worker waits for that. */
const leaveMs = 1000

/** What can't be sent reaches a process that has ended, and is dropped. */
const ignore = (): void => undefined

/** What a process is, where it was started as a worker. */
export const ownOf = (
  self: Pick<NodeJS.Process, "env" | "send"> & Pick<NodeJS.EventEmitter, "on">
): Effect.Effect<Workers.Own | undefined> =>
  Effect.gen(function* () {
    const place = decodePlace(self.env[variable])
    delete self.env[variable]
    // By hand there is no primary.
    if (Option.isNone(place) || self.send === undefined) return undefined
    const queue = yield* Queue.unbounded<messages.ToWorker>()
    self.on("message", received(queue, decodeToWorker))
    // The primary is told, and tells its workers. A terminal that closes signals all.
    self.on("SIGHUP", ignore)
    return {
      ...place.value,
      messages: queue,
      send: (message) => Effect.sync(() => void self.send?.(message, undefined, undefined, ignore)),
      leave: Effect.async<void>((resume) => {
        self.on("message", (message) => message === left && resume(Effect.void))
        self.send?.(leaving, undefined, undefined, ignore)
      }).pipe(Effect.interruptible, Effect.timeoutOption(leaveMs), Effect.asVoid)
    }
  })

/** Starts this program once more. */
export const start = (place: messages.Place): Effect.Effect<Workers.Worker> =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<messages.ToPrimary>()
    const ended = yield* Deferred.make<Workers.Ended>()
    const end = (how: string, code: number): void => Deferred.unsafeDone(ended, Effect.succeed({ how, code }))
    const worker = cluster.fork({ [variable]: JSON.stringify(place) })
    let hears = false
    worker.once("message", () => (hears = true))
    worker.on("message", received(queue, decodeToPrimary))
    worker.on(
      "message",
      (message) => message === leaving && worker.isConnected() && worker.send(left, ignore)
    )
    worker.once("exit", (code, signal) =>
      signal === null ? end(`has ended with ${code}`, code) : end(`has ended by ${signal}`, 1)
    )
    worker.on("error", (error) => end(`can't be started: ${error.message}`, 1))
    return {
      pid: worker.process.pid ?? 0,
      messages: queue,
      send: (message) =>
        Effect.sync(() => {
          if (!worker.isConnected()) return
          // What comes before it listens to messages is lost.
          if (message._tag === "Stop" && !hears) worker.process.kill("SIGTERM")
          else worker.send(message, ignore)
        }),
      ended: Deferred.await(ended)
    }
  })

/** A port of a host that nothing listens at. */
export const freePort = (host: string): Effect.Effect<number, ListenError> =>
  Effect.async((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(new ListenError({ host, port: 0, reason: String(error) })))
    server.listen({ host, port: 0 }, () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resume(Effect.succeed(port)))
    })
  })
