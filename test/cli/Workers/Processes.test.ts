import { SpendLedger } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import * as SpendLedgerSql from "../../../src/spend/SpendLedger/Sql.js"
import * as Sqlite from "../../../src/spend/SpendLedger/Sqlite.js"
import { rowsOf } from "../../utils/ledger.js"
import { install } from "../../utils/program.js"

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-workers-"))
const bin = install(directory, true)
const inDirectory = (name: string): string => path.join(directory, name)

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const waitFor = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A provider that streams the first half of an answer at once, and the other after a while, or when it is let. */
const provider = async () => {
  const charged = { times: 0, begun: 0 }
  const held: Array<() => void> = []
  let isHeld = false
  const event = (value: object) => `data: ${JSON.stringify({ model: "m-1", ...value })}\n\n`
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => {
      charged.begun++
      response.writeHead(200, { "content-type": "text/event-stream" })
      response.write(event({ choices: [{ index: 0, delta: { content: "Half, " } }] }))
      const finish = () => {
        charged.times++
        response.write(event({ choices: [{ index: 0, delta: { content: "whole" }, finish_reason: "stop" }] }))
        const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
        response.end(`${event({ choices: [], usage })}data: [DONE]\n\n`)
      }
      if (isHeld) held.push(finish)
      else setTimeout(finish, 20)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // Node gives the address of a server that listens at a port.
  const { port } = server.address() as AddressInfo
  return {
    charged,
    url: `http://127.0.0.1:${port}/v1`,
    hold: () => void (isHeld = true),
    release: () => {
      isHeld = false
      for (const finish of held.splice(0)) finish()
    },
    close: () => server.close()
  }
}

/** A connection of its own, which one worker answers for as long as that lives. */
const connection = (address: string) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (
    method: string,
    route: string,
    body = ""
  ): Promise<{ status: number; text: string; id: string }> =>
    new Promise((resolve, reject) => {
      const asked = http.request(
        `${address}${route}`,
        { agent, method, headers: { "content-type": "application/json" } },
        (response) => {
          let text = ""
          response.on("data", (chunk) => (text += String(chunk)))
          response.on("error", reject)
          response.on("end", () =>
            response.complete
              ? resolve({
                  status: response.statusCode ?? 0,
                  text,
                  id: String(response.headers["x-request-id"])
                })
              : reject(new Error("torn"))
          )
        }
      )
      asked.on("error", reject)
      asked.end(body)
    })
  const question = { model: "p", max_tokens: 10, messages: [{ role: "user", content: "Well?" }] }
  return {
    /** The process that answers. */
    pid: async () => Number(/:(\d+), worker/.exec((await ask("GET", "/status.json")).text)?.[1]),
    get: (route: string) => ask("GET", route),
    call: (stream = false) => ask("POST", "/v1/chat/completions", JSON.stringify({ ...question, stream })),
    close: () => agent.destroy()
  }
}

const start = async (name: string, workers: number, url: string) => {
  const config = (model: string) =>
    fs.writeFileSync(
      inDirectory(`${name}.json`),
      JSON.stringify({
        providers: [{ id: "p", baseUrl: url, model, price: { input: 3, output: 15 } }],
        ledger: `sqlite:${name}.db`,
        // Streams are held for as long as the test takes.
        limits: { idleMs: 60_000 },
        ollama: false
      })
    )
  config("m-1")
  const child: ChildProcess = spawn(
    process.execPath,
    [bin, "serve", "--port", "0", "--workers", String(workers), "--config", `${name}.json`],
    { cwd: directory, env: { PATH: process.env["PATH"] ?? "" }, stdio: ["ignore", "ignore", "pipe"] }
  )
  let told = ""
  child.stderr?.on("data", (chunk) => (told += String(chunk)))
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code))
  )
  await waitFor(() => told.includes("Listening at ") || child.exitCode !== null)
  const address = /Listening at (\S+)\./.exec(told)?.[1] ?? ""
  const pids = async () => {
    const text = await once(address, (one) => one.get("/metrics"))
    return Array.from(text.text.matchAll(/info\{worker="\d+",process="[^"]*:(\d+), worker/g), ([, pid]) =>
      Number(pid)
    )
  }
  return { address, child, config, ended, pids, told: () => told }
}

/** Over a connection that is closed after it. */
const once = async <A>(
  address: string,
  use: (one: ReturnType<typeof connection>) => Promise<A>
): Promise<A> => {
  const one = connection(address)
  try {
    return await use(one)
  } finally {
    one.close()
  }
}

