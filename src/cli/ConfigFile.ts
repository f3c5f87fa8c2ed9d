/** The configuration file: a JSON object with providers, chains, limits, budgets, a ledger and a strategy. */
import * as process from "node:process"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as numbers from "../internal/numbers.js"
import * as AIProvider from "../AIProvider.js"
import * as Budgets from "../spend/Budgets.js"
import * as CircuitBreaker from "../reliability/CircuitBreaker.js"
import * as ApiKeys from "../gateway/ApiKeys.js"
import * as Gateway from "../gateway/Gateway.js"
import * as Hedging from "../reliability/Hedging.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import { looksLikeKey, told } from "../internal/told.js"
import * as RateLimits from "../reliability/RateLimits.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import * as Canary from "../routing/Canary.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as Sessions from "../routing/Sessions.js"
import { environmentVariable, exact, limit } from "./ConfigFile/fields.js"
import { Provider, SimulatedProvider } from "./ConfigFile/Provider.js"
import { Cascade, Learn, Savings } from "./ConfigFile/savings.js"
import * as Reference from "./Reference.js"
import { type FileError, StandardStreams } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

export { isUrl, memberName, type Provider, type SimulatedProvider } from "./ConfigFile/Provider.js"
export { type Cascade, type Learn } from "./ConfigFile/savings.js"

/**
 * Something in a configuration, or in an environment variable, can't be used: it names the field and what is expected,
 * and never repeats a key.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>(
  "arc-saga/cli/ConfigurationError"
)("ConfigurationError", {
  /** The path of the file, `environment`, or `configuration` for one that was given as a value. */
  file: Schema.String,
  /** The field as a path, `providers[0].model`, or the variable; empty for the whole. */
  field: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return [this.file, this.field, this.reason].filter((part) => part !== "").join(": ")
  }
}

/** The limits of attempts. */
const attemptLimits = { firstTokenMs: limit, idleMs: limit, attemptMs: limit }

/** What saves money per task, by the names that `strategy` and `saga/<name>` have for it. */
const saving = ["savings", "cascade"] as const

/** The names that a strategy may have in a file and on the command line. */
export const strategies = ["cheapest", "fastest", "quality", "balanced", ...saving] as const

/** By what a provider is chosen. */
export type StrategyName = (typeof strategies)[number]

/** An address that a Redis can have. */
export const isRedisUrl = (text: string): boolean => /^rediss?:\/\//i.test(text) && URL.canParse(text)

/** The Redis that several processes share their state in. */
const Redis = Schema.Struct({
  /** `redis://…` or `rediss://…`; prefer `urlEnv` where it holds a password. */
  url: Schema.optionalWith(
    Schema.Redacted(Schema.String.pipe(Schema.filter(isRedisUrl, { description: "a redis or rediss URL" }))),
    exact
  ),
  /** The name of the environment variable that holds the URL. */
  urlEnv: Schema.optionalWith(environmentVariable, exact),
  /** The share of each limit that this process keeps to by itself while Redis is away; 0.5 when absent. */
  share: Schema.optionalWith(
    numbers.number("a share (a number above 0, at most 1)", (n) => n > 0 && n <= 1),
    exact
  ),
  /** What the name of every key begins with; `arc-saga:` when absent. */
  prefix: Schema.optionalWith(Schema.NonEmptyString, exact),
  /** Milliseconds within which it has to answer, or it is away; 50 when absent. */
  timeoutMs: Schema.optionalWith(numbers.millis, exact)
}).pipe(
  Schema.filter(({ url, urlEnv }) =>
    (url === undefined) === (urlEnv === undefined)
      ? {
          path: ["url"],
          message: `Expected either url or urlEnv, actual ${url === undefined ? "none" : "both"}`
        }
      : undefined
  )
)

