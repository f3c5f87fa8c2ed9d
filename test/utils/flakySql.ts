/** A client of SQLite whose database can be away for a while, and a clock's time that passes beside it. */
import * as SqlClient from "@effect/sql/SqlClient"
import type * as SqlConnection from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import type { Client } from "./databases.js"
import * as eventLoop from "./eventLoop.js"

export interface Flaky {
  readonly client: Client
  /** What comes before each statement; nothing at first. */
  before: Effect.Effect<void, SqlError>
  /** What comes after each statement that was carried out; nothing at first. */
  after: Effect.Effect<void, SqlError>
}

export const refused: Effect.Effect<never, SqlError> = Effect.fail(
  new SqlError({
    message: "Failed to connect",
    cause: { code: "ECONNREFUSED", message: "connect to postgres://user:test-password@127.0.0.1" }
  })
)

/** Statements of a client as its users send them: one that hangs keeps no connection from others. */
const unreserved = (real: SqlClient.SqlClient): SqlConnection.Connection => ({
  execute: (sql, params) => real.unsafe(sql, params),
  executeRaw: (sql, params) => real.unsafe(sql, params).raw,
  executeStream: (sql, params) => real.unsafe(sql, params).stream,
  executeValues: (sql, params) => real.unsafe(sql, params).values,
  executeUnprepared: (sql, params) => real.unsafe(sql, params)
})

export const flaky = (client: Client): Flaky => {
  const around = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, SqlError> =>
    Effect.suspend(() => made.before).pipe(
      Effect.zipRight(effect),
      Effect.zipLeft(Effect.suspend(() => made.after)),
      // What was sent to a database is done, whoever waits for it.
      Effect.uninterruptible
    )
  const wrapped = (connection: SqlConnection.Connection): SqlConnection.Connection => ({
    execute: (...args) => around(connection.execute(...args)),
    executeRaw: (...args) => around(connection.executeRaw(...args)),
    executeStream: (...args) => connection.executeStream(...args),
    executeValues: (...args) => around(connection.executeValues(...args)),
    executeUnprepared: (...args) => around(connection.executeUnprepared(...args))
  })
  const made: Flaky = {
    client: Layer.effect(
      SqlClient.SqlClient,
      Effect.flatMap(SqlClient.SqlClient, (real) =>
        SqlClient.make({
          acquirer: Effect.succeed(wrapped(unreserved(real))),
          transactionAcquirer: Effect.map(real.reserve, wrapped),
          beginTransaction: "BEGIN IMMEDIATE",
          compiler: Statement.makeCompilerSqlite(),
          spanAttributes: []
        })
      )
    ).pipe(Layer.provide(client), Layer.provide(Reactivity.layer)),
    before: Effect.void,
    after: Effect.void
  }
  return made
}

/** Lets the database do what it has been asked. */
export const working: Effect.Effect<void> = Effect.repeatN(eventLoop.turn, 20)

/** Lets virtual time pass, step by step, and the database work between the steps. */
export const passing = (ms: number, stepMs = ms): Effect.Effect<void> =>
  Effect.repeatN(Effect.zipRight(TestClock.adjust(stepMs), working), Math.ceil(ms / stepMs) - 1)
