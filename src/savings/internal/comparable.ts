import type { Serving } from "../../AnswerObserver.js"
import * as AITask from "../../AITask.js"
import type * as Wire from "../../Wire.js"

/** A part that one provider made for itself. */
const isStateOf = (message: AITask.Message): boolean =>
  AITask.parts(message).some(
    (part) => part.type === "native" || (part.type === "reasoning" && part.state !== undefined)
  )

/** Whether a provider keeps something of the call, or does something with it besides answering. */
const leavesTraces = ({ body, requires = [], wire }: Wire.Original): boolean =>
  wire === "embeddings" ||
  // A field that no other wire has may name what one provider keeps.
  requires.length > 0 ||
  body["store"] === true ||
  (wire === "responses" && body["store"] !== false)

const stores = ({ chatCompletions, responses }: Wire.Options = {}): boolean =>
  chatCompletions?.["store"] === true || responses?.["store"] === true

/**
 * Whether another provider may be asked a task besides, and whose answer then says something of its quality: not
 * where the caller has named its provider, said which alone may be asked, or that no other is; where there are tools,
 * which may do something, and whose calls are steps and not answers; where there is state of one provider; or where a
 * provider stores what it is asked.
 */
export const isComparable = (task: AITask.AITask, { useFallback = true }: Serving = {}): boolean =>
  useFallback &&
  !task.pinned &&
  task.providers === undefined &&
  task.tools === undefined &&
  (task.nativeTools ?? []).length === 0 &&
  !stores(task.options) &&
  (task.original === undefined || !leavesTraces(task.original)) &&
  !task.messages.some(isStateOf)
