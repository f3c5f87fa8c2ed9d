import { assert, describe, it } from "@effect/vitest"
import { InvalidArgument, SpendLedger } from "arc-saga"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as SpendLedgerSql from "../../../src/spend/SpendLedger/Sql.js"
import { databases } from "../../utils/databases.js"
import { flaky, passing, refused, working } from "../../utils/flakySql.js"
import { attempt, rowsOf, task } from "../../utils/ledger.js"
import { ledgerContract } from "../../utils/ledgerContract.js"
import { logs } from "../../utils/logs.js"

/** A ledger over a database that can be away, its logs, and what closes it. */
const unsteady = (options: SpendLedgerSql.Options = {}) =>
  Effect.gen(function* () {
    const sql = flaky(yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh)))
    const { layer, logged } = logs()
    const scope = yield* Scope.make()
    const ledger = yield* Effect.flatMap(SpendLedger.SpendLedger, Effect.succeed).pipe(
      Effect.provide(
        yield* Layer.buildWithScope(
          SpendLedgerSql.layer(options).pipe(Layer.provide(sql.client), Layer.provide(layer)),
          scope
        )
      )
    )
    /** Looks at the rows with another connection. */
    const stored = Effect.provide(
      Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)),
      Layer.provide(SpendLedgerSql.layer(), Layer.fresh(sql.client))
    )
    const close = Scope.close(scope, Exit.void)
    return { sql, ledger, logged, close, stored, observe: ledger.observe(attempt(), task()) }
  })

describe.each(databases)("SpendLedger/Sql on $name", ({ fresh }) => {
  ledgerContract(Effect.map(fresh, (client) => Layer.orDie(Layer.provide(SpendLedgerSql.layer(), client))))

  it.scopedLive(
    "goes on with the tables of before, whose rows it keeps, however many processes begin at once",
    () =>
      Effect.gen(function* () {
        const client = yield* fresh
        const ledger = Layer.fresh(Layer.provide(SpendLedgerSql.layer(), Layer.fresh(client)))
        yield* Effect.provide(
          Effect.flatMap(SpendLedger.SpendLedger, (ledger) => ledger.observe(attempt(), task())),
          ledger
        )
        // As the first version left them.
        yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
          Effect.zipRight(
            Effect.forEach(
              ["cost_source", "session", "agent"],
              (column) => sql`ALTER TABLE arc_saga_spend DROP COLUMN ${sql.literal(column)}`
            ),
            sql`DELETE FROM arc_saga_migrations WHERE component = 'spend' AND version > 1`
          )
        ).pipe(Effect.provide(client))
        const rows = yield* Effect.all(
          Array.from({ length: 3 }, (_, index) =>
            Effect.flatMap(SpendLedger.SpendLedger, (ledger) =>
              Effect.zipRight(
                ledger.observe(attempt({ startedAt: 2000 + index, costSource: "provider" }), task()),
                rowsOf(ledger)
              )
            ).pipe(Effect.provide(ledger))
          ),
          { concurrency: "unbounded" }
        )
        for (const each of rows) assert.strictEqual(each[0]?.costSource, undefined)
        const last = yield* Effect.provide(
          Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)),
          ledger
        )
        assert.deepStrictEqual(
          last.map(({ costSource }) => costSource),
          [undefined, "provider", "provider", "provider"]
        )
      })
  )

  it.scopedLive("takes whatever characters ids and models have", () =>
    Effect.gen(function* () {
      const ledger = Layer.provide(SpendLedgerSql.layer(), yield* fresh)
      const rows = yield* Effect.provide(
        Effect.flatMap(SpendLedger.SpendLedger, (ledger) =>
          Effect.zipRight(
            ledger.observe(
              attempt({ model: "m\u0000'; --" }),
              task({ id: "a\u0000", userId: "ü\n€😀\u0000" })
            ),
            rowsOf(ledger)
          )
        ),
        ledger
      )
      assert.deepStrictEqual(
        rows.map(({ model, taskId, userId }) => [model, taskId, userId]),
        [["m\uFFFD'; --", "a\uFFFD", Option.some("ü\n€😀\uFFFD")]]
      )
    })
  )

  it.scopedLive("is set up by processes that begin at once, and again, and keeps what is there", () =>
    Effect.gen(function* () {
      const client = yield* fresh
      const process = (id: string) =>
        Effect.provide(
          Effect.flatMap(SpendLedger.SpendLedger, (ledger) => ledger.observe(attempt(), task({ id }))),
          Layer.provide(SpendLedgerSql.layer(), Layer.fresh(client))
        )
      yield* Effect.all(["a", "b", "c", "d", "e"].map(process), { concurrency: "unbounded" })
      yield* process("f")
      const rows = yield* Effect.provide(
        Effect.flatMap(SpendLedger.SpendLedger, (ledger) => rowsOf(ledger)),
        Layer.provide(SpendLedgerSql.layer(), client)
      )
      assert.deepStrictEqual(rows.map(({ taskId }) => taskId).toSorted(), ["a", "b", "c", "d", "e", "f"])
    })
  )
})

