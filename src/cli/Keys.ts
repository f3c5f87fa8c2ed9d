/** `keys`: issues, changes and revokes the gateway's keys that are kept in the ledger's database. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { given } from "../internal/options.js"
import * as KeyStore from "../gateway/KeyStore.js"
import * as Configuration from "./Configuration.js"
import * as Environment from "./Environment.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import * as KeyFlags from "./KeyFlags.js"
import * as Ledger from "./Ledger.js"
import * as Reference from "./Reference.js"
import { UsageError } from "./Report.js"
import { StandardStreams } from "./StandardStreams.js"

const id = (what: string) => Args.text({ name: "ID" }).pipe(Args.withDescription(what))

const json = Options.boolean("json").pipe(Options.withDescription("Print JSON"))

const by = Options.text("by").pipe(
  Options.withPseudoName("NAME"),
  Options.withDescription("Who makes the change, for the audit; the user of this machine by default"),
  Options.optional
)

const shared = { json, config: Flags.config }

/** The store that is configured, and the ids of keys that the file has itself. */
const opened = (config: Option.Option<string>) =>
  Effect.gen(function* () {
    const { ids, issuedKeys, ledger } = yield* Configuration.loadKeys(config)
    if (Option.isNone(ledger)) {
      return yield* new UsageError({
        reason:
          'There is no ledger, in whose database keys are kept. Set ARC_SAGA_LEDGER, or "ledger" in the configuration file, to sqlite:PATH or postgres://…'
      })
    }
    const store = Context.get(yield* Layer.build(Ledger.keys(ledger.value)), KeyStore.KeyStore)
    return { store, ids, isTaken: issuedKeys !== undefined }
  })

/** Who makes a change. */
const changer = (said: Option.Option<string>) =>
  Effect.gen(function* () {
    if (Option.isSome(said)) return said.value
    const user = yield* Environment.text("USER")
    const name = Option.isSome(user) ? user : yield* Environment.text("USERNAME")
    return Option.match(name, { onNone: () => "command line", onSome: (known) => `command line, ${known}` })
  })

/** Says which id was most likely meant, of a key or a team that there isn't. */
const guessed =
  (store: KeyStore.Service) =>
  <A>(effect: Effect.Effect<A, KeyStore.ChangeError>): Effect.Effect<A, KeyStore.ChangeError | UsageError> =>
    Effect.catchTag(
      effect,
      "KeyChangeError",
      (error): Effect.Effect<never, KeyStore.ChangeError | UsageError> => {
        if (error.reason !== "unknown") return error
        const { id, subject } = error
        const all: Effect.Effect<ReadonlyArray<{ readonly id: string }>, KeyStore.KeyStoreError> = subject ===
        "key"
          ? store.keys
          : store.teams
        return Effect.flatMap(
          Effect.map(all, (each): ReadonlyArray<string> => each.map(({ id }) => id)),
          (known) =>
            new UsageError({
              reason: Reference.faultOf({ field: "", id, what: `a ${subject}`, known }) ?? error.message
            })
        )
      }
    )

const encodeKey = Schema.encodeSync(KeyStore.Key)
const encodeTeam = Schema.encodeSync(KeyStore.Team)
const encodeChange = Schema.encodeSync(KeyStore.Change)

const lines = (...text: ReadonlyArray<string>): string => `${text.map(Format.plain).join("\n")}\n`

/** Prints a key for the only time: alone, so that it can go to a file, or in JSON with what it allows. */
const show = (issued: KeyStore.Issued, asJson: boolean, note: string, isTaken: boolean) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const secret = Redacted.value(issued.secret)
    yield* streams.write(
      asJson ? `${JSON.stringify({ key: encodeKey(issued.key), secret })}\n` : `${secret}\n`
    )
    yield* streams.writeError(lines(`${note} It is shown this once.`))
    if (!isTaken) {
      yield* streams.writeError(
        'Note: No gateway with this configuration takes it. Put "issuedKeys": {} into the configuration file.\n'
      )
    }
  })

