/** What every store of open circuits does, for one breaker and for several that share it. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, CircuitBreaker, CircuitStore } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { asked, ends, record } from "./guards.js"

const { Claude, Gpt4 } = AIProvider

const down = record({ _tag: "TransientError", reason: "server" })
const options: CircuitBreaker.Options = {
  consecutiveFailures: 1,
  openMs: 1000,
  maxOpenMs: 3000,
  probeMs: 500
}

/** The stores of so many processes; `settled` waits until each knows what the others were told. */
export interface Processes {
  readonly stores: ReadonlyArray<CircuitStore.Service>
  readonly settled: Effect.Effect<void>
}

export const circuitStoreContract = (
  name: string,
  processes: (count: number) => Effect.Effect<Processes, never, Scope.Scope>
): void => {
  const breakersOf = (count: number) =>
    Effect.gen(function* () {
      const { settled, stores } = yield* processes(count)
      const breakers = yield* Effect.forEach(stores, (store) =>
        Effect.orDie(
          Effect.provideService(CircuitBreaker.makeStore(options), CircuitStore.CircuitStore, store)
        )
      )
      const [first, ...others] = breakers
      assert.isDefined(first)
      return { breakers, first, others, settled, stores }
    })

  const states = (breakers: ReadonlyArray<CircuitBreaker.Service>) =>
    Effect.forEach(breakers, (breaker) => Effect.map(breaker.state(Claude), ({ _tag }) => _tag))

  /** The leases of those that were let in, when each asks once. */
  const admitted = (breakers: ReadonlyArray<CircuitBreaker.Service>) =>
    Effect.flatMap(asked(), (about) =>
      Effect.map(
        Effect.forEach(breakers, (breaker) => Effect.option(breaker.admit(about)), {
          concurrency: "unbounded"
        }),
        (leases) => leases.flatMap(Option.toArray)
      )
    )

  describe(`circuits over ${name}`, () => {
    it.scoped("are open in all processes once one has found out", () =>
      Effect.gen(function* () {
        const { breakers, first, settled } = yield* breakersOf(4)
        yield* ends(first, down)
        yield* settled
        assert.deepStrictEqual(yield* states(breakers), ["open", "open", "open", "open"])
        assert.lengthOf(yield* admitted(breakers), 0)
        assert.isFalse(breakers.some((breaker) => breaker.unsafeRefuses(Gpt4, undefined, 0)))
      })
    )

    it.scoped("have one probe in all processes, which closes them", () =>
      Effect.gen(function* () {
        const { breakers, first, settled } = yield* breakersOf(4)
        yield* ends(first, down)
        yield* settled
        yield* TestClock.adjust(1000)
        const probes = yield* admitted([...breakers, ...breakers])
        assert.lengthOf(probes, 1)
        yield* settled
        assert.lengthOf(yield* admitted(breakers), 0)
        yield* Effect.forEach(probes, (probe) => probe.settle(record()))
        yield* settled
        assert.deepStrictEqual(yield* states(breakers), ["closed", "closed", "closed", "closed"])
        assert.lengthOf(yield* admitted(breakers), 4)
      })
    )

    it.scoped("wait twice as long in all processes after a probe that failed, up to the cap", () =>
      Effect.gen(function* () {
        const { breakers, first, settled } = yield* breakersOf(2)
        yield* ends(first, down)
        for (const waitMs of [1000, 2000, 3000, 3000]) {
          yield* settled
          yield* TestClock.adjust(waitMs - 1)
          assert.lengthOf(yield* admitted(breakers), 0)
          yield* TestClock.adjust(1)
          const probes = yield* admitted(breakers.toReversed())
          assert.lengthOf(probes, 1)
          yield* Effect.forEach(probes, (probe) => probe.settle(down))
        }
      })
    )

    it.scoped(
      "let another process probe when a probe stalls, and only the later one decides on the wait",
      () =>
        Effect.gen(function* () {
          const { breakers, first, others, settled } = yield* breakersOf(2)
          yield* ends(first, down)
          yield* settled
          yield* TestClock.adjust(1000)
          const stalled = yield* admitted([first])
          yield* settled
          assert.lengthOf(yield* admitted(others), 0)
          yield* TestClock.adjust(500)
          const second = yield* admitted(others)
          assert.lengthOf(second, 1)
          yield* settled
          // It keeps the other one's place.
          yield* Effect.forEach(stalled, (probe) => probe.settle(down))
          yield* settled
          assert.lengthOf(yield* admitted(breakers), 0)
          yield* Effect.forEach(second, (probe) => probe.settle(down))
          yield* settled
          yield* TestClock.adjust(1999)
          assert.lengthOf(yield* admitted(breakers), 0)
          yield* TestClock.adjust(1)
          assert.lengthOf(yield* admitted(breakers), 1)
        })
    )

    it.scoped("let the next probe begin when one wasn't made", () =>
      Effect.gen(function* () {
        const { first, others, settled } = yield* breakersOf(2)
        yield* ends(first, down)
        yield* settled
        yield* TestClock.adjust(1000)
        const probes = yield* admitted([first])
        yield* Effect.forEach(probes, ({ cancel }) => cancel)
        yield* settled
        assert.lengthOf(yield* admitted(others), 1)
      })
    )

    it.scoped("stay open for as long as any process was told by the provider", () =>
      Effect.gen(function* () {
        const { breakers, first, others, settled } = yield* breakersOf(2)
        const late = yield* admitted(others)
        yield* ends(first, down)
        yield* settled
        yield* Effect.forEach(late, (lease) =>
          lease.settle(record({ _tag: "RateLimitError", retryAfterMs: 9000 }))
        )
        yield* settled
        yield* TestClock.adjust(8999)
        assert.lengthOf(yield* admitted(breakers), 0)
        yield* TestClock.adjust(1)
        assert.lengthOf(yield* admitted(breakers), 1)
      })
    )

    it.scoped("are closed in all processes when one is reset, and count from the beginning", () =>
      Effect.gen(function* () {
        const { breakers, first, others, settled } = yield* breakersOf(2)
        yield* ends(first, down)
        yield* settled
        yield* Effect.forEach(others, (breaker) => breaker.reset(Claude))
        yield* settled
        assert.deepStrictEqual(yield* states(breakers), ["closed", "closed"])
      })
    )
  })
}
