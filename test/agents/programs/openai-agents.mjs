/** A program of OpenAI's Agents SDK: an agent with a tool, run and streamed. */
import { Agent, run, setOpenAIAPI, setTracingDisabled, tool } from "@openai/agents"
import { z } from "zod"

const [wire] = process.argv.slice(2)
if (wire === "chatCompletions") setOpenAIAPI("chat_completions")
setTracingDisabled(true)

const weather = tool({
  name: "weather",
  description: "The weather of a city",
  parameters: z.object({ city: z.string() }),
  execute: ({ city }) => `${city}: 9 degrees`
})
const agent = new Agent({ name: "Traveller", instructions: "Be brief", model: "gpt-5.1", tools: [weather] })

const whole = await run(agent, "Compare Oslo and Rome")
const streaming = await run(agent, "Compare Oslo and Rome", { stream: true })
let streamed = ""
for await (const piece of streaming.toTextStream()) streamed += piece
await streaming.completed
const typed = await run(
  new Agent({
    name: "Clerk",
    model: "gpt-5.1",
    outputType: z.object({ city: z.string(), degrees: z.number() })
  }),
  "The weather of Rome"
)
process.stdout.write(JSON.stringify({ text: whole.finalOutput, streamed, object: typed.finalOutput }))
