import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import * as attachment from "../../internal/attachment.js"
import * as jsonSchema from "../../internal/jsonSchema.js"
import * as sizes from "../../internal/sizes.js"
import type { Attempt } from "./attempt.js"

/** What of an answer has to be JSON. */
interface Answer {
  readonly text: string
  readonly toolCalls: ReadonlyArray<AITask.ToolCall>
}

const parse = (text: string): Either.Either<unknown, string> => {
  const large = sizes.tooLarge(text)
  return large === undefined
    ? Either.try({
        try: (): unknown => JSON.parse(text),
        catch: (error) => (error instanceof Error ? error.message : String(error))
      })
    : Either.left(large.reason)
}

/** What is wrong with the arguments of a call; undefined where nothing is, or where they may be anything. */
const callFault = (task: AITask.AITask, call: AITask.ToolCall): string | undefined =>
  task.tools?.some(({ name }) => name === call.name) !== true
    ? undefined
    : Either.match(parse(call.arguments), {
        onLeft: (why) => `The arguments of the call of ${call.name} aren't JSON: ${why}`,
        onRight: (value) =>
          Predicate.isRecord(value)
            ? undefined
            : `The arguments of the call of ${call.name} are JSON, and no object`
      })

const textFaults = ({ responseFormat }: AITask.AITask, text: string): ReadonlyArray<string> =>
  responseFormat === undefined || responseFormat.type === "text"
    ? []
    : Either.match(parse(text), {
        onLeft: (why) => [`The answer isn't JSON: ${why}`],
        onRight: (value) =>
          responseFormat.type === "json"
            ? []
            : jsonSchema
                .faults(responseFormat.schema, value)
                .map((fault) => `The answer doesn't fit its schema: ${fault}`)
      })

/** What is wrong with an answer. One that calls tools isn't the last word yet: only its calls are looked at. */
const faultsOf = (task: AITask.AITask, { text, toolCalls }: Answer): ReadonlyArray<string> =>
  toolCalls.length === 0
    ? textFaults(task, text)
    : toolCalls.map((call) => callFault(task, call)).filter((fault) => fault !== undefined)

/** What is told of an answer that was to be looked at and has faults. */
export const warnings = (task: AITask.AITask, answer: Answer): ReadonlyArray<string> =>
  task.repair === undefined ? [] : faultsOf(task, answer)

/** Servers may read the arguments of earlier calls: what isn't JSON is sent within some. */
const asJson = (task: AITask.AITask, call: AITask.ToolCall): AITask.ToolCall =>
  callFault(task, call) === undefined
    ? call
    : { ...call, arguments: JSON.stringify({ INVALID_JSON: call.arguments }) }

const said = (task: AITask.AITask, { reasoning, text, toolCalls }: Attempt): ReadonlyArray<AITask.Message> =>
  text.trim() === "" && toolCalls.length === 0
    ? []
    : [
        {
          role: "assistant",
          content: [...reasoning, ...(text.trim() === "" ? [] : [{ type: "text" as const, text }])],
          ...(toolCalls.length === 0 ? {} : { toolCalls: toolCalls.map((call) => asJson(task, call)) })
        }
      ]

const told = (
  task: AITask.AITask,
  { toolCalls }: Answer,
  faults: ReadonlyArray<string>
): ReadonlyArray<AITask.Message> =>
  toolCalls.length === 0
    ? [{ role: "user", content: `${faults.join("\n")}\nAnswer again, with nothing but the JSON.` }]
    : toolCalls.map((call) => ({
        role: "tool",
        toolCallId: call.id,
        content: `${callFault(task, call) ?? "Not run, because another call was wrong"}. Call it again.`,
        isError: true
      }))

/**
 * The task of an attempt that tells its model what is wrong with the answer; undefined where nothing is, or
 * where asking again can't help: the answer was cut or refused, or what is sent isn't the task's messages.
 */
export const again = (task: AITask.AITask, attempt: Attempt): AITask.AITask | undefined => {
  const { engine, finish } = attempt
  const isWhole = finish.reason === "stop" || finish.reason === "tool_calls"
  if (!isWhole || task.original !== undefined || attachment.isTaken(engine, task)) return undefined
  const faults = faultsOf(task, attempt)
  if (faults.length === 0) return undefined
  const [first, ...rest] = task.messages
  return { ...task, messages: [first, ...rest, ...said(task, attempt), ...told(task, attempt, faults)] }
}
