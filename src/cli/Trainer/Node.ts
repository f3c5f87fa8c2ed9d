/** Trains in a thread of its own. */
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Trainer from "../Trainer.js"

/** Trains in a thread that runs the file at a URL, which ends with the job or with the fiber that waits for it. */
export const layer = (worker: URL): Layer.Layer<Trainer.Trainer> =>
  Layer.succeed(Trainer.Trainer, {
    decide: (job) =>
      Effect.async<Trainer.Outcome>((resume) => {
        const thread = new Worker(worker, { workerData: job })
        thread.once("message", (outcome: Trainer.Outcome) => resume(Effect.succeed(outcome)))
        const failed = (reason: string): void => resume(Effect.succeed({ _tag: "Failed", reason }))
        thread.once("error", (error) => failed(String(error)))
        // Its word, if it had one, has come before.
        thread.once("exit", (code) => failed(`the thread that trains has ended by itself, with ${code}`))
        return Effect.promise(() => thread.terminate())
      })
  })
