/**
 * Answers the tasks of batches, beside any number of other workers.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as ids from "../internal/ids.js"
import * as log from "../internal/log.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import { TaskService } from "../routing/TaskService.js"
import type { BatchStoreError } from "./Batches.js"
import * as BatchQueue from "./BatchQueue.js"
import * as ResultLine from "./ResultLine.js"

const Options = Schema.Struct({
  concurrency: numbers.withDefault(numbers.count("a number of tasks"), 8),
  providers: Schema.optional(Schema.Array(AIProvider.AIProvider)),
  attempts: numbers.withDefault(numbers.count("a number of workers"), 3),
  leaseMs: numbers.withDefault(numbers.timeoutMs, 6500),
  pollMs: numbers.withDefault(numbers.timeoutMs, 500),
  once: numbers.withDefault(Schema.Boolean, false)
})

/**
 * How a worker works.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Tasks under way at once; 8 when absent. */
  readonly concurrency?: number | undefined
  /** The providers that this worker has: it leaves tasks that are pinned to others. All when absent. */
  readonly providers?: ReadonlyArray<AIProvider.AIProvider> | undefined
  /** How many workers may end without the result of a task that they began before the task fails; 3 when absent. */
  readonly attempts?: number | undefined
  /**
   * Milliseconds after which the tasks of a worker that died are free; 6,500 when absent, so that others have them
   * within 10 seconds. The lease is renewed eight times within it: a process that doesn't come to that loses its tasks.
   */
  readonly leaseMs?: number | undefined
  /** Milliseconds between two looks for tasks where there were none; 500 when absent. */
  readonly pollMs?: number | undefined
  /** Ends when there is nothing left that this worker can take; false when absent: it waits for more. */
  readonly once?: boolean | undefined
}

const decode = validation.decoder("BatchWorker", Options)

interface Running {
  readonly fiber: Fiber.RuntimeFiber<void>
  /** Why it was interrupted, if it wasn't because the worker ends. */
  why?: "cancelled" | "lost"
}

/** From 50 ms, doubling up to 2 s, each wait jittered. */
const backoff = Schedule.exponential("50 millis").pipe(
  Schedule.union(Schedule.spaced("2 seconds")),
  Schedule.jittered
)

/** How often a result is tried to be written once the worker is to end. */
const lastTries = 3

/** How many tasks are taken at once. */
const most = 100

/** Tasks that end at once are followed by others at once. */
const gathering = Duration.millis(10)

const keyOf = ({ batch, line }: BatchQueue.Place): string => `${line} ${batch}`

const placeOf = ({ input, line }: BatchQueue.Taken) => ({ number: line, fingerprint: input })

const unasked = (
  taken: BatchQueue.Taken,
  error: { readonly _tag: string; readonly message: string }
): BatchQueue.Outcome => ({
  state: "failed",
  line: ResultLine.rejected(placeOf(taken), error, taken.taskId)
})

const unexpected = (taken: BatchQueue.Taken, defect: unknown): BatchQueue.Outcome =>
  unasked(taken, { _tag: "UnexpectedError", message: `A bug: ${String(defect)}` })

