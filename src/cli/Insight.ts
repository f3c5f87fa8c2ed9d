/** What is learned, as the gateway shows it: loaded where something is. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Learned from "../gateway/Learned.js"
import { given } from "../internal/options.js"
import * as Escalation from "../savings/Escalation.js"
import type * as Learning from "../savings/Learning.js"
import * as QualityModel from "../savings/QualityModel.js"
import type * as ConfigFile from "./ConfigFile.js"
import type { Settings } from "./Learned.js"
import * as Trainings from "./Trainings.js"

/** What is asked of what goes on. */
export interface Sources {
  /** The model in use and what is promised with it. */
  readonly settings: () => Settings | undefined
  readonly learning: { readonly service: Learning.Service; readonly settings: ConfigFile.Learn } | undefined
  readonly escalates: boolean
}

const promisesOf = (
  { cascade, savings }: Settings,
  model: QualityModel.Model
): ReadonlyArray<Learned.Promised> => {
  const of = (by: Learned.Promised["by"], guarantee: QualityModel.Guarantee) =>
    guarantee.parts.map(({ families, tasks, verdict }) => ({
      by,
      keep: guarantee.keep,
      families,
      tasks,
      isKept: verdict._tag === "Kept"
    }))
  const learned =
    cascade?.accept === "learned"
      ? QualityModel.guaranteesOf(model, cascade.keep, cascade.scope).cascade
      : Option.none()
  return [
    ...(savings === undefined
      ? []
      : of("prediction", QualityModel.guaranteesOf(model, savings.keep, savings.scope).prediction)),
    ...Option.match(learned, { onNone: () => [], onSome: (guarantee) => of("cascade", guarantee) })
  ]
}

/** Makes what the gateway asks. */
export const make = ({
  escalates,
  learning,
  settings
}: Sources): Effect.Effect<Learned.Service, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (fs) => {
    // Promises are worked out once for each model.
    const promises = new WeakMap<QualityModel.Model, ReadonlyArray<Learned.Promised>>()

    const model = Effect.suspend(() => {
      const now = settings()
      if (now?.model === undefined || now.file === undefined) return Effect.succeed(undefined)
      const { file, model } = now
      const promised = promises.get(model) ?? promisesOf(now, model)
      promises.set(model, promised)
      return Effect.map(Effect.option(fs.stat(file)), (stat) => ({
        file,
        writtenAt: Option.getOrUndefined(Option.flatMap(stat, ({ mtime }) => mtime))?.getTime(),
        best: model.best,
        confidence: model.shown.confidence,
        tasks: model.shown.whole.tasks,
        promises: promised
      }))
    })

    const asked = Effect.suspend(() => {
      if (learning === undefined) return Effect.succeed(undefined)
      const { budget } = learning.settings
      return Effect.map(
        Effect.all([learning.service.counts, learning.service.spentUsd]),
        ([counts, spentUsd]) => ({ counts, spentUsd: Option.getOrUndefined(spentUsd), ...budget })
      )
    })

    const trained = Effect.suspend(() => {
      const file = settings()?.file
      return learning?.settings.retrain === undefined || file === undefined
        ? Effect.succeed(undefined)
        : Effect.map(Effect.option(Trainings.read(file)), Option.getOrUndefined)
    }).pipe(Effect.provideService(FileSystem.FileSystem, fs))

    return {
      snapshot: Effect.map(
        Effect.all({
          model,
          learning: asked,
          training: trained,
          escalation: escalates ? Escalation.counts : Effect.succeed(undefined)
        }),
        given
      )
    }
  })
