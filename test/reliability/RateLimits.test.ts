import { assert, describe, it } from "@effect/vitest"
import { AIProvider, type AttemptGuard, CostOptimizer, RateLimits, Strategy, TokenUsage } from "arc-saga"
import { Behaviour, VirtualTime } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { answered, fleet, task } from "../utils/fleet.js"
import { asked, ends, record } from "../utils/guards.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

const used = (tokens: number) => record(undefined, { usage: TokenUsage.make({ outputTokens: tokens }) })

const limitsOf = (claude: typeof RateLimits.Limits.Encoded, expectedOutputTokens = 0) =>
  RateLimits.make({ providers: { claude }, expectedOutputTokens })

/** When the next attempt may begin, in milliseconds from now; 0 if it was let in. */
const waitOf = (limits: RateLimits.Service, options: Parameters<typeof asked>[0] = {}) =>
  Effect.flatMap(asked(options), (about) =>
    Effect.match(limits.admit(about), {
      onSuccess: () => 0,
      onFailure: (refusal) =>
        refusal._tag === "RateLimitError" ? (refusal.retryAfterMs ?? Number.POSITIVE_INFINITY) : Number.NaN
    })
  )

describe("RateLimits", () => {
  it.effect("lets so many requests a minute begin, and says when there is room again", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({ requestsPerMinute: 2 })
      yield* ends(limits, record())
      yield* TestClock.adjust(20_000)
      yield* ends(limits, record())
      const refusal = yield* ends(limits, record())
      assert.strictEqual(
        refusal?.message,
        "claude limits the rate of requests: not asked, since the limit of 2 requests a minute is reached. Retry after 41000 ms"
      )
      yield* TestClock.adjust(40_999)
      assert.strictEqual(yield* waitOf(limits), 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* waitOf(limits), 0)
      assert.strictEqual(yield* waitOf(limits), 20_000)
    })
  )

  it.effect("reserves tokens on an estimate and settles on what was used", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({ tokensPerMinute: 1000 }, 600)
      const first = yield* limits.admit(yield* asked())
      assert.isAbove(yield* waitOf(limits), 0)
      yield* first.settle(used(300))
      const second = yield* limits.admit(yield* asked())
      yield* second.settle(used(650))
      assert.isAbove(yield* waitOf(limits, { maxTokens: 50 }), 0)
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 40 }), 0)
    })
  )

  it.effect("lets what is larger than the whole limit have it to itself", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({ tokensPerMinute: 100 })
      const first = yield* limits.admit(yield* asked({ maxTokens: 5000 }))
      yield* first.settle(used(10))
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 5000 }), 61_000)
    })
  )

  it.effect("lets so many attempts be under way, and doesn't know when the next is", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({ concurrency: 1 })
      const first = yield* limits.admit(yield* asked())
      const refusal = yield* ends(limits, record())
      assert.strictEqual(
        refusal?.message,
        "claude limits the rate of requests: not asked, since all of its 1 calls are under way. Retry later"
      )
      assert.strictEqual(limits.unsafeReadyAt(Claude, 0), Number.POSITIVE_INFINITY)
      yield* first.cancel
      const next = yield* limits.admit(yield* asked())
      yield* next.settle(record())
      assert.strictEqual(limits.unsafeReadyAt(Claude, 0), 0)
    })
  )

  it.effect("takes back what an attempt would have used that wasn't made", () =>
    Effect.gen(function* () {
      const limits = yield* limitsOf({ requestsPerMinute: 1, tokensPerMinute: 100 })
      const first = yield* limits.admit(yield* asked({ maxTokens: 99 }))
      first.onRateLimits?.({
        _tag: "RateLimits",
        requests: { remaining: 0, resetAt: 10 },
        tokens: { remaining: 0, resetAt: 10 }
      })
      yield* first.cancel
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 99 }), 0)
    })
  )

  it.effect("doesn't ask before the time that a provider states", () =>
    Effect.gen(function* () {
      const limits = yield* RateLimits.make()
      yield* ends(limits, record({ _tag: "RateLimitError", retryAfterMs: 7000 }))
      yield* ends(limits, record({ _tag: "TransientError", retryAfterMs: 6000 }))
      assert.strictEqual(yield* waitOf(limits), 7000)
      assert.strictEqual(limits.unsafeReadyAt(Claude, 0), 7000)
      assert.strictEqual(limits.unsafeReadyAt(Gpt4, 0), 0)
      yield* TestClock.adjust(7000)
      assert.strictEqual(yield* waitOf(limits), 0)
    })
  )

  it.effect("remembers what a provider says is left, and counts it down", () =>
    Effect.gen(function* () {
      const limits = yield* RateLimits.make()
      const first = yield* limits.admit(yield* asked())
      first.onRateLimits?.({ _tag: "RateLimits", requests: { remaining: 2, resetAt: 5000 } })
      assert.deepStrictEqual(
        [yield* waitOf(limits), yield* waitOf(limits), yield* waitOf(limits)],
        [0, 0, 5000]
      )
      yield* TestClock.adjust(5000)
      assert.strictEqual(yield* waitOf(limits), 0)
    })
  )

  it.effect("doesn't ask for more tokens than a provider says are left", () =>
    Effect.gen(function* () {
      const limits = yield* RateLimits.make()
      const first = yield* limits.admit(yield* asked())
      first.onRateLimits?.({ _tag: "RateLimits", tokens: { remaining: 100, resetAt: 5000 } })
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 200 }), 5000)
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 60 }), 0)
      assert.strictEqual(yield* waitOf(limits, { maxTokens: 60 }), 5000)
    })
  )

  it.effect("rejects limits that are none, and names that can't be a provider's", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(limitsOf({ requestsPerMinute: 0 }))
      assert.include(error.message, "Expected a number of requests (a whole number above 0), actual 0")
      assert.strictEqual(error.field, "providers.claude.requestsPerMinute")
      yield* Effect.flip(RateLimits.make({ providers: { "no provider": {} } }))
      yield* Effect.flip(RateLimits.make({ expectedOutputTokens: -1 }))
    })
  )

  it.effect.prop(
    "no minute has more requests or tokens than allowed, and no moment more attempts under way",
    [
      FastCheck.record({
        requestsPerMinute: FastCheck.integer({ min: 1, max: 20 }),
        tokensPerMinute: FastCheck.integer({ min: 50, max: 2000 }),
        concurrency: FastCheck.integer({ min: 1, max: 5 })
      }),
      FastCheck.array(
        FastCheck.record({
          waitMs: FastCheck.oneof(FastCheck.nat(100), FastCheck.nat(30_000)),
          tokens: FastCheck.integer({ min: 1, max: 50 }),
          lastsMs: FastCheck.nat(20_000)
        }),
        { maxLength: 200 }
      )
    ],
    ([claude, calls]) =>
      Effect.gen(function* () {
        const begun: Array<{ readonly at: number; readonly until: number; readonly tokens: number }> = []
        yield* VirtualTime.simulate(
          Effect.gen(function* () {
            const limits = yield* limitsOf(claude)
            const fibers: Array<Fiber.RuntimeFiber<void>> = []
            for (const { lastsMs, tokens, waitMs } of calls) {
              yield* Effect.sleep(waitMs)
              const at = yield* Clock.currentTimeMillis
              const about = yield* asked({ maxTokens: tokens })
              const served = (lease: AttemptGuard.Lease) => {
                begun.push({ at, until: at + lastsMs, tokens })
                return Effect.delay(lease.settle(used(tokens)), lastsMs)
              }
              fibers.push(
                yield* Effect.fork(
                  Effect.matchEffect(limits.admit(about), {
                    onFailure: () => Effect.void,
                    onSuccess: served
                  })
                )
              )
              // The attempt begins before the next one is looked at.
              yield* Effect.yieldNow()
            }
            yield* Fiber.joinAll(fibers)
          })
        )
        for (const { at } of begun) {
          const minute = begun.filter((other) => other.at >= at && other.at < at + 60_000)
          assert.isAtMost(minute.length, claude.requestsPerMinute)
          assert.isAtMost(
            minute.reduce((sum, { tokens }) => sum + tokens, 0),
            claude.tokensPerMinute
          )
          assert.isAtMost(
            begun.filter((other) => other.at <= at && at < other.until).length,
            claude.concurrency
          )
        }
      }),
    runs()
  )
})