/**
 * Takes tasks and has them answered, until it is interrupted: then calls under way are interrupted, and their tasks
 * are free at once.
 *
 * While the database is away calls go on, and their results are written when it is back; `batch_queue_away` and
 * `batch_queue_back` tell of it. Whatever a task fails with is its result; a worker doesn't fail.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (
  options: Options = {}
): Effect.Effect<void, InvalidArgumentError, BatchQueue.BatchQueue | TaskService> =>
  Effect.gen(function* () {
    const { attempts, concurrency, leaseMs, once, pollMs, providers } = yield* decode(options)
    const queue = yield* BatchQueue.BatchQueue
    const tasks = yield* TaskService
    const worker = yield* Effect.flatMap(Clock.currentTimeMillis, ids.row)
    const running = new Map<string, Running>()
    const ended = yield* Effect.makeLatch(false)
    /** What the last look found that this worker has and doesn't know. */
    let strays: ReadonlySet<string> = new Set()
    let isAway = false
    let isClosing = false

    const reached = <A>(effect: Effect.Effect<A, BatchStoreError>): Effect.Effect<A, BatchStoreError> =>
      Effect.tapBoth(effect, {
        onFailure: ({ message }) => {
          if (isAway) return Effect.void
          isAway = true
          return log.event(LogLevel.Warning, "batch_queue_away", () => ({ worker, reason: message }))
        },
        onSuccess: () => {
          if (!isAway) return Effect.void
          isAway = false
          return log.event(LogLevel.Info, "batch_queue_back", () => ({ worker }))
        }
      })

    const finish = (taken: BatchQueue.Taken, outcome: BatchQueue.Outcome): Effect.Effect<void> => {
      let tries = 0
      return reached(queue.finish(taken, outcome)).pipe(
        Effect.retry({ schedule: backoff, while: () => !isClosing || ++tries < lastTries }),
        Effect.ignore
      )
    }

    const call = (taken: BatchQueue.Taken): Effect.Effect<BatchQueue.Outcome> => {
      const place = placeOf(taken)
      return Effect.suspend(() =>
        Either.match(AITask.decodeUnknown(JSON.parse(taken.task)), {
          onLeft: (error) => Effect.succeed(unasked(taken, error)),
          onRight: (task) =>
            Effect.match(tasks.complete(task), {
              onSuccess: (result): BatchQueue.Outcome => ({
                state: "answered",
                line: ResultLine.answered(place, result)
              }),
              onFailure: (error): BatchQueue.Outcome => ({
                state: "failed",
                line: ResultLine.failed(place, taken.taskId, error)
              })
            })
        })
      ).pipe(Effect.catchAllDefect((defect) => Effect.succeed(unexpected(taken, defect))))
    }

    const answer = (taken: BatchQueue.Taken): Effect.Effect<void> =>
      Effect.exit(Effect.interruptible(call(taken))).pipe(
        Effect.flatMap((exit) => {
          if (Exit.isSuccess(exit)) return finish(taken, exit.value)
          const why = running.get(keyOf(taken))?.why
          if (why === "cancelled") return finish(taken, { state: "cancelled" })
          // At the end all that is left is given back at once.
          return why === "lost" || isClosing
            ? Effect.void
            : finish(taken, unexpected(taken, "it was interrupted"))
        }),
        Effect.ensuring(
          Effect.sync(() => {
            running.delete(keyOf(taken))
            ended.unsafeOpen()
          })
        ),
        Effect.uninterruptible
      )

    const begin = (taken: BatchQueue.Taken): Effect.Effect<void> =>
      Effect.gen(function* () {
        if (taken.takenOver > 0) {
          yield* log.event(LogLevel.Warning, "batch_task_taken_over", () => ({
            batch: taken.batch,
            line: taken.line,
            task: taken.taskId,
            times: taken.takenOver
          }))
        }
        running.set(keyOf(taken), { fiber: yield* Effect.forkDaemon(answer(taken)) })
      })

    /** Interrupts what this worker has no more, and what was cancelled. */
    const look = Effect.gen(function* () {
      const before = Array.from(running)
      const held = yield* reached(queue.renew(worker, { leaseMs, attempts }))
      const ours = new Map(held.map((each) => [keyOf(each), each]))
      for (const [key, each] of before) {
        const still = ours.get(key)
        if (each.why !== undefined || (still !== undefined && !still.cancelled)) continue
        each.why = still === undefined ? "lost" : "cancelled"
        yield* Fiber.interruptFork(each.fiber)
      }
      // It was given without hearing of it. What is being taken now is known at the next look.
      const unknown = held.filter((each) => !running.has(keyOf(each)))
      const lost = unknown.filter((each) => strays.has(keyOf(each)))
      strays = new Set(unknown.map(keyOf))
      if (lost.length > 0) yield* reached(queue.release(worker, lost))
    })

    const take = Effect.uninterruptible(
      Effect.gen(function* () {
        const taken = yield* reached(
          queue.take(worker, Math.min(most, concurrency - running.size), providers)
        )
        yield* Effect.forEach(taken, begin, { discard: true })
        return taken.length
      })
    )

    const round = Effect.gen(function* () {
      yield* ended.close
      if (running.size >= concurrency) {
        yield* ended.await
        yield* Effect.sleep(gathering)
      }
      const wanted = Math.min(most, concurrency - running.size)
      const count = yield* Effect.orElseSucceed(take, () => -1)
      if (count === wanted) return true
      if (once && count === 0 && running.size === 0) return false
      yield* Effect.sleep(Duration.millis(pollMs))
      return true
    })

    // For as long as it takes.
    yield* Effect.ignore(Effect.retry(look, backoff))
    yield* Effect.forkScoped(
      Effect.interruptible(
        Effect.schedule(Effect.ignore(look), Schedule.spaced(Duration.millis(leaseMs / 8)))
      )
    )
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        isClosing = true
        yield* Fiber.interruptAll(Array.from(running.values(), ({ fiber }) => fiber))
        yield* Effect.ignore(queue.leave(worker))
      })
    )
    yield* Effect.repeat(round, { while: (goesOn) => goesOn })
  }).pipe(Effect.scoped)

/**
 * A worker beside the program, until the Layer is closed: see {@link run}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<never, InvalidArgumentError, BatchQueue.BatchQueue | TaskService> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      // What is wrong with the options is told when the Layer is built.
      yield* decode(options)
      yield* Effect.forkScoped(run(options))
    })
  )
