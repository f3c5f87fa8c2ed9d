/** Questions between processes, and their answers. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/** The questions of one process to another. */
export interface Requests {
  /** Asks, and waits for the answer. */
  readonly ask: (send: (id: number) => Effect.Effect<void>) => Effect.Effect<string>
  /** Answers what was asked with an id; what isn't waited for any more is dropped. */
  readonly answered: (id: number, text: string) => Effect.Effect<void>
}

/** Makes it; nothing is asked yet. */
export const make = (): Requests => {
  const waiting = new Map<number, Deferred.Deferred<string>>()
  let last = 0
  return {
    ask: (send) =>
      Effect.flatMap(Deferred.make<string>(), (answer) => {
        const id = ++last
        waiting.set(id, answer)
        return Effect.zipRight(send(id), Deferred.await(answer)).pipe(
          Effect.ensuring(Effect.sync(() => waiting.delete(id)))
        )
      }),
    answered: (id, text) =>
      Effect.suspend(() => {
        const answer = waiting.get(id)
        return answer === undefined ? Effect.void : Deferred.succeed(answer, text)
      })
  }
}
