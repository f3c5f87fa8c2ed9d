import * as Predicate from "effect/Predicate"
import type * as AITask from "../../../AITask.js"
import type { Json, Reading } from "../reading.js"

/** What the tools of a body are as those of a task. */
export interface Tools {
  readonly tools: ReadonlyArray<AITask.Tool>
  readonly nativeTools: ReadonlyArray<AITask.NativeTool>
  /** The fields of those that other wires' providers are asked without. */
  readonly optional: ReadonlyArray<string>
}

/** How a call of a tool is said. */
export interface Called {
  readonly type: "function_call" | "custom_tool_call"
  readonly name: string
  readonly namespace?: string | undefined
}

/** A tool of a namespace stands beside the others under the names of both. */
export const nameOf = (name: string, namespace: unknown): string =>
  typeof namespace === "string" && namespace !== "" ? `${namespace}__${name}` : name

const textInput = {
  type: "object",
  properties: { input: { type: "string" } },
  required: ["input"],
  additionalProperties: false
}

/** What a model has to know of a tool that takes a text in some grammar. */
const describe = ({ description, format }: Json): string => {
  const said = typeof description === "string" ? description : ""
  const grammar =
    Predicate.isRecord(format) && typeof format["definition"] === "string"
      ? `The input is a text of this ${String(format["syntax"])} grammar:\n${format["definition"]}`
      : ""
  return [said, grammar].filter((text) => text !== "").join("\n\n")
}

/** A tool that takes a text is one that takes an object with it. */
const customTool = (name: string, tool: Json): AITask.Tool => ({
  name,
  description: describe(tool),
  parameters: textInput,
  options: { responses: tool }
})

const functionTool = (reading: Reading, name: string, tool: Json, field: string): AITask.Tool | undefined => {
  const { description, parameters, strict } = tool
  const schema = Predicate.isNullable(parameters)
    ? { type: "object", properties: {} }
    : reading.record(parameters, `${field}.parameters`)
  return schema === undefined
    ? undefined
    : {
        name,
        ...(typeof description === "string" ? { description } : {}),
        parameters: schema,
        ...(typeof strict === "boolean" ? { strict } : {})
      }
}

/**
 * Whether an answer without a tool is what is asked for, too: a search that may not look at the web, and the
 * client's own search among its tools.
 */
const isOptional = ({ execution, external_web_access: web, type }: Json): boolean =>
  (type === "web_search" && web === false) || (type === "tool_search" && execution === "client")

/** The tools in a list, those of its namespaces among them. */
const listed = (tools: unknown, namespace: string): ReadonlyArray<readonly [string, Json]> =>
  (Array.isArray(tools) ? tools : []).filter(Predicate.isRecord).flatMap((tool) => {
    const { name, tools: inner, type } = tool
    if (typeof name !== "string") return []
    return type === "namespace" ? listed(inner, name) : [[nameOf(name, namespace), tool] as const]
  })

/** Reads the tools of a body. */
export const read = (reading: Reading, { tools: given }: Json): Tools => {
  const tools: Array<AITask.Tool> = []
  const nativeTools: Array<AITask.NativeTool> = []
  const optional: Array<string> = []
  const take = (value: unknown, field: string, namespace: string): void => {
    const tool = reading.record(value, field)
    if (tool === undefined) return
    const { type } = tool
    if (type === "namespace") {
      const name = reading.name(tool["name"], `${field}.name`)
      reading.each(tool["tools"], `${field}.tools`, "tools", (inner, at) => take(inner, at, name ?? ""))
    } else if (type === "function" || type === "custom") {
      const said = reading.name(tool["name"], `${field}.name`)
      const name = said && reading.toolName(nameOf(said, namespace), `${field}.name`)
      const made =
        name && (type === "custom" ? customTool(name, tool) : functionTool(reading, name, tool, field))
      if (made) tools.push(made)
    } else if (isOptional(tool)) optional.push(field)
    else nativeTools.push({ wire: "responses", value: tool })
  }
  if (!Predicate.isNullable(given)) {
    reading.each(given, "tools", "tools", (tool, field) => take(tool, field, ""))
  }
  return { tools, nativeTools, optional }
}

/** How calls of a body's tools are said. */
export const calling = ({ tools }: Json): ((call: AITask.ToolCall) => Called) => {
  const known = new Map(
    listed(tools, "").map(([full, tool]): readonly [string, Called] => {
      const name = String(tool["name"])
      const type = tool["type"] === "custom" ? "custom_tool_call" : "function_call"
      return [full, { type, name, ...(full === name ? {} : { namespace: full.slice(0, -name.length - 2) }) }]
    })
  )
  return ({ name }) => known.get(name) ?? { type: "function_call", name }
}
