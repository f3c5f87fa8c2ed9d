import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { reasoningDelta } from "../../ReasoningEngine.js"
import type { Told, Writer } from "./dialect.js"
import * as problem from "./problem.js"
import {
  type PreparedCall,
  eventStream,
  type Failure,
  failed,
  nativeOf,
  refusalOf,
  type Services
} from "./serving.js"
import * as summary from "./summary.js"

const eventsOf = (writer: Writer, answer: Told): string =>
  [
    writer.model(answer.model),
    ...(answer.reasoning ?? []).map(({ state, text }) => writer.event(reasoningDelta(text, state))),
    ...(answer.text === "" ? [] : [writer.event({ _tag: "TextDelta", text: answer.text })]),
    ...answer.toolCalls.map((call) => writer.event({ _tag: "ToolCall", call })),
    writer.end(answer)
  ].join("")

/** An answer in one piece: as it came over the wire of its caller, or written for it. */
const respond = (
  { delivery, dialect, identity, question, strategy }: PreparedCall,
  answer: Told,
  more: Readonly<Record<string, string>>,
  native: string | undefined
): HttpServerResponse.HttpServerResponse => {
  const headers = { [dialect.idHeader]: identity.id, ...summary.strategyHeader(strategy), ...more }
  return delivery === "whole"
    ? native === undefined
      ? HttpServerResponse.unsafeJson(dialect.answer(identity, answer, question), { headers })
      : HttpServerResponse.text(native, { headers, contentType: "application/json" })
    : HttpServerResponse.text(native ?? eventsOf(dialect.writer(identity, question), answer), {
        headers: { ...headers, ...eventStream, "x-saga-delivery": delivery },
        contentType: "text/event-stream"
      })
}

/** Gives the answer when it is whole: in one piece, or as all the events of a stream. */
export const whole = (
  { activity }: Services,
  asked: PreparedCall
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failure> => {
  const { delivery, dialect, identity, options, question, task, tasks } = asked
  return Effect.flatMap(tasks.complete(task, options), (result) => {
    const native = result.native?.wire === dialect.wire ? result.native.body : undefined
    const told = summary.told(result, dialect.wire, delivery !== "whole")
    const how = native === undefined ? told.summary : summary.summary(result)
    return Effect.as(
      activity.end(identity.id, { _tag: "Answered", answer: result }),
      respond(asked, told, summary.headersOf(how, question, result.dropped), native)
    )
  })
}

/**
 * What fails, or the answer that it is to its caller: a refusal in the words of the caller's wire. One that came over
 * that wire is told as it came.
 */
export const refused = <E extends problem.Failure>(
  services: Services,
  asked: PreparedCall,
  failure: E
): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => {
  const { dialect, identity } = asked
  const cause = problem.causeOf(failure)
  const answer = refusalOf(cause)
  return answer === undefined || nativeOf(dialect, cause) !== undefined
    ? Effect.fail(failure)
    : Effect.as(failed(services, identity.id, failure), respond(asked, answer, {}, undefined))
}
