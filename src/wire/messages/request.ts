import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import { parse } from "../decoding.js"
import * as toolArguments from "../../internal/toolArguments.js"
import * as toolCallIds from "../toolCallIds.js"

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly model: string
  /** The most tokens to write where a task doesn't say. */
  readonly maxTokens: number
  /** Whether the model takes temperature and top-p under this version of the API. */
  readonly sampling: boolean
}

/** How one attempt asks. */
export interface Ask {
  readonly task: AITask.AITask
  readonly prefill: string | undefined
  readonly stream: boolean
}

type Json = Readonly<Record<string, unknown>>
type Parts = Exclude<AITask.Message["content"], string>

/** The API takes no higher one. */
const maxTemperature = 1

const dataUrl = /^data:(image\/[^;,]+)(?:;[^;,]+)*;base64,/i

const image = (url: string): Either.Either<Json, string> => {
  if (!/^data:/i.test(url)) return Either.right({ type: "image", source: { type: "url", url } })
  const [head = "", mediaType = ""] = dataUrl.exec(url) ?? []
  return mediaType === ""
    ? Either.left("an image is a data: URL that isn't base64")
    : Either.right({
        type: "image",
        source: { type: "base64", media_type: mediaType.toLowerCase(), data: url.slice(head.length) }
      })
}

/** The API refuses empty blocks. */
const text = (text: string): ReadonlyArray<Json> => (text.trim() === "" ? [] : [{ type: "text", text }])

const userContent = (parts: Parts): Either.Either<ReadonlyArray<Json>, string> =>
  Either.map(
    Either.all(
      parts.map((part) =>
        part.type === "text"
          ? Either.right(text(part.text))
          : Either.map(image(part.url), (block): ReadonlyArray<Json> => [block])
      )
    ),
    (blocks) => blocks.flat()
  )

/** Makes the ids of a task's calls fit the API. */
type IdOf = (id: string) => string

/** The API takes an object; what a model wrote instead is wrapped as Anthropic's documentation advises. */
export const input = (args: string): unknown =>
  Option.getOrElse(Option.filter(parse(toolArguments.text(args)), Predicate.isRecord), () => ({
    INVALID_JSON: args
  }))

const toolUse = (call: AITask.ToolCall, idOf: IdOf): Json => ({
  type: "tool_use",
  id: idOf(call.id),
  name: call.name,
  input: input(call.arguments)
})

const toolResult = (id: string, content: string): Json => ({
  type: "tool_result",
  tool_use_id: id,
  ...(content === "" ? {} : { content })
})

interface Turn {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Json>
}

const content = (message: AITask.Message, idOf: IdOf): Either.Either<ReadonlyArray<Json>, string> => {
  switch (message.role) {
    case "user":
      return typeof message.content === "string"
        ? Either.right(text(message.content))
        : userContent(message.content)
    case "assistant":
      return Either.right([
        ...text(message.content),
        ...(message.toolCalls ?? []).map((call) => toolUse(call, idOf))
      ])
    case "tool":
      return Either.right([toolResult(idOf(message.toolCallId), message.content)])
  }
}

const turnsOf = (task: AITask.AITask): Either.Either<ReadonlyArray<Turn>, string> =>
  Either.gen(function* () {
    const idOf = toolCallIds.fitting(toolCallIds.words, task)
    const turns: Array<Turn> = []
    let before: AITask.Message["role"] | undefined = undefined
    for (const message of task.messages) {
      const blocks: ReadonlyArray<Json> = yield* content(message, idOf)
      const last = turns.at(-1)
      if (message.role === "tool" && before === "tool" && last !== undefined) {
        // The results of tools that were called together belong into one turn.
        turns[turns.length - 1] = { role: "user", content: [...last.content, ...blocks] }
      } else if (blocks.length > 0) {
        turns.push({ role: message.role === "assistant" ? "assistant" : "user", content: blocks })
      }
      before = message.role
    }
    return turns
  })

/** The API refuses a beginning of the answer that ends in white space. */
const begun = (prefill: string | undefined): ReadonlyArray<Turn> =>
  prefill === undefined || prefill.trim() === ""
    ? []
    : [{ role: "assistant", content: [{ type: "text", text: prefill.trimEnd() }] }]

const tool = ({ description, name, parameters }: AITask.Tool): Json => ({
  name,
  ...(description === undefined ? {} : { description }),
  // Required here, where other providers take it for granted.
  input_schema: { type: "object", ...parameters }
})

const toolChoice = (choice: NonNullable<AITask.AITask["toolChoice"]>): Json =>
  typeof choice === "string"
    ? { type: choice === "required" ? "any" : choice }
    : { type: "tool", name: choice.name }

/** There is no mode for JSON without a schema: the model is told in words. */
const jsonInstruction = "Answer with a single JSON value and nothing else: no other words, no code fence."

const system = (task: AITask.AITask): string | undefined =>
  task.responseFormat?.type === "json"
    ? [...(task.systemPrompt === undefined ? [] : [task.systemPrompt]), jsonInstruction].join("\n\n")
    : task.systemPrompt

const outputConfig = (format: AITask.AITask["responseFormat"]): Json | undefined =>
  format?.type === "json_schema" ? { format: { type: "json_schema", schema: format.schema } } : undefined

const isTooHot = (task: AITask.AITask): boolean => (task.temperature ?? 0) > maxTemperature

/** The body of a request; fields that are undefined don't reach the wire. Or what of the task it can't hold. */
export const body = (settings: Settings, { prefill, stream, task }: Ask): Either.Either<Json, string> =>
  Either.map(turnsOf(task), (turns) => ({
    model: settings.model,
    max_tokens: task.maxTokens ?? settings.maxTokens,
    system: system(task),
    messages: [...turns, ...begun(prefill)],
    temperature: settings.sampling && !isTooHot(task) ? task.temperature : undefined,
    top_p: settings.sampling ? task.topP : undefined,
    stop_sequences: task.stop,
    tools: task.tools?.map(tool),
    tool_choice: task.toolChoice === undefined ? undefined : toolChoice(task.toolChoice),
    output_config: outputConfig(task.responseFormat),
    stream
  }))

/** What a task asks for and the request leaves out, in words. */
export const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<string> => {
  const { model, sampling } = settings
  const warnings: Array<string> = []
  const names = [
    ...(task.temperature === undefined ? [] : ["temperature"]),
    ...(task.topP === undefined ? [] : ["topP"])
  ]
  if (!sampling && names.length > 0) {
    warnings.push(`${model} takes no sampling parameters: ${names.join(" and ")} not sent`)
  }
  if (sampling && isTooHot(task)) {
    warnings.push(`${model} takes temperatures up to ${maxTemperature}: ${task.temperature} not sent`)
  }
  if (task.responseFormat?.type === "json") {
    warnings.push(`${model} has no mode for JSON without a schema: it was asked for JSON in words`)
  }
  return warnings
}
