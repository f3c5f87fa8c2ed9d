import { SqlError } from "@effect/sql/SqlError"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { createRequire } from "node:module"

/** What SQLite takes and gives; whole numbers come as `bigint`. */
export type Value = null | number | bigint | string | Uint8Array | ArrayBuffer

export type Row = Readonly<Record<string, Value>>

/** A connection to a file. All of it throws what the driver throws, and waits for no lock. */
export interface Handle {
  /** Runs statements without parameters, which are gone afterwards even where they fail. */
  readonly exec: (sql: string) => void
  readonly all: (sql: string, params: ReadonlyArray<Value>) => ReadonlyArray<Row>
  readonly close: () => void
}

export type Open = (path: string) => Handle

interface Database<S> {
  readonly exec: (sql: string) => void
  readonly prepare: (sql: string) => S
  readonly close: () => void
}

type Constructor<S> = new (path: string) => Database<S>

type Rows = ReadonlyArray<Row>

const load: (id: string) => unknown = createRequire(import.meta.url)

/** Loads a module whose warning of being experimental says nothing to who runs a program. */
export const quietly = <A>(load: () => A): A => {
  const { emitWarning } = process
  process.emitWarning = new Proxy(emitWarning, {
    apply: (emit, self, args) =>
      args[1] === "ExperimentalWarning" && String(args[0]).startsWith("SQLite ")
        ? undefined
        : Reflect.apply(emit, self, args)
  })
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}

const handleOf =
  <S>(Database: Constructor<S>, all: (statement: S, params: ReadonlyArray<Value>) => Rows): Open =>
  (path) => {
    const database = new Database(path)
    return {
      exec: (sql) => database.exec(sql),
      all: (sql, params) => all(database.prepare(sql), params),
      close: () => database.close()
    }
  }

interface NodeStatement {
  readonly setReadBigInts: (on: boolean) => void
  readonly all: (...params: ReadonlyArray<Value>) => Rows
}

/** Node's own, since 22.5 behind a flag and since 22.13 without. */
export const nodeSqlite = (): Open => {
  // The types of the oldest Node that is supported don't have it.
  const { DatabaseSync } = quietly(() => load("node:sqlite")) as {
    readonly DatabaseSync: Constructor<NodeStatement>
  }
  return handleOf(DatabaseSync, (statement, params) => {
    statement.setReadBigInts(true)
    return statement.all(...params)
  })
}

interface LibsqlStatement {
  readonly safeIntegers: (on: boolean) => void
  /** A parameter that stands alone and is an object, or null, would be taken for all of them. */
  readonly all: (params: ReadonlyArray<Value>) => Rows
}

/** Prebuilt for Node 20 and newer; not bundled, because of its native part. */
export const libsql = (): Open =>
  // Its types are those of another package, and it is loaded only where it is needed.
  handleOf(load("libsql") as Constructor<LibsqlStatement>, (statement, params) => {
    statement.safeIntegers(true)
    return statement.all(params)
  })

const isMissing = (error: unknown): boolean =>
  Predicate.hasProperty(error, "code") &&
  ["ERR_UNKNOWN_BUILTIN_MODULE", "MODULE_NOT_FOUND"].includes(String(error.code))

/** The first driver that is there. */
export const find = (
  drivers: ReadonlyArray<() => Open> = [nodeSqlite, libsql]
): Either.Either<Open, SqlError> => {
  for (const driver of drivers) {
    const loaded = Either.try({ try: driver, catch: (cause) => cause })
    if (Either.isRight(loaded)) return Either.right(loaded.right)
    if (!isMissing(loaded.left)) {
      return Either.left(new SqlError({ cause: loaded.left, message: "The driver can't be loaded" }))
    }
  }
  return Either.left(
    new SqlError({
      cause: undefined,
      message: "SQLite needs Node 22.13 or newer, or a package that isn't installed: npm install libsql"
    })
  )
}
