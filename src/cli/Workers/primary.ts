/** Has workers serve, and goes on with others where some end. Loaded where there are to be several. */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Listener from "../Listener.js"
import * as Note from "../Note.js"
import { StandardStreams } from "../StandardStreams.js"
import * as Workers from "../Workers.js"
import * as exposition from "./exposition.js"
import type { ToPrimary, ToWorker } from "./messages.js"
import * as Requests from "./requests.js"

/** A worker ended before all were there: what kept it from serving would keep others from it. */
export class WorkerError extends Schema.TaggedError<WorkerError>("arc-saga/cli/WorkerError")("WorkerError", {
  number: Schema.Int,
  how: Schema.String,
  code: Schema.Int
}) {
  override get message(): string {
    return `Worker ${this.number} ${this.how} before all workers listened`
  }
}

/** Milliseconds before a worker is started again that has ended so many times in a row: 100, and twice as many each time. */
export const waitMs = (ends: number): number => Math.min(100 * 2 ** (ends - 1), 30_000)

/** Milliseconds after which the end of a worker isn't one of a row any more. */
const steadyMs = 60_000

/** Milliseconds that a worker gets for its metrics. */
const measureMs = 1000

/** A worker that is there, and what it is asked. */
interface Live {
  readonly worker: Workers.Worker
  readonly requests: Requests.Requests
}

/** The place of a worker, whichever it is now. */
interface Slot {
  readonly number: number
  starts: number
  /** The one that serves. */
  live: Live | undefined
}

const serves = (slot: Slot): slot is Slot & { readonly live: Live } => slot.live !== undefined

/** The answer of a worker; none where it ends before. */
const ask = (
  { requests, worker }: Live,
  message: (id: number) => ToWorker
): Effect.Effect<Option.Option<string>> =>
  Effect.raceFirst(
    Effect.asSome(requests.ask((id) => worker.send(message(id)))),
    Effect.as(worker.ended, Option.none())
  )

/** What a primary counts itself. */
const counted = (slots: ReadonlyArray<Slot>): ReadonlyArray<exposition.Measured> =>
  slots.map((slot) => ({
    worker: slot.number,
    text: [
      "# HELP arc_saga_gateway_worker_up Whether a worker serves: 1, or 0 until it is started again.",
      "# TYPE arc_saga_gateway_worker_up gauge",
      `arc_saga_gateway_worker_up ${serves(slot) ? 1 : 0}`,
      "# HELP arc_saga_gateway_worker_starts_total How often a worker was started.",
      "# TYPE arc_saga_gateway_worker_starts_total counter",
      `arc_saga_gateway_worker_starts_total ${slot.starts}`
    ].join("\n")
  }))

/** The metrics of all that serve. One that doesn't answer in time is left out. */
const measure = (slots: ReadonlyArray<Slot>): Effect.Effect<string> =>
  Effect.map(
    Effect.forEach(
      slots.filter(serves),
      ({ live, number }) =>
        Effect.map(
          Effect.timeoutOption(
            ask(live, (id) => ({ _tag: "Measure", id })),
            measureMs
          ),
          (text) => Option.map(Option.flatten(text), (text) => ({ worker: number, text }))
        ),
      { concurrency: "unbounded" }
    ),
    (measured) => exposition.join([...counted(slots), ...Arr.getSomes(measured)])
  )

const reloadOne = (slot: Slot & { readonly live: Live }, quiet: boolean) =>
  ask(slot.live, (id) => ({ _tag: "Reload", id, quiet }))

/** Has all take the configuration anew, once one of them has found that it can be used. */
const reload = (slots: ReadonlyArray<Slot>): Effect.Effect<void, never, StandardStreams> =>
  Effect.gen(function* () {
    const [first, ...others] = slots.filter(serves)
    if (first === undefined) return
    const refused = yield* reloadOne(first, false)
    // It took the question with it.
    if (Option.isNone(refused)) return yield* reload(others)
    yield* Effect.forEach(
      others,
      (slot) =>
        refused.value === ""
          ? Effect.flatMap(reloadOne(slot, true), (reason) =>
              Option.isNone(reason) || reason.value === ""
                ? Effect.void
                : Note.tell([`worker ${slot.number} goes on with another configuration: ${reason.value}`])
            )
          : slot.live.worker.send({ _tag: "Refuse", reason: refused.value }),
      { concurrency: "unbounded", discard: true }
    )
  })