/** The configuration file. */
export const ConfigFile = Schema.Struct({
  /** By what a provider is chosen; when absent `savings` or `cascade` where the file has one of them, else `balanced`. */
  strategy: Schema.optionalWith(Schema.Literal(...strategies), exact),
  /** A file that `train` wrote: what `savings` and a learned cascade go by. */
  model: Schema.optionalWith(Schema.NonEmptyString, exact),
  savings: Schema.optionalWith(Savings, exact),
  cascade: Schema.optionalWith(Cascade, exact),
  /** What `serve` learns; nothing when absent. */
  learn: Schema.optionalWith(Learn, exact),
  providers: Schema.optionalWith(Schema.Array(Provider), exact),
  /** Simulated providers; with them the default ones aren't made. */
  simulated: Schema.optionalWith(Schema.Array(SimulatedProvider), exact),
  /**
   * `true`: a server of Ollama takes part like any configured provider; `false`: it isn't looked for. When
   * absent, one that is found is asked where nothing else is configured, or by its name.
   */
  ollama: Schema.optionalWith(Schema.Boolean, exact),
  /** Where every attempt is recorded: `sqlite:PATH`, a path, or `postgres://…`; nowhere when absent. */
  ledger: Schema.optionalWith(Schema.Redacted(Schema.NonEmptyString), exact),
  /** What may be spent. */
  budgets: Budgets.Options.fields.budgets,
  /** Own limits by provider, for `serve`, and where there is `redis` for `ask` and `run`. */
  rateLimits: Schema.optionalWith(
    Schema.Record({ key: AIProvider.AIProvider, value: RateLimits.Limits }),
    exact
  ),
  /** What becomes of attempts at providers whose price isn't known, under budgets in USD. */
  unpriced: Budgets.Options.fields.unpriced,
  /** The fallbacks of a provider. */
  chains: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Array(Schema.String) }),
    exact
  ),
  limits: Schema.optionalWith(Schema.Struct({ timeoutMs: limit, ...attemptLimits, streamMs: limit }), exact),
  /** What differs from `limits` for attempts at single providers. */
  providerLimits: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Struct(attemptLimits) }),
    exact
  ),
  /** When circuits open; `serve` has them by default, the other commands where this is there. */
  circuitBreaker: Schema.optionalWith(CircuitBreaker.Settings, exact),
  /** How many retries there may be; `serve` bounds them by default, the other commands where this is there. */
  retryBudget: Schema.optionalWith(RetryBudget.Settings, exact),
  /** Asks the strongest provider when an agent's steps fail or repeat; never when absent. */
  escalation: Schema.optionalWith(
    Schema.Struct({
      failures: Schema.optionalWith(numbers.count("a number of steps"), exact),
      repeats: Schema.optionalWith(numbers.count("a number of steps"), exact)
    }),
    exact
  ),
  /** Tries a provider on a share of the tasks; none when absent. */
  canary: Schema.optionalWith(Canary.Settings, exact),
  /** For how long providers keep what they cache of a session, where that isn't five minutes. */
  sessions: Schema.optionalWith(Sessions.Settings, exact),
  /** Asks a second provider when the first is late; nothing is hedged when absent. */
  hedging: Schema.optionalWith(Hedging.Settings, exact),
  /** Answers that are given again, from memory; none when absent. */
  cache: Schema.optionalWith(
    Schema.Struct({ ...AnswerCache.Settings.fields, ...AnswerCache.MemorySettings.fields }).pipe(
      Schema.omit("version")
    ),
    exact
  ),
  /** Where processes share rate limits, circuits and the limits of keys; each has its own when absent. */
  redis: Schema.optionalWith(Redis, exact),
  /** Takes the keys that `keys` issues, which are in the ledger's database; none of them when absent. */
  issuedKeys: Schema.optionalWith(ApiKeys.StoreSettings, exact),
  /** How `serve` serves. */
  gateway: Schema.optionalWith(Gateway.Settings, exact)
}).pipe(
  Schema.filter((config) => {
    const named = saving.find((name) => config.strategy === name && config[name] === undefined)
    if (named !== undefined) {
      return { path: ["strategy"], message: `Expected a strategy that the file sets up, actual "${named}"` }
    }
    if (config.strategy === undefined && saving.every((name) => config[name] !== undefined)) {
      return {
        path: ["strategy"],
        message: 'Expected "savings" or "cascade", where both are set up, actual none'
      }
    }
    const learned = config.savings !== undefined || config.cascade?.accept === "learned"
    if (learned && config.model === undefined) {
      return { path: ["model"], message: "Expected the file of a trained model, actual none" }
    }
    return config.learn?.retrain !== undefined && !learned
      ? {
          path: ["learn", "retrain"],
          message: 'Expected "savings" or a learned cascade beside it, actual none'
        }
      : undefined
  })
)

