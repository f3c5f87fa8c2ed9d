import { assert, describe, it } from "@effect/vitest"
import {
  AIProvider,
  AttemptGuard,
  CircuitBreaker,
  CostOptimizer,
  EngineError,
  RoutingPolicy,
  Strategy
} from "arc-saga"
import { Behaviour, VirtualTime } from "arc-saga/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { answered, failed, fleet, inVirtualTime, task } from "../utils/fleet.js"
import { asked, ends, record } from "../utils/guards.js"
import { logged } from "../utils/logged.js"
import { runs } from "../utils/property.js"

const { Claude, Gpt4 } = AIProvider
const { answer, fail } = Behaviour

const down = { _tag: "TransientError", reason: "server" } as const
const text = "Light scatters."

/** Has a provider fail so many times in a row. */
const failing = (breaker: CircuitBreaker.Service, times: number, error: Behaviour.ErrorData = down) =>
  Effect.repeatN(ends(breaker, record(error)), times - 1)

/** Waits as long as the circuit says, and is let in then and not before. */
const letIn = (breaker: CircuitBreaker.Service) =>
  Effect.gen(function* () {
    const about = yield* asked()
    const refusal = yield* Effect.flip(breaker.admit(about))
    const afterMs = refusal._tag === "TransientError" ? (refusal.retryAfterMs ?? 0) : 0
    yield* TestClock.adjust(afterMs - 1)
    yield* Effect.flip(breaker.admit(about))
    yield* TestClock.adjust(1)
    return { afterMs, lease: yield* breaker.admit(about) }
  })

/** Open for longer than any test takes. */
const forever = { openMs: 1e9, maxOpenMs: 1e9 }

