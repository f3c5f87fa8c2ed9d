import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Replaceable from "../../src/internal/replaceable.js"

/** Numbers that are acquired and released, and which of them are held now. */
const counted = () => {
  const [acquired, held] = [new Set<number>(), new Set<number>()]
  const make = (n: number) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        acquired.add(n)
        held.add(n)
        return n
      }),
      () => Effect.sync(() => held.delete(n))
    )
  return { acquired, held, make }
}

describe("what is replaced while it is used", () => {
  it.scoped("is held once, however often it is replaced, and no longer than the scope", () =>
    Effect.gen(function* () {
      const { acquired, held, make } = counted()
      const scope = yield* Scope.make()
      const value = yield* Scope.extend(Replaceable.make(make(0)), scope)
      for (let n = 1; n <= 50; n++) {
        yield* value.replace(make(n))
        assert.deepStrictEqual(Array.from(held), [n])
        assert.strictEqual(yield* value.use(Effect.succeed), n)
        assert.strictEqual(value.unsafeGet(), n)
      }
      assert.strictEqual(acquired.size, 51)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(held.size, 0)
    })
  )

  it.scoped("is let go when the last call has ended that began with it", () =>
    Effect.gen(function* () {
      const { held, make } = counted()
      const value = yield* Replaceable.make(make(0))
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const begun = yield* Deferred.make<boolean>()
      const whole = yield* Effect.fork(value.use((n) => Effect.as(Deferred.await(first), n)))
      const streamed = yield* Effect.fork(
        Stream.runCollect(
          value.useStream((n) =>
            Stream.fromEffect(Effect.as(Deferred.succeed(begun, true), n)).pipe(
              Stream.concat(Stream.fromEffect(Effect.as(Deferred.await(second), n))),
              Stream.concat(Stream.fromEffect(Effect.sync(() => (held.has(n) ? n : -1))))
            )
          )
        )
      )
      yield* Deferred.await(begun)
      yield* value.replace(make(1))
      assert.deepStrictEqual(Array.from(held), [0, 1])
      assert.strictEqual(yield* value.use(Effect.succeed), 1)
      yield* Deferred.succeed(first, undefined)
      assert.strictEqual(yield* Fiber.join(whole), 0)
      assert.deepStrictEqual(Array.from(held), [0, 1])
      yield* Deferred.succeed(second, undefined)
      assert.deepStrictEqual(Array.from(yield* Fiber.join(streamed)), [0, 0, 0])
      assert.deepStrictEqual(Array.from(held), [1])
    })
  )

  it.scoped("is let go by calls that fail or are interrupted, too", () =>
    Effect.gen(function* () {
      const { held, make } = counted()
      const value = yield* Replaceable.make(make(0))
      const fiber = yield* Effect.fork(value.use(() => Effect.never))
      yield* Effect.exit(value.use(() => Effect.fail("no")))
      yield* Effect.yieldNow()
      yield* value.replace(make(1))
      assert.deepStrictEqual(Array.from(held), [0, 1])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(Array.from(held), [1])
    })
  )

  it.scoped("stays where another can't be made, which leaves nothing behind", () =>
    Effect.gen(function* () {
      const { held, make } = counted()
      const value = yield* Replaceable.make(make(0))
      assert.isTrue(
        Exit.isFailure(yield* Effect.exit(value.replace(Effect.zipRight(make(1), Effect.fail("no")))))
      )
      const fiber = yield* Effect.fork(value.replace(Effect.zipRight(make(2), Effect.never)))
      yield* Effect.yieldNow()
      assert.deepStrictEqual(Array.from(held), [0, 2])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(Array.from(held), [0])
      assert.strictEqual(yield* value.use(Effect.succeed), 0)
    })
  )
})
