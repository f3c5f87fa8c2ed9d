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

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly model: string
  readonly maxTokensField: "max_tokens" | "max_completion_tokens"
  readonly includeUsage: boolean
  /** Whether the server takes temperature, top-p and penalties. */
  readonly sampling: boolean
  /** Whether the model takes an effort. */
  readonly reasoning: boolean
  /** Whether the server takes verbosity, service tier and cache key. */
  readonly extraFields: boolean
  /** What the server takes for the ids of tool calls; any where absent. */
  readonly toolCallIds?: toolCallIds.Rule | undefined
}

const document = (part: AITask.DocumentPart): Made<Json> => {
  const text = dataUrl.textOf(part.url)
  if (text !== undefined) return Either.right({ type: "text", text })
  return dataUrl.read(part.url) === undefined
    ? Either.left("a document is an address: the wire takes documents as base64 only")
    : Either.right({
        type: "file",
        file: { filename: part.name ?? "document", file_data: part.url }
      })
}

/** A part as the wire has it; undefined where it is none of this wire's. */
const part = (part: AITask.Part): Made<Json | undefined> => {
  switch (part.type) {
    case "text":
      return Either.right({ type: "text", text: part.text, ...part.options?.chatCompletions })
    case "image": {
      const { detail, options, url } = part
      return Either.right({
        type: "image_url",
        image_url: { url, ...(detail === undefined ? {} : { detail }) },
        ...options?.chatCompletions
      })
    }
    case "document":
      return Either.map(document(part), (made) => ({ ...made, ...part.options?.chatCompletions }))
    case "audio":
      return Either.right({
        type: "input_audio",
        input_audio: { data: part.data, format: part.format },
        ...part.options?.chatCompletions
      })
    case "native":
      return Either.right(part.wire === "chatCompletions" ? part.value : undefined)
    case "reasoning":
      return Either.right(undefined)
  }
}

const content = (parts: ReadonlyArray<AITask.Part>): Made<ReadonlyArray<Json>> =>
  Either.map(Either.all(parts.map(part)), (made) => made.filter((each) => each !== undefined))

/** Texts that are next to each other stay apart; a single one is the content itself, as every server takes it. */
const texts = (message: AITask.Message): string | ReadonlyArray<Json> => {
  if (typeof message.content === "string") return message.content
  const found = AITask.parts(message).filter((each) => each.type === "text")
  const [first, ...others] = found
  return others.length === 0 && first?.options?.chatCompletions === undefined
    ? (first?.text ?? "")
    : found.map(({ options, text }) => ({ type: "text", text, ...options?.chatCompletions }))
}

const toolCall =
  (idOf: IdOf) =>
  (call: AITask.ToolCall): Json => ({
    id: idOf(call.id),
    type: "function",
    function: { name: call.name, arguments: toolArguments.text(call.arguments) },
    ...call.options?.chatCompletions
  })

/** What the wire's models want back of their thoughts. */
const thoughts = (message: AITask.Message): Json => {
  const states = AITask.parts(message).flatMap((each): ReadonlyArray<Json> =>
    each.type === "reasoning" && each.state?.wire === "chatCompletions" ? [each.state.value] : []
  )
  return Object.assign({}, ...states)
}

const assistant = (message: typeof AITask.AssistantMessage.Type, idOf: IdOf): Json => {
  const calls = message.toolCalls ?? []
  const said = texts(message)
  return calls.length === 0
    ? { role: "assistant", content: said, ...thoughts(message) }
    : {
        role: "assistant",
        // A turn that only calls tools has no text, which isn't an empty one.
        content: said === "" ? null : said,
        tool_calls: calls.map(toolCall(idOf)),
        ...thoughts(message)
      }
}

/** The wire has no mark for a tool's failure: it is told in words. */
const result = (message: typeof AITask.ToolMessage.Type): string | ReadonlyArray<Json> => {
  const said = texts(message)
  if (message.isError !== true) return said
  return typeof said === "string" ? `Error: ${said}` : [{ type: "text", text: "Error:" }, ...said]
}

