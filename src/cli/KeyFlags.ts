/** The flags that say what a key of the gateway, or a team, is allowed. */
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { given } from "../internal/options.js"
import type * as KeyStore from "../gateway/KeyStore.js"
import * as Flags from "./Flags.js"
import * as Format from "./Format.js"

const text = (name: string, placeholder: string, description: string) =>
  Options.optional(
    Options.text(name).pipe(Options.withPseudoName(placeholder), Options.withDescription(description))
  )

const number = (name: string, description: string) => Options.optional(Flags.number(name, description))

const several = (name: string, description: string) =>
  Options.repeated(
    Options.text(name).pipe(Options.withPseudoName("NAME"), Options.withDescription(description))
  )

/** The flags of budgets. */
export const budgets = {
  usdPerDay: number("usd-per-day", "USD that may be spent in a day of UTC"),
  usdPerMonth: number("usd-per-month", "USD that may be spent in a month of UTC"),
  tokensPerDay: number("tokens-per-day", "Tokens that may be used in a day of UTC"),
  tokensPerMonth: number("tokens-per-month", "Tokens that may be used in a month of UTC")
}

/** A date, or how long from now. */
const parseUntil = (
  said: string
): Either.Either<{ readonly at: number } | { readonly inMs: number }, string> => {
  const inMs = Format.parseDuration(said)
  if (Either.isRight(inMs)) return Either.right({ inMs: inMs.right })
  return Option.match(/^\d{4}-\d{2}-\d{2}(T\S+)?$/.test(said) ? DateTime.make(said) : Option.none(), {
    onNone: () => Either.left("a date such as 2026-12-31 or a duration such as 12h or 90d"),
    onSome: (at) => Either.right({ at: DateTime.toEpochMillis(at) })
  })
}

/** What the flags of budgets say. */
export interface Amounts {
  readonly usdPerDay: Option.Option<number>
  readonly usdPerMonth: Option.Option<number>
  readonly tokensPerDay: Option.Option<number>
  readonly tokensPerMonth: Option.Option<number>
}

/** The budgets that flags say. */
export const budgetsOf = (said: Amounts): KeyStore.Team["budgets"] => [
  ...Option.toArray(Option.map(said.usdPerDay, (usd) => ({ period: "day" as const, usd }))),
  ...Option.toArray(Option.map(said.usdPerMonth, (usd) => ({ period: "month" as const, usd }))),
  ...Option.toArray(Option.map(said.tokensPerDay, (tokens) => ({ period: "day" as const, tokens }))),
  ...Option.toArray(Option.map(said.tokensPerMonth, (tokens) => ({ period: "month" as const, tokens })))
]

/** What a key allows, as flags say it. */
export const allowed = {
  team: text("team", "ID", "The team that it belongs to"),
  user: text("user", "ID", "On whose behalf its calls are; without it a call may name any user"),
  models: several("allow-model", "A provider or model that it may be answered by; any without this"),
  strategies: several("allow-strategy", "A strategy that it may choose by; any without this"),
  requestsPerMinute: number("requests-per-minute", "The most calls in a minute"),
  tokensPerMinute: number("tokens-per-minute", "The most tokens in a minute"),
  concurrent: number("concurrent", "The most calls at a time"),
  ...budgets,
  expires: Options.optional(
    Flags.parsed("expires", "DATE|DURATION", "From when on it isn't taken, or for how long it is", parseUntil)
  ),
  observe: Options.boolean("observe").pipe(Options.withDescription("It opens the page and the metrics")),
  admin: Options.boolean("admin").pipe(Options.withDescription("It issues and changes keys over HTTP"))
}

/** What flags say that a key allows, and nothing of what they don't say. */
export const settingsOf = (
  said: Command.Command.ParseConfig<typeof allowed>
): Effect.Effect<KeyStore.Settings> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const own = budgetsOf(said)
    return given({
      team: Option.getOrUndefined(said.team),
      user: Option.getOrUndefined(said.user),
      models: Arr.isNonEmptyReadonlyArray(said.models) ? said.models : undefined,
      strategies: Arr.isNonEmptyReadonlyArray(said.strategies) ? said.strategies : undefined,
      requestsPerMinute: Option.getOrUndefined(said.requestsPerMinute),
      tokensPerMinute: Option.getOrUndefined(said.tokensPerMinute),
      concurrent: Option.getOrUndefined(said.concurrent),
      budgets: own.length === 0 ? undefined : own,
      expiresAt: Option.getOrUndefined(
        Option.map(said.expires, (until) => ("at" in until ? until.at : now + until.inMs))
      ),
      observe: said.observe ? true : undefined,
      admin: said.admin ? true : undefined
    })
  })

/** What can be taken away from a key, by the flag that gives it. */
export const removable: Readonly<Record<string, keyof KeyStore.Settings>> = {
  team: "team",
  user: "user",
  "allow-model": "models",
  "allow-strategy": "strategies",
  "requests-per-minute": "requestsPerMinute",
  "tokens-per-minute": "tokensPerMinute",
  concurrent: "concurrent",
  budgets: "budgets",
  expires: "expiresAt",
  observe: "observe",
  admin: "admin"
}
