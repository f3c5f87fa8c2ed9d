import * as ReasoningEngine from "../ReasoningEngine.js"
import type * as decoding from "./decoding.js"

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
  Math.max(
    ...ends.map((end) => {
      const at = text.lastIndexOf(end)
      return at === -1 ? 0 : at + end.length
    })
  )

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
  { answer, end, feed }: decoding.Decoder<A>,
  { isWanted, stream }: Settings
): decoding.Decoder<A> => {
  // A byte order mark is the body's, too.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  let text = ""
  let held: Array<ReasoningEngine.EngineEvent> = []
  let isAsked: boolean | undefined = undefined
  let told = false

  const pieceOf = (piece: string): string =>
    isWanted === undefined || !stream
      ? piece
      : piece
          .split(/(?<=\r\n\r\n|\n\n|\r\r)/)
          .filter(isWanted)
          .join("")

  const settle = (isOver: boolean): ReadonlyArray<ReasoningEngine.EngineEvent> => {
    if (answer.failure !== undefined) {
      const heard = held.filter(isAside)
      held = []
      return heard
    }
    if ((answer.awaitsEnd || answer.closing === true) && !isOver) return []
    const upTo = isOver || answer.finished ? text.length : stream ? endOfEvents(text) : 0
    // What clients couldn't read is told as it is decoded, if that can be from the beginning on.
    const isForeign = answer.foreign === true || (stream && answer.unnamed === true)
    if (isForeign && !told) isAsked = false
    const whole = text.slice(0, upTo)
    const piece = isAsked === true ? pieceOf(isOver && stream ? ended(whole) : whole) : ""
    text = text.slice(upTo)
    const events = held
    held = []
    told ||= piece !== ""
    return piece === "" ? events : [ReasoningEngine.native(piece, answer.beyondText), ...events]
  }

  return {
    answer,
    feed: (bytes) => {
      const pieces = Array.from(bytes)
      for (const piece of pieces) text += decoder.decode(piece, { stream: true })
      if (isAsked === undefined) {
        const first = text.trimStart()[0]
        if (first !== undefined) isAsked = stream ? !"{[<".includes(first) : first === "{"
      }
      held.push(...feed(pieces))
      return settle(false)
    },
    end: (orderly) => {
      text += decoder.decode()
      held.push(...end(orderly))
      return settle(true)
    }
  }
}
