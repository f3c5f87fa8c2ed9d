/**
 * What goes on at the gateway: the calls under way and the last ones with their attempts, what each provider
 * was like lately, and the money of the day. It is what the page and the metrics show.
 *
 * It is kept in memory, bounded, and begins anew with the process. It knows no prompts and no answers.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { ofNow, withNow } from "../internal/now.js"
import type * as AIProvider from "../AIProvider.js"
import type * as AIResult from "../AIResult.js"
import * as AttemptObserver from "../AttemptObserver.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import { Day, type Instead } from "./internal/day.js"
import * as lifetime from "./internal/lifetime.js"
import * as standing from "./internal/state.js"
import * as LiveMetrics from "../reliability/LiveMetrics.js"
import type { Member, ReasoningEngine } from "../ReasoningEngine.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type { Totals } from "../spend/SpendLedger.js"
import type * as Usd from "../Usd.js"

/**
 * A call as it begins.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallStart {
  /** The id of its task, and of the request. */
  readonly id: string
  /** The requested model: a provider or a strategy. */
  readonly model: string
  /** `whole`, or how it is streamed. */
  readonly delivery: "whole" | "streamed" | "buffered"
  readonly keyId?: string | undefined
  readonly userId?: string | undefined
}

/**
 * What is kept of an answer: everything but the answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer extends Pick<AIResult.AIResult, "provider" | "model" | "usage" | "cost"> {}

/**
 * How a call ended: with an answer, with an error (its code, as clients are told it), or because its client
 * went away.
 *
 * @since 0.1.0
 * @category models
 */
export type CallOutcome =
  | { readonly _tag: "Answered"; readonly answer: Answer }
  | { readonly _tag: "Failed"; readonly code: string }
  | { readonly _tag: "ClientDisconnected" }

/**
 * A call and what has become of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call extends CallStart {
  /** In milliseconds of the Clock. */
  readonly startedAt: number
  /** Absent while it is under way. */
  readonly durationMs?: number | undefined
  readonly ending?: CallOutcome | undefined
  readonly attempts: ReadonlyArray<AIResult.Attempt>
}

/**
 * How a provider stands. `circuit open` and `on probation` (half-open) are said by its circuit. Otherwise its
 * last 20 attempts of the last five minutes say it, without those that failed through the request's or its
 * user's own fault: all were answered, some, or none (`failing`). Where there are none, the provider wasn't
 * asked lately, or not since the process began (`not asked yet`).
 *
 * @since 0.1.0
 * @category models
 */
export type State = standing.State

/**
 * The state of a provider, its recent measurements and today's spend.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provider {
  readonly provider: AIProvider.AIProvider
  readonly model: string
  readonly state: State
  /** How its circuit stands; none where there is no circuit breaker. */
  readonly circuit: Option.Option<CircuitBreaker.State>
  readonly measured: LiveMetrics.Measured
  readonly today: Totals
  /** Its members, where it is a pool. */
  readonly members: ReadonlyArray<Member>
}

/**
 * How many attempts at a provider ended in a way, since the process began.
 *
 * @since 0.1.0
 * @category models
 */
export interface Count {
  readonly provider: AIProvider.AIProvider
  readonly outcome: AIResult.Outcome
  readonly attempts: number
}

/**
 * What attempts at a provider have used and taken since the process began.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lifetime extends lifetime.Lifetime {
  readonly provider: AIProvider.AIProvider
}

/**
 * What goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  /** In milliseconds of the Clock. */
  readonly now: number
  /** Since when the money is counted: midnight UTC, or when the process began. */
  readonly since: number
  readonly providers: ReadonlyArray<Provider>
  readonly counts: ReadonlyArray<Count>
  readonly lifetimes: ReadonlyArray<Lifetime>
  /** How many calls ended in a way, since the process began. */
  readonly endings: Readonly<Record<CallOutcome["_tag"], number>>
  /** The calls under way. */
  readonly running: number
  /** The last calls, the newest first. */
  readonly calls: ReadonlyArray<Call>
  /** Today's spend, as far as it is known. */
  readonly cost: Usd.Usd
  /** Where today's answers would have cost the most, and how much. */
  readonly dearest: Option.Option<Instead>
}

/**
 * Knows what goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly begin: (call: CallStart) => Effect.Effect<void>
  /** Ends a call, once: what is told of it later doesn't count. */
  readonly end: (id: string, ending: CallOutcome) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/**
 * Knows what goes on.
 *
 * @since 0.1.0
 * @category tags
 */
export class Activity extends Context.Tag("arc-saga/gateway/Activity")<Activity, Service>() {}

type Entry = { -readonly [K in keyof Call]: Call[K] } & { readonly attempts: Array<AIResult.Attempt> }

/**
 * What an activity remembers of calls, attempts and money, which is for activities alone to read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Memory {
  /** @internal */
  readonly day: Day
  /** @internal */
  readonly counts: Map<AIProvider.AIProvider, Map<AIResult.Outcome, number>>
  /** @internal */
  readonly lifetimes: Map<AIProvider.AIProvider, lifetime.Lifetime>
  /** @internal */
  readonly standings: Map<AIProvider.AIProvider, standing.Standing>
  /** @internal */
  readonly endings: Record<CallOutcome["_tag"], number>
  /** @internal */
  readonly running: Map<string, Entry>
  /** @internal */
  readonly ended: Array<Entry>
}

/** A whole result is an Answer too; its text mustn't stay. */
const withoutText = ({ cost, model, provider, usage }: Answer): Answer => ({ cost, model, provider, usage })

/** The calls that are kept when they have ended. */
const kept = 50

/** Attempts that are kept of one call. */
const keptAttempts = 20

