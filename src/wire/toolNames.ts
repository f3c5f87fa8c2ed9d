import * as Hash from "effect/Hash"
import type * as AITask from "../AITask.js"
import * as toolCallIds from "./toolCallIds.js"

const longest = 64

/**
 * Letters, digits, _ and -, sixty-four at most: OpenAI's, where Anthropic takes twice as many. What is cut off is told
 * apart by a number of the whole name, which is the same in every turn.
 */
const rule: toolCallIds.Rule = {
  fits: /^[\w-]{1,64}$/,
  make: (name, attempt) => {
    const mark = `_${(Hash.string(name) >>> 0).toString(36)}${attempt === 0 ? "" : `_${attempt}`}`
    return name.replaceAll(/[^\w-]/g, "_").slice(0, longest - mark.length) + mark
  }
}

const namesIn = ({ messages, toolChoice, tools }: AITask.AITask): ReadonlyArray<string> => [
  ...(tools ?? []).map(({ name }) => name),
  ...messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []).map(({ name }) => name) : []
  ),
  ...(typeof toolChoice === "object" ? [toolChoice.name] : [])
]

/** A task whose tools have names that OpenAI takes, and what the caller calls them. */
export interface Fitted {
  readonly task: AITask.AITask
  readonly nameOf: (fitted: string) => string
}

/** Renames the tools of a task whose names don't fit: in its tools, its choice and the calls of its history. */
export const fitted = (task: AITask.AITask): Fitted => {
  const names = namesIn(task)
  if (names.every((name) => rule.fits.test(name))) return { task, nameOf: (name) => name }
  const fit = toolCallIds.fittingAll(rule, names)
  const own = new Map(names.map((name) => [fit(name), name]))
  const renamed = <A extends { readonly name: string }>(named: A): A => ({ ...named, name: fit(named.name) })
  const { messages, toolChoice, tools } = task
  const rename = <M extends AITask.Message>(message: M): M =>
    message.role === "assistant" && message.toolCalls !== undefined
      ? { ...message, toolCalls: message.toolCalls.map(renamed) }
      : message
  const [first, ...others] = messages
  const [tool, ...more] = tools ?? []
  return {
    task: {
      ...task,
      messages: [rename(first), ...others.map(rename)],
      ...(tool === undefined ? {} : { tools: [renamed(tool), ...more.map(renamed)] }),
      ...(typeof toolChoice === "object" ? { toolChoice: renamed(toolChoice) } : {})
    },
    nameOf: (name) => own.get(name) ?? name
  }
}
