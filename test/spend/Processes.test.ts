/** Four gateways as processes of their own on one database, which is cut off under load: in a full run. */
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import { SpendLedger, Usd } from "arc-saga"
import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { createHash, randomUUID } from "node:crypto"
import * as path from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import * as gateways from "../utils/gateways.js"
import { rowsOf } from "../utils/ledger.js"
import { isFull } from "../utils/property.js"
import * as redisProxy from "../utils/redisProxy.js"

const { DATABASE_URL = "" } = process.env
const places = isFull ? ["SQLite", ...(DATABASE_URL === "" ? [] : ["PostgreSQL"])] : []
const { evenly, until } = gateways

/** USD that an answer costs: 10 tokens read and 5 written, of which nearly all can be told before. */
const charge = 0.000_753
const price = { input: 0.3, output: 150 }

const started: Array<ReturnType<typeof gateways.make>> = []

afterAll(async () => {
  for (const { stop } of started) await stop()
})

/** A database, the way of the gateways to it, and what cuts that off for a while. */
const opened = async (place: string, directory: string, scope: Scope.CloseableScope) => {
  if (place === "SQLite") {
    const file = path.join(directory, "saga.db")
    return { ledger: `sqlite:${file}`, client: Layer.orDie(Sqlite.layer({ path: file })), cut: undefined }
  }
  const schema = `keys_${randomUUID().replaceAll("-", "")}`
  const search = `?options=-csearch_path%3D${schema}`
  const clientOf = (url: string) => Layer.orDie(PgClient.layer({ url: Redacted.make(url) }))
  const run = (statement: string) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
      Effect.provide(clientOf(DATABASE_URL)),
      Effect.orDie
    )
  await Effect.runPromise(
    Scope.extend(
      Effect.acquireRelease(run(`CREATE SCHEMA ${schema}`), () => run(`DROP SCHEMA ${schema} CASCADE`)),
      scope
    )
  )
  const proxy = await Effect.runPromise(Scope.extend(redisProxy.make(DATABASE_URL), scope))
  const through = new URL(DATABASE_URL)
  through.port = new URL(proxy.url).port
  return { ledger: `${through.href}${search}`, client: clientOf(`${DATABASE_URL}${search}`), cut: proxy }
}

// Four programs start at once on a machine that has other work to do.
describe("processes with one database", { timeout: 600_000 }, () => {
  it("are tried in a full run", () => {
    assert.strictEqual(places.length > 0, isFull)
  })

  it.each(places)(
    "on %s keep keys and teams to their budgets together, use them, and lose nothing that was settled",
    async (place) => {
      const scope = await Effect.runPromise(Scope.make())
      const own = gateways.make()
      started.push(own)
      const { ask, provider, request, serve } = own
      const { client, cut, ledger } = await opened(place, own.directory, scope)
      const server = await provider(() => ({ status: 200, afterMs: 5 }))
      const sha256 = createHash("sha256").update("test-key-ops").digest("hex")
      const four = await serve(4, {
        ledger,
        issuedKeys: {},
        providers: [
          {
            id: "p",
            baseUrl: server.url,
            model: "m-1",
            price,
            completeOver: "json"
          }
        ],
        gateway: { keys: [{ id: "ops", sha256, admin: true }] }
      })
      const administer = async (method: string, route: string, body: object) => {
        const answer = await request(method, `${four[0]?.url}/v1/${route}`, "test-key-ops", body)
        assert.include([200, 201], answer.status, answer.text)
        return JSON.parse(answer.text)
      }
      const daily = (calls: number) => [{ period: "day", usd: calls * charge }]
      const secrets: Record<string, string> = {}
      const issue = async (id: string, settings: object) => {
        secrets[id] = (await administer("POST", "keys", { id, ...settings })).secret
      }
      await administer("PUT", "teams/ml", { budgets: daily(60) })
      await issue("web", { team: "ml", budgets: daily(25) })
      await issue("app", { team: "ml" })
      await issue("free", {})

      const answered: Array<{ readonly id: string; readonly key: string }> = []
      const call = async (key: string, index: number): Promise<number> => {
        const { id, status } = await ask(four[index % 4], secrets[key] ?? "", "p", key)
        if (status === 200) answered.push({ id, key })
        return status
      }
      const asked = (...keys: ReadonlyArray<string>) =>
        server.asked.filter(({ prompt }) => keys.includes(prompt)).length
      /** Asks from all sides until nearly all of a budget is used, which takes some settling, and on. */
      const exhaust = async (key: string, used: () => number, calls: number): Promise<void> => {
        let more = 3
        while (used() < calls - 1 || more-- > 0) {
          const statuses = await Promise.all(Array.from({ length: 16 }, (_, index) => call(key, index)))
          // Where a busy machine can't say in time what is left, nobody is asked.
          for (const status of statuses) assert.include([200, 429, 503], status)
          assert.isAtMost(used(), calls)
        }
      }
      await exhaust("web", () => asked("web"), 25)
      await exhaust("app", () => asked("web", "app"), 60)

      const statuses: Array<number> = []
      const load = (times: number, overMs: number) =>
        evenly(times, overMs, async (index) => statuses.push(await call("free", index)))
      if (cut === undefined) await load(40, 1000)
      else {
        // Longer than a key that is known is taken: some are refused then, and nothing else.
        const loaded = load(150, 6000)
        await until(() => statuses.length > 20)
        await Effect.runPromise(cut.kill)
        await until(() => statuses.length > 80)
        await Effect.runPromise(cut.restart)
        await loaded
        for (const status of statuses) assert.include([200, 503], status)
        await until(async () => (await call("free", 0)) === 200)
      }

      const read = Effect.flatMap(SpendLedger.SpendLedger, (each) => rowsOf(each)).pipe(
        Effect.provide(Layer.provide(SpendLedgerSql.layer(), client)),
        Effect.orDie
      )
      // What couldn't be written at once is written later.
      await until(async () => (await Effect.runPromise(read)).length >= server.charged())
      const rows = await Effect.runPromise(read)
      // On a busy machine an attempt may take too long, and the next one answer: it has a row of its own.
      const paid = rows.filter(({ outcome }) => outcome === "succeeded")
      assert.sameMembers(
        paid.map(({ taskId }) => taskId),
        answered.map(({ id }) => id)
      )
      assert.isAtMost(server.charged(), rows.length)
      for (const { cost } of paid) {
        assert.deepStrictEqual(Option.map(cost, Usd.toNumber), Option.some(charge))
      }
      assert.strictEqual(
        paid.filter(({ team }) => team === "ml").length,
        answered.filter(({ key }) => key !== "free").length
      )
      // The budgets are where they were.
      assert.deepStrictEqual(await Promise.all([call("web", 1), call("app", 2)]), [429, 429])
      await Effect.runPromise(Scope.close(scope, Exit.void))
    }
  )
})
