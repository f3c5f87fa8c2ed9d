import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as numbers from "../../../internal/numbers.js"
import type * as AITask from "../../../AITask.js"
import type { InvalidArgumentError } from "../../../InvalidArgument.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import * as validation from "../../../internal/validation.js"
import type { ChatRequest } from "../dialect.js"
import * as parameters from "../parameters.js"
import { RejectedRequest } from "../rejection.js"

const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const ImagePart = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Struct({ url: Schema.String, detail: maybe(Schema.Literal("auto")) })
})
const Texts = Schema.Union(Schema.String, Schema.Array(TextPart))

const SystemMessage = Schema.Struct({ role: Schema.Literal("system", "developer"), content: Texts })

const UserMessage = Schema.Struct({
  role: Schema.Literal("user"),
  content: Schema.Union(Schema.String, Schema.NonEmptyArray(Schema.Union(TextPart, ImagePart)))
})

const Called = Schema.Struct({
  name: Schema.NonEmptyString,
  // Clients send back what they got of a tool without parameters, and some what they parsed.
  arguments: maybe(Schema.Union(Schema.String, validation.JsonObject))
})

const AssistantMessage = Schema.Struct({
  role: Schema.Literal("assistant"),
  content: maybe(Texts),
  tool_calls: maybe(
    Schema.Array(
      Schema.Struct({
        id: Schema.NonEmptyString,
        type: Schema.Literal("function"),
        function: Called
      })
    )
  ),
  // What clients send back of an answer as they got it.
  refusal: Schema.optional(Schema.Null),
  annotations: Schema.optional(Schema.Array(Schema.Unknown)),
  audio: Schema.optional(Schema.Null),
  function_call: Schema.optional(Schema.Null)
})

const ToolMessage = Schema.Struct({
  role: Schema.Literal("tool"),
  tool_call_id: Schema.NonEmptyString,
  content: Texts
})

const Message = Schema.Union(SystemMessage, UserMessage, AssistantMessage, ToolMessage)

type Message = typeof Message.Type

const Tool = Schema.Struct({
  type: Schema.Literal("function"),
  function: Schema.Struct({
    name: Schema.String,
    description: maybe(Schema.String),
    parameters: maybe(validation.JsonObject),
    strict: maybe(Schema.Literal(false))
  })
})

const ToolChoice = Schema.Union(
  Schema.Literal("auto", "none", "required"),
  Schema.Struct({
    type: Schema.Literal("function"),
    function: Schema.Struct({ name: Schema.NonEmptyString })
  })
)

const ResponseFormat = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    json_schema: Schema.Struct({
      name: Schema.NonEmptyString,
      schema: validation.JsonObject,
      // The answer is bound to the schema whatever this says.
      strict: maybe(Schema.Boolean)
    })
  })
)

const Body = Schema.Struct({
  model: Schema.NonEmptyString,
  messages: Schema.Array(Message),
  max_tokens: Schema.optional(numbers.tokens),
  max_completion_tokens: Schema.optional(numbers.tokens),
  temperature: Schema.optional(Schema.Number),
  top_p: Schema.optional(Schema.Number),
  stop: Schema.optional(Schema.Union(Schema.String, Schema.Array(Schema.String))),
  tools: Schema.optional(Schema.Array(Tool)),
  tool_choice: Schema.optional(ToolChoice),
  response_format: Schema.optional(ResponseFormat),
  stream: Schema.optional(Schema.Boolean),
  stream_options: Schema.optional(
    Schema.Struct({
      include_usage: maybe(Schema.Boolean),
      include_obfuscation: maybe(Schema.Literal(false))
    })
  ),
  user: Schema.optional(Schema.String),
  safety_identifier: Schema.optional(Schema.String),
  metadata: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String }))
})

const known = Object.keys(Body.fields)

const inert: parameters.Inert = {
  n: parameters.is(1),
  frequency_penalty: parameters.is(0),
  presence_penalty: parameters.is(0),
  logprobs: parameters.is(false),
  store: parameters.is(false),
  service_tier: parameters.is("auto"),
  parallel_tool_calls: parameters.is(true)
}

const decode = validation.decoder("", Body)

const joined = (content: string | ReadonlyArray<{ readonly text: string }>): string =>
  typeof content === "string" ? content : content.map(({ text }) => text).join("")

