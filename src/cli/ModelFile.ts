/** A file with a trained model. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as QualityModel from "../savings/QualityModel.js"
import { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/** The model of a file. Fails with a FileError that says what is wrong with it. */
export const read = (file: string): Effect.Effect<QualityModel.Model, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(fs.readFileString(file), TaskFile.fileError(file))
    const json: unknown = yield* Either.try({
      try: () => JSON.parse(text),
      catch: () => new FileError({ file, reason: "Expected a model in JSON, actual text that isn't JSON" })
    })
    return yield* Either.mapLeft(
      QualityModel.decodeUnknown(json),
      ({ message }) => new FileError({ file, reason: message })
    )
  })

/** Writes JSON to a file, which at every instant holds all of the old value or all of the new one. */
export const replace = (file: string, json: unknown): Effect.Effect<void, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const beside = `${file}.${crypto.randomUUID()}`
    yield* fs.writeFileString(beside, `${JSON.stringify(json)}\n`).pipe(
      Effect.zipRight(fs.rename(beside, file)),
      Effect.onError(() => Effect.ignore(fs.remove(beside, { force: true })))
    )
  }).pipe(Effect.mapError(TaskFile.fileError(file)))

/** Writes a model to a file. */
export const write: (
  file: string,
  model: QualityModel.Model
) => Effect.Effect<void, FileError, FileSystem.FileSystem> = replace