describe("CircuitBreaker", () => {
  it.effect("opens after five failures in a row, and says until when", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 4)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      assert.isUndefined(yield* ends(breaker, record(down)))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: 5000 })
      yield* TestClock.adjust(1000)
      const refusal = yield* ends(breaker, record())
      assert.instanceOf(refusal, EngineError.TransientError)
      assert.strictEqual(
        refusal?.message,
        "claude isn't asked (circuit-open): it failed too often lately. Retry after 4000 ms or use another provider"
      )
      assert.deepStrictEqual(yield* breaker.state(Gpt4), { _tag: "closed" })
    })
  )

  it.effect("starts counting again after a success", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 4)
      yield* ends(breaker, record())
      yield* failing(breaker, 4)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
    })
  )

  it.effect("opens when half of at least twenty calls of the last 30 s failed", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const pair = Effect.zipRight(ends(breaker, record()), ends(breaker, record(down)))
      yield* Effect.repeatN(pair, 8)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      // What is older doesn't count any more.
      yield* TestClock.adjust(34_000)
      yield* Effect.repeatN(pair, 8)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      yield* pair
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
    })
  )

  it.effect("counts an answer that began and was cut as one failure", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 1000 })
      const cut = Effect.gen(function* () {
        const lease = yield* breaker.admit(yield* asked())
        lease.onFirstToken?.()
        yield* lease.settle(record(down, { outcome: "cut" }))
      })
      yield* Effect.repeatN(cut, 18)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      yield* cut
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
    })
  )

  for (const error of [
    { _tag: "InputValidationError" },
    { _tag: "ContextLengthError" },
    { _tag: "ContentPolicyError" },
    { _tag: "AuthenticationError" }
  ] as const) {
    it.effect(`never counts ${error._tag}`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make()
        yield* failing(breaker, 100, error)
        assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      })
    )
  }

  for (const error of [
    { _tag: "RateLimitError" },
    { _tag: "QuotaExhaustedError" },
    { _tag: "ModelNotFoundError" },
    { _tag: "TimeoutError", phase: "idle" },
    { _tag: "TransientError", reason: "network" }
  ] as const) {
    it.effect(`counts ${error._tag}`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make()
        yield* failing(breaker, 5, error)
        assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
      })
    )
  }

  it.effect("counts a call whose own time ran out only when the provider had ten seconds", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const late = { _tag: "TimeoutError", phase: "total" } as const
      yield* Effect.repeatN(ends(breaker, record(late, { durationMs: 9999 })), 99)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      yield* Effect.repeatN(ends(breaker, record(late, { durationMs: 10_000 })), 4)
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
    })
  )

  it.effect("counts what the caller says is a failure", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ isFailure: ({ durationMs }) => durationMs > 500 })
      yield* Effect.repeatN(ends(breaker, record(down)), 4)
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
    })
  )

  it.effect("doesn't take the quick failures of many calls at once for an outage", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const about = yield* asked()
      const leases = yield* Effect.replicateEffect(breaker.admit(about), 500)
      for (const lease of leases.slice(475)) yield* lease.settle(record(down))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      for (const lease of leases.slice(0, 475)) lease.onFirstToken?.()
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
    })
  )

  it.effect("takes the failure of most of many calls at once for one", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const about = yield* asked()
      const leases = yield* Effect.replicateEffect(breaker.admit(about), 500)
      for (const lease of leases.slice(0, 260)) yield* lease.settle(record(down))
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
      // What comes of the others says nothing of the time since.
      for (const lease of leases.slice(260, 380)) yield* lease.settle(record())
      for (const lease of leases.slice(380)) yield* lease.settle(record(down))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: 5000 })
    })
  )

  it.effect("lets exactly one probe through when it is half-open", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 5)
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "half-open" })
      assert.isFalse(breaker.unsafeRefuses(Claude, undefined, 5000))
      const about = yield* asked()
      const [probe, ...others] = yield* Effect.replicateEffect(Effect.either(breaker.admit(about)), 10)
      assert.strictEqual(probe?._tag, "Right")
      assert.isTrue(others.every(({ _tag }) => _tag === "Left"))
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 5000))
      const refusal = yield* Effect.flip(breaker.admit(about))
      assert.include(refusal.message, "an attempt that tells whether it is back is under way")
    })
  )

  it.effect("is closed by the first content of the probe, while the answer still comes", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 5)
      const { lease } = yield* letIn(breaker)
      lease.onFirstToken?.()
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      const { lines } = yield* logged(lease.settle(record()))
      assert.deepStrictEqual(lines, [
        { level: "INFO", name: "circuit_closed", fields: { provider: "claude" } }
      ])
      yield* failing(breaker, 4)
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
    })
  )

  it.effect("doubles the wait with each failed probe up to 15 s, and begins anew after a success", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 5)
      const waits: Array<number> = []
      for (let probe = 0; probe < 7; probe++) {
        const { afterMs, lease } = yield* letIn(breaker)
        waits.push(afterMs)
        yield* lease.settle(record(down))
      }
      assert.deepStrictEqual(waits, [5000, 10_000, 15_000, 15_000, 15_000, 15_000, 15_000])
      const { lease } = yield* letIn(breaker)
      yield* lease.settle(record())
      yield* failing(breaker, 5)
      assert.strictEqual((yield* letIn(breaker)).afterMs, 5000)
    })
  )

  it.effect("never shortens a wait that the provider states, not even to its cap", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 5, { _tag: "RateLimitError", retryAfterMs: 90_000 })
      const { afterMs, lease } = yield* letIn(breaker)
      assert.strictEqual(afterMs, 90_000)
      yield* lease.settle(record({ ...down, retryAfterMs: 120_000 }))
      assert.strictEqual((yield* letIn(breaker)).afterMs, 120_000)
    })
  )

  it.effect("waits longer when one that was under way says so", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const late = yield* breaker.admit(yield* asked())
      yield* failing(breaker, 5)
      yield* late.settle(record({ _tag: "RateLimitError", retryAfterMs: 30_000 }))
      assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "open", until: 30_000 })
    })
  )

  for (const [how, ended] of [
    ["is interrupted", record(undefined, { outcome: "interrupted" })],
    ["fails by the task's own fault", record({ _tag: "InputValidationError" })]
  ] as const) {
    it.effect(`lets the next one probe when the probe ${how}`, () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make()
        yield* failing(breaker, 5)
        const { lease } = yield* letIn(breaker)
        yield* lease.settle(ended)
        assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "half-open" })
        assert.isFalse(breaker.unsafeRefuses(Claude, undefined, 5000))
      })
    )
  }

  it.effect("opens again when the answer of the probe is cut and others fail", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* failing(breaker, 5)
      const { lease } = yield* letIn(breaker)
      lease.onFirstToken?.()
      lease.onFirstToken?.()
      yield* lease.settle(record(down, { outcome: "cut" }))
      yield* failing(breaker, 4)
      assert.strictEqual((yield* breaker.state(Claude))._tag, "open")
    })
  )

  it.effect("tells in the log when it opens", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const { lines } = yield* logged(failing(breaker, 6))
      assert.deepStrictEqual(lines, [
        { level: "WARN", name: "circuit_opened", fields: { provider: "claude", waitMs: 5000 } }
      ])
    })
  )

  it.effect("is closed by hand, with the circuits of its users", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* Effect.repeatN(ends(breaker, record(signedOut("ada")), { userId: "ada" }), 2)
      yield* failing(breaker, 5)
      yield* breaker.reset(Gpt4)
      assert.isTrue(breaker.unsafeRefuses(Claude, undefined, 0))
      yield* breaker.reset(Claude)
      assert.isFalse(breaker.unsafeRefuses(Claude, "ada", 0))
    })
  )

  for (const [field, options, reason] of [
    ["consecutiveFailures", { consecutiveFailures: 0 }, "a number of calls (a whole number above 0)"],
    ["failureRate", { failureRate: 1.1 }, "a share (a number above 0, at most 1)"],
    ["minimumCalls", { minimumCalls: 1.5 }, "a number of calls (a whole number above 0)"],
    ["windowMs", { windowMs: 0 }, "milliseconds (a number above 0)"],
    ["openMs", { openMs: Number.NaN }, "milliseconds (a number above 0)"],
    ["probeMs", { probeMs: 0 }, "milliseconds (a number above 0)"],
    ["maxOpenMs", { maxOpenMs: 4999 }, "at least openMs, actual 4999"],
    ["users.maxOpenMs", { users: { openMs: 9, maxOpenMs: 8 } }, "at least openMs, actual 8"],
    ["users.maximum", { users: { maximum: 0 } }, "a number of users (a whole number above 0)"]
  ] as const) {
    it.effect(`rejects ${field} out of range`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(CircuitBreaker.make(options))
        assert.strictEqual(error.field, field)
        assert.include(error.message, `Expected ${reason}`)
      })
    )
  }
})

