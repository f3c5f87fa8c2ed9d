import * as Predicate from "effect/Predicate"
import * as AITask from "../AITask.js"
import type { Wire } from "../Wire.js"

type Json = Readonly<Record<string, unknown>>

/** What a call names of what one provider keeps. */
export interface Named {
  /** The field that names it. */
  readonly field: string
  readonly id: string
}

/** What a task names of what one provider keeps, and the wire that it is kept by. */
export interface Kept {
  readonly wire: Wire
  readonly named: ReadonlyArray<Named>
}

const listOf = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : Predicate.isRecord(value) ? [value] : []

/** Ids that stand at the top of a body, by themselves or as the `id` of an object. */
const ofBody: Readonly<Record<string, string>> = {
  previous_response_id: "id",
  conversation: "id",
  container: "id",
  thread: "previous_message_id"
}

/** Lists of ids, of tools that work on what is kept. */
const ofTools = ["file_ids", "vector_store_ids"]

const inPlace = (field: string, value: unknown, name = "id"): ReadonlyArray<Named> => {
  const id = Predicate.isRecord(value) ? value[name] : value
  return typeof id === "string" && id !== "" ? [{ field, id }] : []
}

/** What items, messages and their parts name: files, items that stand for others. */
const inParts = (value: unknown): ReadonlyArray<Named> =>
  listOf(value).flatMap((part) => {
    if (!Predicate.isRecord(part)) return []
    return [
      ...inPlace("file_id", part["file_id"]),
      ...[part["source"], part["file"]].flatMap((file) =>
        Predicate.isRecord(file) ? inPlace("file_id", file["file_id"]) : []
      ),
      ...(part["type"] === "item_reference" ? inPlace("item_reference", part["id"]) : []),
      ...inParts(part["content"]),
      ...inParts(part["output"])
    ]
  })

const inTools = (value: unknown): ReadonlyArray<Named> =>
  listOf(value).flatMap((tool) => {
    if (!Predicate.isRecord(tool)) return []
    const { container } = tool
    return [
      ...(typeof container === "string" ? inPlace("container", container) : []),
      ...[tool, container].flatMap((within) =>
        ofTools.flatMap((field) =>
          listOf(Predicate.isRecord(within) ? within[field] : undefined).flatMap((id) => inPlace(field, id))
        )
      )
    ]
  })

/** What a body names of what one provider keeps. */
export const inBody = (body: Json): ReadonlyArray<Named> => [
  ...Object.entries(ofBody).flatMap(([field, name]) => inPlace(field, body[field], name)),
  ...inParts(body["input"]),
  ...inParts(body["messages"]),
  ...inTools(body["tools"])
]

const wires = ["responses", "messages", "chatCompletions"] as const

/** What of a task one wire alone knows, as a body of that wire has it. */
const bodyOf = ({ messages, nativeTools, options }: AITask.AITask, wire: (typeof wires)[number]): Json => ({
  ...options?.[wire],
  input: messages
    .flatMap(AITask.parts)
    .flatMap((part): ReadonlyArray<unknown> =>
      part.type === "native"
        ? part.wire === wire
          ? [part.value]
          : []
        : part.type === "reasoning"
          ? []
          : [part.options?.[wire]]
    ),
  tools: nativeTools?.flatMap((tool) => (tool.wire === wire ? [tool.value] : []))
})

/** Whether a task can name anything of what a provider keeps: most can't, and aren't looked into. */
const isPlain = ({ messages, nativeTools, options, original }: AITask.AITask): boolean =>
  original === undefined &&
  options === undefined &&
  nativeTools === undefined &&
  messages.every(({ content }) => typeof content === "string")

/** What a task names of what one provider keeps; undefined where it names nothing. */
export const of = (task: AITask.AITask): Kept | undefined => {
  const { original } = task
  if (isPlain(task) || original?.wire === "embeddings") return undefined
  if (original !== undefined) {
    const named = inBody(original.body)
    return named.length === 0 ? undefined : { wire: original.wire, named }
  }
  for (const wire of wires) {
    const named = inBody(bodyOf(task, wire))
    if (named.length > 0) return { wire, named }
  }
  return undefined
}

/** Ids, where there are some. */
export const orNone = (ids: ReadonlyArray<string> = []): ReadonlyArray<string> | undefined =>
  ids.length === 0 ? undefined : ids

const idOf = (value: unknown): ReadonlyArray<string> => inPlace("", value).map(({ id }) => id)

/** Whether a provider of Responses keeps its answer: it does unless it is told otherwise, as engines tell it. */
const isStored = ({ options, original }: AITask.AITask): boolean =>
  original?.wire === "responses" ? original.body["store"] !== false : options?.responses?.["store"] === true

/** Under which ids a provider of Responses keeps what it has answered: the answer, its conversation, its items. */
export const ofResponse = (
  task: AITask.AITask,
  {
    conversation,
    id,
    output
  }: { readonly conversation?: unknown; readonly id?: unknown; readonly output?: unknown }
): ReadonlyArray<string> => [
  ...(isStored(task) ? [...idOf(id), ...listOf(output).flatMap(idOf)] : []),
  ...idOf(conversation)
]

/** Under which ids a provider of Messages keeps what it has answered: a message of a thread, its container. */
export const ofMessage = (
  { options, original }: AITask.AITask,
  { container, id }: { readonly container?: unknown; readonly id?: unknown }
): ReadonlyArray<string> => {
  const { thread } = (original?.wire === "messages" ? original.body : options?.messages) ?? {}
  return [...(Predicate.isNullable(thread) ? [] : idOf(id)), ...idOf(container)]
}
