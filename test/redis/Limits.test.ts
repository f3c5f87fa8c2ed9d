import { assert, describe, it } from "@effect/vitest"
import { LimitStore } from "arc-saga"
import { Connection, Limits } from "arc-saga/redis"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { limitStoreContract } from "../utils/limitStoreContract.js"
import { runs, sized } from "../utils/property.js"
import { limitsOf, nowhere, prefix, urls } from "../utils/redis.js"

describe("limits while Redis is away", () => {
  it.scopedLive("leave at least one request, one token and one call", () =>
    Effect.gen(function* () {
      const store = yield* LimitStore.LimitStore
      for (const [key, limits] of [
        ["requests", { requestsPerMinute: 20 }],
        ["tokens", { tokensPerMinute: 20 }],
        ["calls", { concurrency: 20 }]
      ] as const) {
        const taken = yield* Effect.forEach([1, 2, 3], () => store.take(key, limits, 1))
        assert.lengthOf(taken.filter(Either.isRight), 1, key)
      }
    }).pipe(
      Effect.provide(Limits.layer({ share: 0.01 }).pipe(Layer.provide(Connection.layer({ url: nowhere }))))
    )
  )
})

for (const url of urls) {
  const pair = Effect.suspend(() => {
    const prefixed = prefix()
    return Effect.all([limitsOf(url, prefixed), limitsOf(url, prefixed)])
  })

  limitStoreContract("Redis", pair)

  /** What happens to a store: time passes, attempts begin, and those that did end in some way. */
  const event = FastCheck.oneof(
    FastCheck.record({ passMs: FastCheck.oneof(FastCheck.nat(2000), FastCheck.nat(70_000)) }),
    FastCheck.record({ tokens: FastCheck.nat(400), process: FastCheck.nat(1) }),
    FastCheck.record({ ended: FastCheck.nat(9), used: FastCheck.nat(500) }),
    FastCheck.record({ ended: FastCheck.nat(9), retryAfterMs: FastCheck.nat(5000) }),
    FastCheck.record({ cancelled: FastCheck.nat(9) }),
    FastCheck.constant({ reset: true } as const),
    FastCheck.record({
      told: FastCheck.nat(9),
      left: FastCheck.nat(3),
      leftTokens: FastCheck.nat(900),
      resetMs: FastCheck.nat(20_000)
    })
  )

  describe("the script of limits", () => {
    it.scoped.prop(
      "says what the store in memory says, whatever happens",
      [
        FastCheck.record(
          {
            requestsPerMinute: FastCheck.integer({ min: 1, max: 8 }),
            tokensPerMinute: FastCheck.integer({ min: 50, max: 2000 }),
            concurrency: FastCheck.integer({ min: 1, max: 5 })
          },
          { requiredKeys: [] }
        ),
        FastCheck.array(event, { maxLength: 80 })
      ],
      ([limits, events]) =>
        Effect.gen(function* () {
          const stores = yield* pair
          const model = yield* LimitStore.makeMemory
          const running: Array<{ readonly real: LimitStore.Grant; readonly expected: LimitStore.Grant }> = []
          const pick = (index: number) => running[index % Math.max(1, running.length)]
          const settled = Effect.forEach(stores, (store) => store.take("another", {}, 0))
          for (const each of events) {
            if ("passMs" in each) {
              yield* TestClock.adjust(each.passMs)
              // What lives has its leases renewed.
              yield* settled
            } else if ("process" in each) {
              const store = stores[each.process] ?? assert.fail()
              const real = yield* store.take("k", limits, each.tokens)
              const expected = yield* model.take("k", limits, each.tokens)
              const words = (outcome: typeof real) => (Either.isLeft(outcome) ? outcome.left : "granted")
              assert.deepStrictEqual(words(real), words(expected))
              if (Either.isRight(real) && Either.isRight(expected)) {
                running.push({ real: real.right, expected: expected.right })
              }
            } else if ("reset" in each) {
              // Both have heard of it before anything else is stated.
              for (const store of [...stores, model]) yield* store.reset("k")
            } else if ("told" in each) {
              const now = yield* TestClock.currentTimeMillis
              const stated = {
                _tag: "RateLimits",
                requests: { remaining: each.left, resetAt: now + each.resetMs },
                tokens: { remaining: each.leftTokens, resetAt: now + each.resetMs }
              } as const
              pick(each.told)?.real.unsafeState(stated)
              pick(each.told)?.expected.unsafeState(stated)
            } else {
              const call = pick("ended" in each ? each.ended : each.cancelled)
              if (call === undefined) continue
              running.splice(running.indexOf(call), 1)
              for (const grant of [call.real, call.expected]) {
                yield* "cancelled" in each
                  ? grant.cancel
                  : grant.settle("used" in each ? { tokens: each.used } : { tokens: 0, ...each })
              }
            }
            yield* settled
          }
        }),
      runs(100, 8)
    )

    it.scoped("has four processes that ask ten times as much keep to a limit, and use it", () =>
      Effect.gen(function* () {
        const requestsPerMinute = sized(600, 50)
        const prefixed = prefix()
        const stores = yield* Effect.all(Array.from({ length: 4 }, () => limitsOf(url, prefixed)))
        const begun: Array<number> = []
        // Each process asks so often at a time, and all of them ten times what the limit has.
        const [times, untilMs] = [5, 150_000]
        const stepMs = (60_000 * 4 * times) / (10 * requestsPerMinute)
        for (let at = 0; at < untilMs; at += stepMs) {
          const asks = Array.from({ length: times }, () => stores).flat()
          const taken = yield* Effect.forEach(asks, (store) => store.take("k", { requestsPerMinute }, 1), {
            concurrency: "unbounded"
          })
          for (const grant of taken.filter(Either.isRight)) {
            begun.push(at)
            yield* grant.right.settle({ tokens: 1 })
          }
          yield* TestClock.adjust(stepMs)
        }
        const inMinuteFrom = (from: number) => begun.filter((at) => at >= from && at < from + 60_000).length
        for (const at of begun) assert.isAtMost(inMinuteFrom(at), requestsPerMinute)
        assert.isAtLeast(begun.length, 0.97 * requestsPerMinute * 2.5)
      })
    )
  })
}
