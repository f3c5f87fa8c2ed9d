import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as bodies from "../../internal/bodies.js"
import * as jsonText from "../../internal/jsonText.js"
import { onClose } from "../../internal/onClose.js"
import * as sizes from "../../internal/sizes.js"
import * as timer from "../../internal/timer.js"
import { RejectedRequest } from "./rejection.js"

/** How much of a body is taken, and how long it may take to come. */
export interface Limits {
  readonly maxBodyBytes: number
  readonly bodyTimeoutMs: number
}

const tooLarge = ({ maxBodyBytes }: Limits): RejectedRequest =>
  new RejectedRequest({
    reason: "too-large",
    description: `The body has more than ${maxBodyBytes} bytes. Send less, or raise the gateway's maxBodyBytes`
  })

const tooSlow = ({ bodyTimeoutMs }: Limits): RejectedRequest =>
  new RejectedRequest({
    reason: "too-slow",
    description: `The body took more than ${bodyTimeoutMs} ms to come. Send it faster, or raise the gateway's bodyTimeoutMs`
  })

const unreadable = new RejectedRequest({
  reason: "malformed",
  description: "The body broke off before its end. Send it again"
})

const coded = new RejectedRequest({
  reason: "media",
  description: "The body is compressed. Send it as plain JSON"
})

const notJson = new RejectedRequest({
  reason: "media",
  description:
    "The body isn't JSON by its content type. Send it with the header content-type: application/json"
})

/** A web page can have a browser send any other type to another site without asking that site first. */
const isJson = (contentType: string): boolean =>
  /^application\/(?:[\w.+-]{1,64}\+)?json *(?:;|$)/i.test(contentType)

/** JSON is UTF-8, of which ASCII is a part: read as that, any other text would be another one. */
const foreignCharset = (contentType: string): RejectedRequest | undefined => {
  const charset = /; *charset *= *"?([^";\s]*)/i.exec(contentType)?.[1] ?? "utf-8"
  return /^(?:utf-?8|(?:us-)?ascii)$/i.test(charset)
    ? undefined
    : new RejectedRequest({
        reason: "media",
        description: `The body's charset is ${JSON.stringify(charset.slice(0, 32))}. Send it as UTF-8`
      })
}

/** A body as it comes, where it is large or its length isn't told before: no more of it is read than is taken. */
const counted = (
  request: HttpServerRequest.HttpServerRequest,
  limits: Limits
): Effect.Effect<string, RejectedRequest, Scope.Scope> =>
  Effect.flatMap(Stream.toPull(request.stream), (pull) => {
    const decoder = new TextDecoder()
    let text = ""
    let bytes = 0
    const next: Effect.Effect<string, RejectedRequest> = Effect.matchEffect(pull, {
      onFailure: Option.match({
        onNone: () => Effect.sync(() => text + decoder.decode()),
        onSome: () => Effect.fail(unreadable)
      }),
      onSuccess: (pieces) => {
        for (const piece of Chunk.toReadonlyArray(pieces)) {
          bytes += piece.length
          text += decoder.decode(piece, { stream: true })
        }
        return bytes > limits.maxBodyBytes ? Effect.fail(tooLarge(limits)) : next
      }
    })
    return next
  })

const textOf = (
  request: HttpServerRequest.HttpServerRequest,
  limits: Limits
): Effect.Effect<string, RejectedRequest, Scope.Scope> => {
  const {
    "content-encoding": encoding = "identity",
    "content-length": length,
    "content-type": type = ""
  } = request.headers
  if (!isJson(type)) return Effect.fail(notJson)
  const foreign = foreignCharset(type)
  if (foreign !== undefined) return Effect.fail(foreign)
  if (encoding !== "identity") return Effect.fail(coded)
  if (Number(length) > limits.maxBodyBytes) return Effect.fail(tooLarge(limits))
  return length === undefined || Number(length) > bodies.fewBytes
    ? counted(request, limits)
    : Effect.mapBoth(request.arrayBuffer, {
        onFailure: () => unreadable,
        onSuccess: (bytes) => new TextDecoder().decode(bytes)
      })
}

/** The parser's own message quotes the text, which is a prompt: only the place is taken from it. */
const placeOf = (message: string): string => {
  const position = /position (\d+)/.exec(message)?.[1]
  if (position !== undefined) return `: it goes wrong at character ${position}`
  return message.includes("end of JSON input") ? ": it ends too early" : ""
}

/** By which size its values are bounded. */
type ValuesOf = "values" | "embedded"

/** What a body said. */
export interface Received {
  readonly json: unknown
  /** Its text, in which no object names a member twice. */
  readonly text: string
  /** Lets other requests have their turn, before the next step of the work that a large body makes. */
  readonly turn: Effect.Effect<void>
}

/** Characters of a body whose steps take well under a millisecond each. */
const small = 16_384

const turnOf = ({ length }: string): Effect.Effect<void> => (length > small ? Effect.sleep(0) : Effect.void)

const parse = (text: string, values: ValuesOf): Effect.Effect<Received, RejectedRequest> => {
  const large = sizes.tooLarge(text, values)
  if (large !== undefined) {
    const { field, reason } = large
    return new RejectedRequest({
      reason: "too-many",
      description: `${field === "" ? "The body" : JSON.stringify(field)} can't be used: ${reason}`,
      ...(field === "" ? {} : { param: field })
    })
  }
  return Effect.try({
    try: (): Received => ({ json: JSON.parse(text), text: jsonText.unique(text), turn: turnOf(text) }),
    catch: (error) =>
      new RejectedRequest({
        reason: "malformed",
        description: `The body isn't JSON${placeOf(String(error))}. Send a JSON object`
      })
  })
}

/**
 * The JSON of a body. Reading goes on in a fiber of the request's scope when its time is up: to stop it is
 * to break the connection, and the client has to be told why before.
 */
export const json = (
  request: HttpServerRequest.HttpServerRequest,
  limits: Limits,
  values: ValuesOf = "values"
): Effect.Effect<Received, RejectedRequest, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.runtime<Scope.Scope>(), (runtime) => {
      const reading = Runtime.runFork(runtime, Effect.interruptible(textOf(request, limits)))
      const ended = onClose(() =>
        Effect.suspend(() => (reading.unsafePoll() === null ? Fiber.interrupt(reading) : Effect.void))
      )
      return Effect.flatMap(
        Effect.zipRight(ended, restore(timer.awaitFor(reading, runtime, limits.bodyTimeoutMs))),
        Option.match({ onNone: () => Effect.fail(tooSlow(limits)), onSome: (text) => parse(text, values) })
      )
    })
  )
