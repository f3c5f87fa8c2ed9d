import type * as AITask from "../../AITask.js"
import * as toolArguments from "../../internal/toolArguments.js"
import * as toolCallIds from "../toolCallIds.js"

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly model: string
  readonly maxTokensField: "max_tokens" | "max_completion_tokens"
  readonly includeUsage: boolean
  /** Whether the server takes temperature and top-p. */
  readonly sampling: boolean
  /** What the server takes for the ids of tool calls; any where absent. */
  readonly toolCallIds?: toolCallIds.Rule | undefined
}

/** How one attempt asks. */
export interface Ask {
  readonly task: AITask.AITask
  readonly prefill: string | undefined
  readonly stream: boolean
}

type Json = Readonly<Record<string, unknown>>

const content = (parts: Exclude<AITask.Message["content"], string>): ReadonlyArray<Json> =>
  parts.map((part) =>
    part.type === "text"
      ? { type: "text", text: part.text }
      : { type: "image_url", image_url: { url: part.url } }
  )

const toolCall =
  (idOf: (id: string) => string) =>
  (call: AITask.ToolCall): Json => ({
    id: idOf(call.id),
    type: "function",
    function: { name: call.name, arguments: toolArguments.text(call.arguments) }
  })

const message = (message: AITask.Message, idOf: (id: string) => string): Json => {
  switch (message.role) {
    case "user":
      return {
        role: "user",
        content: typeof message.content === "string" ? message.content : content(message.content)
      }
    case "assistant": {
      const calls = message.toolCalls ?? []
      return calls.length === 0
        ? { role: "assistant", content: message.content }
        : // A turn that only calls tools has no text, which isn't an empty one.
          { role: "assistant", content: message.content || null, tool_calls: calls.map(toolCall(idOf)) }
    }
    case "tool":
      return { role: "tool", tool_call_id: idOf(message.toolCallId), content: message.content }
  }
}

const tool = (tool: AITask.Tool): Json => ({
  type: "function",
  function: {
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    parameters: tool.parameters
  }
})

const toolChoice = (choice: NonNullable<AITask.AITask["toolChoice"]>): unknown =>
  typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } }

const responseFormat = (format: NonNullable<AITask.AITask["responseFormat"]>): Json | undefined => {
  switch (format.type) {
    case "text":
      return undefined
    case "json":
      return { type: "json_object" }
    case "json_schema":
      return {
        type: "json_schema",
        // Strict: an answer that only tends towards the schema isn't what was asked for.
        json_schema: { name: format.name, schema: format.schema, strict: true }
      }
  }
}

const messages = (
  { toolCallIds: rule }: Settings,
  task: AITask.AITask,
  prefill: string | undefined
): ReadonlyArray<Json> => {
  const idOf = rule === undefined ? (id: string) => id : toolCallIds.fitting(rule, task)
  return [
    ...(task.systemPrompt === undefined ? [] : [{ role: "system", content: task.systemPrompt }]),
    ...task.messages.map((said) => message(said, idOf)),
    ...(prefill === undefined ? [] : [{ role: "assistant", content: prefill }])
  ]
}

/** The body of a request. Fields that are undefined don't reach the wire. */
export const body = (settings: Settings, { prefill, stream, task }: Ask): Json => ({
  model: settings.model,
  messages: messages(settings, task, prefill),
  [settings.maxTokensField]: task.maxTokens,
  temperature: settings.sampling ? task.temperature : undefined,
  top_p: settings.sampling ? task.topP : undefined,
  stop: task.stop,
  tools: task.tools?.map(tool),
  tool_choice: task.toolChoice === undefined ? undefined : toolChoice(task.toolChoice),
  response_format: task.responseFormat === undefined ? undefined : responseFormat(task.responseFormat),
  stream,
  stream_options: stream && settings.includeUsage ? { include_usage: true } : undefined
})

/** What a task asks for and the request leaves out, in words. */
export const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<string> => {
  if (settings.sampling) return []
  const names = [
    ...(task.temperature === undefined ? [] : ["temperature"]),
    ...(task.topP === undefined ? [] : ["topP"])
  ]
  return names.length === 0
    ? []
    : [`${settings.model} takes no sampling parameters: ${names.join(" and ")} not sent`]
}
