/**
 * The name of a provider: which engine serves a task.
 *
 * An id names an *engine*, not a vendor: `claude` and `claude/haiku` are two providers.
 *
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as InvalidArgument from "./InvalidArgument.js"
import * as validation from "./internal/validation.js"

/**
 * The id of a provider: 1 to 128 letters, digits and `. _ : / @ -`, beginning with a letter or digit.
 *
 * @since 0.1.0
 * @category models
 */
export type AIProvider = string & Brand.Brand<"AIProvider">

/**
 * Decodes a provider id.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AIProvider: Schema.Schema<AIProvider, string> = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9][\w.:/@-]{0,127}$/, {
    description: "a provider id (letters, digits and . _ : / @ -)"
  }),
  Schema.brand("AIProvider")
)

/**
 * Makes a provider id from a string, or says what is wrong with it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (id: string) => Either.Either<AIProvider, InvalidArgument.InvalidArgumentError> =
  validation.decoder("AIProvider", AIProvider)

/**
 * Makes a provider id from a literal of the program. Throws the error that {@link make} fails with.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unsafeMake = (id: string): AIProvider => Either.getOrThrowWith(make(id), (error) => error)

/**
 * Microsoft 365 Copilot Chat.
 *
 * @since 0.1.0
 * @category providers
 */
export const CopilotChat: AIProvider = unsafeMake("copilot_chat")

/**
 * Anthropic's Claude.
 *
 * @since 0.1.0
 * @category providers
 */
export const Claude: AIProvider = unsafeMake("claude")

/**
 * OpenAI's GPT-4 family.
 *
 * @since 0.1.0
 * @category providers
 */
export const Gpt4: AIProvider = unsafeMake("gpt4")
