/** Engines over servers of the test's own, and what such servers say. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { LLMock } from "@copilotkit/aimock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as OpenAICompatible from "../../src/engines/OpenAICompatible.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as TokenUsage from "../../src/TokenUsage.js"
import * as attempts from "./attempts.js"
import * as RawServer from "./RawServer.js"

/** Differences from the usual options. */
export type Changes = Partial<OpenAICompatible.Options>

/** An engine for a server. */
export const engine = (baseUrl: string, changes: Changes = {}) =>
  OpenAICompatible.make({ provider: AIProvider.Gpt4, baseUrl, model: "gpt-4o", ...changes })

/** A task that says hi. */
export const task = (options: Partial<AITask.Options> = {}) =>
  AITask.make({ ...(options.messages === undefined ? { prompt: "Say hi" } : {}), ...options })

/** A streaming task. */
export const streaming = task({ mode: "streaming" })

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

/** A third-party server that answers by fixtures. */
export const mock = Effect.acquireRelease(
  Effect.promise(() => LLMock.create({ port: 0, logLevel: "silent" })),
  (server) => Effect.promise(() => server.stop())
)

/** The HTTP clients that engines run over. */
export const clients: ReadonlyArray<readonly [string, Layer.Layer<HttpClient.HttpClient>]> = [
  ["fetch", FetchHttpClient.layer],
  ["undici", NodeHttpClient.layerUndici],
  ["node:http", NodeHttpClient.layer]
]

/** The head of a stream in HTTP chunks. */
export const eventStream = RawServer.chunkedHead("text/event-stream")

export const hi = 'data: {"model":"gpt-4o-2024","choices":[{"delta":{"content":"Hi"}}]}\n\n'
export const stop = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
export const usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
export const done = "data: [DONE]\n\n"

/** A whole streamed answer. */
export const whole = RawServer.answer(200, "text/event-stream", hi + stop + usage + done)

/** What a whole answer gives. */
export const wholeEvents = [
  ReasoningEngine.textDelta("Hi"),
  ReasoningEngine.usage(TokenUsage.make({ inputTokens: 3, outputTokens: 1 })),
  ReasoningEngine.finish("stop", "gpt-4o-2024")
]

/** An error's body as OpenAI writes it. */
export const coded = (code: string | number | null, message = "no", type = "some_error") => ({
  error: { message, type, param: null, code }
})

/** An answer of JSON. */
export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  RawServer.answer(status, "application/json", JSON.stringify(body), headers)

/** An answer of events with this data. */
export const stream = (...events: ReadonlyArray<string>) =>
  RawServer.answer(200, "text/event-stream", events.map((data) => `data: ${data}\n\n`).join(""))

/** An event with a piece of the answer. */
export const delta = (delta: unknown, more: object = {}) => ({ choices: [{ index: 0, delta, ...more }] })

/** An event with a finish reason. */
export const finish = (finish_reason: string) => delta({}, { finish_reason })

/** Usage of so many tokens. */
export const counted = (inputTokens: number, outputTokens: number) =>
  ReasoningEngine.usage(TokenUsage.make({ inputTokens, outputTokens }))
