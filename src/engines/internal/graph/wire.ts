import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const Message = Schema.Struct({ id: maybe(Schema.String), text: maybe(Schema.String) })

/** The messages of a conversation. They have no role. */
export interface Message extends Schema.Schema.Type<typeof Message> {}

const Conversation = Schema.Struct({
  state: maybe(Schema.String),
  messages: maybe(Schema.Array(Message))
})

/** A conversation as it is at one moment. */
export interface Conversation extends Schema.Schema.Type<typeof Conversation> {}

/** Decodes a snapshot, or an answer in one piece. */
export const decodeConversation: (json: unknown) => Option.Option<Conversation> =
  Schema.decodeUnknownOption(Conversation)

/** Decodes the answer to a new conversation. */
export const decodeCreated: (json: unknown) => Option.Option<{ readonly id: string }> =
  Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({ id: Schema.NonEmptyString })))
