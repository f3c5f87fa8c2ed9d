import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as AITask from "../../AITask.js"
import * as toolArguments from "../../internal/toolArguments.js"
import type { Ask, IdOf, Json, Made } from "../body.js"
import * as dataUrl from "../dataUrl.js"
import * as effort from "../effort.js"
import * as notice from "../notice.js"
import * as serviceTier from "../serviceTier.js"
import * as toolCallIds from "../toolCallIds.js"
import * as custom from "./customTools.js"

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly model: string
  /** Whether the model takes temperature and top-p. */
  readonly sampling: boolean
  /** Whether the model thinks: it takes an effort, and has encrypted thoughts. */
  readonly reasoning: boolean
  /** Whether the server takes verbosity, service tier and cache key. */
  readonly extraFields: boolean
  /** What the server takes for the ids of tool calls; any where absent. */
  readonly toolCallIds?: toolCallIds.Rule | undefined
}

const document = ({ name, url }: AITask.DocumentPart): Made<Json> => {
  const text = dataUrl.textOf(url)
  if (text !== undefined) return Either.right({ type: "input_text", text })
  if (!/^data:/i.test(url)) return Either.right({ type: "input_file", file_url: url })
  return dataUrl.read(url) === undefined
    ? Either.left("a document is a data: URL that isn't base64")
    : Either.right({ type: "input_file", filename: name ?? "document", file_data: url })
}

/** A part of what the model reads; undefined where it is none of this wire's. */
const input = (part: AITask.Part): Made<Json | undefined> => {
  switch (part.type) {
    case "text":
      return Either.right({ type: "input_text", text: part.text, ...part.options?.responses })
    case "image": {
      const { detail = "auto", options, url } = part
      return Either.right({ type: "input_image", image_url: url, detail, ...options?.responses })
    }
    case "document":
      return Either.map(document(part), (made) => ({ ...made, ...part.options?.responses }))
    case "audio":
      return Either.left("the wire takes no sound")
    case "native":
      return Either.right(part.wire === "responses" ? part.value : undefined)
    case "reasoning":
      return Either.right(undefined)
  }
}

const inputs = (parts: ReadonlyArray<AITask.Part>): Made<ReadonlyArray<Json>> =>
  Either.map(Either.all(parts.map(input)), (made) => made.filter((each) => each !== undefined))

/** Whether a value of this wire is part of a message; others stand beside messages. */
const isContent = ({ type }: Json): boolean =>
  typeof type === "string" && /^(?:input_(?:text|image|file|audio)|output_text|refusal)$/.test(type)

/** Messages of what was said between items that stand beside messages. */
const messagesOf = (role: string, made: ReadonlyArray<Json>): ReadonlyArray<Json> => {
  const items: Array<Json> = []
  let content: Array<Json> = []
  const flush = (): void => {
    if (content.length > 0) items.push({ type: "message", role, content })
    content = []
  }
  for (const each of made) {
    if (isContent(each)) content.push(each)
    else {
      flush()
      items.push(each)
    }
  }
  flush()
  return items
}

/** What a model said, as items: its thoughts go back where they are this wire's. */
const output = (part: AITask.Part): Json | undefined => {
  switch (part.type) {
    case "text":
      return part.text === ""
        ? undefined
        : { type: "output_text", text: part.text, annotations: [], ...part.options?.responses }
    case "native":
      return part.wire === "responses" ? part.value : undefined
    case "reasoning":
      return part.state?.wire === "responses" ? part.state.value : undefined
    default:
      return undefined
  }
}

const isPlain = (part: unknown): part is { readonly text: unknown } =>
  Predicate.isRecord(part) && part["type"] === "output_text" && Object.keys(part).length === 3

/**
 * Messages of texts alone have each as their content, as every server takes it: a list is of what a server has
 * written, which has an id.
 */
const plain = (item: Json): ReadonlyArray<Json> => {
  const { content } = item
  return Array.isArray(content) && content.every(isPlain)
    ? content.map(({ text }) => ({ ...item, content: text }))
    : [item]
}

