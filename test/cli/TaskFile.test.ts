import { SystemError } from "@effect/platform/Error"
import { assert, describe, it } from "@effect/vitest"
import * as TaskFile from "../../src/cli/TaskFile.js"

describe("TaskFile", () => {
  it("says in words why a file can't be used", () => {
    const reason = (reason: "PermissionDenied" | "Busy", description?: string) =>
      TaskFile.fileError("f")(
        new SystemError({
          reason,
          module: "FileSystem",
          method: "open",
          ...(description === undefined ? {} : { description })
        })
      ).message
    assert.strictEqual(reason("PermissionDenied"), "f: permission denied")
    assert.strictEqual(reason("Busy", "it is busy"), "f: it is busy")
    assert.match(reason("Busy"), /^f: Busy/)
  })
})
