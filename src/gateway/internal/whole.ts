import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as AIResult from "../../AIResult.js"
import { reasoningDelta } from "../../ReasoningEngine.js"
import type { Writer } from "./dialect.js"
import { type PreparedCall, eventStream, type Failure, type Services } from "./serving.js"
import * as summary from "./summary.js"

const eventsOf = (writer: Writer, result: AIResult.AIResult): string =>
  [
    writer.model(result.model),
    ...(result.reasoning ?? []).map(({ state, text }) => writer.event(reasoningDelta(text, state))),
    ...(result.text === "" ? [] : [writer.event({ _tag: "TextDelta", text: result.text })]),
    ...result.toolCalls.map((call) => writer.event({ _tag: "ToolCall", call })),
    writer.end(result)
  ].join("")

/** Gives the answer when it is whole: in one piece, or as all the events of a stream. */
export const whole = (
  { activity }: Services,
  { delivery, dialect, identity, options, question, task, tasks }: PreparedCall
): Effect.Effect<HttpServerResponse.HttpServerResponse, Failure> =>
  Effect.flatMap(tasks.complete(task, options), (result) => {
    const headers = { [dialect.idHeader]: identity.id, ...summary.headersOf(result, question) }
    const native = result.native?.wire === dialect.wire ? result.native.body : undefined
    return Effect.as(
      activity.end(identity.id, { _tag: "Answered", answer: result }),
      delivery === "whole"
        ? native === undefined
          ? HttpServerResponse.unsafeJson(dialect.answer(identity, result, question), { headers })
          : HttpServerResponse.text(native, { headers, contentType: "application/json" })
        : HttpServerResponse.text(native ?? eventsOf(dialect.writer(identity, question), result), {
            headers: { ...headers, ...eventStream, "x-saga-delivery": delivery },
            contentType: "text/event-stream"
          })
    )
  })
