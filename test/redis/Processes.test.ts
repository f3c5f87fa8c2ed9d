/** Four processes over one Redis, which goes away: in a full run, since it takes more than a minute. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { build } from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { isFull } from "../utils/property.js"
import { prefix, urls } from "../utils/redis.js"
import * as redisProxy from "../utils/redisProxy.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-sharing-"))
const program = path.join(temporary, "process.mjs")
const places = isFull ? urls : []
const children: Array<ChildProcess> = []

/** Milliseconds for which a circuit is open, and that an attempt takes. */
const [openMs, probeMs] = [1500, 300]

beforeAll(async () => {
  if (places.length === 0) return
  await build({
    absWorkingDir: root,
    entryPoints: ["test/utils/sharingProcess.ts"],
    alias: {
      "arc-saga": `${root}src/index.ts`,
      "arc-saga/redis": `${root}src/redis/index.ts`,
      "arc-saga/testing": `${root}src/testing/index.ts`
    },
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

afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
  fs.rmSync(temporary, { recursive: true, force: true })
})

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

const start = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  children.push(child)
  let output = ""
  child.stdout.on("data", (chunk) => (output += String(chunk)))
  const isOver = () => child.exitCode !== null
  return {
    said: () => output,
    /** When it has said a word, and since when it may have been so. */
    times: (word: string) =>
      Array.from(output.matchAll(/^(\S+) (\d+) (\d+)$/gm), ([, said, at, since]) =>
        said === word ? { at: Number(at), since: Number(since) } : []
      ).flat(),
    /** Tells it what to do, and waits until that is done. */
    tell: async (line: string): Promise<void> => {
      const done = `done-${line.split(" ")[0]} `
      const before = output.split(done).length
      child.stdin.write(`${line}\n`)
      await until(() => output.split(done).length > before || isOver())
    }
  }
}

describe("processes with one Redis", { timeout: 600_000 }, () => {
  it("are tried in a full run where there is a Redis", () => {
    assert.strictEqual(places.length > 0, isFull && urls.length > 0)
  })

  it.each(places)(
    "keep to a limit and use it, probe a circuit once, and go on while it is away",
    async (url) => {
      const scope = await Effect.runPromise(Scope.make())
      const proxy = await Effect.runPromise(Scope.extend(redisProxy.make(url), scope))
      const args = [proxy.url, prefix(), "0.25", String(openMs), String(probeMs)]
      const four = Array.from({ length: 4 }, () => start(...args))
      await until(() => four.every(({ times }) => times("ready").length === 1))
      const all = (line: string) => Promise.all(four.map(({ tell }) => tell(line)))
      const times = (word: string) =>
        four.flatMap((each) => each.times(word)).toSorted((one, other) => one.at - other.at)
      const say = async (word: string): Promise<void> => {
        const before = times(word).length
        while (times(word).length < before + 4) await all("look")
      }

      // Ten times what the limit has, until two minutes' worth of it can have begun.
      const limited = all("load 600 1750 40")
      await all("ask 60 200")
      // Each counts by itself until one has found out; from then on one of them asks at a time.
      const asked = times("asked").map(({ at }) => at)
      const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0))
      const opened = gaps.findIndex((gap) => gap >= openMs)
      assert.isAtLeast(opened, 2)
      const probes = gaps.slice(opened)
      assert.isAtLeast(probes.length, 4, gaps.join(" "))
      // What opened it may have begun before the last that was asked.
      for (const gap of probes.slice(1)) assert.isAtLeast(gap, openMs + probeMs - 50, gaps.join(" "))
      await all("up")
      await all("ask 25 200")
      assert.isTrue(four.every((each) => each.times("answered").length > 0))

      await limited
      const begun = times("load")
      // On a busy machine a process hears late that it was let in: what counts is what surely began within a minute.
      const busiest = Math.max(
        ...begun.map(
          ({ since: from }) => begun.filter(({ at, since }) => since >= from && at < from + 60_000).length
        )
      )
      assert.isAtMost(busiest, 606)
      assert.isAtLeast(begun.length, 0.97 * 1200)

      // Each goes on by its share, and all of them together by the limit once it is back.
      await all("few 40 1")
      await Effect.runPromise(proxy.kill)
      await say("away")
      await all("few 40 30")
      assert.lengthOf(times("few"), 40)
      await Effect.runPromise(proxy.restart)
      await say("here")
      await all("few 40 30")
      assert.lengthOf(times("few"), 40)
      for (const { said } of four) assert.match(said(), /redis_away[\s\S]*redis_back/)
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  )
})
