import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as VirtualTime from "../../src/testing/VirtualTime.js"
import { runs } from "../utils/property.js"

const stopped = (exit: Exit.Exit<unknown, unknown>): string =>
  exit._tag === "Failure" &&
  exit.cause._tag === "Fail" &&
  exit.cause.error instanceof VirtualTime.VirtualTimeError
    ? `${exit.cause.error.reason} at ${exit.cause.error.atMs}`
    : String(exit)

/** Notes what happens, with its time. */
const diary = () => {
  const lines: Array<string> = []
  const note = (what: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      lines.push(`${now} ${what}`)
    })
  return { lines, note }
}

describe("VirtualTime", () => {
  it("lets hours pass at once", () => {
    const exit = VirtualTime.run(Effect.zipRight(Effect.sleep("12 hours"), Clock.currentTimeMillis))
    assert.deepStrictEqual(exit, Exit.succeed(43_200_000))
  })

  it("gives the exit of the effect: value, failure or defect", () => {
    assert.deepStrictEqual(VirtualTime.run(Effect.succeed(1)), Exit.succeed(1))
    assert.deepStrictEqual(
      VirtualTime.run(Effect.zipRight(Effect.sleep(1), Effect.fail("no"))),
      Exit.fail("no")
    )
    assert.deepStrictEqual(VirtualTime.run(Effect.die("bug")), Exit.die("bug"))
  })

  it("wakes sleepers by time, and those of one moment in the order in which they fell asleep", () => {
    const { lines, note } = diary()
    const sleeper = (name: string, ms: number) => Effect.zipRight(Effect.sleep(ms), note(name))
    VirtualTime.run(
      Effect.all([sleeper("d", 30), sleeper("a", 10), sleeper("b", 10), sleeper("c", 20), sleeper("e", 30)], {
        concurrency: "unbounded",
        discard: true
      })
    )
    assert.deepStrictEqual(lines, ["10 a", "10 b", "20 c", "30 d", "30 e"])
  })

  it("orders any sleepers as a stable sort does", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.nat(20), { maxLength: 60 }), (delays) => {
        const woken: Array<readonly [number, number]> = []
        VirtualTime.run(
          Effect.forEach(
            delays,
            (ms, index) =>
              Effect.zipRight(
                Effect.sleep(ms),
                Effect.sync(() => woken.push([ms, index]))
              ),
            { concurrency: "unbounded", discard: true }
          )
        )
        const sorted = delays
          .map((ms, index): readonly [number, number] => [ms, index])
          .toSorted(([left], [right]) => left - right)
        assert.deepStrictEqual(woken, sorted)
      }),
      runs().fastCheck
    )
  })

  it("runs forks within forks", () => {
    const { lines, note } = diary()
    VirtualTime.run(
      Effect.gen(function* () {
        const outer = yield* Effect.fork(
          Effect.gen(function* () {
            const inner = yield* Effect.fork(Effect.zipRight(Effect.sleep(5), note("inner")))
            yield* Effect.sleep(3)
            yield* note("outer")
            yield* Fiber.join(inner)
          })
        )
        yield* note("main")
        yield* Fiber.join(outer)
        yield* note("end")
      })
    )
    assert.deepStrictEqual(lines, ["0 main", "3 outer", "5 inner", "5 end"])
  })

  it("lets the faster of a race win and wakes the slower no more", () => {
    const { lines, note } = diary()
    const exit = VirtualTime.run(
      Effect.gen(function* () {
        const won = yield* Effect.race(
          Effect.as(Effect.sleep(10), "fast"),
          Effect.as(Effect.zipRight(Effect.sleep(20), note("slow")), "slow")
        )
        yield* Effect.sleep(100)
        return [won, yield* Clock.currentTimeMillis] as const
      })
    )
    assert.deepStrictEqual(exit, Exit.succeed(["fast", 110] as const))
    assert.deepStrictEqual(lines, [])
  })

  it("times out, retries, and moves through queues and streams", () => {
    const exit = VirtualTime.run(
      Effect.gen(function* () {
        const late = yield* Effect.timeoutOption(Effect.sleep("1 minute"), "5 seconds")
        const before = yield* Clock.currentTimeMillis
        yield* Effect.ignore(
          Effect.retry(Effect.fail("no"), Schedule.intersect(Schedule.exponential(100), Schedule.recurs(3)))
        )
        const after = yield* Clock.currentTimeMillis
        const queue = yield* Queue.unbounded<number>()
        yield* Effect.fork(Effect.forEach([1, 2, 3], (n) => Effect.delay(Queue.offer(queue, n), 10)))
        const taken = yield* Effect.all([Queue.take(queue), Queue.take(queue), Queue.take(queue)])
        const ticks = yield* Stream.runCollect(Stream.take(Stream.tick(1000), 3))
        return {
          late: Option.isNone(late),
          before,
          waited: after - before,
          taken,
          ticks: Chunk.size(ticks),
          end: yield* Clock.currentTimeMillis
        }
      })
    )
    assert.deepStrictEqual(
      exit,
      Exit.succeed({ late: true, before: 5000, waited: 700, taken: [1, 2, 3], ticks: 3, end: 7730 })
    )
  })

  it("goes in whole milliseconds from any start, and never wakes early", () => {
    const exit = VirtualTime.run(Effect.zipRight(Effect.sleep(0.5), Clock.currentTimeNanos), {
      startAt: 1000
    })
    assert.deepStrictEqual(exit, Exit.succeed(1_001_000_000n))
  })

  it("draws the same chance from the same seed, and another from another", () => {
    const draw = Effect.gen(function* () {
      const numbers: Array<number> = []
      for (let n = 0; n < 5; n++) {
        yield* Effect.sleep(yield* Random.nextIntBetween(1, 1000))
        numbers.push(yield* Clock.currentTimeMillis)
      }
      return numbers
    })
    assert.deepStrictEqual(VirtualTime.run(draw, { seed: 7 }), VirtualTime.run(draw, { seed: 7 }))
    assert.notDeepEqual(VirtualTime.run(draw, { seed: 7 }), VirtualTime.run(draw, { seed: 8 }))
    assert.deepStrictEqual(VirtualTime.run(draw), VirtualTime.run(draw, { seed: 0 }))
  })

  it("stops at a deadlock and says what it may be", () => {
    const exit = VirtualTime.run(
      Effect.gen(function* () {
        yield* Effect.sleep(40)
        return yield* Deferred.await(yield* Deferred.make<void>())
      })
    )
    assert.strictEqual(stopped(exit), "deadlock at 40")
    assert.include(
      new VirtualTime.VirtualTimeError({ reason: "deadlock", atMs: 40 }).message,
      "Stopped at 40 ms of virtual time (deadlock): nothing is left that could go on"
    )
  })

  it("doesn't wait for a timeout that is no longer needed", () => {
    const exit = VirtualTime.run(
      Effect.zipRight(Effect.timeout(Effect.sleep(5), "1 hour"), Effect.sleep(Duration.infinity))
    )
    assert.strictEqual(stopped(exit), "deadlock at 5")
  })

  it("takes waiting for a promise, or sleeping for ever, as a deadlock", () => {
    assert.strictEqual(stopped(VirtualTime.run(Effect.promise(() => Promise.resolve(1)))), "deadlock at 0")
    assert.strictEqual(stopped(VirtualTime.run(Effect.sleep(Duration.infinity))), "deadlock at 0")
    assert.strictEqual(stopped(VirtualTime.run(Effect.never)), "deadlock at 0")
  })

  it("stops what repeats for ever at its limit", () => {
    const forever = Effect.repeat(Effect.void, Schedule.spaced("1 minute"))
    assert.strictEqual(stopped(VirtualTime.run(forever, { limitMs: 150_000 })), "limit at 120000")
    assert.strictEqual(stopped(VirtualTime.run(forever, { startAt: 5, limitMs: 60_000 })), "limit at 60005")
  })

  it("stops what never lets time pass", () => {
    const busy = Effect.forever(Effect.yieldNow())
    assert.strictEqual(stopped(VirtualTime.run(busy, { maxTasksPerInstant: 1000 })), "livelock at 0")
    const stubborn = Effect.uninterruptible(busy)
    assert.strictEqual(stopped(VirtualTime.run(stubborn, { maxTasksPerInstant: 1000 })), "livelock at 0")
  })

  it("releases what is held when it stops, finalizers that take their time included", () => {
    const { lines, note } = diary()
    const held = Effect.scoped(
      Effect.zipRight(
        Effect.acquireRelease(Effect.void, () => Effect.zipRight(Effect.sleep(30), note("released"))),
        Effect.never
      )
    )
    assert.strictEqual(stopped(VirtualTime.run(held)), "deadlock at 0")
    assert.deepStrictEqual(lines, ["30 released"])
  })

  it("interrupts what an effect leaves running when it is done", () => {
    const { lines, note } = diary()
    const exit = VirtualTime.run(
      Effect.zipRight(
        Effect.forkDaemon(Effect.onInterrupt(Effect.forever(Effect.sleep(10)), () => note("interrupted"))),
        Effect.sleep(25)
      )
    )
    assert.deepStrictEqual(exit, Exit.void)
    assert.deepStrictEqual(lines, ["25 interrupted"])
  })

  it("passes on to the platform what goes on after the run", async () => {
    let resolve = (): void => {}
    const promise = new Promise<void>((done) => {
      resolve = done
    })
    const released = new Promise<string>((done) => {
      const waiting = Effect.zipRight(
        Effect.promise(() => promise),
        Effect.sync(() => done("released"))
      )
      assert.strictEqual(stopped(VirtualTime.run(Effect.uninterruptible(waiting))), "deadlock at 0")
    })
    resolve()
    assert.strictEqual(await released, "released")
  })

  it("runs within a run, each with its own time", () => {
    const inner = VirtualTime.simulate(Effect.zipRight(Effect.sleep("1 hour"), Clock.currentTimeMillis))
    const exit = VirtualTime.run(
      Effect.gen(function* () {
        yield* Effect.sleep(10)
        const within = yield* inner
        yield* Effect.sleep(10)
        return [within, yield* Clock.currentTimeMillis]
      })
    )
    assert.deepStrictEqual(exit, Exit.succeed([3_600_000, 20]))
  })

  class Name extends Context.Tag("test/Name")<Name, string>() {}

  it.effect("makes of an effect one that takes no time, with the services that it needs", () =>
    Effect.gen(function* () {
      const slow = Effect.delay(Name, "1 day")
      assert.strictEqual(yield* Effect.provideService(VirtualTime.simulate(slow), Name, "x"), "x")
      assert.strictEqual(
        yield* slow.pipe(VirtualTime.simulate({ seed: 3 }), Effect.provideService(Name, "y")),
        "y"
      )
      const error = yield* Effect.flip(Effect.never.pipe(VirtualTime.simulate()))
      assert.strictEqual(error._tag, "VirtualTimeError")
      assert.strictEqual(yield* TestClock.currentTimeMillis, 0)
    })
  )

  it("holds ten thousand fibers that sleep and wake", () => {
    const exit = VirtualTime.run(
      Effect.map(
        Effect.forEach(
          Array.from({ length: 10_000 }, (_, index) => index),
          (index) => Effect.as(Effect.sleep((index * 7919) % 3600), 1),
          { concurrency: "unbounded" }
        ),
        (all) => all.length
      )
    )
    assert.deepStrictEqual(exit, Exit.succeed(10_000))
  })
})
