/** A file system that writes half of everything. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** Writes half of what is to be written, then does something else. */
export const layer = (
  then: Effect.Effect<void>
): Layer.Layer<FileSystem.FileSystem, never, FileSystem.FileSystem> =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      open: (path: string, options?: FileSystem.OpenFileOptions) =>
        Effect.map(fs.open(path, options), (file) => {
          const writeAll = file.writeAll.bind(file)
          return Object.assign(file, {
            writeAll: (bytes: Uint8Array) =>
              Effect.zipRight(writeAll(bytes.subarray(0, bytes.length / 2)), then)
          })
        })
    }))
  )