/** The configuration file. */
export type ConfigFile = typeof ConfigFile.Type

/** By what the file has providers chosen, where a call doesn't say. */
export const strategyOf = (config: ConfigFile): StrategyName =>
  config.strategy ?? saving.find((name) => config[name] !== undefined) ?? "balanced"

const toConfigurationError =
  (file: string) =>
  ({ field, reason }: InvalidArgumentError): ConfigurationError =>
    new ConfigurationError({
      file,
      field,
      // A key of the wrong type is still a key, and an address may hold a password.
      reason: /(apiKey|ledger|redis\.url)$/.test(field)
        ? reason.replace(/, actual (?!both|none)[\s\S]*$/, "")
        : reason
    })

const decode = validation.decoder("", ConfigFile)

/** Where a text stops being JSON; the parser's own message quotes the text, which may hold a key. */
const place = (text: string, message: string): string => {
  const position = /position (\d+)/.exec(message)?.[1]
  if (position !== undefined) {
    const before = text.slice(0, Number(position))
    const column = before.length - before.lastIndexOf("\n")
    return ` at line ${before.split("\n").length}, column ${column}`
  }
  const token = /token '?(.)/u.exec(message)?.[1]
  return token === undefined
    ? " that ends too early"
    : `, at the first ${JSON.stringify(token)} that doesn't belong there`
}

/** The providers that there may be without the file having them: from the environment, or found running. */
const builtIn = [AIProvider.CopilotChat, AIProvider.Claude, AIProvider.Gpt4, "ollama"]

/** All ids that a file refers to. */
const referencesOf = (config: ConfigFile): ReadonlyArray<Reference.Reference> => {
  const {
    budgets = [],
    canary,
    cascade,
    chains = {},
    gateway,
    learn,
    providerLimits = {},
    providers = [],
    rateLimits = {},
    sessions,
    simulated = []
  } = config
  const ids = [...providers, ...simulated].map(({ id }) => id)
  const provider = (field: string, id: string): Reference.Reference => ({
    field,
    id,
    what: "a provider",
    known: [...ids, ...builtIn]
  })
  const keys = gateway?.keys ?? []
  const users = keys.flatMap(({ user }) => user ?? [])
  const subjects = {
    overall: [],
    key: keys.map(({ id }) => id),
    team: [],
    // A key without a user may call for any.
    user: users.length === keys.length ? users : []
  }
  return [
    ...Object.entries(chains).flatMap(([primary, fallbacks]) => [
      provider(`chains.${primary}`, primary),
      ...fallbacks.map((id, index) => provider(`chains.${primary}[${index}]`, id))
    ]),
    ...(cascade?.accept === "agreement"
      ? [
          ...cascade.asks.flatMap((step, index) =>
            [step].flat().map((id) => provider(`cascade.asks[${index}]`, id))
          ),
          provider("cascade.last", cascade.last)
        ]
      : []),
    ...(canary === undefined ? [] : [provider("canary.provider", canary.provider)]),
    ...(learn?.providers ?? []).map((id, index) => provider(`learn.providers[${index}]`, id)),
    ...(learn === undefined
      ? []
      : learn.judge.by === "agreement"
        ? [provider("learn.judge.reference", learn.judge.reference)]
        : [provider("learn.judge.provider", learn.judge.provider)]),
    ...Object.keys(rateLimits).map((id) => provider(`rateLimits.${id}`, id)),
    ...Object.keys(sessions?.lifetimes ?? {}).map((id) => provider(`sessions.lifetimes.${id}`, id)),
    ...Object.keys(providerLimits).map((id) => provider(`providerLimits.${id}`, id)),
    // A strategy is looked for where the gateway knows them all.
    ...Object.keys(gateway?.deliveries ?? {})
      .filter((model) => !model.startsWith("saga/"))
      .map((id) => provider(`gateway.deliveries.${id}`, id)),
    ...Object.entries(gateway?.models ?? {})
      .filter(([, model]) => !model.startsWith("saga/"))
      .map(([name, id]) => provider(`gateway.models.${name}`, id)),
    ...budgets.flatMap(({ scope, subject }, index) =>
      // Without keys in the file they, and the users, are known elsewhere: to the tasks themselves.
      subject === undefined || subjects[scope].length === 0 || config.issuedKeys !== undefined
        ? []
        : [
            {
              field: `budgets[${index}].subject`,
              id: subject,
              what: `a ${scope} of gateway.keys`,
              known: subjects[scope]
            }
          ]
    )
  ]
}

