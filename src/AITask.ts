/**
 * What is to be done: the messages, how to answer them, and how the call may be routed.
 *
 * A task is made once, with {@link make}, and is immutable; from there every component trusts it.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "./internal/numbers.js"
import * as AIProvider from "./AIProvider.js"
import type * as InvalidArgument from "./InvalidArgument.js"
import * as sizes from "./internal/sizes.js"
import * as validation from "./internal/validation.js"

const Text = Schema.String.pipe(
  Schema.filter((text) => text.trim() !== "", { description: "a text that isn't empty" })
)

/**
 * How the answer is delivered: whole, or as it is written.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Mode = Schema.Literal("complete", "streaming")

/**
 * How the answer is delivered: whole, or as it is written.
 *
 * @since 0.1.0
 * @category models
 */
export type Mode = typeof Mode.Type

/**
 * Text within a message.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

/**
 * An image within a message: an `https:` address or a `data:` URL.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ImagePart = Schema.Struct({
  type: Schema.Literal("image"),
  url: Schema.String.pipe(
    Schema.pattern(/^(https?:|data:image\/)/, { description: "an http(s) or data:image URL" })
  )
})

/**
 * A call of a tool, as a model asked for it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolCall = Schema.Struct({
  id: Schema.NonEmptyString,
  name: Schema.NonEmptyString,
  /** The arguments as the model wrote them: JSON, unparsed. */
  arguments: sizes.Arguments
})

/**
 * A call of a tool, as a model asked for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall extends Schema.Schema.Type<typeof ToolCall> {}

/**
 * What a user says.
 *
 * @since 0.1.0
 * @category schemas
 */
export const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Union(
    Text,
    Schema.NonEmptyArray(Schema.Union(TextPart, ImagePart)).pipe(sizes.bounded("parts"))
  )
})

/**
 * What a model said before.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Schema.String,
  toolCalls: Schema.optional(Schema.Array(ToolCall).pipe(sizes.bounded("parts")))
})

/**
 * What a tool that the model called returned.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  toolCallId: Schema.NonEmptyString,
  content: Schema.String
})

/**
 * One turn of the conversation. A system prompt isn't a message: it has a field of its own.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Union(UserMessage, AssistantMessage, ToolMessage)

/**
 * One turn of the conversation.
 *
 * @since 0.1.0
 * @category models
 */
export type Message = typeof Message.Type

/**
 * A tool that the model may call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Tool = Schema.Struct({
  name: Schema.String.pipe(
    Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/, {
      description: "a tool name (letters, digits, _ and -, 1 to 64)"
    })
  ),
  description: Schema.optional(Schema.String),
  /** JSON Schema of the arguments. */
  parameters: validation.JsonObject
})

/**
 * A tool that the model may call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tool extends Schema.Schema.Type<typeof Tool> {}

/**
 * Whether the model may, must or must not call a tool, or must call a named one.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ToolChoice = Schema.Union(
  Schema.Literal("auto", "none", "required"),
  Schema.Struct({ name: Schema.NonEmptyString })
)

/**
 * The form of the answer: free text, some JSON value, or JSON of a schema.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ResponseFormat = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    name: Schema.NonEmptyString,
    schema: validation.JsonObject
  })
)

/**
 * The fields of a task as a caller gives them, in code or as JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Options = Schema.Struct({
  /** Names the task in results, logs and feedback; made up by the orchestrator when absent. */
  id: Schema.optional(Schema.NonEmptyString),
  /** A single user message. Either this or `messages`. */
  prompt: Schema.optional(Text),
  /** The conversation so far, oldest first. Either this or `prompt`. */
  messages: Schema.optional(Schema.NonEmptyArray(Message).pipe(sizes.bounded("messages"))),
  /** Instructions above the conversation. */
  systemPrompt: Schema.optional(Text),
  /** `complete` (the default) or `streaming`: what `execute` returns. */
  mode: Schema.optional(Mode),
  /** The provider to ask first. The orchestrator overrides it unless `pinned`. */
  provider: Schema.optional(AIProvider.AIProvider),
  /** Keeps `provider` as the first to be asked, whatever the strategy says. */
  pinned: Schema.optional(Schema.Boolean),
  /** The most tokens to write. */
  maxTokens: Schema.optional(numbers.tokens),
  /** 0 (the likeliest word) to 2. */
  temperature: Schema.optional(numbers.number("a number from 0 to 2", (n) => n >= 0 && n <= 2)),
  /** The share of probability that words are drawn from, 0 to 1. */
  topP: Schema.optional(numbers.number("a number from 0 to 1", (n) => n >= 0 && n <= 1)),
  /** Texts that end the answer, at most 16. */
  stop: Schema.optional(Schema.NonEmptyArray(Schema.NonEmptyString).pipe(sizes.bounded("stop"))),
  tools: Schema.optional(Schema.NonEmptyArray(Tool).pipe(sizes.bounded("tools"))),
  toolChoice: Schema.optional(ToolChoice),
  responseFormat: Schema.optional(ResponseFormat),
  /** On whose behalf, at most 256 characters: for accounting, budgets and per-user sign-in. */
  userId: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** With which of the caller's keys, by its name and never the key itself: for accounting and budgets. */
  keyId: Schema.optional(Schema.NonEmptyString),
  /** Milliseconds for the whole call, above 0; the routing policy's default when absent. */
  timeoutMs: Schema.optional(numbers.timeoutMs),
  /** Labels of the caller's own, at most 16 of 64 and 512 characters; carried through, never read. */
  metadata: Schema.optional(sizes.Metadata)
}).pipe(
  Schema.filter((task) => {
    if (task.prompt === undefined && task.messages === undefined) {
      return { path: ["prompt"], message: "Expected a prompt or messages, actual neither" }
    }
    if (task.prompt !== undefined && task.messages !== undefined) {
      return { path: ["prompt"], message: "Expected either a prompt or messages, actual both" }
    }
    if (task.pinned === true && task.provider === undefined) {
      return { path: ["pinned"], message: "Expected a provider to pin, actual none" }
    }
    if (task.toolChoice !== undefined && task.tools === undefined) {
      return { path: ["toolChoice"], message: "Expected tools to choose from, actual none" }
    }
    return undefined
  })
)

