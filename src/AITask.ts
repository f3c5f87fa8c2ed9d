/**
 * What is to be done: the messages, how to answer them, and how the call may be routed.
 *
 * A task is made once, with {@link make}, and is immutable; from there every component trusts it.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"
import * as numbers from "./internal/numbers.js"
import * as AIProvider from "./AIProvider.js"
import type * as InvalidArgument from "./InvalidArgument.js"
import * as sizes from "./internal/sizes.js"
import * as validation from "./internal/validation.js"
import * as Wire from "./Wire.js"

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
 * Marks the end of what a provider is to keep in its cache, for five minutes or an hour: the provider's own
 * time where absent. A hint: a provider without such marks isn't told.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CacheHint = Schema.Struct({ ttl: Schema.optional(Schema.Literal("5m", "1h")) })

/**
 * Marks the end of what a provider is to keep in its cache.
 *
 * @since 0.1.0
 * @category models
 */
export interface CacheHint extends Schema.Schema.Type<typeof CacheHint> {}

const common = {
  cache: Schema.optional(CacheHint),
  /** What one wire alone knows of it. */
  options: Schema.optional(Wire.Options)
}

/**
 * Text within a message.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String, ...common })

/**
 * Text within a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface TextPart extends Schema.Schema.Type<typeof TextPart> {}

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
  ),
  /** How closely it is looked at, for providers that let choose. */
  detail: Schema.optional(Schema.Literal("auto", "low", "high", "original")),
  ...common
})

/**
 * An image within a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface ImagePart extends Schema.Schema.Type<typeof ImagePart> {}

/**
 * A document within a message (a PDF, a text): an `https:` address or a `data:` URL.
 *
 * @since 0.1.0
 * @category schemas
 */
export const DocumentPart = Schema.Struct({
  type: Schema.Literal("document"),
  url: Schema.String.pipe(Schema.pattern(/^(https?:|data:)/, { description: "an http(s) or data: URL" })),
  /** Its file's name, or its title. */
  name: Schema.optional(Schema.NonEmptyString),
  ...common
})

/**
 * A document within a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface DocumentPart extends Schema.Schema.Type<typeof DocumentPart> {}

/**
 * Sound within a message.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AudioPart = Schema.Struct({
  type: Schema.Literal("audio"),
  /** In base64. */
  data: Schema.NonEmptyString,
  /** As providers name it: `wav`, `mp3`. */
  format: Schema.NonEmptyString,
  ...common
})

/**
 * Sound within a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface AudioPart extends Schema.Schema.Type<typeof AudioPart> {}

/**
 * What a model thought before it answered, with the state that it wants back.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReasoningPart = Schema.Struct({
  type: Schema.Literal("reasoning"),
  /** In words, as far as its provider gave them. */
  text: Schema.String,
  state: Schema.optional(Wire.State)
})

/**
 * What a model thought before it answered.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReasoningPart extends Schema.Schema.Type<typeof ReasoningPart> {}

/**
 * A part that one wire alone knows, as that wire has it: only its providers can be asked.
 *
 * @since 0.1.0
 * @category schemas
 */
export const NativePart = Schema.Struct({
  type: Schema.Literal("native"),
  wire: Wire.Wire,
  value: validation.JsonObject
})

/**
 * A part that one wire alone knows.
 *
 * @since 0.1.0
 * @category models
 */
export interface NativePart extends Schema.Schema.Type<typeof NativePart> {}

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
  arguments: sizes.Arguments,
  /** What one wire alone knows of it, to be sent back to it. */
  options: Schema.optional(Wire.Options)
})

/**
 * A call of a tool, as a model asked for it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall extends Schema.Schema.Type<typeof ToolCall> {}

/**
 * What one wire alone knows of a message: it reaches that wire within the message's own object. Over Messages that of a
 * tool's message is its block, and instructions have none.
 */
const ofMessage = { options: Schema.optional(Wire.Options) }

