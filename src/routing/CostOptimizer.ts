/**
 * Chooses the provider for a task by what is known of each.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as log from "../internal/log.js"
import * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as outlooks from "./internal/outlook.js"
import * as providerHealth from "./internal/providerHealth.js"
import { optional } from "../internal/optional.js"
import { given } from "../internal/options.js"
import * as InvalidArgument from "../InvalidArgument.js"
import * as ProviderMetrics from "../ProviderMetrics.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import { Sessions } from "./Sessions.js"
import type { Strategy } from "./Strategy.js"

/**
 * No provider can be chosen: none is known, or all are unavailable.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoAvailableProviderError extends Schema.TaggedError<NoAvailableProviderError>(
  "arc-saga/NoAvailableProviderError"
)("NoAvailableProviderError", {
  strategy: Schema.String,
  /** The providers that are known and can't be chosen now. */
  unavailable: Schema.Array(AIProvider.AIProvider)
}) {
  override get message(): string {
    const why =
      this.unavailable.length === 0
        ? "no provider is configured"
        : `all are unavailable or have no engine (${this.unavailable.join(", ")})`
    return `No provider can be chosen by the strategy ${this.strategy}: ${why}. Configure one or wait until one is back`
  }
}

/**
 * Chooses the provider for a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The best available provider. */
  readonly select: (
    task: AITask.AITask,
    strategy: Strategy
  ) => Effect.Effect<AIProvider.AIProvider, NoAvailableProviderError>
  /** All available providers, the best first. */
  readonly rank: (
    task: AITask.AITask,
    strategy: Strategy
  ) => Effect.Effect<
    readonly [AIProvider.AIProvider, ...ReadonlyArray<AIProvider.AIProvider>],
    NoAvailableProviderError
  >
  /**
   * Changes the numbers that are given and keeps the others; a provider that isn't known yet is added
   * behind the known ones. Decides from the next task on.
   */
  readonly updateMetrics: (
    metrics: ProviderMetrics.Options
  ) => Effect.Effect<void, InvalidArgument.InvalidArgumentError>
  /** The providers that were said to be unavailable. */
  readonly unavailable: Effect.Effect<ReadonlySet<AIProvider.AIProvider>>
  /** What is known and measured, in the order in which the providers were given. */
  readonly metrics: Effect.Effect<ReadonlyArray<ProviderMetrics.ProviderMetrics>>
}

/**
 * Chooses the provider for a task.
 *
 * @since 0.1.0
 * @category tags
 */
export class CostOptimizer extends Context.Tag("arc-saga/CostOptimizer")<CostOptimizer, Service>() {}

type Known = ReadonlyMap<AIProvider.AIProvider, ProviderMetrics.ProviderMetrics>

interface State {
  readonly known: Known
  readonly available: ReadonlyArray<ProviderMetrics.ProviderMetrics>
  readonly unavailable: ReadonlySet<AIProvider.AIProvider>
}

const stateOf = (known: Known): State => {
  const [unavailable, available] = Arr.partition(known.values(), (metrics) => metrics.available)
  return { known, available, unavailable: new Set(unavailable.map(({ provider }) => provider)) }
}

/** The providers that can be chosen at once, and those that are asked after a wait where there are none. */
interface Present {
  readonly known: Known
  readonly ready: ReadonlyArray<ProviderMetrics.ProviderMetrics>
  readonly later: ReadonlyArray<ProviderMetrics.ProviderMetrics>
}

type Change = Effect.Effect<void, InvalidArgument.InvalidArgumentError>

const none = (strategy: Strategy, known: Known): NoAvailableProviderError =>
  new NoAvailableProviderError({ strategy: strategy.name, unavailable: Array.from(known.keys()) })

const invalid = (field: string, reason: string): InvalidArgument.InvalidArgumentError =>
  new InvalidArgument.InvalidArgumentError({ subject: "CostOptimizer", field, reason })

/** How one of the candidates does. */
interface Scored {
  readonly provider: AIProvider.AIProvider
  readonly score: number
  /** Of several that tie the one is best that costs least; 0 where nothing is known of a session. */
  readonly cost: number
}

/** Scores the candidates for a task, by what they have cached where that is known. */
const scored = (
  candidates: ReadonlyArray<ProviderMetrics.ProviderMetrics>,
  strategy: Strategy,
  task: AITask.AITask,
  outlook: outlooks.Outlook | undefined
): Array<Scored> => {
  const scoring = strategy.scoreFor === undefined ? strategy.score : strategy.scoreFor(task, outlook)
  return candidates.map((metrics) => {
    const seen = outlook === undefined ? metrics : outlooks.expected(outlook, metrics)
    const score = scoring(seen)
    return {
      provider: metrics.provider,
      // NaN compares as neither less nor greater: it must not decide an order.
      score: Number.isNaN(score) ? Number.POSITIVE_INFINITY : score,
      cost: outlook === undefined ? 0 : (seen.costPerToken ?? Number.POSITIVE_INFINITY)
    }
  })
}

/** Compared without subtraction, so that infinities tie. */
const compare = (left: Scored, right: Scored): number =>
  left.score < right.score
    ? -1
    : left.score > right.score
      ? 1
      : left.cost < right.cost
        ? -1
        : left.cost > right.cost
          ? 1
          : 0

