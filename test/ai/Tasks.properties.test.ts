import { LanguageModel } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import { Arbitraries, Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as AIProvider from "../../src/AIProvider.js"
import * as AITask from "../../src/AITask.js"
import * as attempts from "../utils/attempts.js"
import * as models from "../utils/languageModels.js"
import { runs } from "../utils/property.js"
import { overScripted } from "../utils/sagaLanguageModel.js"

/** Tasks that a language model can be asked: it knows a tool by its name, and JSON by its schema. */
const tasks = Arbitraries.task().filter(({ responseFormat, tools = [] }) => {
  const names = new Set(tools.map(({ name }) => name))
  return names.size === tools.length && responseFormat?.type !== "json"
})

/** A message, whichever of the ways it is said in. */
const sameMessage = (message: AITask.Message): unknown => {
  switch (message.role) {
    case "user":
      return AITask.parts(message).map((part) => (part.type === "image" ? new URL(part.url).href : part))
    case "assistant":
      return [
        message.content,
        (message.toolCalls ?? []).map((call) => {
          const parsed: unknown = JSON.parse(call.arguments)
          const isObject = typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
          return { ...call, arguments: isObject ? JSON.stringify(parsed) : call.arguments }
        })
      ]
    case "tool":
    case "system":
      return message
  }
}

/** What of a task a language model is asked. */
const said = ({ messages, responseFormat, systemPrompt, toolChoice, tools }: AITask.AITask) => ({
  messages: messages.map(sameMessage),
  responseFormat: responseFormat?.type === "text" ? undefined : responseFormat,
  systemPrompt,
  // A toolkit has them by their names.
  tools: tools?.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
  toolChoice: tools === undefined ? undefined : (toolChoice ?? "auto")
})

describe("a task, whatever it says", () => {
  it.effect.prop(
    "is the same after it has been said to a language model that is the orchestrator",
    [tasks],
    ([task]) =>
      Effect.gen(function* () {
        const { layer, tasks: received } = yield* overScripted([
          {
            provider: AIProvider.unsafeMake("first"),
            capabilities: { images: true },
            script: [Behaviour.answer({ text: "{}" })]
          }
        ])
        const model = yield* Effect.provide(LanguageModel.LanguageModel, layer)
        yield* attempts.events(yield* models.scriptedEngine(model), task)
        const [given] = yield* received
        assert(given !== undefined)
        assert.deepStrictEqual(said(given), said(task))
      }),
    runs()
  )
})
