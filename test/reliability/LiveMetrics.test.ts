import { assert, describe, it } from "@effect/vitest"
import { AIProvider, CostOptimizer, LiveMetrics, ProviderMetrics, Strategy, TokenUsage } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { answered, fleet, task } from "../utils/fleet.js"
import { record } from "../utils/guards.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

const answer1 = (durationMs: number, firstTokenMs = durationMs / 2) =>
  record(undefined, {
    durationMs,
    firstTokenMs: Option.some(firstTokenMs),
    usage: TokenUsage.make({ outputTokens: 100 })
  })

const observeAll = (live: LiveMetrics.Service, attempts: ReadonlyArray<ReturnType<typeof record>>) =>
  Effect.flatMap(task(), (asks) =>
    Effect.forEach(attempts, (attempt) => live.observe(attempt, asks), { discard: true })
  )

const given = { provider: "claude", p50LatencyMs: 1000, p99LatencyMs: 3000, successRate: 1 }

describe("LiveMetrics", () => {
  it.effect("measures latency, pace and success of the last while", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make()
      yield* observeAll(
        live,
        Array.from({ length: 100 }, (_, index) => answer1(10 * (index + 1)))
      )
      yield* observeAll(live, [record({ _tag: "TransientError" }), record({ _tag: "ContentPolicyError" })])
      assert.deepStrictEqual(yield* live.measured(Claude), {
        attempts: 101,
        firstTokenMs: Option.some({ p50: 250, p99: 495 }),
        totalMs: Option.some({ p50: 500, p99: 990 }),
        tokensPerSecond: Option.some(100_000 / 255),
        successRate: Option.some(100 / 101)
      })
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* live.measured(Claude), {
        attempts: 0,
        firstTokenMs: Option.none(),
        totalMs: Option.none(),
        tokensPerSecond: Option.none(),
        successRate: Option.none()
      })
    })
  )

  it.effect(
    "counts what was given up as having taken at least its time, so that the slow don't look fast",
    () =>
      Effect.gen(function* () {
        const live = yield* LiveMetrics.make()
        yield* observeAll(live, [
          record({ _tag: "TimeoutError", phase: "first-token" }, { durationMs: 10_000 }),
          record(undefined, { outcome: "discarded", durationMs: 4000 })
        ])
        const { firstTokenMs, successRate, totalMs } = yield* live.measured(Claude)
        assert.deepStrictEqual(firstTokenMs, Option.some({ p50: 4000, p99: 10_000 }))
        assert.deepStrictEqual(totalMs, Option.some({ p50: 10_000, p99: 10_000 }))
        assert.deepStrictEqual(successRate, Option.some(0))
      })
  )

  it.effect("says nothing of a provider from attempts that the caller ended", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make()
      yield* observeAll(live, [record(undefined, { outcome: "interrupted", durationMs: 5 })])
      const known = yield* ProviderMetrics.make(given)
      assert.deepStrictEqual(live.unsafeBlend(known, 0), known)
    })
  )

  it.effect("blends what is measured with what was given until there are twenty samples", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make()
      const known = yield* ProviderMetrics.make(given)
      assert.strictEqual(live.unsafeBlend(known, 0), known)
      yield* observeAll(
        live,
        Array.from({ length: 5 }, () => answer1(200))
      )
      const some = live.unsafeBlend(known, 0)
      assert.strictEqual(some.p50LatencyMs, 1000 - (5 / 20) * 800)
      assert.strictEqual(some.p99LatencyMs, 3000 - (5 / 20) * 2800)
      // What nobody gave is what is measured.
      assert.deepStrictEqual(
        [some.p50FirstTokenMs, some.p99FirstTokenMs, some.tokensPerSecond],
        [100, 100, 1000]
      )
      const told = { ...known, p50FirstTokenMs: 300, p99FirstTokenMs: 500, tokensPerSecond: 600 }
      const blended = live.unsafeBlend(told, 0)
      assert.deepStrictEqual(
        [blended.p50FirstTokenMs, blended.p99FirstTokenMs, blended.tokensPerSecond],
        [250, 400, 700]
      )
      yield* observeAll(live, [
        ...Array.from({ length: 15 }, () => answer1(200)),
        record({ _tag: "TransientError" })
      ])
      const all = live.unsafeBlend(known, 0)
      assert.deepStrictEqual([all.p50LatencyMs, all.p99LatencyMs], [200, 200])
      assert.closeTo(all.successRate, 20 / 21, 1e-12)
      assert.deepStrictEqual(live.unsafeBlend(known, 300_000), known)
    })
  )

  it.effect("keeps the latest samples, as many as it may", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make({ samples: 3 })
      yield* observeAll(
        live,
        [9000, 8000, 100, 200, 300].map((ms) => answer1(ms))
      )
      const { attempts, totalMs } = yield* live.measured(Claude)
      assert.strictEqual(attempts, 3)
      assert.deepStrictEqual(totalMs, Option.some({ p50: 200, p99: 300 }))
    })
  )

  it.effect("knows when first contents are late, once there are enough", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make({ enough: 4 })
      yield* observeAll(
        live,
        [100, 200, 300].map((ms) => answer1(1000, ms))
      )
      assert.isUndefined(live.unsafeFirstTokenMs(Claude, 0.75, 0))
      yield* observeAll(live, [answer1(1000, 400)])
      assert.strictEqual(live.unsafeFirstTokenMs(Claude, 0.75, 0), 300)
      assert.isUndefined(live.unsafeFirstTokenMs(Gpt4, 0.75, 0))
    })
  )

  it.effect.prop(
    "quantiles are those of the samples that are left, by nearest rank",
    [
      FastCheck.array(FastCheck.tuple(FastCheck.nat(2000), FastCheck.integer({ min: 1, max: 5000 })), {
        minLength: 1,
        maxLength: 60
      }),
      FastCheck.integer({ min: 1, max: 20 })
    ],
    ([steps, samples]) =>
      Effect.gen(function* () {
        const live = yield* LiveMetrics.make({ samples, windowMs: 10_000 })
        let now = 0
        const seen: Array<{ readonly at: number; readonly ms: number }> = []
        for (const [waitMs, ms] of steps) {
          now += waitMs
          yield* TestClock.adjust(waitMs)
          yield* observeAll(live, [answer1(ms)])
          seen.push({ at: now, ms })
          const left = seen
            .slice(-samples)
            .filter(({ at }) => at > now - 10_000)
            .map((sample) => sample.ms)
            .toSorted((one, other) => one - other)
          const rank = (of: number) => left[Math.ceil(left.length * of) - 1]
          const { attempts, totalMs } = yield* live.measured(Claude)
          assert.strictEqual(attempts, left.length)
          assert.deepStrictEqual(Option.getOrUndefined(totalMs), { p50: rank(0.5), p99: rank(0.99) })
        }
      }),
    runs(100)
  )

  for (const [field, options] of [
    ["windowMs", { windowMs: 0 }],
    ["samples", { samples: 1e6 }],
    ["enough", { enough: 0 }]
  ] as const) {
    it.effect(`rejects ${field} out of range`, () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(LiveMetrics.make(options))).field, field)
      })
    )
  }
})

