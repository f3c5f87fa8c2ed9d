import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as EngineError from "../../EngineError.js"
import * as ReasoningEngine from "../../ReasoningEngine.js"
import * as http from "../http.js"
import * as sse from "../sse.js"
import { Answer, isDone, type Options, parse } from "./answer.js"
import * as failure from "./failure.js"

type Events = ReadonlyArray<ReasoningEngine.EngineEvent>

/** Decodes the bytes of an answer. */
export interface Decoder {
  readonly answer: Answer
  /** The events that these bytes complete. */
  readonly feed: (pieces: Iterable<Uint8Array>) => Events
  /** The events that the end of the body completes; after it the answer has ended. */
  readonly end: () => Events
}

/** Decodes a stream of events; `isEventStream` where its content type says that it is one. */
export const streamDecoder = (options: Options, isEventStream: boolean): Decoder => {
  const answer = new Answer(options)
  const reader = sse.make()
  return {
    answer,
    feed: (pieces) => {
      for (const piece of pieces) for (const event of reader.feed(piece)) answer.event(event)
      if (reader.overflowed() && !answer.ended) {
        answer.failure = failure.ofKind("malformed", "an event of the answer is too long")
      }
      answer.settle()
      return answer.take()
    },
    end: () => {
      for (const event of reader.end()) {
        // An event that the cut went through isn't a malformed one.
        if (isDone(event.data) || Option.isSome(parse(event.data))) answer.event(event)
      }
      answer.settle()
      answer.end(isEventStream)
      return answer.take()
    }
  }
}

/** Decodes an answer that comes in one piece, at its end. */
export const pieceDecoder = (options: Options): Decoder => {
  const answer = new Answer(options)
  const decoder = new TextDecoder()
  let text = ""
  return {
    answer,
    feed: (pieces) => {
      for (const piece of pieces) text += decoder.decode(piece, { stream: true })
      return []
    },
    end: () => {
      answer.json(parse(text + decoder.decode()))
      answer.settle()
      answer.endOfPiece()
      return answer.take()
    }
  }
}

/** What the pull of an attempt has to know. */
export interface Settings extends Options {
  /** Whether a stream of events was asked for. */
  readonly stream: boolean
  /** The content type of what came. */
  readonly contentType: string
  /** What the caller has to know besides the answer. */
  readonly warnings: ReadonlyArray<string>
  readonly onFailure: (said: failure.Failure, begun: boolean) => EngineError.EngineError
  readonly onNetwork: (error: HttpClientError.HttpClientError) => EngineError.EngineError
}

/** What the server sends counts, not what it was asked for: some have no streams. */
const decoderOf = (settings: Settings): Decoder => {
  const type = settings.contentType.toLowerCase()
  if (type.includes("text/event-stream")) return streamDecoder(settings, true)
  return !settings.stream || type.includes("json") || type.includes("text/html")
    ? pieceDecoder(settings)
    : streamDecoder(settings, false)
}

/** How long, in milliseconds, a whole answer waits for its usage before it is taken without. */
const usagePatience = 1000

/** The next chunks of a body; a silence while only usage is missing is the body's end. */
const next = (body: http.Body, answer: Answer): http.Body =>
  answer.awaitsUsage
    ? Effect.timeoutFail(body, { duration: usagePatience, onTimeout: () => Option.none() })
    : body

/**
 * Pulls an answer from a body: what a network chunk completes comes together. What came before a failure
 * is delivered before it.
 */
export const make = (
  body: http.Body,
  settings: Settings
): Effect.Effect<ReasoningEngine.Pull, never, Scope.Scope> => {
  const { answer, end, feed } = decoderOf(settings)
  let over = false
  let lost: EngineError.EngineError | undefined = undefined
  let warnings: Events = settings.warnings.map(ReasoningEngine.warning)

  const deliver = (events: Events): ReasoningEngine.Pull => {
    if (events.length === 0) return pull
    const delivered = [...warnings, ...events]
    warnings = []
    return Effect.succeed(delivered)
  }

  const pull: ReasoningEngine.Pull = Effect.suspend(() => {
    if (answer.failure !== undefined) {
      return Effect.fail(lost ?? settings.onFailure(answer.failure, answer.begun))
    }
    return Effect.matchEffect(next(body, answer), {
      onSuccess: (pieces) => deliver(feed(pieces)),
      onFailure: (reason) => {
        over = true
        const events = end()
        // A connection that broke after the finish reason took nothing of the answer with it.
        const broken = answer.failure?.kind === "cut" || answer.failure?.kind === "malformed"
        if (Option.isSome(reason) && broken) lost = settings.onNetwork(reason.value)
        return deliver(events)
      }
    })
  })
  return Effect.as(
    Effect.addFinalizer(() => (answer.finished && !over ? http.drain(body) : Effect.void)),
    pull
  )
}
