/**
 * Results that are there before those of earlier tasks: kept beside the file of results until their turn
 * comes, so that a run which is killed doesn't ask, and pay, for them again.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ResultFile from "./ResultFile.js"
import type { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/**
 * Results whose turn hasn't come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pending {
  /** The result of a task that an earlier run left here. */
  readonly find: (task: TaskFile.TaskLine) => Option.Option<ResultFile.ResultLine>
  /** Keeps a result until it is taken. */
  readonly keep: (result: ResultFile.ResultLine) => Effect.Effect<void, FileError>
  /** So many results have been written to where they belong. */
  readonly written: (count: number) => Effect.Effect<void, FileError>
  /** All results are where they belong. */
  readonly remove: Effect.Effect<void, FileError>
}

/**
 * Opens a file for appending, behind its last whole line.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openBehind = (
  path: string,
  bytes: number
): Effect.Effect<FileSystem.File, FileError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open(path, { flag: "a" })
    if ((yield* file.stat).size > bytes) yield* fs.truncate(path, FileSystem.Size(bytes))
    return file
  }).pipe(Effect.mapError(TaskFile.fileError(path)))

/**
 * The results that belong to a file of results and aren't in it yet. Fails with a ResultsMismatchError when
 * the file beside it holds something else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  out: string
): Effect.Effect<Pending, FileError | ResultFile.ResultsMismatchError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const path = `${out}.pending`
    const fs = yield* FileSystem.FileSystem
    const failed = TaskFile.fileError(path)
    const earlier = new Map<string, ResultFile.ResultLine>()
    const keyOf = (line: number, input: string): string => `${line} ${input}`

    const exists = yield* Effect.mapError(fs.exists(path), failed)
    const mismatch = (line: number) =>
      new ResultFile.ResultsMismatchError({ file: path, line, reason: "isn't a result" })
    const bytes = yield* Stream.runFoldEffect(
      exists ? TaskFile.lines(path) : Stream.empty,
      0,
      (end, line): Effect.Effect<number, ResultFile.ResultsMismatchError> => {
        if (!line.terminated) return ResultFile.isTorn(line) ? Effect.succeed(end) : mismatch(line.number)
        return Option.match(ResultFile.decode(line), {
          onNone: () => mismatch(line.number),
          onSome: (result) => {
            earlier.set(keyOf(result.line, result.input), result)
            return Effect.succeed(line.end)
          }
        })
      }
    )
    const file = yield* openBehind(path, bytes)
    const turn = yield* Effect.makeSemaphore(1)
    let kept = earlier.size

    return {
      find: ({ fingerprint, number }) => Option.fromNullable(earlier.get(keyOf(number, fingerprint))),
      keep: (result) =>
        Effect.zipRight(
          file.writeAll(new TextEncoder().encode(ResultFile.encode(result))),
          Effect.sync(() => void kept++)
        ).pipe(Effect.mapError(failed), turn.withPermits(1)),
      written: (count) =>
        Effect.suspend(() => {
          kept -= count
          // Nothing is waiting: the file needn't grow to the size of all results.
          return kept > 0 ? Effect.void : Effect.mapError(file.truncate(0), failed)
        }).pipe(turn.withPermits(1)),
      remove: Effect.mapError(fs.remove(path), failed)
    }
  })
