/** Who takes part, in the order of the tables. */
import * as aiSdk from "./aiSdk.js"
import * as arcSaga from "./arcSaga.js"
import * as engines from "./engines.js"
import * as executionPlan from "./executionPlan.js"
import * as langchain from "./langchain.js"
import type * as work from "./work.js"

export const all: ReadonlyArray<work.Contestant> = [
  engines.bare,
  arcSaga.contestant,
  executionPlan.contestant,
  aiSdk.bare,
  aiSdk.withFallback,
  aiSdk.withRetry,
  langchain.contestant
]

/** The floor and the one that this is about. */
export const floor: string = engines.bare.name
export const own: string = arcSaga.contestant.name

/** Whom arc-saga's targets are measured against. */
export const rivals: ReadonlyArray<string> = [aiSdk.bare.name, aiSdk.withFallback.name, aiSdk.withRetry.name]
