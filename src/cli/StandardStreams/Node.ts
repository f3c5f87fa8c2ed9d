/** The standard streams of a Node process. */
import type { Stats } from "node:fs"
import * as fs from "node:fs"
import type { Readable, Writable } from "node:stream"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as StandardStreams from "../StandardStreams.js"

/** What a process has: its streams, and the kind of file behind standard input. */
export interface Options {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  /** The status of the file behind standard input; may throw. */
  readonly stat: () => Pick<Stats, "isFIFO" | "isFile" | "isSocket">
}

const isClosed = (error: Error): boolean =>
  "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")

const writeTo =
  (stream: Writable, file: string) =>
  (text: string): Effect.Effect<void, StandardStreams.OutputClosedError | StandardStreams.FileError> =>
    Effect.async((resume) => {
      stream.write(text, (error) =>
        resume(
          error === undefined || error === null
            ? Effect.void
            : isClosed(error)
              ? new StandardStreams.OutputClosedError()
              : new StandardStreams.FileError({ file, reason: error.message })
        )
      )
    })

const read = (stdin: Readable): Stream.Stream<Uint8Array, StandardStreams.FileError> =>
  Stream.asyncPush<Uint8Array, StandardStreams.FileError>(
    (emit) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          stdin.on("data", (bytes: Uint8Array) => emit.single(bytes))
          stdin.on("end", () => emit.end())
          stdin.on("error", ({ message }) =>
            emit.fail(new StandardStreams.FileError({ file: "standard input", reason: message }))
          )
        }),
        // A pipe that is left open would keep the process alive.
        () => Effect.sync(() => stdin.destroy())
      ),
    { bufferSize: "unbounded" }
  )

const sourceOf = (options: Options): Effect.Effect<StandardStreams.Source> =>
  options.stdin.isTTY === true
    ? Effect.succeed("terminal")
    : Effect.map(
        // A closed standard input has no status.
        Effect.option(Effect.try(options.stat)),
        (status): StandardStreams.Source =>
          status._tag === "None"
            ? "nothing"
            : status.value.isFIFO() || status.value.isFile()
              ? "pipe"
              : status.value.isSocket()
                ? "connection"
                : "nothing"
      )

const ignore = (): void => undefined

const eraseLine = "\r\u001B[2K"

/** Makes the service from a process's streams. */
export const make = (options: Options): Effect.Effect<StandardStreams.Service> =>
  Effect.map(sourceOf(options), (source) => {
    const { stderr, stdout } = options
    // An error event without a listener would end the process; the callbacks of the writes report it.
    stdout.on("error", ignore)
    stderr.on("error", ignore)
    /** What writes to standard error erases the status line before, and shows it again behind. */
    let status = ""
    const above = (text: string): string => (status === "" ? text : `${eraseLine}${text}${status}`)
    const writeError = (text: string) => Effect.ignore(writeTo(stderr, "standard error")(text))
    return {
      source,
      input: Stream.suspend(() => read(options.stdin)),
      write: writeTo(stdout, "standard output"),
      writeError: (text) => Effect.suspend(() => writeError(above(text))),
      unsafeLog: (line) => void stderr.write(above(`${line}\n`)),
      showStatus: (line) =>
        stderr.isTTY === true
          ? Effect.suspend(() => {
              status = line
              return writeError(`${eraseLine}${line}`)
            })
          : Effect.void,
      outputIsTerminal: stdout.isTTY === true,
      errorIsTerminal: stderr.isTTY === true,
      // A terminal that doesn't know its width says 0.
      columns: Effect.sync(() => stderr.columns || 80)
    }
  })

/** The standard streams of this process. */
export const layer: Layer.Layer<StandardStreams.StandardStreams> = Layer.effect(
  StandardStreams.StandardStreams,
  Effect.suspend(() =>
    make({
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      stat: () => fs.fstatSync(0)
    })
  )
)
