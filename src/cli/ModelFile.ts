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

/** Writes a model to a file. */
export const write = (
  file: string,
  model: QualityModel.Model
): Effect.Effect<void, FileError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.mapError(fs.writeFileString(file, `${JSON.stringify(model)}\n`), TaskFile.fileError(file))
  )