const create = Command.make(
  "create",
  { id: id("Names the key in accounts, budgets and logs"), ...KeyFlags.allowed, by, ...shared },
  (said) =>
    Effect.gen(function* () {
      const { ids, isTaken, store } = yield* opened(said.config)
      if (ids.includes(said.id)) {
        return yield* new UsageError({
          reason: `Expected an id that no key of the configuration file has, actual ${JSON.stringify(said.id)}`
        })
      }
      const settings = yield* KeyFlags.settingsOf(said)
      const issued = yield* guessed(store)(store.create(said.id, settings, yield* changer(said.by)))
      yield* show(issued, said.json, `The key ${said.id} is issued.`, isTaken)
    })
).pipe(Command.withDescription("Issue a key, and print it, once"))

const change = Command.make(
  "change",
  {
    id: id("The key"),
    ...KeyFlags.allowed,
    without: Options.repeated(
      Options.choice("without", Object.keys(KeyFlags.removable)).pipe(
        Options.withDescription("What is taken away from it: the flag that gave it, or budgets")
      )
    ),
    by,
    ...shared
  },
  (said) =>
    Effect.gen(function* () {
      const streams = yield* StandardStreams
      const { store } = yield* opened(said.config)
      const settings = yield* KeyFlags.settingsOf(said)
      const removed = said.without.flatMap((flag) => KeyFlags.removable[flag] ?? [])
      const both = removed.find((name) => name in settings)
      if (both !== undefined) {
        return yield* new UsageError({ reason: `Expected ${both} to be set or taken away, actual both` })
      }
      const changes = { ...settings, ...Object.fromEntries(removed.map((name) => [name, null])) }
      if (Object.keys(changes).length === 0) {
        return yield* new UsageError({
          reason: "Expected a flag that says what is to be another, actual none"
        })
      }
      const key = yield* guessed(store)(store.change(said.id, changes, yield* changer(said.by)))
      yield* streams.write(
        said.json
          ? `${JSON.stringify(encodeKey(key))}\n`
          : lines(`The key ${said.id} is changed: every gateway goes by it a second from now`)
      )
    })
).pipe(Command.withDescription("Have a key allow something else; what isn't said stays"))

const rotate = Command.make(
  "rotate",
  {
    id: id("The key"),
    overlap: Flags.duration("overlap", "For how long the one before is still taken (0s)").pipe(
      Options.withDefault(0)
    ),
    by,
    ...shared
  },
  (said) =>
    Effect.gen(function* () {
      const { isTaken, store } = yield* opened(said.config)
      const options = { overlapMs: said.overlap }
      const issued = yield* guessed(store)(store.rotate(said.id, options, yield* changer(said.by)))
      const until = (yield* Clock.currentTimeMillis) + said.overlap
      const before = said.overlap === 0 ? "isn't taken any more" : `is taken until ${Format.instant(until)}`
      yield* show(issued, said.json, `The key ${said.id} is issued anew; the one before ${before}.`, isTaken)
    })
).pipe(Command.withDescription("Issue a key anew, and print it, once"))

const revoke = Command.make("revoke", { id: id("The key"), by, ...shared }, (said) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { store } = yield* opened(said.config)
    const key = yield* guessed(store)(store.revoke(said.id, yield* changer(said.by)))
    yield* streams.write(
      said.json
        ? `${JSON.stringify(encodeKey(key))}\n`
        : lines(`The key ${said.id} is revoked: no gateway takes it a second from now`)
    )
  })
).pipe(Command.withDescription("Have a key not taken any more, for good"))

const limitsOf = ({ concurrent, requestsPerMinute, tokensPerMinute }: KeyStore.Key): string =>
  [
    ...(requestsPerMinute === undefined ? [] : [`${requestsPerMinute} calls/min`]),
    ...(tokensPerMinute === undefined ? [] : [`${tokensPerMinute} tokens/min`]),
    ...(concurrent === undefined ? [] : [`${concurrent} at a time`])
  ].join(", ")

const amountsOf = (all: KeyStore.Team["budgets"] = []): string =>
  all
    .map(({ period, tokens, usd }) => `${usd === undefined ? `${tokens} tokens` : `$${usd}`}/${period}`)
    .join(", ")

