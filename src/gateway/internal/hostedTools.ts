import * as Predicate from "effect/Predicate"
import type { Json } from "./reading.js"

/** What a provider's model can do by itself: an answer without it is one, too. */
const abilities =
  /^(?:web_search|web_fetch|code_execution|code_interpreter|image_generation|tool_search)(?:_|$)/

/** Whether it works on what its provider keeps for the caller. */
const isBound = ({ container }: Json): boolean =>
  typeof container === "string" || (Predicate.isRecord(container) && Array.isArray(container["file_ids"]))

const isHosted = ({ type, ...tool }: Json): boolean =>
  typeof type === "string" && abilities.test(type) && !isBound(tool)

/** Whether a choice leaves the model no other way than to use a tool. */
const isDemanded = (choice: unknown, { name, type }: Json, isAlone: boolean): boolean => {
  const chosen = Predicate.isRecord(choice) ? choice : { type: choice }
  const { mode, name: named, type: kind } = chosen
  if (["required", "any"].includes(String(kind === "allowed_tools" ? mode : kind))) return isAlone
  if (typeof named === "string") return named === name
  const said = [String(kind), String(type)] as const
  return said[0].startsWith(said[1]) || said[1].startsWith(said[0])
}

/**
 * What is offered of the tools that run at a provider: where the model may do without, providers of other wires are
 * asked without them.
 */
export const offered = (
  body: Json,
  fields: Json
): { readonly fields: Json; readonly optional: ReadonlyArray<string> } => {
  const { nativeTools, tools } = fields
  if (!Array.isArray(nativeTools)) return { fields, optional: [] }
  const given: ReadonlyArray<unknown> = Array.isArray(body["tools"]) ? body["tools"] : []
  const optional: Array<string> = []
  const isAlone = tools === undefined
  const marked = nativeTools.filter(Predicate.isRecord).map((tool) => {
    const { value } = tool
    const isOptional =
      Predicate.isRecord(value) && isHosted(value) && !isDemanded(body["tool_choice"], value, isAlone)
    if (isOptional) optional.push(`tools[${given.indexOf(value)}]`)
    return isOptional ? { ...tool, optional: true } : tool
  })
  return { fields: { ...fields, nativeTools: marked }, optional }
}
