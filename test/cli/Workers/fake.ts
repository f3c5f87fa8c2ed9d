/** Workers that are no processes: a test says what they say, and sees what they are told. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Workers from "../../../src/cli/Workers.js"
import type { Place, ToPrimary, ToWorker } from "../../../src/cli/Workers/messages.js"

export interface Fake {
  readonly place: Place
  readonly told: Array<ToWorker>
  readonly say: (message: ToPrimary) => Effect.Effect<unknown>
  readonly end: (how: string, code: number) => Effect.Effect<unknown>
}

export const port = 4711

/** A service that starts such workers, and those that it has started. */
export const make = () => {
  const started: Array<Fake> = []
  const service: Workers.Service = {
    own: undefined,
    freePort: () => Effect.succeed(port),
    start: (place) =>
      Effect.gen(function* () {
        const messages = yield* Queue.unbounded<ToPrimary>()
        const ended = yield* Deferred.make<Workers.Ended>()
        const told: Array<ToWorker> = []
        started.push({
          place,
          told,
          say: (message) => Queue.offer(messages, message),
          end: (how, code) => Deferred.succeed(ended, { how, code })
        })
        return {
          pid: started.length,
          send: (message) => Effect.sync(() => void told.push(message)),
          messages,
          ended: Deferred.await(ended)
        }
      })
  }
  return { started, service }
}

/** A process that is a worker. */
export const own = (place: Place) =>
  Effect.gen(function* () {
    const messages = yield* Queue.unbounded<ToWorker>()
    const said: Array<ToPrimary> = []
    const service: Workers.Service = {
      ...make().service,
      own: {
        ...place,
        messages,
        send: (message) => Effect.sync(() => void said.push(message)),
        leave: Effect.void
      }
    }
    return { said, service, tell: (message: ToWorker) => Queue.offer(messages, message) }
  })
