/**
 * Ledger and budgets in a file of SQLite. Loaded when that is configured: it needs the package
 * `@libsql/client`, which has a native part.
 *
 * @since 0.1.0
 */
import * as LibsqlClient from "@effect/sql-libsql/LibsqlClient"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { patiently } from "../../internal/sql.js"
import * as Stores from "./Stores.js"

/** What means something in an address means nothing in a path. */
const urlOf = (path: string): string =>
  `file:${encodeURI(path).replaceAll("#", "%23").replaceAll("?", "%3F")}`

/**
 * Ledger and budgets in the file at a path, which is made when it isn't there.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (path: string): Stores.Stores => {
  const client = LibsqlClient.layer({ url: urlOf(path) })
  // With a write-ahead log readers don't hold up the writer.
  const logged = Layer.effectDiscard(
    Effect.flatMap(SqlClient.SqlClient, (sql) => patiently(sql`PRAGMA journal_mode = WAL`))
  )
  return Stores.layer(Layer.provideMerge(logged, client))
}
