/**
 * Runs an effect in a time of its own: whenever nothing is left to do at one moment, the clock jumps to
 * the next. Virtual hours pass in milliseconds, and the same seed gives the same run.
 *
 * The clock goes in whole milliseconds, as platforms do: a sleep is rounded up, never woken early.
 *
 * It is synchronous: fibers, sleeps, timeouts, races, queues and streams work, whatever comes from outside
 * (a promise, a socket, a timer of the platform) never does, and waiting for it is a deadlock.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { dual } from "effect/Function"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import * as Heap from "./internal/heap.js"

/**
 * Why a run couldn't go on: nothing was left that could wake it (`deadlock`), its time was up (`limit`),
 * or it did more and more without time passing (`livelock`).
 *
 * @since 0.1.0
 * @category errors
 */
export const Reason = Schema.Literal("deadlock", "limit", "livelock")

const explanations = {
  deadlock:
    "nothing is left that could go on. It waits for what never comes, or for something outside of virtual time: a promise, a socket, a timer",
  limit: "it isn't done within its virtual time. Raise limitMs, or look for what repeats for ever",
  livelock:
    "it goes on and on without time passing. Raise maxTasksPerInstant, or look for a loop that doesn't sleep"
} as const

/**
 * An effect couldn't be run to its end in virtual time.
 *
 * @since 0.1.0
 * @category errors
 */
export class VirtualTimeError extends Schema.TaggedError<VirtualTimeError>("arc-saga/VirtualTimeError")(
  "VirtualTimeError",
  {
    reason: Reason,
    /** The virtual time at which it stood, in milliseconds. */
    atMs: Schema.Number
  }
) {
  override get message(): string {
    return `Stopped at ${this.atMs} ms of virtual time (${this.reason}): ${explanations[this.reason]}`
  }
}

/**
 * How a run is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** What Random draws from; 0 when absent. */
  readonly seed?: number | undefined
  /** The time at the start, in whole milliseconds; 0 when absent. */
  readonly startAt?: number | undefined
  /** The most virtual milliseconds that a run may take; 30 days when absent. */
  readonly limitMs?: number | undefined
  /** The most that may be done at one moment, in turns of fibers; a million when absent. */
  readonly maxTasksPerInstant?: number | undefined
}

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
  cancelled: boolean
}

/** The timer that is due earlier comes first; at one moment, the one that was set earlier. */
const sooner = (left: Sleeper, right: Sleeper): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order)

/** Virtual milliseconds that finalizers get once a run is over. */
const releaseMs = 3_600_000

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

