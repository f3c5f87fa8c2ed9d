/** The programs of docs/examples, bundled for the Node that is here and run as processes of their own. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))
const directory = fs.mkdtempSync(path.join(root, "node_modules/.cache-examples-"))
const running: Array<ChildProcess> = []

afterAll(() => {
  for (const child of running) child.kill("SIGKILL")
  fs.rmSync(directory, { recursive: true, force: true })
})

// Whole, since reading hundreds of files of packages takes longer than what the programs do.
beforeAll(() =>
  build({
    absWorkingDir: root,
    entryPoints: ["backend", "gateway"].map((name) => `docs/examples/${name}.ts`),
    tsconfig: "tsconfig.json",
    bundle: true,
    splitting: true,
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url)'
    },
    alias: Object.fromEntries(
      ["engines", "gateway"].map((entry) => [`arc-saga/${entry}`, path.join(root, `src/${entry}/index.ts`)])
    ),
    platform: "node",
    target: "node20",
    format: "esm",
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    logLevel: "error"
  })
)

/** Begins a program; `said` waits until it has printed what matches, `ended` for its end. */
const start = (name: string, env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, [path.join(directory, `${name}.mjs`)], {
    env,
    stdio: ["ignore", "pipe", "pipe"]
  })
  running.push(child)
  let printed = ""
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      printed += String(data)
      for (const listener of listeners) listener()
    })
  }
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  const said = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(printed)
        if (found !== null) resolve(found)
      }
      listeners.add(look)
      void ended.then(() => reject(new Error(`ended before it said ${String(pattern)}: ${printed}`)))
      look()
    })
  return { child, ended, said, printed: () => printed }
}

describe("the examples", () => {
  it("backend: streams an answer, refuses what isn't a question, and stops at a signal", async () => {
    const { child, ended, said } = start("backend", { PORT: "0" })
    const [, address = ""] = await said(/Listening on (http:\/\/\S+?)"?\s/)
    const ask = (body: string) =>
      fetch(`${address}/ask`, { method: "POST", body, headers: { "content-type": "application/json" } })

    const answer = await ask('{"question": "Why is the sky blue?"}')
    assert.strictEqual(answer.headers.get("content-type"), "text/event-stream")
    const events = (await answer.text()).trim().split("\n\n")
    assert.isAbove(events.length, 2)
    for (const event of events.slice(0, -1)) assert.match(event, /^event: text\ndata: "/)
    assert.match(events.at(-1) ?? "", /^event: done\ndata: \{"provider":"simulated"/)

    assert.strictEqual((await ask('{"question": ""}')).status, 400)
    assert.strictEqual((await ask("?")).status, 400)
    child.kill("SIGINT")
    assert.strictEqual(await ended, 0)
  })

  it("gateway: is asked as OpenAI would be, and tells what became of each attempt", async () => {
    const { ended, printed } = start("gateway")
    assert.strictEqual(await ended, 0, printed())
    assert.match(printed(), /^gpt4: This is a simulated answer of gpt4/m)
    assert.match(printed(), /^claude: 0 of 3 attempts succeeded$/m)
    assert.match(printed(), /^gpt4: 1 of 1 attempts succeeded$/m)
  })
})
