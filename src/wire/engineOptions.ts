import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { InvalidArgumentError } from "../InvalidArgument.js"
import { told } from "../internal/told.js"
import type { Given } from "../internal/options.js"
import * as validation from "../internal/validation.js"
import * as ReasoningEngine from "../ReasoningEngine.js"
import * as bodyReader from "./bodyReader.js"

/** Makes the error of an option of one engine. */
export type Invalid = (field: string, reason: string) => Either.Either<never, InvalidArgumentError>

/** The errors of the options of an engine with this name. */
export const invalidOf =
  (subject: string): Invalid =>
  (field, reason) =>
    Either.left(new InvalidArgumentError({ subject, field, reason }))

/** The address of an endpoint below a base URL, whose query is kept. */
export const endpoint = (
  invalid: Invalid,
  baseUrl: string,
  pathBelow: (base: string) => string
): Either.Either<string, InvalidArgumentError> => {
  if (baseUrl.includes("@")) {
    return invalid("baseUrl", "Expected a URL without a user and password, actual one with an @")
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    return invalid("baseUrl", `Expected an http(s) URL, actual ${told(baseUrl)}`)
  }
  url.pathname = pathBelow(url.pathname.replace(/(?<!\/)\/+$/, ""))
  url.hash = ""
  return Either.right(url.href)
}

const headerName = /^[!#$%&'*+.^_`|~\w-]+$/

/** Whether a header can hold a value. */
export const isHeaderValue = (value: string): boolean =>
  /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value)

/** A key that a header can hold; one that it can't is never told. */
const keyOf = (invalid: Invalid, key: string): Either.Either<string, InvalidArgumentError> =>
  isHeaderValue(key)
    ? Either.right(key)
    : invalid("apiKey", "Expected a key of printable characters without space around it")

/** The caller's own headers; a value that can't be sent is never told. */
const headersOf = (
  invalid: Invalid,
  own: Readonly<Record<string, string>> = {}
): Either.Either<Record<string, string>, InvalidArgumentError> => {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    if (!headerName.test(name)) {
      return invalid("headers", `Expected the name of a header, actual ${told(name)}`)
    }
    if (!isHeaderValue(value)) {
      return invalid(`headers.${name}`, "Expected a value of printable characters without space around it")
    }
    headers[name.toLowerCase()] = value
  }
  return Either.right(headers)
}

/** Refuses options that an engine with this name hasn't, and capabilities that there aren't. */
export const knownOf = <
  A extends { readonly capabilities?: Given<ReasoningEngine.Capabilities> | undefined }
>(
  subject: string,
  names: { readonly [K in keyof A]-?: true }
): ((options: A) => Either.Either<void, InvalidArgumentError>) => {
  const option = validation.known<A>(subject, names)
  const capability = validation.known<ReasoningEngine.Capabilities>(
    subject,
    { ...ReasoningEngine.defaultCapabilities, reasoning: true },
    "capabilities"
  )
  return (options) => Either.flatMap(option(options), () => capability(options.capabilities ?? {}))
}

/** The options that every engine over HTTP has. */
export interface ServerOptions {
  readonly baseUrl: string
  readonly apiKey?: Redacted.Redacted | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly model?: string | undefined
  readonly maxAnswerCharacters?: number | undefined
}

/** A server as an engine reaches it. */
export interface Server {
  readonly url: string
  /** The headers that hold the key, and the caller's own. */
  readonly secretHeaders: Readonly<Record<string, string>>
  /** Characters that one piece of an answer may have. */
  readonly maxCharacters: number
}

/** Checks the options that every engine over HTTP has. */
export const serverOf = (
  invalid: Invalid,
  options: ServerOptions,
  pathBelow: (base: string) => string,
  keyHeader: (key: string) => Readonly<Record<string, string>> = () => ({})
): Either.Either<Server, InvalidArgumentError> =>
  Either.gen(function* () {
    const { apiKey, baseUrl, headers, maxAnswerCharacters, model } = options
    const url = yield* endpoint(invalid, baseUrl, pathBelow)
    const key = apiKey === undefined ? {} : keyHeader(yield* keyOf(invalid, Redacted.value(apiKey)))
    const own = yield* headersOf(invalid, headers)
    if (model?.trim() === "") return yield* invalid("model", 'Expected the name of a model, actual ""')
    const maxCharacters = maxAnswerCharacters ?? bodyReader.defaultMaxCharacters
    if (!Number.isSafeInteger(maxCharacters) || maxCharacters <= 0) {
      return yield* invalid(
        "maxAnswerCharacters",
        `Expected characters (a whole number above 0), actual ${maxCharacters}`
      )
    }
    return { url, secretHeaders: { ...key, ...own }, maxCharacters }
  })
