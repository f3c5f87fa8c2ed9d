/**
 * The engines that come with the package.
 *
 * @since 0.1.0
 */

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
