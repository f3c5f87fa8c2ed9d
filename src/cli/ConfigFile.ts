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
import * as Simulated from "../engines/Simulated.js"
import * as Gateway from "../gateway/Gateway.js"
import * as Hedging from "../reliability/Hedging.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as validation from "../internal/validation.js"
import { looksLikeKey, told } from "../internal/told.js"
import * as Price from "../Price.js"
import * as RateLimits from "../reliability/RateLimits.js"
import * as RetryBudget from "../reliability/RetryBudget.js"
import * as AnswerCache from "../routing/AnswerCache.js"
import * as RoutingPolicy from "../routing/RoutingPolicy.js"
import * as Sessions from "../routing/Sessions.js"
import * as Learning from "../savings/Learning/Settings.js"
import * as duration from "../internal/duration.js"
import * as Reference from "./Reference.js"
import { type FileError, StandardStreams } from "./StandardStreams.js"
import * as TaskFile from "./TaskFile.js"

/** Something in a configuration file, or in an environment variable, can't be used. */
export class ConfigurationError extends Schema.TaggedError<ConfigurationError>(
  "arc-saga/cli/ConfigurationError"
)("ConfigurationError", {
  /** The path of the file, or `environment`. */
  file: Schema.String,
  /** The field as a path, `providers[0].model`, or the variable; empty for the whole. */
  field: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return [this.file, this.field, this.reason].filter((part) => part !== "").join(": ")
  }
}

const exact = { exact: true } as const

/** An address that a server can have: `http:` or `https:`. */
export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text)

const limit = Schema.optionalWith(numbers.millis, exact)

/** The limits of attempts. */
const attemptLimits = { firstTokenMs: limit, idleMs: limit, attemptMs: limit }

/** What every provider of the file may state of itself. */
const known = {
  /** Milliseconds that half of the answers take at most. */
  p50LatencyMs: Schema.optionalWith(numbers.from0("milliseconds"), exact),
  /** Milliseconds that 99 % of the answers take at most. */
  p99LatencyMs: Schema.optionalWith(numbers.from0("milliseconds"), exact),
  /** How good the answers are, 0 to 10. */
  quality: Schema.optionalWith(numbers.upTo("a score", 10), exact)
}

const environmentVariable = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z_][A-Za-z0-9_]*$/, { description: "the name of an environment variable" })
)

const can = Schema.optionalWith(Schema.Boolean, exact)

/** What a model can, as far as it isn't what models at such servers usually can. */
const Capabilities = Schema.Struct({
  tools: can,
  systemPrompt: can,
  sampling: can,
  prefill: can,
  jsonSchema: can,
  images: can,
  documents: can,
  audio: can,
  logProbabilities: can,
  streaming: can
})

/** What only servers of OpenAI's wires can be told. */
const ofOpenAI = ["wires", "maxTokensField", "completeOver", "toolCallIds", "includeUsage"] as const

const address = Schema.String.pipe(Schema.filter(isUrl, { description: "an http or https URL" }))

const ofOneKey = ({ apiKey, apiKeyEnv }: { readonly apiKey?: unknown; readonly apiKeyEnv?: unknown }) =>
  apiKey !== undefined && apiKeyEnv !== undefined
    ? { path: ["apiKey"], message: "Expected either apiKey or apiKeyEnv, actual both" }
    : undefined

/** A key, a region or a deployment of a provider; what it doesn't say is the provider's. */
const Member = Schema.Struct({
  /** What logs and the gateway's page call it; its place in the list, from 1, when absent. */
  name: Schema.optionalWith(Schema.NonEmptyString, exact),
  baseUrl: Schema.optionalWith(address, exact),
  apiKeyEnv: Schema.optionalWith(environmentVariable, exact),
  apiKey: Schema.optionalWith(Schema.Redacted(Schema.NonEmptyString), exact),
  /** Its share of the calls beside the others' weights; 1 when absent. */
  weight: Schema.optionalWith(numbers.above0("a weight"), exact)
}).pipe(Schema.filter(ofOneKey))

/** What a member of a pool is called. */
export const memberName = ({ name }: { readonly name?: string | undefined }, index: number): string =>
  name ?? String(index + 1)

