import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/TestClock"
import { StandardStreams } from "../../../src/cli/StandardStreams.js"
import * as primary from "../../../src/cli/Workers/primary.js"
import * as Workers from "../../../src/cli/Workers.js"
import { type Printed, streams } from "../harness.js"
import * as fake from "./fake.js"

const turn = TestClock.adjust(0)

/** A primary, and its workers so far. */
const led = (count: number, port = 4000) =>
  Effect.gen(function* () {
    const { service, started } = fake.make()
    const printed: Printed = { out: [], err: [] }
    const asked = yield* Queue.unbounded<void>()
    const fiber = yield* Effect.forkDaemon(
      primary
        .run({ at: { host: "127.0.0.1", port }, count, changed: Queue.take(asked) })
        .pipe(
          Effect.scoped,
          Effect.provideService(Workers.Workers, service),
          Effect.provideService(StandardStreams, streams({}, printed))
        )
    )
    // It waits for its workers.
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Fiber.interruptFork(fiber),
        Effect.forEach(started, ({ end }) => end("has ended", 0))
      )
    )
    yield* turn
    const at = (index: number): fake.Fake => {
      const found = started[index]
      assert(found !== undefined)
      return found
    }
    const ready = (index: number) =>
      Effect.zipRight(at(index).say({ _tag: "Ready", address: "http://127.0.0.1:4000" }), turn)
    /** Answers what a worker was told last. */
    const answer = (index: number, text: string) => {
      const last = at(index).told.at(-1)
      assert(last !== undefined && "id" in last)
      return Effect.zipRight(at(index).say({ _tag: "Answer", id: last.id, text }), turn)
    }
    return {
      at,
      ready,
      answer,
      end: (index: number, how = "has ended by SIGKILL", code = 1) =>
        Effect.zipRight(at(index).end(how, code), turn),
      reload: Effect.zipRight(Queue.offer(asked, undefined), turn),
      started,
      fiber,
      told: () => printed.err.splice(0).join("")
    }
  })

/** The same with all of its workers there. */
const allThere = (count: number) =>
  Effect.gen(function* () {
    const made = yield* led(count)
    for (let index = 0; index < count; index++) yield* made.ready(index)
    made.told()
    return made
  })

