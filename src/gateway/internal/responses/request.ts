import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import * as custom from "../../../wire/responses/customTools.js"
import { type ChatRequest, type Question, questionOf, type Said, setting } from "../dialect.js"
import { contentOf, instructed, type Json, type Reading } from "../reading.js"
import * as state from "./state.js"
import * as tools from "./tools.js"

/** What only this wire knows; a provider of another one isn't asked. */
const native = (value: Json): AITask.NativePart => ({ type: "native", wire: "responses", value })

type Shown = AITask.TextPart | AITask.ImagePart | AITask.DocumentPart | AITask.NativePart

const details = ["auto", "low", "high", "original"] as const

const image = (reading: Reading, part: Json, field: string): Shown | undefined => {
  if (Predicate.isNullable(part["image_url"])) return native(part)
  const detail = details.find((each) => each === part["detail"])
  return reading.imageUrl<Shown>(
    part["image_url"],
    `${field}.image_url`,
    (url) => ({ type: "image", url, ...(detail === undefined ? {} : { detail }) }),
    () => native(part)
  )
}

const file = (part: Json): Shown => {
  const { file_data: data, file_url: address, filename: name } = part
  const url = [data, address].find(Predicate.isString) ?? ""
  return /^(?:https?|data):/.test(url)
    ? { type: "document", url, ...(typeof name === "string" && name !== "" ? { name } : {}) }
    : native(part)
}

/** A part that a user, a tool or an instruction shows. */
const shown = (reading: Reading, value: unknown, field: string): Shown | undefined => {
  const part = reading.record(value, field)
  const type = part && reading.name(part["type"], `${field}.type`)
  if (part === undefined || type === undefined) return undefined
  switch (type) {
    case "input_text":
    case "output_text":
    case "text": {
      const text = reading.text(part["text"], `${field}.text`)
      return text === undefined ? undefined : { type: "text", text }
    }
    case "input_image":
      return image(reading, part, field)
    case "input_file":
      return file(part)
    default:
      return native(part)
  }
}

const shownParts = (reading: Reading, content: unknown, field: string): ReadonlyArray<Shown> =>
  reading.each(content, field, "parts", (part, at) => shown(reading, part, at)) ?? []

type AssistantPart = AITask.TextPart | AITask.ReasoningPart | AITask.NativePart

/** What the model said: a refusal is said, too. */
const saidParts = (reading: Reading, content: unknown, field: string): ReadonlyArray<AssistantPart> => {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }]
  const parts = reading.each(content, field, "parts", (value, at): AssistantPart | undefined => {
    if (Predicate.isRecord(value) && value["type"] === "refusal" && typeof value["refusal"] === "string") {
      return { type: "text", text: value["refusal"] }
    }
    const part = shown(reading, value, at)
    if (part === undefined || part.type === "text" || part.type === "native") return part
    return Predicate.isRecord(value) ? native(value) : undefined
  })
  return parts ?? []
}

const thoughtOf = (value: unknown): ReadonlyArray<string> =>
  (Array.isArray(value) ? value : []).flatMap((part: unknown) =>
    Predicate.isRecord(part) && typeof part["text"] === "string" ? [part["text"]] : []
  )

const reasoning = (item: Json): AITask.ReasoningPart => {
  const summary = thoughtOf(item["summary"])
  const found = state.of(item)
  return {
    type: "reasoning",
    text: (summary.length > 0 ? summary : thoughtOf(item["content"])).join("\n\n"),
    ...(found === undefined ? {} : { state: found })
  }
}

const toolCall = (reading: Reading, item: Json, field: string): AITask.ToolCall | undefined => {
  const id = reading.name(item["call_id"], `${field}.call_id`)
  const said = reading.name(item["name"], `${field}.name`)
  if (id === undefined || said === undefined) return undefined
  const name = tools.nameOf(said, item["namespace"])
  if (item["type"] === "custom_tool_call") {
    const input = reading.text(item["input"], `${field}.input`) ?? ""
    return { id, name, arguments: custom.argumentsOf(input), options: custom.options() }
  }
  const args = toolArguments.text(toolArguments.piece(item["arguments"]))
  return { id, name, arguments: reading.arguments(args, `${field}.arguments`) }
}