class World implements Scheduler.Scheduler, Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private readonly sleepers = Heap.make(sooner)
  private readonly fibers = new Set<AnyFiber>()
  private tasks = new Scheduler.PriorityBuckets()
  private slept = 0
  private over = false

  constructor(
    private now: number,
    private readonly maxTasks: number
  ) {}

  shouldYield(fiber: AnyFiber): number | false {
    return Scheduler.defaultScheduler.shouldYield(fiber)
  }

  scheduleTask(task: Scheduler.Task, priority: number, fiber?: AnyFiber): void {
    // What outlives the run is no longer driven here.
    if (this.over) return Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
    if (fiber !== undefined && !this.fibers.has(fiber)) {
      this.fibers.add(fiber)
      fiber.addObserver(() => this.fibers.delete(fiber))
    }
    this.tasks.scheduleTask(task, priority)
  }

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(this.now) * 1_000_000n
  }

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.unsafeCurrentTimeMillis())

  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper: Sleeper = {
        at: this.now + Math.ceil(Duration.toMillis(duration)),
        order: this.slept++,
        wake: () => resume(Effect.void),
        cancelled: false
      }
      // For ever is never woken.
      if (sleeper.at < Number.POSITIVE_INFINITY) this.sleepers.push(sleeper)
      return Effect.sync(() => {
        sleeper.cancelled = true
      })
    })
  }

  /** Does all that can be done at this moment; false when there is no end of it. */
  private settle(): boolean {
    let done = 0
    while (this.tasks.buckets.length > 0) {
      const buckets = this.tasks.buckets
      this.tasks = new Scheduler.PriorityBuckets()
      for (const [, tasks] of buckets) {
        for (const task of tasks) {
          task()
          done++
        }
      }
      if (done > this.maxTasks) return false
    }
    return true
  }

  private next(until: number): Sleeper | "deadlock" | "limit" {
    for (;;) {
      const sleeper = this.sleepers.pop()
      if (sleeper === undefined) return "deadlock"
      if (sleeper.cancelled) continue
      if (sleeper.at <= until) return sleeper
      this.sleepers.push(sleeper)
      return "limit"
    }
  }

  /** Goes on until there is an outcome, or says why it can't. */
  private go<A>(until: number, outcome: () => A | null): Either.Either<A, typeof Reason.Type> {
    for (;;) {
      if (!this.settle()) return Either.left("livelock")
      const done = outcome()
      if (done !== null) return Either.right(done)
      const sleeper = this.next(until)
      if (typeof sleeper === "string") return Either.left(sleeper)
      this.now = sleeper.at
      sleeper.wake()
    }
  }

  drive<A, E>(fiber: Fiber.RuntimeFiber<A, E>, limitMs: number): Exit.Exit<A, E | VirtualTimeError> {
    const exit = Either.getOrElse(
      this.go<Exit.Exit<A, E | VirtualTimeError>>(this.now + limitMs, () => fiber.unsafePoll()),
      (reason) => {
        fiber.unsafeInterruptAsFork(FiberId.none)
        return Exit.fail(new VirtualTimeError({ reason, atMs: this.now }))
      }
    )
    // A run leaves nothing behind: what still goes on is interrupted and may release what it holds.
    for (const left of this.fibers) left.unsafeInterruptAsFork(FiberId.none)
    this.go(this.now + releaseMs, () => (this.fibers.size === 0 ? exit : null))
    this.over = true
    return exit
  }
}

const runIn = <A, E, R>(
  runtime: Runtime.Runtime<R>,
  effect: Effect.Effect<A, E, R>,
  options: Options
): Exit.Exit<A, E | VirtualTimeError> => {
  const world = new World(Math.trunc(options.startAt ?? 0), options.maxTasksPerInstant ?? 1_000_000)
  const fiber = Runtime.runFork(
    runtime,
    effect.pipe(Effect.withRandom(Random.make(options.seed ?? 0)), Effect.withClock(world)),
    { scheduler: world }
  )
  return world.drive(fiber, options.limitMs ?? 30 * 24 * 3_600_000)
}

/**
 * Runs an effect to its end in virtual time, at once. Its exit is that of the effect, or a
 * VirtualTimeError when it can't come to its end. What it leaves running is interrupted.
 *
 * @since 0.1.0
 * @category running
 * @example
 * ```ts
 * import { VirtualTime } from "arc-saga/testing"
 * import { Effect } from "effect"
 *
 * // A success with "done", a few microseconds later.
 * export const exit = VirtualTime.run(Effect.delay(Effect.succeed("done"), "8 hours"))
 * ```
 */
export const run = <A, E>(
  effect: Effect.Effect<A, E>,
  options: Options = {}
): Exit.Exit<A, E | VirtualTimeError> => runIn(Runtime.defaultRuntime, effect, options)

/**
 * Makes of an effect one that passes in virtual time: no time passes outside.
 *
 * @since 0.1.0
 * @category combinators
 */
export const simulate: {
  (options?: Options): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | VirtualTimeError, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, options?: Options): Effect.Effect<A, E | VirtualTimeError, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options: Options = {}
  ): Effect.Effect<A, E | VirtualTimeError, R> =>
    Effect.flatMap(Effect.runtime<R>(), (runtime) => runIn(runtime, effect, options))
)
