/** A server of models that follow a script, over each of the three wires, streaming and whole. */
import * as Predicate from "effect/Predicate"
import type * as WireServer from "../../src/testing/WireServer.js"
import type { Wire as AnyWire } from "../../src/Wire.js"

/** Embeddings are no conversation. */
type Wire = Exclude<AnyWire, "embeddings">

type Json = Readonly<Record<string, unknown>>

/** What a model is asked. */
export interface Call {
  readonly wire: Wire
  readonly body: Json
  /** What tools gave so far, in their order. */
  readonly results: ReadonlyArray<string>
}

export interface ToolCall {
  readonly name: string
  readonly input: unknown
}

/** What a model says; or that its connection breaks, after these words. */
export interface Answer {
  readonly thinking?: string
  readonly text?: string
  readonly calls?: ReadonlyArray<ToolCall>
  readonly breaks?: boolean
}

export type Script = (call: Call) => Answer

const wires: ReadonlyMap<string, Wire> = new Map([
  ["/v1/messages", "messages"],
  ["/v1/chat/completions", "chatCompletions"],
  ["/v1/responses", "responses"]
])

/** The wire of a path, with whatever query. */
export const wireOf = (path: string): Wire | undefined => wires.get(path.replace(/\?.*$/, ""))

const textOf = (content: unknown): string =>
  Array.isArray(content)
    ? content.map(textOf).join("")
    : Predicate.isRecord(content)
      ? String(content["text"] ?? content["type"])
      : String(content)

/** What tools gave, wherever it stands in the messages of a wire. */
const resultsOf = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(resultsOf)
  if (!Predicate.isRecord(value)) return []
  if (value["role"] === "tool" || value["type"] === "tool_result") return [textOf(value["content"])]
  if (String(value["type"]).endsWith("_call_output")) return [textOf(value["output"])]
  return resultsOf(value["content"])
}

const sse = (data: unknown, name?: string): string =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

const named = (events: ReadonlyArray<Json>): ReadonlyArray<string> =>
  events.map((event) => sse(event, String(event["type"])))

/** The n-th call's id, as unique in a conversation as it has to be. */
const idOf = (prefix: string, { results }: Call, index: number): string =>
  `${prefix}_${results.length}_${index}`

const halves = (text: string): ReadonlyArray<string> => {
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== "")
}

interface Rendered {
  readonly whole: Json
  readonly events: ReadonlyArray<string>
  /** What ends a stream. */
  readonly end: ReadonlyArray<string>
}

const messages = (call: Call, { calls = [], text, thinking }: Answer): Rendered => {
  const content: ReadonlyArray<Json> = [
    ...(thinking === undefined ? [] : [{ type: "thinking", thinking, signature: "c2lnbmVk" }]),
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...calls.map(({ input, name }, index) => ({
      type: "tool_use",
      id: idOf("toolu", call, index),
      name,
      input
    }))
  ]
  const usage = {
    input_tokens: 30,
    cache_creation_input_tokens: 20,
    cache_read_input_tokens: 10,
    output_tokens: 1
  }
  const message = {
    id: `msg_${call.results.length}`,
    type: "message",
    role: "assistant",
    model: "upstream-messages",
    content,
    stop_reason: calls.length === 0 ? "end_turn" : "tool_use",
    stop_sequence: null,
    usage: { ...usage, output_tokens: 12 }
  }
  const begun = (block: Json): Json =>
    block["type"] === "tool_use"
      ? { ...block, input: {} }
      : {
          type: block["type"],
          [block["type"] === "text" ? "text" : "thinking"]: "",
          ...(block["type"] === "thinking" ? { signature: "" } : {})
        }
  const deltas = (block: Json): ReadonlyArray<Json> => {
    switch (block["type"]) {
      case "tool_use":
        return halves(JSON.stringify(block["input"])).map((partial_json) => ({
          type: "input_json_delta",
          partial_json
        }))
      case "thinking":
        return [
          ...halves(String(block["thinking"])).map((half) => ({ type: "thinking_delta", thinking: half })),
          { type: "signature_delta", signature: block["signature"] }
        ]
      default:
        return halves(String(block["text"])).map((half) => ({ type: "text_delta", text: half }))
    }
  }
  return {
    whole: message,
    events: named([
      { type: "message_start", message: { ...message, content: [], stop_reason: null, usage } },
      { type: "ping" },
      ...content.flatMap((block, index) => [
        { type: "content_block_start", index, content_block: begun(block) },
        ...deltas(block).map((delta) => ({ type: "content_block_delta", index, delta })),
        { type: "content_block_stop", index }
      ])
    ]),
    end: named([
      {
        type: "message_delta",
        delta: { stop_reason: message.stop_reason, stop_sequence: null },
        usage: { output_tokens: 12 }
      },
      { type: "message_stop" }
    ])
  }
}

