/** A program of Effect AI: a toolkit, an object and a stream. */
import { Chat, LanguageModel, Tool, Toolkit } from "@effect/ai"
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient } from "@effect/platform"
import { Config, Effect, Layer, Schema, Stream } from "effect"

const [wire] = process.argv.slice(2)
const models = {
  messages: () =>
    Layer.provide(
      AnthropicLanguageModel.layer({ model: "claude-sonnet-4-5", config: { max_tokens: 4096 } }),
      AnthropicClient.layerConfig({
        apiKey: Config.redacted("ANTHROPIC_API_KEY"),
        apiUrl: Config.string("ANTHROPIC_BASE_URL")
      })
    ),
  responses: () =>
    Layer.provide(
      OpenAiLanguageModel.layer({ model: "gpt-5.1" }),
      OpenAiClient.layerConfig({
        apiKey: Config.redacted("OPENAI_API_KEY"),
        apiUrl: Config.string("OPENAI_BASE_URL")
      })
    )
}

const Weather = Tool.make("weather", {
  description: "The weather of a city",
  parameters: { city: Schema.String },
  success: Schema.String
})
const toolkit = Toolkit.make(Weather)

const program = Effect.gen(function* () {
  const chat = yield* Chat.fromPrompt([{ role: "system", content: "Be brief" }])
  let answer = yield* chat.generateText({ prompt: "Compare Oslo and Rome", toolkit })
  while (answer.toolCalls.length > 0) answer = yield* chat.generateText({ prompt: [], toolkit })
  const streamed = yield* LanguageModel.streamText({ prompt: "Say hello" }).pipe(
    Stream.filter(({ type }) => type === "text-delta"),
    Stream.runFold("", (text, { delta }) => text + delta)
  )
  const { value } = yield* LanguageModel.generateObject({
    prompt: "The weather of Rome",
    objectName: "weather_report",
    schema: Schema.Struct({ city: Schema.String, degrees: Schema.Number })
  })
  process.stdout.write(JSON.stringify({ text: answer.text, streamed, object: value }))
})

await Effect.runPromise(
  program.pipe(
    Effect.provide(toolkit.toLayer({ weather: ({ city }) => Effect.succeed(`${city}: 9 degrees`) })),
    Effect.provide(Layer.provide(models[wire](), FetchHttpClient.layer))
  )
)
