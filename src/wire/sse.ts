import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser"

/** One server-sent event. */
export interface Event {
  /** The `event:` field; empty when there was none. */
  readonly name: string
  /** Empty where it is none: a comment, or an event without data. */
  readonly data: string
}

/** Reads server-sent events from text that comes in any pieces. */
export interface Reader {
  /** The events that this text completes. */
  readonly feed: (text: string) => ReadonlyArray<Event>
  /** Whether an event was too long: nothing is read after it. */
  readonly overflowed: () => boolean
}

/** Makes a reader for one body. */
export const make = (maxCharacters: number): Reader => {
  let events: Array<Event> = []
  let overflowed = false
  const parser = createParser({
    maxBufferSize: maxCharacters,
    onEvent: ({ data, event }: EventSourceMessage) => {
      events.push({ name: event ?? "", data })
    },
    onComment: () => {
      events.push({ name: "", data: "" })
    },
    onError: ({ field, line, type, value }: ParseError) => {
      if (type === "max-buffer-size-exceeded") overflowed = true
      // llama.cpp's.
      else if (field === "error" && value !== undefined) events.push({ name: "error", data: value })
      // A sender that fails in the middle of a stream may forget that it writes events.
      else if (line?.startsWith("{") === true) events.push({ name: "", data: line })
    }
  })
  return {
    feed: (text) => {
      // The parser throws when it is fed after an overflow.
      if (!overflowed) parser.feed(text)
      const read = events
      events = []
      return read
    },
    overflowed: () => overflowed
  }
}
