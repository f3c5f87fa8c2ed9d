import { SpendLedger } from "arc-saga"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import * as SpendLedgerSql from "../../src/spend/SpendLedger/Sql.js"
import * as Sqlite from "../../src/spend/SpendLedger/Sqlite.js"
import { rowsOf } from "../utils/ledger.js"
import { install } from "../utils/program.js"
import { some } from "../utils/property.js"

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-killed-"))
const bin = install(directory, true)
const inDirectory = (name: string): string => path.join(directory, name)

afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const concurrency = 4
const count = 80
const prompts = Array.from({ length: count }, (_, index) => `Question ${index}`)

/** A server that answers each prompt after a while and records what it charged. */
const charging = async () => {
  const charged: Array<string> = []
  const server = http.createServer((request, response) => {
    let body = ""
    request.on("data", (chunk) => (body += String(chunk)))
    request.on("end", () => {
      const { messages }: { messages: ReadonlyArray<{ content: string }> } = JSON.parse(body)
      const prompt = messages.at(-1)?.content ?? ""
      const number = Number(prompt.replace(/\D/g, ""))
      // Every tenth is slow, so that others are done before it.
      setTimeout(
        () => {
          charged.push(prompt)
          response.writeHead(200, { "content-type": "application/json" }).end(
            JSON.stringify({
              id: "1",
              object: "chat.completion",
              model: "m-1",
              choices: [
                {
                  index: 0,
                  message: { role: "assistant", content: `Answer ${number}` },
                  finish_reason: "stop"
                }
              ],
              usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }
            })
          )
        },
        number % 10 === 0 ? 400 : 25
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const port = typeof address === "object" ? address?.port : 0
  return { charged, url: `http://127.0.0.1:${port}/v1`, close: () => server.close() }
}

const ended = (child: ChildProcess): Promise<number | string | null> =>
  new Promise((resolve) => child.once("exit", (code, signal) => resolve(signal ?? code)))

const waitFor = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const rows = (name: string): Promise<ReadonlyArray<SpendLedger.Row>> =>
  Effect.runPromise(
    Effect.provide(
      Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)),
      Layer.provide(SpendLedgerSql.layer(), Sqlite.layer({ path: inDirectory(name) }))
    )
  )

/** The ids of the tasks whose result is in a file; a line that was torn has none. */
const answeredIn = (name: string): ReadonlyArray<string> =>
  fs.existsSync(inDirectory(name))
    ? fs
        .readFileSync(inDirectory(name), "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => String(JSON.parse(line).taskId))
    : []

describe("a run that is killed", () => {
  // At the beginning, in the middle, and near the end.
  it.concurrent.each(some([3, 30, 70], 1))(
    "after %i answers loses no row, and asks for no answer again that it had",
    async (answers) => {
      const { charged, close, url } = await charging()
      const [tasks, out, ledger, settings] = ["tasks", "out", "ledger", "config"].map(
        (name) => `${name}-${answers}`
      )
      assert(tasks !== undefined && out !== undefined && ledger !== undefined && settings !== undefined)
      fs.writeFileSync(
        inDirectory(tasks),
        prompts.map((prompt) => `${JSON.stringify({ id: prompt, prompt })}\n`).join("")
      )
      const config = {
        providers: [{ id: "p", baseUrl: url, model: "m-1", price: { input: 3, output: 15 } }],
        ledger: `sqlite:${ledger}`,
        budgets: [{ name: "all", scope: "overall", period: "month", usd: 100 }],
        ollama: false
      }
      fs.writeFileSync(inDirectory(settings), JSON.stringify(config))
      const start = (): ChildProcess =>
        spawn(
          process.execPath,
          [
            bin,
            "run",
            tasks,
            "--out",
            out,
            "--ordered",
            "--concurrency",
            String(concurrency),
            "--config",
            settings
          ],
          { cwd: directory, env: { PATH: process.env["PATH"] ?? "" }, stdio: "ignore" }
        )

      const first = start()
      const killed = ended(first)
      await waitFor(() => charged.length >= answers)
      first.kill("SIGKILL")
      assert.strictEqual(await killed, "SIGKILL")
      const chargedBefore = charged.length
      const before = await rows(ledger)
      const had = answeredIn(out)

      assert.strictEqual(await ended(start()), 0)
      close()

      // No row is lost or changed.
      const after = await rows(ledger)
      const byId = new Map(after.map((row) => [row.id, row]))
      assert.strictEqual(byId.size, after.length)
      assert.deepStrictEqual(
        before.map(({ id }) => byId.get(id)),
        [...before]
      )
      // Each task has its answer, in its place, and was asked for it once if it had it.
      assert.deepStrictEqual(answeredIn(out), prompts)
      const timesAsked = (prompt: string): number => charged.filter((other) => other === prompt).length
      for (const prompt of had) assert.strictEqual(timesAsked(prompt), 1, prompt)
      // What was under way may be charged again, and may have been charged without a row: no more than that.
      assert.isAtMost(charged.length - count, concurrency)
      assert.isAtMost(chargedBefore - before.length, concurrency)
      assert.isAtLeast(charged.length - after.length, 0)
      assert.isAtMost(charged.length - after.length, concurrency)
      assert.isAtLeast(had.length, answers - concurrency)
      // Each row is what the server charged for it.
      for (const { cost, outcome, taskId } of after) {
        assert.strictEqual(outcome, "succeeded")
        assert.include(charged, taskId)
        assert.deepStrictEqual(Option.getOrThrow(cost).pico, 105_000_000n)
      }
    },
    120_000
  )
})
