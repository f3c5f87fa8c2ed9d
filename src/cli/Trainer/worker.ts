/** What a thread runs that trains: it is given a job, and gives its outcome. */
import { parentPort, workerData } from "node:worker_threads"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import type * as Trainer from "../Trainer.js"
import { decide } from "./decide.js"

const job: Trainer.Job = workerData

Effect.runPromise(Effect.provide(decide(job), NodeFileSystem.layer)).then((outcome) => {
  // Copied, and nothing of it handed over.
  parentPort?.postMessage(outcome, [])
})
