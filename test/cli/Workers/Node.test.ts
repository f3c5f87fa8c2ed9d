import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import cluster from "node:cluster"
import { EventEmitter } from "node:events"
import * as Net from "node:net"
import * as NodeWorkers from "../../../src/cli/Workers/Node.js"
import * as workerCluster from "../../../src/cli/Workers/cluster.js"
import * as Workers from "../../../src/cli/Workers.js"
import { directory, platform } from "../harness.js"

const place = { number: 2, count: 3, port: 4711, tells: false }

/** A program that answers what it is asked with what it was started with, and ends as it is told. */
const program = `
if (process.env.QUIET === undefined) process.send("of another kind")
process.on("message", ({ _tag, id }) => {
  if (_tag === "Measure") process.send({ _tag: "Answer", id, text: process.env.ARC_SAGA_WORKER })
  if (_tag === "Reload") process.kill(process.pid, "SIGKILL")
  if (_tag === "Stop") process.exit(7)
})
process.on("message", (message) => {
  if (message._tag === "Refuse") process.send("arc-saga/leaving")
  if (message === "arc-saga/left") process.send({ _tag: "Answer", id: 0, text: "left" })
})
`

const start = Effect.gen(function* () {
  const file = yield* directory({ "worker.cjs": program })
  cluster.setupPrimary({ exec: file("worker.cjs"), execArgv: [] })
  const { start } = yield* Workers.Workers
  return yield* Effect.acquireRelease(start(place), (worker) => worker.send({ _tag: "Stop" }))
}).pipe(Effect.provide(NodeWorkers.layer))

describe("workers on Node", () => {
  it.scopedLive("are told what they are, and speak with their primary until they end", () =>
    Effect.gen(function* () {
      const worker = yield* start
      assert.isAbove(worker.pid, 0)
      yield* worker.send({ _tag: "Measure", id: 3 })
      assert.deepStrictEqual(yield* Queue.take(worker.messages), {
        _tag: "Answer",
        id: 3,
        text: JSON.stringify(place)
      })
      yield* worker.send({ _tag: "Refuse", reason: "" })
      assert.deepStrictEqual(yield* Queue.take(worker.messages), { _tag: "Answer", id: 0, text: "left" })
      yield* worker.send({ _tag: "Stop" })
      assert.deepStrictEqual(yield* worker.ended, { how: "has ended with 7", code: 7 })
      // It hears nothing any more.
      yield* worker.send({ _tag: "Stop" })
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("end by signals", () =>
    Effect.gen(function* () {
      const worker = yield* start
      yield* worker.send({ _tag: "Reload", id: 1, quiet: true })
      assert.deepStrictEqual(yield* worker.ended, { how: "has ended by SIGKILL", code: 1 })
    }).pipe(Effect.provide(platform))
  )

  it.scopedLive("that are stopped before they listen to messages end all the same", () =>
    Effect.gen(function* () {
      process.env["QUIET"] = "1"
      yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["QUIET"]))
      const worker = yield* start
      yield* worker.send({ _tag: "Stop" })
      assert.deepStrictEqual(yield* worker.ended, { how: "has ended by SIGTERM", code: 1 })
    }).pipe(Effect.provide(platform))
  )

  it.effect("are what a primary has started, and nothing else", () =>
    Effect.gen(function* () {
      const sent: Array<unknown> = []
      const send = (message: unknown) => sent.push(message) > 0
      const self = (env: NodeJS.ProcessEnv) => Object.assign(new EventEmitter(), { env })
      const env = () => ({ ARC_SAGA_WORKER: JSON.stringify(place) })
      for (const other of [{ ...self({}), send }, self(env()), { ...self({ ARC_SAGA_WORKER: "1" }), send }]) {
        assert.isUndefined(yield* workerCluster.ownOf(Object.assign(new EventEmitter(), other)))
      }
      const worker = Object.assign(self(env()), { send })
      const own = yield* workerCluster.ownOf(worker)
      assert(own !== undefined)
      assert.deepInclude(own, place)
      // What it starts is no worker.
      assert.isUndefined(worker.env["ARC_SAGA_WORKER"])
      worker.emit("message", { _tag: "Unknown" })
      worker.emit("message", { _tag: "Stop" })
      assert.deepStrictEqual(yield* Queue.takeAll(own.messages).pipe(Effect.map(Array.from)), [
        { _tag: "Stop" }
      ])
      yield* own.send({ _tag: "MeasureAll", id: 1 })
      assert.deepStrictEqual(sent, [{ _tag: "MeasureAll", id: 1 }])
      // A terminal that closes doesn't end it.
      assert.isAbove(worker.listenerCount("SIGHUP"), 0)
      // It leaves once its primary has answered, or is gone.
      const left = yield* Effect.fork(own.leave)
      yield* TestClock.adjust(500)
      assert.strictEqual(left.unsafePoll(), null)
      assert.strictEqual(sent.at(-1), "arc-saga/leaving")
      worker.emit("message", "arc-saga/left")
      yield* Fiber.join(left)
      const alone = yield* Effect.fork(own.leave)
      yield* TestClock.adjust(1000)
      yield* Fiber.join(alone)
    })
  )

  it.scopedLive("have a port that is free, or are told why there is none", () =>
    Effect.gen(function* () {
      const { freePort } = yield* Workers.Workers
      const port = yield* freePort("127.0.0.1")
      yield* Effect.acquireRelease(
        Effect.async<Net.Server>((resume) => {
          const server = Net.createServer().listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      // An address of the documentation.
      const error = yield* Effect.flip(freePort("192.0.2.1"))
      assert.deepInclude(error, { _tag: "ListenError", host: "192.0.2.1" })
    }).pipe(Effect.provide(NodeWorkers.layer))
  )
})
