import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as AITask from "../../AITask.js"
import { parse } from "../decoding.js"
import * as toolArguments from "../../internal/toolArguments.js"
import type { Ask, IdOf, Json, Made } from "../body.js"
import * as dataUrl from "../dataUrl.js"
import * as notice from "../notice.js"
import * as serviceTier from "../serviceTier.js"
import * as thinking from "./thinking.js"
import * as toolCallIds from "../toolCallIds.js"

/** What of the engine's configuration shows in a request's body. */
export interface Settings {
  readonly model: string
  /** The most tokens to write where a task doesn't say. */
  readonly maxTokens: number
  /** Whether the model takes temperature, top-p and top-k under this version of the API. */
  readonly sampling: boolean
  /** How the model thinks. */
  readonly thinking: thinking.Kind
}

/** The API takes no higher one. */
const maxTemperature = 1

const isData = (url: string): boolean => /^data:/i.test(url)

const source = (url: string, what: string): Made<Json> => {
  if (!isData(url)) return Either.right({ type: "url", url })
  const data = dataUrl.read(url)
  return data === undefined
    ? Either.left(`${what} is a data: URL that isn't base64`)
    : Either.right({ type: "base64", media_type: data.mediaType, data: data.base64 })
}

const document = ({ name, url }: AITask.DocumentPart): Made<Json> => {
  const text = dataUrl.textOf(url)
  return Either.map(
    text === undefined
      ? source(url, "a document")
      : Either.right({ type: "text", media_type: "text/plain", data: text }),
    (source) => ({ type: "document", source, ...(name === undefined ? {} : { title: name }) })
  )
}

const cached = (cache: AITask.CacheHint | undefined): Json =>
  cache === undefined
    ? {}
    : { cache_control: { type: "ephemeral", ...(cache.ttl === undefined ? {} : { ttl: cache.ttl }) } }

const block = (part: AITask.Part): Made<Json | undefined> => {
  switch (part.type) {
    case "text":
      // The API refuses empty blocks.
      return Either.right(part.text.trim() === "" ? undefined : { type: "text", text: part.text })
    case "image":
      return Either.map(source(part.url, "an image"), (source) => ({ type: "image", source }))
    case "document":
      return document(part)
    case "audio":
      return Either.left("the wire takes no sound")
    case "native":
      return Either.right(part.wire === "messages" ? part.value : undefined)
    case "reasoning":
      return Either.right(part.state?.wire === "messages" ? part.state.value : undefined)
  }
}

const blocks = (parts: ReadonlyArray<AITask.Part>): Made<ReadonlyArray<Json>> =>
  Either.map(
    Either.all(
      parts.map((part) =>
        Either.map(block(part), (made) =>
          made === undefined || part.type === "native" || part.type === "reasoning"
            ? made
            : { ...made, ...cached(part.cache), ...part.options?.messages }
        )
      )
    ),
    (made) => made.filter((each) => each !== undefined)
  )

/** The API takes an object; what a model wrote instead is wrapped as Anthropic's documentation advises. */
export const input = (args: string): unknown =>
  Option.getOrElse(Option.filter(parse(toolArguments.text(args)), Predicate.isRecord), () => ({
    INVALID_JSON: args
  }))

const toolUse = (call: AITask.ToolCall, idOf: IdOf): Json => ({
  type: "tool_use",
  id: idOf(call.id),
  name: call.name,
  input: input(call.arguments),
  ...call.options?.messages
})

const toolResult = (message: typeof AITask.ToolMessage.Type, idOf: IdOf): Made<Json> =>
  Either.map(
    typeof message.content === "string"
      ? Either.right<string | ReadonlyArray<Json>>(message.content)
      : blocks(message.content),
    (content) => ({
      type: "tool_result",
      tool_use_id: idOf(message.toolCallId),
      ...(content.length === 0 ? {} : { content }),
      ...(message.isError === true ? { is_error: true } : {}),
      ...cached(message.cache),
      ...message.options?.messages
    })
  )

interface Turn {
  readonly role: "user" | "assistant"
  readonly content: ReadonlyArray<Json>
}

