/**
 * A file of outcomes that grows while tasks are served: one JSON object a line, as `train` reads it.
 *
 * Several processes may append to it. Each line is written at once; what a process leaves of a line that it was
 * killed in stays a line of its own, and is left out when the file is read. When the file has reached half of
 * its bound it becomes `<path>.1`, in place of an older one.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as ids from "../../internal/ids.js"
import * as numbers from "../../internal/numbers.js"
import { given } from "../../internal/options.js"
import * as validation from "../../internal/validation.js"
import * as Outcomes from "../Outcomes.js"

/**
 * How much is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The most bytes of the file and of the older one together; 67,108,864 when absent. */
  readonly maxBytes?: number | undefined
}

const decode = validation.decoder(
  "OutcomesFile",
  Schema.Struct({ maxBytes: numbers.count("a number of bytes") })
)

/** Nothing but ASCII: no character is cut in two where a line is. */
const escaped = (json: string): string =>
  json.replaceAll(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

const encoder = new TextEncoder()
const lineFeed = 10

/** The path of the older outcomes. */
const olderOf = (path: string): string => `${path}.1`

/** How a file stands: nothing, where it isn't there. */
interface Tail {
  readonly size: number
  /** Whether its last line has its end. */
  readonly ended: boolean
}

const none: Tail = { size: 0, ended: true }

/**
 * Makes a function that appends outcomes to a file, which is made when it isn't there. Fails with an
 * InvalidArgumentError when the bound isn't above 0.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  path: string,
  options: Options = {}
): Effect.Effect<
  (outcome: Outcomes.Outcome) => Effect.Effect<void, PlatformError>,
  InvalidArgumentError,
  FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    const { maxBytes } = yield* decode({ maxBytes: 64 * 1024 * 1024, ...given(options) })
    const fs = yield* FileSystem.FileSystem
    const one = yield* Effect.makeSemaphore(1)

    const tail: Effect.Effect<Tail, PlatformError> = Effect.scoped(
      Effect.gen(function* () {
        const file = yield* fs.open(path, { flag: "r" })
        const { size } = yield* file.stat
        if (size === 0n) return none
        yield* file.seek(size - 1n, "start")
        const last = yield* file.readAlloc(1)
        return { size: Number(size), ended: Option.exists(last, ([byte]) => byte === lineFeed) }
      })
    ).pipe(
      Effect.catchIf(
        (error) => error._tag === "SystemError" && error.reason === "NotFound",
        () => Effect.succeed(none)
      )
    )

    const isFull = ({ size }: { readonly size: number }): boolean => size >= maxBytes / 2

    /** Another process may have been first: what it has begun since then goes on. */
    const rotate = Effect.gen(function* () {
      const aside = `${path}.${yield* ids.row(yield* Clock.currentTimeMillis)}`
      yield* fs.rename(path, aside)
      if (isFull({ size: Number((yield* fs.stat(aside)).size) }))
        return yield* fs.rename(aside, olderOf(path))
      yield* fs.writeFile(path, yield* fs.readFile(aside), { flag: "a" })
      yield* fs.remove(aside)
    })

    return (outcome) =>
      Effect.gen(function* () {
        let before = yield* tail
        if (isFull(before)) {
          // Where it is gone already, there is nothing to be done.
          yield* Effect.ignore(rotate)
          before = yield* tail
        }
        const line = `${before.ended ? "" : "\n"}${escaped(JSON.stringify(outcome))}\n`
        // One write at the end of the file, wherever that is by now.
        yield* fs.writeFile(path, encoder.encode(line), { flag: "a" })
      }).pipe(Effect.uninterruptible, one.withPermits(1))
  })

/**
 * What a file holds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Read {
  readonly outcomes: ReadonlyArray<Outcomes.Outcome>
  /** The lines that can't be used: cut short, or of another release. */
  readonly unusable: number
}

const parse = Option.liftThrowable((line: string): unknown => JSON.parse(line))

/**
 * Reads the outcomes of a file, the older ones first, as far as they can be used; none where it isn't there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (path: string): Effect.Effect<Read, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const outcomes: Array<Outcomes.Outcome> = []
    let unusable = 0
    for (const file of [olderOf(path), path]) {
      const text = (yield* fs.exists(file)) ? yield* fs.readFileString(file) : ""
      for (const line of text.split("\n")) {
        if (line.trim() === "") continue
        const decoded = Option.flatMap(parse(line), (json) => Either.getRight(Outcomes.decodeUnknown(json)))
        if (Option.isSome(decoded)) outcomes.push(decoded.value)
        else unusable += 1
      }
    }
    return { outcomes, unusable }
  })
