/**
 * A property of a policy of one's own: whatever fleet of providers fails in whatever way, a user who waits at
 * most ten seconds gets an answer or an error within ten seconds, no provider is asked more than twice, and
 * nothing is left open. Time is virtual: a thousand outages take a second.
 */
import { assert, it } from "@effect/vitest"
import { AITask, ProviderRouter, RoutingPolicy } from "arc-saga"
import { Arbitraries, ScriptedEngine, VirtualTime } from "arc-saga/testing"
import { Clock, Effect, Layer } from "effect"

/** One retry, and no waiting for a provider that is limited. */
const impatient: RoutingPolicy.Options = {
  rules: {
    RateLimitError: { _tag: "fail-over" },
    TransientError: { _tag: "retry", schedule: RoutingPolicy.backoff("100 millis", 1) }
  },
  maxRetryAfterMs: 0
}

it.effect.prop(
  "an impatient policy keeps its word over every fleet",
  [Arbitraries.fleet()],
  ([fleet]) =>
    VirtualTime.simulate(
      Effect.gen(function* () {
        const engines = yield* ScriptedEngine.makeAll(fleet.engines)
        const task = yield* AITask.make({ prompt: "Hi", provider: fleet.primary, timeoutMs: 10_000 })
        const router = ProviderRouter.layer({ ...impatient, chains: fleet.chains }).pipe(
          Layer.provide(ScriptedEngine.layerRegistry(engines))
        )
        yield* Effect.flatMap(ProviderRouter.ProviderRouter, ({ complete }) => complete(task)).pipe(
          Effect.exit,
          Effect.provide(router)
        )
        assert.isAtMost(yield* Clock.currentTimeMillis, 10_000)
        for (const engine of engines) {
          assert.isAtMost((yield* engine.calls).length, 2)
          assert.strictEqual(yield* engine.open, 0)
        }
      })
    ),
  { fastCheck: { numRuns: 100 } }
)
