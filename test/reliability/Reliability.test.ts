import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  CircuitBreaker,
  Hedging,
  LiveMetrics,
  MultiLLMOrchestrator,
  RateLimits,
  Reliability,
  RetryBudget
} from "arc-saga"
import { Behaviour, ScriptedEngine, VirtualTime } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { task } from "../utils/fleet.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

describe("Reliability", () => {
  it.effect("has the orchestrator learn which providers to ask", () =>
    Effect.gen(function* () {
      const engines = yield* ScriptedEngine.makeAll([
        { provider: Claude, script: [fail({ _tag: "TransientError" })] },
        { provider: Gpt4, script: [answer({ text: "Light scatters." })] }
      ])
      const guards = Layer.provideMerge(
        Hedging.layer(),
        Reliability.layer({
          circuitBreaker: { consecutiveFailures: 3, openMs: 1e9, maxOpenMs: 1e9 },
          rateLimits: { providers: { gpt4: { concurrency: 10 } } },
          retryBudget: { minimum: 5 },
          liveMetrics: { enough: 1 }
        })
      )
      const program = Effect.gen(function* () {
        const orchestrator = yield* MultiLLMOrchestrator.MultiLLMOrchestrator
        const first = yield* orchestrator.complete(yield* task())
        assert.deepStrictEqual(
          first.attempts.map(({ provider }) => provider),
          [Claude, Claude, Claude, Gpt4]
        )
        const { attempts } = yield* orchestrator.complete(yield* task())
        assert.deepStrictEqual(
          attempts.map(({ provider }) => provider),
          [Gpt4]
        )
        assert.strictEqual((yield* (yield* CircuitBreaker.CircuitBreaker).state(Claude))._tag, "open")
        assert.strictEqual((yield* (yield* LiveMetrics.LiveMetrics).measured(Claude)).attempts, 3)
        assert.isFunction((yield* RateLimits.RateLimits).admit)
        assert.isFunction((yield* RetryBudget.RetryBudget).unsafeTake)
      })
      yield* VirtualTime.simulate(
        Effect.provide(
          program,
          MultiLLMOrchestrator.layerFor({
            providers: [{ provider: "claude", qualityScore: 9 }, { provider: "gpt4" }]
          }).pipe(Layer.provideMerge(guards), Layer.provide(ScriptedEngine.layerRegistry(engines)))
        )
      )
    })
  )

  it.effect("rejects what its parts reject", () =>
    Effect.gen(function* () {
      const built = Effect.provide(Effect.void, Reliability.layer({ retryBudget: { share: 2 } }))
      assert.strictEqual((yield* Effect.flip(built)).subject, "RetryBudget")
    })
  )
})
