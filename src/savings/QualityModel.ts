/**
 * Predicts, for a task and each provider, how likely the provider's answer is good and what it costs.
 *
 * The model is linear: hashed words and pairs of words and a few numbers of a task's form, one set of
 * weights for each provider. It is trained once from what providers answered to the same prompts, is a few
 * hundred kB of JSON, and goes on learning from feedback while it is in use.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import type * as AIProvider from "../AIProvider.js"
import type * as AITask from "../AITask.js"
import * as AnswerObserver from "../AnswerObserver.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { given } from "../internal/options.js"
import { type Cascade, trainCascade } from "./internal/cascades.js"
import { choiceTrial } from "./internal/choice.js"
import { crossFit } from "./internal/crossfit.js"
import { type Features, ofTask } from "./internal/features.js"
import * as file from "./internal/file.js"
import * as guarantees from "./internal/guarantees.js"
import { nudge, sigmoid } from "./internal/linear.js"
import { predict, scoreBy } from "./internal/predictor.js"
import { bestOf, complete, meanCost } from "./internal/recorded.js"
import * as training from "./internal/train.js"
import * as validation from "../internal/validation.js"
import * as Outcomes from "./Outcomes.js"

/**
 * A trained model, as it is written to a file. Its weights are internal; it is made by
 * {@link train} and read by {@link decodeUnknown}.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Model: Schema.Schema<Model, Schema.Schema.Encoded<typeof file.ModelFile>> = file.ModelFile

/**
 * A trained model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Model extends file.ModelFile {}

/**
 * Where a share of quality is kept: in each family, and so on the whole; or on the whole alone, where one
 * family may make up for another.
 *
 * @since 0.1.0
 * @category models
 */
export type Scope = guarantees.Scope

/**
 * What is promised of some families: that the share is kept while a dollar is worth so much quality (`Kept`);
 * or that the best provider answers, because even without a single loss more tasks were needed to show it
 * (`TooFew`), or because what saves was shown to keep no more than `share` of the quality, 0 when nothing was
 * (`NotShown`).
 *
 * @since 0.1.0
 * @category models
 */
export type Verdict = guarantees.Verdict

/**
 * What is promised when a share of the best provider's quality is asked for: with the `confidence`, that all
 * `parts` keep it. Families with too few tasks are one part together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guarantee extends guarantees.Guarantee {}

/**
 * What is expected of one provider.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimate {
  readonly provider: AIProvider.AIProvider
  /** How likely its answer is good, 0 to 1. */
  readonly quality: number
  /** USD, as such tasks cost when the outcomes were recorded. */
  readonly costUsd: number
  /** Tokens of the answer; undefined when the outcomes didn't say. */
  readonly outputTokens: number | undefined
  /** The logarithm of the odds of `quality`. */
  readonly score: number
}

/**
 * What is expected of a task.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prediction {
  /** The family that the task most likely belongs to. */
  readonly family: string
  /** What is expected of each provider that the model knows. */
  readonly estimates: Arr.NonEmptyReadonlyArray<Estimate>
}

/**
 * How answers of one provider to tasks of one family were judged since the model is in use.
 *
 * @since 0.1.0
 * @category models
 */
export interface Experience {
  /** The sum of the scores. */
  readonly good: number
  /** The sum of what the qualities lack to 1. */
  readonly bad: number
}

/**
 * Feedback for a task that isn't remembered: it was never answered here, or too long ago.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownTaskError extends Schema.TaggedError<UnknownTaskError>("arc-saga/UnknownTaskError")(
  "UnknownTaskError",
  { taskId: Schema.String, remembered: Schema.Int }
) {
  override get message(): string {
    return `The task ${JSON.stringify(this.taskId)} isn't among the last ${this.remembered} that were answered: give feedback once, and earlier, or have the model remember more`
  }
}

/**
 * Predicts and learns.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What is expected of a task; takes well under a millisecond. */
  readonly predict: (task: AITask.AITask) => Prediction
  /** How much likelier the stronger provider's answer is good, −1 to 1; none when one isn't known. */
  readonly gain: (
    task: AITask.AITask,
    stronger: AIProvider.AIProvider,
    weaker: AIProvider.AIProvider
  ) => Option.Option<number>
  /**
   * How much quality a dollar may be worth for a task of a family, so that a share of the best provider's
   * quality is kept with the model's confidence; none when it can't be promised.
   */
  readonly worth: (keep: number, family: string, scope?: Scope) => Option.Option<number>
  /** What is promised of choosing a provider by prediction, when a share is asked for. */
  readonly guarantee: (keep: number, scope?: Scope) => Guarantee
  /** The provider that is the best on the whole. */
  readonly best: AIProvider.AIProvider
  /** The cascade that was learned; none when no comparable answers were recorded. */
  readonly cascade: Option.Option<Cascade>
  /** How answers were judged. */
  readonly experience: (family: string, provider: AIProvider.AIProvider) => Experience
  /** Keeps who answered a task until there is feedback, or until too many others came. */
  readonly remember: (
    taskId: string,
    task: AITask.AITask,
    provider: AIProvider.AIProvider
  ) => Effect.Effect<void>
  /** Learns from how good an answer was, 0 to 1. */
  readonly feedback: (
    taskId: string,
    score: number
  ) => Effect.Effect<void, UnknownTaskError | InvalidArgumentError>
}

