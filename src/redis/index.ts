/**
 * State that several processes share, in Redis. Needs the package `ioredis`.
 *
 * @since 0.1.0
 */

/**
 * All that is shared in Redis, in one Layer.
 *
 * @since 0.1.0
 */
export * as Shared from "./Shared.js"

/**
 * The connection to Redis, and what happens when Redis isn't there.
 *
 * @since 0.1.0
 */
export * as Connection from "./Connection.js"

/**
 * Rate limits, kept to by all processes together.
 *
 * @since 0.1.0
 */
export * as Limits from "./Limits.js"

/**
 * Open circuits, and one probe for all processes.
 *
 * @since 0.1.0
 */
export * as Circuits from "./Circuits.js"

/**
 * Answers that are given again.
 *
 * @since 0.1.0
 */
export * as Answers from "./Answers.js"

/**
 * What providers have cached of sessions.
 *
 * @since 0.1.0
 */
export * as Sessions from "./Sessions.js"

/**
 * Which provider keeps what calls name.
 *
 * @since 0.1.0
 */
export * as StateOwners from "./StateOwners.js"
