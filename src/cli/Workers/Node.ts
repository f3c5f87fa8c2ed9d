/** Workers by `node:cluster`: the primary listens, and hands connections to its workers by turns. */
import * as Net from "node:net"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import { ListenError } from "../Listener.js"
import * as Workers from "../Workers.js"

/** What a worker is started with beside what its primary was. */
const variable = "ARC_SAGA_WORKER"

const decodePlace = Schema.decodeUnknownOption(Schema.parseJson(Workers.Place))
const decodeToWorker = Schema.decodeUnknownOption(Workers.ToWorker)
const decodeToPrimary = Schema.decodeUnknownOption(Workers.ToPrimary)

/** Keeps what comes, as far as it is a message of this program: Node's own come the same way. */
const received = <A>(
  messages: Queue.Queue<A>,
  decode: (message: unknown) => Option.Option<A>
): ((message: unknown) => void) => {
  return (message) => void Option.map(decode(message), (known) => Queue.unsafeOffer(messages, known))
}

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
    const messages = yield* Queue.unbounded<Workers.ToWorker>()
    self.on("message", received(messages, decodeToWorker))
    // The primary is told, and tells its workers. A terminal that closes signals all.
    self.on("SIGHUP", ignore)
    return {
      ...place.value,
      messages,
      send: (message) => Effect.sync(() => void self.send?.(message, undefined, undefined, ignore))
    }
  })

const start = (place: Workers.Place): Effect.Effect<Workers.Worker> =>
  Effect.gen(function* () {
    const { default: cluster } = yield* Effect.promise(() => import("node:cluster"))
    const messages = yield* Queue.unbounded<Workers.ToPrimary>()
    const ended = yield* Deferred.make<Workers.Ended>()
    const end = (how: string, code: number): void => Deferred.unsafeDone(ended, Effect.succeed({ how, code }))
    const worker = cluster.fork({ [variable]: JSON.stringify(place) })
    worker.on("message", received(messages, decodeToPrimary))
    worker.once("exit", (code, signal) =>
      signal === null ? end(`has ended with ${code}`, code) : end(`has ended by ${signal}`, 1)
    )
    worker.once("error", (error) => end(`can't be started: ${error.message}`, 1))
    return {
      pid: worker.process.pid ?? 0,
      messages,
      send: (message) => Effect.sync(() => void (worker.isConnected() && worker.send(message, ignore))),
      ended: Deferred.await(ended)
    }
  })

const freePort = (host: string): Effect.Effect<number, ListenError> =>
  Effect.async((resume) => {
    const server = Net.createServer()
    server.once("error", (error) => resume(new ListenError({ host, port: 0, reason: String(error) })))
    server.listen({ host, port: 0 }, () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      server.close(() => resume(Effect.succeed(port)))
    })
  })

/** Starts workers on Node, or is one. */
export const layer: Layer.Layer<Workers.Workers> = Layer.effect(
  Workers.Workers,
  Effect.map(ownOf(process), (own) => ({ own, start, freePort }))
)
