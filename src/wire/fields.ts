import * as Predicate from "effect/Predicate"
import type { Wire } from "../Wire.js"
import { chatCompletions } from "./fields/chatCompletions.js"
import { embeddings } from "./fields/embeddings.js"
import type { Class, Field, Fields } from "./fields/field.js"
import { messages } from "./fields/messages.js"
import { responses } from "./fields/responses.js"

/** Every field of every wire's request. A field that isn't here is a preference. */
export const table: Readonly<Record<Wire, Fields>> = { chatCompletions, messages, responses, embeddings }

/** What of a call over a wire can't be carried to another. */
export interface Uncarried {
  readonly preferences: ReadonlyArray<string>
  readonly requirements: ReadonlyArray<string>
  readonly states: ReadonlyArray<string>
}

const preference: Field = { class: "preference" }

const isInert = ({ inert = [] }: Field, value: unknown): boolean =>
  Predicate.isNullable(value) || inert.some((each) => JSON.stringify(each) === JSON.stringify(value))

/** What of a body can't be carried to another wire, by the names of its fields. */
export const uncarried = (wire: Wire, body: Readonly<Record<string, unknown>>): Uncarried => {
  const found = new Map<Class, Set<string>>()
  const note = (of: Class, path: string): void => {
    found.set(of, (found.get(of) ?? new Set()).add(path))
  }
  const lookInto = ({ each, fields, kinds }: Field, given: unknown, path: string): void => {
    if (fields !== undefined && Predicate.isRecord(given)) look(fields, given, `${path}.`)
    if (!Array.isArray(given) || (each ?? kinds) === undefined) return
    for (const element of given) {
      if (!Predicate.isRecord(element)) continue
      const { type } = element
      const known = each ?? (kinds && own(kinds, typeof type === "string" ? type : ""))
      if (known !== undefined) look(known, element, `${path}[].`)
    }
  }
  const look = (fields: Fields, value: Readonly<Record<string, unknown>>, path: string): void => {
    for (const name of Object.keys(value)) {
      const field = own(fields, name) ?? preference
      const given = value[name]
      if (isInert(field, given)) continue
      const at = `${path}${name.slice(0, 64)}`
      const isWord = typeof given !== "string" || field.values === undefined || field.values.includes(given)
      note(isWord ? field.class : "preference", at)
      lookInto(field, given, at)
    }
  }
  look(table[wire], body, "")
  const of = (each: Class) => Array.from(found.get(each) ?? [])
  return { preferences: of("preference"), requirements: of("requirement"), states: of("state") }
}

const own = <A>(table: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** By which name a body has a field of the task: that of the task where it has none. */
export const nameOf = (wire: Wire, task: string, body: Readonly<Record<string, unknown>>): string => {
  const find = (fields: Fields, object: unknown, path: string): ReadonlyArray<string> =>
    Object.entries(fields).flatMap(([name, field]) => {
      const value = Predicate.isRecord(object) ? object[name] : undefined
      const within = field.fields === undefined ? [] : find(field.fields, value, `${path}${name}.`)
      return field.task === task && value !== undefined ? [path + name, ...within] : within
    })
  return find(table[wire], body, "")[0] ?? namesOf(table[wire], task, "")[0] ?? task
}

const namesOf = (fields: Fields, task: string, path: string): ReadonlyArray<string> =>
  Object.entries(fields).flatMap(([name, field]) => [
    ...(field.task === task ? [path + name] : []),
    ...(field.fields === undefined ? [] : namesOf(field.fields, task, `${path}${name}.`))
  ])