describe("CostOptimizer with LiveMetrics", () => {
  it.effect("follows what is measured, and the profile again when nothing was for a while", () =>
    Effect.gen(function* () {
      const live = yield* LiveMetrics.make({ enough: 5 })
      const optimizer = yield* Effect.provideService(
        CostOptimizer.make([
          { provider: Claude, p50LatencyMs: 100 },
          { provider: Gpt4, p50LatencyMs: 500 }
        ]),
        LiveMetrics.LiveMetrics,
        live
      )
      const { router } = yield* fleet(
        [
          { provider: Claude, script: [answer({ text: "Light scatters.", firstTokenMs: 2000 })] },
          { provider: Gpt4, script: [fail({ _tag: "QuotaExhaustedError" })] }
        ],
        {},
        Layer.succeed(LiveMetrics.LiveMetrics, live)
      )
      const asks = yield* task({ provider: "claude" })
      assert.strictEqual(yield* optimizer.select(asks, Strategy.fastest), Claude)
      for (let call = 0; call < 5; call++) {
        const fiber = yield* Effect.fork(router.complete(asks))
        yield* TestClock.adjust(2000)
        yield* fiber.await
      }
      assert.strictEqual(yield* optimizer.select(asks, Strategy.fastest), Gpt4)
      const [claude] = yield* optimizer.metrics
      assert.strictEqual(claude?.p50LatencyMs, 2000)
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* optimizer.select(asks, Strategy.fastest), Claude)
      yield* answered(router.complete(asks))
    })
  )
})
