/**
 * The languages that providers and their clients speak, and what a call said in one of them.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as jsonText from "./internal/jsonText.js"
import * as validation from "./internal/validation.js"

/**
 * A wire: OpenAI's Chat Completions, Anthropic's Messages, OpenAI's Responses, or OpenAI's Embeddings. The last one is
 * of no conversation: nothing is translated to it or from it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Wire = Schema.Literal("chatCompletions", "messages", "responses", "embeddings")

/**
 * A wire: OpenAI's Chat Completions, Anthropic's Messages, OpenAI's Responses, or OpenAI's Embeddings.
 *
 * @since 0.1.0
 * @category models
 */
export type Wire = typeof Wire.Type

/**
 * What one wire alone knows, by wire: fields that reach a provider of that wire as they are given, and no
 * other.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  chatCompletions: Schema.optional(validation.JsonObject),
  messages: Schema.optional(validation.JsonObject),
  responses: Schema.optional(validation.JsonObject)
})

/**
 * What one wire alone knows, by wire.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Type<typeof Options> {}

/**
 * What a model wants back of its thinking, as its wire has it (a signature, encrypted content): it goes back
 * to that wire only.
 *
 * @since 0.1.0
 * @category schemas
 */
export const State = Schema.Struct({ wire: Wire, value: validation.JsonObject })

/**
 * What a model wants back of its thinking.
 *
 * @since 0.1.0
 * @category models
 */
export interface State extends Schema.Schema.Type<typeof State> {}

const written = Option.liftThrowable((body: unknown) => JSON.stringify(body))
const read = Option.liftThrowable((text: string): unknown => JSON.parse(text))

/** Whether a text says what a body has, and nothing that a parser elsewhere could take for something else. */
const isTextOf = (text: string, body: unknown): boolean =>
  Option.match(Option.product(Option.flatMap(read(text), written), written(body)), {
    onNone: () => false,
    onSome: ([said, given]) => said === given && jsonText.unique(text) === text
  })

/**
 * A call as it came over a wire. An engine of that wire sends it, with only model, stream flags, token bounds
 * and credentials changed; the task's other fields are a view of it, for every other engine.
 *
 * One of `embeddings` is for engines of that wire alone whose model is the body's: embeddings of two models can't be
 * compared.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Original = Schema.Struct({
  wire: Wire,
  /** The body, as it was parsed. */
  body: validation.JsonObject,
  /**
   * The text that it was parsed from, in which no object names a member twice. With it, what isn't changed reaches the
   * provider as it is written: long numbers, escapes and white space too. Without it, as JavaScript writes the body.
   */
  text: Schema.optional(Schema.String),
  /** The headers that providers of the wire are to see: none that carries a credential. */
  headers: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /** Its fields that no other wire has and without which the answer isn't what is asked for. */
  requires: Schema.optional(Schema.Array(Schema.String)),
  /** Its fields that are left out, and told of, where another wire is asked. */
  prefers: Schema.optional(Schema.Array(Schema.String))
}).pipe(
  Schema.filter(({ body, text }) =>
    text === undefined || isTextOf(text, body)
      ? undefined
      : {
          path: ["text"],
          message: "Expected the JSON text of the body with each name of an object once, actual another text"
        }
  )
)

/**
 * A call as it came over a wire.
 *
 * @since 0.1.0
 * @category models
 */
export interface Original extends Schema.Schema.Type<typeof Original> {}
