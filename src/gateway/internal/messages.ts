import type { Dialect } from "./dialect.js"
import { answer, error, writer } from "./messages/answer.js"
import { question } from "./messages/request.js"

/** Anthropic's Messages. */
export const dialect: Dialect = {
  wire: "messages",
  question,
  answer,
  writer,
  error,
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
  idHeader: "request-id",
  values: "values"
}
