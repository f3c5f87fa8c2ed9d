import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { onClose } from "./onClose.js"

/** A place for one value after the other: uses that have begun go on with the value that they began with. */
export interface Slot<A> {
  /** The value that is there, which stays whole until the scope of its user closes. */
  readonly use: Effect.Effect<A, never, Scope.Scope>
  /** The value that is there, for a look. */
  readonly unsafeGet: () => A
  /**
   * Makes another value, in a scope of its own, and puts it there. That of the one before closes with its last use.
   * Where the other can't be made, nothing changes.
   */
  readonly replace: <B extends A, E, R>(
    make: Effect.Effect<B, E, R>
  ) => Effect.Effect<B, E, Exclude<R, Scope.Scope>>
}

interface Held<A> {
  readonly value: A
  readonly close: Effect.Effect<void>
  uses: number
  replaced: boolean
}

/** Makes a slot with its first value. All values end with the slot, whether they are in use or not. */
export const make = <A, E, R>(
  first: Effect.Effect<A, E, R>
): Effect.Effect<Slot<A>, E, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function* () {
    const slot = yield* Effect.scope
    /** What can't be made leaves nothing behind. */
    const hold = <B, E2, R2>(
      made: Effect.Effect<B, E2, R2>
    ): Effect.Effect<Held<B>, E2, Exclude<R2, Scope.Scope>> =>
      Effect.flatMap(Scope.fork(slot, slot.strategy), (scope) =>
        Scope.extend(made, scope).pipe(
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
          Effect.map((value) => ({ value, close: Scope.close(scope, Exit.void), uses: 0, replaced: false }))
        )
      )
    const closeUnused = (held: Held<unknown>) =>
      Effect.suspend(() => (held.replaced && held.uses === 0 ? held.close : Effect.void))
    let current: Held<A> = yield* Effect.uninterruptibleMask((restore) => hold(restore(first)))
    return {
      use: Effect.uninterruptible(
        Effect.suspend(() => {
          const used = current
          used.uses++
          return Effect.as(
            onClose(() => {
              used.uses--
              return closeUnused(used)
            }),
            used.value
          )
        })
      ),
      unsafeGet: () => current.value,
      replace: (make) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(hold(restore(make)), (next) => {
            const before: Held<A> = current
            current = next
            before.replaced = true
            return Effect.as(closeUnused(before), next.value)
          })
        )
    }
  })