/**
 * Predicts and learns.
 *
 * @since 0.1.0
 * @category tags
 */
export class QualityModel extends Context.Tag("arc-saga/QualityModel")<QualityModel, Service>() {}

const invalid = (field: string, reason: string): InvalidArgumentError =>
  new InvalidArgumentError({ subject: "QualityModel", field, reason })

const decodeFile = validation.decoder("QualityModel", file.ModelFile)

/**
 * Decodes a model from JSON. Fails with an InvalidArgumentError when it is no model, is damaged, or is of
 * another version.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decodeUnknown = (input: unknown): Either.Either<Model, InvalidArgumentError> => decodeFile(input)

/**
 * How a model is trained.
 *
 * @since 0.1.0
 * @category models
 */
export interface TrainOptions {
  /** What chance is drawn from; 1 when absent. */
  readonly seed?: number | undefined
  /** The share of the best provider's quality that the cascade is chosen to keep; 0.99 when absent. */
  readonly keep?: number | undefined
  /** How sure it must be that an asked share is kept, from 0 to below 1; 0.9 when absent. */
  readonly confidence?: number | undefined
}

const decodeTrain = validation.decoder(
  "QualityModel",
  Schema.Struct({
    seed: Schema.Int,
    keep: numbers.upTo("a share of quality", 1),
    confidence: guarantees.Confidence
  })
)

/** Fewer outcomes than this are nothing to learn from. */
const fewestOutcomes = 20

/**
 * Trains a model on outcomes, all but those of the test part, and tests what routing by such a model keeps: by
 * turns a fourth of the outcomes is held back, another model is trained on the others, and plays on that
 * fourth. What is promised holds with the confidence for the mean of those models; the one that is given has
 * learned of all outcomes, and is taken to be no worse. The same outcomes and options give the same model.
 * Fails with an InvalidArgumentError when there is nothing to choose between or too little to learn from, or
 * an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const train = (
  parts: Omit<Outcomes.Parts, "test">,
  options: TrainOptions = {}
): Either.Either<Model, InvalidArgumentError> =>
  Either.gen(function* () {
    const { confidence, keep, seed } = yield* decodeTrain({
      seed: 1,
      keep: 0.99,
      confidence: 0.9,
      ...given(options)
    })
    const outcomes = [...parts.train, ...parts.validation]
    const providers = Outcomes.providers(outcomes)
    if (!Arr.isNonEmptyReadonlyArray(providers) || providers.length < 2) {
      return yield* Either.left(
        invalid("train", `Expected outcomes of two providers at least, actual ${providers.length}`)
      )
    }
    const known = complete(outcomes, providers)
    const fits = crossFit(outcomes.map(training.seen), providers, seed)
    if (known.length < fewestOutcomes || fits === undefined) {
      return yield* Either.left(
        invalid(
          "train",
          `Expected ${fewestOutcomes} outcomes at least with an answer of every provider and of several groups, actual ${known.length}`
        )
      )
    }
    const best = bestOf(known, providers)
    const answered = new Set(known)
    const isKnown = ({ outcome }: training.Seen): boolean => answered.has(outcome)
    // Only where every provider was asked it is known what a choice comes to.
    const comparable = {
      whole: { ...fits.whole, unseen: fits.whole.unseen.filter(isKnown) },
      folds: fits.folds.map(({ fit, held }) => ({
        fit: { ...fit, unseen: fit.unseen.filter(isKnown) },
        held: held.filter(isKnown)
      }))
    }
    const tried = guarantees.worths(meanCost(known, best))
    const trials = comparable.folds.flatMap(({ fit, held }) =>
      held.map((row) => choiceTrial(row, fit.predictor, best))
    )
    return file.pack(fits.whole.predictor, {
      best,
      shown: guarantees.show(trials, tried, confidence),
      cascade: trainCascade(comparable, tried, { last: best, keep, confidence })
    })
  })

/**
 * What a model promises when a share of the best provider's quality is asked for: of choosing a provider by
 * prediction, and of its cascade where it has one.
 *
 * @since 0.1.0
 * @category getters
 */
export const guaranteesOf = (
  { cascade, shown }: Model,
  keep: number,
  scope: Scope = "families"
): { readonly prediction: Guarantee; readonly cascade: Option.Option<Guarantee> } => ({
  prediction: guarantees.guaranteeOf(shown, keep, scope),
  cascade: Option.map(Option.fromNullable(cascade), (own) => guarantees.guaranteeOf(own.shown, keep, scope))
})

/**
 * How a model is used.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many answered tasks are remembered for feedback; 1,000 when absent. */
  readonly remembered?: number | undefined
  /** How fast it learns from feedback, 0 (not at all) to 1; 0.02 when absent. */
  readonly learningRate?: number | undefined
}

const decodeOptions = validation.decoder(
  "QualityModel",
  Schema.Struct({
    remembered: numbers.countFrom0("a number of tasks"),
    learningRate: numbers.upTo("a rate", 1)
  })
)

