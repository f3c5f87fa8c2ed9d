/**
 * A fleet of providers over virtual hours: latencies, errors, rate limits, outages, cuts and prices from
 * one seed, tasks as they come, and the real orchestrator between them. For choosing a strategy or a policy
 * by what it does, and for testing that it still does it.
 *
 * The same options give the same report, byte by byte.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as AIResult from "../AIResult.js"
import * as AITask from "../AITask.js"
import * as AttemptObserver from "../AttemptObserver.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as agents from "./internal/simulatedAgents.js"
import { Callers, serve, type Served } from "./internal/simulatedCaller.js"
import * as simulated from "./internal/simulatedProvider.js"
import * as tally from "./internal/tally.js"
import * as MultiLLMOrchestrator from "../routing/MultiLLMOrchestrator.js"
import * as Price from "../Price.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as Strategy from "../routing/Strategy.js"
import * as ScriptedEngine from "./ScriptedEngine.js"
import * as Options from "./Simulation/Options.js"
import type * as Report from "./Simulation/Report.js"
import * as VirtualTime from "./VirtualTime.js"

export { discrepancies, type Report } from "./Simulation/Report.js"
export type { Options } from "./Simulation/Options.js"

/** Serves a task, and tells what its caller got. */
type Serve = (task: AITask.AITask) => Effect.Effect<Served>

/** What all tasks of a simulation have in common. */
const templateOf = ({ timeoutMs }: Options.Decoded) =>
  AITask.make({ prompt: "A task of a simulation", timeoutMs })

/** Lets the tasks come, and waits until the last is done. */
const drive = (options: Options.Decoded, serving: Serve): Effect.Effect<void, InvalidArgumentError> =>
  Effect.gen(function* () {
    const arrivals = Random.make(`${options.seed}/arrivals`)
    const meanMs = 60_000 / options.arrivals.perMinute
    const underWay = new Map<string, Fiber.RuntimeFiber<void>>()
    const template = yield* templateOf(options)
    let at = 0
    for (let number = 1; ; number++) {
      at += options.arrivals.kind === "fixed" ? meanMs : -Math.log(1 - (yield* arrivals.next)) * meanMs
      if (at >= options.durationMs) break
      yield* Effect.sleep(at - (yield* Clock.currentTimeMillis))
      const id = `task-${number}`
      const mode = (yield* arrivals.next) < options.streamingShare ? "streaming" : "complete"
      const done = Effect.map(serving({ ...template, id, mode }), () => {
        underWay.delete(id)
      })
      underWay.set(id, yield* Effect.fork(done))
    }
    // One that has died is still there: joining it tells why.
    yield* Effect.forEach([...underWay.values()], Fiber.join, { discard: true })
  })

/** Sees every attempt, besides the observer of the options. */
const layerObserver = (
  seen: (attempt: AIResult.Attempt, task: AITask.AITask) => void
): Layer.Layer<AttemptObserver.AttemptObserver> =>
  Layer.effect(
    AttemptObserver.AttemptObserver,
    Effect.map(Effect.serviceOption(AttemptObserver.AttemptObserver), (other) =>
      AttemptObserver.all([
        { observe: (attempt, task) => Effect.sync(() => seen(attempt, task)) },
        ...Option.toArray(other)
      ])
    )
  )

const simulate = (
  options: Options.Decoded,
  policy: RoutingPolicy.Options,
  around: Layer.Layer<never, InvalidArgumentError>
): Effect.Effect<Report.Report, InvalidArgumentError> =>
  Effect.gen(function* () {
    const providers = yield* Effect.forEach(options.providers, (provider, index) =>
      Effect.gen(function* () {
        const price =
          provider.price === undefined ? Option.none() : Option.some(yield* Price.make(provider.price))
        const record = new tally.ProviderRecord(price, provider.outages)
        const scripted = yield* ScriptedEngine.make({
          provider: provider.provider,
          capabilities: { prefill: provider.prefill },
          ...Option.match(price, { onNone: () => ({}), onSome: (known) => ({ price: known }) }),
          script: simulated.behaviourOf(options, provider, index),
          record: (call) => record.add(call)
        })
        return { provider, price, record, scripted, accounts: new tally.Tally() }
      })
    )
    const accounts = new Map<string, tally.Tally>(
      providers.map(({ accounts, provider }) => [provider.provider, accounts])
    )
    const all = new tally.Tally()
    const attempts = new Map<string | undefined, Array<AIResult.Attempt>>()
    const callers = new Callers(
      options.timeoutMs ?? policy.limits?.timeoutMs ?? RoutingPolicy.defaultLimits.timeoutMs
    )
    const layer = MultiLLMOrchestrator.layerFor({
      providers: providers.map(({ price, provider }) =>
        simulated.metricsOf(provider, price, options.outputTokens)
      ),
      strategy: Strategy.named[options.strategy],
      policy
    }).pipe(
      // The names of the providers are distinct: the options were checked.
      Layer.provide(Layer.orDie(ScriptedEngine.layerRegistry(providers.map(({ scripted }) => scripted)))),
      Layer.provide(
        layerObserver((attempt, { id }) => {
          all.add(attempt)
          accounts.get(attempt.provider)?.add(attempt)
          attempts.set(id, [...(attempts.get(id) ?? []), attempt])
        })
      ),
      Layer.provide(around)
    )
    const driven = Effect.flatMap(MultiLLMOrchestrator.MultiLLMOrchestrator, (orchestrator) => {
      const serving: Serve = (task) =>
        Effect.map(serve(orchestrator, task), (got) => {
          callers.add(got, attempts.get(task.id) ?? [])
          attempts.delete(task.id)
          return got
        })
      const { sessions } = options
      return sessions === undefined
        ? drive(options, serving)
        : Effect.flatMap(templateOf(options), (template) =>
            agents.drive(options, sessions, template, serving, () => callers.addSwitch())
          )
    })
    yield* Effect.provide(driven, layer)
    const { costUsd, unpriced } = all.totals
    return {
      seed: options.seed,
      endedAtMs: yield* Clock.currentTimeMillis,
      ...callers.report,
      spendUsd: costUsd,
      unpriced,
      providers: yield* Effect.forEach(providers, ({ accounts, record, provider: { provider }, scripted }) =>
        Effect.map(scripted.open, (open) => ({
          provider,
          accounts: accounts.totals,
          ...record.report,
          open
        }))
      )
    }
  })

/**
 * Runs a simulation, in no time. Fails with an InvalidArgumentError when the options can't be used.
 *
 * @since 0.1.0
 * @category running
 * @example
 * ```ts
 * import { Simulation } from "arc-saga/testing"
 *
 * // Two hours, one of them without the favourite.
 * export const report = Simulation.run({
 *   seed: 42,
 *   durationMs: 7_200_000,
 *   providers: [
 *     { provider: "claude", qualityScore: 9, outages: [{ fromMs: 0, toMs: 3_600_000 }] },
 *     { provider: "gpt4", errors: { RateLimitError: 0.05 } }
 *   ]
 * })
 * ```
 */
export const run = (
  options: Options.Options
): Effect.Effect<Report.Report, InvalidArgumentError | VirtualTime.VirtualTimeError> => {
  const { layer = Layer.empty, policy, ...data } = options
  return Effect.flatMap(Options.decode(data), (decoded) =>
    simulate(decoded, policy ?? {}, layer).pipe(
      // Thousands of failures are what is wanted here, not news.
      Logger.withMinimumLogLevel(LogLevel.None),
      VirtualTime.simulate({ seed: decoded.seed, limitMs: decoded.durationMs + 24 * 3_600_000 })
    )
  )
}
