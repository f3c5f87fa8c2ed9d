import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next elements of a stream, as they come together; `none` is its end. */
export type Pull<A, E> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>>

/** Opens what is pulled. */
type Open<A, E> = Effect.Effect<Pull<A, E>, never, Scope.Scope>

/**
 * What is pulled, as a stream within a scope that is there already. `Stream.fromPull` would run a stream within another,
 * which takes more steps for each chunk, and hundreds to open and to close.
 */
export const streamOf = <A, E>(pull: Pull<A, E>): Stream.Stream<A, E> => Stream.fromChannel(channelOf(pull))

const channelOf = <A, E>(pull: Pull<A, E>): Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, void> => {
  const next = Effect.matchEffect(pull, {
    onFailure: Option.match({ onNone: () => Effect.succeed(undefined), onSome: Effect.fail }),
    onSuccess: Effect.succeed
  })
  const all: Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, void> = Channel.flatMap(
    Channel.fromEffect(next),
    (chunk) => (chunk === undefined ? Channel.void : Channel.flatMap(Channel.write(chunk), () => all))
  )
  return all
}

const opens = new WeakMap<object, unknown>()

/** A stream that remembers what it is a stream of. Where that can't be opened, the stream fails. */
export const stream = <A, E>(open: Effect.Effect<Pull<A, E>, E, Scope.Scope>): Stream.Stream<A, E> => {
  const opened: Open<A, E> = Effect.catchAll(open, (error) => Effect.succeed(Effect.fail(Option.some(error))))
  const made = Stream.fromChannel(
    Channel.flatMap(Channel.fromEffect(Scope.make()), (scope) =>
      Channel.flatMap(Channel.fromEffect(Scope.extend(opened, scope)), channelOf).pipe(
        Channel.ensuringWith((exit) => Scope.close(scope, exit))
      )
    )
  )
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
