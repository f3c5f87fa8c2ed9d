/**
 * Access tokens of users: what a provider needs that is asked on a user's behalf.
 *
 * {@link AccessTokens} is the service that such an engine takes. `auth/EntraId` makes one that signs users
 * in itself; a backend that has its users' tokens already (on-behalf-of, another library) provides its own.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as TokenStore from "./TokenStore.js"

/**
 * The user has to sign in, for the first time or again. Other users aren't touched by it.
 *
 * @since 0.1.0
 * @category errors
 */
export class SignInRequiredError extends Schema.TaggedError<SignInRequiredError>(
  "arc-saga/SignInRequiredError"
)("SignInRequiredError", {
  userId: Schema.String,
  /** What is wrong with the sign-in that there was, if there was one. */
  description: Schema.String,
  /** The code of the identity provider: `invalid_grant`. */
  code: Schema.optional(Schema.String)
}) {
  override get message(): string {
    return `${JSON.stringify(this.userId)} isn't signed in: ${this.description}. Sign in (arc-saga login copilot, or EntraId.signIn)`
  }
}

/**
 * The identity provider rejects the application: an administrator has to change a setting.
 *
 * @since 0.1.0
 * @category errors
 */
export class SignInSettingError extends Schema.TaggedError<SignInSettingError>("arc-saga/SignInSettingError")(
  "SignInSettingError",
  {
    /** The setting to change: `clientId`, `clientSecret`, `scopes`, … */
    setting: Schema.String,
    description: Schema.String,
    code: Schema.optional(Schema.String)
  }
) {
  override get message(): string {
    return `The identity provider rejects the application: ${this.description}. An administrator has to check ${this.setting}`
  }
}

/**
 * The identity provider can't be asked now.
 *
 * @since 0.1.0
 * @category errors
 */
export class SignInUnavailableError extends Schema.TaggedError<SignInUnavailableError>(
  "arc-saga/SignInUnavailableError"
)("SignInUnavailableError", {
  /** `limited`: it asks for fewer requests. The others are those of a TransientError. */
  reason: Schema.Literal("limited", "overloaded", "network", "server", "malformed"),
  description: Schema.String,
  status: Schema.optional(Schema.Int),
  /** Milliseconds to wait as it states them, 0 or more; absent when it didn't say. */
  retryAfterMs: Schema.optional(Schema.NonNegative),
  cause: Schema.optional(Schema.Defect)
}) {
  override get message(): string {
    return `The identity provider can't be asked (${this.reason}): ${this.description}. Retry later`
  }
}

/**
 * Why there is no token.
 *
 * @since 0.1.0
 * @category errors
 */
export type AccessTokenError =
  | SignInRequiredError
  | SignInSettingError
  | SignInUnavailableError
  | TokenStore.TokenStoreError

/**
 * Gives users' access tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** A token that the user's provider can be asked with now. */
  readonly get: (userId: string) => Effect.Effect<Redacted.Redacted, AccessTokenError>
  /**
   * A token instead of one that the provider rejected: a newer one that is known already, or else from the
   * one refresh that all who wait for this user share.
   */
  readonly renew: (
    userId: string,
    rejected: Redacted.Redacted
  ) => Effect.Effect<Redacted.Redacted, AccessTokenError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class AccessTokens extends Context.Tag("arc-saga/AccessTokens")<AccessTokens, Service>() {}
