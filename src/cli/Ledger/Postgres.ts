/** Ledger and budgets in PostgreSQL. Loaded when that is configured. */
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as Redacted from "effect/Redacted"
import * as Stores from "./Stores.js"

/** Ledger and budgets in the database at an address. */
export const layer = (url: Redacted.Redacted): Stores.Stores =>
  Stores.layer(PgClient.layer({ url, applicationName: "arc-saga" }))