type Said = Exclude<AITask.Message, { role: "system" }>

const content = (message: Said, idOf: IdOf): Made<ReadonlyArray<Json>> => {
  switch (message.role) {
    case "user":
      return blocks(AITask.parts(message))
    case "assistant":
      return Either.map(blocks(AITask.parts(message)), (said) => [
        ...said,
        ...(message.toolCalls ?? []).map((call) => toolUse(call, idOf))
      ])
    case "tool":
      return Either.map(toolResult(message, idOf), (result) => [result])
  }
}

const isSaid = (message: AITask.Message): message is Said => message.role !== "system"

const turnsOf = (task: AITask.AITask): Made<ReadonlyArray<Turn>> =>
  Either.gen(function* () {
    const idOf = toolCallIds.fitting(toolCallIds.words, task)
    const turns: Array<Turn> = []
    let before: AITask.Message["role"] | undefined = undefined
    for (const message of task.messages.filter(isSaid)) {
      const blocks: ReadonlyArray<Json> = yield* content(message, idOf)
      const last = turns.at(-1)
      if (message.role === "tool" && before === "tool" && last !== undefined) {
        // The results of tools that were called together belong into one turn.
        turns[turns.length - 1] = { role: "user", content: [...last.content, ...blocks] }
      } else if (blocks.length > 0) {
        turns.push({
          role: message.role === "assistant" ? "assistant" : "user",
          content: blocks,
          // Those of a tool's message are its block's.
          ...(message.role === "tool" ? {} : message.options?.messages)
        })
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

const tool = ({ cache, description, name, options, parameters, strict }: AITask.Tool): Json => ({
  name,
  ...(description === undefined ? {} : { description }),
  // Required here, where other providers take it for granted.
  input_schema: { type: "object", ...parameters },
  ...(strict === undefined ? {} : { strict }),
  ...cached(cache),
  ...options?.messages
})

const tools = (task: AITask.AITask): ReadonlyArray<Json> | undefined => {
  const made = [
    ...(task.tools ?? []).map(tool),
    ...(task.nativeTools ?? []).flatMap(({ value, wire }) => (wire === "messages" ? [value] : []))
  ]
  return made.length === 0 ? undefined : made
}

const toolChoice = ({ parallelToolCalls, toolChoice, tools }: AITask.AITask): Json | undefined => {
  const chosen: Json | undefined =
    toolChoice === undefined
      ? undefined
      : typeof toolChoice === "string"
        ? { type: toolChoice === "required" ? "any" : toolChoice }
        : { type: "tool", name: toolChoice.name }
  return parallelToolCalls !== false || tools === undefined || toolChoice === "none"
    ? chosen
    : { ...(chosen ?? { type: "auto" }), disable_parallel_tool_use: true }
}

/** There is no mode for JSON without a schema: the model is told in words. */
const jsonInstruction = "Answer with a single JSON value and nothing else: no other words, no code fence."

/** Instructions come together before all turns: as Anthropic's own endpoint for Chat Completions has it. */
const system = (task: AITask.AITask): string | ReadonlyArray<Json> | undefined => {
  const said: Array<AITask.TextPart> = [
    ...(task.systemPrompt === undefined ? [] : [{ type: "text", text: task.systemPrompt } as const]),
    ...task.messages
      .filter((message) => message.role === "system")
      .flatMap(AITask.parts)
      .filter((part) => part.type === "text"),
    ...(task.responseFormat?.type === "json" ? [{ type: "text", text: jsonInstruction } as const] : [])
  ]
  if (said.length === 0) return undefined
  return said.every(({ cache, options }) => cache === undefined && options?.messages === undefined)
    ? said.map(({ text }) => text).join("\n\n")
    : said.map(({ cache, options, text }) => ({ type: "text", text, ...cached(cache), ...options?.messages }))
}

const outputConfig = (
  format: AITask.AITask["responseFormat"],
  effort: string | undefined
): Json | undefined => {
  const config = {
    ...(format?.type === "json_schema" ? { format: { type: "json_schema", schema: format.schema } } : {}),
    ...(effort === undefined ? {} : { effort })
  }
  return Object.keys(config).length === 0 ? undefined : config
}

const isTooHot = (task: AITask.AITask): boolean => (task.temperature ?? 0) > maxTemperature

const thinkingOf = ({ maxTokens, model, thinking: kind }: Settings, task: AITask.AITask): thinking.Thinking =>
  thinking.of(model, kind, maxTokens, task)

/** A model that thinks takes no parameters that change how its words are drawn. */
const samples = ({ sampling }: Settings, { thinking }: thinking.Thinking): boolean =>
  sampling && (thinking === undefined || thinking["type"] === "disabled")

/** The body of a request; fields that are undefined don't reach the wire. Or what of the task it can't hold. */
export const body = (settings: Settings, { prefill, stream, task }: Ask): Made<Json> =>
  Either.map(turnsOf(task), (turns) => {
    const thought = thinkingOf(settings, task)
    const sampling = samples(settings, thought)
    return {
      model: settings.model,
      max_tokens: thought.maxTokens,
      system: system(task),
      messages: [...turns, ...begun(prefill)],
      temperature: sampling && !isTooHot(task) ? task.temperature : undefined,
      top_p: sampling ? task.topP : undefined,
      top_k: sampling ? task.topK : undefined,
      stop_sequences: task.stop,
      tools: tools(task),
      tool_choice: toolChoice(task),
      thinking: thought.thinking,
      output_config: outputConfig(task.responseFormat, thought.effort),
      service_tier: serviceTier.ofMessages(task.serviceTier),
      ...task.options?.messages,
      stream
    }
  })

/** Thinking with a bound that leaves room below that of the answer. */
const within = (thinking: unknown, maxTokens: number): unknown =>
  Predicate.isRecord(thinking) &&
  typeof thinking["budget_tokens"] === "number" &&
  thinking["budget_tokens"] >= maxTokens
    ? { ...thinking, budget_tokens: maxTokens - 1 }
    : thinking

/** The body of a call as it came over this wire, with only model, stream flag and token bounds changed. */
export const original = (
  { maxTokens, model }: Settings,
  body: Json,
  { prefill, stream, task }: Ask
): { readonly body: Json } => {
  const { max_tokens: said, messages, thinking } = body
  const bound = typeof said === "number" ? said : maxTokens
  const least = Math.min(bound, task.maxTokens ?? bound)
  return {
    body: {
      ...body,
      model,
      max_tokens: least,
      ...(least < bound && thinking !== undefined ? { thinking: within(thinking, least) } : {}),
      ...(prefill === undefined || !Array.isArray(messages)
        ? {}
        : { messages: [...messages, ...begun(prefill)] }),
      ...(stream || "stream" in body ? { stream } : {})
    }
  }
}

/** What a task asks for and the request leaves out. */
export const dropped = (settings: Settings, task: AITask.AITask): ReadonlyArray<notice.Notice> => {
  const { model, sampling } = settings
  const thought = thinkingOf(settings, task)
  const samplers = notice.given(task, ["temperature", "topP", "topK"])
  const notices: Array<notice.Notice> = []
  if (!samples(settings, thought)) {
    notices.push(...notice.unsampled(model, samplers, sampling ? " where it thinks" : ""))
  } else if (isTooHot(task)) {
    notices.push({
      fields: ["temperature"],
      message: `${model} takes temperatures up to ${maxTemperature}: ${task.temperature} not sent`
    })
  }
  if (thought.untaken !== undefined) {
    notices.push({ fields: ["reasoning"], message: `${model} ${thought.untaken}: reasoning not sent` })
  }
  if (task.responseFormat?.type === "json") {
    notices.push({
      fields: ["responseFormat"],
      message: `${model} has no mode for JSON without a schema: it was asked for JSON in words`
    })
  }
  return [
    ...notices,
    ...notice.untaken(model, notice.given(task, ["seed", "frequencyPenalty", "presencePenalty", "verbosity"]))
  ]
}
