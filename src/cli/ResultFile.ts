/**
 * A file of results: one JSON object a line, in the order of the tasks, appended as they are known. An
 * interrupted run is taken up after its last whole line.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as AIResult from "../AIResult.js"
import type { MultiLLMOrchestrator } from "../routing/MultiLLMOrchestrator.js"
import * as Lines from "./Lines.js"
import type { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/**
 * The file holds results of other tasks, or no results at all: going on would spoil it.
 *
 * @since 0.1.0
 * @category errors
 */
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

const head = {
  /** The line of the task, from 1. */
  line: Schema.Int,
  /** The fingerprint of the task's line. */
  input: Schema.String
}

/**
 * What came of one line of tasks.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ResultLine = Schema.Union(
  Schema.Struct({ ...head, taskId: Schema.String, result: AIResult.AIResult }),
  Schema.Struct({
    ...head,
    /** Null when the line has no task. */
    taskId: Schema.NullOr(Schema.String),
    error: Schema.Struct({
      tag: Schema.String,
      provider: Schema.optionalWith(Schema.String, { exact: true }),
      message: Schema.String,
      /** What was tried, where the error says so. */
      attempts: Schema.Array(AIResult.Attempt)
    })
  })
)

/**
 * What came of one line of tasks.
 *
 * @since 0.1.0
 * @category models
 */
export type ResultLine = typeof ResultLine.Type

type ServeError = Effect.Effect.Error<
  ReturnType<Effect.Effect.Success<typeof MultiLLMOrchestrator>["complete"]>
>

const providerOf = (error: ServeError): string | undefined =>
  error._tag === "AllProvidersFailedError"
    ? error.primary.provider
    : "provider" in error
      ? error.provider
      : undefined

/**
 * The line of a task that was answered.
 *
 * @since 0.1.0
 * @category constructors
 */
export const answered = (task: TaskFile.TaskLine, result: AIResult.AIResult): ResultLine => ({
  line: task.number,
  input: task.fingerprint,
  taskId: result.taskId,
  result
})

/**
 * The line of a task that failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failed = (task: TaskFile.TaskLine, taskId: string, error: ServeError): ResultLine => {
  const provider = providerOf(error)
  return {
    line: task.number,
    input: task.fingerprint,
    taskId,
    error: {
      tag: error._tag,
      ...(provider === undefined ? {} : { provider }),
      message: error.message,
      attempts: error._tag === "AllProvidersFailedError" ? error.attempts : []
    }
  }
}

/**
 * The line of a line that holds no task.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rejected = (
  task: TaskFile.TaskLine,
  error: { readonly _tag: string; readonly message: string }
): ResultLine => ({
  line: task.number,
  input: task.fingerprint,
  taskId: null,
  error: { tag: error._tag, message: error.message, attempts: [] }
})

const encodeLine = Schema.encodeSync(Schema.parseJson(ResultLine))
const decodeLine = Schema.decodeUnknownEither(Schema.parseJson(ResultLine))

/**
 * A result as a line of its file, line feed included.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = (line: ResultLine): string => `${encodeLine(line)}\n`

/**
 * The result on a line of its file; none when there is another text.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decode = (line: Lines.Line): Option.Option<ResultLine> =>
  Option.getRight(Either.flatMap(Lines.text(line), decodeLine))

/**
 * How far a file of results has come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Done {
  /** Tasks in the file of tasks. */
  readonly total: number
  /** Tasks that have a result. */
  readonly done: number
  /** The length in bytes of the whole lines. */
  readonly bytes: number
}

const opening = '{"line":'

/**
 * Whether a line that nothing ends is half a result: that may be dropped, anything else is somebody's text.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTorn = (line: Lines.Line): boolean =>
  Either.match(Lines.text(line), {
    // Torn inside a character.
    onLeft: () => Buffer.from(line.bytes).subarray(0, opening.length).toString() === opening,
    onRight: (text) => text.startsWith(opening) || opening.startsWith(text)
  })

/**
 * Reads tasks and results side by side, hands every earlier result to `seen`, and says how far they have
 * come. Fails with a ResultsMismatchError when the results belong to other tasks.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (
  options: { readonly tasks: string; readonly out: string },
  seen: (line: ResultLine) => void
): Effect.Effect<Done, FileError | ResultsMismatchError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const exists = yield* Effect.mapError(fs.exists(options.out), TaskFile.fileError(options.out))
    const results = exists ? TaskFile.lines(options.out) : Stream.empty
    const mismatch = (line: number, reason: string) =>
      new ResultsMismatchError({ file: options.out, line, reason })

    const step = (
      before: Done,
      task: Option.Option<Lines.Line>,
      result: Option.Option<Lines.Line>
    ): Effect.Effect<Done, ResultsMismatchError> =>
      Effect.gen(function* () {
        const total = before.total + (Option.isSome(task) ? 1 : 0)
        if (Option.isNone(result)) return { ...before, total }
        const line = result.value
        if (!line.terminated) {
          return isTorn(line) ? { ...before, total } : yield* mismatch(line.number, "isn't a result")
        }
        const decoded = yield* Either.fromOption(decode(line), () => mismatch(line.number, "isn't a result"))
        if (Option.isNone(task)) {
          return yield* mismatch(line.number, `is a result too many: ${options.tasks} has ${total} tasks`)
        }
        if (decoded.line !== task.value.number || decoded.input !== TaskFile.fingerprint(task.value.bytes)) {
          return yield* mismatch(
            line.number,
            `is the result of another task than line ${task.value.number} of ${options.tasks}`
          )
        }
        seen(decoded)
        return { total, done: before.done + 1, bytes: line.end }
      })

    return yield* Stream.map(TaskFile.lines(options.tasks), Option.some).pipe(
      Stream.zipAll({
        other: Stream.map(results, Option.some),
        defaultSelf: Option.none<Lines.Line>(),
        defaultOther: Option.none<Lines.Line>()
      }),
      Stream.runFoldEffect<
        Done,
        readonly [Option.Option<Lines.Line>, Option.Option<Lines.Line>],
        ResultsMismatchError,
        never
      >({ total: 0, done: 0, bytes: 0 }, (done, [task, result]) => step(done, task, result))
    )
  })
