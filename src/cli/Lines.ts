/** Splits bytes into lines and says where each ends, so that a file can be cut after the last whole one. */
import * as Chunk from "effect/Chunk"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"

/** A line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number
  /** Its bytes without the line feed. */
  readonly bytes: Uint8Array
  /** How many bytes of the file end with it, its line feed included. */
  readonly end: number
  /** Whether a line feed ends it: the last line of a file may lack it. */
  readonly terminated: boolean
}

const lineFeed = 10

interface State {
  readonly number: number
  readonly end: number
  /** What has come of a line that hasn't ended. */
  readonly open: ReadonlyArray<Uint8Array>
}

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const split = (before: State, bytes: Uint8Array): readonly [State, Chunk.Chunk<Line>] => {
  const lines: Array<Line> = []
  let { end, number, open } = before
  let from = 0
  let at = bytes.indexOf(lineFeed)
  while (at !== -1) {
    const line = join([...open, bytes.subarray(from, at)])
    number += 1
    end += line.length + 1
    lines.push({ number, bytes: line, end, terminated: true })
    open = []
    from = at + 1
    at = bytes.indexOf(lineFeed, from)
  }
  if (from < bytes.length) open = [...open, bytes.subarray(from)]
  return [{ number, end, open }, Chunk.unsafeFromArray(lines)]
}

const last = (state: State): readonly [State, Chunk.Chunk<Line>] => {
  const bytes = join(state.open)
  return [
    state,
    bytes.length === 0
      ? Chunk.empty()
      : Chunk.of({ number: state.number + 1, bytes, end: state.end + bytes.length, terminated: false })
  ]
}

const finished = Symbol.for("arc-saga/cli/Lines/finished")

/** The lines of a stream of bytes. */
export const fromBytes = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E, R> =>
  Stream.concat(bytes, Stream.succeed(finished)).pipe(
    Stream.mapAccum<State, Uint8Array | typeof finished, Chunk.Chunk<Line>>(
      { number: 0, end: 0, open: [] },
      (state, next) => (next === finished ? last(state) : split(state, next))
    ),
    Stream.flattenChunks
  )

const decoder = new TextDecoder("utf-8", { fatal: true })

/** The text of a line, or left when it isn't UTF-8. */
export const text = (line: Line): Either.Either<string, unknown> =>
  Either.try(() => decoder.decode(line.bytes))

/** Whether a line has nothing but white space. */
export const isBlank = (line: Line): boolean =>
  line.bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)
