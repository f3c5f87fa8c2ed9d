/** The Vercel AI SDK with its own mock model: bare, with ai-fallback, and with ai-retry. */
import { APICallError, generateText, streamText } from "ai"
import { MockLanguageModelV4 } from "ai/test"
import { createFallback } from "ai-fallback"
import { createRetryableModel } from "ai-retry/language-model"
import * as work from "./work.js"

type Options = Parameters<MockLanguageModelV4["doGenerate"]>[0]
type StreamPart =
  Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer P> ? P : never

const promptOf = (options: Options): string => {
  const content = options.prompt.at(-1)?.content
  const part = Array.isArray(content) ? content[0] : undefined
  return part?.type === "text" ? part.text : ""
}

const usageOf = (answer: work.Answer) => ({
  inputTokens: { total: answer.inputTokens, noCache: answer.inputTokens, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: answer.outputTokens, text: answer.outputTokens, reasoning: 0 }
})

const stop = { unified: "stop", raw: "stop" } as const

const quota = (): APICallError =>
  new APICallError({
    message: "insufficient_quota",
    url: "http://127.0.0.1/",
    requestBodyValues: {},
    statusCode: 429,
    isRetryable: false
  })

const reset = (): APICallError =>
  new APICallError({
    message: "server_error: connection reset",
    url: "http://127.0.0.1/",
    requestBodyValues: {},
    isRetryable: true
  })

/** Twenty parts are enqueued at a time, as a decoder does with what one read of the socket held. */
const partsOf = (answer: work.Answer, script: work.Script): ReadableStream<StreamPart> => {
  let next = 0
  const cutAt = script.fails === "midway" ? answer.chunks.length / 2 : Number.POSITIVE_INFINITY
  return new ReadableStream<StreamPart>({
    pull: async (controller) => {
      if (script.pace === "awaited") await work.turn()
      const chunk = answer.chunks[next]
      if (next === 0) {
        controller.enqueue({ type: "stream-start", warnings: [] })
        controller.enqueue({ type: "text-start", id: "0" })
      }
      if (next >= cutAt) {
        controller.error(reset())
        return
      }
      for (const delta of chunk ?? []) controller.enqueue({ type: "text-delta", id: "0", delta })
      next++
      if (next >= answer.chunks.length) {
        controller.enqueue({ type: "text-end", id: "0" })
        controller.enqueue({ type: "finish", finishReason: stop, usage: usageOf(answer) })
        controller.close()
      }
    }
  })
}

const modelOf = (script: work.Script): MockLanguageModelV4 => {
  const begin = async (): Promise<void> => {
    if (script.pace === "awaited") await work.turn()
    if (script.fails === "first") throw quota()
  }
  return new MockLanguageModelV4({
    provider: script.name,
    modelId: script.name,
    doGenerate: async (options) => {
      await begin()
      const answer = work.answerTo(promptOf(options))
      return {
        content: [{ type: "text", text: answer.text }],
        finishReason: stop,
        usage: usageOf(answer),
        warnings: []
      }
    },
    doStream: async (options) => {
      await begin()
      return { stream: partsOf(work.answerTo(promptOf(options)), script) }
    }
  })
}

type Wrap = (
  primary: MockLanguageModelV4,
  fallback: MockLanguageModelV4,
  forget: boolean
) => Parameters<typeof generateText>[0]["model"]

const contestant = (
  name: string,
  does: string,
  failsOver: boolean,
  maxRetries: number,
  wrap: Wrap
): work.Contestant => ({
  name,
  does,
  failsOver,
  client: async (primary, fallback, { forget }) => {
    const models = [modelOf(primary), modelOf(fallback)] as const
    const model = wrap(models[0], models[1], forget)
    return {
      complete: async (prompt) => (await generateText({ model, prompt, maxRetries })).text,
      stream: async (prompt) => {
        // Without onError the SDK prints every error.
        const result = streamText({ model, prompt, maxRetries, onError: () => {} })
        let text = ""
        for await (const delta of result.textStream) text += delta
        // The text stream ends quietly when the answer broke off; this one tells.
        if ((await result.finishReason) !== "stop") throw new Error("the answer broke off")
        return text
      },
      reset: () => {
        for (const mock of models) {
          mock.doGenerateCalls.length = 0
          mock.doStreamCalls.length = 0
        }
      }
    }
  }
})

export const bare: work.Contestant = contestant(
  "ai",
  "2 retries by its default, no failover; no deadline; usage, no cost",
  false,
  2,
  (primary) => primary
)

export const withFallback: work.Contestant = contestant(
  "ai + ai-fallback",
  "the above, failover; no deadline; usage, no cost",
  true,
  2,
  (primary, fallback, forget) =>
    createFallback({ models: [primary, fallback], ...(forget ? { modelResetInterval: 0 } : {}) })
)

export const withRetry: work.Contestant = contestant(
  "ai + ai-retry",
  "failover by ai-retry, which owns the retries (maxRetries 0, as it asks); no deadline; usage, no cost",
  true,
  0,
  (primary, fallback) => createRetryableModel({ model: primary, retries: [fallback] })
)
