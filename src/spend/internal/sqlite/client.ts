import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Handle, Open, Row, Value } from "./driver.js"

/** Statements about transactions, which the drivers run without keeping them. */
const controls = /^\s*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)\b/i

/** Statements that write nothing, or can't be in a transaction. */
const isAlone = /^\s*(SELECT|VALUES|EXPLAIN|PRAGMA|VACUUM|ATTACH|DETACH)\b/i

/** SQLITE_BUSY and SQLITE_PROTOCOL, the latter of processes that open a file at once. */
const contended = [5, 15]

const codeOf = (cause: unknown): unknown =>
  Predicate.hasProperty(cause, "errcode")
    ? cause.errcode
    : Predicate.hasProperty(cause, "rawCode")
      ? cause.rawCode
      : undefined

/** Another connection has what this one needs; the lower byte of an extended code is its kind. */
const isContended = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return Predicate.isNumber(code) && contended.includes(code & 0xff)
}

/** Drivers differ in what they do with other values: one aborts the process, the other writes NULL. */
const toValue = (param: unknown): Value => {
  if (param === null || Predicate.isString(param) || Predicate.isNumber(param)) return param
  if (Predicate.isBoolean(param)) return param ? 1 : 0
  if (Predicate.isBigInt(param) && BigInt.asIntN(64, param) === param) return param
  if (Predicate.isDate(param)) return param.getTime()
  if (ArrayBuffer.isView(param)) return new Uint8Array(param.buffer, param.byteOffset, param.byteLength)
  throw new TypeError(`SQLite has no value for a parameter of type ${typeof param}`)
}

const fromValue = (value: Value): null | number | string | Uint8Array => {
  if (Predicate.isBigInt(value)) {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  }
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value
}

const fromRow = (row: Row): Record<string, unknown> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, fromValue(value)]))

/** A writer holds the lock for milliseconds, so that others look often; the timer leaves the thread free. */
const lockWait = (busyMs: number) =>
  Schedule.exponential("1 millis").pipe(
    Schedule.union(Schedule.spaced("10 millis")),
    Schedule.jittered,
    Schedule.upTo(Duration.millis(busyMs))
  )

const attempt = <A>(run: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({ try: run, catch: (cause) => new SqlError({ cause, message: "Failed to execute statement" }) })

const connect = (open: Open, path: string): Handle => {
  const handle = open(path)
  try {
    // Readers and the writer don't wait for each other, and what is committed survives a power failure.
    handle.exec("PRAGMA journal_mode = WAL")
    handle.exec("PRAGMA synchronous = FULL")
    return handle
  } catch (cause) {
    handle.close()
    throw cause
  }
}

type Run = (sql: string, params: ReadonlyArray<unknown>) => Effect.Effect<ReadonlyArray<object>, SqlError>

const connectionOf = (run: Run): Connection => {
  const execute: Connection["execute"] = (sql, params, transform) =>
    transform === undefined ? run(sql, params) : Effect.map(run(sql, params), transform)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: run,
    executeValues: (sql, params) => Effect.map(run(sql, params), (rows) => rows.map(Object.values)),
    executeStream: (...args) => Stream.unwrap(Effect.map(execute(...args), Stream.fromIterable))
  }
}

/**
 * A client over one connection. A prepared statement of libsql that meets a lock stays open: whatever the
 * connection writes after it seems to succeed, and is lost. So each write first takes the lock with a
 * statement that isn't prepared, and a connection whose prepared statement met a lock isn't used again.
 */
export const make = (
  open: Open,
  { busyMs, path }: { readonly busyMs: number; readonly path: string }
): Effect.Effect<SqlClient.SqlClient, SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function* () {
    let current: Handle | undefined
    const connected = (): Handle => (current ??= connect(open, path))
    const discard = (): void => {
      current?.close()
      current = undefined
    }
    const patiently = <A, R>(effect: Effect.Effect<A, SqlError, R>): Effect.Effect<A, SqlError, R> =>
      Effect.retry(effect, { schedule: lockWait(busyMs), while: ({ cause }) => isContended(cause) })

    const run = (handle: Handle, sql: string, params: ReadonlyArray<unknown>): ReadonlyArray<object> => {
      if (controls.test(sql)) {
        handle.exec(sql)
        return []
      }
      try {
        return handle.all(sql, params.map(toValue)).map(fromRow)
      } catch (cause) {
        if (isContended(cause)) discard()
        throw cause
      }
    }

    const rollBack = (handle: Handle): void => {
      try {
        handle.exec("ROLLBACK")
      } catch {
        discard()
      }
    }

    const runAlone = (handle: Handle, sql: string, params: ReadonlyArray<unknown>): ReadonlyArray<object> => {
      if (isAlone.test(sql)) return run(handle, sql, params)
      handle.exec("BEGIN IMMEDIATE")
      try {
        const rows = run(handle, sql, params)
        handle.exec("COMMIT")
        return rows
      } catch (cause) {
        rollBack(handle)
        throw cause
      }
    }

    /** One transaction at a time, and nothing of others within it. */
    const turn = yield* Effect.makeSemaphore(1)
    const acquirer = Effect.succeed(
      connectionOf((sql, params) =>
        patiently(turn.withPermits(1)(attempt(() => runAlone(connected(), sql, params))))
      )
    )
    const transactionAcquirer = Effect.acquireRelease(turn.take(1), () => turn.release(1)).pipe(
      Effect.zipRight(patiently(attempt(connected))),
      Effect.map((handle) => connectionOf((sql, params) => attempt(() => run(handle, sql, params))))
    )
    const control = (connection: Connection, sql: string) => connection.executeUnprepared(sql, [], undefined)
    const rollback = (connection: Connection) =>
      Effect.catchAll(control(connection, "ROLLBACK"), () => Effect.sync(discard))

    /** The lock is taken here: a transaction that can't have it hasn't begun, and isn't rolled back. */
    const begun = Effect.flatMap(Scope.make(), (scope) =>
      Scope.extend(transactionAcquirer, scope).pipe(
        Effect.tap((connection) => control(connection, "BEGIN IMMEDIATE")),
        Effect.map((connection) => [scope, connection] as const),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    )

    const spanAttributes = [["db.system.name", "sqlite"]] as const
    const client = yield* SqlClient.make({
      acquirer,
      transactionAcquirer,
      compiler: Statement.makeCompilerSqlite(),
      spanAttributes
    })
    yield* Effect.addFinalizer(() => Effect.sync(discard))
    yield* patiently(attempt(connected))
    return Object.assign(client, {
      withTransaction: SqlClient.makeWithTransaction({
        transactionTag: SqlClient.TransactionConnection,
        spanAttributes,
        acquireConnection: patiently(begun),
        begin: () => Effect.void,
        savepoint: (connection, id) => control(connection, `SAVEPOINT effect_sql_${id}`),
        commit: (connection) => Effect.tapError(control(connection, "COMMIT"), () => rollback(connection)),
        rollback,
        rollbackSavepoint: (connection, id) => control(connection, `ROLLBACK TO SAVEPOINT effect_sql_${id}`)
      })
    })
  })