/**
 * The fields of a task as a caller gives them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Schema.Schema.Encoded<typeof Options> {}

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("arc-saga/AITask")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

type Decoded = Omit<typeof Options.Type, "prompt" | "messages" | "mode" | "pinned">

/**
 * A valid task. `Mode` is the delivery that was asked for, so that the type of `execute` can follow it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AITask<out M extends Mode = Mode> extends Decoded {
  readonly [TypeId]: TypeId
  readonly mode: M
  readonly messages: readonly [Message, ...ReadonlyArray<Message>]
  readonly pinned: boolean
}

const decode = validation.decoder("AITask", Options)

const fromDecoded = ({ messages, prompt, ...rest }: typeof Options.Type): AITask => ({
  ...rest,
  [TypeId]: TypeId,
  mode: rest.mode ?? "complete",
  pinned: rest.pinned ?? false,
  // Without messages there is a prompt: the schema has seen to it.
  messages: messages ?? [{ role: "user", content: String(prompt) }]
})

/**
 * Decodes a task from JSON or any other untrusted value. Unknown fields are errors: a misspelt one would
 * otherwise be lost.
 *
 * @since 0.1.0
 * @category constructors
 */
export const decodeUnknown = (input: unknown): Either.Either<AITask, InvalidArgument.InvalidArgumentError> =>
  Either.map(decode(input), fromDecoded)

/**
 * Makes a task, or fails with an InvalidArgumentError that names the field and the value.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { AITask } from "arc-saga"
 * import { Effect } from "effect"
 *
 * export const program = Effect.gen(function* () {
 *   const task = yield* AITask.make({ prompt: "Why is the sky blue?", mode: "streaming" })
 *   return task.mode // "streaming"
 * })
 * ```
 */
export const make: {
  <const O extends Options & { readonly mode: Mode }>(
    options: O
  ): Either.Either<AITask<O["mode"]>, InvalidArgument.InvalidArgumentError>
  (options: Options): Either.Either<AITask<"complete">, InvalidArgument.InvalidArgumentError>
} = (options: Options): Either.Either<AITask<never>, InvalidArgument.InvalidArgumentError> =>
  // The overloads give the mode the type that its value has.
  decodeUnknown(options) as Either.Either<AITask<never>, InvalidArgument.InvalidArgumentError>

/**
 * The same task for another provider: every other field is kept.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withProvider = <M extends Mode>(
  task: AITask<M>,
  provider: AIProvider.AIProvider
): AITask<M> => ({
  ...task,
  provider
})

/**
 * The text of one message, without its images.
 *
 * @since 0.1.0
 * @category getters
 */
export const messageText = (message: Message): string =>
  typeof message.content === "string"
    ? message.content
    : message.content.map((part) => (part.type === "text" ? part.text : "")).join("")

/**
 * The text of the last user message: what is being asked.
 *
 * @since 0.1.0
 * @category getters
 */
export const promptText = (task: AITask): string => {
  const asked = task.messages.findLast((message) => message.role === "user")
  return asked === undefined ? "" : messageText(asked)
}

/**
 * The length of all that a provider reads, in UTF-16 units: the base of token estimates.
 *
 * @since 0.1.0
 * @category getters
 */
export const inputCharacters = (task: AITask): number =>
  task.messages.reduce((sum, message) => sum + messageText(message).length, task.systemPrompt?.length ?? 0)
