/**
 * Signing in on users' behalf.
 *
 * @since 0.1.0
 */

/**
 * What an engine needs that is asked on a user's behalf: an access token.
 *
 * @since 0.1.0
 */
export * as AccessTokens from "./AccessTokens.js"

/**
 * Signs users in at Microsoft Entra ID, and refreshes their tokens. Needs the package `oauth4webapi`.
 *
 * @since 0.1.0
 */
export * as EntraId from "./EntraId.js"

/**
 * Keeps users' tokens, encrypted.
 *
 * @since 0.1.0
 */
export * as TokenStore from "./TokenStore.js"
