/** A program of the AI SDK: tools over several steps, streamed and whole, an object, and a model that thinks. */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createOpenAI } from "@ai-sdk/openai"
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai"
import { z } from "zod"

const [wire] = process.argv.slice(2)
const models = {
  messages: () => createAnthropic()("claude-sonnet-4-5"),
  chatCompletions: () => createOpenAI().chat("gpt-5.1"),
  responses: () => createOpenAI()("gpt-5.1")
}
const model = models[wire]()

const tools = {
  weather: tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => `${city}: 9 degrees`
  })
}
const asked = {
  model,
  tools,
  system: "Be brief",
  prompt: "Compare Oslo and Rome",
  stopWhen: stepCountIs(5),
  maxRetries: 0
}

const whole = await generateText(asked)
const streaming = streamText({
  ...asked,
  onError: ({ error }) => {
    throw error
  }
})
const pieces = []
for await (const piece of streaming.textStream) pieces.push(piece)
const { object } = await generateObject({
  model,
  schema: z.object({ city: z.string(), degrees: z.number() }),
  prompt: "The weather of Rome",
  maxRetries: 0
})
const thought = await generateText({
  model,
  prompt: "Think",
  maxRetries: 0,
  providerOptions: {
    anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } },
    openai: { reasoningEffort: "high" }
  }
})
process.stdout.write(
  JSON.stringify({
    whole: { text: whole.text, steps: whole.steps.length, usage: whole.totalUsage.totalTokens },
    streamed: { pieces, steps: (await streaming.steps).length },
    object,
    thought: { text: thought.text, reasoning: thought.reasoningText }
  })
)
