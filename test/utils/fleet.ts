import {
  type AIResult,
  AITask,
  AttemptObserver,
  ProviderRouter,
  type RoutingPolicy,
  type StreamEvent
} from "arc-saga"
import { ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"

export interface Fleet {
  readonly router: ProviderRouter.Service
  readonly engines: ReadonlyArray<ScriptedEngine.ScriptedEngine>
  /** What the observer was told, in order. */
  readonly observed: ReadonlyArray<AIResult.Attempt>
  /** Whose attempts have ended, in the order of the attempts. */
  readonly asked: Effect.Effect<ReadonlyArray<string>>
  /** Attempts that aren't closed. */
  readonly open: Effect.Effect<number>
  /** All calls of all engines, in the order in which they began. */
  readonly calls: Effect.Effect<ReadonlyArray<ScriptedEngine.Call>>
}

/** A router over scripted engines, with an observer that remembers. */
export const fleet = <E = never>(
  engines: ReadonlyArray<ScriptedEngine.Options>,
  policy: RoutingPolicy.Options = {},
  /** What stands around the attempts besides. */
  guards: Layer.Layer<never, E> = Layer.empty
) =>
  Effect.gen(function* () {
    const scripted = yield* ScriptedEngine.makeAll(engines)
    const observed: Array<AIResult.Attempt> = []
    const router = yield* ProviderRouter.ProviderRouter.pipe(
      Effect.provide(
        ProviderRouter.layer(policy).pipe(
          Layer.provide(ScriptedEngine.layerRegistry(scripted)),
          Layer.provide(
            Layer.succeed(AttemptObserver.AttemptObserver, {
              observe: (attempt) => Effect.sync(() => void observed.push(attempt))
            })
          ),
          Layer.provide(guards)
        )
      )
    )
    const calls = Effect.map(
      Effect.forEach(scripted, (engine) => engine.calls),
      (all) => all.flat().toSorted((left, right) => left.startedAt - right.startedAt)
    )
    const made: Fleet = {
      router,
      engines: scripted,
      observed,
      calls,
      asked: Effect.sync(() => observed.map(({ provider }) => provider)),
      open: Effect.map(
        Effect.forEach(scripted, (engine) => engine.open),
        (counts) => counts.reduce((sum, count) => sum + count, 0)
      )
    }
    return made
  })

/** A task for a test: the prompt says nothing. */
export const task = (options: Partial<AITask.Options> = {}) => AITask.make({ prompt: "ask", ...options })

export interface Timed<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** Virtual milliseconds from its begin to its end. */
  readonly ms: number
}

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Timed<A, E>, never, R> =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    return { exit, ms: (yield* Clock.currentTimeMillis) - startedAt }
  })

/** Like `inVirtualTime`, without the real milliseconds that TestClock waits for fibers: for many runs. */
export const simulated = <A, E, R>(effect: Effect.Effect<A, E, R>) => VirtualTime.simulate(timed(effect))

/** Runs an effect to its end in virtual time. */
export const inVirtualTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Timed<A, E>, never, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(timed(effect))
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

/** Like `inVirtualTime`, for an effect that has to succeed. */
export const answered = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(inVirtualTime(effect), ({ exit, ms }) => Effect.map(exit, (value) => ({ value, ms })))

/** Like `inVirtualTime`, for an effect that has to fail. */
export const failed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(inVirtualTime(effect), ({ exit, ms }) =>
    Effect.map(Effect.flip(exit), (error) => ({ error, ms }))
  )

/** What came of a stream: the events, and the text that they join to. */
export const collected = <E, R>(stream: Stream.Stream<StreamEvent.StreamEvent, E, R>) =>
  Effect.map(Stream.runCollect(stream), (events) => {
    const all = Chunk.toReadonlyArray(events)
    return { events: all, text: textOf(all), last: all.at(-1) }
  })

export const textOf = (events: ReadonlyArray<StreamEvent.StreamEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")
