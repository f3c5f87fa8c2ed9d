import { error } from "./chat/answer.js"
import type { Dialect } from "./dialect.js"
import { answer } from "./responses/answer.js"
import { question } from "./responses/request.js"
import { writer } from "./responses/writer.js"

/** OpenAI's Responses. */
export const dialect: Dialect = {
  wire: "responses",
  question,
  answer,
  writer,
  error,
  // Codex repeats a call 30 times upon a 5xx, and once upon this, which says that it is to be repeated later.
  failedStatus: 429,
  // Codex's timer doesn't hear comments; an event of a type that isn't known is passed over.
  keepAlive: 'event: keepalive\ndata: {"type":"keepalive"}\n\n',
  idHeader: "x-request-id",
  values: "values"
}
