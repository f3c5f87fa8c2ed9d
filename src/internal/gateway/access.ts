import type * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ApiKey, Service } from "../../gateway/ApiKeys.js"
import { RejectedRequest } from "./rejection.js"

/** The password of HTTP's basic authentication, which is how a browser asks for the key. */
const passwordOf = (encoded: string): Option.Option<string> =>
  Option.map(Either.getRight(Encoding.decodeBase64String(encoded)), (pair) =>
    pair.slice(pair.indexOf(":") + 1)
  )

/** The key that a request presents: as OpenAI's clients do, as Anthropic's do, or as a browser does. */
const presented = (headers: Headers.Headers): Option.Option<Redacted.Redacted> => {
  const [, scheme = "", credentials = ""] = /^(\w+) +(\S+)$/.exec(headers["authorization"] ?? "") ?? []
  switch (scheme.toLowerCase()) {
    case "bearer":
      return Option.some(Redacted.make(credentials))
    case "basic":
      return Option.map(passwordOf(credentials), Redacted.make)
    default:
      return Option.map(Option.fromNullable(headers["x-api-key"]), Redacted.make)
  }
}

const isLoopbackName = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)

/**
 * Whether an address that a server listens at is reached from its own machine alone.
 *
 * @since 1.0.0
 * @category predicates
 */
export const isLoopback = (hostname: string): boolean => /^(127(\.\d{1,3}){3}|::1)$/.test(hostname)

const foreign = new RejectedRequest({
  reason: "forbidden",
  description:
    "Without API keys this gateway answers programs of its own machine only, and no web page of another site. Address it as localhost, or configure keys"
})

/**
 * A page of another site can have a browser on this machine send requests here: they say where they come
 * from, or name a host that isn't this machine's.
 */
const isForeign = (headers: Headers.Headers): boolean => {
  const { host, origin } = headers
  if (host !== undefined && !isLoopbackName(host)) return true
  return origin !== undefined && origin !== `http://${host}`
}

const unknown = new RejectedRequest({
  reason: "unauthorized",
  description:
    "A key of this gateway is needed, and this isn't one. Send it as a bearer token, or as x-api-key"
})

const blind = new RejectedRequest({
  reason: "forbidden",
  description: "This key doesn't open the page and the metrics. Use one that is configured to observe"
})

/** What a request is for: an answer, or to see what goes on. */
export type Purpose = "call" | "observe"

/** Lets a request in, by its key if there are keys, or says why not. */
export const admit = (
  keys: Service,
  headers: Headers.Headers,
  purpose: Purpose
): Effect.Effect<ApiKey | undefined, RejectedRequest> => {
  if (!keys.protect) return isForeign(headers) ? Effect.fail(foreign) : Effect.succeed(undefined)
  return Option.match(presented(headers), {
    onNone: () => Effect.fail(unknown),
    onSome: (token) =>
      Effect.flatMap(
        keys.find(token),
        Option.match({
          onNone: () => Effect.fail(unknown),
          onSome: (key) =>
            purpose === "observe" && key.observe !== true ? Effect.fail(blind) : Effect.succeed(key)
        })
      )
  })
}
