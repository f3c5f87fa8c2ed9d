/** What is told beside results and failures. */
import * as Effect from "effect/Effect"
import * as Format from "./Format.js"
import { StandardStreams } from "./StandardStreams.js"

/** Tells lines on standard error. */
export const tell = (lines: ReadonlyArray<string>): Effect.Effect<void, never, StandardStreams> =>
  Effect.flatMap(StandardStreams, (streams) =>
    Effect.forEach(lines, (line) => streams.writeError(`Note: ${Format.plain(line)}\n`), { discard: true })
  )
