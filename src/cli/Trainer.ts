/** Trains a model on a file of outcomes, beside what the process does otherwise. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as OutcomesFile from "../savings/Outcomes/File.js"
import * as Retraining from "../savings/Retraining.js"

/** What is to be decided: nothing but data, for another thread. */
export interface Job {
  /** The file of outcomes. */
  readonly file: string
  readonly options: Retraining.Options
}

/** What became of a job. */
export type Outcome = Retraining.Decision | { readonly _tag: "Failed"; readonly reason: string }

/** Decides on a model. */
export interface Service {
  readonly decide: (job: Job) => Effect.Effect<Outcome>
}

/** Decides on a model; where there is none, the process does it by itself. */
export class Trainer extends Context.Tag("arc-saga/cli/Trainer")<Trainer, Service>() {}

const failed = ({ message }: { readonly message: string }): Outcome => ({ _tag: "Failed", reason: message })

/** Decides in this thread, which does nothing else meanwhile. */
export const decide = ({ file, options }: Job): Effect.Effect<Outcome, never, FileSystem.FileSystem> =>
  OutcomesFile.read(file).pipe(
    Effect.flatMap(({ outcomes }) => Retraining.decide(outcomes, options)),
    Effect.catchAll((error) => Effect.succeed(failed(error)))
  )
