/** Decides on a model in this thread, which does nothing else meanwhile. */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as OutcomesFile from "../../savings/Outcomes/File.js"
import * as Retraining from "../../savings/Retraining.js"
import type { Job, Outcome } from "../Trainer.js"

const failed = ({ message }: { readonly message: string }): Outcome => ({ _tag: "Failed", reason: message })

/** What becomes of a job. */
export const decide = ({ file, options }: Job): Effect.Effect<Outcome, never, FileSystem.FileSystem> =>
  OutcomesFile.read(file).pipe(
    Effect.flatMap(({ outcomes }) => Retraining.decide(outcomes, options)),
    Effect.catchAll((error) => Effect.succeed(failed(error)))
  )
