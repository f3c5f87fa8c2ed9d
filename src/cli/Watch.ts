/** Waits for a file to change. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Milliseconds between two looks at a file. */
const everyMs = 500

/**
 * Looks at a file from now on; the effect ends when it is another one than before. One that is being written, or that
 * isn't there while an editor puts another in its place, is waited for.
 */
export const changed = (file: string): Effect.Effect<Effect.Effect<void>, never, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const look = Effect.map(
      Effect.option(fs.stat(file)),
      Option.match({
        onNone: () => "",
        onSome: ({ ino, mtime, size }) =>
          [size, Option.getOrUndefined(ino), Option.getOrUndefined(mtime)?.getTime()].join(" ")
      })
    )
    let seen = yield* look
    let last = seen
    return Effect.delay(look, everyMs).pipe(
      Effect.map((now) => {
        const isStill = now === last && now !== "" && now !== seen
        last = now
        if (isStill) seen = now
        return isStill
      }),
      Effect.repeat({ until: (isStill) => isStill }),
      Effect.asVoid
    )
  })
