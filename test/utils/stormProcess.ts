/** A process that runs storms and prints what came of each on a line: minutes of computing would block a test. */
import { SpendLedger, Usd } from "arc-saga"
import { Simulation } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as storm from "./storm.js"

const run = Effect.fnUntraced(function* (guards: string, size: number, seed: number) {
  const ledger = yield* SpendLedger.makeMemory({ capacity: 1000 })
  const recording = Layer.succeed(SpendLedger.SpendLedger, ledger)
  const report = yield* Simulation.run({
    ...storm.options(size, seed),
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

for (const each of process.argv.slice(2)) {
  const [guards = "", size, seed] = each.split(",")
  process.stdout.write(`${JSON.stringify(Effect.runSync(run(guards, Number(size), Number(seed))))}\n`)
}
