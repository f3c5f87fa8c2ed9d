/** Ledger, budgets and batches in a file of SQLite. Loaded when that is configured. */
import * as Sqlite from "../../spend/SpendLedger/Sqlite.js"
import * as Stores from "./Stores.js"

/** The file at a path, which is made when it isn't there. */
export const client = (path: string): Stores.Client => Sqlite.layer({ path })

/** Ledger and budgets in the file at a path. */
export const layer = (path: string): Stores.Stores => Stores.layer(client(path))

/** Keys in the same database. */
export const keys = (path: string): ReturnType<typeof Stores.keys> => Stores.keys(client(path))
