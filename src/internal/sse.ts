import { createParser, type EventSourceMessage } from "eventsource-parser"

/** One server-sent event. */
export interface Event {
  /** The `event:` field; empty when there was none. */
  readonly name: string
  readonly data: string
}

/** Characters that an event may have; a line without end must not fill the memory. */
const maxEventCharacters = 16 * 1024 * 1024

/** Reads server-sent events from bytes that come in any pieces. */
export interface Reader {
  /** The events that these bytes complete. */
  readonly feed: (bytes: Uint8Array) => ReadonlyArray<Event>
  /** The event that the body ended in, if its sender forgot the blank line after it. */
  readonly end: () => ReadonlyArray<Event>
  /** Whether an event was too long: nothing is read after it. */
  readonly overflowed: () => boolean
}

/** Makes a reader for one body. */
export const make = (maxCharacters: number = maxEventCharacters): Reader => {
  // Not fatal: a byte that is no UTF-8 spoils its own character and nothing else.
  const decoder = new TextDecoder()
  let events: Array<Event> = []
  let overflowed = false
  const parser = createParser({
    maxBufferSize: maxCharacters,
    onEvent: ({ data, event }: EventSourceMessage) => {
      events.push({ name: event ?? "", data })
    },
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") overflowed = true
    }
  })
  const read = (text: string): ReadonlyArray<Event> => {
    // The parser throws when it is fed after an overflow.
    if (!overflowed) parser.feed(text)
    const read = events
    events = []
    return read
  }
  return {
    feed: (bytes) => read(decoder.decode(bytes, { stream: true })),
    // The parser drops an event without a blank line after it: here it gets one.
    end: () => read(`${decoder.decode()}\n\n`),
    overflowed: () => overflowed
  }
}