const toolCall = (call: AITask.ToolCall, idOf: IdOf): Json => {
  const { options } = call
  const common = { call_id: idOf(call.id), name: call.name }
  return custom.isCall(call)
    ? { ...common, input: custom.inputOf(call.arguments), ...options?.responses }
    : {
        type: "function_call",
        ...common,
        arguments: toolArguments.text(call.arguments),
        ...options?.responses
      }
}

const assistant = (message: typeof AITask.AssistantMessage.Type, idOf: IdOf): ReadonlyArray<Json> => {
  const said = AITask.parts(message)
    .map(output)
    .filter((each) => each !== undefined)
  return [
    ...messagesOf("assistant", said).flatMap(plain),
    ...(message.toolCalls ?? []).map((call) => toolCall(call, idOf))
  ]
}

/** The wire has no mark for a tool's failure: it is told in words. */
const result = (message: typeof AITask.ToolMessage.Type): Made<string | ReadonlyArray<Json>> => {
  const failed = message.isError === true
  if (typeof message.content === "string") {
    return Either.right(failed ? `Error: ${message.content}` : message.content)
  }
  return Either.map(inputs(message.content), (made) =>
    failed ? [{ type: "input_text", text: "Error:" }, ...made] : made
  )
}

/** The ids of calls of tools that take a text. */
const customIds = ({ messages }: AITask.AITask): ReadonlySet<string> =>
  new Set(
    messages.flatMap((message) =>
      message.role === "assistant" ? (message.toolCalls ?? []).filter(custom.isCall).map(({ id }) => id) : []
    )
  )

const items = (
  { toolCallIds: rule }: Settings,
  task: AITask.AITask,
  prefill: string | undefined
): Made<ReadonlyArray<Json>> =>
  Either.gen(function* () {
    const idOf = toolCallIds.fitting(rule, task)
    const customs = customIds(task)
    const made: Array<Json> = []
    for (const message of task.messages) {
      const own = message.options?.responses
      const withOwn = (item: Json): Json => (item["type"] === "message" ? { ...item, ...own } : item)
      switch (message.role) {
        case "system":
        case "user": {
          const role = message.role === "system" ? "developer" : "user"
          if (typeof message.content === "string") {
            made.push({ type: "message", role, content: message.content, ...own })
          } else made.push(...messagesOf(role, yield* inputs(message.content)).map(withOwn))
          break
        }
        case "assistant":
          made.push(...assistant(message, idOf).map(withOwn))
          break
        case "tool":
          made.push({
            type: customs.has(message.toolCallId) ? "custom_tool_call_output" : "function_call_output",
            call_id: idOf(message.toolCallId),
            output: yield* result(message),
            ...own
          })
      }
    }
    if (prefill !== undefined) made.push({ type: "message", role: "assistant", content: prefill })
    return made
  })

/** Where a task doesn't say, arguments aren't bound to the schema, as on the other wires: here they would be. */
const tool = ({ description, name, options, parameters, strict = false }: AITask.Tool): Json => ({
  type: "function",
  name,
  ...(description === undefined ? {} : { description }),
  parameters,
  strict,
  ...options?.responses
})

const nativeTools = (task: AITask.AITask): ReadonlyArray<Json> =>
  (task.nativeTools ?? []).flatMap(({ value, wire }) => (wire === "responses" ? [value] : []))

const tools = (task: AITask.AITask): ReadonlyArray<Json> | undefined => {
  const made = [...(task.tools ?? []).map((each) => custom.toolOf(each) ?? tool(each)), ...nativeTools(task)]
  return made.length === 0 ? undefined : made
}

const toolChoice = (task: AITask.AITask): unknown => {
  const { toolChoice: choice } = task
  if (choice === undefined || typeof choice === "string") return choice
  const isCustom = tools(task)?.some(({ name, type }) => type === "custom" && name === choice.name) === true
  return { type: isCustom ? "custom" : "function", name: choice.name }
}

const format = ({ responseFormat }: AITask.AITask): Json | undefined => {
  switch (responseFormat?.type) {
    case "json":
      return { type: "json_object" }
    case "json_schema": {
      const { name, schema, strict = true } = responseFormat
      return { type: "json_schema", name, schema, strict }
    }
    default:
      return undefined
  }
}

