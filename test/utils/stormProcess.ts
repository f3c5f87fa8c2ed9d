/** A process that runs one storm and prints what came of it: two minutes of computing would block a test. */
import { SpendLedger, Usd } from "arc-saga"
import { Simulation } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as storm from "./storm.js"

const [, , guards = "", size = "", seed = ""] = process.argv

const program = Effect.gen(function* () {
  const ledger = yield* SpendLedger.makeMemory({ capacity: 1000 })
  const recording = Layer.succeed(SpendLedger.SpendLedger, ledger)
  const report = yield* Simulation.run({
    ...storm.options(Number(size), Number(seed)),
    layer: guards === "on" ? Layer.merge(recording, storm.reliability) : recording
  })
  const spent = yield* ledger.summary({ by: "provider" })
  return {
    report,
    ledger: spent.map(({ attempts, cost, name, unpriced, usage }) => ({
      provider: Option.getOrNull(name),
      attempts,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      costUsd: Usd.toDecimal(cost),
      unpriced
    }))
  } satisfies storm.Weathered
})

process.stdout.write(JSON.stringify(Effect.runSync(program)))
