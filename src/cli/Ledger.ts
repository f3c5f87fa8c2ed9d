/** Where the command line keeps its ledger and the accounts of its budgets, if it keeps them. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Batches from "../batch/Batches.js"
import type * as BatchQueue from "../batch/BatchQueue.js"
import * as Budgets from "../spend/Budgets.js"
import * as BudgetStore from "../spend/BudgetStore.js"
import type * as Feedback from "../spend/Feedback.js"
import type { KeyStore } from "../gateway/KeyStore.js"
import type * as SpendLedger from "../spend/SpendLedger.js"
import { ConfigurationError } from "./ConfigFile.js"
import type { keys as keysOver, Stores } from "./Ledger/Stores.js"

/** A file of SQLite, or a PostgreSQL server. */
export type Location =
  | { readonly _tag: "Sqlite"; readonly path: string }
  | { readonly _tag: "Postgres"; readonly url: Redacted.Redacted }

/** Where something was configured: a file's path and field, or `environment` and the variable. */
export interface Origin {
  readonly file: string
  readonly field: string
}

/** A ledger that is configured. */
export interface Ledger {
  readonly location: Location
  readonly origin: Origin
}

/** Reads `sqlite:PATH`, a path, or `postgres://…`. */
export const parse = (text: string, origin: Origin): Either.Either<Ledger, ConfigurationError> => {
  if (/^postgres(ql)?:\/\//.test(text)) {
    return Either.right({ location: { _tag: "Postgres", url: Redacted.make(text) }, origin })
  }
  const path = text.replace(/^sqlite:/, "")
  // What it is instead may hold a password.
  const reason = "Expected sqlite:PATH, a path, or postgres://USER:PASSWORD@HOST/DATABASE"
  return path.trim() === "" || /^\w+:\/\//.test(path)
    ? Either.left(new ConfigurationError({ ...origin, reason }))
    : Either.right({ location: { _tag: "Sqlite", path }, origin })
}

/** Drivers take their time to load. */
const load = ({ location }: Ledger): Promise<Stores> =>
  location._tag === "Sqlite"
    ? import("./Ledger/Sqlite.js").then(({ layer }) => layer(location.path))
    : import("./Ledger/Postgres.js").then(({ layer }) => layer(location.url))

const loadBatches = ({ location }: Ledger) =>
  import("./Ledger/Batches.js").then(async ({ layer }) =>
    layer(
      location._tag === "Sqlite"
        ? (await import("./Ledger/Sqlite.js")).client(location.path)
        : (await import("./Ledger/Postgres.js")).client(location.url)
    )
  )

const loadKeys = ({ location }: Ledger): Promise<ReturnType<typeof keysOver>> =>
  location._tag === "Sqlite"
    ? import("./Ledger/Sqlite.js").then(({ keys }) => keys(location.path))
    : import("./Ledger/Postgres.js").then(({ keys }) => keys(location.url))

/** What stores log from a level on is told even where nothing else is; what is built on them logs as before. */
export const areTold =
  (least: LogLevel.LogLevel) =>
  <A, E>(stores: Layer.Layer<A, E>): Layer.Layer<A, E> =>
    Layer.unwrapEffect(
      Effect.map(FiberRef.get(FiberRef.currentMinimumLogLevel), (level) =>
        Layer.locally(
          stores,
          FiberRef.currentMinimumLogLevel,
          LogLevel.lessThan(level, least) ? level : least
        )
      )
    )

/** What is loaded when it is configured. A program may have been installed without the package that it needs. */
export const loaded = <A>(origin: Origin, loading: () => Promise<A>): Effect.Effect<A, ConfigurationError> =>
  Effect.tryPromise({
    try: loading,
    catch: (error) =>
      new ConfigurationError({ ...origin, reason: `What it needs can't be loaded: ${String(error)}` })
  })

/** What is loaded for a location. Fails when the database or its driver can't be used. */
const using = <A>(
  ledger: Ledger,
  loading: (ledger: Ledger) => Promise<Layer.Layer<A, { readonly message: string }>>
): Layer.Layer<A, ConfigurationError> =>
  Layer.unwrapEffect(
    Effect.map(
      loaded(ledger.origin, () => loading(ledger)),
      Layer.mapError(({ message }) => new ConfigurationError({ ...ledger.origin, reason: message }))
    )
  ).pipe(areTold(LogLevel.Error))

/**
 * The ledger and the accounts of budgets at a location, which are made when they aren't there. Fails when
 * the database or its driver can't be used.
 */
export const layer = (
  ledger: Ledger
): Layer.Layer<SpendLedger.SpendLedger | BudgetStore.BudgetStore | Feedback.Feedback, ConfigurationError> =>
  using(ledger, load)

/** The batches beside a ledger, as {@link layer} has it. */
export const batches = (
  ledger: Ledger
): Layer.Layer<Batches.Batches | BatchQueue.BatchQueue, ConfigurationError> => using(ledger, loadBatches)

/** The keys that are kept beside it. Fails as {@link layer} does. That they are away, and back, is told. */
export const keys = (ledger: Ledger): Layer.Layer<KeyStore, ConfigurationError> =>
  using(ledger, loadKeys).pipe(areTold(LogLevel.Info))

/**
 * What a command records in and is held against. Where neither is configured, nothing; where there is no
 * ledger, the accounts of budgets begin at nothing with each command.
 */
export const accounting = (
  ledger: Option.Option<Ledger>,
  budgets: Option.Option<Budgets.Options>
): Layer.Layer<never, ConfigurationError> => {
  const kept = Option.match(ledger, {
    onNone: () => BudgetStore.layerMemory,
    onSome: layer
  })
  return Option.match(budgets, {
    onNone: () => (Option.isNone(ledger) ? Layer.empty : kept),
    // They were checked when the file was read.
    onSome: (options) => Layer.provideMerge(Layer.orDie(Budgets.layerStore(options)), kept)
  })
}
