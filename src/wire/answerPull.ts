import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as EngineError from "../EngineError.js"
import type * as ReasoningEngine from "../ReasoningEngine.js"
import type * as decoding from "./decoding.js"
import type * as failure from "./failure.js"
import * as http from "./http.js"
import { onClose } from "../internal/onClose.js"
import * as timer from "../internal/timer.js"

type Events = ReadonlyArray<ReasoningEngine.EngineEvent>

/** What the pull of an attempt has to know. */
export interface Settings {
  /** Events that are delivered with the first ones of the answer. */
  readonly preamble: Events
  readonly onFailure: (said: failure.Failure, begun: boolean) => EngineError.EngineError
  readonly onNetwork: (error: HttpClientError.HttpClientError) => EngineError.EngineError
}

/**
 * Milliseconds of silence after the finish reason that are taken for the body's end: content, calls and usage
 * can still follow it, and some servers never say that nothing does.
 */
const endPatience = 3000

/** The next chunks of a body. */
const next = (body: http.Body, answer: decoding.Decoding): http.Body =>
  answer.awaitsEnd
    ? Effect.flatMap(timer.timeoutOption(body, endPatience), (pieces) =>
        Effect.mapError(pieces, () => Option.none())
      )
    : body

/**
 * Pulls an answer from a body: what a network chunk completes comes together. What came before a failure
 * is delivered before it.
 */
export const make = (
  body: http.Body,
  { answer, end, feed }: decoding.Decoder,
  settings: Settings
): Effect.Effect<ReasoningEngine.Pull, never, Scope.Scope> => {
  let over = false
  let lost: EngineError.EngineError | undefined = undefined
  let preamble = settings.preamble

  const deliver = (events: Events): ReasoningEngine.Pull => {
    if (events.length === 0 && !answer.working) return pull
    answer.working = false
    if (events.length === 0) return Effect.succeed(events)
    const delivered = [...preamble, ...events]
    preamble = []
    return Effect.succeed(delivered)
  }

  const pull: ReasoningEngine.Pull = Effect.suspend(() => {
    if (answer.failure !== undefined) {
      return Effect.fail(lost ?? settings.onFailure(answer.failure, answer.begun))
    }
    return Effect.matchEffect(next(body, answer), {
      onSuccess: (pieces) => deliver(feed(pieces)),
      onFailure: (reason) => {
        over = true
        const events = end(Option.isNone(reason))
        // A connection that broke after the last word took nothing of the answer with it.
        const broken = answer.failure?.kind === "cut" || answer.failure?.kind === "malformed"
        if (Option.isSome(reason) && broken) lost = settings.onNetwork(reason.value)
        return deliver(events)
      }
    })
  })
  return Effect.as(
    onClose(() => (answer.finished && !over ? http.drain(body) : Effect.void)),
    pull
  )
}
