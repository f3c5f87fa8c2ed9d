import type * as Prompt from "@effect/ai/Prompt"
import * as Tool from "@effect/ai/Tool"
import * as Encoding from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AITask from "../../AITask.js"
import type { ModelRequest } from "./modelCall.js"

type Fields = Pick<AITask.Options, "messages" | "responseFormat" | "systemPrompt" | "toolChoice" | "tools">

/** A call of a language model in the fields of a task, as far as they can say it. */
export interface Translation {
  readonly fields: Fields
  /** What they can't say, in words. */
  readonly beyond: ReadonlyArray<string>
}

type Note = (beyond: string) => void

type UserPart = Exclude<Extract<AITask.Message, { role: "user" }>["content"], string>[number]

const contentUrl = /^(https?|data):/

const urlOf = ({ data, mediaType }: Prompt.FilePart): string => {
  if (data instanceof URL) return data.href
  if (typeof data === "string" && contentUrl.test(data)) return data
  const type = mediaType === "image/*" ? "image/jpeg" : mediaType
  return `data:${type};base64,${typeof data === "string" ? data : Encoding.encodeBase64(data)}`
}

/** As providers name what media types call otherwise. */
const soundFormats: Readonly<Record<string, string>> = { mpeg: "mp3", wave: "wav", "x-wav": "wav" }

/** A sound whose content is there; no wire takes the address of one. */
const audioPart = (part: Prompt.FilePart): AITask.AudioPart | undefined => {
  const [, data = ""] = /^data:[^,]*;base64,(.+)$/s.exec(urlOf(part)) ?? []
  const [, subtype = ""] = part.mediaType.split("/")
  return data === "" ? undefined : { type: "audio", data, format: soundFormats[subtype] ?? subtype }
}

const userPart =
  (note: Note) =>
  (part: Prompt.UserMessagePart): UserPart => {
    if (part.type === "text") return { type: "text", text: part.text }
    const [kind] = part.mediaType.split("/")
    if (kind === "image") return { type: "image", url: urlOf(part) }
    if (kind === "text" || kind === "application") {
      return { type: "document", url: urlOf(part), ...(part.fileName ? { name: part.fileName } : {}) }
    }
    const sound = kind === "audio" ? audioPart(part) : undefined
    if (sound !== undefined) return sound
    note(`a file of the type ${part.mediaType}`)
    return { type: "text", text: part.fileName ?? part.mediaType }
  }

/** The text of a lone part is a message's whole content: some servers take nothing else. */
const userMessage = (message: Prompt.UserMessage, note: Note): ReadonlyArray<AITask.Message> => {
  const [first, ...rest] = message.content.map(userPart(note))
  if (first === undefined) return []
  const lone = rest.length === 0 && first.type === "text" && first.text.trim() !== ""
  return [{ role: "user", content: lone ? first.text : [first, ...rest] }]
}

/** A text as it is, any other value as JSON, and nothing for none. */
const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

/** What Anthropic wants back of a thought, as its package keeps it. */
const thinkingState = ({ options, text }: Prompt.ReasoningPart): Pick<AITask.ReasoningPart, "state"> => {
  const kept: unknown = options["anthropic"]
  const { redactedData, signature, type } = Predicate.isRecord(kept) ? kept : {}
  const value =
    type === "thinking" && Predicate.isString(signature)
      ? { type, thinking: text, signature }
      : type === "redacted_thinking" && Predicate.isString(redactedData)
        ? { type, data: redactedData }
        : undefined
  return value === undefined ? {} : { state: { wire: "messages", value } }
}

