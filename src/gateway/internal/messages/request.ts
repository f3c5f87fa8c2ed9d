import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import * as dataUrl from "../../../wire/dataUrl.js"
import { parse } from "../../../wire/decoding.js"
import { type ChatRequest, type Question, questionOf, setting } from "../dialect.js"
import { contentOf, instructed, type Json, type Reading } from "../reading.js"

/** What only this wire knows; a provider of another one isn't asked. */
const native = (value: Json): AITask.NativePart => ({ type: "native", wire: "messages", value })

const cacheOf = ({ cache_control: given }: Json): { readonly cache?: AITask.CacheHint | undefined } => {
  if (!Predicate.isRecord(given)) return {}
  const { ttl } = given
  return { cache: ttl === "5m" || ttl === "1h" ? { ttl } : {} }
}

const text = (reading: Reading, block: Json, field: string): AITask.TextPart | undefined => {
  const text = reading.text(block["text"], `${field}.text`)
  return text === undefined ? undefined : { type: "text", text, ...cacheOf(block) }
}

const urlOf = (source: unknown): string | undefined => {
  if (!Predicate.isRecord(source)) return undefined
  const { data, media_type: mediaType, type, url } = source
  if (type === "url" && typeof url === "string") return url
  if (type === "text" && typeof data === "string") return dataUrl.ofText(data)
  return type === "base64" && typeof data === "string" && typeof mediaType === "string"
    ? `data:${mediaType};base64,${data}`
    : undefined
}

const image = (
  reading: Reading,
  block: Json,
  field: string
): AITask.ImagePart | AITask.NativePart | undefined => {
  const url = urlOf(block["source"])
  if (url === undefined) return native(block)
  return reading.imageUrl<AITask.ImagePart | AITask.NativePart>(
    url,
    `${field}.source`,
    (url) => ({ type: "image", url, ...cacheOf(block) }),
    () => native(block)
  )
}

const document = (block: Json): AITask.DocumentPart | AITask.NativePart => {
  const url = urlOf(block["source"])
  const { title } = block
  return url === undefined
    ? native(block)
    : {
        type: "document",
        url,
        ...(typeof title === "string" && title !== "" ? { name: title } : {}),
        ...cacheOf(block)
      }
}

type Shown = AITask.TextPart | AITask.ImagePart | AITask.DocumentPart | AITask.NativePart

/** A block that a user or a tool shows. */
const shown = (reading: Reading, block: Json, field: string): Shown | undefined => {
  switch (block["type"]) {
    case "text":
      return text(reading, block, field)
    case "image":
      return image(reading, block, field)
    case "document":
      return document(block)
    default:
      return native(block)
  }
}

/** The blocks of a content, each with its type. */
const blocks = <A>(
  reading: Reading,
  content: unknown,
  field: string,
  read: (block: Json, field: string) => A | undefined
): ReadonlyArray<A> =>
  reading.each(content, field, "parts", (value, at) => {
    const block = reading.record(value, at)
    return block === undefined || reading.name(block["type"], `${at}.type`) === undefined
      ? undefined
      : read(block, at)
  }) ?? []

const toolResult = (reading: Reading, block: Json, field: string): AITask.Message | undefined => {
  const id = reading.name(block["tool_use_id"], `${field}.tool_use_id`)
  const { content } = block
  if (id === undefined) return undefined
  return {
    role: "tool",
    toolCallId: id,
    content: Predicate.isNullable(content)
      ? ""
      : typeof content === "string"
        ? content
        : contentOf(blocks(reading, content, `${field}.content`, (part, at) => shown(reading, part, at))),
    ...(block["is_error"] === true ? { isError: true } : {}),
    ...cacheOf(block)
  }
}

const toolCall = (reading: Reading, block: Json, field: string): AITask.ToolCall | undefined => {
  const id = reading.name(block["id"], `${field}.id`)
  const name = reading.name(block["name"], `${field}.name`)
  if (id === undefined || name === undefined) return undefined
  const args = toolArguments.text(toolArguments.piece(block["input"]))
  return { id, name, arguments: reading.arguments(args, `${field}.input`) }
}

/** A thought without its signature can't go back to its maker. */
const thought = (block: Json): AITask.ReasoningPart => {
  const { signature, thinking, type } = block
  const isSigned = type === "redacted_thinking" || (typeof signature === "string" && signature !== "")
  return {
    type: "reasoning",
    text: typeof thinking === "string" ? thinking : "",
    ...(isSigned ? { state: { wire: "messages", value: block } } : {})
  }
}

type AssistantPart = AITask.TextPart | AITask.ReasoningPart | AITask.NativePart

