import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as AccessTokens from "../../AccessTokens.js"
import type * as TokenStore from "../../TokenStore.js"

/**
 * What a user does to sign in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Prompt {
  /** What to enter there. */
  readonly userCode: string
  /** Where to go, on any device. */
  readonly verificationUri: string
  /** Both as a sentence, in the words of the identity provider where it has any. */
  readonly message: string
  /** When the code ends, in milliseconds since 1970. */
  readonly expiresAt: number
}

/**
 * A user's sign-in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** When the access token ends, in milliseconds since 1970. */
  readonly expiresAt: number
  /** Whether it is refreshed by itself; if not, the sign-in ends with it. */
  readonly renewable: boolean
}

/**
 * Signs users in and out, and gives their access tokens.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service extends AccessTokens.Service {
  /**
   * Signs a user in with a device code: shows what to do, then waits until it is done, for 15 minutes at
   * most. Replaces the sign-in that there was. A code that is declined or too old is a SignInRequiredError.
   */
  readonly signIn: <E, R>(
    userId: string,
    show: (prompt: Prompt) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<Status, AccessTokens.AccessTokenError | E, R>
  /** Forgets a user's tokens, if there are any. */
  readonly signOut: (userId: string) => Effect.Effect<void, TokenStore.TokenStoreError>
  /** A user's sign-in as it is stored; none for one who isn't signed in. */
  readonly status: (userId: string) => Effect.Effect<Option.Option<Status>, TokenStore.TokenStoreError>
}