/**
 * What a user says.
 *
 * @since 0.1.0
 * @category schemas
 */
export const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  ...ofMessage,
  content: Schema.Union(
    Text,
    Schema.NonEmptyArray(Schema.Union(TextPart, ImagePart, DocumentPart, AudioPart, NativePart)).pipe(
      sizes.bounded("parts")
    )
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
  ...ofMessage,
  content: Schema.Union(
    Schema.String,
    Schema.Array(Schema.Union(TextPart, ReasoningPart, NativePart)).pipe(sizes.bounded("parts"))
  ),
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
  ...ofMessage,
  toolCallId: Schema.NonEmptyString,
  content: Schema.Union(
    Schema.String,
    Schema.Array(Schema.Union(TextPart, ImagePart, DocumentPart, NativePart)).pipe(sizes.bounded("parts"))
  ),
  /** Whether the tool failed, and says so. */
  isError: Schema.optional(Schema.Boolean),
  cache: Schema.optional(CacheHint)
})

/**
 * Instructions at their place in the conversation. Those that stand above it are the task's `systemPrompt`, or
 * its first messages.
 *
 * @since 0.1.0
 * @category schemas
 */
export const SystemMessage = Schema.Struct({
  role: Schema.Literal("system"),
  ...ofMessage,
  content: Schema.Union(Text, Schema.NonEmptyArray(TextPart).pipe(sizes.bounded("parts")))
})

/**
 * One turn of the conversation.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Union(UserMessage, AssistantMessage, ToolMessage, SystemMessage)

/**
 * One turn of the conversation.
 *
 * @since 0.1.0
 * @category models
 */
export type Message = typeof Message.Type

/**
 * A part of a message.
 *
 * @since 0.1.0
 * @category models
 */
export type Part = TextPart | ImagePart | DocumentPart | AudioPart | ReasoningPart | NativePart

/**
 * A tool that the model may call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Tool = Schema.Struct({
  name: Schema.String.pipe(
    Schema.pattern(/^[A-Za-z0-9_-]{1,128}$/, {
      description: "a tool name (letters, digits, _ and -, 1 to 128)"
    })
  ),
  description: Schema.optional(Schema.String),
  /** JSON Schema of the arguments. */
  parameters: validation.JsonObject,
  /** Whether the arguments are bound to the schema; the provider's default when absent. */
  strict: Schema.optional(Schema.Boolean),
  ...common
})

/**
 * A tool that the model may call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tool extends Schema.Schema.Type<typeof Tool> {}

/**
 * A tool that one wire alone knows (a search of the provider's own, say), as that wire has it: only its
 * providers can be asked, unless the task can do without.
 *
 * @since 0.1.0
 * @category schemas
 */
export const NativeTool = Schema.Struct({
  wire: Wire.Wire,
  value: validation.JsonObject,
  /** Whether a provider of another wire may be asked without it, which is told. */
  optional: Schema.optional(Schema.Boolean)
})

/**
 * A tool that one wire alone knows.
 *
 * @since 0.1.0
 * @category models
 */
export interface NativeTool extends Schema.Schema.Type<typeof NativeTool> {}

/**
 * How much a model thinks before it answers.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Effort = Schema.Literal("none", "minimal", "low", "medium", "high", "xhigh", "max")

/**
 * How much a model thinks before it answers.
 *
 * @since 0.1.0
 * @category models
 */
export type Effort = typeof Effort.Type

/**
 * How a model is to think: by effort, or by tokens where its wire has a number; and whether what it thinks is
 * wanted in words. Then it arrives as events of its own, as far as its provider gives it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Reasoning = Schema.Struct({
  effort: Schema.optional(Effort),
  /** The most tokens to think. */
  budgetTokens: Schema.optional(numbers.tokens),
  show: Schema.optional(Schema.Boolean)
})

