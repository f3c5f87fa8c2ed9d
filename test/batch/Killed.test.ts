/** Workers of the program as processes of their own, one of which is killed under load. */
import { SpendLedger } from "arc-saga"
import type { Batches } from "arc-saga/batch"
import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import * as Sqlite from "../../src/spend/SpendLedger/Sqlite.js"
import { rowsOf } from "../utils/ledger.js"
import { install } from "../utils/program.js"
import { isFull } from "../utils/property.js"

/** Where the batch lies: made anew, and removed in the end. */
interface Place {
  readonly name: string
  readonly location: (directory: string) => string
  readonly client: (location: string) => Layer.Layer<SqlClient.SqlClient>
}

const { DATABASE_URL = "" } = process.env

/** Starting a process costs a second of a processor: the small size leaves it to the tests of the worker. */
const places: ReadonlyArray<Place> = [
  {
    name: "a file of SQLite",
    location: (directory: string) => `sqlite:${path.join(directory, "saga.db")}`,
    client: (location: string) => Layer.orDie(Sqlite.layer({ path: location.replace("sqlite:", "") }))
  },
  {
    name: "PostgreSQL",
    location: () => `${DATABASE_URL}?options=-csearch_path%3Dkilled_${randomUUID().replaceAll("-", "")}`,
    client: (location: string) => Layer.orDie(PgClient.layer({ url: Redacted.make(location) }))
  }
].filter(({ name }) => isFull && (name !== "PostgreSQL" || DATABASE_URL !== ""))

const count = 300
const concurrency = 10

/** A provider that answers after a while, and counts how often it was asked and has charged. */
const provider = async () => {
  const asked = new Map<string, number>()
  let charged = 0
  const server = http.createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => (body += String(chunk)))
    request.on("end", () => {
      const { messages }: { messages: ReadonlyArray<{ content: string }> } = JSON.parse(body)
      const prompt = messages.at(-1)?.content ?? ""
      asked.set(prompt, (asked.get(prompt) ?? 0) + 1)
      setTimeout(() => {
        charged++
        response.writeHead(200, { "content-type": "application/json" }).end(
          JSON.stringify({
            id: "1",
            object: "chat.completion",
            model: "m-1",
            choices: [{ index: 0, message: { role: "assistant", content: prompt }, finish_reason: "stop" }],
            usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
          })
        )
      }, 200)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // Node gives the address of a server that listens at a port.
  const { port } = server.address() as AddressInfo
  return {
    asked,
    charged: () => charged,
    url: `http://127.0.0.1:${port}/v1`,
    close: () => server.close()
  }
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-batch-killed-"))
const bin = isFull ? install(directory, true) : ""
const children: Array<ChildProcess> = []

afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
  fs.rmSync(directory, { recursive: true, force: true })
})

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

describe("workers", () => {
  it("are tried as processes in a full run", () => {
    assert.strictEqual(places.length > 0, isFull)
  })

  it.each(places)(
    "over $name give every task one result though one of them is killed, and pay twice for nothing but what it had under way",
    async ({ client, location, name }) => {
      const at = location(directory)
      const schema = /search_path%3D(\w+)/.exec(at)?.[1]
      const databases = client(at)
      const sql = (statement: string) =>
        Effect.runPromise(
          Effect.flatMap(SqlClient.SqlClient, (each) => each.unsafe(statement)).pipe(
            Effect.provide(name === "PostgreSQL" ? client(DATABASE_URL) : databases)
          )
        )
      if (schema !== undefined) await sql(`CREATE SCHEMA ${schema}`)
      const server = await provider()
      const config = path.join(directory, "config.json")
      const tasks = path.join(directory, "tasks.jsonl")
      fs.writeFileSync(
        config,
        JSON.stringify({
          ledger: at,
          ollama: false,
          providers: [
            {
              id: "p",
              baseUrl: server.url,
              model: "m-1",
              price: { input: 1, output: 1 },
              completeOver: "json"
            }
          ]
        })
      )
      const prompts = Array.from({ length: count }, (_, index) => `Question ${index}`)
      fs.writeFileSync(tasks, prompts.map((prompt) => JSON.stringify({ id: prompt, prompt })).join("\n"))
      const saga = (...args: ReadonlyArray<string>) =>
        spawnSync(process.execPath, [bin, ...args, "--config", config], { encoding: "utf8" })
      const queued = saga("run", tasks, "--queue", "--name", "b")
      assert.strictEqual(queued.status, 0, queued.stderr)

      const workers = Array.from({ length: 3 }, () => {
        const child = spawn(process.execPath, [
          bin,
          "worker",
          "--concurrency",
          String(concurrency),
          "--config",
          config
        ])
        children.push(child)
        return child
      })
      await until(() => server.charged() >= count / 4)
      const [victim] = workers
      victim?.kill("SIGKILL")
      const killedAt = Date.now()
      await until(() => [...server.asked.values()].some((times) => times > 1))
      assert.isBelow(Date.now() - killedAt, 10_000)
      // Asynchronously: the provider answers in this process.
      const waiting = spawn(process.execPath, [bin, "batch", "results", "b", "--wait", "--config", config])
      let printed = ""
      let complaint = ""
      waiting.stderr.on("data", (chunk) => (complaint += String(chunk)))
      waiting.stdout.on("data", (chunk) => (printed += String(chunk)))
      const code = await new Promise((resolve) => waiting.on("close", resolve))
      assert.strictEqual(code, 0, complaint)
      for (const child of workers) child.kill("SIGTERM")
      await Promise.all(
        workers.map((child) =>
          child.exitCode === null && child.signalCode === null
            ? new Promise((resolve) => child.on("close", resolve))
            : undefined
        )
      )

      const lines = printed
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      assert.deepStrictEqual(
        lines.map(({ result }) => result.text),
        prompts
      )
      const told = new Set(lines.filter(({ takenOver }) => takenOver > 0).map(({ taskId }) => taskId))
      assert.isAtMost(told.size, concurrency)
      for (const prompt of prompts) {
        const times = server.asked.get(prompt) ?? 0
        assert.isAtLeast(times, 1, prompt)
        assert.isAtMost(times, told.has(prompt) ? 2 : 1, prompt)
      }
      const [status]: ReadonlyArray<Batches.Status> = JSON.parse(
        saga("batch", "status", "b", "--json").stdout
      )
      assert.deepInclude(status, { answered: count, waiting: 0, underWay: 0, takenOver: told.size })

      // What was charged is in the ledger, save for what the worker that was killed had under way.
      const rows = await Effect.runPromise(
        Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)).pipe(
          Effect.provide(Layer.provide(SpendLedgerSql.layer(), databases)),
          Effect.orDie
        )
      )
      assert.isAtLeast(rows.length, count)
      assert.isAtMost(server.charged() - rows.length, told.size)
      assert.isAtLeast(server.charged(), rows.length)
      assert.strictEqual(new Set(rows.map(({ taskId }) => taskId)).size, count)
      server.close()
      if (schema !== undefined) await sql(`DROP SCHEMA ${schema} CASCADE`)
    }
  )
})