/** A server that speaks OpenAI's wires, or Anthropic's Messages. */
export const Provider = Schema.Struct({
  id: AIProvider.AIProvider,
  /** What the server speaks: `openai` (`wires`) when absent, or `anthropic` (Messages). */
  api: Schema.optionalWith(Schema.Literal("openai", "anthropic"), exact),
  /**
   * OpenAI's wires that it has, the preferred one first; when absent `chatCompletions` and `responses` at OpenAI,
   * elsewhere `chatCompletions`. A model that embeds has `embeddings`.
   */
  wires: Schema.optionalWith(
    Schema.NonEmptyArray(Schema.Literal("chatCompletions", "responses", "embeddings")),
    exact
  ),
  /** The address below which `/chat/completions`, `/responses` and `/embeddings` are, or `/v1/messages`. */
  baseUrl: address,
  model: Schema.NonEmptyString,
  /** The name of the environment variable that holds the key. */
  apiKeyEnv: Schema.optionalWith(environmentVariable, exact),
  /** The key itself; prefer `apiKeyEnv`. */
  apiKey: Schema.optionalWith(Schema.Redacted(Schema.NonEmptyString), exact),
  /** USD per million tokens; unknown when absent. */
  price: Schema.optionalWith(Price.Options, exact),
  ...known,
  /** Tokens that the model can hold. */
  contextWindow: Schema.optionalWith(numbers.tokens, exact),
  /** What the model can, where it isn't the usual. */
  capabilities: Schema.optionalWith(Capabilities, exact),
  /** How the server calls the limit of tokens; when absent `max_completion_tokens` at OpenAI, elsewhere `max_tokens`. */
  maxTokensField: Schema.optionalWith(Schema.Literal("max_tokens", "max_completion_tokens"), exact),
  /** Whether the model thinks before it writes, so that its first token may take minutes; its name tells when absent. */
  reasoning: Schema.optionalWith(Schema.Boolean, exact),
  /** How it is asked for an answer that isn't streamed: as a stream all the same (`sse`, when absent), or as `json`. */
  completeOver: Schema.optionalWith(Schema.Literal("sse", "json"), exact),
  /** What it takes for the ids of tool calls; by the model's name when absent. */
  toolCallIds: Schema.optionalWith(Schema.Literal("any", "forty-characters", "nine-alphanumerics"), exact),
  /** More headers for it; a value may be a secret, and is treated as one. */
  headers: Schema.optionalWith(
    Schema.Record({ key: Schema.String, value: Schema.Redacted(Schema.NonEmptyString) }),
    exact
  ),
  /** Whether it is asked to say what a stream used; true when absent. */
  includeUsage: Schema.optionalWith(Schema.Boolean, exact),
  /** Characters that an answer in one piece may have, or one event of a stream; 16,777,216 when absent, of embeddings 134,217,728. */
  maxAnswerCharacters: Schema.optionalWith(numbers.count("characters"), exact),
  /** Several keys, regions or deployments of it, which take turns and stand in for each other. */
  pool: Schema.optionalWith(Schema.NonEmptyArray(Member), exact),
  /** Whether it takes part; true when absent. */
  enabled: Schema.optionalWith(Schema.Boolean, exact)
}).pipe(
  Schema.filter((provider) => {
    const key = ofOneKey(provider)
    if (key !== undefined) return key
    const names = (provider.pool ?? []).map(memberName)
    const twice = names.findIndex((name, index) => names.indexOf(name) < index)
    if (twice !== -1) {
      const actual = JSON.stringify(names[twice])
      return { path: ["pool", twice, "name"], message: `Expected each name once, actual ${actual} twice` }
    }
    const foreign =
      provider.api === "anthropic" ? ofOpenAI.find((field) => provider[field] !== undefined) : undefined
    if (foreign === undefined) return undefined
    const actual = JSON.stringify(provider[foreign])
    return { path: [foreign], message: `Expected none beside api "anthropic", actual ${actual}` }
  })
)

/** A server that speaks OpenAI's wires, or Anthropic's Messages. */
export type Provider = typeof Provider.Type

/** A provider that answers by itself, for trying out what a configuration does. */
export const SimulatedProvider = Schema.Struct({
  ...Simulated.Options.fields,
  ...known
}).pipe(Schema.omit("provider"), Schema.extend(Schema.Struct({ id: AIProvider.AIProvider })))

/** What saves money per task, by the names that `strategy` and `saga/<name>` have for it. */
const saving = ["savings", "cascade"] as const

/** The names that a strategy may have in a file and on the command line. */
export const strategies = ["cheapest", "fastest", "quality", "balanced", ...saving] as const

/** By what a provider is chosen. */
export type StrategyName = (typeof strategies)[number]

/** What a timer can wait, in milliseconds. */
const longestTimer = 2_147_483_647

const shareOfQuality = numbers.upTo("a share of quality", 1)

/** Where a share is kept: in each family (`families`, when absent), or on the `whole` alone. */
const scope = Schema.optionalWith(Schema.Literal("families", "whole"), exact)

