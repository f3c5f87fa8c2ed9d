import * as Predicate from "effect/Predicate"
import type * as AITask from "../AITask.js"
import type { IdOf } from "./body.js"

/** The ids of the calls in a task: those that the results of tools refer to. */
const idsIn = (task: AITask.AITask): ReadonlyArray<string> =>
  task.messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : []
  )

/**
 * Gives the calls of an answer ids that no other call of the conversation has: some servers give none, or
 * begin anew with every answer.
 */
export const distinct = (task: AITask.AITask): ((id: string) => string) => {
  let taken: Set<string> | undefined = undefined
  return (id) => {
    taken ??= new Set(idsIn(task))
    let next = taken.size
    let made = id || `call_${next}`
    while (taken.has(made)) made = `${id || "call"}_${++next}`
    taken.add(made)
    return made
  }
}

/** What a provider takes for the id of a call. */
export interface Rule {
  readonly fits: RegExp
  /** Another id for one that doesn't fit, and the next one where that is taken. */
  readonly make: (id: string, attempt: number) => string
}

/** A text of a given length at most that ends in a number, if it isn't 0. */
const numbered = (text: string, attempt: number, length: number): string => {
  const number = attempt === 0 ? "" : attempt.toString(36)
  return text.slice(0, length - number.length) + number
}

/** Nine letters and digits: Mistral's. Of random ids the end is the most random. */
export const nineAlphanumerics: Rule = {
  fits: /^[A-Za-z0-9]{9}$/,
  make: (id, attempt) =>
    numbered(
      id
        .replaceAll(/[^A-Za-z0-9]/g, "")
        .slice(-9)
        .padStart(9, "0"),
      attempt,
      9
    )
}

/** Forty characters at most: OpenAI's for Chat Completions. */
export const fortyCharacters: Rule = {
  fits: /^.{1,40}$/s,
  make: (id, attempt) => numbered(id, attempt, 40)
}

/** Sixty-four characters at most: OpenAI's for Responses. */
export const sixtyFourCharacters: Rule = {
  fits: /^.{1,64}$/s,
  make: (id, attempt) => numbered(id, attempt, 64)
}

/** Word characters and hyphens: Anthropic's. */
export const words: Rule = {
  fits: /^[\w-]+$/,
  make: (id, attempt) => id.replaceAll(/[^\w-]/g, "_") + (attempt === 0 ? "" : `_${attempt}`)
}

/**
 * Ids for one request, where its provider has a rule: those that fit stay, others get one that fits, the same in call
 * and result, and never that of another call.
 */
export const fitting = (rule: Rule | undefined, task: AITask.AITask): IdOf =>
  rule === undefined ? (id) => id : fittingAll(rule, idsIn(task))

/** An object with other ids in these of its fields, as far as it has them. */
export const renamed = (value: unknown, fields: ReadonlyArray<string>, idOf: IdOf): unknown => {
  if (!Predicate.isRecord(value)) return value
  const made = fields.flatMap((field) => {
    const id = value[field]
    return typeof id === "string" ? [[field, idOf(id)] as const] : []
  })
  return made.length === 0 ? value : { ...value, ...Object.fromEntries(made) }
}

/** The same for any ids. */
export const fittingAll = (rule: Rule, ids: ReadonlyArray<string>): IdOf => {
  if (ids.every((id) => rule.fits.test(id))) return (id) => id
  const given = new Map(ids.filter((id) => rule.fits.test(id)).map((id) => [id, id]))
  const taken = new Set(given.values())
  return (id) => {
    const known = given.get(id)
    if (known !== undefined) return known
    let attempt = 0
    let made = rule.make(id, attempt)
    while (taken.has(made)) made = rule.make(id, ++attempt)
    given.set(id, made)
    taken.add(made)
    return made
  }
}