/**
 * Makes what an activity remembers by. Where engines or circuits are replaced by others, the next activity goes on
 * with what the one before has counted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory: Effect.Effect<Memory> = ofNow((now) => ({
  day: new Day(now),
  counts: new Map(),
  lifetimes: new Map(),
  standings: new Map(),
  endings: { Answered: 0, Failed: 0, ClientDisconnected: 0 },
  running: new Map(),
  ended: []
}))

/**
 * Makes an activity over a memory, and the observer that tells it of every attempt. What it is told is passed on to
 * the observer of the context, if there is one. Providers are as LiveMetrics and CircuitBreaker have them, where
 * these are part of the context; otherwise it measures by itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeOver = ({
  counts,
  day,
  ended,
  endings,
  lifetimes,
  running,
  standings
}: Memory): Effect.Effect<
  { readonly activity: Service; readonly observer: AttemptObserver.Service },
  never,
  ReasoningEngineRegistry
> =>
  Effect.gen(function* () {
    const registry = yield* ReasoningEngineRegistry
    const next = yield* Effect.serviceOption(AttemptObserver.AttemptObserver)
    const breaker = yield* Effect.serviceOption(CircuitBreaker.CircuitBreaker)
    const shared = yield* Effect.serviceOption(LiveMetrics.LiveMetrics)
    // The default numbers are in range.
    const metrics = Option.isSome(shared) ? shared.value : yield* Effect.orDie(LiveMetrics.make())
    // The router tells the metrics that it was built with by itself.
    const told = [...(Option.isSome(shared) ? [] : [metrics]), ...Option.toArray(next)]

    const count = ({ outcome, provider }: AIResult.Attempt): void => {
      const outcomes = counts.get(provider) ?? new Map<AIResult.Outcome, number>()
      counts.set(provider, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1))
    }

    const standingOf = (provider: AIProvider.AIProvider): standing.Standing => {
      const made = standings.get(provider) ?? new standing.Standing()
      standings.set(provider, made)
      return made
    }

    const see = (attempt: AIResult.Attempt, taskId: string | undefined, now: number): void => {
      count(attempt)
      const { provider } = attempt
      lifetimes.set(provider, lifetime.add(lifetimes.get(provider) ?? lifetime.nothing, attempt))
      if (attempt.outcome !== "cached") standingOf(attempt.provider).see(attempt, now)
      day.attempt(attempt, now)
      if (taskId === undefined) return
      const call = running.get(taskId) ?? ended.find(({ id }) => id === taskId)
      if (call !== undefined && call.attempts.length < keptAttempts) call.attempts.push(attempt)
    }

    const observer = AttemptObserver.all([
      {
        observe: (attempt, task) => ofNow((now) => see(attempt, task.id, now))
      },
      ...told
    ])

    const providerOf =
      (now: number) =>
      (engine: ReasoningEngine): Effect.Effect<Provider> =>
        Effect.gen(function* () {
          const { model, provider } = engine
          const circuit = yield* Effect.transposeMapOption(breaker, ({ state }) => state(provider))
          return {
            provider,
            model,
            state: standingOf(provider).state(circuit, now),
            circuit,
            measured: yield* metrics.measured(provider),
            today: day.spend(provider),
            members: yield* engine.members ?? Effect.succeed([])
          }
        })

    const activity: Service = {
      begin: (call) => ofNow((startedAt) => void running.set(call.id, { ...call, startedAt, attempts: [] })),
      end: (id, ending) =>
        withNow((now) => {
          const call = running.get(id)
          if (call === undefined) return Effect.void
          running.delete(id)
          endings[ending._tag]++
          call.durationMs = now - call.startedAt
          call.ending =
            ending._tag === "Answered" ? { ...ending, answer: withoutText(ending.answer) } : ending
          ended.unshift(call)
          ended.length = Math.min(ended.length, kept)
          return ending._tag === "Answered"
            ? Effect.map(registry.list, (engines) => day.answered(ending.answer, engines, now))
            : Effect.void
        }),
      snapshot: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const since = day.since(now)
        return {
          now,
          since,
          providers: yield* Effect.forEach(yield* registry.list, providerOf(now)),
          counts: Array.from(counts, ([provider, outcomes]) =>
            Array.from(outcomes, ([outcome, attempts]) => ({ provider, outcome, attempts }))
          ).flat(),
          lifetimes: Array.from(lifetimes, ([provider, each]) => ({ provider, ...each })),
          endings: { ...endings },
          running: running.size,
          calls: [...Array.from(running.values()).toReversed(), ...ended].slice(0, kept),
          cost: day.cost(),
          dearest: day.dearest()
        }
      })
    }
    return { activity, observer }
  })

/**
 * Makes an activity, which remembers nothing yet: see {@link makeOver}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  { readonly activity: Service; readonly observer: AttemptObserver.Service },
  never,
  ReasoningEngineRegistry
> = Effect.flatMap(makeMemory, makeOver)

const layerOf = (made: typeof make) =>
  Layer.effectContext(
    Effect.map(made, ({ activity, observer }) =>
      Context.make(Activity, activity).pipe(Context.add(AttemptObserver.AttemptObserver, observer))
    )
  )

/**
 * The activity, and the AttemptObserver that tells it of every attempt: provide it to the router, or to the
 * orchestrator that has one, and to the gateway. An observer that is there already is told as before.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Activity | AttemptObserver.AttemptObserver, never, ReasoningEngineRegistry> =
  layerOf(make)

/**
 * The same over a memory.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOver = (
  memory: Memory
): Layer.Layer<Activity | AttemptObserver.AttemptObserver, never, ReasoningEngineRegistry> =>
  layerOf(makeOver(memory))
