/** LangChain's runnables over its own fake chat model. */
import { AIMessage, AIMessageChunk, type BaseMessage } from "@langchain/core/messages"
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs"
import { FakeListChatModel } from "@langchain/core/utils/testing"
import * as work from "./work.js"

const promptOf = (messages: ReadonlyArray<BaseMessage>): string => {
  const content = messages.at(-1)?.content
  return typeof content === "string" ? content : ""
}

const usageOf = (answer: work.Answer) => ({
  input_tokens: answer.inputTokens,
  output_tokens: answer.outputTokens,
  total_tokens: answer.inputTokens + answer.outputTokens
})

const quota = (): Error =>
  Object.assign(new Error("You exceeded your current quota"), { status: 429, code: "insufficient_quota" })

/** FakeListChatModel, answering by the prompt instead of in turn, and streaming by token, not by letter. */
class ScriptedChatModel extends FakeListChatModel {
  constructor(readonly script: work.Script) {
    super({ responses: [""] })
  }

  private async begin(): Promise<void> {
    if (this.script.pace === "awaited") await work.turn()
    if (this.script.fails === "first") throw quota()
  }

  override async _generate(messages: Array<BaseMessage>): Promise<ChatResult> {
    await this.begin()
    const answer = work.answerTo(promptOf(messages))
    return {
      generations: [
        {
          text: answer.text,
          message: Object.assign(new AIMessage(answer.text), { usage_metadata: usageOf(answer) })
        }
      ],
      llmOutput: {}
    }
  }

  override async *_streamResponseChunks(
    messages: Array<BaseMessage>,
    _options: this["ParsedCallOptions"],
    runManager?: Parameters<FakeListChatModel["_streamResponseChunks"]>[2]
  ): AsyncGenerator<ChatGenerationChunk> {
    await this.begin()
    const answer = work.answerTo(promptOf(messages))
    let next = 0
    for (const chunk of answer.chunks) {
      if (this.script.pace === "awaited") await work.turn()
      if (this.script.fails === "midway" && next++ === answer.chunks.length / 2) {
        throw new Error("connection reset")
      }
      for (const text of chunk) {
        yield new ChatGenerationChunk({ text, message: new AIMessageChunk({ content: text }) })
        void runManager?.handleLLMNewToken(text)
      }
    }
    yield new ChatGenerationChunk({
      text: "",
      message: Object.assign(new AIMessageChunk({ content: "" }), { usage_metadata: usageOf(answer) })
    })
  }
}

export const contestant: work.Contestant = {
  name: "@langchain/core",
  does: "withRetry (3 attempts, quota errors not retried), withFallbacks; no deadline; usage, no cost",
  failsOver: true,
  client: async (primary, fallback) => {
    const model = new ScriptedChatModel(primary)
      .withRetry({
        stopAfterAttempt: 3,
        onFailedAttempt: (error: { readonly code?: string }) => {
          if (error.code === "insufficient_quota") throw error
        }
      })
      .withFallbacks([new ScriptedChatModel(fallback)])
    return {
      complete: async (prompt) => {
        const { content } = await model.invoke(prompt)
        return typeof content === "string" ? content : ""
      },
      stream: async (prompt) => {
        let text = ""
        for await (const { content } of await model.stream(prompt)) {
          if (typeof content === "string") text += content
        }
        return text
      },
      reset: () => {}
    }
  }
}
