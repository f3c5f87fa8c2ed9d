import * as Prompt from "@effect/ai/Prompt"
import * as Tool from "@effect/ai/Tool"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as AITask from "../../AITask.js"
import { parse } from "../../wire/decoding.js"
import type { ModelRequest } from "./modelCall.js"

const base64 = /^data:([^;,]+);base64,(.*)$/s

/** Some packages take the content of an image and no `data:` URL, others the other way round. */
const filePart = (url: string, unknownType: string, fileName?: string): Prompt.FilePart => {
  const [, mediaType = unknownType, data = ""] = base64.exec(url) ?? []
  return Prompt.filePart({
    mediaType,
    fileName,
    data: data === "" ? new URL(url) : Either.getOrElse(Encoding.decodeBase64(data), () => new URL(url))
  })
}

/** What a part of a task is for a LanguageModel that isn't asked by one. */
const userMessage = (message: Extract<AITask.Message, { role: "user" }>): Prompt.UserMessage =>
  Prompt.userMessage({
    content: AITask.parts(message).flatMap((part): ReadonlyArray<Prompt.TextPart | Prompt.FilePart> =>
      part.type === "text"
        ? [Prompt.textPart({ text: part.text })]
        : part.type === "image"
          ? [filePart(part.url, "image/*")]
          : part.type === "document"
            ? [filePart(part.url, /^data:([^;,]+)/.exec(part.url)?.[1] ?? "application/pdf", part.name)]
            : part.type === "audio"
              ? [
                  filePart(
                    `data:audio/${part.format === "mp3" ? "mpeg" : part.format};base64,${part.data}`,
                    "audio/*"
                  )
                ]
              : []
    )
  })

const assistantMessage = (message: Extract<AITask.Message, { role: "assistant" }>): Prompt.AssistantMessage =>
  Prompt.assistantMessage({
    content: [
      ...AITask.parts(message).flatMap((part) =>
        part.type === "text" && part.text !== "" ? [Prompt.textPart({ text: part.text })] : []
      ),
      ...(message.toolCalls ?? []).map(({ arguments: args, id, name }) =>
        Prompt.toolCallPart({
          id,
          name,
          // Arguments that are no object stay the text that they are.
          params: Option.getOrElse(Option.filter(parse(args), Predicate.isRecord), () => args),
          providerExecuted: false
        })
      )
    ]
  })

const promptOf = (task: AITask.AITask): Prompt.Prompt => {
  const names = new Map<string, string>()
  const messages: Array<Prompt.Message> = []
  if (task.systemPrompt !== undefined) messages.push(Prompt.systemMessage({ content: task.systemPrompt }))
  for (const message of task.messages) {
    switch (message.role) {
      case "system":
        messages.push(Prompt.systemMessage({ content: AITask.messageText(message) }))
        break
      case "user":
        messages.push(userMessage(message))
        break
      case "assistant":
        for (const { id, name } of message.toolCalls ?? []) names.set(id, name)
        messages.push(assistantMessage(message))
        break
      case "tool": {
        const id = message.toolCallId
        const result = Prompt.toolResultPart({
          id,
          name: names.get(id) ?? id,
          result: AITask.messageText(message),
          isFailure: message.isError === true,
          providerExecuted: false
        })
        messages.push(Prompt.toolMessage({ content: [result] }))
        break
      }
    }
  }
  return Prompt.fromMessages(messages)
}

/** A schema that takes any object, and is known by the JSON Schema that the task has. */
const schemaOf = (jsonSchema: Readonly<Record<string, unknown>>) =>
  Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({ jsonSchema })

const toolOf = ({ description, name, parameters }: AITask.Tool): Tool.Any =>
  Tool.make(name, { description }).setParameters(schemaOf(parameters))

const toolChoiceOf = (task: AITask.AITask): ModelRequest["toolChoice"] => {
  if (task.tools === undefined) return "none"
  const choice = task.toolChoice ?? "auto"
  return typeof choice === "string" ? choice : { tool: choice.name }
}

const responseFormatOf = (format: AITask.AITask["responseFormat"]): ModelRequest["responseFormat"] =>
  format?.type === "json_schema"
    ? { type: "json", objectName: format.name, schema: schemaOf(format.schema) }
    : { type: "text" }

const isUnreadable = (message: AITask.Message): boolean =>
  AITask.parts(message).some(
    (part) => (part.type === "image" || part.type === "document") && !URL.canParse(part.url)
  )

/** What a language model is asked for a task; or why it can't be asked. */
export const modelRequest = (task: AITask.AITask): Either.Either<ModelRequest, string> => {
  if (task.responseFormat?.type === "json") {
    return Either.left("a LanguageModel gives JSON of a schema only, and the task has none")
  }
  if (task.messages.some(isUnreadable))
    return Either.left("the address of an image or a document can't be read")
  return Either.right({
    prompt: promptOf(task),
    tools: (task.tools ?? []).map(toolOf),
    toolChoice: toolChoiceOf(task),
    responseFormat: responseFormatOf(task.responseFormat)
  })
}