/** The fields that are there; undefined where none is. */
const given = (fields: Json): Json | undefined => {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined)
  return there.length === 0 ? undefined : Object.fromEntries(there)
}

const reasoning = (settings: Settings, { reasoning: asked }: AITask.AITask): Json | undefined =>
  asked === undefined || !settings.reasoning
    ? undefined
    : given({ effort: effort.of(asked), summary: asked.show === true ? "auto" : undefined })

/** What is to come beside the answer: thoughts that can be sent back, since the server keeps nothing. */
const include = (settings: Settings, task: AITask.AITask): ReadonlyArray<string> | undefined => {
  const wanted = [
    ...(settings.reasoning ? ["reasoning.encrypted_content"] : []),
    ...(task.logProbabilities === undefined ? [] : ["message.output_text.logprobs"])
  ]
  return wanted.length === 0 ? undefined : wanted
}

/** The body of a request; fields that are undefined don't reach the wire. Or what of the task it can't hold. */
export const body = (settings: Settings, { prefill, stream, task }: Ask): Made<Json> =>
  Either.map(items(settings, task, prefill), (input) => {
    const { extraFields, model, sampling } = settings
    return {
      model,
      instructions: task.systemPrompt,
      input,
      max_output_tokens: task.maxTokens,
      temperature: sampling ? task.temperature : undefined,
      top_p: sampling ? task.topP : undefined,
      tools: tools(task),
      tool_choice: toolChoice(task),
      parallel_tool_calls: task.parallelToolCalls,
      reasoning: reasoning(settings, task),
      text: given({ format: format(task), verbosity: extraFields ? task.verbosity : undefined }),
      top_logprobs: task.logProbabilities,
      include: include(settings, task),
      service_tier: extraFields ? serviceTier.ofOpenAI(task.serviceTier) : undefined,
      prompt_cache_key: extraFields ? task.cacheKey : undefined,
      store: false,
      ...task.options?.responses,
      stream
    }
  })

/** The input of a body with the beginning of its answer. */
const begun = (input: unknown, prefill: string): unknown => {
  const said = typeof input === "string" ? [{ role: "user", content: input }] : input
  return Array.isArray(said) ? [...said, { role: "assistant", content: prefill }] : input
}

/** The input of a body, with ids of tool calls that the server takes. */
const fitted = (input: unknown, idOf: IdOf): unknown =>
  Array.isArray(input) ? input.map((item) => toolCallIds.renamed(item, ["call_id"], idOf)) : input

/**
 * The body of a call as it came over this wire, with only model, stream flag, token bound and ids of tool calls that the
 * server doesn't take changed.
 */
export const original = (
  { model, toolCallIds: rule }: Settings,
  body: Json,
  { prefill, stream, task }: Ask
): { readonly body: Json } => {
  const { max_output_tokens: bound } = body
  const least = typeof bound === "number" ? Math.min(bound, task.maxTokens ?? bound) : task.maxTokens
  const said = rule === undefined ? body["input"] : fitted(body["input"], toolCallIds.fitting(rule, task))
  return {
    body: {
      ...body,
      model,
      input: prefill === undefined ? said : begun(said, prefill),
      ...(least === undefined ? {} : { max_output_tokens: least }),
      ...(stream || "stream" in body ? { stream } : {})
    }
  }
}

/** The parameters that the wire has no field for. */
const absent = ["topK", "seed", "stop", "frequencyPenalty", "presencePenalty"] as const

/** What a task asks for and the request leaves out. */
export const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<notice.Notice> => {
  const { extraFields, model } = settings
  return [
    ...(settings.sampling ? [] : notice.unsampled(model, notice.given(task, ["temperature", "topP"]))),
    ...notice.untaken(
      model,
      notice.given(task, [...absent, ...(extraFields ? [] : (["verbosity"] as const))])
    ),
    ...(effort.of(task.reasoning ?? {}) !== undefined && !settings.reasoning
      ? notice.untaken(model, ["reasoning"])
      : [])
  ]
}
