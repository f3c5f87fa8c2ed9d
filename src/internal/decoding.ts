import * as Option from "effect/Option"
import type { EngineEvent } from "../ReasoningEngine.js"
import * as failure from "./failure.js"
import * as sse from "./sse.js"

/**
 * One answer as it is decoded. It takes events or JSON and gives events of an engine; its end is a Finish
 * among them, or a failure.
 */
export interface Decoding {
  /** Why there won't be an answer. */
  failure: failure.Failure | undefined
  /** Whether it is whole. */
  readonly finished: boolean
  /** Whether some of it has come. */
  readonly begun: boolean
  /** Whether there is nothing more to expect. */
  readonly ended: boolean
  /** Whether it is whole but for its usage, which may never come. */
  readonly awaitsUsage: boolean
  /** Whether something came that isn't delivered, or not yet: the provider is at work. */
  working: boolean
  /** Takes one event of a stream. */
  event(event: sse.Event): void
  /** Takes an answer in one piece. */
  json(json: Option.Option<unknown>): void
  /** After what came together: what it amounts to. */
  settle(): void
  /** The stream is over; orderly where its body ended as bodies do, and not within an event. */
  end(isEventStream: boolean, orderly: boolean): void
  /** The answer came in one piece, and this was it. */
  endOfPiece(): void
  /** The events since the last time. */
  take(): ReadonlyArray<EngineEvent>
}

/** Decodes the bytes of an answer. */
export interface Decoder<out A extends Decoding = Decoding> {
  readonly answer: A
  /** The events that these bytes complete. */
  readonly feed: (pieces: Iterable<Uint8Array>) => ReadonlyArray<EngineEvent>
  /** The events that the end of the body completes, an orderly one by default; the answer has ended then. */
  readonly end: (orderly?: boolean) => ReadonlyArray<EngineEvent>
}

/** Whether an event is the end of the stream. */
export const isDone = (data: string): boolean => data.trim() === "[DONE]"

/** The JSON of a text. */
export const parse: (text: string) => Option.Option<unknown> = Option.liftThrowable((text: string): unknown =>
  JSON.parse(text)
)

/** Decodes a stream of events; `isEventStream` where its content type says that it is one. */
export const streamDecoder = <A extends Decoding>(answer: A, isEventStream: boolean): Decoder<A> => {
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
    end: (orderly = true) => {
      let torn = false
      for (const event of reader.end()) {
        // An event that the cut went through isn't a malformed one.
        if (isDone(event.data) || Option.isSome(parse(event.data))) answer.event(event)
        else torn = true
      }
      answer.settle()
      answer.end(isEventStream, orderly && !torn)
      return answer.take()
    }
  }
}

/** Decodes an answer that comes in one piece, at its end. */
const pieceDecoder = (answer: Decoding): Decoder => {
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

/** What the server sends counts, not what it was asked for: some have no streams. */
export const decoderFor = (answer: Decoding, streamAsked: boolean, contentType: string): Decoder => {
  const type = contentType.toLowerCase()
  if (type.includes("text/event-stream")) return streamDecoder(answer, true)
  return !streamAsked || type.includes("json") || type.includes("text/html")
    ? pieceDecoder(answer)
    : streamDecoder(answer, false)
}
