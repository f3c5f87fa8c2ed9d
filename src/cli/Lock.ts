/** One process at a time on a file: who has it is written beside it, and gone when it ends. */
import { hostname } from "node:os"
import * as process from "node:process"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FileError } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/** Whether a process of this machine is there. Asking by signal 0 does nothing to it. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process is one, too.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const isTaken = (error: PlatformError): boolean =>
  error._tag === "SystemError" && error.reason === "AlreadyExists"

/** Whether the process that a lock names has ended. Of another machine's nothing is known. */
const isAbandoned = (content: string): boolean => {
  const [pid = "", host = ""] = content.trim().split(" ")
  return host === hostname() && /^[1-9]\d{0,9}$/.test(pid) && !isAlive(Number(pid))
}

/**
 * Holds a file until the scope closes. Fails with a FileError that names the process that has it; what a
 * process that has ended left behind is taken over.
 */
export const hold = (file: string): Effect.Effect<void, FileError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const lock = `${file}.lock`
    const mine = `${process.pid} ${hostname()}\n`

    const held = (content: string) => {
      const [pid = "", host = ""] = content.trim().split(" ")
      return new FileError({
        file,
        reason: `another run writes to it: process ${pid} on ${host}. Wait for its end; if there is no such process, remove ${lock}`
      })
    }

    const beside = Effect.acquireRelease(
      Effect.sync(() => `${lock}.${crypto.randomUUID()}`),
      (path) => Effect.ignore(fs.remove(path, { force: true }))
    )

    /** A link is made only where nothing is, and has its content from the beginning. */
    const take = Effect.scoped(
      Effect.flatMap(beside, (path) => Effect.zipRight(fs.writeFileString(path, mine), fs.link(path, lock)))
    )

    /** Only the lock that was looked at is moved away: another one that is there by now goes back. */
    const clear = (abandoned: string) =>
      Effect.scoped(
        Effect.gen(function* () {
          const path = yield* beside
          yield* fs.rename(lock, path)
          if ((yield* fs.readFileString(path)) !== abandoned) yield* fs.link(path, lock)
        })
      )

    const acquire: Effect.Effect<void, PlatformError | FileError> = Effect.catchIf(take, isTaken, () =>
      Effect.gen(function* () {
        const content = yield* fs.readFileString(lock)
        if (!isAbandoned(content)) return yield* held(content)
        yield* Effect.ignore(clear(content))
        return yield* Effect.catchIf(take, isTaken, () =>
          Effect.flatMap(fs.readFileString(lock), (now) => held(now))
        )
      })
    )

    yield* Effect.acquireRelease(acquire, () => Effect.ignore(fs.remove(lock, { force: true })))
  }).pipe(Effect.mapError((error) => (error._tag === "FileError" ? error : TaskFile.fileError(file)(error))))
