import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, describe, it, vi } from "vitest"
import { install } from "../utils/program.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-cli-"))
const bin = install(directory, false)
const inDirectory = (name: string): string => path.join(directory, name)

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

/** Nothing of the caller's environment configures a provider, and no port that may be served is probed. */
const env = {
  PATH: process.env["PATH"] ?? "",
  OLLAMA_HOST: "127.0.0.1:1"
}

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const ended = (child: ChildProcess): Promise<Ended> =>
  new Promise((resolve) => {
    let out = ""
    let err = ""
    child.stdout?.on("data", (chunk) => (out += String(chunk)))
    child.stderr?.on("data", (chunk) => (err += String(chunk)))
    child.on("close", (code) => resolve({ code, out, err }))
  })

const start = (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, [bin, ...args], { cwd: directory, env: { ...env, ...more } })

const run = (
  args: ReadonlyArray<string>,
  more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {}
): Promise<Ended> => {
  const child = start(args, more.env)
  child.stdin?.end(more.input ?? "")
  return ended(child)
}

const shell = (script: string): Promise<Ended> =>
  ended(
    spawn("sh", ["-c", script.replaceAll("arc-saga", `"${process.execPath}" "${bin}"`)], {
      cwd: directory,
      env,
      stdio: ["ignore", "pipe", "pipe"]
    })
  )

const firstOutput = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => child.stdout?.once("data", () => resolve()))

const lines = (name: string): ReadonlyArray<string> =>
  fs.existsSync(inDirectory(name)) ? fs.readFileSync(inDirectory(name), "utf8").split("\n").slice(0, -1) : []

const waitFor = async (condition: () => boolean): Promise<void> => {
  const limit = performance.now() + 50_000
  while (!condition()) {
    if (performance.now() > limit) throw new Error("what was waited for didn't come")
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Opens a server on a port that is free; its base URL. */
const listening = (server: http.Server): Promise<string> =>
  new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resolve(`http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}/v1`)
    })
  )

