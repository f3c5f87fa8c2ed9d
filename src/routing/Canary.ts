/**
 * Tries a provider on a share of the tasks: another model, region or server, before all of them go there.
 *
 * The canary is a provider of its own, so that its price, its circuit, its limits and its rows in the ledger are, too:
 * what it costs and how it fails stands beside the others there. Which tasks it gets is drawn by the hash of a seed and
 * the task's conversation (its own id where it belongs to none, its prompt where it has none), so that a conversation stays where it is, and every
 * process draws alike.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as AIProvider from "../AIProvider.js"
import * as AITask from "../AITask.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as hash from "../internal/hash.js"
import * as numbers from "../internal/numbers.js"
import * as validation from "../internal/validation.js"
import type * as Strategy from "./Strategy.js"

/**
 * Who is tried, and on how many tasks.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Settings = Schema.Struct({
  /** Who is tried. */
  provider: AIProvider.AIProvider,
  /** The share of the tasks that it is asked for first, 0 to 1. */
  share: numbers.upTo("a share of the tasks", 1),
  /** Another seed draws other tasks; 0 when absent. */
  seed: numbers.withDefault(Schema.Int, 0)
})

/**
 * Who is tried, and on how many tasks.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Settings> {}

/**
 * A provider that is tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface Canary {
  readonly provider: AIProvider.AIProvider
  /**
   * The strategy, save that the canary comes first for its share of the tasks, and last for all others: there it is
   * asked only when no other provider answers.
   */
  readonly within: (strategy: Strategy.Strategy) => Strategy.Strategy
}

const decode = validation.decoder("Canary", Settings)

/** What a task is drawn by. */
const keyOf = (task: AITask.AITask): ReadonlyArray<string> =>
  AITask.conversation(task) ?? ["task", task.id ?? AITask.promptText(task)]

/** The score of another provider, so that it doesn't tie with the canary's: NaN ranks last. */
const finite = (score: number): number =>
  Number.isNaN(score) ? Number.MAX_VALUE : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, score))

/**
 * A canary, for an orchestrator that all its strategies have it with. One that can't serve a task, or whose circuit is
 * open, isn't asked; one that fails is followed by the provider that the strategy would have chosen. Fails with an
 * InvalidArgumentError when the share isn't one.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Canary, MultiLLMOrchestrator } from "arc-saga"
 * import { Effect, Layer } from "effect"
 *
 * export const orchestrator = Layer.unwrapEffect(
 *   Effect.map(Canary.make({ provider: "claude-next", share: 0.05 }), (canary) =>
 *     MultiLLMOrchestrator.layerFor({ canary })
 *   )
 * )
 * ```
 */
export const make = (options: Options): Either.Either<Canary, InvalidArgumentError> =>
  Either.map(decode(options), ({ provider, seed, share }) => ({
    provider,
    within: (strategy) => ({
      ...strategy,
      scoreFor: (task, outlook) => {
        const score = strategy.scoreFor?.(task, outlook) ?? strategy.score
        const isDrawn = hash.share(JSON.stringify([seed, ...keyOf(task)])) < share
        const own = isDrawn ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
        return (metrics) => (metrics.provider === provider ? own : finite(score(metrics)))
      }
    })
  }))
