/**
 * Any `LanguageModel` of `@effect/ai` as a provider: of `@effect/ai-anthropic`, `-openai`, `-google`,
 * `-amazon-bedrock`, `-openrouter`, or one of your own.
 *
 * What such a model takes for a success and isn't one becomes a failure here: an answer without a `finish`
 * part was cut, an `error` part is an error, and a `finish` that has nothing to show for itself (no usage
 * and no answer) is a failure of the provider. Its errors are sorted as those of every engine, so that the
 * router knows what is worth asking again. The model must not ask again by itself: give its client no
 * retries.
 *
 * A call that comes from `SagaLanguageModel` reaches the model as it was made: prompt, files, tools, schema
 * and provider options. Any other task is said in a prompt.
 *
 * A text is asked for as a stream in both modes, so that the limits for the first token and between tokens
 * mean something in both; `completeOver` says otherwise. An object (`generateObject`, a JSON schema) comes in
 * one piece, which has to be there within the policy's limit for the first token where another provider can
 * follow.
 *
 * @since 0.1.0
 */
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as AITask from "../AITask.js"
import { InvalidArgumentError } from "../InvalidArgument.js"
import * as attempt from "./internal/attempt.js"
import * as attachment from "../internal/attachment.js"
import { given } from "../internal/options.js"
import * as PriceCatalog from "../spend/PriceCatalog.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as engineOptions from "../wire/engineOptions.js"
import * as Registry from "../ReasoningEngineRegistry.js"

/**
 * What the model is called and can, and how it is told what it has no words for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<ReasoningEngine.Options, "wires"> {
  /** The model's name at its provider: for results, prices and telemetry. */
  readonly model: string
  /** Where its API is, for a PriceCatalog: `https://api.anthropic.com`. */
  readonly baseUrl?: string | undefined
  /**
   * What a text of a complete task is answered over: a `stream` (the default), or one `piece`, which costs
   * less time of the machine and shows nothing until it is there. A model without the `streaming`
   * capability is always asked for one piece.
   */
  readonly completeOver?: "stream" | "piece" | undefined
  /**
   * Keys of the model's client. They are kept out of errors, and so is every key that a request has in a
   * header; only an error within a stream, which doesn't tell its request, needs them to be known.
   */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
  /**
   * Sets what of a task a `LanguageModel` has no place for, by the means of its own package. Without it
   * temperature, top-p, token limit and stop texts are dropped, with a warning in the result.
   */
  readonly configure?:
    | ((task: AITask.AITask) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>)
    | undefined
}

/**
 * What a `LanguageModel` can: all but continue a message and tell log probabilities, window unknown. Whether the
 * model behind it can see images, read documents, hear or call tools is the model's.
 *
 * @since 0.1.0
 * @category capabilities
 */
export const defaultCapabilities: ReasoningEngine.Capabilities = {
  ...ReasoningEngine.defaultCapabilities,
  images: true,
  documents: true,
  audio: true
}

const known = engineOptions.knownOf<Options>("LanguageModelEngine", {
  provider: true,
  model: true,
  price: true,
  capabilities: true,
  baseUrl: true,
  completeOver: true,
  secrets: true,
  configure: true
})

/**
 * Makes an engine of the `LanguageModel` of the context. Fails with an InvalidArgumentError where the
 * model has no name.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<ReasoningEngine.ReasoningEngine, InvalidArgumentError, LanguageModel.LanguageModel> =>
  Effect.flatMap(Effect.zipRight(known(options), LanguageModel.LanguageModel), (model) => {
    if (options.model.trim() === "") {
      return new InvalidArgumentError({
        subject: "LanguageModelEngine",
        field: "model",
        reason: 'Expected the name of a model, actual ""'
      })
    }
    const capabilities = { ...defaultCapabilities, ...given(options.capabilities) }
    const streams = (mode: AITask.Mode) =>
      capabilities.streaming && (mode === "streaming" || options.completeOver !== "piece")
    const engine = ReasoningEngine.make({
      ...options,
      capabilities,
      attempt: attempt.make(model, { ...options, streams })
    })
    return PriceCatalog.resolve(attachment.taking(engine), options.baseUrl ?? "")
  })

/**
 * Registers a `LanguageModel` as a provider for as long as the Layer lives.
 *
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { OpenAiLanguageModel } from "@effect/ai-openai"
 * import { AIProvider } from "arc-saga"
 * import { LanguageModelEngine } from "arc-saga/ai"
 *
 * export const gpt4 = LanguageModelEngine.layer({
 *   provider: AIProvider.Gpt4,
 *   model: "gpt-4o",
 *   languageModel: OpenAiLanguageModel.layer({ model: "gpt-4o" }),
 *   configure: ({ maxTokens, temperature }) =>
 *     OpenAiLanguageModel.withConfigOverride({
 *       ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
 *       ...(temperature === undefined ? {} : { temperature })
 *     })
 * })
 * ```
 */
export const layer = <E, R>(
  options: Options & { readonly languageModel: Layer.Layer<LanguageModel.LanguageModel, E, R> }
): Layer.Layer<
  never,
  E | Registry.DuplicateEngineError | InvalidArgumentError,
  R | Registry.ReasoningEngineRegistry
> => {
  const { languageModel, ...own } = options
  return Layer.provide(Registry.layerRegister(make(own)), languageModel)
}
