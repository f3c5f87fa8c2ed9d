import type * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type * as AITask from "../../AITask.js"
import * as embeddings from "../../wire/embeddings.js"
import * as chat from "./chat.js"
import { type ChatRequest, type Dialect, type Question, questionOf, setting } from "./dialect.js"
import type { Reading } from "./reading.js"

/** An input as text, for those who look at what is asked: of tokens their numbers. */
const textOf = (reading: Reading, input: unknown, field: string): string | undefined => {
  if (typeof input === "string") return input
  if (embeddings.isTokens(input)) return input.join(" ")
  // Some servers embed more than text.
  return Predicate.isRecord(input)
    ? JSON.stringify(input)
    : reading.expected(field, "a text or a list of tokens", input)
}

const messageOf = (reading: Reading, body: Readonly<Record<string, unknown>>): AITask.Message => {
  const inputs = embeddings.inputs(body)
  if (inputs.length === 0) reading.fault("input", "Expected something to embed, actual an empty list")
  const texts = inputs.flatMap((input, index) => {
    const text = textOf(reading, input, Array.isArray(body["input"]) ? `input[${index}]` : "input")
    return text === undefined ? [] : [text]
  })
  const [first = "", ...others] = texts
  const part = (text: string): AITask.TextPart => ({ type: "text", text })
  return {
    role: "user",
    content: others.length === 0 ? first : [part(first), ...others.map(part)]
  }
}

/** What a body of Embeddings asks for. */
const question = (json: unknown): Either.Either<ChatRequest, Question> =>
  questionOf("embeddings", json, (reading, body) => {
    if (body["stream"] === true) reading.expected("stream", "false, since embeddings come whole", true)
    return {
      messages: [messageOf(reading, body)],
      fields: setting("userId", body["user"]),
      includeUsage: false
    }
  })

/** OpenAI's Embeddings, which are answered as they came, or with an error. */
export const dialect: Dialect = {
  ...chat.dialect,
  wire: "embeddings",
  question,
  answer: (_, { model }) => {
    throw new Error(
      `The engine of the model ${model} has given no embeddings: they are Native events of its wire`
    )
  },
  values: "embedded"
}