/** One call per task, to the provider that a model expects to be worth its cost. */
const Savings = Schema.Struct({
  /** The share of the best provider's quality to keep, 0 to 1. */
  keep: shareOfQuality,
  scope,
  /** The share of the input that providers read from their caches, 0 to 1; 0 when absent. */
  cachedShare: Schema.optionalWith(numbers.upTo("a share of the input", 1), exact),
  /** The share of the tasks whose providers are drawn by how likely each is the best; none when absent. */
  explore: Schema.optionalWith(
    Schema.Struct({ share: numbers.upTo("a share of the tasks", 1), seed: Schema.Int }),
    exact
  )
})

/** What the answers of cheap providers are compared by. */
const comparisons = ["shortAnswer", "number", "choice", "json", "code"] as const

const Step = Schema.Union(AIProvider.AIProvider, Schema.NonEmptyArray(AIProvider.AIProvider)).annotations({
  description: "a provider, or several that are asked at once"
})

const comparison = Schema.Literal(...comparisons)

/** Cheap answers first, where there is evidence that they are good. */
const Cascade = Schema.Union(
  /** Another provider gives the same answer. */
  Schema.Struct({
    accept: Schema.Literal("agreement"),
    comparison,
    /** Who is asked first, in turn; several in one step are asked at once. */
    asks: Schema.NonEmptyArray(Step),
    /** Who answers when no answer was accepted. */
    last: AIProvider.AIProvider,
    /** Milliseconds for a task that doesn't say. */
    timeoutMs: limit
  }),
  /** What the model has learned of such answers; it also says who is asked. */
  Schema.Struct({
    accept: Schema.Literal("learned"),
    comparison,
    /** The share of the last provider's quality to keep, 0 to 1. */
    keep: shareOfQuality,
    scope,
    timeoutMs: limit
  })
)

/** Cheap answers first, where there is evidence that they are good. */
export type Cascade = typeof Cascade.Type

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
  prefix: Schema.optionalWith(Schema.NonEmptyString, exact)
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

/** Who says how good answers are: a provider's answers are good, and those that are the same; or a provider's scores. */
const Judge = Schema.Union(
  Schema.Struct({
    by: Schema.Literal("agreement"),
    comparison,
    /** The provider whose answers are taken to be good. */
    reference: AIProvider.AIProvider
  }),
  Schema.Struct({
    by: Schema.Literal("provider"),
    /** Who is asked for scores. */
    provider: AIProvider.AIProvider,
    /** How answers are recorded, so that a cascade can be learned; they aren't when absent. */
    comparison: Schema.optionalWith(comparison, exact)
  })
)

/** What `serve` learns from what it serves. */
const Learn = Schema.Struct({
  ...Learning.Settings.fields,
  /** The file that outcomes are written to. */
  outcomes: Schema.NonEmptyString,
  /** The most bytes of that file and the older one together; 67,108,864 when absent. */
  maxBytes: Schema.optionalWith(numbers.count("a number of bytes"), exact),
  judge: Judge,
  /** How often the model is trained anew, as `12h` or `1d`; never when absent. */
  retrain: Schema.optionalWith(
    Schema.String.pipe(
      Schema.filter(
        (text) => Option.exists(Either.getRight(duration.parse(text)), (ms) => ms > 0 && ms <= longestTimer),
        {
          description: "a duration above 0 and of at most 24 days, such as 12h or 1d"
        }
      )
    ),
    exact
  )
})

/** What `serve` learns from what it serves. */
export type Learn = typeof Learn.Type

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
  budgets: Schema.optionalWith(Budgets.Options.fields.budgets, exact),
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
      subject === undefined || subjects[scope].length === 0
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

/** Decodes the text of a configuration file, or says which field can't be used and what it holds. */
export const parse = (file: string, text: string): Either.Either<ConfigFile, ConfigurationError> =>
  Either.gen(function* () {
    const json: unknown = yield* Either.try({
      try: () => JSON.parse(text),
      catch: (error) =>
        new ConfigurationError({
          file,
          field: "",
          reason: `Expected JSON, actual other text${place(text, String(error))}`
        })
    })
    const config = yield* Either.mapLeft(decode(json), toConfigurationError(file))
    yield* checkIds(file, config)
    yield* Either.mapLeft(RoutingPolicy.make(policyOf(config)), toConfigurationError(file))
    return config
  })

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
    if (Option.isNone(streams)) return
    yield* streams.value.writeError(
      `Warning: ${file} holds a key or a password, and others can read it. chmod 600 ${file}, or name an environment variable by apiKeyEnv.\n`
    )
  })

/** Reads a configuration file, and warns on standard error of one with a key that others can read. */
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