const assistant = (reading: Reading, content: unknown, field: string): AITask.Message => {
  if (typeof content === "string") return { role: "assistant", content }
  const toolCalls: Array<AITask.ToolCall> = []
  const parts = blocks(reading, content, field, (block, at): AssistantPart | undefined => {
    switch (block["type"]) {
      case "text":
        return text(reading, block, at)
      case "thinking":
      case "redacted_thinking":
        return thought(block)
      case "tool_use": {
        const call = toolCall(reading, block, at)
        if (call !== undefined) toolCalls.push(call)
        return undefined
      }
      default:
        return native(block)
    }
  })
  return {
    role: "assistant",
    content: contentOf(parts),
    ...(toolCalls.length === 0 ? {} : { toolCalls })
  }
}

/** The task's messages of a user's: the results of tools are messages of their own, before the rest. */
const user = (reading: Reading, content: unknown, field: string): ReadonlyArray<AITask.Message> => {
  if (typeof content === "string") {
    if (content.trim() === "") reading.expected(field, "a text that isn't empty or a list", content)
    return [{ role: "user", content }]
  }
  const results: Array<AITask.Message> = []
  const [first, ...others] = blocks(reading, content, field, (block, at): Shown | undefined => {
    if (block["type"] !== "tool_result") return shown(reading, block, at)
    const result = toolResult(reading, block, at)
    if (result !== undefined) results.push(result)
    return undefined
  })
  if (Array.isArray(content) && content.length === 0) reading.expected(`${field}[0]`, "a block", undefined)
  return first === undefined ? results : [...results, { role: "user", content: [first, ...others] }]
}

const systemText = (reading: Reading, content: unknown, field: string): string =>
  typeof content === "string"
    ? content
    : blocks(reading, content, field, (block, at) => text(reading, block, at))
        .map((part) => part.text)
        .join("\n\n")

/** Which tools are offered from here on: elsewhere all of them are, which the table of fields tells. */
const isOffer = (type: unknown): boolean => type === "tool_addition" || type === "tool_removal"

/** Instructions at their place in the conversation, which may have no content: they can set an effort alone. */
const midway = (reading: Reading, content: unknown, field: string): ReadonlyArray<AITask.Message> => {
  if (Predicate.isNullable(content)) return []
  if (typeof content === "string") return instructed(content)
  return instructed(
    blocks(reading, content, field, (block, at) =>
      isOffer(block["type"]) ? undefined : shown(reading, block, at)
    )
  )
}

const messagesOf = (reading: Reading, value: unknown, field: string): ReadonlyArray<AITask.Message> => {
  const message = reading.record(value, field)
  if (message === undefined) return []
  const { content, role } = message
  const at = `${field}.content`
  switch (role) {
    case "user":
      return user(reading, content, at)
    case "assistant":
      return [assistant(reading, content, at)]
    case "system":
      return midway(reading, content, at)
    default:
      reading.unknownWord(`${field}.role`, '"user", "assistant" or "system"', role)
      return [{ role: "user", content: [native(message)] }]
  }
}

const toolsOf = (
  reading: Reading,
  given: unknown
): { readonly tools?: unknown; readonly nativeTools?: unknown } => {
  if (Predicate.isNullable(given)) return {}
  const tools: Array<AITask.Tool> = []
  const nativeTools: Array<AITask.NativeTool> = []
  reading.each(given, "tools", "tools", (value, field) => {
    const tool = reading.record(value, field)
    if (tool === undefined) return
    const { description, input_schema: schema, strict, type } = tool
    if (!Predicate.isNullable(type) && type !== "custom") {
      nativeTools.push({ wire: "messages", value: tool })
      return
    }
    const name = reading.toolName(tool["name"], `${field}.name`)
    const parameters = reading.record(schema, `${field}.input_schema`)
    if (name === undefined || parameters === undefined) return
    tools.push({
      name,
      ...(typeof description === "string" ? { description } : {}),
      parameters,
      ...(typeof strict === "boolean" ? { strict } : {}),
      ...cacheOf(tool)
    })
  })
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(nativeTools.length === 0 ? {} : { nativeTools })
  }
}

const choices = new Map<unknown, string>([
  ["auto", "auto"],
  ["any", "required"],
  ["none", "none"]
])

const choiceOf = (
  reading: Reading,
  given: unknown
): { readonly toolChoice?: unknown; readonly parallelToolCalls?: boolean | undefined } => {
  if (Predicate.isNullable(given)) return {}
  const choice = reading.record(given, "tool_choice")
  if (choice === undefined) return {}
  const { disable_parallel_tool_use: isSerial, name, type } = choice
  const toolChoice = type === "tool" ? { name } : choices.get(type)
  if (toolChoice === undefined) {
    reading.unknownWord("tool_choice.type", '"auto", "any", "none" or "tool"', type)
    return {}
  }
  return { toolChoice, ...(isSerial === true ? { parallelToolCalls: false } : {}) }
}

/** An effort of next year is for its own wire. */
const efforts: ReadonlySet<unknown> = new Set(["low", "medium", "high", "xhigh", "max"])