/** What the workers of a primary do. */
export interface Options {
  readonly count: number
  readonly at: Listener.At
  /** Waits until the configuration is to be taken anew. */
  readonly changed: Effect.Effect<void>
}

/**
 * Has workers serve at one address until it is interrupted: then they let calls under way finish. Fails where one
 * ends before all are there; from then on one that ends is started again.
 */
export const run = ({
  at,
  changed,
  count
}: Options): Effect.Effect<
  never,
  Listener.ListenError | WorkerError,
  Scope.Scope | StandardStreams | Workers.Workers
> =>
  Effect.gen(function* () {
    const workers = yield* Workers.Workers
    const streams = yield* StandardStreams
    // A port that is chosen by the first that listens would be another one once all have ended.
    const port = at.port === 0 ? yield* workers.freePort(at.host) : at.port
    const slots = Arr.makeBy(count, (index): Slot => ({ number: index + 1, starts: 0, live: undefined }))
    const firstThere = yield* Deferred.make<void>()
    const allThere = yield* Deferred.make<string>()

    const handle = (slot: Slot, live: Live, message: ToPrimary): Effect.Effect<unknown> => {
      switch (message._tag) {
        case "Ready":
          slot.live = live
          return Effect.zipRight(
            Deferred.succeed(firstThere, undefined),
            slots.every(serves) ? Deferred.succeed(allThere, message.address) : Effect.void
          )
        case "MeasureAll":
          return Effect.fork(
            Effect.flatMap(measure(slots), (text) =>
              live.worker.send({ _tag: "Answer", id: message.id, text })
            )
          )
        case "Answer":
          return live.requests.answered(message.id, message.text)
      }
    }

    /** A worker from its start to its end. Interrupted, it has it stop, and waits for that. */
    const once = (slot: Slot, tells: boolean): Effect.Effect<Workers.Ended> =>
      Effect.acquireUseRelease(
        workers.start({ number: slot.number, count, port, tells }),
        (worker) => {
          const live = { worker, requests: Requests.make() }
          slot.starts++
          return Effect.raceFirst(
            worker.ended,
            Effect.forever(
              Effect.flatMap(Queue.take(worker.messages), (message) => handle(slot, live, message))
            )
          )
        },
        (worker) => {
          slot.live = undefined
          return Effect.zipRight(worker.send({ _tag: "Stop" }), worker.ended)
        }
      )

    const keep = (slot: Slot): Effect.Effect<never, WorkerError, StandardStreams> =>
      Effect.gen(function* () {
        const isFirst = slot.number === 1
        if (!isFirst) yield* Deferred.await(firstThere)
        let ends = 0
        while (true) {
          const began = yield* Clock.currentTimeMillis
          const { code, how } = yield* once(slot, isFirst && slot.starts === 0)
          if (!(yield* Deferred.isDone(allThere))) {
            return yield* new WorkerError({ number: slot.number, how, code })
          }
          ends = (yield* Clock.currentTimeMillis) - began < steadyMs ? ends + 1 : 1
          yield* Note.tell([`worker ${slot.number} ${how}; it is started again in ${waitMs(ends) / 1000} s`])
          yield* Effect.sleep(waitMs(ends))
        }
      })

    const lead = Effect.gen(function* () {
      yield* streams.writeError(Listener.announcement(yield* Deferred.await(allThere)))
      return yield* Effect.forever(Effect.zipRight(changed, reload(slots)))
    })
    const [never] = yield* Effect.all(
      [lead, Effect.forEach(slots, keep, { concurrency: "unbounded", discard: true })],
      { concurrency: "unbounded" }
    )
    return never
  })
