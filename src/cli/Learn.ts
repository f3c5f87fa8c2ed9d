/** What `serve` learns while it serves, as the file sets it up: loaded where it does. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { AnswerObserver } from "../AnswerObserver.js"
import * as duration from "../internal/duration.js"
import * as log from "../internal/log.js"
import * as Replaceable from "../internal/replaceable.js"
import type { ReasoningEngineRegistry } from "../ReasoningEngineRegistry.js"
import * as TaskService from "../routing/TaskService.js"
import * as Judge from "../savings/Judge.js"
import * as Learning from "../savings/Learning.js"
import * as OutcomesFile from "../savings/Outcomes/File.js"
import type * as QualityModel from "../savings/QualityModel.js"
import type * as Retraining from "../savings/Retraining.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Composition from "./Composition.js"
import * as Configuration from "./Configuration.js"
import * as Format from "./Format.js"
import { comparisons, type Settings } from "./Learned.js"
import type * as Insight from "./Insight.js"
import * as ModelFile from "./ModelFile.js"
import { type FileError, StandardStreams } from "./StandardStreams.js"
import { decide } from "./Trainer/decide.js"
import * as Trainer from "./Trainer.js"
import * as Trainings from "./Trainings.js"

const judgeOf = ({ judge }: ConfigFile.Learn): Judge.Judge =>
  judge.by === "agreement"
    ? Judge.agreement(comparisons[judge.comparison], judge.reference)
    : Judge.byProvider(
        judge.provider,
        judge.comparison === undefined ? undefined : comparisons[judge.comparison]
      )

/** What the file promises with its model. */
const promisesOf = ({ cascade, savings }: Settings): ReadonlyArray<Retraining.Promised> => [
  ...(savings === undefined ? [] : [{ by: "prediction", keep: savings.keep, scope: savings.scope } as const]),
  ...(cascade?.accept === "learned"
    ? [{ by: "cascade", keep: cascade.keep, scope: cascade.scope } as const]
    : [])
]

/** What answers tasks now. */
type Slot = Replaceable.Replaceable<Composition.Services>

/** A service that asks the one that is there when a call begins. */
const served = (
  slot: Slot,
  of: (services: Composition.Services) => TaskService.Service
): TaskService.Service => ({
  ...TaskService.make({
    complete: (task, options) => slot.use((services) => of(services).complete(task, options)),
    stream: (task, options) => slot.useStream((services) => of(services).stream(task, options))
  }),
  strategy: of(slot.unsafeGet()).strategy
})

/** Hands on what is said of answers. What answers tells its own observer of them. */
const observing = (slot: Slot): AnswerObserver["Type"] => ({
  answered: () => Effect.void,
  judged: (taskId, score) =>
    slot.use(({ observer }) => Option.getOrUndefined(observer)?.judged?.(taskId, score) ?? Effect.void)
})

const decisions = Metric.counter("arc_saga.retraining", {
  description: "Models that were trained anew, by what became of them.",
  incremental: true
})

/** What became of a training. */
type Outcome = "taken" | "refused" | "failed"

/** Tells in the log, in the metrics and on standard error what became of a model. */
const tell = (outcome: Outcome, reason: string): Effect.Effect<void, never, StandardStreams> =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    yield* Metric.increment(Metric.tagged(decisions, "outcome", outcome))
    yield* log.event(
      outcome === "failed" ? LogLevel.Warning : LogLevel.Info,
      outcome === "taken" ? "model_taken" : "model_refused",
      () => ({ outcome, reason })
    )
    yield* streams.writeError(
      `Note: the model that was trained anew is ${outcome === "taken" ? "in use" : "not used"}: ${Format.plain(reason)}\n`
    )
  })

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`

/** What it takes to train a model of the file anew. */
interface Retrained {
  /** The file of the model. */
  readonly file: string
  readonly learn: ConfigFile.Learn
  readonly settings: Settings
  readonly promises: Arr.NonEmptyReadonlyArray<Retraining.Promised>
  /** Makes everything of a model, writes it to its file, and has the calls from now on asked by it. */
  readonly take: (
    model: QualityModel.Model
  ) => Effect.Effect<void, ConfigFile.ConfigurationError | FileError, FileSystem.FileSystem>
}

/** Makes what trains anew, where there are new outcomes since it last did, and takes what is better. */
const retraining = ({ file, learn, promises, settings, take }: Retrained) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const trainer = yield* Effect.serviceOption(Trainer.Trainer)
    let current = settings.model
    let seen = ""

    const changed = Effect.map(Effect.option(fs.stat(learn.outcomes)), (stat) => {
      const now = Option.match(stat, {
        onNone: () => "",
        onSome: ({ mtime, size }) => `${size} ${Option.match(mtime, { onNone: () => "", onSome: String })}`
      })
      const isNew = now !== seen
      seen = now
      return isNew
    })

    /** Tells it, and keeps it beside the model. */
    const conclude = (outcome: Outcome, reason: string) =>
      Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        const { count } = yield* Trainings.read(file)
        yield* Trainings.write(file, { count, last: { at, outcome, reason } })
      }).pipe(
        // What can't be kept was told before, or is told by the next training.
        Effect.ignore,
        Effect.zipRight(tell(outcome, reason))
      )

    const again = Effect.gen(function* () {
      const before = yield* Trainings.read(file)
      const training = before.count + 1
      // What its tests may err is spent once they begin, whatever becomes of them.
      yield* Trainings.write(file, { ...before, count: training })
      const job = { file: learn.outcomes, options: { current, promises, seed: learn.seed, training } }
      const outcome = yield* Option.match(trainer, {
        onNone: () => decide(job),
        onSome: (thread) => thread.decide(job)
      })
      if (outcome._tag !== "Taken") {
        return yield* conclude(outcome._tag === "Failed" ? "failed" : "refused", outcome.reason)
      }
      const { kept, model, saved, tasks } = outcome
      yield* take(model)
      current = model
      const told = `on ${Format.count(tasks, "outcome")} that it hasn't seen it saves ${percent(saved)} and keeps ${percent(kept)}`
      return yield* conclude("taken", told)
    }).pipe(
      Effect.catchAll(({ message }) => conclude("failed", message)),
      // A bug of one training doesn't end the others.
      Effect.catchAllDefect((defect) => conclude("failed", String(defect)))
    )

    return Effect.whenEffect(again, changed)
  })

