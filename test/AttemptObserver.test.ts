import { assert, describe, it } from "@effect/vitest"
import { AIProvider, AttemptGuard, AttemptObserver, EngineError } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { asked, record } from "./utils/guards.js"

const refusal = new EngineError.RateLimitError({ provider: AIProvider.Claude, description: "no" })

/** A guard that keeps a log under its name. */
const guard = (
  name: string,
  log: Array<string>,
  more: Partial<AttemptGuard.Lease> = {}
): AttemptGuard.Service => ({
  admit: () =>
    Effect.sync(() => {
      log.push(`${name} asked`)
      return {
        onFirstToken: () => void log.push(`${name} began`),
        onRateLimits: () => void log.push(`${name} told`),
        onFinish: () => void log.push(`${name} finished`),
        wrap: (attempt) =>
          Effect.zipRight(
            Effect.sync(() => void log.push(`${name} around`)),
            attempt
          ),
        settle: () => Effect.sync(() => void log.push(`${name} settled`)),
        cancel: Effect.sync(() => void log.push(`${name} cancelled`)),
        ...more
      }
    })
})

describe("AttemptObserver.all", () => {
  it.effect("has every observer see every attempt, in their order", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const observer = (name: string): AttemptObserver.Service => ({
        observe: ({ outcome }, { id }) => Effect.sync(() => void seen.push(`${name} ${outcome} ${id}`))
      })
      const { task } = yield* asked()
      yield* AttemptObserver.all([observer("a"), observer("b"), observer("c")]).observe(record(), task)
      assert.deepStrictEqual(seen, ["a succeeded t", "b succeeded t", "c succeeded t"])
      yield* AttemptObserver.all([]).observe(record(), task)
      assert.strictEqual(seen.length, 3)
    })
  )
})

describe("AttemptGuard.all", () => {
  it.effect("asks each guard and tells each everything, once", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const lease = yield* AttemptGuard.all([guard("a", log), guard("b", log)]).admit(yield* asked())
      assert.strictEqual(yield* lease.wrap?.(Effect.succeed(7)) ?? Effect.succeed(0), 7)
      lease.onRateLimits?.({ _tag: "RateLimits" })
      lease.onFirstToken?.()
      lease.onFinish?.({ _tag: "Finish", reason: "stop", model: "m" })
      yield* lease.settle(record())
      assert.deepStrictEqual(
        log,
        // A later guard stands around an earlier one.
        ["a asked", "b asked", "b around", "a around"].concat(
          ["told", "began", "finished", "settled"].flatMap((what) => [`a ${what}`, `b ${what}`])
        )
      )
      yield* lease.cancel
      assert.deepStrictEqual(log.slice(-2), ["a cancelled", "b cancelled"])
    })
  )

  it.effect("bounds what is written by the least that a guard allows", () =>
    Effect.gen(function* () {
      const least = (...bounds: ReadonlyArray<number | undefined>) =>
        Effect.map(
          Effect.flatMap(
            asked(),
            AttemptGuard.all(bounds.map((maxTokens) => guard("a", [], { maxTokens }))).admit
          ),
          ({ maxTokens }) => maxTokens
        )
      assert.strictEqual(yield* least(10, undefined, 5, 20), 5)
      assert.strictEqual(yield* least(undefined, 10), 10)
      assert.strictEqual(yield* least(undefined, undefined), undefined)
      assert.strictEqual(yield* least(3), 3)
      assert.strictEqual(yield* least(), undefined)
    })
  )

  it.effect("cancels the leases that were given when a later guard refuses, or dies", () =>
    Effect.gen(function* () {
      for (const last of [Effect.fail(refusal), Effect.die("broken")]) {
        const log: Array<string> = []
        const all = AttemptGuard.all([
          guard("a", log),
          guard("b", log),
          { admit: () => last },
          guard("c", log)
        ])
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Effect.flatMap(asked(), all.admit))))
        assert.deepStrictEqual(log, ["a asked", "b asked", "a cancelled", "b cancelled"])
      }
      const lease = yield* Effect.flatMap(asked(), AttemptGuard.all([]).admit)
      yield* Effect.zipRight(lease.settle(record()), lease.cancel)
    })
  )
})
