import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import { parse } from "../decoding.js"

/**
 * Calls of custom tools, which take a text where functions take JSON. As a call of a tool their arguments are
 * `{"input": "…"}`, and their options say what they are, so that they go back as they came.
 */
const type = "custom_tool_call"

/** Whether a call is one of a custom tool. */
export const isCall = ({ options }: AITask.ToolCall): boolean => options?.responses?.["type"] === type

/** A custom tool as the wire has it, where a tool is one. */
export const toolOf = ({ options }: AITask.Tool): Readonly<Record<string, unknown>> | undefined =>
  options?.responses?.["type"] === "custom" ? options.responses : undefined

/** The arguments of a call with a text. */
export const argumentsOf = (input: string): string => JSON.stringify({ input })

/** The text of a call. */
export const inputOf = (args: string): string => {
  const json = Option.getOrUndefined(parse(args))
  return Predicate.isRecord(json) && typeof json["input"] === "string" ? json["input"] : args
}

/** The options of a call. */
export const options = (more: Readonly<Record<string, unknown>> = {}): AITask.ToolCall["options"] => ({
  responses: { type, ...more }
})
