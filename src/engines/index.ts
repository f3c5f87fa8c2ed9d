/**
 * The engines that come with the package.
 *
 * @since 0.1.0
 */

/**
 * Anthropic's Claude, over the Messages API.
 *
 * @since 0.1.0
 */
export * as Claude from "./Claude.js"

/**
 * Microsoft 365 Copilot Chat, on a user's behalf.
 *
 * @since 0.1.0
 */
export * as Copilot from "./Copilot.js"

/**
 * OpenAI itself.
 *
 * @since 0.1.0
 */
export * as OpenAI from "./OpenAI.js"

/**
 * Any server that speaks OpenAI's Chat Completions.
 *
 * @since 0.1.0
 */
export * as OpenAICompatible from "./OpenAICompatible.js"

/**
 * A provider that answers by itself, from a seed.
 *
 * @since 0.1.0
 */
export * as Simulated from "./Simulated.js"