const checkIds = (file: string, config: ConfigFile): Either.Either<void, ConfigurationError> => {
  const ids = new Set<string>()
  const lists = [
    ["providers", config.providers ?? []],
    ["simulated", config.simulated ?? []]
  ] as const
  for (const [list, entries] of lists) {
    for (const [index, { id }] of entries.entries()) {
      if (ids.has(id)) {
        const reason = `Expected each provider once, actual ${told(id)} twice`
        return Either.left(new ConfigurationError({ file, field: `${list}[${index}].id`, reason }))
      }
      ids.add(id)
    }
  }
  for (const reference of referencesOf(config)) {
    const reason = Reference.faultOf(reference)
    if (reason !== undefined) {
      // The id may be part of the field, as the name of a chain.
      const field = looksLikeKey(reference.id)
        ? reference.field.replaceAll(reference.id, told(reference.id))
        : reference.field
      return Either.left(new ConfigurationError({ file, field, reason }))
    }
  }
  return Either.void
}

/** Decodes a configuration, or says which field can't be used and what it holds. */
export const check = (origin: string, value: unknown): Either.Either<ConfigFile, ConfigurationError> =>
  Either.gen(function* () {
    const config = yield* Either.mapLeft(decode(value), toConfigurationError(origin))
    yield* checkIds(origin, config)
    yield* Either.mapLeft(RoutingPolicy.make(policyOf(config)), toConfigurationError(origin))
    return config
  })

/** Decodes the text of a configuration file, as {@link check} does. */
export const parse = (file: string, text: string): Either.Either<ConfigFile, ConfigurationError> =>
  Either.flatMap(
    Either.try({
      try: (): unknown => JSON.parse(text),
      catch: (error) =>
        new ConfigurationError({
          file,
          field: "",
          reason: `Expected JSON, actual other text${place(text, String(error))}`
        })
    }),
    (json) => check(file, json)
  )

/** How the file has tasks routed. A call has 10 minutes unless the file says otherwise. */
export const policyOf = (config: ConfigFile): RoutingPolicy.Options => ({
  ...(config.chains === undefined ? {} : { chains: config.chains }),
  ...(config.providerLimits === undefined ? {} : { providerLimits: config.providerLimits }),
  limits: { timeoutMs: 600_000, ...config.limits }
})

/** The budgets of the file. */
export const budgetsOf = ({ budgets, unpriced }: ConfigFile): Option.Option<Budgets.Options> =>
  Option.map(Option.fromNullable(budgets), (budgets) => ({
    budgets,
    ...(unpriced === undefined ? {} : { unpriced })
  }))

const othersMode = 0o077

/** Whether there is a secret in it, and not only the name of where one is. */
const holdsSecret = ({ ledger, providers = [], redis }: ConfigFile): boolean =>
  providers.some(({ apiKey, headers, pool = [] }) =>
    [apiKey, headers, ...pool.map((member) => member.apiKey)].some((secret) => secret !== undefined)
  ) || [ledger, redis?.url].some((address) => address !== undefined && Redacted.value(address).includes("@"))

/** Warns of a file with a secret that others than its owner can read. Windows has no modes. */
const warnOfReaders = (file: string): Effect.Effect<void, FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { mode } = yield* Effect.mapError(fs.stat(file), TaskFile.fileError(file))
    if (process.platform === "win32" || (mode & othersMode) === 0) return
    const streams = yield* Effect.serviceOption(StandardStreams)
    const warning = `${file} holds a key or a password, and others can read it. chmod 600 ${file}, or name an environment variable by apiKeyEnv.`
    yield* Option.match(streams, {
      onNone: () => Effect.logWarning(warning),
      onSome: ({ writeError }) => writeError(`Warning: ${warning}\n`)
    })
  })

/** Reads a configuration file, and warns on standard error, or in the log of a program, of one with a key that others can read. */
export const read = (
  file: string
): Effect.Effect<ConfigFile, ConfigurationError | FileError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.mapError(fs.readFileString(file), TaskFile.fileError(file))
    const config = yield* parse(file, text)
    if (holdsSecret(config)) yield* warnOfReaders(file)
    return config
  })
