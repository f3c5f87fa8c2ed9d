import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { EngineEvent } from "../ReasoningEngine.js"
import * as bodyReader from "./bodyReader.js"
import * as failure from "./failure.js"
import * as jsonText from "../internal/jsonText.js"
import type * as sse from "./sse.js"

/**
 * One answer as it is decoded. It takes events, of which an answer in one piece is one, and gives events of
 * an engine; its end is a Finish among them, or a failure.
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
  /** Whether the server has said why the model stopped, but not yet that this was all. */
  readonly awaitsEnd: boolean
  /** Whether it came in a form that isn't its wire's, of which that wire's clients would read nothing, or not its end. */
  readonly foreign?: boolean | undefined
  /** Whether events of it lack the names by which its wire's clients read a stream. */
  readonly unnamed?: boolean | undefined
  /** Whether it has said why the model stopped: from there on its wire's text is told with its end only. */
  readonly closing?: boolean | undefined
  /** Whether more than text has come: what breaks off after that can't be continued where it is known as it came. */
  readonly beyondText?: boolean | undefined
  /** Whether something came that isn't delivered, or not yet: the provider is at work. */
  working: boolean
  /** Takes one event. */
  event(event: sse.Event): void
  /** Takes a sign of life that says nothing. */
  ping(): void
  /** After what came together: what it amounts to. */
  settle(): void
  /** The body is over; orderly where it ended as bodies do. */
  end(isEventStream: boolean, orderly: boolean): void
  /** The events since the last time. */
  take(): ReadonlyArray<EngineEvent>
}

/** An answer that fails, as it came up to its last word. */
export interface Failed {
  readonly body: string
  /** What of it hasn't been handed on. */
  readonly rest: string
}

/** Decodes the bytes of an answer. */
export interface Decoder<out A extends Decoding = Decoding> {
  readonly answer: A
  /** The events that these bytes complete. */
  readonly feed: (pieces: Iterable<Uint8Array>) => ReadonlyArray<EngineEvent>
  /** The same of bytes that are decoded already. */
  readonly read: (text: string) => ReadonlyArray<EngineEvent>
  /** The events that the end of the body completes, an orderly one by default; the answer has ended then. */
  readonly end: (orderly?: boolean) => ReadonlyArray<EngineEvent>
  /** The answer as it came, where its provider has said in its wire's words why it fails. */
  readonly failed?: (() => Failed | undefined) | undefined
}

/** Whether an event is the end of the stream. */
export const isDone = (data: string): boolean => data.trim() === "[DONE]"

/** The JSON of a text. */
export const parse: (text: string) => Option.Option<unknown> = Option.liftThrowable((text: string): unknown =>
  JSON.parse(text)
)

/** Whether a field has an error: an object, or words. */
export const isError = (field: unknown): boolean =>
  Predicate.isObject(field) || (typeof field === "string" && field !== "")

/**
 * Whether a record says that there is no answer, in its words or by a flag, where none of an answer's own fields
 * is there.
 */
export const isRefusal = (record: Readonly<Record<string, unknown>>): boolean =>
  Boolean(record["error"]) || record["success"] === false || failure.messageOf(record) !== ""

