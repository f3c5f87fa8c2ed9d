/** Language models of Effect AI: those of the vendors' packages over servers of the test's own, and scripted ones. */
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import type { AiError, Response } from "@effect/ai"
import { LanguageModel } from "@effect/ai"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as AIProvider from "../../src/AIProvider.js"
import * as LanguageModelEngine from "../../src/ai/LanguageModelEngine.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import type * as RawServer from "./RawServer.js"

export const openAiKey = "test-key-openai-4711"
export const anthropicKey = "test-key-anthropic-4711"

/** The model of `@effect/ai-openai` at a server. */
export const openAi = (url: string): Layer.Layer<LanguageModel.LanguageModel> =>
  OpenAiLanguageModel.layer({ model: "gpt-test" }).pipe(
    Layer.provide(OpenAiClient.layer({ apiUrl: url, apiKey: Redacted.make(openAiKey) })),
    Layer.provide(FetchHttpClient.layer)
  )

/** The model of `@effect/ai-anthropic` at a server. */
export const anthropic = (url: string, key = anthropicKey): Layer.Layer<LanguageModel.LanguageModel> =>
  AnthropicLanguageModel.layer({ model: "claude-test" }).pipe(
    Layer.provide(AnthropicClient.layer({ apiUrl: url, apiKey: Redacted.make(key) })),
    Layer.provide(FetchHttpClient.layer)
  )

type Changes = Partial<LanguageModelEngine.Options>

/** An engine of the model of `@effect/ai-openai` at a server. */
export const openAiEngine = (url: string, changes: Changes = {}) =>
  Effect.provide(
    LanguageModelEngine.make({ provider: AIProvider.Gpt4, model: "gpt-test", ...changes }),
    openAi(url)
  )

/** An engine of the model of `@effect/ai-anthropic` at a server. */
export const anthropicEngine = (url: string, changes: Changes = {}, key = anthropicKey) =>
  Effect.provide(
    LanguageModelEngine.make({ provider: AIProvider.Claude, model: "claude-test", ...changes }),
    anthropic(url, key)
  )

/** What a scripted model gives: parts, and then maybe an error. */
export interface Script {
  readonly parts: ReadonlyArray<Response.StreamPartEncoded>
  readonly error?: AiError.AiError
}

/** A model that does as it is told, and keeps what it was asked. */
export const scripted = (
  script: Script | ((call: number) => Script)
): Effect.Effect<{
  readonly model: LanguageModel.Service
  readonly asked: ReadonlyArray<LanguageModel.ProviderOptions>
}> => {
  const asked: Array<LanguageModel.ProviderOptions> = []
  const next = (options: LanguageModel.ProviderOptions): Script => {
    asked.push(options)
    return typeof script === "function" ? script(asked.length - 1) : script
  }
  return Effect.map(
    LanguageModel.make({
      generateText: (options) => {
        const { error, parts } = next(options)
        const whole = parts.flatMap((part): ReadonlyArray<Response.PartEncoded> =>
          part.type === "text-delta"
            ? [{ type: "text", text: part.delta }]
            : part.type === "finish" || part.type === "tool-call"
              ? [part]
              : []
        )
        return error === undefined ? Effect.succeed([...whole]) : Effect.fail(error)
      },
      streamText: (options) => {
        const { error, parts } = next(options)
        const given = Stream.fromIterable(parts)
        return error === undefined ? given : Stream.concat(given, Stream.fail(error))
      }
    }),
    (model) => ({ model, asked })
  )
}

/** An engine of a scripted model. */
export const scriptedEngine = (
  model: LanguageModel.Service,
  changes: Changes = {}
): Effect.Effect<ReasoningEngine.ReasoningEngine> =>
  Effect.provideService(
    LanguageModelEngine.make({
      provider: AIProvider.unsafeMake("scripted"),
      model: "scripted-1",
      ...changes
    }),
    LanguageModel.LanguageModel,
    model
  ).pipe(Effect.orDie)

/** The usage of an answer, as parts tell it. */
export const counted: Response.FinishPartEncoded["usage"] = {
  inputTokens: 3,
  outputTokens: 2,
  totalTokens: 5
}

/** Nothing of it known. */
export const uncounted: Response.FinishPartEncoded["usage"] = {
  inputTokens: undefined,
  outputTokens: undefined,
  totalTokens: undefined
}

/** The last part of an answer. */
export const finish = (
  reason: Response.FinishReason = "stop",
  usage: Response.FinishPartEncoded["usage"] = counted
): Response.FinishPartEncoded => ({ type: "finish", reason, usage })

/** A text in parts, one for each piece. */
export const written = (
  id: string,
  ...pieces: ReadonlyArray<string>
): ReadonlyArray<Response.StreamPartEncoded> => [
  { type: "text-start", id },
  ...pieces.map((delta) => ({ type: "text-delta", id, delta }) as const),
  { type: "text-end", id }
]

/** A response of OpenAI's as its API gives it. */
export const response = (changes: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1_700_000_000,
  status: "completed",
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: null,
  model: "gpt-test-2026",
  output: [],
  parallel_tool_calls: true,
  temperature: 1,
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  usage: {
    input_tokens: 11,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 7,
    output_tokens_details: { reasoning_tokens: 2 },
    total_tokens: 18
  },
  ...changes
})

/** Events of OpenAI's as they are on the wire, numbered. */
export const events = (...all: ReadonlyArray<Readonly<Record<string, unknown>>>): string =>
  all
    .map(
      (event, index) =>
        `event: ${String(event["type"])}\ndata: ${JSON.stringify({ sequence_number: index, ...event })}\n\n`
    )
    .join("")

export const created = {
  type: "response.created",
  response: response({ status: "in_progress", usage: null })
}

export const delta = (text: string) => ({
  type: "response.output_text.delta",
  item_id: "msg_1",
  output_index: 0,
  content_index: 0,
  delta: text,
  logprobs: []
})

export const messageAdded = {
  type: "response.output_item.added",
  output_index: 0,
  item: { type: "message", id: "msg_1", status: "in_progress", role: "assistant", content: [] }
}

export const messageDone = (text: string) => ({
  type: "response.output_item.done",
  output_index: 0,
  item: {
    type: "message",
    id: "msg_1",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [], logprobs: [] }]
  }
})

/** The end of a response: of its type, with what is different from a good one. */
export const ended = (type: "completed" | "failed" | "incomplete" = "completed", changes: object = {}) => ({
  type: `response.${type}`,
  response: response(changes)
})

/** A streamed text of OpenAI's, whole. */
export const openAiText = (...pieces: ReadonlyArray<string>): string =>
  events(created, messageAdded, ...pieces.map(delta), messageDone(pieces.join("")), ended())

/** A call of a tool by OpenAI's model, whole. */
export const openAiToolCall = (name: string, args: string, id = "call_1"): string => {
  const item = { type: "function_call", id: `fc_${id}`, call_id: id, name, status: "completed" }
  return events(
    created,
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", arguments: "" }
    },
    {
      type: "response.function_call_arguments.delta",
      item_id: `fc_${id}`,
      output_index: 0,
      delta: args
    },
    { type: "response.output_item.done", output_index: 0, item: { ...item, arguments: args } },
    ended()
  )
}

/** A step that answers with a stream of events. */
export type Steps = ReadonlyArray<RawServer.Step>
