import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/**
 * Has something done when the scope closes, by the fiber that closes it: unlike with `Effect.addFinalizer`
 * the fiber refs of here aren't carried there and back, which costs many times what is done.
 */
export const onClose = (
  what: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<unknown>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) =>
    Scope.addFinalizerExit(Context.unsafeGet(fiber.currentContext, Scope.Scope), what)
  )
