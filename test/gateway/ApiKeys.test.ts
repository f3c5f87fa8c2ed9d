import { assert, describe, it } from "@effect/vitest"
import { OwnBudgets } from "arc-saga"
import { ApiKeys, KeyStore } from "arc-saga/gateway"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import * as eventLoop from "../utils/eventLoop.js"
import { runs } from "../utils/property.js"

/** A store that counts how often it is read, and what it does instead of being read. */
const made = (options: ApiKeys.StoreOptions = {}) =>
  Effect.gen(function* () {
    const store = yield* KeyStore.makeMemory
    const state = { reads: 0, away: false, slowMs: 0 }
    const gone = new KeyStore.KeyStoreError({ operation: "read", reason: "away" })
    const watched: KeyStore.Service = {
      ...store,
      changedSince: (version) =>
        Effect.suspend(() => {
          state.reads++
          return state.away ? gone : store.changedSince(version)
        }).pipe(Effect.delay(state.slowMs))
    }
    const context = yield* Layer.build(
      Layer.provide(ApiKeys.layerStore(options), Layer.succeed(KeyStore.KeyStore, watched))
    )
    const keys = Context.get(context, ApiKeys.ApiKeys)
    const isTaken = (secret: Redacted.Redacted) => Effect.map(keys.find(secret), Option.isSome)
    return { store, state, keys, isTaken, own: Context.get(context, OwnBudgets.OwnBudgets) }
  })

const unknown = Redacted.make(`saga_${"0".repeat(43)}`)

