/**
 * Keeps users' tokens, encrypted.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/**
 * A user's tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tokens {
  readonly accessToken: Redacted.Redacted
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Absent when the identity provider gave none: then the user signs in again at the end. */
  readonly refreshToken: Option.Option<Redacted.Redacted>
  readonly scopes: ReadonlyArray<string>
}

/**
 * A record that can't be read or written.
 *
 * @since 0.1.0
 * @category errors
 */
export class TokenStoreError extends Schema.TaggedError<TokenStoreError>("arc-saga/TokenStoreError")(
  "TokenStoreError",
  {
    /** The user whose record it is; absent when it is the store as a whole. */
    userId: Schema.optionalWith(Schema.String, { exact: true }),
    /**
     * `damaged`: torn or truncated; `rejected`: not encrypted with this key for this user, or changed since;
     * `unreadable`: the place where it is kept fails; `key`: the key can't be used.
     */
    reason: Schema.Literal("damaged", "rejected", "unreadable", "key"),
    description: Schema.String,
    cause: Schema.optionalWith(Schema.Defect, { exact: true })
  }
) {
  override get message(): string {
    const whose = this.userId === undefined ? "" : ` of ${JSON.stringify(this.userId)}`
    return `The stored sign-in${whose} can't be used (${this.reason}): ${this.description}`
  }
}

/**
 * Keeps users' tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly get: (userId: string) => Effect.Effect<Option.Option<Tokens>, TokenStoreError>
  readonly set: (userId: string, tokens: Tokens) => Effect.Effect<void, TokenStoreError>
  readonly remove: (userId: string) => Effect.Effect<void, TokenStoreError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class TokenStore extends Context.Tag("arc-saga/TokenStore")<TokenStore, Service>() {}
