import type * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import * as toolArguments from "../../../internal/toolArguments.js"
import { type ChatRequest, type Question, questionOf, setting } from "../dialect.js"
import { contentOf, instructed, type Json, type Reading } from "../reading.js"

type Parts<M extends AITask.Message["role"]> = Exclude<
  Extract<AITask.Message, { role: M }>["content"],
  string
>[number]

const details = ["auto", "low", "high", "original"] as const

const image = (reading: Reading, part: Json, field: string): Parts<"user"> | undefined => {
  const given = part["image_url"]
  const at = `${field}.image_url`
  const object = Predicate.isString(given) ? { url: given } : reading.record(given, at)
  if (object === undefined) return undefined
  const detail = details.find((each) => each === object["detail"])
  return reading.imageUrl<Parts<"user">>(
    object["url"],
    `${at}.url`,
    (url) => ({ type: "image", url, ...(detail === undefined ? {} : { detail }) }),
    () => native(part)
  )
}

const file = (part: Json): AITask.DocumentPart | AITask.NativePart => {
  const given = part["file"]
  const { file_data: url, filename: name } = Predicate.isRecord(given) ? given : {}
  return typeof url === "string" && url.startsWith("data:")
    ? { type: "document", url, ...(typeof name === "string" && name !== "" ? { name } : {}) }
    : native(part)
}

/** What only this wire knows; a provider of another one isn't asked. */
const native = (value: Json): AITask.NativePart => ({ type: "native", wire: "chatCompletions", value })

const text = (reading: Reading, part: Json, field: string): AITask.TextPart | undefined => {
  const text = reading.text(part["text"], `${field}.text`)
  return text === undefined ? undefined : { type: "text", text }
}

const userPart = (reading: Reading, value: unknown, field: string): Parts<"user"> | undefined => {
  const part = reading.record(value, field)
  const type = part && reading.name(part["type"], `${field}.type`)
  if (part === undefined) return undefined
  switch (type) {
    case undefined:
      return undefined
    case "text":
      return text(reading, part, field)
    case "image_url":
      return image(reading, part, field)
    case "input_audio": {
      const { data, format } = reading.record(part["input_audio"], `${field}.input_audio`) ?? {}
      return typeof data === "string" && data !== "" && typeof format === "string" && format !== ""
        ? { type: "audio", data, format }
        : native(part)
    }
    case "file":
      return file(part)
    default:
      return native(part)
  }
}

/** The texts of a message that has no other parts; a refusal is one, too. */
const texts = (
  reading: Reading,
  content: unknown,
  field: string
): string | ReadonlyArray<AITask.TextPart | AITask.NativePart> => {
  if (typeof content === "string") return content
  if (Predicate.isNullable(content)) return ""
  const parts = reading.each(
    content,
    field,
    "parts",
    (value, at): AITask.TextPart | AITask.NativePart | undefined => {
      const part = reading.record(value, at)
      if (part === undefined || reading.name(part["type"], `${at}.type`) === undefined) return undefined
      if (part["type"] === "text") return text(reading, part, at)
      const { refusal, type } = part
      return type === "refusal" && typeof refusal === "string"
        ? { type: "text", text: refusal }
        : native(part)
    }
  )
  return contentOf(parts ?? [])
}

/** What a tool gave: servers beside OpenAI take pictures and files there, too. */
const toolContent = (
  reading: Reading,
  content: unknown,
  field: string
): Extract<AITask.Message, { role: "tool" }>["content"] => {
  if (!Array.isArray(content)) return texts(reading, content, field)
  const parts = reading.each(content, field, "parts", (value, at): Parts<"tool"> | undefined => {
    const part = userPart(reading, value, at)
    return part?.type !== "audio" ? part : Predicate.isRecord(value) ? native(value) : undefined
  })
  return contentOf(parts ?? [])
}

const userContent = (
  reading: Reading,
  content: unknown,
  field: string
): Extract<AITask.Message, { role: "user" }>["content"] => {
  if (typeof content === "string" && content.trim() !== "") return content
  if (Array.isArray(content)) {
    const parts = reading.each(content, field, "parts", (part, at) => userPart(reading, part, at)) ?? []
    const [first, ...others] = parts
    if (first !== undefined) return [first, ...others]
    if (content.length === 0) reading.expected(`${field}[0]`, "a part", undefined)
    return ""
  }
  reading.expected(field, "a text that isn't empty or a list", content)
  return ""
}

