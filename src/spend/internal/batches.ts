import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Mailbox from "effect/Mailbox"

/**
 * Hands on what comes, as much at once as there is, until the mailbox has ended. A fiber that is about to send
 * something comes first: a batch costs about as much as a single item.
 */
export const forEachBatch = <A>(
  mailbox: Mailbox.ReadonlyMailbox<A>,
  size: number,
  handle: (batch: ReadonlyArray<A>) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.flatMap(mailbox.takeAll, ([first, isOver]) =>
    Effect.yieldNow({ priority: 1 }).pipe(
      Effect.zipRight(mailbox.clear),
      Effect.flatMap((more) =>
        Effect.forEach(
          Chunk.chunksOf(Chunk.appendAll(first, more), size),
          (batch) => handle(Chunk.toReadonlyArray(batch)),
          { discard: true }
        )
      ),
      Effect.zipRight(Effect.suspend(() => (isOver ? Effect.void : forEachBatch(mailbox, size, handle))))
    )
  )