const toolResult = (reading: Reading, item: Json, field: string): AITask.Message | undefined => {
  const id = reading.name(item["call_id"], `${field}.call_id`)
  const { output } = item
  if (id === undefined) return undefined
  return {
    role: "tool",
    toolCallId: id,
    content: typeof output === "string" ? output : contentOf(shownParts(reading, output, `${field}.output`))
  }
}

/** Items of the client's, of those that only this wire knows: the others are what the model did. */
const isOfClient = (type: string): boolean =>
  type.endsWith("_output") || type === "item_reference" || type === "mcp_approval_response"

/** Puts items together to messages: what the model said, thought and called in one turn is one. */
class Conversation {
  readonly messages: Array<AITask.Message> = []
  private parts: Array<AssistantPart> = []
  private calls: Array<AITask.ToolCall> = []

  constructor(private readonly reading: Reading) {}

  add(value: unknown, field: string): undefined {
    const { reading } = this
    const item = reading.record(value, field)
    if (item === undefined) return
    const { type = "message" } = item
    switch (type) {
      case "message":
        return this.message(item, field)
      case "reasoning":
        this.parts.push(reasoning(item))
        return
      case "function_call":
      case "custom_tool_call": {
        const call = toolCall(reading, item, field)
        if (call !== undefined) this.calls.push(call)
        return
      }
      case "function_call_output":
      case "custom_tool_call_output": {
        const result = toolResult(reading, item, field)
        if (result !== undefined) this.push(result)
        return
      }
      default: {
        const name = reading.name(type, `${field}.type`)
        if (name === undefined) return
        if (isOfClient(name)) this.push({ role: "user", content: [native(item)] })
        else this.parts.push(native(item))
      }
    }
  }

  end(): ReadonlyArray<AITask.Message> {
    this.flush()
    return this.messages
  }

  private message(item: Json, field: string): undefined {
    const { reading } = this
    const { content, role } = item
    const at = `${field}.content`
    switch (role) {
      case "assistant":
        this.parts.push(...saidParts(reading, content, at))
        return
      case "system":
      case "developer": {
        const said = typeof content === "string" ? content : shownParts(reading, content, at)
        for (const message of instructed(said)) this.push(message)
        return
      }
      case "user": {
        if (typeof content === "string") {
          if (content.trim() === "") return reading.expected(at, "a text that isn't empty or a list", content)
          return this.push({ role, content })
        }
        const [first, ...others] = shownParts(reading, content, at)
        if (first !== undefined) this.push({ role, content: [first, ...others] })
        else if (Array.isArray(content) && content.length === 0) {
          reading.expected(`${at}[0]`, "a part", undefined)
        }
        return
      }
      default:
        reading.unknownWord(`${field}.role`, '"user", "assistant", "system" or "developer"', role)
        return this.push({ role: "user", content: [native(item)] })
    }
  }

  private push(message: AITask.Message): undefined {
    this.flush()
    this.messages.push(message)
  }

  private flush(): void {
    const { calls, parts } = this
    if (parts.length > 0 || calls.length > 0) {
      this.messages.push({
        role: "assistant",
        content: contentOf(parts),
        ...(calls.length === 0 ? {} : { toolCalls: calls })
      })
    }
    this.parts = []
    this.calls = []
  }
}

const messagesOf = (reading: Reading, { input, instructions }: Json): Said["messages"] => {
  const above: ReadonlyArray<AITask.Message> =
    typeof instructions === "string" && instructions.trim() !== ""
      ? [{ role: "system", content: instructions }]
      : []
  if (typeof input === "string") {
    if (input.trim() === "") reading.expected("input", "a text that isn't empty or a list", input)
    return [...above, { role: "user", content: input }]
  }
  const conversation = new Conversation(reading)
  reading.each(input, "input", "messages", (item, field) => conversation.add(item, field))
  return [...above, ...conversation.end()]
}

