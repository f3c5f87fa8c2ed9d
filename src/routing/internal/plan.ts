import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { AIProvider } from "../../AIProvider.js"
import type * as AITask from "../../AITask.js"
import { InputValidationError } from "../../EngineError.js"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import { EngineNotRegisteredError, type Service as Registry } from "../../ReasoningEngineRegistry.js"
import type { RouteOptions, RoutingPolicy } from "../RoutingPolicy.js"

type Engine = ReasoningEngine.ReasoningEngine

/** Who can be asked for a task, in order. */
export interface Plan {
  readonly primary: Engine
  readonly fallbacks: ReadonlyArray<Engine>
  /** What the caller has to be told: that another provider than the one that was named is asked. */
  readonly warnings: ReadonlyArray<string>
}

/** Whether an engine's window is larger than another's, as far as both are known. */
export const larger =
  (than: Engine) =>
  (engine: Engine): boolean =>
    Option.match(Option.all([engine.capabilities.contextWindow, than.capabilities.contextWindow]), {
      onNone: () => true,
      onSome: ([window, smaller]) => window > smaller
    })

/** What an engine lacks of what a task needs. */
const shortcoming = (who: string, missing: ReadonlyArray<string>): string =>
  `${who} carry ${missing.join(" and ")}, which the task needs`

const incapable = ({ provider }: Engine, missing: ReadonlyArray<string>, who: string) =>
  new InputValidationError({ provider, description: shortcoming(who, missing) })

const primaryOf = (
  registry: Registry,
  task: AITask.AITask,
  engines: ReadonlyArray<Engine>,
  { primary }: RouteOptions
): Effect.Effect<Engine, EngineNotRegisteredError> => {
  const provider = (task.pinned ? undefined : primary) ?? task.provider
  const registered = () => engines.map((engine) => engine.provider)
  if (provider === undefined) {
    const [first] = engines
    return first === undefined
      ? new EngineNotRegisteredError({ registered: registered() })
      : Effect.succeed(first)
  }
  return Effect.flatMap(
    registry.get(provider),
    Option.match({
      onNone: () => new EngineNotRegisteredError({ provider, registered: registered() }),
      onSome: Effect.succeed
    })
  )
}

/**
 * The fallbacks of the primary, in order: its own chain; the default one, unless none of it is registered;
 * all others.
 */
const chainOf = (
  policy: RoutingPolicy,
  primary: Engine,
  engines: ReadonlyArray<Engine>,
  order: RouteOptions["order"]
): ReadonlyArray<AIProvider> => {
  const own = policy.chains.get(primary.provider)
  if (own !== undefined) return own
  const preset = policy.defaultChains.get(primary.provider)
  return preset !== undefined && engines.some(({ provider }) => preset.includes(provider))
    ? preset
    : (order ?? engines.map(({ provider }) => provider))
}

/** Who of the chain is registered, available and can carry the task. */
const fallbacksOf = (
  policy: RoutingPolicy,
  task: AITask.AITask,
  primary: Engine,
  engines: ReadonlyArray<Engine>,
  { order, unavailable }: RouteOptions
): ReadonlyArray<Engine> => {
  const fallbacks: Array<Engine> = []
  for (const provider of chainOf(policy, primary, engines, order)) {
    if (provider === primary.provider || unavailable?.has(provider) === true) continue
    const engine = engines.find((registered) => registered.provider === provider)
    if (engine !== undefined && ReasoningEngine.lacks(engine, task).length === 0) fallbacks.push(engine)
  }
  return fallbacks
}

/**
 * Decides who can be asked for a task: engines that can carry it, in the order of the chain. A pinned
 * provider that can't is an error: the caller wants that one.
 */
export const planOf = (
  registry: Registry,
  policy: RoutingPolicy,
  task: AITask.AITask,
  options: RouteOptions
): Effect.Effect<Plan, EngineNotRegisteredError | InputValidationError> =>
  Effect.flatMap(registry.list, (engines) =>
    Effect.flatMap(
      primaryOf(registry, task, engines, options),
      (primary): Effect.Effect<Plan, InputValidationError> => {
        const missing = ReasoningEngine.lacks(primary, task)
        if (missing.length > 0 && (task.pinned || options.useFallback === false)) {
          return incapable(primary, missing, "it can't")
        }
        const fallbacks =
          options.useFallback === false ? [] : fallbacksOf(policy, task, primary, engines, options)
        if (missing.length === 0) return Effect.succeed({ primary, fallbacks, warnings: [] })
        const [first, ...rest] = fallbacks
        return first === undefined
          ? incapable(primary, missing, "neither it nor a provider of its chain can")
          : Effect.succeed({
              primary: first,
              fallbacks: rest,
              warnings: [
                `${shortcoming(`${primary.provider} can't`, missing)}: ${first.provider} was asked first`
              ]
            })
      }
    )
  )