const chatCompletions = (call: Call, { calls = [], text, thinking }: Answer): Rendered => {
  const named = {
    id: `chatcmpl-${call.results.length}`,
    created: 1_790_000_000,
    model: "upstream-chat",
    system_fingerprint: "fp_upstream"
  }
  const usage = {
    prompt_tokens: 60,
    completion_tokens: 12,
    total_tokens: 72,
    prompt_tokens_details: { cached_tokens: 10 },
    completion_tokens_details: { reasoning_tokens: 4 }
  }
  const tool_calls = calls.map(({ input, name }, index) => ({
    id: idOf("call", call, index),
    type: "function",
    function: { name, arguments: JSON.stringify(input) }
  }))
  const finish_reason = calls.length === 0 ? "stop" : "tool_calls"
  const chunk = (delta: Json, finish: string | null = null): string =>
    sse({
      ...named,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }]
    })
  const options = call.body["stream_options"]
  const isCounted = Predicate.isRecord(options) && options["include_usage"] === true
  return {
    whole: {
      ...named,
      object: "chat.completion",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: text ?? null,
            refusal: null,
            ...(thinking === undefined ? {} : { reasoning_content: thinking }),
            ...(calls.length === 0 ? {} : { tool_calls })
          },
          logprobs: null,
          finish_reason
        }
      ],
      usage
    },
    events: [
      chunk({ role: "assistant", content: "" }),
      ...halves(thinking ?? "").map((reasoning_content) => chunk({ reasoning_content })),
      ...halves(text ?? "").map((content) => chunk({ content })),
      ...tool_calls.flatMap(({ function: { arguments: args, name }, ...one }, index) => [
        chunk({ tool_calls: [{ index, ...one, function: { name, arguments: "" } }] }),
        ...halves(args).map((half) => chunk({ tool_calls: [{ index, function: { arguments: half } }] }))
      ])
    ],
    end: [
      chunk({}, finish_reason),
      ...(isCounted ? [sse({ ...named, object: "chat.completion.chunk", choices: [], usage })] : []),
      sse("[DONE]")
    ]
  }
}

