/**
 * Copilot on the command line: the application that users sign in to, where their tokens are kept, and the
 * provider.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Path from "@effect/platform/Path"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as AIProvider from "../AIProvider.js"
import { AccessTokens } from "../auth/AccessTokens.js"
import * as EntraId from "../auth/EntraId.js"
import * as TokenStore from "../auth/TokenStore.js"
import * as Copilot from "../engines/Copilot.js"
import type { InvalidArgumentError } from "../InvalidArgument.js"
import * as ConfigFile from "./ConfigFile.js"
import * as Configured from "./ConfiguredProvider.js"
import * as Environment from "./Environment.js"

/** The user whose sign-in it is where no other is named. */
export const user: Effect.Effect<string> = Effect.map(
  Environment.text("COPILOT_USER"),
  Option.getOrElse(() => "default")
)

/** What signing in and out fails with before anybody is asked. */
export type SetupError = ConfigFile.ConfigurationError | TokenStore.TokenStoreError

type Platform = FileSystem.FileSystem | HttpClient.HttpClient | Path.Path | Scope.Scope

const unusable = (field: string, reason: string): ConfigFile.ConfigurationError =>
  new ConfigFile.ConfigurationError({ file: Environment.origin, field, reason })

/** Blames the variable that an option comes from. */
const blame = ({ field, reason }: InvalidArgumentError, of: "application" | "engine" = "engine") =>
  unusable(
    of === "application" && field === "baseUrl"
      ? "COPILOT_AUTHORITY"
      : Environment.variableOf("COPILOT", field.replace(/\[\d+\]$/, "")),
    reason
  )

/** A list in a variable, its parts set apart by spaces. */
const words = (name: string): Effect.Effect<Option.Option<ReadonlyArray<string>>> =>
  Effect.map(
    Environment.text(name),
    Option.map((list) => list.trim().split(/\s+/))
  )

/** Where tokens are kept: in the directory for such things, unless a variable says where. */
const directory: Effect.Effect<string, ConfigFile.ConfigurationError, Path.Path> = Effect.gen(function* () {
  const named = yield* Environment.text("ARC_SAGA_TOKENS")
  if (Option.isSome(named)) return named.value
  const path = yield* Path.Path
  const above = Option.firstSomeOf([
    yield* Environment.text("XDG_CONFIG_HOME"),
    yield* Environment.text("APPDATA"),
    Option.map(yield* Environment.text("HOME"), (home) => path.join(home, ".config"))
  ])
  return Option.isSome(above)
    ? path.join(above.value, "arc-saga", "tokens")
    : yield* unusable("ARC_SAGA_TOKENS", "Expected a directory to keep sign-ins in, actual none")
})

const store: Effect.Effect<TokenStore.Service, SetupError, FileSystem.FileSystem | Path.Path> = Effect.gen(
  function* () {
    const key = yield* Environment.variable("ARC_SAGA_TOKEN_KEY")
    return yield* TokenStore.makeDirectory({ directory: yield* directory, key: Option.getOrUndefined(key) })
  }
)

/** Signs users in to an application. */
const application = (clientId: string): Effect.Effect<EntraId.Service, SetupError, Platform> =>
  Effect.gen(function* () {
    const options: EntraId.Options = {
      clientId,
      clientSecret: Option.getOrUndefined(yield* Environment.variable("COPILOT_CLIENT_SECRET")),
      tenantId: Option.getOrUndefined(yield* Environment.text("COPILOT_TENANT_ID")),
      baseUrl: Option.getOrUndefined(yield* Environment.text("COPILOT_AUTHORITY")),
      scopes: Option.getOrUndefined(yield* words("COPILOT_SCOPES"))
    }
    const made = EntraId.make(options).pipe(
      Effect.catchTag("InvalidArgumentError", (error) => blame(error, "application")),
      Effect.provideService(TokenStore.TokenStore, yield* store)
    )
    return yield* made
  })

/** Signs users in to the application of COPILOT_CLIENT_ID; none where that isn't set. */
export const entraId: Effect.Effect<Option.Option<EntraId.Service>, SetupError, Platform> = Effect.flatMap(
  Environment.text("COPILOT_CLIENT_ID"),
  Effect.transposeMapOption(application)
)

const engine = (tokens: EntraId.Service) =>
  Effect.gen(function* () {
    const timeZone = Option.getOrElse(yield* Environment.text("COPILOT_TIME_ZONE"), () =>
      DateTime.zoneToString(DateTime.zoneMakeLocal())
    )
    return yield* Copilot.make({
      user: yield* user,
      timeZone,
      baseUrl: Option.getOrUndefined(yield* Environment.text("COPILOT_BASE_URL")),
      pathPrefix: Option.getOrUndefined(yield* Environment.text("COPILOT_PATH_PREFIX"))
    })
  }).pipe(
    Effect.provideService(AccessTokens, tokens),
    Effect.mapError((error) => blame(error))
  )

const statusOf = (clientId: string): Effect.Effect<Configured.Status, SetupError, Platform> =>
  Effect.gen(function* () {
    const entra = yield* application(clientId)
    const signIn = yield* entra.status(yield* user)
    return Option.isNone(signIn)
      ? Configured.away("nobody is signed in: arc-saga login copilot")
      : { _tag: "Ready", engine: yield* engine(entra), signIn: { user: yield* user, ...signIn.value } }
  })

/** Microsoft 365 Copilot, for the user who is signed in to an application. */
export const provider = (clientId: string): Effect.Effect<Configured.Provider, never, Platform> =>
  statusOf(clientId).pipe(
    Effect.catchTags({
      ConfigurationError: (error) => Effect.succeed({ _tag: "Broken", error } as const),
      TokenStoreError: ({ message }) =>
        Effect.succeed(
          Configured.broken(
            Environment.origin,
            "ARC_SAGA_TOKENS",
            `${message}. Sign in again (arc-saga login copilot) or forget it (arc-saga logout copilot)`
          )
        )
    }),
    Effect.map((status) => Configured.make({ id: AIProvider.CopilotChat }, Environment.origin, status))
  )