describe("ProviderRouter with RateLimits", () => {
  const text = "Light scatters."
  const both = [
    { provider: Claude, script: [answer({ text })] },
    { provider: Gpt4, script: [answer({ text })] }
  ] as const

  it.effect("waits for room where the policy allows the wait, and falls over where it doesn't", () =>
    Effect.gen(function* () {
      const layer = RateLimits.layer({ providers: { claude: { requestsPerMinute: 1 } } })
      const patient = yield* fleet(both, { maxRetryAfterMs: 70_000, limits: { timeoutMs: 100_000 } }, layer)
      const hasty = yield* fleet(both, {}, layer)
      const asks = yield* task({ provider: "claude" })
      for (const [{ router }, provider] of [
        [patient, Claude],
        [hasty, Gpt4]
      ] as const) {
        assert.strictEqual((yield* router.complete(asks)).provider, Claude)
        const { ms, value } = yield* answered(router.complete(asks))
        assert.strictEqual(value.provider, provider)
        assert.strictEqual(value.attempts.length, 1)
        if (provider === Claude) assert.isAtLeast(ms, 60_000)
        else assert.strictEqual(ms, 0)
      }
    })
  )

  it.effect("learns of limits from answers and from errors", () =>
    Effect.gen(function* () {
      const rateLimits = { requests: { remaining: 0, resetAt: 3000 } }
      const { engines, router } = yield* fleet(
        [{ provider: Claude, script: [answer({ text, rateLimits }), answer({ text })] }],
        {},
        RateLimits.layer()
      )
      const asks = yield* task({ provider: "claude" })
      yield* router.complete(asks)
      const { ms } = yield* answered(router.complete(asks))
      assert.isAtLeast(ms, 3000)
      const calls = yield* Effect.forEach(engines, (engine) => engine.calls)
      assert.strictEqual(calls.flat().length, 2)
    })
  )

  it.effect("asks a provider once, and not again before its retry-after is over", () =>
    Effect.gen(function* () {
      const limited = fail({ _tag: "RateLimitError", retryAfterMs: 3_600_000_000 })
      const [, gpt4] = both
      const { engines, router } = yield* fleet(
        [{ provider: Claude, script: [limited] }, gpt4],
        {},
        RateLimits.layer()
      )
      const asks = yield* task({ provider: "claude" })
      for (let call = 0; call < 5; call++) yield* answered(router.complete(asks))
      const calls = yield* Effect.forEach(engines, (engine) => engine.calls)
      assert.deepStrictEqual(
        calls.map(({ length }) => length),
        [1, 5]
      )
    })
  )
})

describe("CostOptimizer with RateLimits", () => {
  it.effect("chooses who can be asked at once before who can't, and those when there are no others", () =>
    Effect.gen(function* () {
      const limits = yield* RateLimits.make()
      const optimizer = yield* Effect.provideService(
        CostOptimizer.make([
          { provider: Claude, qualityScore: 9 },
          { provider: Gpt4, qualityScore: 8 }
        ]),
        RateLimits.RateLimits,
        limits
      )
      const asks = yield* task()
      yield* ends(limits, record({ _tag: "RateLimitError", retryAfterMs: 7000 }))
      assert.deepStrictEqual(yield* optimizer.rank(asks, Strategy.quality), [Gpt4, Claude])
      assert.strictEqual(yield* optimizer.select(asks, Strategy.quality), Gpt4)
      yield* optimizer.updateMetrics({ provider: Gpt4, available: false })
      assert.strictEqual(yield* optimizer.select(asks, Strategy.quality), Claude)
    })
  )
})
