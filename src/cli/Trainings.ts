/** How often a model was trained anew, and what came of it last: kept beside the model's file. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ModelFile from "./ModelFile.js"
import { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

const Kept = Schema.Struct({
  /** The trainings that have begun. */
  count: Schema.NonNegativeInt,
  last: Schema.optional(
    Schema.Struct({
      /** When it ended, in milliseconds since 1970. */
      at: Schema.Int,
      outcome: Schema.Literal("taken", "refused", "failed"),
      /** Why, in words. */
      reason: Schema.String
    })
  )
})

/** The trainings of a model so far. */
export interface Trainings extends Schema.Schema.Type<typeof Kept> {}

const decode = Schema.decodeUnknown(Schema.parseJson(Kept))

const fileOf = (model: string): string => `${model}.trainings`

/** The trainings of the model of a file. Fails with a FileError where they can't be read. */
export const read = (model: string): Effect.Effect<Trainings, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = fileOf(model)
    if (!(yield* Effect.mapError(fs.exists(file), TaskFile.fileError(file)))) return { count: 0 }
    const text = yield* Effect.mapError(fs.readFileString(file), TaskFile.fileError(file))
    return yield* Effect.mapError(
      decode(text),
      () => new FileError({ file, reason: "Expected how often the model was trained, actual something else" })
    )
  })

/** Keeps them for whatever process trains next. */
export const write = (
  model: string,
  trainings: Trainings
): Effect.Effect<void, FileError, FileSystem.FileSystem> => ModelFile.replace(fileOf(model), trainings)