const toolCall = (reading: Reading, value: unknown, field: string): AITask.ToolCall | undefined => {
  const call = reading.record(value, field)
  const id = call && reading.name(call["id"], `${field}.id`)
  if (call === undefined || id === undefined) return undefined
  const { custom, function: called, id: _, type, ...rest } = call
  const options = Object.keys(rest).length === 0 ? {} : { options: { chatCompletions: rest } }
  // A custom tool takes text, where a function takes JSON.
  if (type === "custom" && Predicate.isRecord(custom)) {
    const name = reading.name(custom["name"], `${field}.custom.name`) ?? "custom"
    return { id, name, arguments: JSON.stringify({ input: custom["input"] }) }
  }
  const given = reading.record(called, `${field}.function`)
  const name = given && reading.name(given["name"], `${field}.function.name`)
  if (given === undefined || name === undefined) return undefined
  // Clients send back what they got of a tool without parameters, and some what they parsed.
  const args = toolArguments.text(toolArguments.piece(given["arguments"]))
  return { id, name, arguments: reading.arguments(args, `${field}.function.arguments`), ...options }
}

/** What servers want back of what their models thought. */
const thoughts = ["reasoning_content", "reasoning", "reasoning_details"] as const

const reasoningOf = (message: Json): ReadonlyArray<AITask.ReasoningPart> => {
  const value = Object.fromEntries(
    thoughts.flatMap((name) => (Predicate.isNullable(message[name]) ? [] : [[name, message[name]]]))
  )
  const said = [message["reasoning_content"], message["reasoning"]].find(Predicate.isString)
  return Object.keys(value).length === 0
    ? []
    : [{ type: "reasoning", text: said ?? "", state: { wire: "chatCompletions", value } }]
}

/** The ids of legacy calls, which have none: the latest by the function's name, which its result is told by. */
type LegacyIds = Map<string, { readonly id: string; readonly count: number }>

const nextId = (ids: LegacyIds, name: string): string => {
  const count = (ids.get(name)?.count ?? 0) + 1
  const id = count === 1 ? name : `${name}_${count}`
  ids.set(name, { id, count })
  return id
}

const partsOf = <P extends AITask.Part>(
  said: string | ReadonlyArray<P>
): ReadonlyArray<P | AITask.TextPart> =>
  typeof said !== "string" ? said : said === "" ? [] : [{ type: "text", text: said }]

const assistant = (reading: Reading, message: Json, field: string, ids: LegacyIds): AITask.Message => {
  const { content, refusal } = message
  const said = texts(reading, content, `${field}.content`)
  // A refusal is said, too, beside other words or in their place.
  const refused = texts(reading, refusal, `${field}.refusal`)
  const parts = [...reasoningOf(message), ...partsOf(said), ...partsOf(refused)]
  const given = message["tool_calls"]
  const legacy = message["function_call"]
  const calls = Predicate.isNullable(given)
    ? Predicate.isRecord(legacy)
      ? [
          toolCall(
            reading,
            { id: nextId(ids, String(legacy["name"])), function: legacy },
            `${field}.function_call`
          )
        ]
      : []
    : (reading.each(given, `${field}.tool_calls`, "parts", (call, at) => toolCall(reading, call, at)) ?? [])
  const toolCalls = calls.filter((call) => call !== undefined)
  return {
    role: "assistant",
    content: contentOf(parts),
    ...(toolCalls.length === 0 ? {} : { toolCalls })
  }
}

const messageOf = (
  reading: Reading,
  value: unknown,
  field: string,
  ids: LegacyIds
): AITask.Message | ReadonlyArray<AITask.Message> | undefined => {
  const message = reading.record(value, field)
  if (message === undefined) return undefined
  switch (message["role"]) {
    case "system":
    case "developer":
      return instructed(texts(reading, message["content"], `${field}.content`))
    case "user":
      return { role: "user", content: userContent(reading, message["content"], `${field}.content`) }
    case "assistant":
      return assistant(reading, message, field, ids)
    case "tool":
    case "function": {
      const isLegacy = message["role"] === "function"
      const id = reading.name(
        isLegacy ? message["name"] : message["tool_call_id"],
        `${field}.${isLegacy ? "name" : "tool_call_id"}`
      )
      const content = toolContent(reading, message["content"], `${field}.content`)
      if (id === undefined) return undefined
      return { role: "tool", toolCallId: isLegacy ? (ids.get(id)?.id ?? id) : id, content }
    }
    default:
      reading.unknownWord(
        `${field}.role`,
        '"system", "developer", "user", "assistant" or "tool"',
        message["role"]
      )
      return { role: "user", content: [native(message)] }
  }
}

const functionTool = (reading: Reading, given: Json, field: string): AITask.Tool | undefined => {
  const name = reading.toolName(given["name"], `${field}.name`)
  const { description, parameters, strict } = given
  const schema = Predicate.isNullable(parameters)
    ? { type: "object", properties: {} }
    : reading.record(parameters, `${field}.parameters`)
  return name === undefined || schema === undefined
    ? undefined
    : {
        name,
        ...(typeof description === "string" ? { description } : {}),
        parameters: schema,
        ...(typeof strict === "boolean" ? { strict } : {})
      }
}

