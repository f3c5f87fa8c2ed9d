import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AIResult from "../../AIResult.js"
import * as AITask from "../../AITask.js"
import { InvalidArgumentError } from "../../InvalidArgument.js"
import type { ReasoningDelta, TextDelta, ToolCallEvent } from "../../ReasoningEngine.js"
import type { Wire } from "../../Wire.js"
import * as decoding from "../../wire/decoding.js"
import * as fields from "../../wire/fields.js"
import * as hostedTools from "./hostedTools.js"
import type { Source } from "../../wire/sources.js"
import type { Problem } from "./problem.js"
import { type Json, Reading } from "./reading.js"
import { RejectedRequest } from "./rejection.js"

/** The body of a call, read. */
export interface ChatRequest {
  /** A provider, a strategy, or a name that is mapped to one. */
  readonly model: string
  readonly messages: AITask.AITask["messages"]
  /** The other fields of a task, as far as they are the body's; the task's own decoder checks them. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly stream: boolean
  /** Whether a stream has to report its usage. */
  readonly includeUsage: boolean
  /** What of the body can't be carried to another wire. */
  readonly uncarried: fields.Uncarried
  readonly body: Json
  /** The field of the body that a field of the task came from. */
  readonly fieldOf: (field: string) => string
}

/** Why a body can't be used. */
export type Question = InvalidArgumentError | RejectedRequest

