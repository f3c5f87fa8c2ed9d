/** Several processes of the program on one file of SQLite, begun at once when it isn't there yet. */
import { SpendLedger } from "arc-saga"
import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { rowsOf } from "../utils/ledger.js"
import { install } from "../utils/program.js"
import { isFull, seed, sized } from "../utils/property.js"

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-processes-"))
const bin = install(directory, true)
const inDirectory = (name: string): string => path.join(directory, name)

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

/** Nodes that the processes run on by turns: `NODES=/path/of/one,/path/of/another`. */
const nodes = (process.env["NODES"] ?? process.execPath).split(",")

/** Picodollars that the provider charges for an answer. */
const charge = 105_000_000n

/** A provider that answers at once, and counts what it has charged. */
const provider = async () => {
  const charged = { times: 0 }
  const answer = JSON.stringify({
    id: "1",
    object: "chat.completion",
    model: "m-1",
    choices: [{ index: 0, message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
  })
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
      charged.times++
      response.writeHead(200, { "content-type": "application/json" }).end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // Node gives the address of a server that listens at a port.
  const { port } = server.address() as AddressInfo
  return { charged, url: `http://127.0.0.1:${port}/v1`, close: () => server.close() }
}

interface Running {
  readonly child: ChildProcess
  readonly output: { out: string; err: string }
  readonly ended: Promise<number | string | null>
}

const start = (index: number, args: ReadonlyArray<string>): Running => {
  const child = spawn(nodes[index % nodes.length] ?? process.execPath, [bin, ...args], {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const output = { out: "", err: "" }
  child.stdout.on("data", (chunk) => (output.out += String(chunk)))
  child.stderr.on("data", (chunk) => (output.err += String(chunk)))
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code))
  )
  return { child, output, ended }
}

const waitFor = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** The ledger as this process, which is none of those that write, sees it. */
const reader = (name: string) =>
  ManagedRuntime.make(
    Layer.provide(SpendLedgerSql.layer(), Layer.orDie(Sqlite.layer({ path: inDirectory(name) })))
  )
type Reader = ReturnType<typeof reader>

const rows = (ledger: Reader, filter?: SpendLedger.Filter) =>
  ledger.runPromise(Effect.flatMap(SpendLedger.SpendLedger, (service) => rowsOf(service, filter)))

/** What callers were told: tasks that have an answer, and statuses of calls that have none. */
interface Told {
  readonly answered: Array<string>
  readonly refused: Array<number>
}

interface Process extends Running {
  /** Ends when all that it has been asked is answered, or it is killed. */
  readonly done: Promise<void>
}

const jsonLines = (file: string): ReadonlyArray<{ readonly taskId: string }> =>
  fs.existsSync(inDirectory(file))
    ? fs
        .readFileSync(inDirectory(file), "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : []

/** Numbers from 0 to 1, the same for a seed. */
const random = (from: number) => {
  let state = from >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

// Eight programs may start at once on a machine that has other work to do.
describe("processes on one ledger", { timeout: 600_000 }, () => {
  const calls = 8
  const patienceMs = 1000

  /** Starts processes at once, each in its role by turns; tells what became of their calls. */
  const scene = async (
    name: string,
    roles: ReadonlyArray<"run" | "serve" | "ask" | "spend">,
    usd: number
  ) => {
    const { charged, close, url } = await provider()
    const config = {
      providers: [{ id: "p", baseUrl: url, model: "m-1", price: { input: 3, output: 15 } }],
      ledger: `sqlite:${name}.db`,
      budgets: [{ name: "all", scope: "overall", period: "month", usd }],
      ollama: false
    }
    fs.writeFileSync(inDirectory(`${name}.json`), JSON.stringify(config))
    const told: Told = { answered: [], refused: [] }
    const undurable: Array<string> = []
    const flags = ["--config", `${name}.json`]

    const run = (index: number): Process => {
      const [tasks, out] = [`${name}-${index}.tasks`, `${name}-${index}.out`]
      const lines = Array.from({ length: calls }, (_, task) =>
        JSON.stringify({ id: `${index}-${task}`, prompt: "Well?", maxTokens: 10 })
      )
      fs.writeFileSync(inDirectory(tasks), `${lines.join("\n")}\n`)
      const running = start(index, ["run", tasks, "--out", out, ...flags])
      return { ...running, done: running.ended.then(() => undefined) }
    }

    const ask = (index: number): Process => {
      const running = start(index, ["ask", "Well?", "--json", "--complete", "--max-tokens", "10", ...flags])
      const done = running.ended.then((code) => {
        if (code === 0) told.answered.push(JSON.parse(running.output.out).taskId)
      })
      return { ...running, done }
    }

    const spend = (index: number): Process => {
      const running = start(index, ["spend", "--json", ...flags])
      return { ...running, done: running.ended.then(() => undefined) }
    }

    const call = async (address: string): Promise<void> => {
      const began = performance.now()
      const response = await fetch(`${address}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "p", max_tokens: 10, messages: [{ role: "user", content: "Well?" }] })
      })
      await response.text()
      const taskId = response.headers.get("x-request-id") ?? ""
      if (response.status !== 200) return void told.refused.push(response.status)
      told.answered.push(taskId)
      // A call waits for its row for a second, which a busy machine may need.
      if (performance.now() - began > patienceMs) return
      if ((await rows(ledger, { taskId })).length !== 1) undurable.push(taskId)
    }

    const serve = (index: number): Process => {
      const running = start(index, ["serve", "--port", "0", ...flags])
      const calling = async (): Promise<void> => {
        const { child } = running
        const over = () => child.exitCode !== null || child.signalCode !== null
        const address = () => /Listening at (\S+)\./.exec(running.output.err + running.output.out)?.[1]
        await waitFor(() => over() || address() !== undefined)
        for (let turn = 0; turn < calls && !over(); turn += 4) {
          // A killed process ends its connections.
          await Promise.allSettled(Array.from({ length: 4 }, () => call(String(address()))))
        }
        child.kill("SIGTERM")
        await running.ended
      }
      return { ...running, done: calling() }
    }

    const starts = { run, ask, spend, serve }
    const processes = roles.map((role, index) => starts[role](index))
    const ledger = reader(`${name}.db`)
    return {
      charged,
      ledger,
      processes,
      told,
      undurable,
      finish: async () => {
        await Promise.all(processes.map(({ done }) => done))
        for (const [index] of roles.entries()) {
          told.answered.push(
            ...jsonLines(`${name}-${index}.out`)
              .filter((line) => !("error" in line))
              .map(({ taskId }) => taskId)
          )
        }
        // On a busy machine an attempt may take too long, and the next one answer.
        const recorded = (await rows(ledger)).filter(({ outcome }) => outcome === "succeeded")
        await ledger.dispose()
        close()
        return recorded
      }
    }
  }

  const everybody = ["run", "serve", "ask", "spend", "serve", "run", "ask", "spend"] as const

  // Four are one in each role, eight two that write at the same time in the same way.
  it.each(isFull ? [2, 4, 8] : [4])("%i at once answer every call, and each has its row", async (count) => {
    const roles = everybody.slice(0, count)
    const { charged, finish, processes, told, undurable } = await scene(`all-${count}`, roles, 100)
    const recorded = await finish()
    for (const { ended, output } of processes) {
      assert.include([0, 130], await ended, output.err)
      assert.notMatch(output.err, /BUSY|locked|Experimental|ERROR/)
    }
    assert.deepStrictEqual(told.refused, [])
    assert.deepStrictEqual(undurable, [])
    const expected = roles.map((role) => ({ run: calls, serve: calls, ask: 1, spend: 0 })[role])
    assert.lengthOf(
      told.answered,
      expected.reduce<number>((sum, more) => sum + more, 0)
    )
    assert.sameMembers(
      recorded.map(({ taskId }) => taskId),
      told.answered
    )
    assert.isAtMost(recorded.length, charged.times)
  })

  it("some of which are killed lose no row that was told, and hold up none of the others", async () => {
    const draw = random(seed)
    const roles = everybody.slice(0, sized(8, 6))
    const { charged, finish, processes, told, undurable } = await scene("killed", roles, 100)
    const victims = processes.filter((_, index) => roles[index] !== "spend" && draw() < 0.5)
    for (const { child } of victims) {
      const at = Math.floor(draw() * 2 * calls)
      void waitFor(() => charged.times >= at || child.exitCode !== null).then(() => child.kill("SIGKILL"))
    }
    const recorded = await finish()
    for (const running of processes) {
      if (victims.includes(running)) continue
      assert.include([0, 130], await running.ended, `FC_SEED=${seed} ${running.output.err}`)
      assert.notMatch(running.output.err, /BUSY|locked|ERROR/)
    }
    assert.deepStrictEqual(told.refused, [])
    assert.deepStrictEqual(undurable, [])
    assert.includeMembers(
      recorded.map(({ taskId }) => taskId),
      told.answered
    )
    assert.isAtMost(recorded.length, charged.times)
  })

  it("spend no more than their budget together", async () => {
    const affordable = 12
    const microdollars = (charge * BigInt(affordable)) / 1_000_000n
    const roles = ["run", "serve", "run", "serve"] as const
    const { charged, finish, told } = await scene("budget", roles, Number(microdollars) / 1_000_000)
    const recorded = await finish()
    assert.isAtLeast(charged.times, 1)
    assert.isAtMost(charged.times, affordable)
    assert.sameMembers(
      recorded.map(({ taskId }) => taskId),
      told.answered
    )
    for (const status of told.refused) assert.strictEqual(status, 429)
  })
})