/** What of a tool's result the wire takes in a user's message only. */
const besides = (message: typeof AITask.ToolMessage.Type): ReadonlyArray<AITask.Part> =>
  AITask.parts(message).filter(({ type }) => type !== "text")

const messages = (
  { toolCallIds: rule }: Settings,
  task: AITask.AITask,
  prefill: string | undefined
): Made<ReadonlyArray<Json>> =>
  Either.gen(function* () {
    const idOf = toolCallIds.fitting(rule, task)
    const made: Array<Json> =
      task.systemPrompt === undefined ? [] : [{ role: "system", content: task.systemPrompt }]
    let shown: Array<AITask.Part> = []
    for (const [index, message] of task.messages.entries()) {
      const own = message.options?.chatCompletions
      switch (message.role) {
        case "system":
          made.push({ role: "system", content: texts(message), ...own })
          break
        case "user":
          made.push({
            role: "user",
            content: typeof message.content === "string" ? message.content : yield* content(message.content),
            ...own
          })
          break
        case "assistant":
          made.push({ ...assistant(message, idOf), ...own })
          break
        case "tool": {
          made.push({
            role: "tool",
            tool_call_id: idOf(message.toolCallId),
            content: result(message),
            ...own
          })
          shown.push(...besides(message))
          const isLast = task.messages[index + 1]?.role !== "tool"
          if (shown.length > 0 && isLast) {
            made.push({ role: "user", content: yield* content(shown) })
            shown = []
          }
        }
      }
    }
    if (prefill !== undefined) made.push({ role: "assistant", content: prefill })
    return made
  })

const tool = ({ description, name, options, parameters, strict }: AITask.Tool): Json => ({
  type: "function",
  function: {
    name,
    ...(description === undefined ? {} : { description }),
    parameters,
    ...(strict === undefined ? {} : { strict })
  },
  ...options?.chatCompletions
})

const tools = (task: AITask.AITask): ReadonlyArray<Json> | undefined => {
  const made = [
    ...(task.tools ?? []).map(tool),
    ...(task.nativeTools ?? []).flatMap(({ value, wire }) => (wire === "chatCompletions" ? [value] : []))
  ]
  return made.length === 0 ? undefined : made
}

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
        json_schema: { name: format.name, schema: format.schema, strict: format.strict ?? true }
      }
  }
}

/** The efforts that the wire has. */
const effortOf = ({ reasoning }: Settings, task: AITask.AITask): string | undefined =>
  reasoning && task.reasoning !== undefined ? effort.of(task.reasoning) : undefined

/** The texts that end an answer which the wire takes. */
const mostStops = 4

/** The body of a request; fields that are undefined don't reach the wire. Or what of the task it can't hold. */
export const body = (settings: Settings, { prefill, stream, task }: Ask): Made<Json> =>
  Either.map(messages(settings, task, prefill), (said) => {
    const { extraFields, sampling } = settings
    return {
      model: settings.model,
      messages: said,
      [settings.maxTokensField]: task.maxTokens,
      temperature: sampling ? task.temperature : undefined,
      top_p: sampling ? task.topP : undefined,
      frequency_penalty: sampling ? task.frequencyPenalty : undefined,
      presence_penalty: sampling ? task.presencePenalty : undefined,
      seed: task.seed,
      stop: task.stop?.slice(0, mostStops),
      tools: tools(task),
      tool_choice: task.toolChoice === undefined ? undefined : toolChoice(task.toolChoice),
      parallel_tool_calls: task.parallelToolCalls,
      response_format: task.responseFormat === undefined ? undefined : responseFormat(task.responseFormat),
      reasoning_effort: effortOf(settings, task),
      verbosity: extraFields ? task.verbosity : undefined,
      logprobs: task.logProbabilities === undefined ? undefined : true,
      top_logprobs: task.logProbabilities || undefined,
      service_tier: extraFields ? serviceTier.ofOpenAI(task.serviceTier) : undefined,
      prompt_cache_key: extraFields ? task.cacheKey : undefined,
      ...task.options?.chatCompletions,
      stream,
      stream_options: stream && settings.includeUsage ? { include_usage: true } : undefined
    }
  })

