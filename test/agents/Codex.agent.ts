/** Codex without a terminal, over the provider that its configuration names. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as gateway from "./gateway.js"
import type { Script } from "./upstream.js"

/** Asks Codex over the provider of its models, and one to fall back to. */
const asked = (provider: gateway.Provider, others: Readonly<Record<string, gateway.Provider>> = {}) =>
  Effect.gen(function* () {
    const served = yield* gateway.over({ gpt4: provider, ...others })
    const folder = yield* gateway.temporary
    const { env, files } = gateway.documented(served, "Codex")
    for (const [name, text] of files) fs.writeFileSync(path.join(folder, name), text)
    const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    const ended = yield* gateway.run(gateway.clientBin("codex"), ["exec", ...flags, "Six by seven?"], {
      cwd: folder,
      env: { HOME: folder, CODEX_HOME: folder, ...env }
    })
    return { served, ended }
  })

const script: Script = ({ results }) =>
  results.length === 0
    ? { thinking: "First.", calls: [{ name: "exec_command", input: { cmd: "echo $((6 * 7))" } }] }
    : { text: `Seen: ${results.join(", ")}` }

describe("Codex", () => {
  it.scoped("runs a command and tells what it gave", () =>
    Effect.gen(function* () {
      const { ended, served } = yield* asked({ api: "openai", script })
      assert.strictEqual(ended.code, 0, ended.err)
      assert.match(ended.out, /Seen: [^]*42/)
      yield* gateway.assertCarried(served, "gpt4", script)
      const calls = yield* served.arrived("gpt4")
      assert.strictEqual(calls.length, 2)
      assert.include(calls[1]?.body, "ZW5jcnlwdGVk")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("does so over a model of another wire, without OpenAI's search of the web", () =>
    Effect.gen(function* () {
      const { ended, served } = yield* asked({ api: "anthropic", script })
      assert.strictEqual(ended.code, 0, ended.err)
      assert.match(ended.out, /Seen: [^]*42/)
      const arrived = yield* served.arrived("gpt4")
      assert.strictEqual(arrived.length, 2)
      assert.notInclude(JSON.stringify(arrived), "web_search")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("goes on with a provider of another wire when its own dies in the middle of its work", () =>
    Effect.gen(function* () {
      const dying: Script = (call) =>
        call.results.length === 0 ? script(call) : { text: "The command says", breaks: true }
      const other: Script = ({ results }) => ({ text: `The command says: ${results.join(", ")}` })
      const { ended, served } = yield* asked(
        { api: "openai", script: dying },
        { claude: { api: "anthropic", script: other } }
      )
      assert.strictEqual(ended.code, 0, ended.err)
      assert.match(ended.out, /The command says: [^]*42/)
      const [call, ...more] = yield* served.arrived("claude")
      assert.isEmpty(more)
      // It knows what the tool gave; what OpenAI's model thought is for that one alone.
      assert.match(call?.body ?? "", /"tool_result"[^]*42/)
      assert.notInclude(call?.body, "ZW5jcnlwdGVk")
      // It never heard of it: neither an error nor a second call.
      const calls = gateway.callsOf(served)
      assert.strictEqual(calls.length, 2)
      for (const { answer } of calls) {
        assert.strictEqual(answer.status, 200, answer.body)
        assert.include(answer.body, "response.completed")
        assert.notInclude(answer.body, "response.failed")
      }
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