describe("SpendLedger/Sql, when its database is away", () => {
  it.scoped("has the call go on after the write timeout, and writes the row later", () =>
    Effect.gen(function* () {
      const { ledger, observe, sql } = yield* unsteady({ writeTimeoutMs: 300 })
      const back = yield* Deferred.make<void>()
      sql.before = Deferred.await(back)
      // As the router calls it.
      const call = yield* Effect.fork(Effect.uninterruptible(observe))
      yield* passing(299)
      assert.isNull(call.unsafePoll())
      yield* passing(1)
      assert.isNotNull(call.unsafePoll())
      yield* Deferred.succeed(back, undefined)
      yield* working
      assert.lengthOf(yield* rowsOf(ledger), 1)
    })
  )

  it.scoped("tries until it is back, and tells of each failure and of how many wait", () =>
    Effect.gen(function* () {
      const { ledger, logged, observe, sql } = yield* unsteady()
      sql.before = refused
      const calls = yield* Effect.fork(Effect.all([observe, observe, observe], { concurrency: "unbounded" }))
      yield* passing(1000, 20)
      yield* Fiber.join(calls)
      assert.isAbove(logged.length, 3)
      assert.deepStrictEqual(logged[0], {
        level: "WARN",
        event: "ledger_write_failed",
        fields: {
          waiting: 3,
          reason:
            "The spend ledger can't be written: Failed to connect: ECONNREFUSED: connect to postgres://127.0.0.1. Look whether its database can be reached and used"
        }
      })
      sql.before = Effect.void
      yield* passing(6000, 500)
      assert.lengthOf(yield* rowsOf(ledger), 3)
    })
  )

  it.scoped("doesn't wait for ever for an answer that was lost", () =>
    Effect.gen(function* () {
      const { ledger, logged, observe, sql } = yield* unsteady()
      sql.before = Effect.never
      const call = yield* Effect.fork(observe)
      yield* passing(9999, 3333)
      sql.before = Effect.void
      yield* passing(1001, 143)
      yield* Fiber.join(call)
      assert.match(String(logged[0]?.fields["reason"]), /No answer within 10 s/)
      assert.lengthOf(yield* rowsOf(ledger), 1)
    })
  )

  it.scoped("writes a row once, though the answer to its first try was lost", () =>
    Effect.gen(function* () {
      const { ledger, observe, sql } = yield* unsteady()
      sql.after = Effect.suspend(() => {
        sql.after = Effect.void
        return refused
      })
      const call = yield* Effect.fork(observe)
      yield* passing(200, 10)
      yield* Fiber.join(call)
      assert.lengthOf(yield* rowsOf(ledger), 1)
    })
  )

  it.scoped("writes what is left when it is closed", () =>
    Effect.gen(function* () {
      const { close, logged, observe, sql, stored } = yield* unsteady()
      sql.before = refused
      const call = yield* Effect.fork(observe)
      yield* passing(1000, 100)
      yield* Fiber.join(call)
      const closing = yield* Effect.fork(close)
      yield* working
      assert.isNull(closing.unsafePoll())
      sql.before = Effect.void
      yield* passing(6000, 500)
      yield* Fiber.join(closing)
      assert.lengthOf(yield* stored, 1)
      assert.isTrue(logged.every(({ event }) => event === "ledger_write_failed"))
    })
  )

  it.scoped("tells how many rows are lost when it has to be closed without them", () =>
    Effect.gen(function* () {
      const { close, logged, observe, sql } = yield* unsteady({ drainMs: 2000 })
      sql.before = Effect.never
      const calls = yield* Effect.fork(Effect.all([observe, observe], { concurrency: "unbounded" }))
      yield* passing(1000)
      yield* Fiber.join(calls)
      const closing = yield* Effect.fork(close)
      yield* passing(1999)
      assert.isNull(closing.unsafePoll())
      yield* passing(1)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(logged, [{ level: "ERROR", event: "ledger_rows_lost", fields: { lost: 2 } }])
      yield* observe
      assert.strictEqual(logged.at(-1)?.event, "ledger_rows_lost")
    })
  )

  it.scoped("keeps so many rows waiting, and tells those beyond whole", () =>
    Effect.gen(function* () {
      const { ledger, logged, observe, sql } = yield* unsteady({ maxWaiting: 2 })
      sql.before = refused
      yield* Effect.fork(observe)
      yield* Effect.fork(observe)
      yield* working
      yield* ledger.observe(attempt(), task({ id: "beyond" }))
      const lost = logged.find(({ event }) => event === "ledger_rows_lost")
      assert.strictEqual(lost?.fields["lost"], 1)
      assert.include(String(lost?.fields["row"]), `"taskId":"beyond"`)
      assert.notInclude(String(lost?.fields["row"]), "secret")
    })
  )

  it.scoped("says so to who wants to read it, without the password", () =>
    Effect.gen(function* () {
      const { ledger, sql } = yield* unsteady()
      sql.before = refused
      for (const error of [
        yield* Effect.flip(rowsOf(ledger)),
        yield* Effect.flip(ledger.summary({ by: "day" }))
      ]) {
        assert.strictEqual(error._tag, "LedgerError")
        assert.match(error.message, /^The spend ledger can't be read: .*ECONNREFUSED.*Look whether/)
        assert.notInclude(error.message, "test-password")
      }
    })
  )

  it.scoped("isn't made when its tables can't be", () =>
    Effect.gen(function* () {
      const sql = flaky(yield* Effect.flatten(Effect.fromNullable(databases[0]?.fresh)))
      sql.before = refused
      const error = yield* Effect.flip(Layer.build(Layer.provide(SpendLedgerSql.layer(), sql.client)))
      assert.match(error.message, /^The spend ledger can't be set up: /)
    })
  )

  it.scoped("rejects options that mean nothing", () =>
    Effect.gen(function* () {
      const [sqlite] = databases
      const client = yield* Effect.flatten(Effect.fromNullable(sqlite?.fresh))
      const error = yield* Effect.flip(
        Layer.build(Layer.provide(SpendLedgerSql.layer({ writeTimeoutMs: 0 }), client))
      )
      assert(error instanceof InvalidArgument.InvalidArgumentError)
      assert.strictEqual(
        error.message,
        "SpendLedger.writeTimeoutMs: Expected milliseconds (a number above 0), actual 0"
      )
    })
  )
})
