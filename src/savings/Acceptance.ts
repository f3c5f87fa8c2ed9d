/**
 * What is evidence enough for the answer of a cheap provider.
 *
 * An acceptance is a value. It sees the answers that a cascade has so far and says which of them is taken,
 * if any.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type { AIProvider } from "../AIProvider.js"
import type { AIResult } from "../AIResult.js"
import type * as AITask from "../AITask.js"
import * as Comparison from "./Comparison.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { acceptedAt } from "./internal/cascades.js"
import { estimateOf } from "./internal/predictor.js"
import { guaranteeOf, worthOf } from "./internal/guarantees.js"
import * as validation from "../internal/validation.js"
import { type Guarantee, QualityModel, type Scope } from "./QualityModel.js"

/**
 * What a cascade has so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Evidence {
  readonly task: AITask.AITask
  /** The providers that were asked, in order, with an answer or without. */
  readonly asked: ReadonlyArray<AIProvider>
  /** All answers so far, in the order in which their providers were asked. */
  readonly answers: ReadonlyArray<AIResult>
  /** Those of the last step. */
  readonly latest: ReadonlyArray<AIResult>
}

/**
 * Says which answer is taken, if any.
 *
 * @since 0.1.0
 * @category models
 */
export interface Acceptance {
  /** Names it in logs. */
  readonly name: string
  readonly accept: (evidence: Evidence) => Effect.Effect<Option.Option<AIResult>>
  /** Whether it may accept anything for a task: where not, cheap providers aren't asked. Always when absent. */
  readonly applies?: ((task: AITask.AITask) => boolean) | undefined
}

/**
 * Takes the answer of the first provider as soon as another gives the same. That two others agree against
 * it is not enough: cheap models share their mistakes, and the first is the one that is asked most.
 *
 * @since 0.1.0
 * @category acceptances
 */
export const agreement = (comparison: Comparison.Comparison): Acceptance => ({
  name: `agreement (${comparison.name})`,
  accept: ({ answers }) =>
    Effect.sync(() => {
      const [first, ...others] = answers
      if (first === undefined) return Option.none()
      const key = Comparison.keyOf(comparison, first)
      return key !== "" && others.some((other) => Comparison.keyOf(comparison, other) === key)
        ? Option.some(first)
        : Option.none()
    })
})

/**
 * Takes the first answer of a step that passes a check of the caller's own: a test run, a query that
 * executes, a schema. A check has half of the time that is left; what it can't decide by then
 * isn't taken.
 *
 * @since 0.1.0
 * @category acceptances
 */
export const verified = (
  name: string,
  verify: (answer: AIResult, task: AITask.AITask) => Effect.Effect<boolean>
): Acceptance => ({
  name,
  accept: ({ latest, task }) => Effect.findFirst(latest, (answer) => verify(answer, task))
})

/**
 * Whether an acceptance may accept anything for a task.
 *
 * @since 0.1.0
 * @category getters
 */
export const applies = (acceptance: Acceptance, task: AITask.AITask): boolean =>
  acceptance.applies?.(task) ?? true

/**
 * Takes what either accepts; the second is asked only when the first accepts nothing.
 *
 * @since 0.1.0
 * @category combinators
 */
export const orElse = (first: Acceptance, second: Acceptance): Acceptance => ({
  name: `${first.name} or ${second.name}`,
  applies: (task) => applies(first, task) || applies(second, task),
  accept: (evidence) =>
    Effect.flatMap(
      first.accept(evidence),
      Option.match({ onNone: () => second.accept(evidence), onSome: (answer) => Effect.succeedSome(answer) })
    )
})

const decodeKeep = validation.decoder(
  "Acceptance",
  Schema.Struct({
    keep: numbers.upTo("a share of quality", 1),
    scope: numbers.withDefault(Schema.Literal("families", "whole"), "families")
  })
)

/**
 * Takes an answer when the model has learned that, with such answers, what the last provider would better
 * isn't worth its cost, and nothing once a provider that is asked has failed. What that is worth is chosen by
 * tests on held-back outcomes: `guarantee` says what is promised, and where only the last provider is asked.
 * It is for the cascade that the model was trained for: `asks` and `last` say whom to ask. Fails with an InvalidArgumentError when the model has none or the share isn't from 0 to 1.
 *
 * @since 0.1.0
 * @category constructors
 */
export const learned = (options: {
  /** The share of the last provider's quality to keep, 0 to 1. */
  readonly keep: number
  /** Where that is kept: in each family, or on the whole alone; "families" when absent. */
  readonly scope?: Scope | undefined
  /** How answers were compared when the outcomes were recorded. */
  readonly comparison: Comparison.Comparison
}): Effect.Effect<
  Acceptance & {
    readonly asks: readonly [string, ...ReadonlyArray<string>]
    readonly last: string
    readonly guarantee: Guarantee
  },
  InvalidArgumentError,
  QualityModel
> =>
  Effect.gen(function* () {
    const { keep, scope } = yield* decodeKeep({ keep: options.keep, scope: options.scope })
    const model = yield* QualityModel
    const cascade = yield* Option.match(model.cascade, {
      onNone: () =>
        new InvalidArgumentError({
          subject: "QualityModel",
          field: "cascade",
          reason: "is missing: the outcomes that it was trained on had no answers to compare"
        }),
      onSome: Effect.succeed
    })
    const worthFor = (family: string) => worthOf(cascade.shown, keep, family, scope)
    const accept = ({ answers, asked, task }: Evidence): Option.Option<AIResult> => {
      const { estimates, family } = model.predict(task)
      const worth = worthFor(family)
      const reached = cascade.stages.findLastIndex(({ provider }) => asked.includes(provider))
      const stage = cascade.stages[reached]
      if (stage === undefined || worth === undefined) return Option.none()
      const said = cascade.stages.slice(0, reached + 1).flatMap(({ provider }) => {
        const answer = answers.find((each) => each.provider === provider)
        const { score } = estimateOf(estimates, provider)
        return answer === undefined
          ? []
          : [{ provider, answer: Comparison.keyOf(options.comparison, answer), score }]
      })
      // Failures weren't part of the training: nothing is known of the answers without that provider's.
      if (said.length <= reached) return Option.none()
      const accepted = acceptedAt(stage, said, estimateOf(estimates, cascade.last), worth)
      return Option.fromNullable(answers.find(({ provider }) => provider === accepted))
    }
    return {
      name: `learned (keep ${keep})`,
      asks: Arr.map(cascade.stages, ({ provider }) => provider),
      last: cascade.last,
      guarantee: guaranteeOf(cascade.shown, keep, scope),
      applies: (task) => worthFor(model.predict(task).family) !== undefined,
      accept: (evidence) => Effect.sync(() => accept(evidence))
    }
  })
