/** Ledger, budgets and batches in PostgreSQL. Loaded when that is configured. */
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as Redacted from "effect/Redacted"
import * as Stores from "./Stores.js"

/** The database at an address. */
export const client = (url: Redacted.Redacted): Stores.Client =>
  PgClient.layer({ url, applicationName: "arc-saga" })

/** Ledger and budgets in the database at an address. */
export const layer = (url: Redacted.Redacted): Stores.Stores => Stores.layer(client(url))

/** Keys in the same database. */
export const keys = (url: Redacted.Redacted): ReturnType<typeof Stores.keys> => Stores.keys(client(url))
