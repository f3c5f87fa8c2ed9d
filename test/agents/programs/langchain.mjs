/** A program of LangChain: an agent with a tool, invoked and streamed. */
import { ChatAnthropic } from "@langchain/anthropic"
import { ChatOpenAI } from "@langchain/openai"
import { createAgent, tool } from "langchain"
import { z } from "zod"

const [wire] = process.argv.slice(2)
const models = {
  messages: () => new ChatAnthropic({ model: "claude-sonnet-4-5", maxRetries: 0 }),
  chatCompletions: () => new ChatOpenAI({ model: "gpt-5.1", maxRetries: 0 }),
  responses: () => new ChatOpenAI({ model: "gpt-5.1", maxRetries: 0, useResponsesApi: true })
}
const weather = tool(({ city }) => `${city}: 9 degrees`, {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})
const agent = createAgent({ model: models[wire](), tools: [weather], systemPrompt: "Be brief" })
const asked = { messages: [{ role: "user", content: "Compare Oslo and Rome" }] }

const textOf = (content) =>
  typeof content === "string" ? content : content.map(({ text }) => text ?? "").join("")

const { messages } = await agent.invoke(asked)
let streamed = ""
for await (const [piece] of await agent.stream(asked, { streamMode: "messages" })) {
  if (piece.type === "ai") streamed += textOf(piece.content)
}
process.stdout.write(
  JSON.stringify({ text: textOf(messages.at(-1).content), messages: messages.length, streamed })
)
