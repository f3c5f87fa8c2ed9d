/**
 * The strategy that saves money per task: the provider whose expected quality is worth its expected cost.
 *
 * What a dollar has to buy is chosen by tests on held-back outcomes, so that with the confidence that the
 * model was trained for the asked share of the best provider's quality is kept, in each family and so on the
 * whole. Where that can't be shown, the best provider answers, and the strategy's `guarantee` says so.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { PCGRandom } from "effect/Utils"
import * as numbers from "../internal/numbers.js"
import * as AITask from "../AITask.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import { beta } from "./internal/beta.js"
import { hash, share } from "../internal/hash.js"
import * as validation from "../internal/validation.js"
import * as Price from "../Price.js"
import * as ProviderMetrics from "../ProviderMetrics.js"
import * as QualityModel from "./QualityModel.js"
import * as Sessions from "../routing/Sessions.js"
import type { Strategy } from "../routing/Strategy.js"
import * as TokenUsage from "../TokenUsage.js"
import * as Usd from "../Usd.js"

/**
 * What is saved, and how.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  /** The share of the best provider's quality to keep, 0 to 1. */
  keep: numbers.upTo("a share of quality", 1),
  /**
   * Where that is kept: in each family, or on the whole alone, which saves more and may take from one family
   * what another has too much; "families" when absent.
   */
  scope: numbers.withDefault(Schema.Literal("families", "whole"), "families"),
  /** The share of the input that providers read from their caches, 0 to 1; 0 when absent. */
  cachedShare: Schema.optionalWith(numbers.upTo("a share of the input", 1), { default: () => 0 }),
  /**
   * Has a share of the tasks explore: their providers are drawn by how likely each is the best, from what
   * the model expects and what feedback said in the family. Off when absent.
   */
  explore: Schema.optional(
    Schema.Struct({ share: numbers.upTo("a share of the tasks", 1), seed: Schema.Int })
  )
})

/**
 * What is saved, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Options> {}

/** So many answers is the model's word worth before there is feedback. */
const priorAnswers = 10

const decode = validation.decoder("Savings", Options)

/**
 * What a task is expected to cost at a provider, in USD: at its price, where that and the length of its
 * answers are known, and else what such tasks cost when the model was trained. With the outlook of a session what
 * its providers have cached counts, in place of a share.
 *
 * @since 0.1.0
 * @category costs
 */
export const expectedCost = (
  task: AITask.AITask,
  metrics: ProviderMetrics.ProviderMetrics,
  estimate: QualityModel.Estimate,
  cachedShare = 0,
  outlook?: Sessions.Outlook
): number => {
  const { costUsd, outputTokens: predicted } = estimate
  return Option.match(Option.all([ProviderMetrics.priceOf(metrics), Option.fromNullable(predicted)]), {
    onNone: () => costUsd,
    onSome: ([price, length]) => {
      const outputTokens = Math.round(Math.min(length, task.maxTokens ?? Number.POSITIVE_INFINITY))
      if (outlook !== undefined) {
        return Sessions.expectedCost(outlook, metrics.provider, price, outputTokens)
      }
      const inputTokens = TokenUsage.estimateTokens(AITask.inputCharacters(task))
      const usage = TokenUsage.make({
        inputTokens,
        cacheReadTokens: Math.floor(cachedShare * inputTokens),
        outputTokens,
        estimated: true
      })
      return Usd.toNumber(Price.cost(price, usage))
    }
  })
}

/**
 * Makes the strategy. Providers that the model doesn't know come last. Fails with an InvalidArgumentError
 * when a share isn't from 0 to 1.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { MultiLLMOrchestrator, QualityModel, Savings } from "arc-saga"
 * import { Effect, Layer } from "effect"
 *
 * // Keeps 99 % of the best provider's quality, with the confidence that the model was trained for.
 * export const orchestrator = Layer.unwrapEffect(
 *   Effect.map(Savings.make({ keep: 0.99 }), (strategy) => MultiLLMOrchestrator.layerFor({ strategy }))
 * ).pipe(Layer.provideMerge(QualityModel.layerFile("model.json")))
 * ```
 */
export const make = (
  options: Options
): Effect.Effect<
  Strategy & { readonly guarantee: QualityModel.Guarantee },
  InvalidArgumentError,
  QualityModel.QualityModel
> =>
  Effect.gen(function* () {
    const { cachedShare, explore, keep, scope } = yield* decode(options)
    const model = yield* QualityModel.QualityModel

    /** How good a provider may be, drawn from what is believed of it: the same draw for the same task. */
    const drawn = (key: string, family: string, { provider, quality }: QualityModel.Estimate): number => {
      const { bad, good } = model.experience(family, provider)
      const random = new PCGRandom(hash(`${key}/${provider}`))
      return beta(priorAnswers * quality + good, priorAnswers * (1 - quality) + bad, random)
    }

    const scoreFor = (task: AITask.AITask, outlook?: Sessions.Outlook): Strategy["score"] => {
      const { estimates, family } = model.predict(task)
      const worth = Option.getOrUndefined(model.worth(keep, family, scope))
      const key = explore === undefined ? undefined : `${explore.seed}/${task.id ?? AITask.promptText(task)}`
      const explores = key !== undefined && explore !== undefined && share(key) < explore.share
      return (metrics) => {
        const estimate = estimates.find(({ provider }) => provider === metrics.provider)
        if (estimate === undefined) return Number.POSITIVE_INFINITY
        if (explores) {
          return (
            (worth ?? 0) * expectedCost(task, metrics, estimate, cachedShare, outlook) -
            drawn(key, family, estimate)
          )
        }
        if (worth === undefined) {
          return estimate.provider === model.best ? Number.NEGATIVE_INFINITY : -estimate.quality
        }
        return worth * expectedCost(task, metrics, estimate, cachedShare, outlook) - estimate.quality
      }
    }

    return {
      name: `savings(${keep})`,
      guarantee: model.guarantee(keep, scope),
      // What is best without a task: what the numbers say.
      score: (metrics) => -metrics.qualityScore,
      scoreFor,
      baseline: model.best
    }
  })
