import { assert, describe, it } from "@effect/vitest"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as gateway from "./gateway.js"
import type { Script } from "./upstream.js"

const multiplying = { name: "bash", input: { command: "echo $((6 * 7))", description: "Multiply" } }

const script: Script = ({ body, results }) => {
  // It has a title made of each question, at the same time.
  if (body["tools"] === undefined) return { text: "A product" }
  return results.length === 0
    ? { thinking: "First.", calls: [multiplying] }
    : { text: `Seen: ${results.join(", ").trim()}` }
}

/** Asks opencode for a model of a vendor, over the provider that answers for that vendor. */
const asked = (vendor: "anthropic" | "openai", model: string) =>
  Effect.gen(function* () {
    const id = vendor === "anthropic" ? "claude" : "gpt4"
    const served = yield* gateway.over({ [id]: { api: vendor, script } })
    const folder = yield* gateway.temporary
    const { files } = gateway.documented(served, "opencode")
    // As the page says of OpenAI's models.
    for (const [name, text] of files) {
      fs.writeFileSync(path.join(folder, name), text.replace('"anthropic"', JSON.stringify(vendor)))
    }
    const { code, err, out } = yield* gateway.run(
      gateway.clientBin("opencode"),
      ["run", "--model", `${vendor}/${model}`, "What is six by seven?"],
      { cwd: folder, env: { HOME: folder, OPENCODE_DISABLE_AUTOUPDATE: "1" } }
    )
    assert.strictEqual(code, 0, err)
    assert.include(out, "Seen: 42")
    yield* gateway.assertCarried(served, id, script)
    return gateway.callsOf(served)
  })

describe("opencode", () => {
  it.scoped("runs a command and tells what it gave, over Anthropic's wire", () =>
    Effect.gen(function* () {
      const calls = yield* asked("anthropic", "claude-sonnet-4-5")
      for (const call of calls) assert.match(call.path, /^\/v1\/messages/)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("does so over OpenAI's", () =>
    Effect.gen(function* () {
      const calls = yield* asked("openai", "gpt-5.1")
      for (const call of calls) assert.strictEqual(call.path, "/v1/responses")
      // What its model thought goes back to it.
      assert.include(calls.at(-1)?.body, "ZW5jcnlwdGVk")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
