import { assert, describe, it } from "@effect/vitest"
import * as SqlClient from "@effect/sql/SqlClient"
import { InvalidArgument } from "arc-saga"
import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { vi } from "vitest"
import * as driver from "../../../src/spend/internal/sqlite/driver.js"
import { databases } from "../../utils/databases.js"

const unloadable = (code: string) => () => {
  throw Object.assign(new Error("Cannot load it"), { code })
}

describe.each(databases.filter(({ name }) => name.includes("SQLite")))("Sqlite on $name", ({ fresh }) => {
  /** Two clients of a file, as two processes have them, and a table. */
  const two = Effect.gen(function* () {
    const client = yield* fresh
    const connect = Effect.map(Layer.build(client), (context) => Context.get(context, SqlClient.SqlClient))
    const [mine, other] = [yield* connect, yield* connect]
    yield* mine`CREATE TABLE t (id TEXT PRIMARY KEY, x)`
    return { mine, other }
  })

  /** Has a client hold the lock until the latch is opened. */
  const holding = (sql: SqlClient.SqlClient) =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<void>()
      const over = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(
        sql.withTransaction(Effect.zipRight(Deferred.succeed(held, undefined), Deferred.await(over)))
      )
      yield* Deferred.await(held)
      return Effect.zipRight(Deferred.succeed(over, undefined), Fiber.join(fiber))
    })

  it.scoped("waits for another's lock, and writes what the other then sees", () =>
    Effect.gen(function* () {
      const { mine, other } = yield* two
      const release = yield* holding(other)
      const writing = yield* Effect.fork(mine`INSERT INTO t VALUES ('a', 1) RETURNING id`)
      yield* TestClock.adjust(400)
      assert.deepStrictEqual(yield* mine`SELECT * FROM t`, [])
      yield* release
      yield* TestClock.adjust(100)
      assert.deepStrictEqual(yield* Fiber.join(writing), [{ id: "a" }])
      assert.deepStrictEqual(yield* other`SELECT * FROM t`, [{ id: "a", x: 1 }])
    })
  )

  it.scoped("fails when the lock is held for longer, and loses nothing that it writes afterwards", () =>
    Effect.gen(function* () {
      const { mine, other } = yield* two
      const release = yield* holding(other)
      const alone = yield* Effect.fork(Effect.flip(mine`INSERT INTO t VALUES ('a', 1)`))
      const together = yield* Effect.fork(
        Effect.flip(mine.withTransaction(mine`INSERT INTO t VALUES ('b', 1)`))
      )
      yield* TestClock.adjust(1000)
      for (const fiber of [alone, together]) {
        const { _tag, cause } = yield* Fiber.join(fiber)
        assert.strictEqual(_tag, "SqlError")
        assert.match(String(cause), /database is locked/)
      }
      yield* release
      for (let id = 0; id < 10; id++) {
        yield* mine`INSERT INTO t VALUES (${String(id)}, 1)`
        yield* mine.withTransaction(mine`UPDATE t SET x = 2 WHERE id = ${String(id)}`)
      }
      assert.deepStrictEqual(yield* other`SELECT COUNT(*) AS n FROM t WHERE x = 2`, [{ n: 10 }])
      yield* other`INSERT INTO t VALUES ('c', 1)`
    })
  )

  it.scoped("takes a transaction back whole, and a nested one by itself", () =>
    Effect.gen(function* () {
      const { mine, other } = yield* two
      const failing = Effect.zipRight(mine`INSERT INTO t VALUES ('b', 1)`, Effect.fail("no"))
      yield* mine.withTransaction(
        Effect.zipRight(mine`INSERT INTO t VALUES ('a', 1)`, Effect.flip(mine.withTransaction(failing)))
      )
      yield* Effect.flip(mine.withTransaction(failing))
      // A statement that fails alone leaves nothing open either.
      yield* Effect.flip(mine`INSERT INTO t VALUES ('a', 2)`)
      yield* other`INSERT INTO t VALUES ('c', 1)`
      assert.deepStrictEqual(yield* mine`SELECT id FROM t ORDER BY id`.values, [["a"], ["c"]])
    })
  )

  it.scoped("goes on when a transaction was ended by hand", () =>
    Effect.gen(function* () {
      const { mine, other } = yield* two
      const ended = yield* Effect.exit(mine.withTransaction(mine`COMMIT`))
      assert.isTrue(ended._tag === "Failure" && Cause.isDie(ended.cause))
      yield* Effect.flip(mine.withTransaction(Effect.zipRight(mine`COMMIT`, Effect.fail("no"))))
      yield* mine`INSERT INTO t VALUES ('a', 1)`
      assert.lengthOf(yield* other`SELECT * FROM t`, 1)
    })
  )

  it.scoped("takes every value that a statement can have, and gives it back", () =>
    Effect.gen(function* () {
      const { mine } = yield* two
      const bytes = new Uint8Array([1, 2])
      for (const [given, back] of [
        [null, null],
        [1.5, 1.5],
        [7n, 7],
        [2n ** 53n, "9007199254740992"],
        [-(2n ** 63n), "-9223372036854775808"],
        ["ü", "ü"],
        [true, 1],
        [false, 0],
        [new Date(5), 5],
        [bytes, bytes],
        [new Int8Array([1, 2]), bytes]
      ] as const) {
        assert.deepStrictEqual(yield* mine`SELECT ${given} AS x`, [{ x: back }])
      }
      const error = yield* Effect.flip(mine`SELECT ${2n ** 63n} AS x`)
      assert.match(String(error.cause), /SQLite has no value for a parameter of type bigint/)
    })
  )

  it.scoped("gives rows as a stream, raw and transformed", () =>
    Effect.gen(function* () {
      const { mine } = yield* two
      const rows = mine`SELECT 1 AS x`
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(rows.stream)), [{ x: 1 }])
      assert.deepStrictEqual(yield* rows.raw, [{ x: 1 }])
      const { execute } = yield* mine.reserve
      assert.deepStrictEqual(yield* execute("SELECT 1 AS x", [], (all) => [...all, ...all]), [
        { x: 1 },
        { x: 1 }
      ])
    })
  )
})

