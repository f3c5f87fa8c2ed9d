/**
 * What providers have cached of a session, so that selection counts what a switch costs.
 *
 * A provider that has read the beginning of a conversation reads it again for a part of the price. The service
 * learns from each call of a session what its provider has cached of it, by the tokens that it reports, and for how
 * long, by what vendors document and what the task marks. The optimizer that it is provided to then reckons with the
 * cost that is expected of the call. Nothing is pinned: another provider is asked when that is worth its price, or
 * when the one that has it cached fails.
 *
 * A session is that of the task (`session`); else what has the same `cacheKey`; else, of calls that came over a wire,
 * what begins alike. Any other task costs nothing.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AIResult from "../AIResult.js"
import * as AITask from "../AITask.js"
import type * as AttemptObserver from "../AttemptObserver.js"
import * as cacheMarks from "./internal/cacheMarks.js"
import { hourMs, leastTokens, type Outlook, shortMs } from "./internal/outlook.js"
import { ofNow } from "../internal/now.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as SessionStore from "./SessionStore.js"

export { cachedTokens, expectedCost, type Outlook } from "./internal/outlook.js"

/**
 * Learns from each attempt what its provider has cached.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AttemptObserver.Service {
  /** What is known of the session of a task; undefined where it has none, or nothing is known of it. */
  readonly outlook: (task: AITask.AITask) => Effect.Effect<Outlook | undefined>
}

/**
 * Learns from each attempt what its provider has cached. Optional: a router and an optimizer that find none in
 * their context do nothing for it.
 *
 * @since 0.1.0
 * @category tags
 */
export class Sessions extends Context.Tag("arc-saga/Sessions")<Sessions, Service>() {}

/**
 * What differs from what vendors document.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /**
   * For how many milliseconds after a call a provider keeps what it caches by itself, by its id: five minutes when
   * absent. Marks of an hour count as such whatever this says.
   */
  lifetimes: numbers.withDefault(Schema.Record({ key: Schema.String, value: numbers.millis }), {})
})

/**
 * What differs from what vendors document.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

const decode = validation.decoder("Sessions", Settings)

/** Agents of one conversation have beginnings of their own, and so has each user's and each key's. */
const keyOf = (task: AITask.AITask): string | undefined => {
  const name = AITask.conversation(task)
  return name && JSON.stringify([...name, task.agent, task.userId, task.keyId])
}

/** A failure leaves nothing in a cache; an answer that wasn't waited for what the provider says of it. */
const leavesSomething = (attempt: AIResult.Attempt): boolean => {
  const { cacheReadTokens, cacheWriteTokens } = attempt.usage
  return attempt.outcome === "succeeded"
    ? true
    : !AIResult.isFailure(attempt) && cacheReadTokens + cacheWriteTokens > 0
}

/** The entry after a call. Of calls at the same time the one that began last is what a cache has. */
const next = (
  before: SessionStore.Entry | undefined,
  { provider, startedAt, usage }: AIResult.Attempt,
  task: AITask.AITask,
  keptMs: number
): SessionStore.Entry => {
  if (before !== undefined && startedAt < before.startedAt) {
    return { ...before, calls: before.calls + 1, outputTokens: before.outputTokens + usage.outputTokens }
  }
  const characters = AITask.inputCharacters(task)
  const age = startedAt - (before?.startedAt ?? 0)
  const isUnused = usage.cacheReadTokens + usage.cacheWriteTokens === 0
  return {
    provider,
    startedAt,
    calls: (before?.calls ?? 0) + 1,
    counted: !usage.estimated,
    marked: cacheMarks.lastMark(task) !== undefined,
    characters,
    inputTokens: usage.inputTokens,
    firstTokens: before?.firstTokens ?? usage.inputTokens,
    outputTokens: (before?.outputTokens ?? 0) + usage.outputTokens,
    readTokens: usage.cacheReadTokens,
    writtenTokens: usage.cacheWriteTokens,
    hourTokens:
      usage.cacheWrite1hTokens +
      (before !== undefined && age < hourMs ? Math.min(before.hourTokens, usage.cacheReadTokens) : 0),
    missed:
      isUnused &&
      before !== undefined &&
      (before.missed ||
        (before.inputTokens >= leastTokens && characters >= before.characters && age < keptMs))
  }
}

/**
 * Makes the service over a store. Fails with an InvalidArgumentError when a lifetime is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<Service, InvalidArgumentError, SessionStore.SessionStore> =>
  Effect.gen(function* () {
    const { lifetimes } = yield* decode(options)
    const store = yield* SessionStore.SessionStore

    const outlookOf = (
      task: AITask.AITask,
      entries: ReadonlyArray<SessionStore.Entry>,
      now: number
    ): Outlook | undefined => {
      const [first, ...others] = entries
      if (first === undefined) return undefined
      const latest = others.reduce((last, each) => (each.startedAt > last.startedAt ? each : last), first)
      const calls = entries.reduce((sum, each) => sum + each.calls, 0)
      const characters = AITask.inputCharacters(task)
      // What tools and instructions add is in the last count, too.
      const inputTokens = Math.round((latest.inputTokens * characters) / Math.max(1, latest.characters))
      const firstTokens = Math.min(...entries.map((each) => each.firstTokens))
      return {
        now,
        characters,
        inputTokens,
        addedTokens: Math.max(0, Math.round((inputTokens - firstTokens) / calls)),
        outputTokens: entries.reduce((sum, each) => sum + each.outputTokens, 0) / calls,
        calls,
        mark: cacheMarks.lastMark(task),
        entries,
        lifetimes
      }
    }

    return {
      observe: (attempt, task) => {
        const key = keyOf(task)
        return key === undefined || !leavesSomething(attempt)
          ? Effect.void
          : Effect.flatMap(store.get(key), (entries) =>
              store.put(
                key,
                next(
                  entries.find(({ provider }) => provider === attempt.provider),
                  attempt,
                  task,
                  lifetimes[attempt.provider] ?? shortMs
                )
              )
            )
      },
      outlook: (task) => {
        const key = keyOf(task)
        return key === undefined
          ? Effect.succeed(undefined)
          : Effect.flatMap(store.get(key), (entries) => ofNow((now) => outlookOf(task, entries, now)))
      }
    }
  })

/**
 * Learns what providers have cached, and keeps it in the store of the context.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (
  options: Options = {}
): Layer.Layer<Sessions, InvalidArgumentError, SessionStore.SessionStore> =>
  Layer.effect(Sessions, make(options))

/**
 * Learns what providers have cached, and keeps it in memory. It is to be there for the router, which tells it of
 * attempts, and for the optimizer, which asks it.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { MultiLLMOrchestrator, Sessions } from "arc-saga"
 * import { Layer } from "effect"
 *
 * export const orchestrator = MultiLLMOrchestrator.layerFor({}).pipe(Layer.provide(Sessions.layer()))
 * ```
 */
export const layer = (
  options: Options & SessionStore.Options = {}
): Layer.Layer<Sessions, InvalidArgumentError> => {
  const { lifetimes, ...kept } = options
  return Layer.provide(layerStore({ lifetimes }), SessionStore.layerMemory(kept))
}
