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
export * as Claude from "./engines/Claude.js"

/**
 * Microsoft 365 Copilot Chat, on a user's behalf.
 *
 * @since 0.1.0
 */
export * as Copilot from "./engines/Copilot.js"

/**
 * OpenAI itself.
 *
 * @since 0.1.0
 */
export * as OpenAI from "./engines/OpenAI.js"

/**
 * Any server that speaks OpenAI's Chat Completions.
 *
 * @since 0.1.0
 */
export * as OpenAICompatible from "./engines/OpenAICompatible.js"

/**
 * A provider that answers by itself, from a seed.
 *
 * @since 0.1.0
 */
export * as Simulated from "./engines/Simulated.js"