/** The tokens that a body bounds its answer by. */
const boundOf = (body: Json): unknown => body["max_completion_tokens"] ?? body["max_tokens"]

/** By which other names servers know bounds of an answer. */
const bounds = [
  "max_output_tokens",
  "max_new_tokens",
  "max_tokens_to_sample",
  "num_predict",
  "min_tokens",
  "min_new_tokens"
]

/** The other bounds of a body, none of them above the one that is sent. */
const otherBounds = (body: Json, least: number | undefined): Json =>
  Object.fromEntries(
    bounds.flatMap((name) =>
      least !== undefined &&
      body[name] !== undefined &&
      !(Number(body[name]) >= 0 && Number(body[name]) <= least)
        ? [[name, least]]
        : []
    )
  )

/** Whether an event has more than the counts of what was used. */
const isAnswer = (event: string): boolean =>
  !/"choices"\s*:\s*\[\s*\]/.test(event) || !/"usage"\s*:\s*\{/.test(event)

/** The messages of a body, with ids of tool calls that the server takes. */
const fitted = (said: unknown, idOf: IdOf): unknown =>
  Array.isArray(said)
    ? said.map((message: unknown) => {
        const made = toolCallIds.renamed(message, ["tool_call_id"], idOf)
        return Predicate.isRecord(made) && Array.isArray(made["tool_calls"])
          ? {
              ...made,
              tool_calls: made["tool_calls"].map((call) => toolCallIds.renamed(call, ["id"], idOf))
            }
          : made
      })
    : said

/**
 * The body of a call as it came over this wire, with only model, stream flags, token bounds and ids of tool calls that
 * the server doesn't take changed. Counts that the caller hasn't asked for aren't for him.
 */
export const original = (
  { includeUsage, maxTokensField, model, toolCallIds: rule }: Settings,
  body: Json,
  { prefill, stream, task }: Ask
): { readonly body: Json; readonly isWanted?: ((event: string) => boolean) | undefined } => {
  const { max_completion_tokens: _, max_tokens: __, stream_options: given, ...rest } = body
  const bound = boundOf(body)
  const least = typeof bound === "number" ? Math.min(bound, task.maxTokens ?? bound) : task.maxTokens
  const options = Predicate.isRecord(given) ? given : {}
  const counts = stream && includeUsage
  const said =
    rule === undefined ? body["messages"] : fitted(body["messages"], toolCallIds.fitting(rule, task))
  return {
    body: {
      ...rest,
      ...otherBounds(body, least),
      model,
      messages:
        prefill === undefined || !Array.isArray(said)
          ? said
          : [...said, { role: "assistant", content: prefill }],
      ...(least === undefined ? {} : { [maxTokensField]: least }),
      ...(stream || "stream" in body ? { stream } : {}),
      ...(stream && (counts || given !== undefined)
        ? { stream_options: counts ? { ...options, include_usage: true } : given }
        : {})
    },
    ...(counts && options["include_usage"] !== true ? { isWanted: isAnswer } : {})
  }
}

/** What a task asks for and the request leaves out. */
export const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<notice.Notice> => {
  const { extraFields, model } = settings
  return [
    ...(settings.sampling ? [] : notice.unsampled(model, notice.given(task, ["temperature", "topP"]))),
    ...notice.untaken(
      model,
      notice.given(task, [
        "topK",
        ...(settings.sampling ? [] : (["frequencyPenalty", "presencePenalty"] as const)),
        ...(extraFields ? [] : (["verbosity"] as const))
      ])
    ),
    ...((task.stop?.length ?? 0) > mostStops
      ? [
          {
            fields: ["stop"],
            message: `${model} takes ${mostStops} texts that end the answer: only the first sent`
          }
        ]
      : []),
    ...(effort.of(task.reasoning ?? {}) !== undefined && !settings.reasoning
      ? notice.untaken(model, ["reasoning"])
      : [])
  ]
}
