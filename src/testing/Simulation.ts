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
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type * as AIResult from "../AIResult.js"
import * as AITask from "../AITask.js"
import * as AttemptObserver from "../AttemptObserver.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as simulated from "../internal/simulatedProvider.js"
import * as tally from "../internal/tally.js"
import * as MultiLLMOrchestrator from "../MultiLLMOrchestrator.js"
import * as Price from "../Price.js"
import type * as RoutingPolicy from "../RoutingPolicy.js"
import * as Strategy from "../Strategy.js"
import type { StreamInterruptedError } from "../StreamEvent.js"
import * as ScriptedEngine from "./ScriptedEngine.js"
import * as Options from "./Simulation/Options.js"
import type * as Report from "./Simulation/Report.js"
import * as VirtualTime from "./VirtualTime.js"

export { discrepancies, type Report } from "./Simulation/Report.js"
export type { Options } from "./Simulation/Options.js"

type Outcome = Either.Either<
  AIResult.AIResult,
  MultiLLMOrchestrator.OrchestratorError | StreamInterruptedError
>

/** Serves one task as a caller does: whole, or to the end of its stream. */
const serve = (orchestrator: MultiLLMOrchestrator.Service, task: AITask.AITask): Effect.Effect<Outcome> =>
  Effect.either(
    task.mode === "complete"
      ? orchestrator.complete(task)
      : orchestrator.stream(task).pipe(
          Stream.filterMap((event) =>
            event._tag === "Completed" ? Option.some(event.result) : Option.none()
          ),
          Stream.runLast,
          // A stream that succeeds ends with Completed: without it the router has a bug.
          Effect.flatMap((result) => Effect.orDie(result))
        )
  )

/** Lets the tasks come, and waits until the last is done. */
const drive = (
  options: Options.Decoded
): Effect.Effect<ReadonlyArray<Outcome>, InvalidArgumentError, MultiLLMOrchestrator.MultiLLMOrchestrator> =>
  Effect.gen(function* () {
    const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
    const arrivals = Random.make(`${options.seed}/arrivals`)
    const meanMs = 60_000 / options.arrivals.perMinute
    const fibers: Array<Fiber.RuntimeFiber<Outcome>> = []
    let at = 0
    for (;;) {
      at += options.arrivals.kind === "fixed" ? meanMs : -Math.log(1 - (yield* arrivals.next)) * meanMs
      if (at >= options.durationMs) break
      yield* Effect.sleep(at - (yield* Clock.currentTimeMillis))
      const id = `task-${fibers.length + 1}`
      const task = yield* AITask.make({
        id,
        prompt: id,
        mode: (yield* arrivals.next) < options.streamingShare ? "streaming" : "complete",
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs })
      })
      fibers.push(yield* Effect.fork(serve(orchestrator, task)))
    }
    return yield* Effect.forEach(fibers, Fiber.join)
  })

const simulate = (
  options: Options.Decoded,
  policy: RoutingPolicy.Options
): Effect.Effect<Report.Report, InvalidArgumentError> =>
  Effect.gen(function* () {
    const providers = yield* Effect.forEach(options.providers, (provider, index) =>
      Effect.gen(function* () {
        const price =
          provider.price === undefined ? Option.none() : Option.some(yield* Price.make(provider.price))
        const scripted = yield* ScriptedEngine.make({
          provider: provider.provider,
          capabilities: { prefill: provider.prefill },
          ...Option.match(price, { onNone: () => ({}), onSome: (known) => ({ price: known }) }),
          script: simulated.behaviourOf(options, provider, index)
        })
        return { provider, price, scripted }
      })
    )
    const attempts: Array<AIResult.Attempt> = []
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
        Layer.succeed(AttemptObserver.AttemptObserver, {
          observe: (attempt) => Effect.sync(() => attempts.push(attempt))
        })
      )
    )
    const outcomes = yield* Effect.provide(drive(options), layer)
    const endedAtMs = yield* Clock.currentTimeMillis
    const all = tally.accountsOf(attempts)
    const results = outcomes.flatMap((outcome) => (Either.isRight(outcome) ? [outcome.right] : []))
    return {
      seed: options.seed,
      endedAtMs,
      tasks: outcomes.length,
      answered: results.length,
      errors: tally.count(outcomes.flatMap((outcome) => (Either.isLeft(outcome) ? [outcome.left._tag] : []))),
      latencyMs: tally.latencyOf(results.map(({ durationMs }) => durationMs)),
      firstTokenMs: tally.latencyOf(results.flatMap(({ firstTokenMs }) => Option.toArray(firstTokenMs))),
      retried: results.filter(({ attempts: [first, second] }) => second?.provider === first?.provider).length,
      fellOver: results.filter(({ attempts: [first], provider }) => provider !== first?.provider).length,
      resumed: results.filter((result) => result.attempts.some(({ outcome }) => outcome === "cut")).length,
      spendUsd: all.costUsd,
      unpriced: all.unpriced,
      providers: yield* Effect.forEach(providers, ({ price, provider: { provider }, scripted }) =>
        Effect.zipWith(scripted.calls, scripted.open, (calls, open) => ({
          provider,
          accounts: tally.accountsOf(attempts.filter((attempt) => attempt.provider === provider)),
          books: tally.booksOf(calls, price),
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
  const { policy, ...data } = options
  return Effect.flatMap(Options.decode(data), (decoded) =>
    simulate(decoded, policy ?? {}).pipe(
      // Thousands of failures are what is wanted here, not news.
      Logger.withMinimumLogLevel(LogLevel.None),
      VirtualTime.simulate({ seed: decoded.seed, limitMs: decoded.durationMs + 24 * 3_600_000 })
    )
  )
}
