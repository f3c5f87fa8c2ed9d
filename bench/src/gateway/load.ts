/** Asks for chat completions, and checks that they are whole. */
import { Agent, request } from "node:http"
import type { Target } from "./processes.js"

const agent = new Agent({ keepAlive: true, maxSockets: 1000 })

/** Milliseconds until the first byte of the body, and until its end. */
export interface Took {
  readonly first: number
  readonly total: number
}

/** One call. It fails where the answer isn't the whole one. */
export const call = (target: Target, stream: boolean, lastToken: string): Promise<Took> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({
      model: "mock",
      stream,
      messages: [{ role: "user", content: "Why is the sky blue?" }]
    })
    const started = performance.now()
    const asked = request(
      {
        agent,
        host: "127.0.0.1",
        port: target.port,
        path: "/v1/chat/completions",
        method: "POST",
        headers: {
          "content-type": "application/json",
          "content-length": body.length,
          authorization: "Bearer test-key-bench",
          ...target.headers
        }
      },
      (response) => {
        let first = Number.NaN
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (piece: string) => {
          if (Number.isNaN(first)) first = performance.now() - started
          text += piece
        })
        response.on("end", () => {
          const whole = text.includes(lastToken) && (!stream || text.includes("[DONE]"))
          if (response.statusCode === 200 && whole) resolve({ first, total: performance.now() - started })
          else reject(new Error(`${target.name} answered ${response.statusCode}: ${text.slice(-500)}`))
        })
        response.on("error", reject)
      }
    )
    asked.on("error", (error: NodeJS.ErrnoException) => {
      // The server may close an idle connection at the moment at which it is used again.
      if (asked.reusedSocket && error.code === "ECONNRESET") resolve(call(target, stream, lastToken))
      else reject(error)
    })
    asked.end(body)
  })

/** Calls, so many at a time, until the time is over; how many were answered, in how many milliseconds. */
export const burst = async (
  one: () => Promise<unknown>,
  atOnce: number,
  ms: number
): Promise<{ readonly calls: number; readonly ms: number }> => {
  const started = performance.now()
  let calls = 0
  const worker = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      await one()
      calls++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { calls, ms: performance.now() - started }
}
