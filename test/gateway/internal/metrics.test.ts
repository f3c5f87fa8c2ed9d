import { assert, describe, it } from "@effect/vitest"
import { ReasoningEngineRegistry } from "arc-saga"
import { Activity } from "arc-saga/gateway"
import * as Effect from "effect/Effect"
import * as metrics from "../../../src/gateway/internal/metrics.js"
import * as status from "../../../src/gateway/internal/status.js"

describe("calls by their ending", () => {
  it.effect("have the same names in metrics and on the page", () =>
    Effect.gen(function* () {
      const { activity } = yield* Activity.make
      const ended = (id: string, outcome: Activity.CallOutcome) =>
        Effect.zipRight(activity.begin({ id, model: "m", delivery: "whole" }), activity.end(id, outcome))
      yield* ended("a", { _tag: "ClientDisconnected" })
      yield* ended("b", { _tag: "Failed", code: "late" })
      yield* ended("c", { _tag: "Failed", code: "late" })
      const snapshot = yield* activity.snapshot
      const text = metrics.text(snapshot, metrics.responses())
      const counted = Array.from(
        text.matchAll(/^arc_saga_gateway_calls_total\{ending="(\w+)"\} (\d+)$/gm),
        ([, ending, count]) => [ending, Number(count)]
      )
      assert.deepStrictEqual(Object.fromEntries(counted), { answered: 0, failed: 2, abandoned: 1 })
      const states = JSON.stringify(status.of(snapshot)).match(/"state":"\w+"/g)
      assert.deepStrictEqual(states, ['"state":"failed"', '"state":"failed"', '"state":"abandoned"'])
    }).pipe(Effect.provide(ReasoningEngineRegistry.layer))
  )
})