/**
 * How a model is to think.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reasoning extends Schema.Schema.Type<typeof Reasoning> {}

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
    schema: validation.JsonObject,
    /** Whether the answer is bound to the schema where the provider lets choose: true when absent. */
    strict: Schema.optional(Schema.Boolean)
  })
)

const penalty = numbers.number("a number from -2 to 2", (n) => n >= -2 && n <= 2)

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
  /** Tools that one wire alone knows. */
  nativeTools: Schema.optional(Schema.Array(NativeTool).pipe(sizes.bounded("tools"))),
  toolChoice: Schema.optional(ToolChoice),
  /** Whether several tools may be called at once; the provider's default, mostly true, when absent. */
  parallelToolCalls: Schema.optional(Schema.Boolean),
  responseFormat: Schema.optional(ResponseFormat),
  /**
   * How often a whole answer is asked for again, once or twice, where it isn't JSON or doesn't fit the schema of
   * `responseFormat`, or calls one of `tools` with arguments that aren't JSON; never when absent. The model is told
   * what is wrong. A provider that answered hasn't failed, so this is no retry and takes nothing of a RetryBudget: circuit,
   * limits and budgets admit it as they do a call. Streams aren't asked for again, and neither are tasks with an
   * `original`: a misfit is in the result's warnings.
   */
  repair: Schema.optional(Schema.Literal(1, 2)),
  /** How much it is thought, and whether that is shown. */
  reasoning: Schema.optional(Reasoning),
  /** The likeliest words that are drawn from, a whole number above 0. */
  topK: Schema.optional(numbers.count("a number of words")),
  /** Asks for the same answer to the same question, as far as the provider can. */
  seed: Schema.optional(numbers.number("a whole number", Number.isSafeInteger)),
  /** Against words that came often, -2 to 2. */
  frequencyPenalty: Schema.optional(penalty),
  /** Against words that came at all, -2 to 2. */
  presencePenalty: Schema.optional(penalty),
  /** How long the answer is to be. */
  verbosity: Schema.optional(Schema.Literal("low", "medium", "high")),
  /** The log probabilities of the answer's words, and of so many others at each place (0 to 20). */
  logProbabilities: Schema.optional(
    numbers.number("a whole number from 0 to 20", (n) => Number.isInteger(n) && n >= 0 && n <= 20)
  ),
  /** How fast and dear, by the provider's own name for it. */
  serviceTier: Schema.optional(Schema.NonEmptyString),
  /** What calls have in common whose beginnings are the same, for providers that keep these by a key. */
  cacheKey: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /**
   * What becomes of settings that the provider that is asked doesn't have: they are left out and told of in the
   * result's `dropped` (`drop`, when absent), or the provider isn't asked.
   */
  unsupported: Schema.optional(Schema.Literal("drop", "refuse")),
  /**
   * Whether an answer may be one that was given before (`use`), is to be a new one that is kept (`refresh`), or
   * neither (`off`); what the cache of answers says when absent. Without such a cache it means nothing.
   */
  answerCache: Schema.optional(Schema.Literal("use", "refresh", "off")),
  /** The conversation that the call belongs to, at most 256 characters. */
  session: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** The agent of that conversation which asks, where it has several, at most 256 characters. */
  agent: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** What one wire alone knows. */
  options: Schema.optional(Wire.Options),
  /** The call as it came over a wire. */
  original: Schema.optional(Wire.Original),
  /** On whose behalf, at most 256 characters: for accounting, budgets and per-user sign-in. */
  userId: Schema.optional(Schema.NonEmptyString.pipe(sizes.bounded("user"))),
  /** With which of the caller's keys, by its name and never the key itself: for accounting and budgets. */
  keyId: Schema.optional(Schema.NonEmptyString),
  /** The team that this key belongs to: for accounting and budgets. */
  team: Schema.optional(Schema.NonEmptyString),
  /** The providers that may be asked, whatever chooses among them; any when absent. */
  providers: Schema.optional(Schema.NonEmptyArray(AIProvider.AIProvider)),
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
    if (task.toolChoice !== undefined && task.tools === undefined && task.nativeTools === undefined) {
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
 * The parts of a message: of one that is a text, that text.
 *
 * @since 0.1.0
 * @category getters
 */
export const parts = (message: Message): ReadonlyArray<Part> =>
  typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content

/**
 * The text of one message, without its images and without what was thought.
 *
 * @since 0.1.0
 * @category getters
 */
export const messageText = (message: Message): string =>
  typeof message.content === "string"
    ? message.content
    : parts(message)
        .map((part) => (part.type === "text" ? part.text : ""))
        .join("")

/** Whether a user says something, rather than that a client hands back what one wire alone knows. */
const isSaid = ({ content }: Message): boolean =>
  typeof content === "string" || content.some(({ type }) => type !== "native")

/**
 * At which place of the messages it stands what is being asked: the last message of the user that doesn't stand beside
 * results of tools. Agents write reminders there, and go on with what they were asked before. -1 where nothing is asked.
 *
 * @since 0.1.0
 * @category getters
 */
export const questionIndex = ({ messages }: AITask): number => {
  let found = -1
  for (let index = messages.length - 1; index >= 0; index--) {
    const message = messages[index]
    if (message?.role === "assistant" && found !== -1) return found
    if (message?.role === "tool") found = -1
    if (message?.role === "user" && found === -1 && isSaid(message)) found = index
  }
  return found
}

/**
 * The text of what is being asked: of the message at {@link questionIndex}, or else of the last one of the user.
 *
 * @since 0.1.0
 * @category getters
 */
export const promptText = (task: AITask): string => {
  const asked =
    task.messages[questionIndex(task)] ?? task.messages.findLast((message) => message.role === "user")
  return asked === undefined ? "" : messageText(asked)
}

/** As much of a text is looked at: instructions that begin alike so far are alike. */
const lookedAt = 4000

/** The beginning of a conversation: what stays the same as it goes on. */
const openingOf = ({ messages, systemPrompt = "" }: AITask): string => {
  const first = messages.find(({ role }) => role === "user")
  const text = first === undefined ? "" : messageText(first)
  const opening = `${systemPrompt.slice(0, lookedAt)}\n${text.slice(0, lookedAt)}`
  return `${Hash.string(opening)}/${systemPrompt.length}/${text.length}`
}

/**
 * What says which conversation a task belongs to: its `session`; else its `cacheKey`; else, where it came over a wire,
 * how it begins. Undefined for any other.
 *
 * @since 0.1.0
 * @category getters
 */
export const conversation = (task: AITask): ReadonlyArray<string> | undefined => {
  if (task.session !== undefined) return ["session", task.session]
  if (task.cacheKey !== undefined) return ["key", task.cacheKey]
  return task.original === undefined || task.original.wire === "embeddings"
    ? undefined
    : ["opening", openingOf(task)]
}

/**
 * The length of all that a provider reads, in UTF-16 units: the base of token estimates.
 *
 * @since 0.1.0
 * @category getters
 */
export const inputCharacters = (task: AITask): number =>
  task.messages.reduce((sum, message) => sum + messageText(message).length, task.systemPrompt?.length ?? 0)

/**
 * The task as it is asked of providers that speak these wires: without the optional tools of other wires, and without
 * a choice among tools where none is left. The same task where nothing is left out, or where that is refused.
 *
 * @since 0.1.0
 * @category conversions
 */
export const within = (wires: ReadonlyArray<Wire.Wire>, task: AITask): AITask => {
  if (task.nativeTools === undefined || task.unsupported === "refuse") return task
  const { nativeTools, parallelToolCalls: _, toolChoice: __, ...rest } = task
  const left = nativeTools.filter(({ optional, wire }) => optional !== true || wires.includes(wire))
  if (left.length === nativeTools.length) return task
  return left.length + (task.tools?.length ?? 0) === 0 ? rest : { ...task, nativeTools: left }
}
