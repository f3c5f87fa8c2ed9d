/** A process that runs one storm and prints what came of it: two minutes of computing would block a test. */
import { Simulation } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as storm from "./storm.js"

const [, , guards = "", size = "", seed = ""] = process.argv

const options = storm.options(Number(size), Number(seed))

const report = Effect.runSync(
  Simulation.run(guards === "on" ? { ...options, layer: storm.reliability } : options)
)

process.stdout.write(JSON.stringify(report))