describe("workers", { timeout: 120_000 }, () => {
  it("answer at one port, lose no more than what a killed one had under way, and end together", async () => {
    const { charged, close, hold, release, url } = await provider()
    const { address, child, config, ended, pids, told } = await start("load", 2, url)
    assert.match(told(), /^Note: Each of the 2 workers has limits[^\n]*\nListening at [^\n]*\n$/)
    const before = await pids()
    assert.lengthOf(new Set(before), 2)

    // Under load one is killed.
    const connections = Array.from({ length: 8 }, () => connection(address))
    const answeredBy = await Promise.all(connections.map((one) => one.pid()))
    assert.sameMembers([...new Set(answeredBy)], before)
    const [victim = 0] = before
    let isKilled = false
    const answered: Array<string> = []
    const lost: Array<boolean> = []
    const load = connections.map(async (one, index) => {
      for (let turn = 0; turn < 12; turn++) {
        const wasThere = !isKilled && answeredBy[index] === victim
        try {
          const { id, status, text } = await one.call()
          assert.strictEqual(status, 200, text)
          answered.push(id)
        } catch {
          lost.push(wasThere)
        }
      }
    })
    await waitFor(() => charged.times >= 20)
    process.kill(victim, "SIGKILL")
    isKilled = true
    await Promise.all(load)
    // Each connection to it had one call under way.
    assert.isAtLeast(lost.length, 1)
    assert.isAtMost(lost.length, answeredBy.filter((pid) => pid === victim).length)
    assert.isTrue(lost.every(Boolean), "a call was lost that another worker had, or that began after")
    assert.lengthOf(answered, 8 * 12 - lost.length)
    await waitFor(async () => (await pids()).length === 2)
    const after = await pids()
    assert.isTrue(after.includes(before[1] ?? 0) && !after.includes(victim))
    assert.include(told(), "Note: worker 1 has ended by SIGKILL; it is started again in 0.1 s\n")

    // All take another configuration, and none one that can't be used.
    const hashes = async () => {
      const { text } = await once(address, (one) => one.get("/metrics"))
      return Array.from(text.matchAll(/configuration="(\w+)"/g), ([, hash]) => hash)
    }
    const [hash] = await hashes()
    config("m-2")
    child.kill("SIGHUP")
    await waitFor(async () => (await hashes()).every((now) => now !== hash))
    const [next] = await hashes()
    fs.writeFileSync(inDirectory("load.json"), "{")
    child.kill("SIGHUP")
    await waitFor(() => told().includes("stays as it was"))
    assert.deepStrictEqual(await hashes(), [next, next])
    assert.strictEqual(told().match(/is in use/g)?.length, 1)
    assert.strictEqual(told().match(/stays as it was/g)?.length, 1)

    // Streams under way end whole, and then all ends.
    hold()
    const begun = charged.begun
    const streams = connections.map((one) => one.call(true))
    await waitFor(() => charged.begun === begun + streams.length)
    child.kill("SIGTERM")
    await waitFor(async () => {
      try {
        return (await once(address, (one) => one.get("/readyz"))).status === 503
      } catch {
        return true
      }
    })
    release()
    for (const stream of streams) {
      const { id, text } = await stream
      assert.match(text, /Half, .*whole.*\[DONE\]/s)
      answered.push(id)
    }
    assert.strictEqual(await ended, 130)
    assert.isFalse(after.some(isAlive))
    for (const one of connections) one.close()
    close()

    // What was told is in the ledger, and no more than what was charged.
    const recorded = await Effect.runPromise(
      Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)).pipe(
        Effect.provide(Layer.provide(SpendLedgerSql.layer(), Sqlite.layer({ path: inDirectory("load.db") })))
      )
    )
    const succeeded = recorded.filter(({ outcome }) => outcome === "succeeded").map(({ taskId }) => taskId)
    assert.strictEqual(new Set(succeeded).size, succeeded.length)
    assert.includeMembers(succeeded, answered)
    assert.isAtMost(succeeded.length, charged.times)
    assert.isAtMost(charged.times - succeeded.length, lost.length)
  })

  it("end with their primary, however that ends", async () => {
    const { close, url } = await provider()
    const { child, ended, pids } = await start("primary", 2, url)
    const workers = await pids()
    assert.isTrue(workers.every(isAlive))
    child.kill("SIGKILL")
    assert.strictEqual(await ended, "SIGKILL")
    await waitFor(() => !workers.some(isAlive))
    close()
  })

  it("aren't started again and again where none can begin", async () => {
    const { child, ended, told } = await start("broken", 3, "nowhere")
    assert.strictEqual(await ended, 2)
    assert.match(
      told(),
      /^ConfigurationError: [^\n]*providers\[0\]\.baseUrl[^\n]*\nWorkerError: Worker 1 has ended with 2 before all workers listened\n$/
    )
    assert.strictEqual(child.exitCode, 2)
  })
})
