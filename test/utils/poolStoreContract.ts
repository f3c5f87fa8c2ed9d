/** What the pools of several processes know together, over every store of open circuits. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AITask, CircuitStore, Pool } from "arc-saga"
import { Behaviour, ScriptedEngine } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { Processes } from "./circuitStoreContract.js"
import { collect, textOf } from "./scripted.js"

const house = AIProvider.unsafeMake("house")
const task = Either.getOrThrow(AITask.make({ prompt: "Why?" }))
const fails = (_tag: "AuthenticationError" | "QuotaExhaustedError" | "RateLimitError" | "TransientError") =>
  Behaviour.fail({ _tag })
const slow = Behaviour.answer({ text: "a", firstTokenMs: 100 })

export const poolStoreContract = (
  name: string,
  processes: (count: number) => Effect.Effect<Processes, never, Scope.Scope>
): void => {
  /** Two processes that have the same keys `a` and `b`, the second of which answers; and how often `a` was asked. */
  const pools = (a: ScriptedEngine.Script) =>
    Effect.gen(function* () {
      const { settled, stores } = yield* processes(2)
      const key = yield* ScriptedEngine.make({ provider: house, script: a })
      const other = yield* ScriptedEngine.make({ provider: house, script: [Behaviour.answer({ text: "b" })] })
      const made = yield* Effect.forEach(stores, (store) =>
        Effect.orDie(
          Effect.provideService(
            Pool.makeStore({
              refusedMs: 30_000,
              limitedMs: 1000,
              members: [
                { name: "a", engine: key.engine, weight: 1000 },
                { name: "b", engine: other.engine }
              ]
            }),
            CircuitStore.CircuitStore,
            store
          )
        )
      )
      const [one, two] = made
      assert.isDefined(one)
      assert.isDefined(two)
      const ask = (pool: Pool.Pool) => Effect.map(collect(pool, { task, mode: "complete" }), textOf)
      const asked = Effect.map(key.calls, ({ length }) => length)
      const out = (pool: Pool.Pool) =>
        Effect.map(pool.members, ([first]) =>
          Option.map(first?.out ?? Option.none(), ({ error }) => error._tag)
        )
      /** Until `a` has been asked so often. */
      const reached = (count: number) =>
        Effect.zipRight(settled, asked).pipe(
          Effect.repeat({ until: (calls) => calls === count, times: 200 }),
          Effect.map((calls) => assert.strictEqual(calls, count))
        )
      return { one, two, ask, asked, out, reached, settled }
    })

  describe(`pools over ${name}`, () => {
    for (const _tag of ["AuthenticationError", "QuotaExhaustedError"] as const) {
      it.scoped(`leave a member out in all processes after ${_tag}, and one call brings it back`, () =>
        Effect.gen(function* () {
          const { ask, asked, one, out, reached, settled, two } = yield* pools([fails(_tag), slow])
          assert.strictEqual(yield* ask(one), "b")
          yield* settled
          assert.strictEqual(yield* ask(two), "b")
          assert.strictEqual(yield* asked, 1)
          assert.deepStrictEqual([yield* out(one), yield* out(two)], [Option.some(_tag), Option.some(_tag)])
          yield* TestClock.adjust("30 seconds")
          const probe = yield* Effect.fork(ask(two))
          yield* reached(2)
          assert.deepStrictEqual([yield* ask(one), yield* ask(two)], ["b", "b"])
          assert.strictEqual(yield* asked, 2)
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* Fiber.join(probe), "a")
          yield* settled
          assert.deepStrictEqual([yield* out(one), yield* out(two)], [Option.none(), Option.none()])
          const both = yield* Effect.fork(Effect.all([ask(one), ask(two)]))
          yield* TestClock.adjust("100 millis")
          yield* TestClock.adjust("100 millis")
          assert.deepStrictEqual(yield* Fiber.join(both), ["a", "a"])
        })
      )
    }

    it.scoped(
      "leave out for longer one that is refused still, and ask another after a probe was given up",
      () =>
        Effect.gen(function* () {
          const { ask, asked, one, reached, settled, two } = yield* pools([
            fails("AuthenticationError"),
            fails("QuotaExhaustedError"),
            Behaviour.never(),
            Behaviour.answer({ text: "a" })
          ])
          yield* ask(one)
          yield* settled
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(yield* ask(two), "b")
          yield* settled
          yield* TestClock.adjust("29 seconds")
          assert.deepStrictEqual([yield* ask(one), yield* ask(two), String(yield* asked)], ["b", "b", "2"])
          yield* TestClock.adjust("1 second")
          const probe = yield* Effect.fork(ask(one))
          yield* reached(3)
          yield* settled
          assert.strictEqual(yield* ask(two), "b")
          yield* Fiber.interrupt(probe)
          yield* settled
          assert.strictEqual(yield* ask(two), "a")
        })
    )

    it.scoped("leave one that is limited alone in all processes until then", () =>
      Effect.gen(function* () {
        const { ask, asked, one, out, settled, two } = yield* pools([
          fails("RateLimitError"),
          Behaviour.answer({ text: "a" })
        ])
        yield* ask(one)
        yield* settled
        assert.deepStrictEqual(yield* out(two), Option.some("RateLimitError"))
        assert.strictEqual(yield* ask(two), "b")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([yield* ask(two), yield* ask(one)], ["a", "a"])
        assert.strictEqual(yield* asked, 3)
      })
    )

    it.scoped("keep to themselves what says nothing of the key", () =>
      Effect.gen(function* () {
        const { ask, one, out, settled, two } = yield* pools([
          fails("TransientError"),
          Behaviour.answer({ text: "a" })
        ])
        yield* Effect.flip(ask(one))
        yield* settled
        assert.deepStrictEqual(yield* out(two), Option.none())
        assert.strictEqual(yield* ask(one), "b")
        assert.strictEqual(yield* ask(two), "a")
      })
    )
  })
}
