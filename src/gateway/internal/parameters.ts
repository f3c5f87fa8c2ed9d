import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { RejectedRequest } from "./rejection.js"

type Body = Readonly<Record<string, unknown>>

/** What a parameter may be that changes nothing, so that it needn't be honoured. */
export type Inert = Readonly<Record<string, (value: unknown) => boolean>>

/** Whether a value is one of these. */
export const is =
  (...values: ReadonlyArray<unknown>) =>
  (value: unknown): boolean =>
    values.includes(value)

/**
 * The parameters of a body that are honoured, without those that change nothing. Null stands for nothing
 * given, as the vendors have it. Any other parameter is refused: it would otherwise be lost.
 */
export const honoured = (
  body: unknown,
  known: ReadonlyArray<string>,
  inert: Inert
): Either.Either<Body, RejectedRequest> => {
  if (!Predicate.isRecord(body)) {
    return Either.left(
      new RejectedRequest({ reason: "malformed", description: "The body has to be a JSON object" })
    )
  }
  const kept: Record<string, unknown> = {}
  for (const [param, value] of Object.entries(body)) {
    if (value === null) continue
    if (known.includes(param)) kept[param] = value
    else if (!(Object.hasOwn(inert, param) && inert[param]?.(value))) {
      return Either.left(
        new RejectedRequest({
          reason: "unsupported",
          param: param.slice(0, 64),
          description: `${JSON.stringify(param.slice(0, 64))} ${
            Object.hasOwn(inert, param) ? "isn't supported with this value" : "isn't a supported parameter"
          }. Leave it out`
        })
      )
    }
  }
  return Either.right(kept)
}

/**
 * The field of a body that a field of a task came from: by another name, perhaps, and messages by another
 * number; `origins` has the body's number of each of the task's messages.
 */
export const origin =
  (names: Readonly<Record<string, string>>, origins: ReadonlyArray<number>) =>
  (field: string): string => {
    const [, head = "", index, rest = ""] = /^(\w+)(?:\[(\d+)\])?(.*)$/.exec(field) ?? []
    const name = Object.hasOwn(names, head) ? names[head] : head
    if (index === undefined) return `${name}${rest}`
    return `${name}[${head === "messages" ? (origins[Number(index)] ?? index) : index}]${rest}`
  }
