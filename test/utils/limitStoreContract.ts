/** What every store of limits does, for one process and for several that share it. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, LimitStore, RateLimits } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { asked, ends, record } from "./guards.js"

const { Claude } = AIProvider

/** The wait of an attempt, or its grant. */
const taken = (store: LimitStore.Service, limits: LimitStore.Limits, tokens = 0, key = "k") =>
  store.take(key, limits, tokens)

/** The milliseconds that an attempt has to wait; 0 if it was let in. */
const waitOf = (store: LimitStore.Service, limits: LimitStore.Limits, tokens = 0, key = "k") =>
  Effect.map(taken(store, limits, tokens, key), (outcome) =>
    Either.isLeft(outcome) ? outcome.left.waitMs : 0
  )

const granted = (store: LimitStore.Service, limits: LimitStore.Limits, tokens = 0, key = "k") =>
  Effect.flatMap(taken(store, limits, tokens, key), (outcome) =>
    Either.isRight(outcome) ? Effect.succeed(outcome.right) : Effect.dieMessage(outcome.left.reason)
  )

/** Waits until what a process has told the store is known to the others. */
const heard = (store: LimitStore.Service) => waitOf(store, {}, 0, "another")

const reasonOf = (store: LimitStore.Service, limits: LimitStore.Limits, tokens = 0) =>
  Effect.map(taken(store, limits, tokens), (outcome) =>
    Either.isLeft(outcome) ? outcome.left.reason : "granted"
  )

