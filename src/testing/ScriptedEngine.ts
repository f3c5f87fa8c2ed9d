/**
 * Engines that do what a script says: answer at a pace, fail, fail midway, stall, never answer. They keep
 * a record of what they were asked and of how each attempt ended.
 *
 * A behaviour is plain data, so that a property test can generate, shrink and print it. All time passes
 * through the Clock; a behaviour without waits doesn't sleep at all and answers in one pull.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as AIProvider from "../AIProvider.js"
import type { EngineError } from "../EngineError.js"
import * as plan from "./internal/script.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as ReasoningEngineRegistry from "../ReasoningEngineRegistry.js"
import type * as TokenUsage from "../TokenUsage.js"
import type { Behaviour } from "./Behaviour.js"

/**
 * What the engine does: one behaviour per call in turn, the last one again and again; or what a function
 * decides for each call.
 *
 * @since 0.1.0
 * @category models
 */
export type Script = readonly [Behaviour, ...ReadonlyArray<Behaviour>] | Decide

/**
 * Decides what a call gets, from what is asked and from the number of calls before it.
 *
 * @since 0.1.0
 * @category models
 */
export type Decide = (request: ReasoningEngine.Request, index: number) => Effect.Effect<Behaviour>

/**
 * What a scripted engine is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends ReasoningEngine.Options {
  readonly script: Script
  /**
   * Whether calls are recorded; true when absent. Without it `calls` is empty and `open` is 0, and an
   * attempt registers no finalizer: for measuring what is built on top of an engine. A function gets each
   * call when its scope has been closed, and only those that are open are kept: for long runs.
   */
  readonly record?: (boolean | ((call: Call) => void)) | undefined
}

/**
 * How a call stands: the attempt goes on (`running`), gave its Finish (`succeeded`), its error (`failed`)
 * or its defect (`died`), or its scope was closed before any of these (`interrupted`).
 *
 * @since 0.1.0
 * @category models
 */
export type CallOutcome = "running" | "succeeded" | "failed" | "died" | "interrupted"

/**
 * One call of an engine, as the engine saw it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly provider: AIProvider.AIProvider
  /** The calls of this engine that began before. */
  readonly index: number
  readonly request: ReasoningEngine.Request
  readonly behaviour: Behaviour
  readonly outcome: CallOutcome
  /** Why it failed. */
  readonly error: Option.Option<EngineError>
  /** The text that was handed out, all deltas joined. */
  readonly text: string
  /** The last usage that was handed out. */
  readonly usage: Option.Option<TokenUsage.TokenUsage>
  /** When it began, in milliseconds of the Clock. */
  readonly startedAt: number
  /** When its first text was handed out. */
  readonly firstTokenAt: Option.Option<number>
  /** When its outcome was known. */
  readonly endedAt: Option.Option<number>
  /** When its scope was closed; none while the attempt is open, whatever its outcome. */
  readonly closedAt: Option.Option<number>
}

/**
 * An engine that follows a script, and its records.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptedEngine {
  readonly provider: AIProvider.AIProvider
  /** The engine itself: register this. */
  readonly engine: ReasoningEngine.ReasoningEngine
  /** The calls that are kept, usually all until now, in the order in which they began. */
  readonly calls: Effect.Effect<ReadonlyArray<Call>>
  /** Attempts whose scope isn't closed yet. */
  readonly open: Effect.Effect<number>
}

type Writable<A> = { -readonly [K in keyof A]: A[K] }

type Entry = Writable<Call>

const end = (entry: Entry, now: number, outcome: CallOutcome): void => {
  entry.outcome = outcome
  entry.endedAt = Option.some(now)
}

const hand = (entry: Entry, now: number, events: ReadonlyArray<ReasoningEngine.EngineEvent>): void => {
  for (const event of events) {
    switch (event._tag) {
      case "TextDelta":
        entry.text += event.text
        if (Option.isNone(entry.firstTokenAt)) entry.firstTokenAt = Option.some(now)
        break
      case "Usage":
        entry.usage = Option.some(event.usage)
        break
      case "Finish":
        end(entry, now, "succeeded")
        break
    }
  }
}

/** Notes in the entry whatever the attempt gives, as it gives it. */
const observe = <A, R>(
  entry: Entry,
  clock: Clock.Clock,
  effect: Effect.Effect<A, EngineError, R>,
  onSuccess: (value: A, now: number) => void
): Effect.Effect<A, EngineError, R> =>
  Effect.matchCauseEffect(effect, {
    onFailure: (cause) => {
      const now = clock.unsafeCurrentTimeMillis()
      if (cause._tag === "Fail") {
        entry.error = Option.some(cause.error)
        end(entry, now, "failed")
      } else if (cause._tag === "Die") {
        end(entry, now, "died")
      }
      return Effect.failCause(cause)
    },
    onSuccess: (value) => {
      onSuccess(value, clock.unsafeCurrentTimeMillis())
      return Effect.succeed(value)
    }
  })

/** What is kept of the calls of an engine. */
interface Records {
  readonly provider: AIProvider.AIProvider
  readonly entries: Set<Entry>
  begun: number
  /** Gets what isn't kept any more. */
  readonly onClosed: ((call: Call) => void) | undefined
}

