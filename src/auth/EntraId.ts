/**
 * Microsoft Entra ID: signs users in with a device code, keeps their tokens in the TokenStore, and refreshes
 * them before they expire.
 *
 * A token is refreshed when fewer than {@link Options.refreshEarlyMs} are left of it, in one request however
 * many tasks wait. It goes on when they stop waiting. As long as the token that there is can be used, a
 * refresh that fails or takes long is no task's failure: it is logged, and the next task tries again.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as validation from "../internal/validation.js"
import { type Configured, unwrap } from "../internal/options.js"
import * as session from "./internal/entra/session.js"
import type { Service } from "./internal/entra/signIn.js"
import * as engineOptions from "../wire/engineOptions.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as AccessTokens from "./AccessTokens.js"
import type * as TokenStore from "./TokenStore.js"

export type { Prompt, Service, Status } from "./internal/entra/signIn.js"

/**
 * The application that users sign in to, as it is registered with Entra ID.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Its application (client) id. */
  readonly clientId: string
  /** Its secret where it is a confidential client; one that allows public client flows has none. */
  readonly clientSecret?: Redacted.Redacted | undefined
  /** Whose users: a tenant's id or domain; `organizations` (all work accounts) when absent. */
  readonly tenantId?: string | undefined
  /** The permissions to ask for; {@link defaultScopes} when absent. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The address above the tenant; {@link defaultBaseUrl} when absent. Plain http is for this machine alone. */
  readonly baseUrl?: string | undefined
  /** Milliseconds before its end at which a token is refreshed, 0 or more; 300 000 when absent. */
  readonly refreshEarlyMs?: number | undefined
}

/**
 * The delegated permissions that Microsoft 365 Copilot Chat demands, and the one for refresh tokens.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultScopes: ReadonlyArray<string> = [
  "Sites.Read.All",
  "Mail.Read",
  "People.Read.All",
  "OnlineMeetingTranscript.Read.All",
  "Chat.Read",
  "ChannelMessage.Read.All",
  "ExternalItem.Read.All",
  "offline_access"
]

/**
 * Where Entra ID is.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaultBaseUrl = "https://login.microsoftonline.com"

/**
 * @since 0.1.0
 * @category tags
 */
export class EntraId extends Context.Tag("arc-saga/EntraId")<EntraId, Service>() {}

const invalid = engineOptions.invalidOf("EntraId")

const defaultRefreshEarlyMs = 300_000

const clientIdOf = (clientId: string): Either.Either<string, InvalidArgumentError> =>
  /^[!-~]+$/.test(clientId)
    ? Either.right(clientId)
    : invalid("clientId", "Expected the id of an application, without spaces")

const clientSecretOf = (
  secret: Redacted.Redacted | undefined
): Either.Either<Redacted.Redacted | undefined, InvalidArgumentError> =>
  secret === undefined || /^[!-~]+$/.test(Redacted.value(secret))
    ? Either.right(secret)
    : invalid("clientSecret", "Expected a secret of printable characters without spaces")

const tenantIdOf = (tenantId: string): Either.Either<string, InvalidArgumentError> =>
  /^[\w-]+(?:\.[\w-]+)*$/.test(tenantId)
    ? Either.right(tenantId)
    : invalid("tenantId", `Expected a tenant's id or domain, actual ${JSON.stringify(tenantId)}`)

