import * as jsonText from "../internal/jsonText.js"
import * as sse from "./sse.js"

/** Characters that an event may have, where nothing else is set; a line without end must not fill the memory. */
export const defaultMaxCharacters = 16 * 1024 * 1024

/** What a body turned out to be: server-sent events, JSON values, a page, or nothing of these. */
export type Kind = "events" | "json" | "page" | "unknown"

/** Reads the events of a body from text that comes in any pieces. */
export interface Reader {
  /** The events that this text completes. */
  readonly feed: (text: string) => ReadonlyArray<sse.Event>
  /** What the body ended in: an event whose sender forgot the blank line after it, or a torn one. */
  readonly end: () => ReadonlyArray<sse.Event>
  /** Whether an event was too long: nothing is read after it. */
  readonly overflowed: () => boolean
  readonly kind: () => Kind
}

/** A list of objects, which come one by one. */
const listBegins = /^\[\s*\{/

/**
 * Makes a reader for one body. What comes first tells what it is, not what its content type says: a bracket
 * begins a JSON value, which is an event of its own (a whole answer, a line of NDJSON, an element of a list of
 * chunks); anything else is read as server-sent events. What follows a value is looked at anew.
 */
export const make = (maxCharacters: number = defaultMaxCharacters): Reader => {
  const events = sse.make(maxCharacters)
  let kind: Kind = "unknown"
  let mode: "between" | "value" | "events" = "between"
  let scanner = new jsonText.Scanner()
  let pieces: Array<string> = []
  let length = 0
  /** Whether what comes next is the next element of a list. */
  let listed = false
  /** A bracket of which it isn't known yet what it begins: a list, or `[DONE]`. */
  let held = ""

  const begin = (text: string): void => {
    mode = text.startsWith("{") || text.startsWith("[") ? "value" : "events"
    if (kind === "unknown") kind = mode === "value" ? "json" : text.startsWith("<") ? "page" : "unknown"
  }

  const value = (): sse.Event => {
    const data = pieces.join("")
    pieces = []
    length = 0
    scanner = new jsonText.Scanner()
    mode = "between"
    return { name: "", data }
  }

  const read = (text: string): ReadonlyArray<sse.Event> => {
    const read: Array<sse.Event> = []
    let rest = held + text
    held = ""
    while (rest !== "") {
      if (mode === "between") {
        rest = listed ? rest.replace(/^[\s,]+/, "") : rest.trimStart()
        if (rest === "") break
        if (rest.trimEnd() === "[") {
          held = "["
          break
        }
        if (listBegins.test(rest) || (listed && rest.startsWith("]"))) {
          kind = kind === "unknown" ? "json" : kind
          listed = !listed
          rest = rest.slice(1)
          continue
        }
        if (listed && !/^[[{]/.test(rest)) {
          // What stands between elements may be more of the answer: it is no event that can be read.
          read.push({ name: "", data: rest })
          break
        }
        begin(rest)
      }
      if (mode === "events") {
        const some = events.feed(rest)
        if (some.length > 0 && kind === "unknown") kind = "events"
        read.push(...some)
        break
      }
      const end = length > maxCharacters ? -1 : scanner.feed(rest)
      const piece = end === -1 ? rest : rest.slice(0, end)
      length += piece.length
      // What is too long isn't kept.
      if (length <= maxCharacters) pieces.push(piece)
      if (end === -1) break
      read.push(value())
      rest = rest.slice(end)
    }
    return read
  }

  return {
    feed: read,
    // The parser drops an event without a blank line after it: here it gets one.
    end: () => {
      if (mode === "events") return read("\n\n")
      if (held !== "") begin(held)
      // A list that isn't closed is torn, too.
      if (held !== "" || (listed && pieces.length === 0)) pieces.push("[")
      return pieces.length === 0 ? [] : [value()]
    },
    overflowed: () => length > maxCharacters || events.overflowed(),
    kind: () => kind
  }
}

const event = /^\s*(?:data|event|id|retry)?:/

/** The text of an error's body; of one that is an event, what the event says. */
export const errorText = (body: string): string => {
  if (!event.test(body)) return body
  const said = make()
  const events = [...said.feed(body), ...said.end()]
  return events.find(({ data }) => data.trim() !== "")?.data ?? body
}