/** A field of the task, where the body has it. */
export const setting = (field: string, value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isNullable(value) ? {} : { [field]: value }

/** What a wire's body says beside what all of them have. */
export interface Said extends Pick<ChatRequest, "fields" | "includeUsage"> {
  readonly messages: ReadonlyArray<AITask.Message>
  /** What within its fields is left out, and told of, where another wire is asked. */
  readonly preferences?: ReadonlyArray<string> | undefined
}

/** Reads a body of a wire, once. */
export const questionOf = (
  wire: Wire,
  json: unknown,
  read: (reading: Reading, body: Json) => Said
): Either.Either<ChatRequest, Question> => {
  if (!Predicate.isRecord(json)) {
    return Either.left(
      new RejectedRequest({ reason: "malformed", description: "The body has to be a JSON object" })
    )
  }
  const reading = new Reading()
  const model = reading.name(json["model"], "model") ?? ""
  const { stream } = json
  if (!Predicate.isNullable(stream) && typeof stream !== "boolean") {
    reading.expected("stream", "true or false", stream)
  }
  const said = read(reading, json)
  const [first, ...others] = leading(said)
  const { error } = reading
  if (error !== undefined) return Either.left(error)
  if (first === undefined) {
    return Either.left(
      new InvalidArgumentError({
        subject: "",
        field: `${fields.nameOf(wire, "messages", json)}[0]`,
        reason: "Expected a message that isn't an instruction, actual nothing"
      })
    )
  }
  const uncarried = fields.uncarried(wire, json)
  const offer = hostedTools.offered(json, allowed(json, said.fields))
  return Either.right({
    model,
    messages: [first, ...others],
    fields: { ...instructions(said), ...offer.fields },
    stream: stream === true,
    includeUsage: said.includeUsage,
    uncarried: {
      ...uncarried,
      requirements: [...uncarried.requirements, ...reading.unknownWords],
      preferences: [...uncarried.preferences, ...(said.preferences ?? []), ...offer.optional]
    },
    body: json,
    fieldOf: (field) => {
      const end = field.search(/[[.]|$/)
      return fields.nameOf(wire, field.slice(0, end), json) + field.slice(end)
    }
  })
}

/** Of the tools, those that `tool_choice` allows where it lists some: no other may be offered elsewhere. */
const allowed = (body: Json, given: Said["fields"]): Said["fields"] => {
  const choice = body["tool_choice"]
  if (!Predicate.isRecord(choice) || choice["type"] !== "allowed_tools") return given
  const within = Predicate.isRecord(choice["allowed_tools"]) ? choice["allowed_tools"] : choice
  const { mode, tools } = within
  const listed = (Array.isArray(tools) ? tools : []).filter(Predicate.isRecord)
  const names = new Set(
    listed.map((tool) => (Predicate.isRecord(tool["function"]) ? tool["function"]["name"] : tool["name"]))
  )
  const types = new Set(listed.map(({ type }) => type))
  const { nativeTools, toolChoice: _, tools: offered, ...rest } = given
  const isOffered = (tool: unknown): boolean => Predicate.isRecord(tool) && names.has(tool["name"])
  const isNative = (tool: unknown): boolean =>
    Predicate.isRecord(tool) && Predicate.isRecord(tool["value"]) && types.has(tool["value"]["type"])
  const left = {
    tools: Array.isArray(offered) ? offered.filter(isOffered) : [],
    nativeTools: Array.isArray(nativeTools) ? nativeTools.filter(isNative) : []
  }
  return {
    ...rest,
    ...(left.tools.length === 0 ? {} : { tools: left.tools }),
    ...(left.nativeTools.length === 0 ? {} : { nativeTools: left.nativeTools }),
    ...(left.tools.length + left.nativeTools.length === 0
      ? {}
      : { toolChoice: mode === "required" ? mode : "auto" })
  }
}

/** How many messages are instructions before all others: they are the task's system prompt. */
const countLeading = ({ messages }: Said): number => {
  const first = messages.findIndex(({ role }) => role !== "system")
  return first === -1 ? messages.length : first
}

const leading = (said: Said): ReadonlyArray<AITask.Message> => said.messages.slice(countLeading(said))

const instructions = (said: Said): Readonly<Record<string, unknown>> => {
  const texts = said.messages
    .slice(0, countLeading(said))
    .flatMap(AITask.parts)
    .map((part) => (part.type === "text" ? part.text : ""))
  return texts.length === 0 ? {} : { systemPrompt: texts.join("\n\n") }
}

/** How an answer came about. */
export interface Summary {
  readonly provider: string
  readonly attempts: number
  /** The providers that were asked, in that order, where there were several. */
  readonly asked?: ReadonlyArray<string> | undefined
  /** USD; null where it isn't known. */
  readonly cost: string | null
  /** USD that choosing cheaper providers saved, where that is known. */
  readonly saved?: string | undefined
  /** Whether it came of the cache of answers, where that was used. */
  readonly cache?: AIResult.CacheUse | undefined
  /** USD that the providers' caches saved, where there was something of them. */
  readonly cacheSaved?: string | undefined
  /** What of the answer the caller's wire has no form for. */
  readonly dropped?: ReadonlyArray<string> | undefined
}

/** An answer that clients are told: a result, or of a refusal what there is of one. */
export interface Told
  extends
    Pick<AIResult.AIResult, "finishReason" | "model" | "text" | "toolCalls" | "usage">,
    Partial<
      Pick<
        AIResult.AIResult,
        "logProbabilities" | "rawFinishReason" | "reasoning" | "serviceTier" | "stopSequence"
      >
    > {
  /** The pages that it names as its sources. */
  readonly sources?: ReadonlyArray<Source> | undefined
  /** The words of a refusal. */
  readonly refusal?: string | undefined
  /** How it came about. */
  readonly summary?: Summary | undefined
}

/** What names an answer. */
export interface Identity {
  readonly id: string
  /** In milliseconds of the Clock. */
  readonly createdAt: number
}

/** Writes a streamed answer as server-sent events. */
export interface Writer {
  /** Before the first content, and whenever another model goes on. */
  readonly model: (model: string) => string
  readonly event: (event: TextDelta | ReasoningDelta | ToolCallEvent) => string
  /** What came over the same wire, as it came: what is written after it goes on from there. */
  readonly native: (text: string) => string
  /** What says that the answer is whole. */
  readonly end: (answer: Told) => string
  /** The last event of a stream that broke off; its provider may have said why, over the same wire. */
  readonly error: (problem: Problem, said?: string) => string
}

/** An error's body as an event has it: as it was said, where that is JSON. */
export const errorText = (said: string | undefined, body: unknown): string =>
  JSON.stringify(Option.getOrElse(errorOf(said), () => body))

/** What an error's body says, where it is one of OpenAI's or Anthropic's form. */
export const errorOf = (said = ""): Option.Option<Json> =>
  Option.filter(Option.filter(decoding.parse(said), Predicate.isRecord), ({ error }) =>
    Predicate.isRecord(error)
  )

/** How a vendor's clients ask, and what they want to be told. */
export interface Dialect {
  readonly wire: Wire
  readonly question: (body: unknown) => Either.Either<ChatRequest, Question>
  readonly answer: (identity: Identity, answer: Told, question: ChatRequest) => unknown
  readonly writer: (identity: Identity, question: ChatRequest) => Writer
  readonly error: (problem: Problem, id: string) => unknown
  /** The status of a failure of providers, where the wire's clients would repeat the call upon the usual one. */
  readonly failedStatus?: number | undefined
  /** What keeps a client waiting that hears nothing yet. */
  readonly keepAlive: string
  /** The header that names the request. */
  readonly idHeader: string
  /** How many values a body may have. */
  readonly values: "values" | "embedded"
}
