/** Claude Code without a terminal, unchanged but for base URL and key. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeWireServer from "arc-saga/testing/WireServer/Node"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as gateway from "./gateway.js"
import type { Script } from "./upstream.js"

type Providers = Readonly<Record<string, gateway.Provider>>

/** A picture of one red point. */
const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==",
  "base64"
)

/** Asks Claude Code in a folder with a note and a picture. */
const asked = (prompt: string, providersIn: (folder: string) => Providers) =>
  Effect.gen(function* () {
    const folder = yield* gateway.temporary
    fs.writeFileSync(path.join(folder, "note.txt"), "Buy bread\n")
    fs.writeFileSync(path.join(folder, "dot.png"), png)
    const served = yield* gateway.over(providersIn(folder))
    const args = ["--output-format", "json", "--allowedTools", "Read,Bash", "-p", prompt]
    const ended = yield* gateway.run(gateway.clientBin("claude"), args, {
      cwd: folder,
      env: {
        HOME: folder,
        ...gateway.documented(served, "Claude Code").env,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1"
      }
    })
    assert.strictEqual(ended.code, 0, ended.err + ended.out)
    return { served, said: JSON.parse(ended.out) }
  })

const multiplying = { name: "Bash", input: { command: "echo $((6 * 7))", description: "Multiply" } }

/** Reads the note, multiplies, looks at the picture, and tells of the first two. */
const looking = (folder: string): Script => {
  const read = (file: string) => ({ name: "Read", input: { file_path: path.join(folder, file) } })
  return ({ results }) =>
    [
      { thinking: "First.", calls: [read("note.txt")] },
      { calls: [multiplying] },
      { calls: [read("dot.png")] }
    ][results.length] ?? { text: `Seen: ${results.slice(0, 2).join(", ").trim()}` }
}

const seen = /^Seen: .*Buy bread[^]*, 42$/

describe("Claude Code", () => {
  it.scoped("answers: its thinking, its marks for the cache and its own fields reach the model", () =>
    Effect.gen(function* () {
      const script: Script = () => ({ thinking: "Light scatters.", text: "Because of Rayleigh." })
      const { said, served } = yield* asked("Why is the sky blue?", () => ({
        claude: { api: "anthropic", script }
      }))
      assert.strictEqual(said.result, "Because of Rayleigh.")
      assert.deepInclude(said.usage, {
        input_tokens: 30,
        cache_creation_input_tokens: 20,
        cache_read_input_tokens: 10,
        output_tokens: 12
      })
      yield* gateway.assertCarried(served, "claude", script)
      const [call] = yield* served.arrived("claude")
      const body = JSON.parse(call?.body ?? "")
      assert.containsAllKeys(body, ["thinking", "context_management", "output_config", "metadata"])
      assert.include(call?.body, '"cache_control":{"type":"ephemeral"')
      assert.include(call?.headers["anthropic-beta"], "context-management-")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("reads a file, runs a command and looks at a picture", () =>
    Effect.gen(function* () {
      let script: Script = looking("")
      const { said, served } = yield* asked("Look around", (folder) => ({
        claude: { api: "anthropic", script: (script = looking(folder)) }
      }))
      assert.match(said.result, seen)
      yield* gateway.assertCarried(served, "claude", script)
      const calls = yield* served.arrived("claude")
      assert.strictEqual(calls.length, 4)
      assert.match(calls.at(-1)?.body ?? "", /"type":"image","source":\{"type":"base64"/)
      assert.include(calls.at(-1)?.body, '"signature":"c2lnbmVk"')
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("does so over a model of another wire", () =>
    Effect.gen(function* () {
      const { said, served } = yield* asked("Look around", (folder) => ({
        claude: { api: "openai", script: looking(folder) }
      }))
      assert.match(said.result, seen)
      const calls = yield* served.arrived("claude")
      assert.strictEqual(calls.length, 4)
      assert.match(calls.at(-1)?.body ?? "", /"image_url":\{"url":"data:image\/png;base64,/)
      // What Anthropic's model thought is for that one alone.
      assert.notInclude(calls.at(-1)?.body, "c2lnbmVk")
    }).pipe(Effect.provide(NodeWireServer.layer))
  )

  it.scoped("goes on with a provider of another wire when its own dies in the middle of its work", () =>
    Effect.gen(function* () {
      const { said, served } = yield* asked("Look around", (folder) => ({
        claude: {
          api: "anthropic",
          script: (call) =>
            [looking(folder)(call), { text: "The note says", breaks: true }][call.results.length] ?? {
              breaks: true
            }
        },
        gpt4: {
          api: "openai",
          script: ({ results }) =>
            results.length === 1
              ? { text: "The note says bread.", calls: [multiplying] }
              : { text: `Seen: ${results.join(", ")}` }
        }
      }))
      assert.match(said.result, seen)
      const calls = yield* served.arrived("gpt4")
      assert.strictEqual(calls.length, 2)
      assert.include(calls[1]?.body, "The note says bread.")
      for (const { answer } of gateway.callsOf(served)) assert.strictEqual(answer.status, 200, answer.body)
    }).pipe(Effect.provide(NodeWireServer.layer))
  )
})