export const limitStoreContract = (
  name: string,
  /** The stores of two processes. */
  processes: Effect.Effect<readonly [LimitStore.Service, LimitStore.Service], never, Scope.Scope>
): void => {
  describe(`limits over ${name}`, () => {
    it.scoped("let so many requests a minute begin, in all processes, and say when there is room again", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const limits = { requestsPerMinute: 2 }
        assert.strictEqual(yield* waitOf(one, limits), 0)
        yield* TestClock.adjust(20_000)
        assert.strictEqual(yield* waitOf(other, limits), 0)
        assert.strictEqual(yield* waitOf(one, limits), 41_000)
        yield* TestClock.adjust(40_999)
        assert.strictEqual(yield* waitOf(other, limits), 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* waitOf(one, limits), 0)
        assert.strictEqual(yield* waitOf(other, limits), 20_000)
        assert.strictEqual(yield* waitOf(other, limits, 0, "a third"), 0)
      })
    )

    it.scoped(
      "let go of what a provider stated, to calls under way too, and of nothing that is counted",
      () =>
        Effect.gen(function* () {
          const [one, other] = yield* processes
          const limits = { requestsPerMinute: 4 }
          const grants = [
            yield* granted(one, limits),
            yield* granted(one, limits),
            yield* granted(one, limits)
          ]
          yield* grants[0]?.settle({ tokens: 0, retryAfterMs: 30_000 }) ?? Effect.void
          const stated = { remaining: 0, resetAt: 90_000 }
          grants[1]?.unsafeState({ _tag: "RateLimits", requests: stated, tokens: stated })
          yield* heard(one)
          assert.strictEqual(yield* waitOf(other, limits), 90_000)
          yield* one.reset("none")
          assert.strictEqual(yield* waitOf(one, limits), 90_000)
          yield* one.reset("k")
          yield* heard(one)
          grants[1]?.unsafeState({ _tag: "RateLimits", requests: stated, tokens: stated })
          yield* grants[2]?.settle({ tokens: 0, retryAfterMs: 70_000 }) ?? Effect.void
          yield* heard(one)
          const last = yield* granted(other, limits, 5)
          assert.strictEqual(yield* reasonOf(one, limits), "requestsPerMinute")
          // What is stated to calls from then on holds.
          yield* last.settle({ tokens: 0, retryAfterMs: 80_000 })
          yield* heard(other)
          assert.strictEqual(yield* waitOf(one, {}), 80_000)
          assert.strictEqual(one.unsafeReadyAt("k", {}, 0), 80_000)
          yield* one.reset("k")
          assert.strictEqual(one.unsafeReadyAt("k", {}, 0), 0)
        })
    )

    it.scoped("hold for limits that no number of milliseconds divides", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        for (const requestsPerMinute of [1, 7, 77]) {
          const key = `k${requestsPerMinute}`
          let begun = 0
          for (let call = 0; call < requestsPerMinute + 3; call++) {
            if ((yield* waitOf(call % 2 === 0 ? one : other, { requestsPerMinute }, 3, key)) === 0) begun++
          }
          assert.strictEqual(begun, requestsPerMinute)
        }
      })
    )

    it.scoped("reserve tokens on an estimate and settle on what was used", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const limits = { tokensPerMinute: 1000 }
        const first = yield* granted(one, limits, 600)
        assert.isAbove(yield* waitOf(other, limits, 600), 0)
        yield* first.settle({ tokens: 300 })
        yield* heard(one)
        const second = yield* granted(other, limits, 600)
        yield* second.settle({ tokens: 650 })
        yield* heard(other)
        assert.strictEqual(yield* reasonOf(one, limits, 51), "tokensPerMinute")
        assert.strictEqual(yield* waitOf(one, limits, 50), 0)
      })
    )

    it.scoped("let what is larger than the whole limit have it to itself", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const first = yield* granted(one, { tokensPerMinute: 100 }, 5000)
        yield* first.settle({ tokens: 10 })
        yield* heard(one)
        assert.strictEqual(yield* waitOf(other, { tokensPerMinute: 100 }, 5000), 61_000)
      })
    )

    it.scoped("correct the minute in which tokens were taken, and no other", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const limits = { tokensPerMinute: 1000 }
        const first = yield* granted(one, limits, 900)
        yield* TestClock.adjust(61_000)
        yield* first.settle({ tokens: 0 })
        yield* heard(one)
        assert.strictEqual(yield* waitOf(other, limits, 1000), 0)
        assert.isAbove(yield* waitOf(other, limits, 1), 0)
      })
    )

    it.scoped("let so many attempts be under way, and don't know when the next is", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const limits = { concurrency: 2 }
        const first = yield* granted(one, limits)
        const second = yield* granted(other, limits)
        assert.strictEqual(yield* waitOf(one, limits), Number.POSITIVE_INFINITY)
        assert.strictEqual(one.unsafeReadyAt("k", limits, 0), Number.POSITIVE_INFINITY)
        assert.strictEqual(yield* reasonOf(other, limits), "concurrency")
        yield* first.settle({ tokens: 0 })
        assert.strictEqual(one.unsafeReadyAt("k", limits, 0), 0)
        const third = yield* granted(one, limits)
        yield* second.cancel
        yield* third.cancel
        yield* heard(one)
        yield* granted(other, limits)
        yield* granted(other, limits)
      })
    )

    it.scoped("keep counting the attempts of a process that lives, however long they take", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        yield* granted(one, { concurrency: 1 })
        for (let second = 0; second < 60; second++) {
          yield* TestClock.adjust(1000)
          yield* heard(one)
        }
        assert.strictEqual(yield* reasonOf(other, { concurrency: 1 }), "concurrency")
      })
    )

    it.scoped("take back what an attempt would have used that wasn't made", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const limits = { requestsPerMinute: 1, tokensPerMinute: 100, concurrency: 1 }
        const first = yield* granted(one, limits, 100)
        first.unsafeState({
          _tag: "RateLimits",
          requests: { remaining: 0, resetAt: 10 },
          tokens: { remaining: 0, resetAt: 10 }
        })
        yield* first.cancel
        yield* heard(one)
        assert.strictEqual(yield* waitOf(other, limits, 100), 0)
      })
    )

    it.scoped("have no process ask before the time that a provider stated to one", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const first = yield* granted(one, {})
        const second = yield* granted(one, {})
        yield* first.settle({ tokens: 0, retryAfterMs: 7000 })
        yield* second.settle({ tokens: 0, retryAfterMs: 6000 })
        assert.isAtLeast(one.unsafeReadyAt("k", {}, 0), 6000)
        assert.strictEqual(yield* waitOf(one, {}), 7000)
        assert.strictEqual(yield* waitOf(other, {}), 7000)
        assert.strictEqual(other.unsafeReadyAt("k", {}, 0), 7000)
        assert.strictEqual(yield* reasonOf(other, {}), "statedWait")
        assert.strictEqual(other.unsafeReadyAt("another", {}, 0), 0)
        yield* TestClock.adjust(7000)
        assert.strictEqual(yield* waitOf(other, {}), 0)
        assert.strictEqual(other.unsafeReadyAt("k", {}, 7000), 7000)
      })
    )

    it.scoped("remember in all processes what a provider said is left, and count it down", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const first = yield* granted(one, {})
        first.unsafeState({ _tag: "RateLimits", requests: { remaining: 2, resetAt: 5000 } })
        yield* heard(one)
        assert.deepStrictEqual(
          [yield* waitOf(other, {}), yield* waitOf(one, {}), yield* waitOf(other, {})],
          [0, 0, 5000]
        )
        assert.strictEqual(yield* reasonOf(one, {}), "statedRequests")
        first.unsafeState({ _tag: "RateLimits", requests: { remaining: 0, resetAt: 5000 } })
        assert.strictEqual(one.unsafeReadyAt("k", {}, 0), 5000)
        yield* TestClock.adjust(5000)
        assert.strictEqual(yield* waitOf(one, {}), 0)
      })
    )

    it.scoped("don't let more tokens through than a provider said are left", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const first = yield* granted(one, {})
        first.unsafeState({ _tag: "RateLimits", tokens: { remaining: 100, resetAt: 5000 } })
        yield* heard(one)
        assert.strictEqual(yield* waitOf(other, {}, 200), 5000)
        assert.strictEqual(yield* waitOf(other, {}, 60), 0)
        assert.strictEqual(yield* reasonOf(one, {}, 60), "statedTokens")
      })
    )

    it.scoped("are what the rate limits of a router keep to", () =>
      Effect.gen(function* () {
        const [one, other] = yield* processes
        const [first, second] = yield* Effect.forEach([one, other] as const, (store) =>
          Effect.provideService(
            RateLimits.makeStore({ providers: { claude: { requestsPerMinute: 1 } } }),
            LimitStore.LimitStore,
            store
          )
        )
        assert.isDefined(first)
        assert.isDefined(second)
        yield* Effect.flatMap(Effect.flatMap(asked(), first.admit), ({ settle }) => settle(record()))
        const refusal = yield* ends(second, record())
        assert.strictEqual(
          refusal?.message,
          "claude limits the rate of requests: not asked, since the limit of 1 requests a minute is reached. Retry after 61000 ms"
        )
        assert.isAbove(second.unsafeReadyAt(Claude, 0), 0)
      }).pipe(Effect.orDie)
    )
  })
}
