/**
 * Standard input, output and error, as a service: what the commands read and print goes through here, so
 * that a test sees it and a closed pipe is an error like any other.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/** The reader of the output has gone (`| head`): nothing is left to do, and nothing is wrong. */
export class OutputClosedError extends Schema.TaggedError<OutputClosedError>(
  "arc-saga/cli/OutputClosedError"
)("OutputClosedError", {}) {
  override get message(): string {
    return "The reader of the output has gone"
  }
}

/**
 * Something can't be read from or written to a file or a standard stream.
 *
 * @since 0.1.0
 * @category errors
 */
export class FileError extends Schema.TaggedError<FileError>("arc-saga/cli/FileError")("FileError", {
  /** The path, or the name of the stream. */
  file: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.file}: ${this.reason}`
  }
}

/**
 * What standard input is: someone's keyboard, a pipe or file that ends by itself, a connection that its
 * other side may keep open forever, or nothing.
 */
export type Source = "terminal" | "pipe" | "connection" | "nothing"

/** The standard streams. */
export interface Service {
  readonly source: Source
  /** All bytes of standard input. */
  readonly input: Stream.Stream<Uint8Array, FileError>
  /** Writes to standard output and waits until it is taken. */
  readonly write: (text: string) => Effect.Effect<void, OutputClosedError | FileError>
  /** Writes to standard error; what can't be written is dropped. */
  readonly writeError: (text: string) => Effect.Effect<void>
  /** Writes a line to standard error at once: for loggers. */
  readonly unsafeLog: (line: string) => void
  /**
   * Shows a line without an end at the bottom of a terminal, in place of the last one, and takes it away
   * when it is empty. What is written to standard error comes above it. Elsewhere it shows nothing.
   */
  readonly showStatus: (line: string) => Effect.Effect<void>
  readonly outputIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** The width of the terminal, in columns. */
  readonly columns: Effect.Effect<number>
}

/** The standard streams. */
export class StandardStreams extends Context.Tag("arc-saga/cli/StandardStreams")<
  StandardStreams,
  Service
>() {}

/** The same without standard error, which another process writes. */
export const muted = (streams: Service): Service => ({ ...streams, writeError: () => Effect.void })
