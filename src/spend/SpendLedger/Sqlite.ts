/**
 * A client of a file of SQLite for `SpendLedger/Sql` and `Budgets/Sql`, on one machine. Any number of
 * processes may use the file at once, and may begin at once when it isn't there yet.
 *
 * Needs the package `@effect/sql`. It runs on Node's own SQLite from Node 22.13 on, and on the package
 * `libsql` before that; a file can be used with both at once.
 *
 * @since 0.1.0
 */
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { InvalidArgumentError } from "../../InvalidArgument.js"
import * as client from "../internal/sqlite/client.js"
import * as driver from "../internal/sqlite/driver.js"
import * as validation from "../../internal/validation.js"

const Options = Schema.Struct({
  path: Schema.String.pipe(Schema.filter((path) => path !== "", { description: "the path of a file" })),
  busyMs: Schema.optional(
    Schema.Number.pipe(
      Schema.filter((n) => n >= 0 && Number.isFinite(n), { description: "milliseconds (0 or more)" })
    )
  )
})

/**
 * Which file, and how long its lock is waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The path of the file, which is made when it isn't there; its directory has to be. */
  readonly path: string
  /**
   * Milliseconds that a statement, or the beginning of a transaction, waits for another connection's lock;
   * 5,000 when absent. Other fibers go on meanwhile.
   */
  readonly busyMs?: number | undefined
}

const decode = validation.decoder("Sqlite", Options)

/**
 * A client of the file. A write that succeeded is on the disk, and other processes see it. One that couldn't
 * have the lock within `busyMs` has changed nothing, and fails with the `SqlError` of a locked database.
 *
 * Transactions begin with the lock (`BEGIN IMMEDIATE`), one at a time. A whole number that a double can't
 * hold is read as a text, a `Date` is written in milliseconds, `true` as 1.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<SqlClient.SqlClient, SqlError | InvalidArgumentError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function* () {
    const { busyMs = 5000, path } = yield* decode(options)
    return yield* client.make(yield* driver.find(), { busyMs, path })
  })

/**
 * A client of the file: see {@link make}.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import * as BudgetsSql from "arc-saga/Budgets/Sql"
 * import * as SpendLedgerSql from "arc-saga/SpendLedger/Sql"
 * import * as Sqlite from "arc-saga/SpendLedger/Sqlite"
 * import { Layer } from "effect"
 *
 * export const Stores = Layer.merge(SpendLedgerSql.layer(), BudgetsSql.layerStore()).pipe(
 *   Layer.provide(Sqlite.layer({ path: "spend.db" }))
 * )
 * ```
 */
export const layer = (options: Options): Layer.Layer<SqlClient.SqlClient, SqlError | InvalidArgumentError> =>
  Layer.scoped(SqlClient.SqlClient, make(options)).pipe(Layer.provide(Reactivity.layer))