describe("keys of a store", () => {
  it.scoped("are taken at once, with what they allow", () =>
    Effect.gen(function* () {
      const { isTaken, keys, store } = yield* made()
      const first = yield* store.create("web", { requestsPerMinute: 5, models: ["a"] }, "ada")
      const found = yield* keys.find(first.secret)
      assert.deepInclude(Option.getOrThrow(found), { id: "web", requestsPerMinute: 5, models: ["a"] })
      // What was issued after the last look is looked for at once more, and waited for.
      const second = yield* store.create("app", {}, "ada")
      yield* TestClock.adjust(1)
      const asking = yield* Effect.fork(isTaken(second.secret))
      yield* TestClock.adjust(1000)
      assert.isTrue(yield* Fiber.join(asking))
      assert.isTrue(keys.protect)
    })
  )

  it.scoped("aren't looked for where what is presented can't be one", () =>
    Effect.gen(function* () {
      const { isTaken, state } = yield* made()
      for (const text of ["", "sk-test-1234", "saga_short", `saga_${"!".repeat(43)}`]) {
        assert.isFalse(yield* isTaken(Redacted.make(text)))
      }
      assert.strictEqual(state.reads, 0)
    })
  )

  it.scoped("are read once a second at most, however many ask, and never where nobody asks", () =>
    Effect.gen(function* () {
      const { isTaken, state, store } = yield* made()
      const { secret } = yield* store.create("web", {}, "ada")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(state.reads, 0)
      for (let tick = 0; tick < 100; tick++) {
        const asked = yield* Effect.all([secret, secret, unknown].map((each) => Effect.fork(isTaken(each))))
        yield* TestClock.adjust(100)
        if (asked[0] !== undefined) assert.isTrue(yield* Fiber.join(asked[0]))
      }
      assert.isAtMost(state.reads, 11)
      assert.isAtLeast(state.reads, 9)
    })
  )

  it.scoped("that are revoked, expired or rotated out aren't taken, each from its time on", () =>
    Effect.gen(function* () {
      const { isTaken, store } = yield* made()
      const web = yield* store.create("web", { expiresAt: 60_000 }, "ada")
      assert.isTrue(yield* isTaken(web.secret))
      const rotated = yield* store.rotate("web", { overlapMs: 5000 }, "ada")
      yield* TestClock.adjust(4999)
      assert.deepStrictEqual([yield* isTaken(web.secret), yield* isTaken(rotated.secret)], [true, true])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* isTaken(web.secret), yield* isTaken(rotated.secret)], [false, true])
      yield* TestClock.setTime(59_999)
      assert.isTrue(yield* isTaken(rotated.secret))
      yield* TestClock.setTime(60_000)
      assert.isFalse(yield* isTaken(rotated.secret))
      yield* store.change("web", { expiresAt: null }, "ada")
      yield* TestClock.adjust(1000)
      assert.isTrue(yield* isTaken(rotated.secret))
      yield* store.revoke("web", "ada")
      yield* TestClock.adjust(1000)
      assert.isFalse(yield* isTaken(rotated.secret))
    })
  )

  it.scoped.prop(
    "hold a change within a second, and their times to the millisecond, whatever happens to them",
    [
      FastCheck.array(
        FastCheck.record({
          act: FastCheck.constantFrom("wait", "wait", "wait", "rotate", "expire", "revoke"),
          ms: FastCheck.integer({ min: 0, max: 2500 })
        }),
        { maxLength: 12 }
      )
    ],
    ([acts]) =>
      Effect.gen(function* () {
        const { isTaken, store } = yield* made()
        const never = Number.POSITIVE_INFINITY
        const ends = [{ secret: (yield* store.create("web", {}, "ada")).secret, at: never }]
        let changedAt = yield* Clock.currentTimeMillis
        let revoked = false
        for (const { act, ms } of acts) {
          const now = yield* Clock.currentTimeMillis
          if (act === "wait") {
            yield* TestClock.adjust(ms)
            if (now + ms - changedAt < 1000) continue
            for (const { at, secret } of ends) {
              const asked = yield* Clock.currentTimeMillis
              const asking = yield* Effect.fork(isTaken(secret))
              // What is over may be forgotten, and is looked for once more when it is time.
              const passing = Effect.forever(Effect.zipRight(TestClock.adjust(100), eventLoop.turn))
              if (asked >= at) yield* Effect.race(Fiber.await(asking), passing)
              assert.strictEqual(yield* Fiber.join(asking), asked < at)
            }
            continue
          }
          const [key] = yield* store.keys
          const expiresAt = key?.expiresAt ?? never
          if (revoked || expiresAt <= now) continue
          changedAt = now
          const until = Math.min(expiresAt, now + ms)
          if (act === "rotate") {
            const { secret } = yield* store.rotate("web", { overlapMs: ms }, "ada")
            for (const each of ends) each.at = Math.min(each.at, until)
            ends.push({ secret, at: expiresAt })
          } else if (act === "expire") {
            yield* store.change("web", { expiresAt: until }, "ada")
            for (const each of ends) each.at = Math.min(each.at, until)
          } else {
            revoked = true
            yield* store.revoke("web", "ada")
            for (const each of ends) each.at = Math.min(each.at, now)
          }
        }
      }),
    runs(100)
  )
})