const responses = (call: Call, { calls = [], text, thinking }: Answer): Rendered => {
  const id = `resp_${call.results.length}`
  const output: ReadonlyArray<Json> = [
    ...(thinking === undefined
      ? []
      : [
          {
            type: "reasoning",
            id: idOf("rs", call, 0),
            summary: [{ type: "summary_text", text: thinking }],
            encrypted_content: "ZW5jcnlwdGVk"
          }
        ]),
    ...(text === undefined
      ? []
      : [
          {
            type: "message",
            id: idOf("msg", call, 0),
            role: "assistant",
            status: "completed",
            content: [{ type: "output_text", text, annotations: [], logprobs: [] }]
          }
        ]),
    ...calls.map(({ input, name }, index) => ({
      type: "function_call",
      id: idOf("fc", call, index),
      call_id: idOf("call", call, index),
      name,
      arguments: JSON.stringify(input),
      status: "completed"
    }))
  ]
  const response = {
    id,
    object: "response",
    created_at: 1_790_000_000,
    status: "completed",
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: "upstream-responses",
    output,
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    usage: {
      input_tokens: 60,
      input_tokens_details: { cached_tokens: 10 },
      output_tokens: 12,
      output_tokens_details: { reasoning_tokens: 4 },
      total_tokens: 72
    }
  }
  const begun = { ...response, status: "in_progress", output: [], usage: null }
  const itemEvents = (item: Json, output_index: number): ReadonlyArray<Json> => {
    const at = { item_id: item["id"], output_index }
    switch (item["type"]) {
      case "reasoning":
        return [
          {
            type: "response.reasoning_summary_part.added",
            ...at,
            summary_index: 0,
            part: { type: "summary_text", text: "" }
          },
          ...halves(thinking ?? "").map((delta) => ({
            type: "response.reasoning_summary_text.delta",
            ...at,
            summary_index: 0,
            delta
          })),
          { type: "response.reasoning_summary_text.done", ...at, summary_index: 0, text: thinking },
          {
            type: "response.reasoning_summary_part.done",
            ...at,
            summary_index: 0,
            part: { type: "summary_text", text: thinking }
          }
        ]
      case "message": {
        const part = { type: "output_text", text, annotations: [], logprobs: [] }
        return [
          { type: "response.content_part.added", ...at, content_index: 0, part: { ...part, text: "" } },
          ...halves(text ?? "").map((delta) => ({
            type: "response.output_text.delta",
            ...at,
            content_index: 0,
            delta,
            logprobs: []
          })),
          { type: "response.output_text.done", ...at, content_index: 0, text, logprobs: [] },
          { type: "response.content_part.done", ...at, content_index: 0, part }
        ]
      }
      default:
        return [
          ...halves(String(item["arguments"])).map((delta) => ({
            type: "response.function_call_arguments.delta",
            ...at,
            delta
          })),
          {
            type: "response.function_call_arguments.done",
            ...at,
            name: item["name"],
            arguments: item["arguments"]
          }
        ]
    }
  }
  const empty = (item: Json): Json => ({
    ...item,
    ...(item["type"] === "reasoning" ? { summary: [], encrypted_content: "" } : { status: "in_progress" }),
    ...(item["type"] === "message" ? { content: [] } : {}),
    ...(item["type"] === "function_call" ? { arguments: "" } : {})
  })
  const all: ReadonlyArray<Json> = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...output.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item: empty(item) },
      ...itemEvents(item, output_index),
      { type: "response.output_item.done", output_index, item }
    ]),
    { type: "response.completed", response }
  ]
  const numbered = named(all.map((event, sequence_number) => ({ ...event, sequence_number })))
  return { whole: response, events: numbered.slice(0, -1), end: numbered.slice(-1) }
}

const renderers = { messages, chatCompletions, responses }

const json = (status: number, body: unknown): WireServer.Reply => ({
  status,
  headers: { "content-type": "application/json" },
  body: [JSON.stringify(body)]
})

/** A server whose models follow a script. */
export const following =
  (script: Script) =>
  (request: Pick<WireServer.Request, "method" | "path" | "body">): WireServer.Reply => {
    const wire = wireOf(request.path)
    if (wire === undefined || request.method !== "POST") {
      return json(404, {
        error: { type: "not_found_error", message: `no ${request.method} ${request.path}` }
      })
    }
    const body: Json = JSON.parse(request.body)
    const call: Call = { wire, body, results: resultsOf(body["messages"] ?? body["input"]) }
    const answer = script(call)
    const { end, events, whole } = renderers[wire](call, answer)
    const ending = answer.breaks === true ? { ending: "reset" as const } : {}
    if (body["stream"] !== true) {
      const text = JSON.stringify(whole)
      const half = text.slice(0, text.length / 2)
      return {
        ...json(200, whole),
        ...(answer.breaks === true ? { body: [half], ...ending } : {})
      }
    }
    return {
      status: 200,
      headers: { "content-type": "text/event-stream", "request-id": "req_upstream" },
      // It breaks in the middle of a block, where it has said something.
      body: answer.breaks === true ? events.slice(0, -1) : [...events, ...end],
      ...ending
    }
  }
