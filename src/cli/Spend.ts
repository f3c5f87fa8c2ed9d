/** `spend`: the spend that the ledger has, by user, key, provider or model. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SpendLedger from "../spend/SpendLedger.js"
import * as totals from "../spend/totals.js"
import * as Configuration from "./Configuration.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as Ledger from "./Ledger.js"
import { UsageError } from "./Report.js"
import { StandardStreams } from "./StandardStreams.js"

/** An instant, or how long ago it was; in milliseconds. */
type Moment = { readonly _tag: "At"; readonly ms: number } | { readonly _tag: "Ago"; readonly ms: number }

const parseMoment = (text: string): Either.Either<Moment, string> => {
  const ago = Format.parseDuration(text)
  if (Either.isRight(ago)) return Either.right({ _tag: "Ago", ms: ago.right })
  // Without a time of day it is the beginning of a day of UTC.
  const isDate = /^\d{4}-\d{2}-\d{2}(T\S+)?$/.test(text)
  return Option.match(isDate ? DateTime.make(text) : Option.none(), {
    onNone: () => Either.left("a date such as 2026-11-27 or a duration such as 12h or 7d"),
    onSome: (at) => Either.right({ _tag: "At", ms: DateTime.toEpochMillis(at) })
  })
}

const moment = (name: string, description: string): Options.Options<Option.Option<Moment>> =>
  Options.optional(Flags.parsed(name, "DATE|DURATION", description, parseMoment))

const decodeBy = Schema.decodeUnknownEither(SpendLedger.By)

const options = {
  by: Flags.parsed(
    "by",
    "NAME",
    "What to sum up by: provider, user, key, team, session, agent, model or day",
    (name) => Either.mapLeft(decodeBy(name), () => `one of ${SpendLedger.By.literals.join(", ")}`)
  ).pipe(Options.withDefault<SpendLedger.By>("provider")),
  since: moment("since", "Only what began at this time or later: a date (UTC), or how long ago"),
  until: moment("until", "Only what began before this time"),
  json: Options.boolean("json").pipe(Options.withDescription("Print a JSON array instead of a table")),
  config: Flags.config
}

const columns = (
  by: SpendLedger.By,
  groups: ReadonlyArray<SpendLedger.Group>
): ReadonlyArray<Format.Column> => [
  { title: by, align: "left" },
  { title: "attempts", align: "right" },
  { title: "answered", align: "right" },
  { title: "from cache", align: "right", shown: groups.some(({ cached }) => cached > 0) },
  ...Format.totalsColumns(groups)
]

const cells = (title: string, sum: SpendLedger.Totals): ReadonlyArray<string> => [
  Format.plain(title),
  String(sum.attempts),
  String(sum.succeeded),
  String(sum.cached),
  ...Format.totals(sum)
]

/** The sums as a table, with a line for all of them where there are several. */
export const table = (by: SpendLedger.By, groups: ReadonlyArray<SpendLedger.Group>): string =>
  Format.table(columns(by, groups), [
    ...groups.map((group) =>
      cells(
        Option.getOrElse(group.name, () => `(no ${by})`),
        group
      )
    ),
    ...(groups.length > 1 ? [cells("all", groups.reduce(totals.add, totals.nothing))] : [])
  ])

const encode = Schema.encodeSync(Schema.parseJson(Schema.Array(SpendLedger.Group)))

/** The command. Fails with a UsageError when no ledger is configured. */
export const command = Command.make("spend", options, (given) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const ledger = yield* Configuration.loadLedger(given.config)
    if (Option.isNone(ledger)) {
      return yield* new UsageError({
        reason:
          'There is no ledger. Set ARC_SAGA_LEDGER, or "ledger" in the configuration file, to sqlite:PATH or postgres://…, and ask and run record in it from then on'
      })
    }
    const now = yield* Clock.currentTimeMillis
    const at = (name: "since" | "until") =>
      Option.match(given[name], {
        onNone: () => ({}),
        onSome: ({ _tag, ms }) => ({ [name]: _tag === "At" ? ms : now - ms })
      })
    const groups = yield* Effect.flatMap(SpendLedger.SpendLedger, (ledger) =>
      ledger.summary({ by: given.by, ...at("since"), ...at("until") })
    ).pipe(Effect.provide(Ledger.layer(ledger.value)))
    if (given.json) return yield* streams.write(`${encode(groups)}\n`)
    yield* streams.write(
      groups.length === 0 ? "The ledger has no attempts of this time.\n" : `${table(given.by, groups)}\n`
    )
  })
).pipe(Command.withDescription("Tell what was spent, from the ledger that ask and run record in"))
