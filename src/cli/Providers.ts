/** `providers`: what is configured, and why something can't be used. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Configuration from "./Configuration.js"
import type * as Configured from "./ConfiguredProvider.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"
import { StandardStreams } from "./StandardStreams.js"

interface Row {
  readonly provider: Configured.Provider
  /** Why it can't be asked; none when it can. */
  readonly problem: Option.Option<string>
}

/** Looks whether a provider's server answers; a key that is rejected and a model it lacks are told too. */
const check = (provider: Configured.Provider): Effect.Effect<Row, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const row = (problem?: string): Row => ({ provider, problem: Option.fromNullable(problem) })
    const { status } = provider
    if (status._tag === "Off") return row(status.why)
    if (status._tag === "Broken") return row(status.error.message)
    if (status.probe === undefined) return row()
    const answer = yield* status.probe
    if (answer._tag === "Absent") return row("its server doesn't answer")
    return answer._tag === "Rejected" ? row(`its server rejects the key (${answer.status})`) : row()
  })

const columns: ReadonlyArray<Format.Column> = [
  { title: "provider", align: "left" },
  { title: "model", align: "left" },
  { title: "$/M in", align: "right" },
  { title: "$/M out", align: "right" },
  { title: "p50", align: "right" },
  { title: "quality", align: "right" },
  { title: "available", align: "left" },
  { title: "configured in", align: "left" }
]

const or = <A>(value: A | undefined, render: (value: A) => string): string =>
  value === undefined ? "?" : render(value)

/** Who is signed in, and until when. */
const signInOf = ({ status }: Configured.Provider): Option.Option<Configured.SignIn> =>
  status._tag === "Ready" ? Option.fromNullable(status.signIn) : Option.none()

const available = (provider: Configured.Provider): string =>
  Option.match(signInOf(provider), {
    onNone: () => (provider.byNameOnly ? "yes, by its name" : "yes"),
    onSome: ({ expiresAt, renewable, user }) =>
      `yes: ${user} is signed in until ${Format.instant(expiresAt)}${renewable ? ", renewed by itself" : ""}`
  })

const cells = ({ problem, provider }: Row): ReadonlyArray<string> => [
  provider.id,
  or(provider.model, (model) => model),
  or(provider.price, ({ input }) => String(input)),
  or(provider.price, ({ output }) => String(output)),
  or(provider.p50LatencyMs, Format.duration),
  or(provider.quality, String),
  Option.match(problem, { onNone: () => available(provider), onSome: (why) => `no: ${Format.plain(why)}` }),
  provider.origin
]

const toJson = ({ problem, provider }: Row) => ({
  provider: provider.id,
  model: provider.model ?? null,
  price: provider.price ?? null,
  p50LatencyMs: provider.p50LatencyMs ?? null,
  p99LatencyMs: provider.p99LatencyMs ?? null,
  quality: provider.quality ?? null,
  available: Option.isNone(problem),
  reason: Option.getOrNull(problem),
  signIn: Option.getOrNull(signInOf(provider)),
  configuredIn: provider.origin
})

/** The command. */
export const command = Command.make(
  "providers",
  {
    json: Options.boolean("json").pipe(Options.withDescription("Print a JSON array instead of a table")),
    config: Flags.config
  },
  ({ config, json }) =>
    Effect.gen(function* () {
      const streams = yield* StandardStreams
      const configuration = yield* Configuration.load(config)
      const rows = yield* Effect.forEach(configuration.providers, check, { concurrency: "unbounded" })
      if (configuration.simulated) yield* streams.writeError(`${Configuration.simulatedNotice}\n`)
      yield* streams.write(
        json ? `${JSON.stringify(rows.map(toJson))}\n` : `${Format.table(columns, rows.map(cells))}\n`
      )
    })
).pipe(Command.withDescription("List the providers, with price, latency, quality and availability"))
