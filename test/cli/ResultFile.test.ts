import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ResultLine from "../../src/batch/ResultLine.js"
import * as ResultFile from "../../src/cli/ResultFile.js"
import { InvalidArgumentError } from "../../src/InvalidArgument.js"

const line = (number: number): ResultLine.ResultLine => {
  const error = new InvalidArgumentError({ subject: "AITask", field: "", reason: "none" })
  return ResultLine.rejected({ number, fingerprint: "00" }, error)
}

describe("ResultFile", () => {
  it.scoped("appends nothing behind a write that failed, which may have torn a line", () =>
    Effect.gen(function* () {
      let writes = 0
      const full = new SystemError({ module: "FileSystem", method: "writeAll", reason: "Unknown" })
      // Of a file only what an appending run uses.
      const file = {
        stat: Effect.succeed({ size: FileSystem.Size(0) }),
        writeAll: () => Effect.suspend(() => (++writes === 2 ? Effect.fail(full) : Effect.void))
      } as unknown as FileSystem.File
      const results = yield* Effect.provide(
        ResultFile.open("r", 0),
        FileSystem.layerNoop({ open: () => Effect.succeed(file) })
      )
      yield* results.append(line(1))
      const second = yield* Effect.flip(results.append(line(2)))
      const third = yield* Effect.flip(results.append(line(3)))
      assert.strictEqual(second._tag, "FileError")
      assert.strictEqual(third, second)
      assert.strictEqual(writes, 2)
    })
  )
})