describe("Sqlite", () => {
  it.effect("says what it needs where no driver is there", () =>
    Effect.gen(function* () {
      const missing = [unloadable("ERR_UNKNOWN_BUILTIN_MODULE"), unloadable("MODULE_NOT_FOUND")]
      assert.strictEqual(
        (yield* Effect.flip(driver.find(missing))).message,
        "SQLite needs Node 22.13 or newer, or a package that isn't installed: npm install libsql"
      )
      const broken = yield* Effect.flip(driver.find([unloadable("ERR_DLOPEN_FAILED"), ...missing]))
      assert.strictEqual(broken.message, "The driver can't be loaded")
    })
  )

  it.scoped("fails where the file can't be opened, and for options that mean nothing", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(Sqlite.layer({ path: "/no/such/directory/spend.db" })))
      assert.strictEqual(error._tag, "SqlError")
      for (const options of [{ path: "" }, { path: "spend.db", busyMs: -1 }]) {
        const invalid = yield* Effect.flip(Layer.build(Sqlite.layer(options)))
        assert(invalid instanceof InvalidArgument.InvalidArgumentError)
      }
    })
  )

  it("hides that Node's SQLite is experimental, and no other warning", () => {
    const emit = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined)
    try {
      const emitted = driver.quietly(() => {
        process.emitWarning("SQLite is an experimental feature", "ExperimentalWarning")
        process.emitWarning("SQLite is old", "DeprecationWarning")
        process.emitWarning("Anything is an experimental feature", "ExperimentalWarning")
        return emit.mock.calls.length
      })
      assert.strictEqual(emitted, 2)
      assert.isTrue(Object.is(process.emitWarning, emit))
    } finally {
      emit.mockRestore()
    }
  })

  it("is there on every Node that is supported", () => {
    assert.isTrue(Either.isRight(driver.find()))
  })
})
