/**
 * A server that speaks OpenAI's Chat Completions and Anthropic's Messages, with the orchestrator behind it.
 *
 * @since 0.1.0
 */

/**
 * What goes on at the gateway: calls, providers, money of the day.
 *
 * @since 0.1.0
 */
export * as Activity from "./Activity.js"

/**
 * Who may call the gateway.
 *
 * @since 0.1.0
 */
export * as ApiKeys from "./ApiKeys.js"

/**
 * The server.
 *
 * @since 0.1.0
 */
export * as Gateway from "./Gateway.js"

/**
 * Where keys are kept that are issued while the gateway runs.
 *
 * @since 0.1.0
 */
export * as KeyStore from "./KeyStore.js"

/** @since 0.1.0 */
export * as Learned from "./Learned.js"