const beginningOfError = /\{\s*"(?:error"\s*:|object"\s*:\s*"error")/

/** The error that a server wrote where it was in the middle of an event. */
const errorWithin = (data: string): Option.Option<unknown> => {
  const at = data.search(beginningOfError)
  if (at === -1) return Option.none()
  const rest = data.slice(at)
  const end = new jsonText.Scanner().feed(rest)
  return end === -1
    ? Option.none()
    : Option.filter(
        parse(rest.slice(0, end)),
        (json) => Predicate.isRecord(json) && (json["object"] === "error" || isError(json["error"]))
      )
}

/** What an event says: its JSON, or else the error that it breaks off with. A list of one is that one. */
export const read = (data: string): Option.Option<unknown> =>
  Option.map(
    Option.orElse(parse(data), () => errorWithin(data)),
    (json) => (Array.isArray(json) && json.length === 1 ? json[0] : json)
  )

/** An event that can't be read. What it said is lost, and with it the answer. */
export const unreadable: failure.Failure = failure.ofKind("malformed", "an event of the answer can't be read")

/** An answer that is none, though the server said that it is whole: another provider is asked. */
export const empty: failure.Failure = {
  ...failure.ofKind("malformed", "the answer is empty"),
  shouldRetry: false
}

/** What is told where the limit of tokens came in the middle of a call. */
export const tornCall = "left out a tool call: the limit of tokens cut its arguments"

/**
 * What a message that repeats the whole answer adds to the delivered part of it; none where it says
 * something else.
 */
export const beyond = (delivered: string, whole: string): Option.Option<string> => {
  if (whole.startsWith(delivered)) return Option.some(whole.slice(delivered.length))
  return delivered.trimEnd().endsWith(whole.trim()) ? Option.some("") : Option.none()
}

/** The elements of a list of several objects. */
const elements = (data: string): ReadonlyArray<unknown> => {
  const list = data.trimStart().startsWith("[") ? Option.getOrUndefined(parse(data)) : undefined
  return Array.isArray(list) && list.length > 1 && list.every(Predicate.isRecord) ? list : []
}

/**
 * The events in one: the elements of a list; or a line each, which a sender that ends each line but no event has
 * joined.
 */
const apart = (event: sse.Event): ReadonlyArray<sse.Event> => {
  const listed = elements(event.data)
  if (listed.length > 0) return listed.map((element) => ({ ...event, data: JSON.stringify(element) }))
  if (!event.data.includes("\n")) return [event]
  const lines = event.data.split("\n").filter((line) => line.trim() !== "")
  return lines.length > 1 && lines.every((line) => isDone(line) || Option.isSome(parse(line)))
    ? lines.map((data) => ({ ...event, data }))
    : [event]
}

/** How many times the characters that an event may have all of an answer may take. */
const overhead = 16

/** Decodes a body; `isEventStream` where its content type says that it is a stream of events. */
export const streamDecoder = <A extends Decoding>(
  answer: A,
  isEventStream: boolean,
  maxCharacters: number = bodyReader.defaultMaxCharacters
): Decoder<A> => {
  const reader = bodyReader.make(maxCharacters)
  // Not fatal: a byte that is no UTF-8 spoils its own character and nothing else.
  const decoder = new TextDecoder()
  let characters = 0
  const take = (events: ReadonlyArray<sse.Event>): void => {
    for (const event of events) {
      if (event.data.trim() === "" && event.name !== "error") answer.ping()
      else answer.event(event)
    }
  }
  const isTorn = ({ data }: sse.Event): boolean =>
    data.trim() !== "" && !isDone(data) && Option.isNone(read(data))
  const readAll = (texts: Iterable<string>): ReadonlyArray<EngineEvent> => {
    for (const text of texts) {
      characters += text.length
      take(reader.feed(text).flatMap(apart))
    }
    if (reader.overflowed() && !answer.ended) {
      answer.failure = failure.ofKind("malformed", "an event of the answer is too long")
    }
    if (characters > overhead * maxCharacters && !answer.ended) {
      answer.failure = failure.ofKind("malformed", "the answer is too long")
    }
    answer.settle()
    return answer.take()
  }
  return {
    answer,
    feed: (pieces) => readAll(Array.from(pieces, (piece) => decoder.decode(piece, { stream: true }))),
    read: (text) => readAll([text]),
    end: (orderly = true) => {
      const last = [...reader.feed(decoder.decode()), ...reader.end()].flatMap(apart)
      take(last.filter((event) => !isTorn(event)))
      answer.settle()
      const kind = reader.kind()
      if (last.some(isTorn) && !answer.ended) {
        // What the cut went through may have been more of the answer.
        answer.failure = failure.ofKind(
          kind === "json" ? "malformed" : "cut",
          "the answer ends in the middle of its JSON"
        )
      }
      answer.end(kind === "events" || (kind === "unknown" && isEventStream), orderly)
      return answer.take()
    }
  }
}
