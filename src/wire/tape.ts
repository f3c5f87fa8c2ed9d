import * as ReasoningEngine from "../ReasoningEngine.js"
import type * as decoding from "./decoding.js"
import * as failure from "./failure.js"

/** What of an event is heard though the answer it was part of isn't delivered. */
const isAside = ({ _tag }: ReasoningEngine.EngineEvent): boolean =>
  _tag === "Usage" || _tag === "RateLimits" || _tag === "Warning"

const ends: ReadonlyArray<string> = ["\n\n", "\r\n\r\n", "\r\r"]

const withoutLineEnds = (text: string): string => {
  let end = text.length
  while (end > 0 && "\r\n".includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

/** The last event with the blank line that some servers leave out: clients pass over an event without it. */
const ended = (text: string): string =>
  text === "" || ends.some((end) => text.endsWith(end)) ? text : `${withoutLineEnds(text)}\n\n`

/** Where the last event of a text ends: behind its blank line. */
const endOfEvents = (text: string): number =>
  text.endsWith("\n\n")
    ? text.length
    : Math.max(
        ...ends.map((end) => {
          const at = text.lastIndexOf(end)
          return at === -1 ? 0 : at + end.length
        })
      )

const lineFeed = 10
const carriageReturn = 13

/** Cuts the text of a stream behind each blank line, in whatever pieces it comes. */
export const cutter = (): ((text: string) => ReadonlyArray<string>) => {
  let before = 0
  let isBlank = false
  /** Whether a cut was made behind the last character, which may be half of a line's end. */
  let isCut = false
  /** Where lines end in line feeds alone, as they do nearly everywhere. */
  const atLineFeeds = (text: string): Array<number> => {
    const cuts = isBlank && text.charCodeAt(0) === lineFeed ? [1] : []
    for (let at = text.indexOf("\n\n"); at !== -1; at = text.indexOf("\n\n", at + 1)) cuts.push(at + 2)
    before = text.charCodeAt(text.length - 1)
    isBlank = before === lineFeed
    return cuts
  }
  const atLineEnds = (text: string): Array<number> => {
    const cuts: Array<number> = []
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (unit === lineFeed && before === carriageReturn) {
        // The other half of a line's end.
        if (at === 0 && isCut) cuts.push(1)
        else if (cuts.at(-1) === at) cuts[cuts.length - 1] = at + 1
      } else if (unit === lineFeed || unit === carriageReturn) {
        if (isBlank) cuts.push(at + 1)
        isBlank = true
      } else isBlank = false
      before = unit
    }
    return cuts
  }
  return (text) => {
    if (text === "") return []
    const cuts = before === carriageReturn || text.includes("\r") ? atLineEnds(text) : atLineFeeds(text)
    isCut = cuts.at(-1) === text.length
    if (!isCut) cuts.push(text.length)
    return cuts.length === 1 ? [text] : cuts.map((to, index) => text.slice(cuts[index - 1] ?? 0, to))
  }
}

/** What is told apart of the events on the tape. */
export interface Settings {
  /** Whether a stream was asked for: what comes as something else isn't what the caller's wire has. */
  readonly stream: boolean
  /** Whether an event is the caller's, who hasn't asked for all that is asked; each is where absent. */
  readonly isWanted?: ((event: string) => boolean) | undefined
}

/**
 * Keeps what a body says beside what it is decoded to: pieces of whole events, each before what it says. What
 * isn't known to be part of the answer yet is held back with it: behind the finish reason all of it, and at a
 * failure what came together with it.
 */
export const taped = <A extends decoding.Decoding>(
  { answer, end, read }: decoding.Decoder<A>,
  { isWanted, stream }: Settings
): decoding.Decoder<A> => {
  // A byte order mark is the body's, too.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  let text = ""
  let held: Array<ReasoningEngine.EngineEvent> = []
  let isAsked: boolean | undefined = undefined
  const told: Array<string> = []
  let failed: decoding.Failed | undefined = undefined
  const cut = cutter()

  // What clients couldn't read is told as it is decoded, if that can be from the beginning on.
  const isForeign = (): boolean => answer.foreign === true || (stream && answer.unnamed === true)

  const pieceOf = (piece: string): string =>
    isWanted === undefined || !stream ? piece : cutter()(piece).filter(isWanted).join("")

  const settle = (isOver: boolean): ReadonlyArray<ReasoningEngine.EngineEvent> => {
    if (answer.failure !== undefined) {
      const isSaid = failure.isEnding(answer.failure) || (stream && failure.isTold(answer.failure))
      if (isAsked === true && isSaid && !isForeign()) {
        const rest = pieceOf(stream ? ended(text) : text)
        failed ??= { body: told.join("") + rest, rest }
      }
      const heard = held.filter(isAside)
      held = []
      return heard
    }
    if ((answer.awaitsEnd || answer.closing === true) && !isOver) return []
    const upTo = isOver || answer.finished ? text.length : stream ? endOfEvents(text) : 0
    if (isForeign() && told.length === 0) isAsked = false
    const whole = text.slice(0, upTo)
    const piece = isAsked === true ? pieceOf(isOver && stream ? ended(whole) : whole) : ""
    text = text.slice(upTo)
    const events = held
    held = []
    if (piece === "") return events
    told.push(piece)
    return [ReasoningEngine.native(piece, answer.beyondText), ...events]
  }

  const take = (more: string): void => {
    for (const part of stream ? cut(more) : [more]) {
      // What is sent behind the last word is no part of the answer.
      if (answer.ended) break
      text += part
      held.push(...read(part))
    }
  }

  const readOn = (more: string): ReadonlyArray<ReasoningEngine.EngineEvent> => {
    take(more)
    if (isAsked === undefined) {
      const first = text.trimStart()[0]
      if (first !== undefined) isAsked = stream ? !"{[<".includes(first) : first === "{"
    }
    return settle(false)
  }

  return {
    answer,
    feed: (bytes) => readOn(Array.from(bytes, (piece) => decoder.decode(piece, { stream: true })).join("")),
    read: readOn,
    end: (orderly) => {
      take(decoder.decode())
      held.push(...end(orderly))
      return settle(true)
    },
    failed: () => failed
  }
}