const recorded = (
  records: Records,
  request: ReasoningEngine.Request,
  { attempt, behaviour }: Chosen
): Effect.Effect<ReasoningEngine.Pull, EngineError, Scope.Scope> =>
  Clock.clockWith((clock) =>
    Effect.flatMap(
      Effect.acquireRelease(
        Effect.sync(() => {
          const entry: Entry = {
            provider: records.provider,
            index: records.begun++,
            request,
            behaviour,
            outcome: "running",
            error: Option.none(),
            text: "",
            usage: Option.none(),
            startedAt: clock.unsafeCurrentTimeMillis(),
            firstTokenAt: Option.none(),
            endedAt: Option.none(),
            closedAt: Option.none()
          }
          records.entries.add(entry)
          return entry
        }),
        (entry) =>
          Effect.sync(() => {
            const now = clock.unsafeCurrentTimeMillis()
            if (entry.outcome === "running") end(entry, now, "interrupted")
            entry.closedAt = Option.some(now)
            if (records.onClosed === undefined) return
            records.entries.delete(entry)
            records.onClosed(entry)
          })
      ),
      (entry) =>
        Effect.map(
          observe(entry, clock, attempt, () => {}),
          (pull) => observe(entry, clock, pull, (events, now) => hand(entry, now, events))
        )
    )
  )

interface Chosen {
  readonly behaviour: Behaviour
  readonly attempt: plan.Attempt
}

/**
 * Makes an engine that follows a script.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { AIProvider } from "arc-saga"
 * import { Behaviour, ScriptedEngine } from "arc-saga/testing"
 *
 * export const claude = ScriptedEngine.make({
 *   provider: AIProvider.Claude,
 *   script: [
 *     Behaviour.fail({ _tag: "RateLimitError", retryAfterMs: 1000 }),
 *     Behaviour.answer({ text: "Light scatters.", firstTokenMs: 200, msPerChunk: 20 })
 *   ]
 * })
 * ```
 */
export const make = (options: Options): Effect.Effect<ScriptedEngine> =>
  Effect.sync(() => {
    const { provider, script } = options
    const record = options.record ?? true
    const entries = new Set<Entry>()
    const records: Records = {
      provider,
      entries,
      begun: 0,
      onClosed: typeof record === "function" ? record : undefined
    }
    const target: plan.Target = {
      provider,
      model: options.model ?? provider,
      prefill: options.capabilities?.prefill ?? false
    }
    const choose = (behaviour: Behaviour, prefill?: string): Chosen => ({
      behaviour,
      attempt: plan.attempt(target, behaviour, prefill)
    })

    const run = (request: ReasoningEngine.Request, chosen: Chosen) =>
      record === false ? chosen.attempt : recorded(records, request, chosen)

    const fromFunction = (decide: Decide): ReasoningEngine.ReasoningEngine["attempt"] => {
      let begun = 0
      return (request) =>
        Effect.flatMap(
          Effect.suspend(() => decide(request, begun++)),
          (behaviour) => run(request, choose(behaviour, request.prefill))
        )
    }

    const fromList = (behaviours: Exclude<Script, Decide>): ReasoningEngine.ReasoningEngine["attempt"] => {
      // What doesn't depend on the request is planned once.
      let current = choose(behaviours[0])
      const upcoming = behaviours.slice(1).map((behaviour) => choose(behaviour))
      return (request) =>
        Effect.suspend(() => {
          const mine = current
          current = upcoming.shift() ?? current
          return run(request, request.prefill === undefined ? mine : choose(mine.behaviour, request.prefill))
        })
    }

    return {
      provider,
      engine: ReasoningEngine.make({
        ...options,
        attempt: typeof script === "function" ? fromFunction(script) : fromList(script)
      }),
      calls: Effect.sync(() => Array.from(entries, (entry) => ({ ...entry }))),
      open: Effect.sync(() => Array.from(entries).filter(({ closedAt }) => Option.isNone(closedAt)).length)
    }
  })

/**
 * Makes several engines, in their order.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeAll = (options: ReadonlyArray<Options>): Effect.Effect<ReadonlyArray<ScriptedEngine>> =>
  Effect.forEach(options, make)

/**
 * A registry of scripted engines, in their order. Make the engines first and keep them: their records are
 * read from them afterwards.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { AIProvider, AITask, ProviderRouter } from "arc-saga"
 * import { Behaviour, ScriptedEngine } from "arc-saga/testing"
 * import { Effect, Layer } from "effect"
 *
 * export const test = Effect.gen(function* () {
 *   const engines = yield* ScriptedEngine.makeAll([
 *     { provider: AIProvider.Claude, script: [Behaviour.fail({ _tag: "QuotaExhaustedError" })] },
 *     { provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: "Light scatters." })] }
 *   ])
 *   const layer = Layer.provide(ProviderRouter.layer(), ScriptedEngine.layerRegistry(engines))
 *   const task = yield* AITask.make({ prompt: "Why is the sky blue?", provider: "claude" })
 *   const result = yield* Effect.provide(
 *     Effect.flatMap(ProviderRouter.ProviderRouter, (router) => router.complete(task)),
 *     layer
 *   )
 *   const calls = yield* Effect.forEach(engines, (engine) => engine.calls)
 *   return [result.text, calls.flat().length] // ["Light scatters.", 2]
 * })
 * ```
 */
export const layerRegistry = (
  engines: ReadonlyArray<ScriptedEngine>
): Layer.Layer<
  ReasoningEngineRegistry.ReasoningEngineRegistry,
  ReasoningEngineRegistry.DuplicateEngineError
> => ReasoningEngineRegistry.layerEngines(engines.map(({ engine }) => engine))