const reasoningOf = (body: Json): unknown => {
  const thinking = Predicate.isRecord(body["thinking"]) ? body["thinking"] : {}
  const config = Predicate.isRecord(body["output_config"]) ? body["output_config"] : {}
  const { budget_tokens: budget, display, type } = thinking
  const { effort } = config
  const asked = {
    ...(type === "disabled" ? { effort: "none" } : efforts.has(effort) ? { effort } : {}),
    // As the API has it where nothing is said.
    ...(type === "adaptive" && effort === undefined ? { effort: "high" } : {}),
    ...(type === "enabled" && typeof budget === "number" ? { budgetTokens: budget } : {}),
    ...(type === "adaptive" || type === "enabled" ? { show: display !== "omitted" } : {})
  }
  return Object.keys(asked).length === 0 ? undefined : asked
}

const formatOf = (reading: Reading, body: Json): unknown => {
  const config = Predicate.isRecord(body["output_config"]) ? body["output_config"] : {}
  const [given, field] = Predicate.isNullable(config["format"])
    ? [body["output_format"], "output_format"]
    : [config["format"], "output_config.format"]
  if (Predicate.isNullable(given)) return undefined
  const format = reading.record(given, field)
  if (format === undefined) return undefined
  if (format["type"] !== "json_schema") {
    return reading.unknownWord(`${field}.type`, '"json_schema"', format["type"])
  }
  const schema = reading.record(format["schema"], `${field}.schema`)
  return schema && { type: "json_schema", name: "answer", schema, strict: true }
}

/** On whose behalf: Claude Code says it as JSON, with the conversation that the call belongs to. */
const metadataOf = (given: unknown): { readonly userId?: unknown; readonly session?: string | undefined } => {
  if (!Predicate.isRecord(given) || Predicate.isNullable(given["user_id"])) return {}
  const { user_id: userId } = given
  const json =
    typeof userId === "string" && userId.startsWith("{") ? Option.getOrUndefined(parse(userId)) : undefined
  if (!Predicate.isRecord(json) || typeof json["session_id"] !== "string") return { userId }
  const { account_uuid: account, device_id: device, session_id: session } = json
  const who = [account, device].find((id) => typeof id === "string" && id !== "")
  return { ...(who === undefined ? {} : { userId: who }), session }
}

/** What of the body is the task's beside its messages; the task's own decoder checks it. */
const fieldsOf = (reading: Reading, body: Json): ChatRequest["fields"] => {
  const { stop_sequences: stop, system } = body
  const instructions = Predicate.isNullable(system) ? "" : systemText(reading, system, "system")
  return {
    ...setting("maxTokens", body["max_tokens"]),
    ...setting("systemPrompt", system === "" || instructions !== "" ? instructions || undefined : undefined),
    ...setting("temperature", body["temperature"]),
    ...setting("topP", body["top_p"]),
    ...setting("topK", body["top_k"]),
    ...setting("stop", Array.isArray(stop) && stop.length === 0 ? undefined : stop),
    ...toolsOf(reading, body["tools"]),
    ...choiceOf(reading, body["tool_choice"]),
    ...setting("responseFormat", formatOf(reading, body)),
    ...setting("reasoning", reasoningOf(body)),
    ...setting("serviceTier", body["service_tier"] === "auto" ? undefined : body["service_tier"]),
    ...metadataOf(body["metadata"])
  }
}

/** A citation that the gateway has written: its providers know nothing of it. */
const isOwn = (citation: unknown): boolean =>
  Predicate.isRecord(citation) &&
  citation["type"] === "web_search_result_location" &&
  citation["encrypted_index"] === ""

/** Parts within a list of a value; none where it has no such list. */
const within = (value: unknown, field: string): ReadonlyArray<unknown> => {
  const list = Predicate.isRecord(value) ? value[field] : undefined
  return Array.isArray(list) ? list : []
}

const hasOwn = (part: unknown): boolean => within(part, "citations").some(isOwn)

const withoutOwn = (part: unknown): unknown => {
  if (!Predicate.isRecord(part) || !hasOwn(part)) return part
  const others = within(part, "citations").filter((citation) => !isOwn(citation))
  return { ...part, citations: others.length === 0 ? null : others }
}

/** A body without what the gateway has written into answers for its caller alone. */
const received = (json: unknown): unknown => {
  const messages = within(json, "messages")
  if (!messages.some((message) => within(message, "content").some(hasOwn))) return json
  return {
    ...(Predicate.isRecord(json) ? json : {}),
    messages: messages.map((message) =>
      Predicate.isRecord(message) && Array.isArray(message["content"])
        ? { ...message, content: message["content"].map(withoutOwn) }
        : message
    )
  }
}

/** What a body of Messages asks for. */
export const question = (json: unknown): Either.Either<ChatRequest, Question> =>
  questionOf("messages", received(json), (reading, body) => {
    if (Predicate.isNullable(body["max_tokens"])) reading.expected("max_tokens", "a number", undefined)
    const messages = reading.each(body["messages"], "messages", "messages", (message, field) =>
      messagesOf(reading, message, field)
    )
    return {
      messages: (messages ?? []).flat(),
      fields: fieldsOf(reading, body),
      includeUsage: true
    }
  })
