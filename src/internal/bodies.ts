import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** The next pieces of a body as the network delivered them; `none` is its end. */
export type Body = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<HttpClientError.HttpClientError>>

/**
 * Bytes up to which a body is taken in one piece, which costs less than its stream: Node's servers and clients put
 * it together by copying what they have for each piece that comes, so that a larger one takes a time by its square.
 */
export const fewBytes = 1024 * 1024

/** The text of a body, or its first bytes where it has more than these; `tell` is told of it as it comes. */
export const readUpTo = (
  body: Body,
  maxBytes: number,
  tell: (text: string) => void
): Effect.Effect<void, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let left = maxBytes
    const read: Effect.Effect<void, HttpClientError.HttpClientError> = Effect.matchEffect(body, {
      onFailure: Option.match({
        onNone: () => Effect.sync(() => tell(decoder.decode())),
        onSome: Effect.fail
      }),
      onSuccess: (pieces) => {
        for (const piece of pieces) {
          tell(decoder.decode(piece.subarray(0, left), { stream: true }))
          left = Math.max(0, left - piece.length)
        }
        return left === 0 ? Effect.void : read
      }
    })
    return read
  })

/** Bytes that are read of what isn't an answer: tokens, lists of models, the ids of conversations. */
const maxTextBytes = 1024 * 1024

/** The text of a body, which no more is read of than it can have: what goes on after that is no JSON. */
export const readText = (body: Body): Effect.Effect<string, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    let text = ""
    return Effect.map(
      readUpTo(body, maxTextBytes, (more) => void (text += more)),
      () => text
    )
  })

/** The text of a response that isn't an answer; empty where it has no body. */
export const textOf = (
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<string, HttpClientError.HttpClientError, Scope.Scope> =>
  Stream.toPull(response.stream).pipe(
    Effect.flatMap(readText),
    Effect.catchIf(
      ({ reason }) => reason === "EmptyBody",
      () => Effect.succeed("")
    )
  )
