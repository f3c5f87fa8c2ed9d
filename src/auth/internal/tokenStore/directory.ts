import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Path from "@effect/platform/Path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Fault } from "./fault.js"
import * as key from "./key.js"

/** What a store needs of where its records are. */
export type Place = Pick<KeyValueStore.KeyValueStore, "getUint8Array" | "remove" | "set">

/** A directory of records, and the key file beside them. */
export interface Directory {
  readonly place: Place
  /** The key in the key file, which is made when there is none. */
  readonly key: Effect.Effect<Redacted.Redacted, Fault>
}

const keyFile = "key"

/** What is written and not yet in its place. */
const temporary = /^(?:[0-9a-f]{64}|key)\.[0-9a-f-]{36}\.tmp$/

/** Milliseconds after which what isn't in its place was left by a process that ended: writing takes a few. */
const staleAfterMs = 600_000

/** The owner alone. */
const fileMode = 0o600
const directoryMode = 0o700
const othersMode = 0o077

const isReason =
  (reason: PlatformError.SystemErrorReason) =>
  (error: PlatformError.PlatformError): boolean =>
    error._tag === "SystemError" && error.reason === reason

const encoder = new TextEncoder()

/** Opens a directory that other processes may use too. */
export const open = (
  directory: string
): Effect.Effect<Directory, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const fileOf = (name: string): string => path.join(directory, name)

    /** Writes a file whole beside its place, then puts it there: who looks sees the old one or the new one. */
    const write = (
      name: string,
      content: Uint8Array,
      put: (from: string, to: string) => Effect.Effect<void, PlatformError.PlatformError>
    ): Effect.Effect<void, PlatformError.PlatformError> =>
      Effect.acquireUseRelease(
        Effect.sync(() => fileOf(`${name}.${crypto.randomUUID()}.tmp`)),
        (file) =>
          Effect.scoped(
            Effect.flatMap(fs.open(file, { flag: "wx", mode: fileMode }), (opened) =>
              Effect.zipRight(opened.writeAll(content), opened.sync)
            )
          ).pipe(Effect.zipRight(put(file, fileOf(name)))),
        (file) => Effect.ignore(fs.remove(file, { force: true }))
      )

    const removeStale = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      for (const name of yield* fs.readDirectory(directory)) {
        if (!temporary.test(name)) continue
        const { mtime } = yield* fs.stat(fileOf(name))
        const isStale = Option.exists(mtime, (date) => now - date.getTime() > staleAfterMs)
        if (isStale) yield* fs.remove(fileOf(name), { force: true })
      }
    })

    const unusable = (description: string, cause?: unknown): Fault => ({
      reason: "key",
      description: `${fileOf(keyFile)}: ${description}`,
      ...(cause === undefined ? {} : { cause })
    })

    /** A link is made only where nothing is, so that of several processes one makes the key. */
    const makeKey = Effect.flatMap(key.generate, (made) =>
      write(keyFile, encoder.encode(`${Redacted.value(made)}\n`), fs.link)
    ).pipe(
      Effect.catchIf(isReason("AlreadyExists"), () => Effect.void),
      Effect.mapError((cause) => unusable("it can't be made", cause))
    )

    const readKey = Effect.gen(function* () {
      const { mode } = yield* fs.stat(fileOf(keyFile))
      // Windows has no modes.
      if (path.sep === "/" && (mode & othersMode) !== 0) {
        return yield* Effect.fail(
          unusable(`others have access to it (mode ${(mode & 0o777).toString(8)}): make it 600`)
        )
      }
      return Redacted.make(yield* fs.readFileString(fileOf(keyFile)))
    })

    yield* fs.makeDirectory(directory, { recursive: true, mode: directoryMode })
    // Another process may remove them at the same time, and they do no harm.
    yield* Effect.ignore(removeStale)

    return {
      place: {
        getUint8Array: (name) =>
          Effect.catchIf(
            Effect.asSome(fs.readFile(fileOf(name))),
            isReason("NotFound"),
            () => Effect.succeedNone
          ),
        set: (name, content) =>
          write(name, typeof content === "string" ? encoder.encode(content) : content, fs.rename),
        remove: (name) => fs.remove(fileOf(name), { force: true })
      },
      key: Effect.if(fs.exists(fileOf(keyFile)), { onTrue: () => Effect.void, onFalse: () => makeKey }).pipe(
        Effect.zipRight(readKey),
        Effect.mapError((error) => ("_tag" in error ? unusable("it can't be read", error) : error))
      )
    }
  })
