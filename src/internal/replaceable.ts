/** What is replaced while calls use it: calls under way end on the one that they began with. */
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { onClose } from "./onClose.js"

/** One of the values that were there, with all that it holds. */
interface Held<A> {
  readonly value: A
  readonly scope: Scope.CloseableScope
  /** The calls that use it, and one for as long as it isn't replaced. */
  uses: number
}

/** A value that is replaced by another one; each is let go once it is replaced and no call uses it any more. */
export interface Replaceable<A> {
  /** The value of now, for what is over at once. */
  readonly unsafeGet: () => A
  /** Uses the value of when the effect begins. */
  readonly use: <B, E, R>(f: (value: A) => Effect.Effect<B, E, R>) => Effect.Effect<B, E, R>
  /** The value of now, in use until the scope closes. */
  readonly scoped: Effect.Effect<A, never, Scope.Scope>
  /** Uses the value of when the stream begins. */
  readonly useStream: <B, E, R>(f: (value: A) => Stream.Stream<B, E, R>) => Stream.Stream<B, E, R>
  /** Has another take its place once it is made; what fails or is interrupted before leaves all as it is. */
  readonly replace: <E, R>(
    make: Effect.Effect<A, E, R | Scope.Scope>
  ) => Effect.Effect<void, E, Exclude<R, Scope.Scope>>
}

/** Makes the first. All that is still there ends with the scope. */
export const make = <A, E, R>(
  first: Effect.Effect<A, E, R | Scope.Scope>
): Effect.Effect<Replaceable<A>, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function* () {
    const whole = yield* Effect.scope

    /** Makes a value in a scope of its own, which is closed where that fails. */
    const hold = <E2, R2>(
      made: Effect.Effect<A, E2, R2 | Scope.Scope>,
      restore: <B, E3, R3>(effect: Effect.Effect<B, E3, R3>) => Effect.Effect<B, E3, R3>
    ): Effect.Effect<Held<A>, E2, Exclude<R2, Scope.Scope>> =>
      Effect.flatMap(Scope.fork(whole, ExecutionStrategy.sequential), (scope) =>
        restore(Scope.extend(made, scope)).pipe(
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
          Effect.map((value) => ({ value, scope, uses: 1 }))
        )
      )

    const end = (held: Held<A>, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Effect.suspend(() => {
        held.uses -= 1
        return held.uses === 0 ? Scope.close(held.scope, exit) : Effect.void
      })

    let current = yield* Effect.uninterruptibleMask((restore) => hold(first, restore))
    const begin = Effect.sync(() => {
      current.uses += 1
      return current
    })

    return {
      unsafeGet: () => current.value,
      use: (f) => Effect.acquireUseRelease(begin, ({ value }) => f(value), end),
      scoped: Effect.uninterruptible(
        Effect.flatMap(begin, (held) =>
          Effect.as(
            onClose((exit) => end(held, exit)),
            held.value
          )
        )
      ),
      useStream: (f) =>
        Stream.unwrapScoped(Effect.map(Effect.acquireRelease(begin, end), ({ value }) => f(value))),
      replace: (another) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(hold(another, restore), (held) => {
            const before = current
            current = held
            return end(before, Exit.void)
          })
        )
    }
  })
