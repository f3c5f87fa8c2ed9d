import { assert, describe, it } from "@effect/vitest"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as gateway from "./gateway.js"
import type { Script } from "./upstream.js"

describe("opencode", () => {
  it.scoped("runs a command and tells what it gave", () =>
    Effect.gen(function* () {
      const multiplying = { name: "bash", input: { command: "echo $((6 * 7))", description: "Multiply" } }
      const script: Script = ({ body, results }) => {
        // It has a title made of each question, at the same time.
        if (body["tools"] === undefined) return { text: "A product" }
        return results.length === 0
          ? { thinking: "First.", calls: [multiplying] }
          : { text: `Seen: ${results.join(", ").trim()}` }
      }
      const served = yield* gateway.over({ claude: { api: "anthropic", script } })
      const folder = yield* gateway.temporary
      const { files } = gateway.documented(served, "opencode")
      for (const [name, text] of files) fs.writeFileSync(path.join(folder, name), text)
      const { code, err, out } = yield* gateway.run(
        gateway.clientBin("opencode"),
        ["run", "--model", "anthropic/claude-sonnet-4-5", "What is six by seven?"],
        { cwd: folder, env: { HOME: folder, OPENCODE_DISABLE_AUTOUPDATE: "1" } }
      )
      assert.strictEqual(code, 0, err)
      assert.include(out, "Seen: 42")
      yield* gateway.assertCarried(served, "claude", script)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
