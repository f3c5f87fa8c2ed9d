/** Fields that no table knows, at every level of a body: each reaches a provider of another wire, or is told. */
import { assert, describe, it } from "@effect/vitest"
import type { AITask } from "arc-saga"
import * as Either from "effect/Either"
import { taskOf } from "../../src/gateway/internal/call.js"
import * as chat from "../../src/gateway/internal/chat/request.js"
import * as messages from "../../src/gateway/internal/messages/request.js"
import * as responses from "../../src/gateway/internal/responses/request.js"
import type { Ask } from "../../src/wire/body.js"
import * as chatRequest from "../../src/wire/chatCompletions/request.js"
import type { Class, Field, Fields } from "../../src/wire/fields/field.js"
import * as fields from "../../src/wire/fields.js"
import * as messagesRequest from "../../src/wire/messages/request.js"
import * as notice from "../../src/wire/notice.js"
import * as responsesRequest from "../../src/wire/responses/request.js"
import { runs } from "../utils/property.js"
import { bodies } from "../utils/wireBodies.js"

type Wire = keyof typeof bodies

const wires = ["chatCompletions", "messages", "responses"] as const

const readers = { chatCompletions: chat.question, messages: messages.question, responses: responses.question }

const usual = { model: "m", sampling: true, reasoning: true, extraFields: true }

/** What a provider of a wire is sent of a task. */
const sent: Readonly<Record<Wire, (ask: Ask) => Either.Either<unknown, string>>> = {
  chatCompletions: (ask) =>
    chatRequest.body({ ...usual, maxTokensField: "max_completion_tokens", includeUsage: true }, ask),
  messages: (ask) =>
    messagesRequest.body({ model: "m", maxTokens: 9000, sampling: true, thinking: "enabled" }, ask),
  responses: (ask) => responsesRequest.body(usual, ask)
}

/** JSON of the caller's own, which is no field of the wire. */
const own: Readonly<Record<Wire, ReadonlyArray<string>>> = {
  chatCompletions: ["parameters", "schema", "metadata"],
  messages: ["input_schema", "schema", "input"],
  responses: ["parameters", "schema", "metadata"]
}

/** The paths of the objects in a body; within JSON of the caller's own there are none. */
const objects = (
  wire: Wire,
  value: unknown,
  path: ReadonlyArray<string> = []
): ReadonlyArray<ReadonlyArray<string>> => {
  if (Array.isArray(value))
    return value.flatMap((each, index) => objects(wire, each, [...path, String(index)]))
  if (typeof value !== "object" || value === null) return []
  const within = Object.entries(value).flatMap(([name, each]) =>
    own[wire].includes(name) ? [] : objects(wire, each, [...path, name])
  )
  return [path, ...within]
}

const unknown = "field_of_2027"
const value = "value of 2027"

/** The same value with a field that nobody knows in the object at a path. */
const withUnknown = (at: unknown, [name, ...path]: ReadonlyArray<string>): unknown => {
  if (name === undefined) return { ...Object(at), [unknown]: value }
  if (Array.isArray(at))
    return at.map((each, index) => (String(index) === name ? withUnknown(each, path) : each))
  return { ...Object(at), [name]: withUnknown(Object(at)[name], path) }
}

/** A path as the table has it. */
const written = (path: ReadonlyArray<string>): string =>
  path
    .map((name) => (/^\d+$/.test(name) ? "[]" : `.${name}`))
    .join("")
    .slice(1)

/** Whether the table says of an object that it may be left out untold: of a field above it. */
const isHint = (table: Fields, body: unknown, path: ReadonlyArray<string>): boolean => {
  let at: Fields | undefined = table
  let given: unknown = body
  let found: Class | undefined
  let field: Field | undefined
  for (const name of path) {
    given = Object(given)[name]
    if (/^\d+$/.test(name)) {
      const type = Object(given)["type"]
      at = field?.each ?? field?.kinds?.[typeof type === "string" ? type : ""]
    } else {
      field = at?.[name]
      found = field?.class ?? found
      at = field?.fields
    }
    if (found === "hint") return true
  }
  return false
}

const task = (
  wire: Wire,
  body: unknown
): { readonly task: AITask.AITask; readonly told: fields.Uncarried } => {
  const question = Either.getOrThrow(readers[wire](body))
  const { preferences, requirements, states } = question.uncarried
  const original = { wire, body: question.body, requires: [...requirements, ...states], prefers: preferences }
  return {
    task: Either.getOrThrow(taskOf(question.fields, question, original)),
    told: question.uncarried
  }
}

describe.each(wires)("a field that nobody knows, in a body of %s", (from) => {
  it.prop(
    "arrives at a provider of another wire, or is told, wherever it stands",
    [bodies[from]],
    ([body]) => {
      for (const path of objects(from, body)) {
        const odd = withUnknown(body, path)
        const asked = task(from, odd)
        if (isHint(fields.table[from], odd, path)) continue
        for (const to of wires) {
          if (to === from) continue
          const told = new Set([
            ...notice.foreign(asked.task, to).flatMap(({ fields }) => fields),
            ...(asked.task.original?.requires ?? [])
          ])
          const made = sent[to]({ task: asked.task, prefill: undefined, stream: false })
          const arrives = Either.isRight(made) && JSON.stringify(made.right).includes(value)
          const names = [...path, unknown].map((_, index, all) => written(all.slice(0, all.length - index)))
          const isTold = names.some((name) => told.has(name))
          assert.isTrue(arrives || isTold, `${from} to ${to}: ${written([...path, unknown])}`)
        }
      }
    },
    runs(200, 40)
  )
})
