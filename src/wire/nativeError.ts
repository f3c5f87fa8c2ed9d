import type { EngineError } from "../EngineError.js"
import type { Wire } from "../Wire.js"
import { hide } from "./secrets.js"

/** A provider's response that became an error. */
export interface Response {
  readonly status: number
  readonly contentType: string
  /** What it says of the provider's limits: agents wait by it. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body: string
  /** Of an answer that failed: what of it hasn't been handed on. */
  readonly rest?: string | undefined
}

/** A response to a call that came over the same wire: its caller can be told it as it came. */
export interface Native extends Response {
  readonly wire: Wire
}

/** Apart from the errors: their fields are logged and stored, and a body may repeat what was asked. */
const responses = new WeakMap<object, Response>()
const natives = new WeakMap<object, Native>()

/** The error, which remembers the response that it was. */
export const keep = <E extends EngineError>(error: E, response: Response): E => {
  responses.set(error, response)
  return error
}

/** The error of a call that came over a wire and was asked over it; no body tells a key. */
export const withWire = <E extends EngineError>(error: E, wire: Wire, secrets: ReadonlyArray<string>): E => {
  const response = responses.get(error)
  if (response !== undefined) {
    const { body, rest } = response
    const told = { body: hide(body, secrets), rest: rest && hide(rest, secrets) }
    natives.set(error, { ...response, ...told, wire })
  }
  return error
}

/** What the caller of a wire is told of an error; undefined where the error didn't come over it. */
export const of = (error: object, wire: Wire): Native | undefined => {
  const native = natives.get(error)
  return native?.wire === wire ? native : undefined
}