const signedOut = (userId: string) =>
  new EngineError.AuthenticationError({ provider: Claude, description: "signed out", userId })

describe("CircuitBreaker, for one user", () => {
  it.effect(
    "refuses who was refused three times in a row, with what the provider said, and nobody else",
    () =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make()
        const ada = { userId: "ada" }
        yield* Effect.repeatN(ends(breaker, record(signedOut("ada")), ada), 1)
        assert.isFalse(breaker.unsafeRefuses(Claude, "ada", 0))
        assert.isUndefined(yield* ends(breaker, record(signedOut("ada")), ada))
        assert.isTrue(breaker.unsafeRefuses(Claude, "ada", 0))
        assert.deepStrictEqual(yield* ends(breaker, record(), ada), signedOut("ada"))
        assert.isUndefined(yield* ends(breaker, record(), { userId: "bob" }))
        assert.isUndefined(yield* ends(breaker, record()))
        assert.deepStrictEqual(yield* breaker.state(Claude), { _tag: "closed" })
      })
  )

  it.effect("tries the user again after 30 s, and forgets it all with the first success", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const ada = { userId: "ada" }
      yield* Effect.repeatN(ends(breaker, record(signedOut("ada")), ada), 2)
      yield* TestClock.adjust(30_000)
      assert.isUndefined(yield* ends(breaker, record(signedOut("ada")), ada))
      yield* TestClock.adjust(59_999)
      assert.isDefined(yield* ends(breaker, record(), ada))
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* ends(breaker, record(), ada))
      yield* Effect.repeatN(ends(breaker, record(signedOut("ada")), ada), 1)
      assert.isFalse(breaker.unsafeRefuses(Claude, "ada", 90_000))
    })
  )

  it.effect("lets the user be tried again when the try says nothing", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      const ada = { userId: "ada" }
      yield* Effect.repeatN(ends(breaker, record(signedOut("ada")), ada), 2)
      yield* TestClock.adjust(30_000)
      const lease = yield* breaker.admit(yield* asked(ada))
      yield* lease.cancel
      assert.isUndefined(yield* ends(breaker, record({ _tag: "ContentPolicyError" }), ada))
      assert.isFalse(breaker.unsafeRefuses(Claude, "ada", 30_000))
    })
  )

  it.effect("remembers no more users than it may, those who were refused last", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ users: { maximum: 2, consecutiveFailures: 1 } })
      for (const userId of ["ada", "bob", "eve"]) {
        yield* ends(breaker, record(signedOut(userId)), { userId })
      }
      const refused = (userId: string) => breaker.unsafeRefuses(Claude, userId, 0)
      assert.deepStrictEqual(["ada", "bob", "eve"].map(refused), [false, true, true])
    })
  )

  it.effect("has nobody to remember where a provider refuses a user that the task doesn't name", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ users: { consecutiveFailures: 1 } })
      yield* ends(breaker, record(signedOut("default")))
      assert.isUndefined(yield* ends(breaker, record()))
    })
  )
})