const scopesOf = (
  scopes: ReadonlyArray<string>
): Either.Either<ReadonlyArray<string>, InvalidArgumentError> => {
  const wrong = scopes.find((scope) => !/^[!#-[\]-~]+$/.test(scope))
  if (wrong !== undefined) return invalid("scopes", `Expected permissions, actual ${JSON.stringify(wrong)}`)
  // Who the user is, is the caller's to say; a token that says it would have to be verified.
  return scopes.length === 0 || scopes.includes("openid")
    ? invalid("scopes", "Expected at least one permission, and none of openid")
    : Either.right(scopes)
}

const refreshEarlyMsOf = (ms: number): Either.Either<number, InvalidArgumentError> =>
  Number.isFinite(ms) && ms >= 0
    ? Either.right(ms)
    : invalid("refreshEarlyMs", `Expected milliseconds (a number from 0), actual ${ms}`)

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname)

const urlOf = (baseUrl: string, path: string): Either.Either<string, InvalidArgumentError> =>
  Either.flatMap(
    engineOptions.endpoint(invalid, baseUrl, (base) => `${base}${path}`),
    (href) => {
      const { hostname, protocol } = new URL(href)
      return protocol === "https:" || isLoopback(hostname)
        ? Either.right(href)
        : invalid("baseUrl", `Expected https, but for this machine; actual ${JSON.stringify(baseUrl)}`)
    }
  )

const known = validation.known<Options>("EntraId", {
  clientId: true,
  clientSecret: true,
  tenantId: true,
  scopes: true,
  baseUrl: true,
  refreshEarlyMs: true
})

const settingsOf = (options: Options): Either.Either<session.Settings, InvalidArgumentError> =>
  Either.gen(function* () {
    yield* known(options)
    const tenantId = yield* tenantIdOf(options.tenantId ?? "organizations")
    const url = (name: string) => urlOf(options.baseUrl ?? defaultBaseUrl, `/${tenantId}/oauth2/v2.0/${name}`)
    return {
      clientId: yield* clientIdOf(options.clientId),
      clientSecret: yield* clientSecretOf(options.clientSecret),
      scopes: yield* scopesOf(options.scopes ?? defaultScopes),
      tokenUrl: yield* url("token"),
      deviceCodeUrl: yield* url("devicecode"),
      refreshEarlyMs: yield* refreshEarlyMsOf(options.refreshEarlyMs ?? defaultRefreshEarlyMs)
    }
  })

/**
 * Makes the service for an application, or fails with an InvalidArgumentError that names the option. Entra
 * ID isn't asked before a user signs in. Refreshes that are under way end with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<
  Service,
  InvalidArgumentError,
  HttpClient.HttpClient | Scope.Scope | TokenStore.TokenStore
> => Effect.flatMap(settingsOf(options), session.make)

const layerOf = <E, R>(
  service: Effect.Effect<Service, E, R>
): Layer.Layer<AccessTokens.AccessTokens | EntraId, E, Exclude<R, Scope.Scope>> =>
  Layer.scopedContext(
    Effect.map(service, (made) =>
      Context.make(EntraId, made).pipe(Context.add(AccessTokens.AccessTokens, made))
    )
  )

/**
 * Signs users in, and is where the engines get their access tokens.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { NodeContext } from "@effect/platform-node"
 * import { EntraId, TokenStore } from "arc-saga/auth"
 * import { Console, Effect, Layer } from "effect"
 *
 * const store = Layer.provide(TokenStore.layerDirectory({ directory: "./tokens" }), NodeContext.layer)
 *
 * const entraId = EntraId.layer({ clientId: "00000000-0000-0000-0000-000000000000" }).pipe(
 *   Layer.provide([store, FetchHttpClient.layer])
 * )
 *
 * export const program = Effect.gen(function* () {
 *   const { signIn } = yield* EntraId.EntraId
 *   yield* signIn("alice", ({ message }) => Console.log(message))
 * }).pipe(Effect.provide(entraId))
 * ```
 */
export const layer = (
  options: Options
): Layer.Layer<
  AccessTokens.AccessTokens | EntraId,
  InvalidArgumentError,
  HttpClient.HttpClient | TokenStore.TokenStore
> => layerOf(make(options))

/**
 * Application and tenant as Config has them by their usual names: COPILOT_CLIENT_ID, COPILOT_CLIENT_SECRET
 * and COPILOT_TENANT_ID, of which only the first has to be there.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Options> = Config.all({
  clientId: Config.string("COPILOT_CLIENT_ID"),
  clientSecret: Config.option(Config.redacted("COPILOT_CLIENT_SECRET")),
  tenantId: Config.option(Config.string("COPILOT_TENANT_ID"))
}).pipe(
  Config.map(({ clientId, clientSecret, tenantId }) => ({
    clientId,
    ...(Option.isSome(clientSecret) ? { clientSecret: clientSecret.value } : {}),
    ...(Option.isSome(tenantId) ? { tenantId: tenantId.value } : {})
  }))
)

/**
 * The same for an application that comes from Config: one for all of its options, or one for each.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Configured<Options>
): Layer.Layer<
  AccessTokens.AccessTokens | EntraId,
  ConfigError | InvalidArgumentError,
  HttpClient.HttpClient | TokenStore.TokenStore
> => layerOf(Effect.flatMap(unwrap(options), make))
