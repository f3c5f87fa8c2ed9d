/** The databases that the SQL stores are tested on: SQLite always, PostgreSQL where DATABASE_URL is set. */
import * as Reactivity from "@effect/experimental/Reactivity"
import { PgClient } from "@effect/sql-pg"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as client from "../../src/spend/internal/sqlite/client.js"
import * as driver from "../../src/spend/internal/sqlite/driver.js"

/** A client of a database; each layer that is built of it is another connection to the same one. */
export type Client = Layer.Layer<SqlClient.SqlClient, SqlError>

export interface Database {
  readonly name: string
  /** A new, empty database, which is gone with the scope. */
  readonly fresh: Effect.Effect<Client, never, Scope.Scope>
}

/** Each driver of SQLite that this Node can load. */
const sqlite = (name: string, load: () => driver.Open): ReadonlyArray<Database> =>
  Either.match(driver.find([load]), {
    onLeft: () => [],
    onRight: (open) => [sqliteOn(name, open)]
  })

const sqliteOn = (name: string, open: driver.Open): Database => ({
  name,
  fresh: Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "arc-saga-sqlite-"))),
      (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
    ),
    (directory) =>
      Layer.fresh(
        Layer.scoped(
          SqlClient.SqlClient,
          client.make(open, { path: path.join(directory, "test.db"), busyMs: 500 })
        ).pipe(Layer.provide(Reactivity.layer))
      )
  )
})

const postgres = (url: string): Database => {
  const clientOf = (schema: string) =>
    Layer.fresh(
      PgClient.layer({ url: Redacted.make(`${url}?options=-csearch_path%3D${schema}`), maxConnections: 4 })
    )
  const run = (statement: string) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql.unsafe(statement)).pipe(
      Effect.provide(clientOf("public")),
      Effect.orDie
    )
  return {
    name: "PostgreSQL",
    fresh: Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          const schema = `test_${randomUUID().replaceAll("-", "")}`
          return Effect.as(run(`CREATE SCHEMA ${schema}`), schema)
        }),
        (schema) => run(`DROP SCHEMA ${schema} CASCADE`)
      ),
      clientOf
    )
  }
}

const { DATABASE_URL = "" } = process.env

export const databases: ReadonlyArray<Database> = [
  ...sqlite("SQLite", driver.libsql),
  ...sqlite("Node's SQLite", driver.nodeSqlite),
  ...(DATABASE_URL === "" ? [] : [postgres(DATABASE_URL)])
]