/**
 * What answers tasks over the engines, as `Composition.services` makes it, with all that the file says of learning.
 * Fails with the ConfigurationError of a model that can't be used.
 */
export const services = (
  configuration: Configuration.Configuration,
  learn: ConfigFile.Learn
): Effect.Effect<
  Composition.Services & {
    readonly insight: Insight.Sources
    /** Trains no more, though calls go on. */
    readonly retire: Effect.Effect<void>
  },
  ConfigFile.ConfigurationError,
  FileSystem.FileSystem | ReasoningEngineRegistry | Scope.Scope | StandardStreams
> =>
  Effect.gen(function* () {
    const { judge: _judge, maxBytes, outcomes, retrain, ...settings } = learn
    const { limits, providerLimits } = configuration.policy
    // Who takes part without being named.
    const all = configuration.providers.flatMap(({ byNameOnly, id, status }) =>
      status._tag === "Ready" && !byNameOnly ? [id] : []
    )
    let slot: Slot | undefined
    const { learning, observer } = yield* Effect.flatMap(
      OutcomesFile.make(outcomes, { maxBytes }),
      (record) =>
        Learning.make({
          ...settings,
          providers: settings.providers ?? (Arr.isNonEmptyReadonlyArray(all) ? all : undefined),
          policy: { limits, providerLimits },
          judge: judgeOf(learn),
          record,
          // By the model that is in use: promises are kept within the families that it sees.
          familyOf: (task) =>
            Option.match(slot?.unsafeGet().familyOf ?? Option.none(), {
              onNone: () => "all",
              onSome: (familyOf) => familyOf(task)
            })
        })
      // The settings were checked when the file was read.
    ).pipe(Effect.orDie)
    const compose = yield* Composition.composer(configuration, Option.none(), observer)
    const made = yield* Replaceable.make(compose(configuration.learning))
    slot = made

    const learned = Option.getOrUndefined(configuration.learning)
    const promises = learned === undefined ? [] : promisesOf(learned)
    let retire: Effect.Effect<void> = Effect.void
    if (retrain !== undefined && learned?.file !== undefined && Arr.isNonEmptyReadonlyArray(promises)) {
      const registry = yield* Effect.context<ReasoningEngineRegistry>()
      const everyMs = Either.getOrThrow(duration.parse(retrain))
      const { file } = learned
      const again = yield* retraining({
        file,
        learn,
        settings: learned,
        promises,
        take: (model) =>
          Effect.provide(
            made.replace(
              Effect.tap(compose(Option.some({ ...learned, model })), () => ModelFile.write(file, model))
            ),
            registry
          )
      })
      const training = yield* Effect.forkScoped(Effect.forever(Effect.delay(again, everyMs)))
      retire = Effect.asVoid(Fiber.interrupt(training))
    }
    const first = made.unsafeGet()
    return {
      ...first,
      tasks: served(made, ({ tasks }) => tasks),
      named: Object.fromEntries(
        Object.keys(first.named).map((name) => [
          name,
          served(made, ({ named, tasks }) => named[name] ?? tasks)
        ])
      ),
      observer: Option.some(observing(made)),
      insight: {
        settings: () => Option.getOrUndefined(made.unsafeGet().learning),
        learning: { service: learning, settings: learn },
        escalates: configuration.escalation !== undefined
      },
      retire
    }
  })