const toolsOf = (
  reading: Reading,
  body: Json
): { readonly tools?: unknown; readonly nativeTools?: unknown } => {
  const tools: Array<AITask.Tool> = []
  const nativeTools: Array<AITask.NativeTool> = []
  const take = (tool: AITask.Tool | undefined): void => void (tool && tools.push(tool))
  if (!Predicate.isNullable(body["tools"])) {
    reading.each(body["tools"], "tools", "tools", (value, field) => {
      const tool = reading.record(value, field)
      if (tool === undefined) return
      if (tool["type"] === "function" || Predicate.isRecord(tool["function"])) {
        const given = reading.record(tool["function"], `${field}.function`)
        if (given !== undefined) take(functionTool(reading, given, `${field}.function`))
      } else nativeTools.push({ wire: "chatCompletions", value: tool })
    })
  }
  if (!Predicate.isNullable(body["functions"])) {
    reading.each(body["functions"], "functions", "tools", (value, field) => {
      const given = reading.record(value, field)
      if (given !== undefined) take(functionTool(reading, given, field))
    })
  }
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(nativeTools.length === 0 ? {} : { nativeTools })
  }
}

const choiceOf = (reading: Reading, { function_call: legacy, tool_choice: given }: Json): unknown => {
  const choice = given ?? legacy
  if (typeof choice === "string") return choice
  if (Predicate.isNullable(choice)) return undefined
  const object = reading.record(choice, "tool_choice")
  if (object === undefined) return undefined
  const named = object["function"] ?? object["custom"] ?? object
  if (Predicate.isRecord(named) && typeof named["name"] === "string") return { name: named["name"] }
  const { type } = object
  return Predicate.isNullable(type) || type === "allowed_tools"
    ? "auto"
    : reading.unknownWord("tool_choice.type", '"function"', type)
}

const formatOf = (reading: Reading, value: unknown): unknown => {
  if (Predicate.isNullable(value)) return undefined
  const format = reading.record(value, "response_format")
  if (format === undefined) return undefined
  switch (format["type"]) {
    case "json_object":
      return { type: "json" }
    case "json_schema": {
      const given = reading.record(format["json_schema"], "response_format.json_schema")
      const { name, schema, strict } = given ?? {}
      if (given !== undefined) {
        reading.name(name, "response_format.json_schema.name")
        if (schema !== undefined) reading.record(schema, "response_format.json_schema.schema")
      }
      // Whoever doesn't ask for strictness, as the API has it, isn't held to what it costs.
      return { type: "json_schema", name, schema: schema ?? {}, strict: strict === true }
    }
    case "text":
    case undefined:
      return { type: "text" }
    default:
      return reading.unknownWord(
        "response_format.type",
        '"text", "json_object" or "json_schema"',
        format["type"]
      )
  }
}

const efforts: ReadonlySet<unknown> = new Set(["none", "minimal", "low", "medium", "high", "xhigh", "max"])
const verbosities: ReadonlySet<unknown> = new Set(["low", "medium", "high"])

/** What of the body is the task's beside its messages; the task's own decoder checks it. */
const fieldsOf = (reading: Reading, body: Json): ChatRequest["fields"] => {
  const { reasoning_effort: effort, stop, verbosity } = body
  const logs = body["logprobs"] === true ? (body["top_logprobs"] ?? 0) : undefined
  return {
    ...setting("maxTokens", body["max_completion_tokens"] ?? body["max_tokens"]),
    ...setting("temperature", body["temperature"]),
    ...setting("topP", body["top_p"]),
    ...setting(
      "stop",
      typeof stop === "string" ? [stop] : Array.isArray(stop) && stop.length === 0 ? null : stop
    ),
    ...toolsOf(reading, body),
    ...setting("toolChoice", choiceOf(reading, body)),
    ...setting("parallelToolCalls", body["parallel_tool_calls"]),
    ...setting("responseFormat", formatOf(reading, body["response_format"])),
    // Servers that show what their models think do so unasked.
    ...setting("reasoning", { show: true, ...(efforts.has(effort) ? { effort } : {}) }),
    ...setting("seed", body["seed"]),
    ...setting("frequencyPenalty", body["frequency_penalty"]),
    ...setting("presencePenalty", body["presence_penalty"]),
    ...setting("verbosity", verbosities.has(verbosity) ? verbosity : undefined),
    ...setting("logProbabilities", logs),
    ...setting("serviceTier", body["service_tier"] === "auto" ? undefined : body["service_tier"]),
    ...setting("cacheKey", body["prompt_cache_key"]),
    ...setting("userId", body["safety_identifier"] ?? body["user"]),
    ...setting("metadata", body["metadata"])
  }
}

/** What a body of Chat Completions asks for. */
export const question = (json: unknown): Either.Either<ChatRequest, Question> =>
  questionOf("chatCompletions", json, (reading, body) => {
    const ids: LegacyIds = new Map()
    const messages = reading.each(body["messages"], "messages", "messages", (message, field) =>
      messageOf(reading, message, field, ids)
    )
    const options = body["stream_options"]
    return {
      messages: (messages ?? []).flat(),
      fields: fieldsOf(reading, body),
      includeUsage: Predicate.isRecord(options) && options["include_usage"] === true
    }
  })
