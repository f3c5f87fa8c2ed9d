/** Trains a model on a file of outcomes, beside what the process does otherwise. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Retraining from "../savings/Retraining.js"

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
