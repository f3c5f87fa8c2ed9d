/**
 * The Effect AI ecosystem, both ways. Needs the package `@effect/ai`.
 *
 * @since 0.1.0
 */

/**
 * What a program can say of its calls of a language model.
 *
 * @since 0.1.0
 */
export * as CallOptions from "./CallOptions.js"

/**
 * Any language model of Effect AI as a provider.
 *
 * @since 0.1.0
 */
export * as LanguageModelEngine from "./LanguageModelEngine.js"

/**
 * The orchestrator as a language model of Effect AI.
 *
 * @since 0.1.0
 */
export * as SagaLanguageModel from "./SagaLanguageModel.js"
