import * as NodeContext from "@effect/platform-node/NodeContext"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { build } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as TokenStore from "../../src/auth/TokenStore.js"
import { sized } from "../utils/property.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-processes-"))
const program = path.join(temporary, "process.mjs")
let made = 0

beforeAll(async () => {
  await build({
    absWorkingDir: root,
    entryPoints: ["test/utils/tokenProcess.ts"],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    outfile: program,
    logLevel: "error",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)'
    }
  })
})

afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

const directory = (): string => path.join(temporary, `${made++}`)

const start = (...args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })

const said = (child: ChildProcess, word: string): Promise<void> =>
  new Promise((resolve) => {
    let out = ""
    child.stdout?.on("data", (bytes) => {
      out += String(bytes)
      if (out.includes(word)) resolve()
    })
  })

const ended = (child: ChildProcess): Promise<number | string | null> =>
  new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)))

const open = (directory: string): Promise<TokenStore.Service> =>
  Effect.runPromise(Effect.provide(TokenStore.makeDirectory({ directory }), NodeContext.layer))

/** The number of the write that the user's tokens are of, if they are whole; 0 for none. */
const read = async (store: TokenStore.Service, user: string): Promise<number> => {
  const tokens = Option.getOrUndefined(await Effect.runPromise(store.get(user)))
  if (tokens === undefined) return 0
  const [owner, number, , again, last] = Redacted.value(tokens.accessToken).split(":")
  assert.deepStrictEqual([owner, again, last, number], [user, user, number, `${tokens.expiresAt}`])
  return tokens.expiresAt
}

describe("several processes on one store", () => {
  it("make one key when they begin at the same time, and lose nobody's tokens", async () => {
    const shared = directory()
    const users = ["a", "b", "c", "d", "e", "f"].slice(0, sized(6, 3))
    const children = users.map((user) => start("write", shared, user, "3"))
    assert.deepStrictEqual(
      await Promise.all(children.map(ended)),
      users.map(() => 0)
    )
    const store = await open(shared)
    for (const user of users) assert.strictEqual(await read(store, user), 3)
    assert.lengthOf(fs.readdirSync(shared), users.length + 1)
  })

  it("see each other's tokens of one user whole, however they write", async () => {
    const shared = directory()
    const store = await open(shared)
    const children = ["1", "2"].map(() => start("write", shared, "alice", "60"))
    const all = Promise.all(children.map(ended))
    await Promise.all(children.map((child) => said(child, "wrote")))
    let reads = 0
    const seen = new Set<number>()
    while (children.some(({ exitCode }) => exitCode === null)) {
      seen.add(await read(store, "alice"))
      reads++
    }
    assert.deepStrictEqual(await all, [0, 0])
    assert.isAbove(reads, 10)
    assert.isFalse(seen.has(0))
    assert.strictEqual(await read(store, "alice"), 60)
  })

  it("leave the old tokens readable when one is killed halfway through writing", async () => {
    const shared = directory()
    assert.strictEqual(await ended(start("write", shared, "alice", "2")), 0)
    const before = fs.readdirSync(shared)
    assert.strictEqual(await ended(start("die", shared, "alice", "1")), "SIGKILL")
    const left = fs.readdirSync(shared).filter((name) => !before.includes(name))
    assert.match(left.join(), /^[0-9a-f]{64}\.[0-9a-f-]{36}\.tmp$/)
    assert.strictEqual(await read(await open(shared), "alice"), 2)
    // It is taken away by whoever begins long after.
    const longAgo = new Date(0)
    fs.utimesSync(path.join(shared, left.join()), longAgo, longAgo)
    assert.strictEqual(await read(await open(shared), "alice"), 2)
    assert.deepStrictEqual(fs.readdirSync(shared), before)
  })

  it("leave tokens whole when one is killed at whatever moment", async () => {
    const shared = directory()
    const store = await open(shared)
    for (let round = 0; round < sized(6, 2); round++) {
      const child = start("write", shared, "alice", "100000")
      const over = ended(child)
      await said(child, "wrote")
      await new Promise((resolve) => setTimeout(resolve, 7 * round))
      child.kill("SIGKILL")
      assert.strictEqual(await over, "SIGKILL")
      assert.isAtLeast(await read(store, "alice"), 1)
    }
  })

  it("leave no half-made key when one is killed while it makes it", async () => {
    const shared = directory()
    assert.strictEqual(await ended(start("die", shared, "alice", "1")), "SIGKILL")
    assert.notInclude(fs.readdirSync(shared), "key")
    assert.strictEqual(await ended(start("write", shared, "alice", "1")), 0)
    assert.strictEqual(await read(await open(shared), "alice"), 1)
  })
})