/**
 * Makes an optimizer that knows the given providers. Fails with an InvalidArgumentError when the numbers
 * of one are out of range, or a provider is given twice.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  providers: ReadonlyArray<ProviderMetrics.Options>
): Effect.Effect<Service, InvalidArgument.InvalidArgumentError> =>
  Effect.gen(function* () {
    const initial = new Map<AIProvider.AIProvider, ProviderMetrics.ProviderMetrics>()
    for (const [index, options] of providers.entries()) {
      const metrics = yield* Either.mapLeft(ProviderMetrics.make(options), ({ field, reason }) =>
        invalid(`providers[${index}].${field}`, reason)
      )
      if (initial.has(metrics.provider)) {
        return yield* invalid(
          `providers[${index}].provider`,
          `Expected each provider once, actual ${metrics.provider} twice`
        )
      }
      initial.set(metrics.provider, metrics)
    }
    const state = yield* Ref.make(stateOf(initial))
    const health = yield* providerHealth.fromContext
    const sessions = yield* optional(Sessions)

    /** The available providers that the task may be asked of, as they are now. */
    const present = (task: AITask.AITask, { available, known }: State, now: number): Present => {
      const { providers } = task
      const allowed =
        providers === undefined ? available : available.filter(({ provider }) => providers.includes(provider))
      if (health === undefined) return { known, ready: allowed, later: [] }
      const closed = allowed.filter(({ provider }) => !health.isCircuitOpen(provider, task.userId, now))
      const [ready, later] = Arr.partition(closed, ({ provider }) => health.isExhausted(provider, now))
      const measured = (metrics: ProviderMetrics.ProviderMetrics) => health.measured(metrics, now)
      return { known, ready: ready.map(measured), later: later.map(measured) }
    }

    /** Chooses among them; an outlook tells only where one of them has some of the session cached. */
    const choosing = <A>(
      task: AITask.AITask,
      choose: (
        present: Present,
        outlook: outlooks.Outlook | undefined
      ) => Effect.Effect<A, NoAvailableProviderError>
    ): Effect.Effect<A, NoAvailableProviderError> =>
      Effect.flatMap(Ref.get(state), (current) =>
        Effect.clockWith((clock) => {
          const found = present(task, current, clock.unsafeCurrentTimeMillis())
          return sessions === undefined
            ? choose(found, undefined)
            : Effect.flatMap(sessions.outlook(task), (outlook) =>
                choose(
                  found,
                  outlook !== undefined && outlooks.isWarm(outlook, [...found.ready, ...found.later])
                    ? outlook
                    : undefined
                )
              )
        })
      )

    const select: Service["select"] = (task, strategy) =>
      choosing(task, ({ known, later, ready }, outlook) => {
        let best: Scored | undefined
        for (const each of scored(ready.length > 0 ? ready : later, strategy, task, outlook)) {
          if (best === undefined || compare(each, best) < 0) best = each
        }
        return best === undefined ? none(strategy, known) : Effect.succeed(best.provider)
      })

    const rank: Service["rank"] = (task, strategy) =>
      choosing(task, ({ known, later, ready }, outlook) => {
        const ranked = scored(ready, strategy, task, outlook).toSorted(compare)
        if (later.length > 0) ranked.push(...scored(later, strategy, task, outlook).toSorted(compare))
        const [first, ...rest] = ranked.map(({ provider }) => provider)
        return first === undefined ? none(strategy, known) : Effect.succeed([first, ...rest] as const)
      })

    const updateMetrics: Service["updateMetrics"] = (options) =>
      Effect.flatten(
        Ref.modify(state, (current): readonly [Change, State] => {
          const { known } = current
          const before = Array.from(known.values()).find(({ provider }) => provider === options.provider)
          return Either.match(
            ProviderMetrics.make({ ...before, ...given(options), provider: options.provider }),
            {
              onLeft: (error) => [error, current],
              onRight: (metrics) => [Effect.void, stateOf(new Map(known).set(metrics.provider, metrics))]
            }
          )
        })
      )

    const metrics = Effect.map(Ref.get(state), ({ known }) => [...known.values()])

    return {
      select,
      rank,
      updateMetrics,
      unavailable: Effect.map(Ref.get(state), ({ unavailable }) => unavailable),
      metrics:
        health === undefined
          ? metrics
          : Effect.zipWith(metrics, Clock.currentTimeMillis, (known, now) =>
              known.map((each) => health.measured(each, now))
            )
    }
  })

/**
 * An optimizer that knows the given providers.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  providers: ReadonlyArray<ProviderMetrics.Options>
): Layer.Layer<CostOptimizer, InvalidArgument.InvalidArgumentError> =>
  Layer.effect(CostOptimizer, make(providers))

/**
 * An optimizer of the registered engines, at whose prices costs are where none is given. What is known of each
 * provider is in the order that breaks ties; the registered ones when absent. Of a provider that has no engine yet
 * `orchestrator_provider_unregistered` warns, with those that have one: it can't be chosen.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerEngines = (
  providers?: ReadonlyArray<ProviderMetrics.Options>
): Layer.Layer<CostOptimizer, InvalidArgument.InvalidArgumentError, ReasoningEngineRegistry> =>
  Layer.effect(
    CostOptimizer,
    Effect.gen(function* () {
      const engines = yield* (yield* ReasoningEngineRegistry).list
      const registered = engines.map(({ provider }) => provider)
      const known = providers ?? registered.map((provider) => ({ provider }))
      for (const { provider } of known) {
        if (registered.some((each) => each === provider)) continue
        yield* log.event(LogLevel.Warning, "orchestrator_provider_unregistered", () => ({
          provider,
          registered: registered.join(", ")
        }))
      }
      return yield* make(
        known.map((metrics) =>
          ProviderMetrics.withPrice(
            metrics,
            Option.flatMap(
              Option.fromNullable(engines.find(({ provider }) => provider === metrics.provider)),
              ({ price }) => price
            )
          )
        )
      )
    })
  )