describe("keys of a store that can't be read", () => {
  it.scoped("are taken for as long as the grace, from the last time that they could be read", () =>
    Effect.gen(function* () {
      const { isTaken, keys, state, store } = yield* made({ graceMs: 5000 })
      const { secret } = yield* store.create("web", { expiresAt: 3000 }, "ada")
      const lasting = yield* store.create("app", {}, "ada")
      assert.isTrue(yield* isTaken(secret))
      state.away = true
      yield* TestClock.adjust(2999)
      assert.isTrue(yield* isTaken(secret))
      yield* TestClock.adjust(1)
      // What was known of its end still holds.
      assert.isFalse(yield* isTaken(secret))
      yield* TestClock.adjust(1999)
      assert.isTrue(yield* isTaken(lasting.secret))
      yield* TestClock.adjust(1)
      const error = yield* Effect.flip(keys.find(lasting.secret))
      assert.match(error.message, /^The keys can't be read: away/)
      state.away = false
      yield* TestClock.adjust(1000)
      assert.isTrue(yield* isTaken(lasting.secret))
    })
  )

  it.scoped("are unknown rather than refused where they aren't known, and asked for once a second", () =>
    Effect.gen(function* () {
      const { keys, own, state } = yield* made()
      state.away = true
      const asking = yield* Effect.fork(Effect.flip(keys.find(unknown)))
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* Fiber.join(asking))._tag, "KeysUnavailableError")
      const before = state.reads
      yield* Effect.forEach(Array.from({ length: 50 }), () => Effect.exit(own.of({ keyId: "web" })))
      assert.isAtMost(state.reads - before, 1)
      const budgets = yield* Effect.flip(own.of({ keyId: "web" }))
      assert.strictEqual(budgets._tag, "BudgetUnavailableError")
    })
  )

  it.scoped("hold no call up for longer than a second, though the database never answers", () =>
    Effect.gen(function* () {
      const { isTaken, keys, state, store } = yield* made({ graceMs: 5000 })
      const { secret } = yield* store.create("web", {}, "ada")
      assert.isTrue(yield* isTaken(secret))
      state.slowMs = 3_600_000
      yield* TestClock.adjust(1000)
      const first = yield* Effect.fork(isTaken(secret))
      yield* TestClock.adjust(999)
      assert.isTrue(Option.isNone(yield* Fiber.poll(first)))
      yield* TestClock.adjust(1)
      assert.isTrue(yield* Fiber.join(first))
      // The others don't wait for what it has waited for.
      assert.isTrue(yield* isTaken(secret))
      yield* TestClock.adjust(3000)
      assert.match((yield* Effect.flip(keys.find(secret))).message, /didn't answer within 1000 ms/)
    })
  )

  it.scoped("are read for all that wait, though the first of them is interrupted", () =>
    Effect.gen(function* () {
      const { isTaken, state, store } = yield* made()
      const { secret } = yield* store.create("web", {}, "ada")
      state.slowMs = 500
      const [first, second] = yield* Effect.all([Effect.fork(isTaken(secret)), Effect.fork(isTaken(secret))])
      yield* TestClock.adjust(100)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
      yield* TestClock.adjust(400)
      assert.isTrue(yield* Fiber.join(second))
      assert.strictEqual(state.reads, 1)
    })
  )
})

describe("what keys of a store may spend", () => {
  it.scoped("is what they and their teams have, as it is now", () =>
    Effect.gen(function* () {
      const { own, store } = yield* made()
      yield* store.setTeam("ml", { budgets: [{ period: "month", usd: 5 }] }, "ada")
      yield* store.create("web", { team: "ml", budgets: [{ period: "day", tokens: 7 }] }, "ada")
      const held = own.of({ keyId: "web", team: "ml" })
      assert.deepStrictEqual(yield* held, [
        { scope: "key", subject: "web", budgets: [{ period: "day", tokens: 7 }] },
        { scope: "team", subject: "ml", budgets: [{ period: "month", usd: 5 }] }
      ])
      assert.deepStrictEqual(yield* own.of({ keyId: "other", userId: "bob" }), [])
      yield* store.setTeam("ml", { budgets: [] }, "ada")
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual((yield* held)[1], { scope: "team", subject: "ml", budgets: [] })
    })
  )
})

describe("ApiKeys.all", () => {
  it.effect("takes what one of them takes, the first before the others", () =>
    Effect.gen(function* () {
      const key = Redacted.make("test-key")
      const sha256 = yield* ApiKeys.hash(key)
      const none = yield* ApiKeys.make([])
      const one = yield* ApiKeys.make([{ id: "one", sha256 }])
      const two = yield* ApiKeys.make([{ id: "two", sha256 }])
      assert.isFalse(ApiKeys.all([none, none]).protect)
      assert.isTrue(ApiKeys.all([none, one]).protect)
      assert.strictEqual(Option.getOrThrow(yield* ApiKeys.all([none, one, two]).find(key)).id, "one")
      assert.isTrue(Option.isNone(yield* ApiKeys.all([one]).find(Redacted.make("other"))))
    })
  )
})
