import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"

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
