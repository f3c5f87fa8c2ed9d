import * as Predicate from "effect/Predicate"
import * as AITask from "../../AITask.js"

type Ttl = NonNullable<AITask.CacheHint["ttl"]>

const own: Ttl = "5m"

/** The mark of a part as it came over the wire of Messages. */
const nativeMark = (value: unknown): Ttl | undefined => {
  const mark = Predicate.isRecord(value) ? value["cache_control"] : undefined
  return Predicate.isRecord(mark) ? (mark["ttl"] === "1h" ? "1h" : own) : undefined
}

const hinted = (hint: AITask.CacheHint | undefined): Ttl | undefined => hint && (hint.ttl ?? own)

const markOf = (message: AITask.Message): Ttl | undefined => {
  if (message.role === "tool" && message.cache !== undefined) return hinted(message.cache)
  if (typeof message.content === "string") return undefined
  const marked = message.content.findLast((part) => "cache" in part && part.cache !== undefined)
  return marked !== undefined && "cache" in marked ? hinted(marked.cache) : undefined
}

/**
 * For how long the last mark of a task has its beginning cached: what a call adds to a cache is kept as that says.
 * Undefined where a task has no marks.
 */
export const lastMark = ({ messages, original, tools }: AITask.AITask): Ttl | undefined => {
  const whole = original?.wire === "messages" ? nativeMark(original.body) : undefined
  if (whole !== undefined) return whole
  for (const message of messages.toReversed()) {
    const mark = markOf(message)
    if (mark !== undefined) return mark
  }
  // The instructions are a text in the task; their marks are in the original alone.
  const system = original?.wire === "messages" ? original.body["system"] : undefined
  const marks = Array.isArray(system) ? system.map(nativeMark) : []
  return [...marks, ...(tools ?? []).map(({ cache }) => hinted(cache))].find((mark) => mark !== undefined)
}
