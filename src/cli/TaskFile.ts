/** A file of tasks: one JSON object a line, with the fields of a task. Blank lines are skipped. */
import { createHash } from "node:crypto"
import * as FileSystem from "@effect/platform/FileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as AITask from "../AITask.js"
import type { Entry } from "../batch/ResultLine.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as sizes from "../internal/sizes.js"
import * as Lines from "./Lines.js"
import { FileError } from "./StandardStreams.js"

/** A line of a file of tasks. Blank lines are counted too; a task without an id is named after its line. */
export type TaskLine = Entry

const invalid = (reason: string) => new InvalidArgumentError({ subject: "AITask", field: "", reason })

const decode = (line: Lines.Line): TaskLine["task"] =>
  Either.gen(function* () {
    const text = yield* Either.mapLeft(Lines.text(line), () =>
      invalid("Expected UTF-8 text, actual other bytes")
    )
    const large = sizes.tooLarge(text)
    if (large !== undefined) {
      return yield* Either.left(new InvalidArgumentError({ subject: "AITask", ...large }))
    }
    const json: unknown = yield* Either.try({
      try: () => JSON.parse(text),
      catch: () => invalid("Expected a JSON object, actual text that isn't JSON")
    })
    const task = yield* AITask.decodeUnknown(json)
    return { ...task, id: task.id ?? `line-${line.number}` }
  })

/** The fingerprint of a line's bytes. */
export const fingerprint = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex").slice(0, 16)

/** The task on a line. */
export const parse = (line: Lines.Line): TaskLine => ({
  number: line.number,
  fingerprint: fingerprint(line.bytes),
  task: decode(line)
})

/** Why a file can't be used, in words. */
export const fileError =
  (file: string) =>
  (error: PlatformError): FileError =>
    new FileError({
      file,
      reason:
        error._tag === "SystemError" && error.reason === "NotFound"
          ? "no such file or directory"
          : error._tag === "SystemError" && error.reason === "PermissionDenied"
            ? "permission denied"
            : (error.description ?? error.message)
    })

/** The lines of a file that have something on them; read as they are pulled, never all at once. */
export const lines = (file: string): Stream.Stream<Lines.Line, FileError, FileSystem.FileSystem> =>
  Stream.unwrap(
    Effect.map(FileSystem.FileSystem, (fs) =>
      Lines.fromBytes(Stream.mapError(fs.stream(file), fileError(file))).pipe(
        Stream.filter((line) => !Lines.isBlank(line))
      )
    )
  )
