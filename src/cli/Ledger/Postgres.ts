/**
 * Ledger and budgets in PostgreSQL. Loaded when that is configured.
 *
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as Redacted from "effect/Redacted"
import * as Stores from "./Stores.js"

/**
 * Ledger and budgets in the database at an address.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (url: Redacted.Redacted): Stores.Stores =>
  Stores.layer(PgClient.layer({ url, applicationName: "arc-saga" }))
