import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as AccessTokens from "../../AccessTokens.js"
import * as TokenStore from "../../TokenStore.js"
import * as deviceCode from "./deviceCode.js"
import * as failure from "./failure.js"
import type { Service, Status } from "./signIn.js"
import * as wire from "./wire.js"

/** An application, and when its users' tokens are refreshed. */
export interface Settings extends wire.Application {
  readonly refreshEarlyMs: number
}

/** Milliseconds that a task waits for a refresh while it could do with the token that there is. */
const refreshTimeoutMs = 5000

const required = (userId: string, description: string): AccessTokens.SignInRequiredError =>
  new AccessTokens.SignInRequiredError({ userId, description })

const statusOf = ({ expiresAt, refreshToken }: TokenStore.Tokens): Status => ({
  expiresAt,
  renewable: Option.isSome(refreshToken)
})

/** Signs users in, and keeps their tokens fresh. */
export const make = (
  settings: Settings
): Effect.Effect<Service, never, HttpClient.HttpClient | Scope.Scope | TokenStore.TokenStore> =>
  Effect.gen(function* () {
    const store = yield* TokenStore.TokenStore
    const requests = wire.make(settings, yield* HttpClient.HttpClient)
    const refreshes = yield* FiberMap.make<string, TokenStore.Tokens, AccessTokens.AccessTokenError>()
    // Between a look at a record and its replacement nothing else of this process changes it.
    const writing = (yield* Effect.makeSemaphore(1)).withPermits(1)

    const stored = (userId: string): Effect.Effect<TokenStore.Tokens, AccessTokens.AccessTokenError> =>
      Effect.flatMap(
        store.get(userId),
        Option.match({
          onNone: () => required(userId, "there are no tokens of this user"),
          onSome: Effect.succeed
        })
      )

    const leftOf = (tokens: TokenStore.Tokens): Effect.Effect<number> =>
      Effect.map(Clock.currentTimeMillis, (now) => tokens.expiresAt - now)

    /** Stores what a refresh brought, unless the user has signed out or in since, here or elsewhere. */
    const replace = (userId: string, before: TokenStore.Tokens, after: TokenStore.Tokens) =>
      writing(
        Effect.gen(function* () {
          const current = yield* stored(userId)
          if (!Equal.equals(current.accessToken, before.accessToken)) return current
          yield* store.set(userId, after)
          return after
        })
      )

    /** What another process has stored since; a refresh token that it used may be of no use here any more. */
    const meanwhile = (
      userId: string,
      before: TokenStore.Tokens,
      rejected: Option.Option<Redacted.Redacted>
    ) =>
      Effect.gen(function* () {
        const current = yield* stored(userId)
        const isUsable = (yield* leftOf(current)) > 0 && !Option.contains(rejected, current.accessToken)
        return isUsable && !Equal.equals(current.accessToken, before.accessToken)
          ? current
          : yield* required(userId, "no other process has refreshed them")
      })

    const refresh = (userId: string, rejected: Option.Option<Redacted.Redacted>) =>
      Effect.gen(function* () {
        const before = yield* stored(userId)
        // Another process may have refreshed it.
        const isFresh = (yield* leftOf(before)) > settings.refreshEarlyMs
        if (isFresh && !Option.contains(rejected, before.accessToken)) return before
        if (Option.isNone(before.refreshToken)) {
          return yield* required(userId, "the sign-in has ended, and was one without a refresh token")
        }
        const after = yield* Effect.either(requests.refresh(before.refreshToken.value))
        if (after._tag === "Left") {
          return yield* Effect.orElse(meanwhile(userId, before, rejected), () =>
            Effect.fail(failure.toError(userId, after.left))
          )
        }
        const refreshToken = Option.orElse(after.right.refreshToken, () => before.refreshToken)
        return yield* replace(userId, before, { ...after.right, refreshToken })
      })

    /** The one refresh of a user is shared by all callers; the interruption of one doesn't end it. */
    const refreshed = (
      userId: string,
      rejected: Option.Option<Redacted.Redacted>
    ): Effect.Effect<TokenStore.Tokens, AccessTokens.AccessTokenError> =>
      Effect.suspend(() =>
        Option.match(FiberMap.unsafeGet(refreshes, userId), {
          onNone: () => FiberMap.run(refreshes, userId, refresh(userId, rejected)),
          onSome: Effect.succeed
        })
      ).pipe(Effect.flatMap(Fiber.await), Effect.flatten)

    const freshened = (userId: string, tokens: TokenStore.Tokens) =>
      Effect.gen(function* () {
        const left = yield* leftOf(tokens)
        if (left > settings.refreshEarlyMs) return tokens
        if (left <= refreshTimeoutMs) return yield* refreshed(userId, Option.none())
        if (Option.isNone(tokens.refreshToken)) return tokens
        const after = yield* Effect.timeoutOption(refreshed(userId, Option.none()), refreshTimeoutMs).pipe(
          Effect.catchAll(({ message }) =>
            Effect.logWarning("token_refresh_failed").pipe(
              Effect.annotateLogs({ userId, error: message }),
              Effect.as(Option.none())
            )
          )
        )
        return Option.getOrElse(after, () => tokens)
      })

    return {
      get: (userId) =>
        Effect.map(
          Effect.flatMap(stored(userId), (tokens) => freshened(userId, tokens)),
          ({ accessToken }) => accessToken
        ),
      renew: (userId, rejected) =>
        Effect.gen(function* () {
          const tokens = yield* stored(userId)
          if (!Equal.equals(tokens.accessToken, rejected)) {
            return (yield* freshened(userId, tokens)).accessToken
          }
          const { accessToken } = yield* refreshed(userId, Option.some(rejected))
          // A refresh that was under way already may have found the rejected token fresh.
          return Equal.equals(accessToken, rejected)
            ? (yield* refreshed(userId, Option.some(rejected))).accessToken
            : accessToken
        }),
      signIn: (userId, show) =>
        Effect.flatMap(deviceCode.signIn(requests, userId, show), (tokens) =>
          Effect.as(writing(store.set(userId, tokens)), statusOf(tokens))
        ),
      signOut: (userId) => writing(store.remove(userId)),
      status: (userId) => Effect.map(store.get(userId), Option.map(statusOf))
    }
  })
