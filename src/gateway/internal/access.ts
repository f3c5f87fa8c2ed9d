import type * as Headers from "@effect/platform/Headers"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ApiKey, Service } from "../ApiKeys.js"
import { once } from "./callHeaders.js"
import { RejectedRequest } from "./rejection.js"

/** The password of HTTP's basic authentication, which is how a browser asks for the key. */
const passwordOf = (encoded: string): Option.Option<string> =>
  Option.map(Either.getRight(Encoding.decodeBase64String(encoded)), (pair) =>
    pair.slice(pair.indexOf(":") + 1)
  )

/**
 * What a request presents. A program sets a bearer token or `x-api-key` by itself. A browser keeps the password
 * of basic authentication, and adds it to whatever any site has it send here: it is ambient.
 */
interface Credential {
  readonly key: Redacted.Redacted
  readonly ambient: boolean
}

const presented = (headers: Headers.Headers): Option.Option<Credential> => {
  const [, scheme = "", credentials = ""] = /^(\w+) +(\S+)$/.exec(headers["authorization"] ?? "") ?? []
  switch (scheme.toLowerCase()) {
    case "bearer":
      return Option.some({ key: Redacted.make(credentials), ambient: false })
    case "basic":
      return Option.map(passwordOf(credentials), (key) => ({ key: Redacted.make(key), ambient: true }))
    default:
      return Option.map(Option.fromNullable(headers["x-api-key"]), (key) => ({
        key: Redacted.make(once(key)),
        ambient: false
      }))
  }
}

const isLoopbackName = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)

/**
 * Whether an address that a server listens at is reached from its own machine alone.
 *
 * @since 0.1.0
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

/** What a request is for: an answer, to see what goes on, or to change keys. */
export type Purpose = "call" | "observe" | "administer"

const noKey = new RejectedRequest({
  reason: "unauthorized",
  description:
    "A key of this gateway is needed, and this isn't one. Send it as a bearer token, or as x-api-key",
  challenge: "Bearer"
})

/** How each purpose asks for a key: only where a browser may keep it is it asked for a password. */
const unknown: { readonly [P in Purpose]: RejectedRequest } = {
  call: noKey,
  administer: noKey,
  observe: new RejectedRequest({
    reason: "unauthorized",
    description:
      "A key of this gateway is needed, and this isn't one. Send it as a bearer token, as x-api-key, or as the password that a browser asks for",
    challenge: "Basic"
  })
}

const ambientForeign = new RejectedRequest({
  reason: "forbidden",
  description:
    "The password that a browser keeps opens the page to itself alone, and to no page of another site"
})

/** Whether another site's page has the browser send this. Behind a proxy the scheme may be another one. */
const isCrossOrigin = ({ host, origin }: Headers.Headers): boolean =>
  origin !== undefined && origin.replace(/^https?:\/\//, "") !== host

/** A request to change keys by whatever isn't an admin key. */
export const notAdmin = new RejectedRequest({
  reason: "forbidden",
  description: "This key issues and changes no keys. Use an admin key"
})

/** What a key has to allow, and what one is told that doesn't. */
const needs: {
  readonly [P in Purpose]:
    | { readonly grant: "admin" | "observe"; readonly refused: RejectedRequest }
    | undefined
} = {
  call: undefined,
  observe: {
    grant: "observe",
    refused: new RejectedRequest({
      reason: "forbidden",
      description: "This key doesn't open the page and the metrics. Use one that is configured to observe"
    })
  },
  administer: { grant: "admin", refused: notAdmin }
}

const unreadable = new RejectedRequest({
  reason: "keys-unavailable",
  description: "Whether this key is taken can't be found out now. Ask again later"
})

/** Lets a request in, by its key if there are keys, or says why not. */
export const admit = (
  keys: Service,
  headers: Headers.Headers,
  purpose: Purpose
): Effect.Effect<ApiKey | undefined, RejectedRequest> => {
  if (!keys.protect) return isForeign(headers) ? Effect.fail(foreign) : Effect.succeed(undefined)
  const credential = Option.getOrUndefined(presented(headers))
  // What the browser adds by itself is no sign that its user wants the call.
  if (credential === undefined || (credential.ambient && purpose !== "observe"))
    return Effect.fail(unknown[purpose])
  if (credential.ambient && isCrossOrigin(headers)) return Effect.fail(ambientForeign)
  return Effect.flatMap(
    // What the database says isn't for callers.
    Effect.mapError(keys.find(credential.key), () => unreadable),
    Option.match({
      onNone: () => Effect.fail(unknown[purpose]),
      onSome: (key) => {
        const need = needs[purpose]
        return need === undefined || key[need.grant] === true
          ? Effect.succeed(key)
          : Effect.fail(need.refused)
      }
    })
  )
}
