import { answer, error, writer } from "./chat/answer.js"
import { question } from "./chat/request.js"
import type { Dialect } from "./dialect.js"

/** OpenAI's Chat Completions. */
export const dialect: Dialect = {
  wire: "chatCompletions",
  question,
  answer,
  writer,
  error,
  keepAlive: ": waiting\n\n",
  idHeader: "x-request-id",
  values: "values"
}
