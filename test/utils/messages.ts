/** Engines over servers of the test's own that speak the Messages API, and what such servers say. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as AITask from "../../src/AITask.js"
import * as Claude from "../../src/engines/Claude.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "./attempts.js"
import { task } from "./chatCompletions.js"
import * as RawServer from "./RawServer.js"

/** Differences from the usual options. */
export type Changes = Partial<Claude.Options>

/** An engine for a server. */
export const engine = (baseUrl: string, changes: Changes = {}) =>
  Claude.make({ baseUrl, model: "claude-test", apiKey: Redacted.make("sk-ant-test"), ...changes })

/** How an attempt at a server that does these steps fails. */
export const failure = (
  steps: ReadonlyArray<RawServer.Step>,
  changes: Changes = {},
  options: Partial<AITask.Options> = { mode: "streaming" }
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* RawServer.make(steps)
      return yield* Effect.flip(attempts.events(yield* engine(server.url, changes), yield* task(options)))
    })
  )

/** Events as they are on the wire: each named by its type. */
export const wire = (...events: ReadonlyArray<Readonly<Record<string, unknown>>>): string =>
  events.map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`).join("")

export const start = (usage: unknown = { input_tokens: 3, output_tokens: 1 }) => ({
  type: "message_start",
  message: {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-test-1",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage
  }
})

export const block = (content_block: unknown = { type: "text", text: "" }, index = 0) => ({
  type: "content_block_start",
  index,
  content_block
})

export const delta = (delta: unknown, index = 0) => ({ type: "content_block_delta", index, delta })

export const text = (text: string, index = 0) => delta({ type: "text_delta", text }, index)

export const blockStop = (index = 0) => ({ type: "content_block_stop", index })

export const stopped = (
  stop_reason: string | null = "end_turn",
  usage: unknown = { output_tokens: 2 },
  more: object = {}
) => ({
  type: "message_delta",
  delta: { stop_reason, stop_sequence: null, ...more },
  usage
})

export const end = { type: "message_stop" }

export const ping = { type: "ping" }

/** The error of a body, or of an event. */
export const error = (type: string, message = "no", more: object = {}) => ({
  type: "error",
  error: { type, message, ...more },
  request_id: "req_body"
})

/** The beginning of an answer, with its first text. */
export const hi = wire(start(), block(), ping, text("Hi"))

/** The rest of it. */
export const rest = wire(blockStop(), stopped(), end)

/** A whole streamed answer. */
export const whole = RawServer.answer(200, "text/event-stream", hi + rest)

/** Usage of so many tokens. */
export const counted = (inputTokens: number, outputTokens: number) =>
  ReasoningEngine.usage(TokenUsage.make({ inputTokens, outputTokens }))

const stopReasons = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", other: undefined }

/** The terminal event of the usual model; its reason in the provider's word, which is the usual one. */
export const finish = (
  reason: ReasoningEngine.FinishReason = "stop",
  rawReason: string | undefined = stopReasons[reason]
) => ReasoningEngine.finish(reason, "claude-test-1", { rawReason })

/** What a whole answer gives when it comes in one network chunk. */
export const wholeEvents = [ReasoningEngine.textDelta("Hi"), counted(3, 2), finish()]

/** A whole answer in one piece. */
export const piece = (changes: object = {}) => ({
  ...start().message,
  content: [{ type: "text", text: "Hi" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 3, output_tokens: 2 },
  ...changes
})

/** An answer of JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  RawServer.answer(status, "application/json", JSON.stringify(body), headers)

/** An answer of events. */
export const stream = (...events: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  RawServer.answer(200, "text/event-stream", wire(...events))
