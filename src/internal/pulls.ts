import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next elements of a stream, as they come together; `none` is its end. */
export type Pull<A, E> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>>

/** Opens what is pulled. */
type Open<A, E> = Effect.Effect<Pull<A, E>, never, Scope.Scope>

const opens = new WeakMap<object, unknown>()

/** A stream that remembers what it is a stream of. Where that can't be opened, the stream fails. */
export const stream = <A, E>(open: Effect.Effect<Pull<A, E>, E, Scope.Scope>): Stream.Stream<A, E> => {
  const opened: Open<A, E> = Effect.catchAll(open, (error) => Effect.succeed(Effect.fail(Option.some(error))))
  const made = Stream.fromPull(opened)
  opens.set(made, opened)
  return made
}

/**
 * Opens a stream to be pulled. Where our own streams are made of each other, what they are streams of is
 * pulled: to run a stream within another costs more for a token than all that is done with the token.
 */
export const open = <A, E>(stream: Stream.Stream<A, E>): Open<A, E> => {
  // The chunks that were kept for a stream have the stream's types.
  const known = opens.get(stream) as Open<A, E> | undefined
  return known ?? Stream.toPull(stream)
}
