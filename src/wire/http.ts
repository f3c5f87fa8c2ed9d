import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as bodies from "../internal/bodies.js"
import * as timer from "../internal/timer.js"

/** The next pieces of a body as the network delivered them; `none` is its end. */
export type Body = bodies.Body

/** A client whose requests end with a scope. */
export type Client = HttpClient.HttpClient.With<HttpClientError.HttpClientError, Scope.Scope>

/** Requests made in this context go to no other address than theirs. The same context where that is so already. */
export const unredirected = <R>(context: Context.Context<R>): Context.Context<R> => {
  const given = Option.getOrUndefined(Context.getOption(context, FetchHttpClient.RequestInit))
  return given?.redirect === "manual"
    ? context
    : Context.merge(
        context,
        // Of the platform's clients fetch alone follows: it would take keys and prompts to another server.
        Context.make(FetchHttpClient.RequestInit, { ...given, redirect: "manual" })
      )
}

/**
 * A client whose requests end with the scope that they are made in, and go to no other address than theirs.
 * The named headers don't show in spans, and the ids of our spans aren't sent to the provider.
 */
export const scoped = (client: HttpClient.HttpClient, secretHeaders: ReadonlyArray<string>): Client =>
  client.pipe(
    HttpClient.transformResponse((response) =>
      Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>(
        (fiber) => {
          const context = unredirected(fiber.currentContext)
          // To provide a context costs as much as all the rest.
          const sent =
            context === fiber.currentContext
              ? response
              : Effect.mapInputContext(response, unredirected<never>)
          // Where no spans are made there is nothing to keep out of them.
          return fiber.getFiberRef(FiberRef.currentTracerEnabled) ? discreet(sent, secretHeaders) : sent
        }
      )
    ),
    HttpClient.withScope
  )

/** Whether a status tells another address; browsers tell of a redirect nothing but a status of 0. */
export const isRedirect = (status: number): boolean => status === 0 || (status >= 300 && status < 400)

/**
 * What a redirect is told as; undefined for any other response. Of the address that it goes to, what may be
 * secret is left out: user, query and fragment.
 */
export const redirectOf = (
  { headers, status }: Pick<HttpClientResponse.HttpClientResponse, "headers" | "status">,
  url: string
): string | undefined => {
  if (!isRedirect(status)) return undefined
  const { location = "" } = headers
  const to = location !== "" && URL.canParse(location, url) ? new URL(location, url) : undefined
  const address = to === undefined || to.host === "" ? "another address" : `${to.origin}${to.pathname}`
  return `it answers with a redirect to ${address}, which isn't followed: set the base URL to where it is meant to go`
}

const discreet = <A, E, R>(
  response: Effect.Effect<A, E, R>,
  secretHeaders: ReadonlyArray<string>
): Effect.Effect<A, E, R> =>
  response.pipe(
    Effect.locally(HttpClient.currentTracerPropagation, false),
    Effect.locallyWith(Headers.currentRedactedNames, (names) => [...names, ...secretHeaders])
  )

/** The body of a response that is of use only when all of it is there, which costs far less than its stream. */
const inOnePiece = (response: HttpClientResponse.HttpClientResponse): Body => {
  let taken = false
  return Effect.suspend(() =>
    taken
      ? Effect.fail(Option.none())
      : Effect.mapBoth(response.arrayBuffer, {
          onFailure: Option.some,
          onSuccess: (bytes) => {
            taken = true
            return Chunk.of(new Uint8Array(bytes))
          }
        })
  )
}

/** Whether a response says how long it is, and that this isn't much. */
const isShort = ({ headers }: HttpClientResponse.HttpClientResponse, maxCharacters: number): boolean =>
  Number(headers["content-length"] ?? Number.NaN) <= Math.min(maxCharacters, bodies.fewBytes) &&
  headers["content-encoding"] === undefined

/**
 * Opens the body of a response. Where a stream was asked for it is one, whatever its content type says; that
 * of an error is read only as far as it says something.
 */
export const open = (
  response: HttpClientResponse.HttpClientResponse,
  contentType: string,
  streamAsked: boolean,
  maxCharacters: number
): Effect.Effect<Body, never, Scope.Scope> =>
  response.status < 300 &&
  !streamAsked &&
  contentType.toLowerCase().includes("json") &&
  isShort(response, maxCharacters)
    ? Effect.sync(() => inOnePiece(response))
    : Stream.toPull(response.stream)

/** Milliseconds to wait for the end of a body whose content is whole. */
const maxDrainMs = 20

/**
 * Takes the end of a body whose content is whole, if it comes soon: then the connection serves the next
 * request too. A connection to a distant server costs far more than the wait.
 */
export const drain = (body: Body): Effect.Effect<void> =>
  Effect.asVoid(timer.timeoutOption(Effect.exit(Effect.forever(body)), maxDrainMs))

/** Bytes of an error's body that are read: it is for a line of description. */
const maxErrorBytes = 64 * 1024

/** Milliseconds to wait for the body of an error: its status says most of it. */
const maxErrorMs = 1000

/** The text of an error's body, or as much of it as comes in time and is of use. */
export const readError = (body: Body): Effect.Effect<string> =>
  Effect.suspend(() => {
    let text = ""
    const read = Effect.ignore(bodies.readUpTo(body, maxErrorBytes, (more) => void (text += more)))
    return Effect.map(timer.timeoutOption(read, maxErrorMs), () => text)
  })