const columns = (...titles: ReadonlyArray<string>): ReadonlyArray<Format.Column> =>
  titles.map((title) => ({ title, align: "left" }))

const list = Command.make("list", shared, (said) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { store } = yield* opened(said.config)
    const keys = yield* store.keys
    const now = yield* Clock.currentTimeMillis
    if (said.json) {
      const rows = keys.map((key) => ({ ...encodeKey(key), status: KeyStore.statusOf(key, now) }))
      return yield* streams.write(`${JSON.stringify(rows)}\n`)
    }
    const rows = keys.map((key) => [
      key.id,
      KeyStore.statusOf(key, now),
      key.team ?? "",
      [...(key.models ?? []), ...(key.strategies ?? []).map((name) => `saga/${name}`)].join(", "),
      (["observe", "admin"] as const).filter((name) => key[name] === true).join(", "),
      limitsOf(key),
      amountsOf(key.budgets),
      key.expiresAt === undefined ? "" : Format.instant(key.expiresAt),
      key.secrets.map(({ hint }) => hint).join(", ")
    ])
    yield* streams.write(
      rows.length === 0
        ? "No key has been issued.\n"
        : `${Format.table(
            columns(
              "key",
              "status",
              "team",
              "allows",
              "may",
              "limits",
              "budgets",
              "expires",
              "begins and ends"
            ),
            rows.map((row) => row.map(Format.plain))
          )}\n`
    )
  })
).pipe(Command.withDescription("List the keys that were issued"))

const team = Command.make("team", { id: id("The team"), ...KeyFlags.budgets, by, ...shared }, (said) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { store } = yield* opened(said.config)
    const set = yield* store.setTeam(said.id, { budgets: KeyFlags.budgetsOf(said) }, yield* changer(said.by))
    yield* streams.write(
      said.json
        ? `${JSON.stringify(encodeTeam(set))}\n`
        : lines(`The team ${said.id} may spend ${amountsOf(set.budgets) || "what its keys may"}`)
    )
  })
).pipe(Command.withDescription("Make a team, or give it other budgets"))

const teams = Command.make("teams", shared, (said) =>
  Effect.gen(function* () {
    const streams = yield* StandardStreams
    const { store } = yield* opened(said.config)
    const all = yield* store.teams
    if (said.json) return yield* streams.write(`${JSON.stringify(all.map((each) => encodeTeam(each)))}\n`)
    const rows = all.map((each) => [Format.plain(each.id), amountsOf(each.budgets)])
    yield* streams.write(
      rows.length === 0 ? "There is no team.\n" : `${Format.table(columns("team", "budgets"), rows)}\n`
    )
  })
).pipe(Command.withDescription("List the teams"))

const audit = Command.make(
  "audit",
  {
    id: Args.optional(id("Only changes of the key or the team with this id")),
    limit: Flags.number("limit", "The most changes to print, the latest (100)").pipe(
      Options.withDefault(100)
    ),
    ...shared
  },
  (said) =>
    Effect.gen(function* () {
      const streams = yield* StandardStreams
      const { store } = yield* opened(said.config)
      const changes = yield* store.audit(given({ id: Option.getOrUndefined(said.id), limit: said.limit }))
      if (said.json) {
        return yield* streams.write(`${JSON.stringify(changes.map((each) => encodeChange(each)))}\n`)
      }
      const rows = changes.map(({ action, at, by: who, id: of, subject, version }) => [
        String(version),
        Format.instant(at),
        who,
        action,
        `${subject} ${of}`
      ])
      yield* streams.write(
        rows.length === 0
          ? "Nothing has been changed.\n"
          : `${Format.table(
              columns("change", "at", "by", "did", "to"),
              rows.map((row) => row.map(Format.plain))
            )}\n`
      )
    })
).pipe(Command.withDescription("Tell who changed which key or team, and when"))

/** The command. */
export const command = Command.make("keys").pipe(
  Command.withDescription(
    "Issue, change, rotate and revoke keys of the gateway, kept in the ledger's database"
  ),
  Command.withSubcommands([create, list, change, rotate, revoke, team, teams, audit])
)
