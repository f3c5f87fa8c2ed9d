import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as LogLevel from "effect/LogLevel"
import * as Mailbox from "effect/Mailbox"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { forEachBatch } from "./batches.js"
import * as log from "../../internal/log.js"

/** From 20 ms, doubling up to 5 s, each wait jittered, for as long as it takes. */
export const backoff: Schedule.Schedule<unknown> = Schedule.exponential("20 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  Schedule.jittered
)

export interface Options<A, E> {
  /** Items of one key that wait are stored as one. */
  readonly key: (item: A) => string
  /** Stores a batch as a whole or not at all; the same batch may come again. */
  readonly store: (batch: ReadonlyArray<A>) => Effect.Effect<void, E>
  readonly batchSize: number
  /** The items that may wait to be stored. */
  readonly capacity: number
  /** Milliseconds that a writer waits for its item to be stored. */
  readonly writeTimeoutMs: number
  /** Milliseconds that closing the scope waits for what is left to be stored. */
  readonly drainMs: number
  /** What is logged when storing fails (it is tried again), and when items are given up. */
  readonly events: { readonly failed: log.Event; readonly lost: log.Event }
  /** What the log may say of an item that is given up. */
  readonly describe: (item: A) => log.Fields
}

interface Entry<A> {
  readonly item: A
  readonly stored: Deferred.Deferred<void>
}

/**
 * Hands items to one fiber, which stores all that have come meanwhile at once and tries again until it
 * succeeds. Writing waits until the item is stored, but never longer than the write timeout.
 */
export const make = <A, E extends { readonly message: string }>(
  options: Options<A, E>
): Effect.Effect<(item: A) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const mailbox = yield* Mailbox.make<Entry<A>>()
    /** What waits and hasn't been tried yet. */
    const untried = new Map<string, Entry<A>>()
    let waiting = 0
    // Writes come from many fibers and the scope is closed by another: the log is the maker's.
    const minimumLevel = yield* FiberRef.get(FiberRef.currentMinimumLogLevel)
    const tell = (
      level: LogLevel.LogLevel,
      event: log.Event,
      fields: () => log.Fields
    ): Effect.Effect<void> =>
      Effect.locally(log.event(level, event, fields), FiberRef.currentMinimumLogLevel, minimumLevel)

    const store = (batch: ReadonlyArray<Entry<A>>): Effect.Effect<void> =>
      Effect.suspend(() => {
        for (const { item } of batch) untried.delete(options.key(item))
        return options.store(batch.map(({ item }) => item))
      }).pipe(
        Effect.tapError(({ message }) =>
          tell(LogLevel.Warning, options.events.failed, () => ({ waiting, reason: message }))
        ),
        Effect.retry(backoff),
        Effect.ignore,
        Effect.zipRight(
          Effect.suspend(() => {
            waiting -= batch.length
            return Effect.forEach(batch, ({ stored }) => Deferred.succeed(stored, undefined), {
              discard: true
            })
          })
        )
      )

    // The fiber that makes the writer may be uninterruptible, and so would be the writer's.
    const pumping = yield* Effect.forkDaemon(
      Effect.interruptible(forEachBatch(mailbox, options.batchSize, store))
    )
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        yield* mailbox.end
        yield* Effect.timeoutOption(
          Effect.interruptible(Fiber.await(pumping)),
          Duration.millis(options.drainMs)
        )
        yield* Fiber.interruptFork(pumping)
        if (waiting === 0) return
        yield* tell(LogLevel.Error, options.events.lost, () => ({ lost: waiting }))
      })
    )

    /** In a fiber of its own, so that the write timeout ends where the caller can't be interrupted. */
    const patiently = ({ stored }: Entry<A>): Effect.Effect<void> =>
      Effect.asVoid(
        Effect.timeoutOption(
          Effect.interruptible(Deferred.await(stored)),
          Duration.millis(options.writeTimeoutMs)
        )
      )

    return (item) =>
      Effect.flatMap(Deferred.make<void>(), (stored) => {
        const key = options.key(item)
        const same = untried.get(key)
        if (same !== undefined) return patiently(same)
        const entry = { item, stored }
        if (waiting >= options.capacity || !mailbox.unsafeOffer(entry)) {
          return tell(LogLevel.Error, options.events.lost, () => ({
            lost: 1,
            ...options.describe(item)
          }))
        }
        waiting++
        untried.set(key, entry)
        return patiently(entry)
      })
  })
