import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as replaceable from "../../src/internal/replaceable.js"
import { runs } from "../utils/property.js"

/** Values that tell which of them are closed. */
const values = () => {
  const closed: Array<number> = []
  const make = (value: number) =>
    Effect.acquireRelease(Effect.succeed(value), () => Effect.sync(() => void closed.push(value)))
  return { closed, make }
}

describe("what is replaced while scopes use it", () => {
  it.scoped("keeps a value whole until its last use is over", () =>
    Effect.gen(function* () {
      const { closed, make } = values()
      const made = yield* replaceable.make(make(1))
      const [one, other] = [yield* Scope.make(), yield* Scope.make()]
      assert.strictEqual(yield* Scope.extend(made.scoped, one), 1)
      assert.strictEqual(yield* Scope.extend(made.scoped, other), 1)
      yield* made.replace(make(2))
      assert.strictEqual(made.unsafeGet(), 2)
      yield* Scope.close(one, Exit.void)
      assert.deepStrictEqual(closed, [])
      yield* Scope.close(other, Exit.void)
      assert.deepStrictEqual(closed, [1])
      // Nothing uses it.
      yield* made.replace(make(3))
      assert.deepStrictEqual(closed, [1, 2])
    })
  )

  it.scoped("stays as it is where another can't be made, and keeps nothing of that", () =>
    Effect.gen(function* () {
      const { closed, make } = values()
      const made = yield* replaceable.make(make(1))
      assert.strictEqual(yield* Effect.flip(made.replace(Effect.zipRight(make(2), Effect.fail("no")))), "no")
      const asking = yield* Effect.fork(made.replace(Effect.zipRight(make(3), Effect.never)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(asking)
      assert.strictEqual(made.unsafeGet(), 1)
      assert.deepStrictEqual(closed, [2, 3])
    })
  )

  it.effect("ends all values with itself, whether they are in use or not", () =>
    Effect.gen(function* () {
      const { closed, make } = values()
      const scope = yield* Scope.make()
      const made = yield* Scope.extend(replaceable.make(make(1)), scope)
      yield* Scope.extend(made.scoped, yield* Scope.make())
      yield* made.replace(make(2))
      yield* Scope.close(scope, Exit.void)
      assert.sameMembers(closed, [1, 2])
    })
  )

  it.effect.prop(
    "never closes what is in use, and closes the rest once",
    [fc.array(fc.constantFrom("use", "end", "replace", "fail"), { maxLength: 60 })],
    ([steps]) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { closed, make } = values()
          const made = yield* replaceable.make(make(0))
          const uses: Array<{ readonly value: number; readonly scope: Scope.CloseableScope }> = []
          let latest = 0
          for (const step of steps) {
            if (step === "use") {
              const scope = yield* Scope.make()
              uses.push({ value: yield* Scope.extend(made.scoped, scope), scope })
            } else if (step === "end") {
              const ended = uses.shift()
              if (ended !== undefined) yield* Scope.close(ended.scope, Exit.void)
            } else if (step === "replace") yield* made.replace(make(++latest))
            else yield* Effect.flip(made.replace(Effect.fail("no")))
            const inUse = new Set([latest, ...uses.map(({ value }) => value)])
            const others = Array.from({ length: latest + 1 }, (_, value) => value).filter(
              (value) => !inUse.has(value)
            )
            assert.sameMembers(closed, others)
            assert.strictEqual(made.unsafeGet(), latest)
          }
        })
      ),
    runs()
  )

  it.scoped("gives a use that begins meanwhile what is there", () =>
    Effect.gen(function* () {
      const ready = yield* Deferred.make<void>()
      const made = yield* replaceable.make(Effect.succeed(1))
      const replacing = yield* Effect.fork(made.replace(Effect.as(Deferred.await(ready), 2)))
      yield* Effect.yieldNow()
      assert.strictEqual(yield* made.scoped, 1)
      yield* Deferred.succeed(ready, undefined)
      yield* Fiber.join(replacing)
      assert.strictEqual(yield* made.scoped, 2)
    })
  )
})