interface Decision {
  readonly features: Features
  readonly family: string
  readonly provider: AIProvider.AIProvider
}

/**
 * Makes a service of a model, as {@link train} gives it or as JSON has it. Fails with an
 * InvalidArgumentError when it can't be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (input: unknown, options: Options = {}): Effect.Effect<Service, InvalidArgumentError> =>
  Effect.gen(function* () {
    const model = yield* decodeUnknown(input)
    const { learningRate, remembered } = yield* decodeOptions({
      remembered: 1000,
      learningRate: 0.02,
      ...given(options)
    })
    const predictor = file.unpack(model)
    const decisions = new Map<string, Decision>()
    const experiences = new Map<string, Experience>()
    // A task is looked at when it is routed and again when it is remembered.
    const looked = new WeakMap<AITask.AITask, Features>()

    const look = (task: AITask.AITask): Features => {
      const known = looked.get(task)
      if (known !== undefined) return known
      const features = ofTask(task, model.steps !== undefined)
      looked.set(task, features)
      return features
    }

    const predictTask = (task: AITask.AITask): Prediction => predict(predictor, look(task))

    const keyOf = (family: string, provider: AIProvider.AIProvider): string => `${provider} ${family}`
    const experience: Service["experience"] = (family, provider) =>
      experiences.get(keyOf(family, provider)) ?? { good: 0, bad: 0 }

    const learn = ({ family, features, provider }: Decision, score: number): void => {
      const { bad, good } = experience(family, provider)
      experiences.set(keyOf(family, provider), { good: good + score, bad: bad + 1 - score })
      const judge = predictor.judges.find((known) => known.provider === provider)
      if (judge === undefined) return
      const error = score - sigmoid(scoreBy(judge, features))
      nudge(judge.head, features, learningRate * judge.slope * error)
    }

    return {
      predict: predictTask,
      gain: (task, stronger, weaker) => {
        const { estimates } = predictTask(task)
        const of = (provider: AIProvider.AIProvider) =>
          Option.fromNullable(estimates.find((estimate) => estimate.provider === provider))
        return Option.zipWith(of(stronger), of(weaker), (more, less) => more.quality - less.quality)
      },
      worth: (keep, family, scope = "families") =>
        Option.fromNullable(guarantees.worthOf(model.shown, keep, family, scope)),
      guarantee: (keep, scope = "families") => guarantees.guaranteeOf(model.shown, keep, scope),
      best: model.best,
      cascade: Option.fromNullable(model.cascade),
      experience,
      remember: (taskId, task, provider) =>
        Effect.sync(() => {
          decisions.delete(taskId)
          decisions.set(taskId, { features: look(task), family: predictTask(task).family, provider })
          // The first key is the oldest.
          for (const oldest of decisions.keys()) {
            if (decisions.size <= remembered) break
            decisions.delete(oldest)
          }
        }),
      feedback: (taskId, score) =>
        Effect.suspend((): ReturnType<Service["feedback"]> => {
          if (!(score >= 0 && score <= 1)) {
            return invalid("score", `Expected a number from 0 to 1, actual ${score}`)
          }
          const decision = decisions.get(taskId)
          if (decision === undefined) return new UnknownTaskError({ taskId, remembered })
          decisions.delete(taskId)
          learn(decision, score)
          return Effect.void
        })
    }
  })

/**
 * Has a model remember every answer, and learn from what callers say of one: of an answer that it doesn't remember
 * it learns nothing. The layers of this module provide it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const observer = ({ feedback, remember }: Service): AnswerObserver.Service => ({
  answered: (task, { provider, taskId }) => remember(taskId, task, provider),
  judged: (taskId, score) => Effect.ignore(feedback(taskId, score))
})

const layerOf = <E, R>(
  model: Effect.Effect<Service, E, R>
): Layer.Layer<QualityModel | AnswerObserver.AnswerObserver, E, R> =>
  Layer.effectContext(
    Effect.map(model, (made) =>
      Context.make(QualityModel, made).pipe(Context.add(AnswerObserver.AnswerObserver, observer(made)))
    )
  )

/**
 * A model, as {@link train} gives it or as JSON has it, that remembers what the orchestrator answers. To
 * have answers observed by others too, join them with {@link observer} by `AnswerObserver.all`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  input: unknown,
  options: Options = {}
): Layer.Layer<QualityModel | AnswerObserver.AnswerObserver, InvalidArgumentError> =>
  layerOf(make(input, options))

/**
 * The model of a file that `arc-saga train` wrote.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFile = (
  path: string,
  options: Options = {}
): Layer.Layer<
  QualityModel | AnswerObserver.AnswerObserver,
  InvalidArgumentError | PlatformError,
  FileSystem.FileSystem
> =>
  layerOf(
    Effect.gen(function* () {
      const text = yield* (yield* FileSystem.FileSystem).readFileString(path)
      const json = yield* Effect.try({
        try: (): unknown => JSON.parse(text),
        catch: () => invalid("", `Expected a model in JSON, actual text that isn't JSON, in ${path}`)
      })
      return yield* make(json, options)
    })
  )
