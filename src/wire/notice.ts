import type * as AITask from "../AITask.js"
import * as ReasoningEngine from "../ReasoningEngine.js"

export type Field = keyof AITask.Options

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

/** The events that tell of what is left out. */
export const warnings = (notices: ReadonlyArray<Notice>): ReadonlyArray<ReasoningEngine.WarningEvent> =>
  notices.map(({ fields, message }) => ReasoningEngine.warning(message, fields))
