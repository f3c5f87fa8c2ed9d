/** What saves money per task, as the file sets it up: loaded where it does. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AnswerObserver from "../AnswerObserver.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type { AITask } from "../AITask.js"
import { told } from "../internal/told.js"
import { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import type * as CostOptimizer from "../routing/CostOptimizer.js"
import type * as ProviderRouter from "../routing/ProviderRouter.js"
import type { Strategy } from "../routing/Strategy.js"
import type * as TaskService from "../routing/TaskService.js"
import * as Acceptance from "../savings/Acceptance.js"
import * as Cascade from "../savings/Cascade.js"
import * as Comparison from "../savings/Comparison.js"
import * as QualityModel from "../savings/QualityModel.js"
import * as Savings from "../savings/Savings.js"
import * as Guarantee from "./Guarantee.js"
import { type Cascade as Setup, type ConfigFile, ConfigurationError } from "./ConfigFile.js"

/** What of a file it is made of. */
export interface Settings {
  readonly savings: ConfigFile["savings"] | undefined
  readonly cascade: ConfigFile["cascade"] | undefined
  /** What an error calls the file. */
  readonly origin: string
  readonly model: QualityModel.Model | undefined
  /** The file that the model is of. */
  readonly file: string | undefined
}

/** What there is besides the usual strategies. */
export interface Learned {
  readonly savings: Option.Option<Strategy>
  readonly cascade: Option.Option<TaskService.Service>
  /** What learns from all answers. */
  readonly observer: Option.Option<AnswerObserver.Service>
  /** The tasks of which the model can't promise what is asked for. */
  readonly withheld: ReadonlyArray<string>
  /** The kind of a task, as the model sees it. */
  readonly familyOf: Option.Option<(task: AITask) => string>
}

/** The comparisons by the names that the file has for them. */
export const comparisons: Readonly<Record<Setup["comparison"], Comparison.Comparison>> = {
  shortAnswer: Comparison.shortAnswer,
  number: Comparison.number,
  choice: Comparison.choice,
  json: Comparison.json,
  code: Comparison.code
}

type Quality = Option.Option<QualityModel.Service>

/** Who is asked by a cascade of the file, and what it accepts. */
const planOf = (setup: Setup, quality: Quality): Effect.Effect<Cascade.Options, InvalidArgumentError> => {
  const { timeoutMs } = setup
  const comparison = comparisons[setup.comparison]
  if (setup.accept === "agreement") {
    const { asks, last } = setup
    return Effect.succeed({ asks, last, accept: Acceptance.agreement(comparison), timeoutMs })
  }
  return Acceptance.learned({ keep: setup.keep, scope: setup.scope, comparison }).pipe(
    Effect.map((accept) => ({ asks: accept.asks, last: accept.last, accept, timeoutMs })),
    // The file has a model beside it: that was checked when it was read.
    Effect.provideServiceEffect(QualityModel.QualityModel, Effect.orDie(quality))
  )
}

/** Where the best provider answers because what is asked for can't be promised. */
const withheldOf = ({ cascade, model, savings }: Settings): ReadonlyArray<string> => {
  if (model === undefined) return []
  const told = (name: string, guarantee: Option.Option<QualityModel.Guarantee>): ReadonlyArray<string> =>
    Option.toArray(guarantee).flatMap((each) =>
      Guarantee.withheld(each, model.best).map((line) => `${name}: ${line}`)
    )
  return [
    ...told(
      "savings",
      Option.map(
        Option.fromNullable(savings),
        ({ keep, scope }) => QualityModel.guaranteesOf(model, keep, scope).prediction
      )
    ),
    ...told(
      "cascade",
      cascade?.accept === "learned"
        ? QualityModel.guaranteesOf(model, cascade.keep, cascade.scope).cascade
        : Option.none()
    )
  ]
}

/** Fails where a cascade asks providers that aren't there: it would take each for one that failed. */
const checkProviders = (
  { asks, last }: Cascade.Options,
  origin: string
): Effect.Effect<void, ConfigurationError, ReasoningEngineRegistry> =>
  Effect.gen(function* () {
    const engines = yield* (yield* ReasoningEngineRegistry).list
    const there = engines.map(({ provider }): string => provider)
    const missing = [...asks.flat(), last].find((provider) => !there.includes(provider))
    if (missing === undefined) return
    return yield* new ConfigurationError({
      file: origin,
      field: "cascade",
      reason: `Expected providers that can be asked (${there.join(", ")}), actual ${told(missing)}, too`
    })
  })

/**
 * Makes what the file sets up, whose answers `watcher` sees, too. Fails with the ConfigurationError of a model that can't be used for it, or of a
 * provider that isn't there.
 */
export const make = (
  settings: Settings,
  watcher?: AnswerObserver.Service
): Effect.Effect<
  Learned,
  ConfigurationError,
  CostOptimizer.CostOptimizer | ProviderRouter.ProviderRouter | ReasoningEngineRegistry
> => {
  const { cascade: setup, model, origin, savings } = settings
  const unusable =
    (field: "cascade" | "model") =>
    ({ message }: InvalidArgumentError) =>
      new ConfigurationError({ file: origin, field, reason: message })
  return Effect.gen(function* () {
    const quality: Quality = yield* Effect.transposeMapOption(Option.fromNullable(model), (read) =>
      Effect.mapError(QualityModel.make(read), unusable("model"))
    )
    const observers = [
      ...Option.toArray(Option.map(quality, QualityModel.observer)),
      ...Option.toArray(Option.fromNullable(watcher))
    ]
    const observer = observers.length === 0 ? Option.none() : Option.some(AnswerObserver.all(observers))
    const strategy = yield* Effect.transposeMapOption(Option.fromNullable(savings), (options) =>
      Savings.make(options).pipe(
        Effect.mapError(unusable("model")),
        Effect.provideServiceEffect(QualityModel.QualityModel, Effect.orDie(quality))
      )
    )
    const cascade = yield* Effect.transposeMapOption(Option.fromNullable(setup), (given) =>
      Effect.gen(function* () {
        const plan = yield* Effect.mapError(planOf(given, quality), unusable("model"))
        yield* checkProviders(plan, origin)
        const made = Effect.mapError(Cascade.make(plan), unusable("cascade"))
        return yield* Option.match(observer, {
          onNone: () => made,
          onSome: (each) => Effect.provideService(made, AnswerObserver.AnswerObserver, each)
        })
      })
    )
    return {
      savings: Option.map(strategy, (each) => ({ ...each, name: "savings" })),
      cascade,
      observer,
      withheld: withheldOf(settings),
      familyOf: Option.map(
        quality,
        ({ predict }) =>
          (task: AITask) =>
            predict(task).family
      )
    }
  })
}
