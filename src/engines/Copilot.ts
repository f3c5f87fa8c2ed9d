/**
 * Microsoft 365 Copilot Chat, over Microsoft Graph.
 *
 * Copilot is asked on a user's behalf, with that user's access token, which {@link AccessTokens} gives; the
 * user is the task's `userId`. An attempt makes a conversation and asks in it: chat isn't idempotent, so a
 * retry is a new conversation. A token that Graph rejects is renewed once. What is wrong with one user's
 * sign-in or licence is an AuthenticationError with that `userId`, which says nothing of the provider.
 *
 * The service streams snapshots of its answer, each of which may rewrite the one before. A streamed answer
 * goes on where a snapshot goes on: citation marks that change in the delivered text are told in a warning;
 * other words there are a TransientError (`malformed`), unless a later snapshot has the same ones again. A
 * whole answer is exactly the last snapshot. No event says that it is the last: the answer is whole when its
 * body ends orderly, and cut when the connection breaks.
 *
 * The service counts no tokens: usage is estimated from all text that was sent and received.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as AIProvider from "../AIProvider.js"
import * as AccessTokens from "../auth/AccessTokens.js"
import * as graph from "./internal/graph/attempt.js"
import * as engineOptions from "../wire/engineOptions.js"
import { type Configured, type Given, given } from "../internal/options.js"
import { told } from "../internal/told.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import type * as Price from "../Price.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as fromConfig from "./internal/config.js"
import * as Registry from "../ReasoningEngineRegistry.js"

/**
 * How Copilot is asked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** `copilot_chat` when absent. */
  readonly provider?: AIProvider.AIProvider | undefined
  /** Where Graph is; {@link defaultBaseUrl} when absent. National clouds have others. */
  readonly baseUrl?: string | undefined
  /** The version of Graph, a path below the base URL; {@link defaultPathPrefix} when absent. */
  readonly pathPrefix?: string | undefined
  /** The users' time zone by its IANA name (`Europe/Berlin`), for "today" and "at noon"; UTC when absent. */
  readonly timeZone?: string | undefined
  /** Who is asked for where a task has no `userId`. */
  readonly user?: string | undefined
  /** Whether the web may be searched for an answer; as Copilot has it by default when absent. */
  readonly webSearch?: boolean | undefined
  /** Addresses of files (in OneDrive or SharePoint) that every answer takes into account. */
  readonly files?: ReadonlyArray<string> | undefined
  readonly price?: Price.Price | undefined
  /** Differences from {@link defaultCapabilities}: `streaming: false` asks for answers in one piece. */
  readonly capabilities?: Given<ReasoningEngine.Capabilities> | undefined
  /** More headers; their values are kept out of errors and spans as the token is. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Characters that an answer in one piece may have, or one event of a stream: 16,777,216 when absent. */
  readonly maxAnswerCharacters?: number | undefined
}

/**
 * Where Microsoft Graph is.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultBaseUrl = "https://graph.microsoft.com"

/**
 * The version of Graph that has Copilot.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultPathPrefix = "/beta"

/**
 * The time zone of users without another one.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultTimeZone = "UTC"

/**
 * What Copilot can: text, streamed, under a system prompt, and nothing else.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const defaultCapabilities: ReasoningEngine.Capabilities = {
  ...ReasoningEngine.defaultCapabilities,
  tools: false,
  sampling: false,
  jsonSchema: false
}

/** Models have no names here. */
const model = "copilot"

const invalid = engineOptions.invalidOf("Copilot")

const prefixOf = (prefix: string): Either.Either<string, InvalidArgumentError> =>
  /^(?:\/[\w.~-]+)*\/?$/.test(prefix)
    ? Either.right(prefix.replace(/\/$/, ""))
    : invalid("pathPrefix", `Expected a path (/beta), actual ${told(prefix)}`)

const known = engineOptions.knownOf<Options>("Copilot", {
  provider: true,
  baseUrl: true,
  pathPrefix: true,
  timeZone: true,
  user: true,
  webSearch: true,
  files: true,
  price: true,
  capabilities: true,
  headers: true,
  maxAnswerCharacters: true
})

const timeZoneOf = (timeZone: string): Either.Either<string, InvalidArgumentError> =>
  // An offset is a zone, too, but not a name.
  /^[A-Z]/i.test(timeZone) && Option.isSome(DateTime.zoneMakeNamed(timeZone))
    ? Either.right(timeZone)
    : invalid("timeZone", `Expected the IANA name of a time zone (Europe/Berlin), actual ${told(timeZone)}`)

