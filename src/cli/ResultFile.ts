/**
 * A file of results: one JSON object a line, appended as the answers come; each names the line of its task.
 * An interrupted run is taken up after its last whole line.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ResultLine } from "../batch/ResultLine.js"
import * as Lines from "./Lines.js"
import { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/** The file holds results of other tasks, or no results at all: going on would spoil it. */
export class ResultsMismatchError extends Schema.TaggedError<ResultsMismatchError>(
  "arc-saga/cli/ResultsMismatchError"
)("ResultsMismatchError", {
  file: Schema.String,
  /** The line of the results that doesn't fit, from 1. */
  line: Schema.Int,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.file}: line ${this.line} ${this.reason}. Remove the file to start again, or choose another --out`
  }
}

const encodeLine = Schema.encodeSync(Schema.parseJson(ResultLine))
const decodeLine = Schema.decodeUnknownEither(Schema.parseJson(ResultLine))

/** A result as a line of its file, line feed included. */
export const encode = (line: ResultLine): string => `${encodeLine(line)}\n`

/** The result on a line of its file; none when there is another text. */
const decode = (line: Lines.Line): Option.Option<ResultLine> =>
  Option.getRight(Either.flatMap(Lines.text(line), decodeLine))

/** How far a file of results has come. */
export interface Done {
  /** Tasks in the file of tasks. */
  readonly total: number
  /** The lines of the tasks that have a result. */
  readonly lines: ReadonlySet<number>
  /** The length in bytes of the whole lines. */
  readonly bytes: number
}

const opening = '{"line":'

/** Whether a line that nothing ends is half a result: that may be dropped, anything else is another text. */
const isTorn = (line: Lines.Line): boolean =>
  Either.match(Lines.text(line), {
    // Torn inside a character.
    onLeft: () => Buffer.from(line.bytes).subarray(0, opening.length).toString() === opening,
    onRight: (text) => text.startsWith(opening) || opening.startsWith(text)
  })

/** The whole results of a file, each with its line there; fails where there is something else. */
const read = (
  file: string
): Stream.Stream<
  readonly [ResultLine, Lines.Line],
  FileError | ResultsMismatchError,
  FileSystem.FileSystem
> =>
  TaskFile.lines(file).pipe(
    Stream.filter((line) => line.terminated || !isTorn(line)),
    Stream.mapEffect((line) =>
      Option.match(line.terminated ? decode(line) : Option.none(), {
        onNone: () => new ResultsMismatchError({ file, line: line.number, reason: "isn't a result" }),
        onSome: (result) => Effect.succeed([result, line] as const)
      })
    )
  )

/**
 * Hands every earlier result to `seen`, and says how far they have come. Fails with a ResultsMismatchError
 * when the results belong to other tasks.
 */
export const check = (
  options: { readonly tasks: string; readonly out: string },
  seen: (line: ResultLine) => void
): Effect.Effect<Done, FileError | ResultsMismatchError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const exists = yield* Effect.mapError(fs.exists(options.out), TaskFile.fileError(options.out))
    const mismatch = (line: number, reason: string) =>
      new ResultsMismatchError({ file: options.out, line, reason })

    let bytes = 0
    /** By the task's line: what is on it, and where the result stands. */
    const unmatched = new Map<number, { readonly input: string; readonly at: number }>()
    yield* Stream.runForEach(exists ? read(options.out) : Stream.empty, ([result, { end, number }]) => {
      if (unmatched.has(result.line)) {
        return mismatch(number, `is a second result of line ${result.line} of ${options.tasks}`)
      }
      unmatched.set(result.line, { input: result.input, at: number })
      bytes = end
      return Effect.sync(() => seen(result))
    })

    let total = 0
    const lines = new Set<number>()
    yield* Stream.runForEach(TaskFile.lines(options.tasks), (task) =>
      Effect.sync(() => {
        total += 1
        if (unmatched.get(task.number)?.input !== TaskFile.fingerprint(task.bytes)) return
        unmatched.delete(task.number)
        lines.add(task.number)
      })
    )
    // The others are in the order in which they stand there.
    for (const [line, { at }] of unmatched) {
      return yield* mismatch(at, `is the result of another task than line ${line} of ${options.tasks}`)
    }
    return { total, lines, bytes }
  })

/** A file that results are appended to. */
export interface ResultFile {
  /** Appends a result. After a write that failed none is tried: it would go on in a torn line. */
  readonly append: (line: ResultLine) => Effect.Effect<void, FileError>
  /** Waits until all appended results are durable. */
  readonly sync: Effect.Effect<void, FileError>
}

/** Opens a file for appending, behind its last whole line. Results are appended one after the other. */
export const open = (
  path: string,
  bytes: number
): Effect.Effect<ResultFile, FileError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const fileError = TaskFile.fileError(path)
    const file = yield* Effect.mapError(
      Effect.tap(fs.open(path, { flag: "a" }), (opened) =>
        Effect.flatMap(opened.stat, ({ size }) =>
          size > bytes ? opened.truncate(FileSystem.Size(bytes)) : Effect.void
        )
      ),
      fileError
    )
    let failure: FileError | undefined = undefined
    return {
      append: (line) =>
        Effect.suspend(
          () =>
            failure ??
            Effect.mapError(
              file.writeAll(new TextEncoder().encode(encode(line))),
              (error) => (failure = fileError(error))
            )
        ),
      sync: Effect.mapError(file.sync, fileError)
    }
  })

/**
 * Puts the results of a file in the order of the tasks, all or none. Only where they stand is kept in memory.
 */
export const inOrder = (
  file: string
): Effect.Effect<void, FileError | ResultsMismatchError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const places: Array<{ readonly task: number; readonly from: number; readonly end: number }> = []
    yield* Stream.runForEach(read(file), ([{ line: task }, { end }]) =>
      Effect.sync(() => places.push({ task, from: places.at(-1)?.end ?? 0, end }))
    )
    const sorted = places.toSorted((left, right) => left.task - right.task)
    if (sorted.every((place, index) => place === places[index])) return

    const shorter = new FileError({ file, reason: "it was cut while its results were put in order" })
    const rewrite = Effect.gen(function* () {
      const path = yield* fs.realPath(file)
      const source = yield* fs.open(path)
      const { mode } = yield* source.stat
      const ordered = `${path}.ordered`
      yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(ordered, { force: true })))
      const target = yield* fs.open(ordered, { flag: "w", mode: mode & 0o777 })
      for (const { end, from } of sorted) {
        yield* source.seek(from, "start")
        let left = end - from
        while (left > 0) {
          const bytes = yield* Either.fromOption(yield* source.readAlloc(left), () => shorter)
          yield* target.writeAll(bytes)
          left -= bytes.length
        }
      }
      yield* target.sync
      yield* fs.rename(ordered, path)
    })
    const fail = (error: PlatformError) => Effect.fail(TaskFile.fileError(file)(error))
    yield* Effect.catchTags(Effect.scoped(rewrite), { BadArgument: fail, SystemError: fail })
  })
