import * as AITask from "../AITask.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import type { Wire } from "../Wire.js"

export type Field = string

/** What of a task a request leaves out. */
export interface Notice {
  /** The fields of the task. */
  readonly fields: ReadonlyArray<Field>
  /** Why, in words. */
  readonly message: string
}

/** The fields of these that a task has. */
export const given = (
  task: AITask.AITask,
  fields: ReadonlyArray<keyof AITask.AITask & keyof AITask.Options>
): ReadonlyArray<Field> => fields.filter((field) => task[field] !== undefined)

/** What is told of fields that a model or its wire has no word for. */
export const untaken = (model: string, fields: ReadonlyArray<Field>): ReadonlyArray<Notice> =>
  fields.map((field) => ({ fields: [field], message: `${model} takes no ${field}: not sent` }))

/** What is told of parameters of how words are drawn; `where` the model takes none. */
export const unsampled = (model: string, fields: ReadonlyArray<Field>, where = ""): ReadonlyArray<Notice> =>
  fields.length === 0
    ? []
    : [{ fields, message: `${model} takes no sampling parameters${where}: ${fields.join(" and ")} not sent` }]

const unsent = (fields: ReadonlyArray<Field>, wire: Wire | undefined): ReadonlyArray<Notice> =>
  fields.length === 0
    ? []
    : [{ fields, message: `not sent, because only ${wire} has them: ${fields.join(", ")}` }]

/** What is told of what only another wire knows: of fields of a call that came over it, and of tools. */
export const foreign = (task: AITask.AITask, name: Wire): ReadonlyArray<Notice> => {
  const { prefers = [], wire } = task.original ?? {}
  const { nativeTools: left = [] } = AITask.within([name], task)
  const tools = (task.nativeTools ?? []).filter((tool) => !left.includes(tool))
  return [
    ...unsent(prefers, wire),
    // Those of the call are among its fields.
    ...tools.filter((tool) => tool.wire !== wire).flatMap((tool) => unsent(["nativeTools"], tool.wire))
  ]
}

const bounds = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const

/** What is told of a call as it came whose answer is bounded by less than it asks for: by a budget, say. */
export const bounded = ({ maxTokens, original }: AITask.AITask): ReadonlyArray<Notice> => {
  const asked = bounds.map((field) => original?.body[field]).find((bound) => typeof bound === "number")
  return maxTokens === undefined || (asked !== undefined && asked <= maxTokens)
    ? []
    : [{ fields: [], message: `the answer may have at most ${maxTokens} tokens` }]
}

/** The events that tell of what is left out. */
export const warnings = (notices: ReadonlyArray<Notice>): ReadonlyArray<ReasoningEngine.WarningEvent> =>
  notices.map(({ fields, message }) => ReasoningEngine.warning(message, fields))