describe("a primary", () => {
  it.scoped("starts the others once the first is there, and says once where they are", () =>
    Effect.gen(function* () {
      const { at, ready, started, told } = yield* led(3, 0)
      assert.lengthOf(started, 1)
      yield* ready(0)
      assert.lengthOf(started, 3)
      assert.strictEqual(told(), "")
      yield* ready(1)
      yield* ready(2)
      assert.match(told(), /^Listening at http:\/\/127\.0\.0\.1:4000\. [^\n]*\n$/)
      assert.deepStrictEqual(
        [0, 1, 2].map((index) => at(index).place),
        [1, 2, 3].map((number) => ({ number, count: 3, port: fake.port, tells: number === 1 }))
      )
    })
  )

  it.scoped("ends as a worker does that ends before all are there, and stops the others", () =>
    Effect.gen(function* () {
      for (const index of [0, 1]) {
        const { at, end, fiber, ready, started } = yield* led(2)
        if (index === 1) yield* ready(0)
        yield* end(index, "has ended with 2", 2)
        if (index === 1) {
          assert.deepStrictEqual(at(0).told, [{ _tag: "Stop" }])
          assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
          yield* end(0)
        }
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.deepInclude(error, { _tag: "WorkerError", number: index + 1, code: 2 })
        assert.lengthOf(started, index + 1)
      }
    })
  )

  it.scoped("starts one again that ends, after a wait that grows while it goes on so", () =>
    Effect.gen(function* () {
      const { at, end, ready, started, told } = yield* allThere(2)
      yield* TestClock.adjust("61 seconds")
      const waits = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]
      for (const ms of waits) {
        const before = started.length
        yield* end(before - 1)
        assert.strictEqual(
          told(),
          `Note: worker 2 has ended by SIGKILL; it is started again in ${ms / 1000} s\n`
        )
        yield* TestClock.adjust(ms - 1)
        assert.lengthOf(started, before)
        yield* TestClock.adjust(1)
        assert.lengthOf(started, before + 1)
        // Every other one had served.
        if (before % 2 === 0) yield* ready(before)
      }
      assert.deepInclude(at(started.length - 1).place, { number: 2, tells: false })
      yield* TestClock.adjust("1 minute")
      yield* end(started.length - 1)
      assert.include(told(), "in 0.1 s")
    })
  )

  it.scoped("starts the first again as one that tells nothing that was told", () =>
    Effect.gen(function* () {
      const { at, end } = yield* allThere(2)
      yield* end(0)
      yield* TestClock.adjust(100)
      assert.deepInclude(at(2).place, { number: 1, tells: false })
    })
  )

  it.scoped("has all stop at once when it is interrupted, and waits for the last", () =>
    Effect.gen(function* () {
      const { at, end, fiber } = yield* allThere(3)
      yield* Fiber.interruptFork(fiber)
      yield* turn
      for (const index of [0, 1, 2]) assert.deepStrictEqual(at(index).told, [{ _tag: "Stop" }])
      yield* end(2)
      yield* end(0)
      assert.isTrue(Option.isNone(yield* Fiber.poll(fiber)))
      yield* end(1)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
    })
  )

  it.scoped("starts none while it stops", () =>
    Effect.gen(function* () {
      const { end, fiber, started } = yield* allThere(2)
      yield* end(0)
      yield* Fiber.interruptFork(fiber)
      yield* turn
      yield* end(1)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(started, 2)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
    })
  )

  it.scoped("has the first take a configuration, and then the others, which tell nothing of it", () =>
    Effect.gen(function* () {
      const { answer, at, reload, told } = yield* allThere(3)
      yield* reload
      assert.deepInclude(at(0).told[0], { _tag: "Reload", quiet: false })
      assert.isEmpty([...at(1).told, ...at(2).told])
      yield* answer(0, "")
      for (const index of [1, 2]) assert.deepInclude(at(index).told[0], { _tag: "Reload", quiet: true })
      yield* answer(1, "")
      assert.strictEqual(told(), "")
      // It was written meanwhile.
      yield* answer(2, "c.json: Expected JSON")
      assert.strictEqual(told(), "Note: worker 3 goes on with another configuration: c.json: Expected JSON\n")
      yield* reload
      assert.lengthOf(at(0).told, 2)
    })
  )

  it.scoped("has none take a configuration that the first refuses", () =>
    Effect.gen(function* () {
      const { answer, at, reload } = yield* allThere(3)
      yield* reload
      yield* answer(0, "c.json: Expected JSON")
      for (const index of [1, 2]) {
        assert.deepStrictEqual(at(index).told, [{ _tag: "Refuse", reason: "c.json: Expected JSON" }])
      }
    })
  )

  it.scoped("asks the next where one ends over a configuration, and none where there is none", () =>
    Effect.gen(function* () {
      const { at, end, reload } = yield* allThere(2)
      yield* reload
      yield* end(0)
      assert.deepInclude(at(1).told[0], { _tag: "Reload", quiet: false })
      yield* end(1)
      yield* reload
    })
  )

  it.scoped("has the metrics of all that serve, each with its worker", () =>
    Effect.gen(function* () {
      const { answer, at, end, ready } = yield* allThere(3)
      const text = (value: number) =>
        `# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{ending="answered"} ${value}\n`
      yield* end(2)
      yield* at(0).say({ _tag: "MeasureAll", id: 7 })
      yield* turn
      yield* answer(1, text(5))
      yield* answer(0, text(2))
      assert.deepStrictEqual(at(0).told.at(-1), {
        _tag: "Answer",
        id: 7,
        text: [
          "# HELP arc_saga_gateway_worker_up Whether a worker serves: 1, or 0 until it is started again.",
          "# TYPE arc_saga_gateway_worker_up gauge",
          'arc_saga_gateway_worker_up{worker="1"} 1',
          'arc_saga_gateway_worker_up{worker="2"} 1',
          'arc_saga_gateway_worker_up{worker="3"} 0',
          "# HELP arc_saga_gateway_worker_starts_total How often a worker was started.",
          "# TYPE arc_saga_gateway_worker_starts_total counter",
          'arc_saga_gateway_worker_starts_total{worker="1"} 1',
          'arc_saga_gateway_worker_starts_total{worker="2"} 1',
          'arc_saga_gateway_worker_starts_total{worker="3"} 1',
          "# HELP calls_total Calls.",
          "# TYPE calls_total counter",
          'calls_total{worker="1",ending="answered"} 2',
          'calls_total{worker="2",ending="answered"} 5',
          ""
        ].join("\n")
      })
      // One that hangs holds up the metrics for a second, and the others aren't lost with it.
      yield* TestClock.adjust(100)
      yield* ready(3)
      yield* at(1).say({ _tag: "MeasureAll", id: 8 })
      yield* turn
      yield* answer(0, text(3))
      yield* answer(3, text(1))
      yield* TestClock.adjust("1 second")
      const last = at(1).told.at(-1)
      assert(last?._tag === "Answer" && last.id === 8)
      assert.include(last.text, 'arc_saga_gateway_worker_starts_total{worker="3"} 2')
      assert.match(last.text, /calls_total\{worker="1".*\} 3\ncalls_total\{worker="3".*\} 1\n$/)
      // It is too late then.
      yield* at(1).say({ _tag: "Answer", id: 1, text: "" })
      yield* turn
    })
  )
})