const toolCall = ({
  function: called,
  id
}: {
  readonly id: string
  readonly function: typeof Called.Type
}) => ({
  id,
  name: called.name,
  arguments: toolArguments.text(toolArguments.piece(called.arguments))
})

const messageOf = (message: Exclude<Message, { role: "system" | "developer" }>): unknown => {
  switch (message.role) {
    case "user":
      return {
        role: "user",
        content:
          typeof message.content === "string"
            ? message.content
            : message.content.map((part) =>
                part.type === "text" ? part : { type: "image", url: part.image_url.url }
              )
      }
    case "assistant": {
      const calls = message.tool_calls ?? []
      return {
        role: "assistant",
        content: joined(message.content ?? ""),
        ...(calls.length === 0 ? {} : { toolCalls: calls.map(toolCall) })
      }
    }
    case "tool":
      return { role: "tool", toolCallId: message.tool_call_id, content: joined(message.content) }
  }
}

type ResponseFormat = typeof ResponseFormat.Type

const formatOf = (format: ResponseFormat): AITask.Options["responseFormat"] => {
  switch (format.type) {
    case "text":
      return { type: "text" }
    case "json_object":
      return { type: "json" }
    case "json_schema":
      return { type: "json_schema", name: format.json_schema.name, schema: format.json_schema.schema }
  }
}

const isSystem = (message: Message): message is typeof SystemMessage.Type =>
  message.role === "system" || message.role === "developer"

const misplaced = (index: number): RejectedRequest =>
  new RejectedRequest({
    reason: "unsupported",
    param: `messages[${index}].role`,
    description: `messages[${index}].role: system and developer messages have to come before all others`
  })

/** What of the body is the task's; the task's own decoder checks it. */
const taskOf = (body: typeof Body.Type): ChatRequest["task"] => {
  const system = body.messages.filter(isSystem).map(({ content }) => joined(content))
  const messages = body.messages.filter((message) => !isSystem(message)).map(messageOf)
  const userId = body.safety_identifier ?? body.user
  const maxTokens = body.max_completion_tokens ?? body.max_tokens
  const { metadata, response_format, stop, temperature, tool_choice, tools, top_p } = body
  return {
    messages,
    ...(system.length === 0 ? {} : { systemPrompt: system.join("\n\n") }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(top_p === undefined ? {} : { topP: top_p }),
    ...(stop === undefined ? {} : { stop: [stop].flat() }),
    ...(tools === undefined || tools.length === 0
      ? {}
      : {
          tools: tools.map(({ function: { description, name, parameters } }) => ({
            name,
            ...(description == null ? {} : { description }),
            parameters: parameters ?? { type: "object", properties: {} }
          }))
        }),
    ...(tool_choice === undefined
      ? {}
      : { toolChoice: typeof tool_choice === "string" ? tool_choice : tool_choice.function }),
    ...(response_format === undefined ? {} : { responseFormat: formatOf(response_format) }),
    ...(userId === undefined ? {} : { userId }),
    ...(metadata === undefined ? {} : { metadata })
  }
}

const names = {
  systemPrompt: "messages",
  maxTokens: "max_tokens",
  topP: "top_p",
  toolChoice: "tool_choice",
  responseFormat: "response_format",
  userId: "user"
}

/** What a body of Chat Completions asks for. */
export const question = (json: unknown): Either.Either<ChatRequest, InvalidArgumentError | RejectedRequest> =>
  Either.gen(function* () {
    const body = yield* Either.flatMap(parameters.honoured(json, known, inert), decode)
    const first = body.messages.findIndex((message) => !isSystem(message))
    const late =
      first === -1 ? -1 : body.messages.findIndex((message, index) => index > first && isSystem(message))
    if (late !== -1) return yield* Either.left(misplaced(late))
    const origin = parameters.origin(
      names,
      body.messages.flatMap((message, index) => (isSystem(message) ? [] : [index]))
    )
    return {
      model: body.model,
      task: taskOf(body),
      stream: body.stream ?? false,
      includeUsage: body.stream_options?.include_usage ?? false,
      fieldOf: (field) => origin(field).replace(/^(tools\[\d+\])\./, "$1.function.")
    }
  })