describe("ProviderRouter with a CircuitBreaker", () => {
  const primary = { provider: Claude, script: [fail(down)] } as const
  const fallback = { provider: Gpt4, script: [answer({ text })] } as const

  it.effect("doesn't ask a provider whose circuit is open, nor wait for it", () =>
    Effect.gen(function* () {
      const { engines, router } = yield* fleet([primary, fallback], {}, CircuitBreaker.layer(forever))
      const asks = yield* task({ provider: "claude" })
      yield* answered(router.complete(asks))
      yield* answered(router.complete(asks))
      const [claude] = engines
      assert.strictEqual((yield* claude?.calls ?? Effect.succeed([])).length, 5)
      const { ms, value } = yield* answered(router.complete(asks))
      assert.strictEqual(value.provider, Gpt4)
      assert.deepStrictEqual(
        value.attempts.map(({ provider }) => provider),
        [Gpt4]
      )
      assert.isBelow(ms, 1000)
    })
  )

  it.effect("falls over without a wait, however soon the circuit may be closed again", () =>
    VirtualTime.simulate(
      Effect.gen(function* () {
        const { router } = yield* fleet(
          [primary, fallback],
          { rules: { TransientError: { _tag: "retry", schedule: RoutingPolicy.backoff(200, 2) } } },
          CircuitBreaker.layer({ consecutiveFailures: 1 })
        )
        const asks = yield* task({ provider: "claude" })
        yield* router.complete(asks)
        assert.strictEqual((yield* router.complete(asks)).provider, Gpt4)
        assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      })
    )
  )

  it.effect(
    "fails with the open circuit where nobody else may be asked, and with all errors where all are open",
    () =>
      Effect.gen(function* () {
        const { router } = yield* fleet(
          [primary, { ...fallback, script: [fail(down)] }],
          {},
          CircuitBreaker.layer({ consecutiveFailures: 1, ...forever })
        )
        const asks = yield* task({ provider: "claude" })
        const { error: first } = yield* failed(router.complete(asks))
        assert.strictEqual(first._tag, "AllProvidersFailedError")
        const again = Effect.flip(router.complete(asks))
        const all = yield* again
        assert(all._tag === "AllProvidersFailedError")
        assert.strictEqual(all.attempts.length, 0)
        assert.include(all.message, "claude isn't asked (circuit-open)")
        assert.include(all.message, "Not asked: gpt4 it failed too often lately")
        const sole = yield* Effect.flip(router.complete(asks, { useFallback: false }))
        assert(sole._tag === "TransientError")
        assert.strictEqual(sole.reason, "circuit-open")
      })
  )

  it.effect("gives the last that can be asked all the time that is left", () =>
    Effect.gen(function* () {
      const slow = { provider: Claude, script: [answer({ text, firstTokenMs: 20_000 })] } as const
      const { router } = yield* fleet(
        [slow, { ...fallback, script: [fail(down)] }],
        {},
        CircuitBreaker.layer({ consecutiveFailures: 1, ...forever })
      )
      yield* failed(router.complete(yield* task({ provider: "gpt4" }), { useFallback: false }))
      const { ms, value } = yield* answered(router.complete(yield* task({ provider: "claude" })))
      assert.strictEqual(value.provider, Claude)
      assert.strictEqual(ms, 20_000)
    })
  )

  it.effect("gives the probe back when another guard refuses it", () =>
    Effect.gen(function* () {
      let refuses = true
      const own = Layer.succeed(AttemptGuard.AttemptGuard, {
        admit: ({ engine: { provider } }) =>
          refuses
            ? Effect.fail(Behaviour.toError({ _tag: "RateLimitError" }, provider))
            : Effect.succeed({ settle: () => Effect.void, cancel: Effect.void })
      })
      const script = [fail(down), answer({ text })] as const
      const { router } = yield* fleet(
        [{ provider: Claude, script }],
        { rules: { RateLimitError: { _tag: "fail-over" }, TransientError: { _tag: "fail-over" } } },
        Layer.merge(own, CircuitBreaker.layer({ consecutiveFailures: 1 }))
      )
      const asks = yield* task({ provider: "claude" })
      refuses = false
      yield* Effect.flip(router.complete(asks))
      refuses = true
      yield* TestClock.adjust(5000)
      yield* Effect.flip(router.complete(asks))
      refuses = false
      assert.strictEqual((yield* router.complete(asks)).text, text)
    })
  )

  it.effect("is closed by a stream that has begun", () =>
    Effect.gen(function* () {
      const slow = answer({ text, chunkSize: 5, firstTokenMs: 10, msPerChunk: 1000 })
      const { router } = yield* fleet(
        [{ provider: Claude, script: [fail(down), slow] }],
        { rules: { TransientError: { _tag: "fail-over" } } },
        CircuitBreaker.layer({ consecutiveFailures: 1 })
      )
      const asks = yield* task({ provider: "claude" })
      yield* Effect.flip(router.complete(asks))
      yield* TestClock.adjust(5000)
      const fiber = yield* Effect.fork(Stream.runDrain(router.stream(asks)))
      yield* TestClock.adjust(10)
      const { exit } = yield* inVirtualTime(router.complete(asks))
      assert.strictEqual(exit._tag, "Success")
      yield* Fiber.join(fiber)
    })
  )
})

