import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A service that may be absent. */
export const optional = <I, S>(tag: Context.Tag<I, S>): Effect.Effect<S | undefined> =>
  Effect.map(Effect.serviceOption(tag), Option.getOrUndefined)
