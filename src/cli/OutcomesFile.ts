/**
 * A file of outcomes: one JSON object a line, gzipped or not. Blank lines are skipped, and so are lines that a process
 * was killed in.
 */
import { gunzipSync } from "node:zlib"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Outcomes from "../savings/Outcomes.js"
import * as Format from "./Format.js"
import * as Lines from "./Lines.js"
import { FileError, StandardStreams } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

const isGzipped = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** The line is the beginning of an outcome. */
const cut = Symbol.for("arc-saga/cli/OutcomesFile/cut")

const decode = (line: Lines.Line): Either.Either<Outcomes.Outcome, string | typeof cut> =>
  Either.gen(function* () {
    const text = yield* Either.mapLeft(Lines.text(line), () => "Expected UTF-8 text, actual other bytes")
    const json: unknown = yield* Either.try({
      try: () => JSON.parse(text),
      catch: () => (text.startsWith("{") ? cut : "Expected a JSON object, actual text that isn't JSON")
    })
    return yield* Either.mapLeft(Outcomes.decodeUnknown(json), ({ message }) => message)
  })

/**
 * The outcomes of a file. Fails with a FileError that names the first line that can't be used, and how many
 * there are. Lines that were cut short are told on standard error.
 */
export const read = (
  file: string
): Effect.Effect<ReadonlyArray<Outcomes.Outcome>, FileError, FileSystem.FileSystem | StandardStreams> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const bytes = yield* Effect.mapError(fs.readFile(file), TaskFile.fileError(file))
    const unpacked = yield* Effect.try({
      try: (): Uint8Array => (isGzipped(bytes) ? gunzipSync(bytes) : bytes),
      catch: () => new FileError({ file, reason: "begins like a gzipped file and can't be unpacked" })
    })
    const outcomes: Array<Outcomes.Outcome> = []
    const bad: Array<string> = []
    let short = 0
    yield* Lines.fromBytes(Stream.succeed(unpacked)).pipe(
      Stream.filter((line) => !Lines.isBlank(line)),
      Stream.runForEach((line) =>
        Effect.sync(() =>
          Either.match(decode(line), {
            onLeft: (reason) => {
              if (reason === cut) short += 1
              else bad.push(`line ${line.number}: ${reason}`)
            },
            onRight: (outcome) => void outcomes.push(outcome)
          })
        )
      )
    )
    const [first] = bad
    if (first !== undefined) {
      const more = bad.length === 1 ? "" : `, and ${Format.count(bad.length - 1, "more line")} can't be used`
      return yield* new FileError({ file, reason: `${first}${more}` })
    }
    if (short > 0) {
      yield* (yield* StandardStreams).writeError(
        `Note: ${Format.count(short, "line")} of ${file} cut short, and left out\n`
      )
    }
    if (outcomes.length === 0) return yield* new FileError({ file, reason: "holds no outcomes" })
    return outcomes
  })
