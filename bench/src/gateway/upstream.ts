/** A provider that answers at once: the same tokens whole, or one server-sent event each. */
import { createServer, type ServerResponse } from "node:http"

const tokens = Number(process.argv[2])
/** Milliseconds between two tokens of a stream; 0 for a turn of the event loop. */
const pace = Number(process.argv[3])

const words = Array.from({ length: tokens }, (_, index) => `token${index} `)
const usage = { prompt_tokens: 12, completion_tokens: tokens, total_tokens: 12 + tokens }
const common = { id: "chatcmpl-1", created: 1, model: "mock" }

const event = (delta: object, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] })}\n\n`

const events = [
  ...words.map((content) => event({ content })),
  event({}, "stop") +
    `data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices: [], usage })}\n\n` +
    "data: [DONE]\n\n"
].map((text) => Buffer.from(text))

const whole = Buffer.from(
  JSON.stringify({
    ...common,
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: words.join("") }, finish_reason: "stop" }],
    usage
  })
)

const later = pace === 0 ? setImmediate : (next: () => void) => void setTimeout(next, pace)

const stream = (response: ServerResponse, index = 0): void => {
  const piece = events[index]
  if (piece === undefined || response.destroyed) return void response.end()
  response.write(piece)
  later(() => stream(response, index + 1))
}

const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8").on("data", (piece: string) => (body += piece))
  request.on("end", () => {
    const asked: { readonly stream?: boolean } = JSON.parse(body)
    if (asked.stream === true) {
      response.writeHead(200, { "content-type": "text/event-stream" })
      stream(response)
    } else {
      response.writeHead(200, { "content-type": "application/json", "content-length": whole.length })
      response.end(whole)
    }
  })
})

// On a busy machine connections that are closed for idleness would race with requests.
server.keepAliveTimeout = 0

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  process.send?.(typeof address === "object" && address !== null ? address.port : 0)
})