describe("the bundled program", () => {
  it("answers a prompt from the argument, from a pipe and from a file", async () => {
    // The standard input that its parent keeps open isn't waited for.
    const argument = await ended(start(["ask", "Hello there"]))
    assert.strictEqual(argument.code, 0)
    assert.match(argument.out, /^This is a simulated answer of copilot_chat: .*“Hello there”/)
    assert.match(argument.err, /^No provider is configured/m)
    const both = await shell("echo 'from a pipe' | arc-saga ask Summarise")
    assert.strictEqual(both.code, 0)
    assert.include(both.out, "“Summarise from a pipe”")
    const file = await shell("printf 'from a file' > prompt.txt; arc-saga ask < prompt.txt")
    assert.include(file.out, "“from a file”")
  })

  it("ends with 2 on wrong use, with nothing on standard output and no stack", async () => {
    const { code, err, out } = await run(["ask", "Hi", "--config", "nope.json"])
    assert.strictEqual(code, 2)
    assert.strictEqual(out, "")
    assert.match(err, /^FileError: nope\.json: /)
    assert.notMatch(err, /^ {4}at /m)
  })

  it("ends with 1 when there is no network", async () => {
    const server = http.createServer()
    const url = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    const { code, err, out } = await run(["ask", "Hi"], {
      env: { OPENAI_API_KEY: "sk-secret", OPENAI_BASE_URL: url }
    })
    assert.strictEqual(code, 1)
    assert.strictEqual(out, "")
    assert.match(err, /^AllProvidersFailedError \(gpt4\): .*network.*\n$/)
    assert.notInclude(err, "sk-secret")
  })

  it("bears that whoever reads its output goes away", async () => {
    const { code, err, out } = await shell("arc-saga ask Hi | head -c 4")
    assert.strictEqual(code, 0)
    assert.strictEqual(out, "This")
    assert.notMatch(err, /EPIPE|Error/)
    const help = await shell("arc-saga --help | head -n 1")
    assert.strictEqual(help.code, 0)
    assert.strictEqual(help.err, "")
  })

  it("stops at once on Ctrl-C in the middle of an answer, and cancels its request", async () => {
    const token = { choices: [{ index: 0, delta: { content: "Well" } }] }
    let closed = false
    const server = http.createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(`data: ${JSON.stringify(token)}\n\n`)
      response.on("close", () => (closed = true))
    })
    const child = start(["ask", "Hi"], { OPENAI_BASE_URL: await listening(server) })
    child.stdin?.end()
    const end = ended(child)
    await firstOutput(child)
    assert.isFalse(closed)
    const before = performance.now()
    child.kill("SIGINT")
    const { code, out } = await end
    assert.strictEqual(code, 130)
    assert.isBelow(performance.now() - before, 2000)
    assert.isNotEmpty(out)
    await waitFor(() => closed)
    server.close()
  })

  it("leaves whole lines when a run is interrupted, and then does only what is missing", async () => {
    const tasks = Array.from({ length: 40 }, (_, index) => JSON.stringify({ prompt: `Question ${index}` }))
    fs.writeFileSync(inDirectory("tasks.jsonl"), `${tasks.join("\n")}\n`)
    fs.writeFileSync(
      inDirectory("pace.json"),
      JSON.stringify({ simulated: [{ id: "a", firstTokenMs: 50, tokensPerSecond: 2000 }] })
    )
    const args = [
      "run",
      "tasks.jsonl",
      "--out",
      "results.jsonl",
      "--config",
      "pace.json",
      "--concurrency",
      "2"
    ]
    const child = start(args)
    const end = ended(child)
    await waitFor(() => lines("results.jsonl").length >= 3)
    child.kill("SIGINT")
    const { code, err } = await end
    assert.strictEqual(code, 130)
    const before = fs.readFileSync(inDirectory("results.jsonl"), "utf8")
    const done = lines("results.jsonl").length
    assert.isTrue(before.endsWith("}\n"))
    assert.isBelow(done, 40)
    assert.include(err, `Interrupted: ${done} of 40 tasks have a result.`)

    const second = await run(args)
    assert.strictEqual(second.code, 0)
    assert.include(second.err, `${done} of 40 tasks have a result in results.jsonl: doing the rest.`)
    assert.match(second.out, /^provider .*p99\na +40 /)
    assert.isTrue(fs.readFileSync(inDirectory("results.jsonl"), "utf8").startsWith(before))
    // In the order in which they came.
    const answered = lines("results.jsonl").map((line) => Number(JSON.parse(line).line))
    assert.deepStrictEqual(
      answered.toSorted((one, other) => one - other),
      tasks.map((_, index) => index + 1)
    )
  })

  it("keeps a ledger where Node has SQLite, and else says which package it needs", async () => {
    const { code, err, out } = await run(["spend", "--json"], { env: { ARC_SAGA_LEDGER: "spend.db" } })
    if (process.getBuiltinModule("node:sqlite") === undefined) {
      assert.strictEqual(code, 2)
      assert.strictEqual(out, "")
      assert.include(
        err,
        "ConfigurationError: environment: ARC_SAGA_LEDGER: The spend ledger can't be set up: SQLite needs Node 22.13 or newer, or a package that isn't installed: npm install libsql."
      )
    } else {
      assert.deepStrictEqual({ code, err, out }, { code: 0, err: "", out: "[]\n" })
    }
  })

  it("starts in this process too", async () => {
    const argv = process.argv
    process.argv = ["node", "arc-saga", "--version"]
    const written: Array<string> = []
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text, ...rest) => {
      written.push(String(text))
      for (const done of rest) if (typeof done === "function") done()
      return true
    })
    try {
      await import("../../src/cli/main.js")
      await waitFor(() => written.length > 0)
    } finally {
      write.mockRestore()
      process.argv = argv
    }
    const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))
    assert.strictEqual(written.join(""), `${version}\n`)
  })

  it("serves, lets an answer under way finish when it is told to stop, and is gone then", async () => {
    const config = { ollama: false, simulated: [{ id: "a", firstTokenMs: 10, tokensPerSecond: 60 }] }
    fs.writeFileSync(inDirectory("serve.json"), JSON.stringify(config))
    const child = start(["serve", "--port", "0", "--config", "serve.json"])
    let err = ""
    child.stderr?.on("data", (chunk) => (err += String(chunk)))
    await waitFor(() => err.includes("Listening at "))
    const url = /Listening at (\S+)\. /.exec(err)?.[1] ?? ""
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "a", stream: true, messages: [{ role: "user", content: "Hello" }] })
    })
    const gone = ended(child)
    child.kill("SIGTERM")
    assert.include(await response.text(), "[DONE]")
    assert.strictEqual((await gone).code, 130)
  })
})