/** A text is a message's whole content where nothing was thought: some servers take nothing else. */
const assistantMessage = (message: Prompt.AssistantMessage, note: Note): AITask.Message => {
  const parts: Array<AITask.TextPart | AITask.ReasoningPart> = []
  const toolCalls: Array<AITask.ToolCall> = []
  for (const part of message.content) {
    if (part.type === "text") parts.push({ type: "text", text: part.text })
    else if (part.type === "reasoning") {
      parts.push({ type: "reasoning", text: part.text, ...thinkingState(part) })
    } else if (part.type === "file") note("a file that a model made")
    else if (part.type === "tool-result") note(`what the tool ${part.name} of a provider returned`)
    else if (part.type === "tool-call" && part.providerExecuted)
      note(`a call of the tool ${part.name} of a provider`)
    else if (part.type === "tool-call") {
      toolCalls.push({ id: part.id, name: part.name, arguments: textOf(part.params) })
    }
  }
  return {
    role: "assistant",
    content: parts.some(({ type }) => type === "reasoning") ? parts : parts.map(({ text }) => text).join(""),
    ...(toolCalls.length === 0 ? {} : { toolCalls })
  }
}

const toolMessages = (message: Prompt.ToolMessage): ReadonlyArray<AITask.Message> =>
  message.content.map((part) => ({
    role: "tool",
    toolCallId: part.id,
    content: textOf(part.result),
    ...(part.isFailure ? { isError: true } : {})
  }))

const messagesOf = (prompt: Prompt.Prompt, note: Note) => {
  const system: Array<string> = []
  const messages: Array<AITask.Message> = []
  for (const message of prompt.content) {
    switch (message.role) {
      case "system":
        if (messages.length === 0) system.push(message.content)
        else if (message.content.trim() !== "") messages.push({ role: "system", content: message.content })
        break
      case "user":
        messages.push(...userMessage(message, note))
        break
      case "assistant":
        messages.push(assistantMessage(message, note))
        break
      case "tool":
        messages.push(...toolMessages(message))
        break
    }
  }
  return { systemPrompt: system.join("\n\n"), messages }
}

const isName = Schema.is(AITask.Tool.fields.name)

const toolsOf = (tools: ModelRequest["tools"], note: Note): ReadonlyArray<AITask.Tool> =>
  tools.flatMap((tool) => {
    if (Tool.isProviderDefined(tool) || !isName(tool.name)) {
      note(`the tool ${tool.name}, which only its provider knows`)
      return []
    }
    const description = tool.description ?? Tool.getDescriptionFromSchemaAst(tool.parametersSchema.ast)
    return [
      {
        name: tool.name,
        ...(description === undefined ? {} : { description }),
        parameters: { ...Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast) }
      }
    ]
  })

const toolChoiceOf = (choice: ModelRequest["toolChoice"]): NonNullable<Fields["toolChoice"]> => {
  if (typeof choice === "string") return choice
  // Of several, the others aren't offered in the first place.
  return "tool" in choice ? { name: choice.tool } : (choice.mode ?? "auto")
}

const responseFormatOf = (format: ModelRequest["responseFormat"]): Pick<Fields, "responseFormat"> =>
  format.type === "text"
    ? {}
    : {
        responseFormat: {
          type: "json_schema",
          name: format.objectName,
          schema: { ...Tool.getJsonSchemaFromSchemaAst(format.schema.ast) }
        }
      }

/** Says a call of a language model in the fields of a task, and what of it they can't say. */
export const translate = (request: ModelRequest): Translation => {
  const beyond = new Set<string>()
  const note: Note = (what) => beyond.add(what)
  const { messages, systemPrompt } = messagesOf(request.prompt, note)
  const [first, ...rest] = messages
  if (first === undefined) note("a prompt without a message of a user")
  const [tool, ...tools] = toolsOf(request.tools, note)
  const fields: Fields = {
    messages: first === undefined ? [{ role: "user", content: "-" }] : [first, ...rest],
    ...(systemPrompt.trim() === "" ? {} : { systemPrompt }),
    ...(tool === undefined ? {} : { tools: [tool, ...tools], toolChoice: toolChoiceOf(request.toolChoice) }),
    ...responseFormatOf(request.responseFormat)
  }
  return { fields, beyond: Array.from(beyond) }
}