describe("CostOptimizer with a CircuitBreaker", () => {
  it.effect("doesn't choose a provider whose circuit is open, for the user that it is open for", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        consecutiveFailures: 1,
        users: { consecutiveFailures: 1 }
      })
      const optimizer = yield* Effect.provideService(
        CostOptimizer.make([{ provider: Claude, qualityScore: 9 }, { provider: Gpt4 }]),
        CircuitBreaker.CircuitBreaker,
        breaker
      )
      const choose = (options = {}) =>
        Effect.flatMap(task(options), (asks) => optimizer.rank(asks, Strategy.quality))
      yield* ends(breaker, record(signedOut("ada")), { userId: "ada" })
      assert.deepStrictEqual(yield* choose(), [Claude, Gpt4])
      assert.deepStrictEqual(yield* choose({ userId: "ada" }), [Gpt4])
      yield* ends(breaker, record(down))
      assert.deepStrictEqual(yield* choose(), [Gpt4])
      assert.strictEqual(yield* optimizer.select(yield* task(), Strategy.quality), Gpt4)
      yield* optimizer.updateMetrics({ provider: Gpt4, available: false })
      const error = yield* Effect.flip(choose())
      assert.strictEqual(error._tag, "NoAvailableProviderError")
      yield* TestClock.adjust(5000)
      assert.deepStrictEqual(yield* choose(), [Claude])
    })
  )
})

describe("CircuitBreaker, whatever happens", () => {
  const step = FastCheck.record({
    waitMs: FastCheck.constantFrom(0, 1, 100, 5000, 60_000),
    ending: FastCheck.constantFrom("succeeds", "fails", "says nothing", "begins", "cancels" as const),
    of: FastCheck.nat(9)
  })

  it.effect.prop(
    "no attempt passes an open circuit, and never more than one in 15 s a half-open one",
    [FastCheck.array(step, { minLength: 20, maxLength: 200 })],
    ([steps]) =>
      Effect.gen(function* () {
        const breaker = yield* CircuitBreaker.make({ consecutiveFailures: 2, minimumCalls: 5 })
        const about = yield* asked()
        const underWay: Array<AttemptGuard.Lease> = []
        let probedAt = Number.NEGATIVE_INFINITY
        for (const { ending, of, waitMs } of steps) {
          yield* TestClock.adjust(waitMs)
          const before = yield* breaker.state(Claude)
          const now = yield* Clock.currentTimeMillis
          const refuses = breaker.unsafeRefuses(Claude, undefined, now)
          const lease = yield* Effect.option(breaker.admit(about))
          assert.strictEqual(Option.isNone(lease), refuses)
          if (before._tag === "open") assert.isTrue(refuses)
          if (before._tag === "closed") assert.isFalse(refuses)
          if (before._tag === "half-open" && Option.isSome(lease)) {
            assert.isAtLeast(now - probedAt, 15_000)
            probedAt = now
          }
          underWay.push(...Option.toArray(lease))
          const [ended] = underWay.splice(of % Math.max(1, underWay.length), 1)
          if (ended === undefined) continue
          if (ending === "begins") ended.onFirstToken?.()
          if (ending === "cancels") yield* ended.cancel
          else if (ending === "fails") yield* ended.settle(record(down))
          else yield* ended.settle(ending === "succeeds" ? record() : record({ _tag: "ContentPolicyError" }))
          // It may have been the probe: then the next may be one.
          probedAt = Number.NEGATIVE_INFINITY
        }
      }),
    runs()
  )
})
