import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Started, StreamEvent } from "../../StreamEvent.js"
import { onClose } from "../../internal/onClose.js"
import * as pulls from "../../internal/pulls.js"
import * as timer from "../../internal/timer.js"
import type * as problem from "./problem.js"
import { RejectedRequest } from "./rejection.js"
import { cacheHeader, droppedHeader, strategyHeader, told } from "./summary.js"
import {
  type PreparedCall,
  defect,
  eventStream,
  failed,
  nativeOf,
  refusalOf,
  type Services
} from "./serving.js"

const shuttingDown = new RejectedRequest({
  reason: "draining",
  description: "The gateway shuts down, and the answer wasn't whole in time. Ask again"
})

/** A stream that succeeds ends with its result. */
const withoutResult = Cause.die(new Error("a stream ended without its result"))

const encoder = new TextEncoder()

const headersOf = (
  id: string,
  { dialect, delivery, question, strategy }: PreparedCall,
  started: Started | undefined
) => ({
  ...eventStream,
  [dialect.idHeader]: id,
  "x-saga-delivery": delivery,
  ...strategyHeader(strategy),
  ...(started === undefined
    ? {}
    : {
        "x-saga-provider": started.provider,
        "x-saga-attempts": String(started.attempts),
        ...cacheHeader(started.cache),
        ...droppedHeader(started.dropped, question)
      })
})

/**
 * Delivers the answer as it is written, each chunk as it comes. What fails before the first content fails as
 * any call does; from there on, or from where a client that waits for long has been sent a sign of life, the
 * failure is the last event of the stream, and nothing says that the answer is whole.
 */
export const live = (
  services: Services,
  asked: PreparedCall
): Effect.Effect<HttpServerResponse.HttpServerResponse, problem.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { activity, shutdown } = services
    const { dialect, identity, keepAliveMs, options, question, task, tasks } = asked
    const { id } = identity
    const writer = dialect.writer(identity, question)
    let started: Started | undefined
    let isNative = false
    let whole = false
    let over = false

    const pull = yield* pulls.open(tasks.stream(task, options))
    const runtime = yield* Effect.runtime<Scope.Scope>()
    // In a fiber of its own, which a client that is told to wait doesn't end.
    const asking = Runtime.runFork(runtime, Effect.interruptible(pull))
    yield* onClose(() =>
      Effect.suspend(() => (asking.unsafePoll() === null ? Fiber.interrupt(asking) : Effect.void))
    )
    let answered = false
    /** The first events; none where they take so long that the client has to hear something. */
    const awaited = Effect.map(timer.awaitFor(asking, runtime, keepAliveMs), (events) => {
      answered = Option.isSome(events)
      return Option.getOrElse(events, () => Chunk.empty<StreamEvent>())
    })
    const source = Effect.suspend(() => (answered ? pull : awaited))

    const write = (events: Chunk.Chunk<StreamEvent>): Effect.Effect<Chunk.Chunk<Uint8Array>> => {
      let text = answered ? "" : dialect.keepAlive
      let ending: Effect.Effect<void> = Effect.void
      for (const event of events) {
        switch (event._tag) {
          case "Started":
            started = event
            isNative = event.native === dialect.wire
            if (!isNative) text += writer.model(event.model)
            break
          case "Native":
            if (isNative) text += writer.native(event.text)
            break
          case "Completed":
            whole = true
            if (!isNative) text += writer.end(told(event.result, dialect.wire, true))
            ending = activity.end(id, { _tag: "Answered", answer: event.result })
            break
          default:
            if (!isNative) text += writer.event(event)
        }
      }
      return Effect.as(ending, Chunk.of(encoder.encode(text)))
    }

    /** How a stream ends that has begun: as its provider ended it over the same wire, or told in that wire's words. */
    const endingOf = (told: problem.Problem): string => {
      const native = nativeOf(dialect, told.cause)
      if (native?.rest !== undefined && (started === undefined || isNative)) {
        return started === undefined ? native.body : native.rest
      }
      const refusal = refusalOf(told.cause)
      if (refusal === undefined) return writer.error(told, native?.body)
      return (started === undefined ? writer.model(refusal.model) : "") + writer.end(refusal)
    }

    const lastWord = (failure: problem.Failure): Effect.Effect<Chunk.Chunk<Uint8Array>> => {
      over = true
      return Effect.map(failed(services, id, failure), (told) => Chunk.of(encoder.encode(endingOf(told))))
    }

    const late: Option.Option<problem.Failure> = Option.some(shuttingDown)
    const pulled = yield* shutdown.bounded<Chunk.Chunk<StreamEvent>, Option.Option<problem.Failure>>(
      source,
      runtime,
      late
    )

    const unexpected = (cause: Cause.Cause<never>) => Effect.flatMap(defect(cause, id), lastWord)

    const ended = Effect.suspend(() => (whole ? Effect.fail(Option.none()) : unexpected(withoutResult)))

    const next: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<never>> = Effect.suspend(() =>
      over
        ? Effect.fail(Option.none())
        : Effect.matchCauseEffect(pulled, {
            onSuccess: write,
            onFailure: (cause) =>
              Either.match(Cause.failureOrCause(cause), {
                onLeft: Option.match({ onNone: () => ended, onSome: lastWord }),
                onRight: (rest) => (Cause.isInterruptedOnly(rest) ? Effect.failCause(rest) : unexpected(rest))
              })
          })
    )

    const first = yield* Effect.catchAll(
      awaited,
      Option.match({ onNone: () => Effect.failCause(withoutResult), onSome: Effect.fail })
    )
    const beginning = yield* write(first)
    let begun = false
    const body = pulls.streamOf(
      Effect.suspend(() => {
        if (begun) return next
        begun = true
        return Effect.succeed(beginning)
      })
    )
    return HttpServerResponse.stream(body, {
      headers: headersOf(id, asked, started),
      contentType: "text/event-stream"
    })
  })
