import type * as Headers from "@effect/platform/Headers"
import * as Either from "effect/Either"
import * as duration from "../../internal/duration.js"
import * as delivery from "./delivery.js"
import { RejectedRequest } from "./rejection.js"

/** What a request's headers say of its call. */
export interface CallHeaders {
  /** The name of a strategy. */
  readonly strategy?: string | undefined
  readonly timeoutMs?: number | undefined
  readonly useFallback?: boolean | undefined
  readonly user?: string | undefined
  readonly delivery?: delivery.Delivery | undefined
}

/** What a header says; a program and its proxy may both have set it, and the same value twice says the same. */
export const once = (value: string): string => {
  const [first = "", ...others] = value.split(", ")
  return others.every((other) => other === first) ? first : value
}

type Read = (value: string) => Either.Either<CallHeaders, string>

const readers: Readonly<Record<string, Read>> = {
  "x-saga-strategy": (strategy) => Either.right({ strategy }),
  "x-saga-timeout": (value) =>
    Either.flatMap(duration.parse(value), (timeoutMs) =>
      timeoutMs > 0 && timeoutMs <= 2_147_483_647
        ? Either.right({ timeoutMs })
        : Either.left("a duration above 0 and of at most 24 days")
    ),
  "x-saga-fallback": (value) =>
    value === "on" || value === "off"
      ? Either.right({ useFallback: value === "on" })
      : Either.left('"on" or "off"'),
  "x-saga-user": (user) => (user.trim() === "" ? Either.left("a user's id") : Either.right({ user })),
  "x-saga-delivery": (value) => {
    const meant = delivery.of(value)
    return meant === undefined ? Either.left('"streamed" or "buffered"') : Either.right({ delivery: meant })
  }
}

const wrong = (param: string, expected: string): RejectedRequest =>
  new RejectedRequest({
    reason: "malformed",
    param,
    description: `The header ${param} can't be used: expected ${expected}`
  })

/** What the headers say; one that isn't known is refused, because what it was to do would be lost. */
export const read = (headers: Headers.Headers): Either.Either<CallHeaders, RejectedRequest> => {
  let callHeaders: CallHeaders = {}
  for (const name of Object.keys(headers)) {
    if (!name.startsWith("x-saga-")) continue
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (reader === undefined) {
      return Either.left(wrong(name, `one of ${Object.keys(readers).join(", ")}`))
    }
    const said = reader(once(headers[name] ?? ""))
    if (Either.isLeft(said)) return Either.left(wrong(name, said.left))
    callHeaders = { ...callHeaders, ...said.right }
  }
  return Either.right(callHeaders)
}
