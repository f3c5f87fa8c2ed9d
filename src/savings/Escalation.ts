/**
 * Asks the strongest provider when an agent is stuck: when its steps fail one after the other, or repeat.
 *
 * A step is what a model called and what the tools said to it. All of it stands in the conversation that a task
 * carries, so nothing has to be remembered: the same task is chosen for alike by every process.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import type * as AITask from "../AITask.js"
import * as numbers from "../internal/numbers.js"
import { given } from "../internal/options.js"
import * as validation from "../internal/validation.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as Strategy from "../routing/Strategy.js"
import * as steps from "./internal/steps.js"

/**
 * Where an agent stands.
 *
 * @since 0.1.0
 * @category models
 */
export interface Step {
  /** The steps since the last question. */
  readonly depth: number
  /** The failed steps at the end, one after the other: each tool's result of them that says so is a failure. */
  readonly failures: number
  /** How often the calls of the last step were made before, within the last six steps. */
  readonly repeats: number
  /** Whether one of several agents of the session asks. */
  readonly isSubagent: boolean
}

/**
 * Where the agent stands that a task is of.
 *
 * @since 0.1.0
 * @category getters
 */
export const stepOf = (task: AITask.AITask): Step => {
  const { depth, failures, isSubagent, repeats } = steps.of(task)
  return { depth, failures, repeats, isSubagent }
}

/**
 * When an agent is stuck.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** From so many failed steps one after the other; 2 when absent. */
  failures: numbers.withDefault(numbers.count("a number of steps"), 2),
  /** From so many repetitions of the last step; 2 when absent. */
  repeats: numbers.withDefault(numbers.count("a number of steps"), 2)
})

/**
 * When an agent is stuck, and by what its providers are chosen otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {
  /** By what providers are chosen while steps succeed and differ. */
  readonly strategy: Strategy.Strategy
}

const decode = validation.decoder("Escalation", Settings)

const stuck = (why: "failures" | "repeats") =>
  Metric.tagged(
    Metric.counter("arc_saga.escalation", {
      description:
        "Tasks of agents that were stuck, by why: for them the strongest provider was asked first.",
      incremental: true
    }),
    "why",
    why
  )

const byFailures = stuck("failures")
const byRepeats = stuck("repeats")

/**
 * How many tasks in this process were of agents that were stuck, by why; of one whose steps fail and repeat it is the
 * failures. The metric `arc_saga.escalation` has the same.
 *
 * @since 0.1.0
 * @category getters
 */
export const counts: Effect.Effect<{ readonly failures: number; readonly repeats: number }> = Effect.map(
  Effect.all({ failures: Metric.value(byFailures), repeats: Metric.value(byRepeats) }),
  ({ failures, repeats }) => ({ failures: failures.count, repeats: repeats.count })
)

/**
 * The strategy, save that an agent that is stuck gets the strongest provider: the strategy's `baseline`, or else
 * the one of the highest quality score. Once a step succeeds and is a new one, the strategy chooses again. Fails
 * with an InvalidArgumentError when a number of steps is below 1.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Escalation, MultiLLMOrchestrator, Strategy } from "arc-saga"
 * import { Effect, Layer } from "effect"
 *
 * export const orchestrator = Layer.unwrapEffect(
 *   Effect.map(Escalation.make({ strategy: Strategy.cheapest }), (strategy) =>
 *     MultiLLMOrchestrator.layerFor({ strategy })
 *   )
 * )
 * ```
 */
export const make = (options: Options): Either.Either<Strategy.Strategy, InvalidArgumentError> => {
  const { strategy, ...settings } = options
  const { baseline, score, scoreFor } = strategy
  const strongest: Strategy.Strategy["score"] = (metrics) =>
    metrics.provider === baseline ? Number.NEGATIVE_INFINITY : Strategy.quality.score(metrics)
  // A task is looked at more than once, and counted once.
  const counted = new WeakSet<AITask.AITask>()
  const count = (task: AITask.AITask, metric: typeof byFailures): void => {
    if (!counted.has(task)) metric.unsafeUpdate(1, [])
    counted.add(task)
  }
  return Either.map(decode(given(settings)), ({ failures, repeats }) => ({
    ...strategy,
    scoreFor: (task, outlook) => {
      const step = stepOf(task)
      const isFailing = step.failures >= failures
      if (!isFailing && step.repeats < repeats) return scoreFor?.(task, outlook) ?? score
      count(task, isFailing ? byFailures : byRepeats)
      return strongest
    }
  }))
}
