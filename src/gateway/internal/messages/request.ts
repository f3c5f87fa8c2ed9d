import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type { InvalidArgumentError } from "../../../InvalidArgument.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import * as validation from "../../../internal/validation.js"
import type { ChatRequest } from "../dialect.js"
import * as parameters from "../parameters.js"
import { RejectedRequest } from "../rejection.js"

const TextBlock = Schema.Struct({
  type: Schema.Literal("text"),
  text: Schema.String,
  // What clients send back of an answer as they got it.
  citations: Schema.optional(Schema.Null)
})

const Texts = Schema.Union(Schema.String, Schema.Array(TextBlock))

const ImageBlock = Schema.Struct({
  type: Schema.Literal("image"),
  source: Schema.Union(
    Schema.Struct({
      type: Schema.Literal("base64"),
      media_type: Schema.String,
      data: Schema.String
    }),
    Schema.Struct({ type: Schema.Literal("url"), url: Schema.String })
  )
})

const ToolUseBlock = Schema.Struct({
  type: Schema.Literal("tool_use"),
  id: Schema.NonEmptyString,
  name: Schema.NonEmptyString,
  input: Schema.Unknown
})

const ToolResultBlock = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Schema.NonEmptyString,
  content: Schema.optional(Texts),
  is_error: Schema.optional(Schema.Boolean)
})

const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Union(
    Schema.String,
    Schema.NonEmptyArray(Schema.Union(TextBlock, ImageBlock, ToolResultBlock))
  )
})

const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: Schema.Union(Schema.String, Schema.NonEmptyArray(Schema.Union(TextBlock, ToolUseBlock)))
})

const Message = Schema.Union(UserMessage, AssistantMessage)

const Tool = Schema.Struct({
  type: Schema.optional(Schema.Literal("custom")),
  name: Schema.String,
  description: Schema.optional(Schema.String),
  input_schema: validation.JsonObject
})

const choice = <L extends string>(type: L) =>
  Schema.Struct({
    type: Schema.Literal(type),
    disable_parallel_tool_use: Schema.optional(Schema.Literal(false))
  })

const ToolChoice = Schema.Union(
  choice("auto"),
  choice("any"),
  choice("none"),
  Schema.Struct({ ...choice("tool").fields, name: Schema.NonEmptyString })
)

const Body = Schema.Struct({
  model: Schema.NonEmptyString,
  max_tokens: Schema.Number,
  messages: Schema.NonEmptyArray(Message),
  system: Schema.optional(Texts),
  temperature: Schema.optional(Schema.Number),
  top_p: Schema.optional(Schema.Number),
  stop_sequences: Schema.optional(Schema.Array(Schema.String)),
  tools: Schema.optional(Schema.Array(Tool)),
  tool_choice: Schema.optional(ToolChoice),
  output_config: Schema.optional(
    Schema.Struct({
      format: Schema.Struct({ type: Schema.Literal("json_schema"), schema: validation.JsonObject })
    })
  ),
  metadata: Schema.optional(Schema.Struct({ user_id: Schema.optional(Schema.NullOr(Schema.String)) })),
  stream: Schema.optional(Schema.Boolean)
})

type Body = typeof Body.Type
type Message = typeof Message.Type

const known = Object.keys(Body.fields)

const inert: parameters.Inert = {
  service_tier: parameters.is("auto"),
  thinking: (value) => JSON.stringify(value) === '{"type":"disabled"}'
}

const decode = validation.decoder("", Body)

const joined = (content: typeof Texts.Type): string =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("")

const imageUrl = ({ source }: typeof ImageBlock.Type): string =>
  source.type === "url" ? source.url : `data:${source.media_type};base64,${source.data}`

/** A tool's failure is told in words: other providers have no flag for it. */
const toolResult = ({ content = "", is_error, tool_use_id }: typeof ToolResultBlock.Type) => ({
  role: "tool",
  toolCallId: tool_use_id,
  content: is_error === true ? `Error: ${joined(content)}` : joined(content)
})

/** The task's messages of one message: the results of tools are messages of their own, before the rest. */
const messagesOf = ({ content, role }: Message): ReadonlyArray<unknown> => {
  if (typeof content === "string") return [{ role, content }]
  const texts = content.flatMap((block) => (block.type === "text" ? [block.text] : []))
  if (role === "assistant") {
    const toolCalls = content.flatMap((block) =>
      block.type === "tool_use"
        ? [
            {
              id: block.id,
              name: block.name,
              arguments: toolArguments.text(toolArguments.piece(block.input))
            }
          ]
        : []
    )
    return [{ role, content: texts.join(""), ...(toolCalls.length === 0 ? {} : { toolCalls }) }]
  }
  const parts = content.flatMap((block): ReadonlyArray<unknown> => {
    if (block.type === "text") return [{ type: "text", text: block.text }]
    return block.type === "image" ? [{ type: "image", url: imageUrl(block) }] : []
  })
  return [
    ...content.flatMap((block) => (block.type === "tool_result" ? [toolResult(block)] : [])),
    ...(parts.length === 0 ? [] : [{ role, content: parts }])
  ]
}

const toolChoice = (choice: typeof ToolChoice.Type): unknown => {
  switch (choice.type) {
    case "any":
      return "required"
    case "tool":
      return { name: choice.name }
    default:
      return choice.type
  }
}

/** What of the body is the task's; the task's own decoder checks it. */
const taskOf = (body: Body, messages: ReadonlyArray<unknown>): ChatRequest["task"] => {
  const { metadata, output_config, stop_sequences, system, temperature, tool_choice, tools, top_p } = body
  return {
    messages,
    maxTokens: body.max_tokens,
    ...(system === undefined || system.length === 0
      ? {}
      : {
          systemPrompt: typeof system === "string" ? system : system.map(({ text }) => text).join("\n\n")
        }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(top_p === undefined ? {} : { topP: top_p }),
    ...(stop_sequences === undefined || stop_sequences.length === 0 ? {} : { stop: stop_sequences }),
    ...(tools === undefined || tools.length === 0
      ? {}
      : {
          tools: tools.map(({ description, input_schema, name }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            parameters: input_schema
          }))
        }),
    ...(tool_choice === undefined ? {} : { toolChoice: toolChoice(tool_choice) }),
    ...(output_config === undefined
      ? {}
      : {
          responseFormat: { type: "json_schema", name: "answer", schema: output_config.format.schema }
        }),
    ...(metadata?.user_id == null ? {} : { userId: metadata.user_id })
  }
}

const names = {
  systemPrompt: "system",
  maxTokens: "max_tokens",
  topP: "top_p",
  stop: "stop_sequences",
  toolChoice: "tool_choice",
  responseFormat: "output_config",
  userId: "metadata.user_id"
}

const begun = (index: number): RejectedRequest =>
  new RejectedRequest({
    reason: "unsupported",
    param: `messages[${index}].role`,
    description: `messages[${index}].role: the last message has to be the user's. The beginning of an answer isn't supported`
  })

/** What a body of Messages asks for. */
export const question = (json: unknown): Either.Either<ChatRequest, InvalidArgumentError | RejectedRequest> =>
  Either.gen(function* () {
    const body = yield* Either.flatMap(parameters.honoured(json, known, inert), decode)
    const last = body.messages.length - 1
    if (body.messages[last]?.role === "assistant") return yield* Either.left(begun(last))
    const messages = body.messages.map(messagesOf)
    return {
      model: body.model,
      task: taskOf(body, messages.flat()),
      stream: body.stream ?? false,
      includeUsage: true,
      fieldOf: parameters.origin(
        names,
        messages.flatMap((made, index) => made.map(() => index))
      )
    }
  })