const choiceOf = (reading: Reading, choice: unknown, hasTools: boolean): unknown => {
  if (typeof choice === "string") {
    // Some clients say it whether they have tools or not.
    return hasTools || choice === "required" ? choice : undefined
  }
  if (Predicate.isNullable(choice)) return undefined
  const { mode, name, namespace, type } = reading.record(choice, "tool_choice") ?? {}
  if (type === "allowed_tools") return mode === "required" ? "required" : "auto"
  if (typeof name === "string") return { name: tools.nameOf(name, namespace) }
  // One of next year, or of a tool that runs at the provider.
  return Predicate.isNullable(type) ? "auto" : reading.unknownWord("tool_choice.type", '"function"', type)
}

const formatOf = (reading: Reading, value: unknown): unknown => {
  if (Predicate.isNullable(value)) return undefined
  const format = reading.record(value, "text.format")
  if (format === undefined) return undefined
  const { name, schema, strict, type } = format
  switch (type) {
    case "json_object":
      return { type: "json" }
    case "json_schema":
      reading.name(name, "text.format.name")
      return { type: "json_schema", name, schema: schema ?? {}, strict: strict === true }
    case "text":
      return { type: "text" }
    default:
      return reading.unknownWord("text.format.type", '"text", "json_object" or "json_schema"', type)
  }
}

const efforts: ReadonlySet<unknown> = new Set(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
const verbosities: ReadonlySet<unknown> = new Set(["low", "medium", "high"])

const recordOf = (value: unknown): Json => (Predicate.isRecord(value) ? value : {})

const reasoningOf = ({ reasoning }: Json): unknown => {
  const { effort, generate_summary: older, summary = older } = recordOf(reasoning)
  return {
    show: !Predicate.isNullable(summary) && summary !== "none",
    ...(efforts.has(effort) ? { effort } : {})
  }
}

const logprobsOf = ({ include, top_logprobs: top }: Json): unknown =>
  top ?? (Array.isArray(include) && include.includes("message.output_text.logprobs") ? 0 : undefined)

/** What of the body is the task's beside its messages; the task's own decoder checks it. */
const fieldsOf = (
  reading: Reading,
  body: Json,
  { nativeTools, tools }: tools.Tools
): ChatRequest["fields"] => {
  const { format, verbosity } = recordOf(body["text"])
  return {
    ...setting("maxTokens", body["max_output_tokens"]),
    ...setting("temperature", body["temperature"]),
    ...setting("topP", body["top_p"]),
    ...(tools.length === 0 ? {} : { tools }),
    ...(nativeTools.length === 0 ? {} : { nativeTools }),
    ...setting("toolChoice", choiceOf(reading, body["tool_choice"], tools.length + nativeTools.length > 0)),
    ...setting("parallelToolCalls", body["parallel_tool_calls"]),
    ...setting("responseFormat", formatOf(reading, format)),
    ...setting("reasoning", reasoningOf(body)),
    ...setting("verbosity", verbosities.has(verbosity) ? verbosity : undefined),
    ...setting("logProbabilities", logprobsOf(body)),
    ...setting("serviceTier", body["service_tier"] === "auto" ? undefined : body["service_tier"]),
    ...setting("cacheKey", body["prompt_cache_key"]),
    ...setting("userId", body["safety_identifier"] ?? body["user"]),
    ...setting("metadata", body["metadata"])
  }
}

/** The body for providers of its wire, who couldn't read the thoughts of other wires' models. */
const withoutSealed = (body: Json): Json => {
  const { input } = body
  return Array.isArray(input) && input.some(state.isSealed)
    ? { ...body, input: input.filter((item) => !state.isSealed(item)) }
    : body
}

/** What a body of Responses asks for. */
export const question = (json: unknown): Either.Either<ChatRequest, Question> =>
  Either.map(
    questionOf("responses", json, (reading, body) => {
      const offered = tools.read(reading, body)
      return {
        messages: messagesOf(reading, body),
        fields: fieldsOf(reading, body, offered),
        includeUsage: true,
        preferences: offered.optional
      }
    }),
    (asked) => ({ ...asked, body: withoutSealed(asked.body) })
  )