const userOf = (user: string | undefined): Either.Either<string | undefined, InvalidArgumentError> =>
  user?.trim() === "" ? invalid("user", 'Expected the id of a user, actual ""') : Either.right(user)

const filesOf = (
  files: ReadonlyArray<string>
): Either.Either<ReadonlyArray<string>, InvalidArgumentError> => {
  const wrong = files.findIndex((file) => !/^https?:/i.test(file) || !URL.canParse(file))
  return wrong === -1
    ? Either.right(files)
    : invalid(`files[${wrong}]`, `Expected an http(s) URL, actual ${told(files[wrong] ?? "")}`)
}

const build = (
  options: Options,
  client: HttpClient.HttpClient,
  tokens: AccessTokens.Service
): Either.Either<ReasoningEngine.ReasoningEngine, InvalidArgumentError> =>
  Either.gen(function* () {
    yield* known(options)
    const provider = options.provider ?? AIProvider.CopilotChat
    const prefix = yield* prefixOf(options.pathPrefix ?? defaultPathPrefix)
    const reached = { ...options, baseUrl: options.baseUrl ?? defaultBaseUrl }
    const server = yield* engineOptions.serverOf(
      invalid,
      reached,
      (base) => `${base}${prefix}/copilot/conversations`
    )
    const timeZone = yield* timeZoneOf(options.timeZone ?? defaultTimeZone)
    const user = yield* userOf(options.user)
    const files = yield* filesOf(options.files ?? [])
    const capabilities = { ...defaultCapabilities, ...given(options.capabilities) }
    const wire: graph.Wire = {
      ...server,
      provider,
      model,
      streams: capabilities.streaming,
      user,
      settings: { timeZone, files, webSearch: options.webSearch }
    }
    return ReasoningEngine.make({
      ...options,
      provider,
      model,
      capabilities,
      attempt: graph.attempt(wire, client, tokens)
    })
  })

/**
 * Makes an engine, or fails with an InvalidArgumentError that names the option. Neither Graph nor a token is
 * asked for before the first attempt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  ReasoningEngine.ReasoningEngine,
  InvalidArgumentError,
  AccessTokens.AccessTokens | HttpClient.HttpClient
> =>
  Effect.flatMap(Effect.all([HttpClient.HttpClient, AccessTokens.AccessTokens]), ([client, tokens]) =>
    build(options, client, tokens)
  )

/**
 * Registers an engine for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Copilot } from "arc-saga/engines"
 *
 * export const copilot = Copilot.layer({ timeZone: "Europe/Berlin", webSearch: false })
 * ```
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  never,
  Registry.DuplicateEngineError | InvalidArgumentError,
  AccessTokens.AccessTokens | HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> => Registry.layerRegister(make(options))

/**
 * Base URL, path prefix, time zone and user as Config has them by their usual names; all have defaults.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Pick<Options, "baseUrl" | "pathPrefix" | "timeZone" | "user">> =
  Config.all({
    baseUrl: Config.withDefault(Config.string("COPILOT_BASE_URL"), defaultBaseUrl),
    pathPrefix: Config.withDefault(Config.string("COPILOT_PATH_PREFIX"), defaultPathPrefix),
    timeZone: Config.withDefault(Config.string("COPILOT_TIME_ZONE"), defaultTimeZone),
    user: Config.option(Config.string("COPILOT_USER"))
  }).pipe(
    Config.map(({ user, ...rest }) =>
      Option.match(user, { onNone: () => rest, onSome: (user) => ({ ...rest, user }) })
    )
  )

/**
 * Registers an engine whose options come from Config: one for all of them, or one for each.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { Copilot } from "arc-saga/engines"
 * import { Config } from "effect"
 *
 * // COPILOT_BASE_URL, COPILOT_PATH_PREFIX, COPILOT_TIME_ZONE, COPILOT_USER
 * export const fromTheEnvironment = Copilot.layerConfig(Copilot.config)
 *
 * export const another = Copilot.layerConfig({ user: Config.string("USER_PRINCIPAL_NAME") })
 * ```
 */
export const layerConfig: (
  options: Configured<Options>
) => Layer.Layer<
  never,
  ConfigError | Registry.DuplicateEngineError | InvalidArgumentError,
  AccessTokens.AccessTokens | HttpClient.HttpClient | Registry.ReasoningEngineRegistry
> = fromConfig.layer(make)
