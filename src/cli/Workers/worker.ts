/** What a worker does for its primary. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Workers from "../Workers.js"
import type { ToWorker } from "./messages.js"
import * as Requests from "./requests.js"

/** A gateway that serves. */
export interface Served {
  readonly address: string
  /** Why the configuration isn't taken, or empty. */
  readonly reload: (quiet: boolean) => Effect.Effect<string>
  readonly refuse: (reason: string) => Effect.Effect<void>
  /** Its own metrics. */
  readonly metrics: Effect.Effect<string>
}

/** The side of a worker. */
export interface Side {
  /** The metrics of all workers. */
  readonly metrics: Effect.Effect<string>
  /** Tells that it serves, and has the primary's messages answered by it. */
  readonly ready: (served: Served) => Effect.Effect<void>
  /** Hears the primary, until that says to stop: then it is interrupted. */
  readonly hear: Effect.Effect<never>
}

/** Makes the side of a worker. */
export const make = (own: Workers.Own): Effect.Effect<Side> =>
  Effect.map(Deferred.make<Served>(), (served) => {
    const requests = Requests.make()

    const answer = (id: number, text: Effect.Effect<string>) =>
      Effect.flatMap(text, (text) => own.send({ _tag: "Answer", id, text }))

    const handle = (message: ToWorker): Effect.Effect<unknown> => {
      switch (message._tag) {
        case "Stop":
          return Effect.interrupt
        case "Answer":
          return requests.answered(message.id, message.text)
        case "Reload":
        case "Measure":
        case "Refuse":
          // One that takes long holds up none of the others.
          return Effect.fork(
            Effect.flatMap(Deferred.await(served), ({ metrics, refuse, reload }) =>
              message._tag === "Refuse"
                ? refuse(message.reason)
                : answer(message.id, message._tag === "Measure" ? metrics : reload(message.quiet))
            )
          )
      }
    }

    return {
      metrics: requests.ask((id) => own.send({ _tag: "MeasureAll", id })),
      ready: (given) =>
        Effect.zipRight(Deferred.succeed(served, given), own.send({ _tag: "Ready", address: given.address })),
      hear: Effect.forever(Effect.flatMap(Queue.take(own.messages), handle))
    }
  })
