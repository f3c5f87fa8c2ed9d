import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, CircuitBreaker, EngineError, ProviderRouter, type RoutingPolicy } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as problem from "../src/gateway/internal/problem.js"
import * as httpError from "../src/wire/httpError.js"
import { answered, fleet, task } from "./utils/fleet.js"
import { ends, record } from "./utils/guards.js"

const { answer, fail } = Behaviour
const { Claude, Gpt4 } = AIProvider

const day = 86_400_000

const limited = (fields: Partial<EngineError.RateLimitError> = {}) =>
  new EngineError.RateLimitError({ provider: Claude, description: "slow", ...fields }, EngineError.unchecked)

const broken = (fields: Partial<EngineError.TransientError> = {}) =>
  new EngineError.TransientError(
    { provider: Claude, reason: "server", description: "broke", ...fields },
    EngineError.unchecked
  )

/** How often Claude is asked when it fails so, and how long the call takes. */
const asking = (error: EngineError.EngineError, policy: RoutingPolicy.Options = {}) =>
  Effect.gen(function* () {
    const { asked, router } = yield* fleet(
      [
        { provider: Claude, script: [fail(error)] },
        { provider: Gpt4, script: [answer({ text: "Light scatters." })] }
      ],
      policy
    )
    const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
    assert.strictEqual(value.provider, Gpt4)
    return [(yield* asked).filter((provider) => provider === Claude).length, ms] as const
  })

describe("EngineError.retryAfterMs", () => {
  it("is none for no wait, and a day at most", () => {
    for (const none of [0, -1, Number.NaN, undefined]) {
      assert.isUndefined(EngineError.retryAfterMs(limited(none === undefined ? {} : { retryAfterMs: none })))
    }
    assert.strictEqual(EngineError.retryAfterMs(broken({ retryAfterMs: 5 })), 5)
    for (const long of [day, day + 1, 1e30, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(EngineError.retryAfterMs(limited({ retryAfterMs: long })), day)
    }
  })
})

describe("a stated wait", () => {
  it.effect("of nothing leaves the wait to the schedule", () =>
    Effect.gen(function* () {
      const [times, durationMs] = yield* asking(limited({ retryAfterMs: 0 }))
      const [alike, without] = yield* asking(limited())
      assert.strictEqual(times, alike)
      assert.isAbove(times, 1)
      assert.isAbove(durationMs, 500)
      assert.isAbove(without, 500)
    })
  )

  it.effect("of a day or more is waited for by no call, however patient", () =>
    Effect.gen(function* () {
      const patient = { maxRetryAfterMs: 100 * day, limits: { timeoutMs: 1000 * day } }
      for (const retryAfterMs of [day, 10 * day, 1e30]) {
        assert.deepStrictEqual(yield* asking(limited({ retryAfterMs }), patient), [1, 0])
      }
    })
  )

  it.effect("opens a circuit for a day at most", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1 })
      yield* ends(breaker, record(broken({ retryAfterMs: 1e15 })))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: day })
    })
  )
})

describe("x-should-retry", () => {
  it.each([
    ["false", false],
    [" FALSE ", false],
    ["true", true],
    ["no", undefined],
    [undefined, undefined]
  ] as const)("is read: %s", (said, expected) => {
    const headers = Headers.fromInput(said === undefined ? {} : { "x-should-retry": said })
    assert.strictEqual(httpError.shouldRetry(headers), expected)
  })

  it.effect("of false has nobody ask that provider again, and the next one at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* asking(broken({ shouldRetry: false })), [1, 0])
      assert.deepStrictEqual(yield* asking(limited({ shouldRetry: false, retryAfterMs: 10 })), [1, 0])
      const [times] = yield* asking(broken({ shouldRetry: true }))
      assert.isAbove(times, 1)
    })
  )

  it("is told to the gateway's clients", () => {
    const told = problem.headersOf(problem.of(limited({ shouldRetry: false, retryAfterMs: 10 }), 0))
    assert.deepStrictEqual(told, { "x-should-retry": "false" })
  })
})

describe("what the gateway's clients are told", () => {
  it.each([
    [1, "1"],
    [1000, "1"],
    [1000.5, "2"],
    [1e30, "86400"],
    [Number.POSITIVE_INFINITY, "86400"]
  ])("is a whole number of seconds: %d ms", (retryAfterMs, seconds) => {
    for (const error of [limited({ retryAfterMs }), broken({ retryAfterMs })]) {
      const headers = problem.headersOf(problem.of(error, 0))
      assert.strictEqual(headers["retry-after"], seconds)
      assert.match(headers["retry-after-ms"] ?? "", /^\d+$/)
    }
  })

  it("is what a primary said that wasn't asked because of it", () => {
    const failed = (
      primary: EngineError.EngineError,
      refusals: ReadonlyArray<EngineError.EngineError> = []
    ) =>
      problem.headersOf(
        problem.of(new ProviderRouter.AllProvidersFailedError({ primary, attempts: [], refusals }), 0)
      )
    assert.deepInclude(failed(limited({ retryAfterMs: 7200 })), {
      "retry-after": "8",
      "retry-after-ms": "7200",
      "x-should-retry": "true"
    })
    const other = broken({ retryAfterMs: 3000 })
    assert.strictEqual(failed(limited({ retryAfterMs: 7200 }), [other])["retry-after"], "3")
    assert.strictEqual(failed(limited({ retryAfterMs: 2000 }), [other])["retry-after"], "2")
  })

  it("is nothing where there is no wait", () => {
    assert.isUndefined(problem.headersOf(problem.of(limited({ retryAfterMs: 0 }), 0))["retry-after"])
  })
})
