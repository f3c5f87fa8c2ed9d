/** Engines over servers of the test's own that speak Responses, and what such servers say. */
import * as Effect from "effect/Effect"
import type { Responses } from "openai/resources/responses/responses"
import * as AIProvider from "../../src/AIProvider.js"
import type * as AITask from "../../src/AITask.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "./attempts.js"
import { task } from "./chatCompletions.js"
import * as RawServer from "./RawServer.js"

/** Differences from the usual options. */
export type Changes = Partial<OpenAICompatible.Options>

/** An engine for a server. */
export const engine = (baseUrl: string, changes: Changes = {}) =>
  OpenAICompatible.make({
    provider: AIProvider.Gpt4,
    baseUrl,
    model: "gpt-4o",
    wires: ["responses"],
    ...changes
  })

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

/** Events as they are on the wire: each named by its type, and numbered. */
export const wire = (...events: ReadonlyArray<{ readonly type: string }>): string =>
  events
    .map((event, index) => {
      const numbered = { ...event, sequence_number: index }
      return `event: ${event.type}\ndata: ${JSON.stringify(numbered)}\n\n`
    })
    .join("")

/** Usage as the wire has it. */
export const usage = (input: number, output: number): Responses.ResponseUsage => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: input + output
})

/** What an answer says. */
type Said = Omit<Partial<Responses.Response>, "usage"> & { readonly usage?: Responses.ResponseUsage | null }

/** A whole answer, or its head. */
export const response = (
  changes: Said = {}
): Omit<Responses.Response, "output_text" | "usage"> & Pick<Said, "usage"> => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  status: "completed",
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model: "gpt-4o-2024",
  output: [message("Hi")],
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  usage: usage(3, 1),
  ...changes
})

export const message = (
  text: string,
  more: Partial<Responses.ResponseOutputText> = {}
): Responses.ResponseOutputMessage => ({
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [], ...more }]
})

export const functionCall = (
  call_id: string,
  name: string,
  args: string,
  more: Partial<Responses.ResponseFunctionToolCall> = {}
): Responses.ResponseFunctionToolCall => ({
  type: "function_call",
  id: `fc_${call_id}`,
  call_id,
  name,
  arguments: args,
  status: "completed",
  ...more
})

export const customCall = (
  call_id: string,
  name: string,
  input: string
): Responses.ResponseCustomToolCall => ({
  type: "custom_tool_call",
  id: `ctc_${call_id}`,
  call_id,
  name,
  input
})

export const reasoning = (
  summary: ReadonlyArray<string>,
  more: Partial<Responses.ResponseReasoningItem> = {}
): Responses.ResponseReasoningItem => ({
  type: "reasoning",
  id: "rs_1",
  summary: summary.map((text) => ({ type: "summary_text", text })),
  ...more
})

const head = () => ({ ...response({ status: "in_progress", output: [] }), usage: null })

export const created = { type: "response.created", response: head() }

export const inProgress = { type: "response.in_progress", response: head() }

export const added = (item: object, output_index = 0) => ({
  type: "response.output_item.added",
  output_index,
  item: { ...item, status: "in_progress" }
})

export const done = (item: object, output_index = 0) => ({
  type: "response.output_item.done",
  output_index,
  item
})

export const partAdded = (output_index = 0, content_index = 0) => ({
  type: "response.content_part.added",
  item_id: "msg_1",
  output_index,
  content_index,
  part: { type: "output_text", text: "", annotations: [], logprobs: [] }
})

export const partDone = (text: string, output_index = 0, content_index = 0) => ({
  type: "response.content_part.done",
  item_id: "msg_1",
  output_index,
  content_index,
  part: { type: "output_text", text, annotations: [], logprobs: [] }
})

export const text = (delta: string, output_index = 0, more: object = {}) => ({
  type: "response.output_text.delta",
  item_id: "msg_1",
  output_index,
  content_index: 0,
  delta,
  logprobs: [],
  ...more
})

export const textDone = (text: string, output_index = 0) => ({
  type: "response.output_text.done",
  item_id: "msg_1",
  output_index,
  content_index: 0,
  text,
  logprobs: []
})

export const args = (item_id: string, delta: string, output_index: number) => ({
  type: "response.function_call_arguments.delta",
  item_id,
  output_index,
  delta
})

export const argsDone = (item_id: string, args: string, output_index: number) => ({
  type: "response.function_call_arguments.done",
  item_id,
  output_index,
  arguments: args,
  name: "f"
})

export const completed = (changes: Said = {}) => ({
  type: "response.completed",
  response: response(changes)
})

export const incomplete = (reason: string | undefined, changes: Said = {}) => ({
  type: "response.incomplete",
  response: {
    ...response({ status: "incomplete", ...changes }),
    incomplete_details: reason === undefined ? null : { reason }
  }
})

export const failed = (code: string, message: string, changes: Said = {}) => ({
  type: "response.failed",
  response: { ...response({ status: "failed", output: [], ...changes }), error: { code, message } }
})

/** The beginning of an answer, with its first text. */
export const hi = [created, inProgress, added({ ...message(""), content: [] }), partAdded(), text("Hi")]

/** The rest of it. */
export const rest = [textDone("Hi"), partDone("Hi"), done(message("Hi")), completed()]

/** A whole streamed answer. */
export const whole = RawServer.answer(200, "text/event-stream", wire(...hi, ...rest))

/** Usage of so many tokens. */
export const counted = (inputTokens: number, outputTokens: number) =>
  ReasoningEngine.usage(TokenUsage.make({ inputTokens, outputTokens }))

/** The terminal event of the usual model. */
export const finish = (
  reason: ReasoningEngine.FinishReason = "stop",
  said: Parameters<typeof ReasoningEngine.finish>[2] = {}
) => ReasoningEngine.finish(reason, "gpt-4o-2024", said)

/** What a whole answer gives. */
export const wholeEvents = [ReasoningEngine.textDelta("Hi"), counted(3, 1), finish()]

/** The same of a call that came over the wire, which may go on from what its provider keeps. */
export const keptEvents = [...wholeEvents.slice(0, -1), { ...finish(), kept: ["resp_1", "msg_1"] }]

/** An answer of JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  RawServer.answer(status, "application/json", JSON.stringify(body), headers)

/** An answer of events. */
export const stream = (...events: ReadonlyArray<{ readonly type: string }>) =>
  RawServer.answer(200, "text/event-stream", wire(...events))
