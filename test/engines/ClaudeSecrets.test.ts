import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as AITask from "../../src/AITask.js"
import * as attempts from "../utils/attempts.js"
import { type Changes, block, end, engine, error, json, start, stopped, stream } from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

describe("Claude secrets", () => {
  const key = "sk-ant-S3CRET-KEY-0123456789"
  const header = "proxy-S3CRET-0123456789"
  const prompt = "The merger of ACME and\nInitech is to be announced on Monday morning"
  const system = "You are the assistant of the board; speak of nothing to nobody"
  const short = "Zebra?"
  const args = '{"share":"of ACME, 17.25 USD"}'
  const image = "https://example.org/ACME/Initech.png?signature=0123456789"
  const secrets = [key, header, "ACME", "Initech", "assistant of the board", "Zebra", "S3CRET"]
  const changes: Changes = {
    apiKey: Redacted.make(key),
    headers: { "x-proxy": `Token ${header}`, "x-version": "a" }
  }
  const options: AITask.Options = {
    mode: "streaming",
    systemPrompt: system,
    messages: [
      { role: "user", content: prompt },
      { role: "assistant", content: short, toolCalls: [{ id: "a", name: "f", arguments: args }] },
      { role: "tool", toolCallId: "a", content: "nothing" },
      {
        role: "user",
        content: [
          { type: "text", text: "Look" },
          { type: "image", url: image }
        ]
      },
      { role: "user", content: "ok" }
    ]
  }
  const asked = (steps: ReadonlyArray<RawServer.Step>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* RawServer.make(steps)
        const made = yield* engine(server.url, changes)
        const asked = yield* AITask.make(options)
        return yield* Effect.flip(attempts.events(made, asked, "prefilled with many words of before"))
      })
    )

  const told = (error: unknown): string =>
    [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join("\n")

  const clean = (error: unknown): void => {
    for (const secret of secrets) assert.notInclude(told(error), secret)
    assert.notInclude(told(error), "prefilled with many")
  }

  const echo = `bad key ${key} or ${header} for [${prompt}] under [${system.slice(0, 40)}…] after ${short}, ok? prefilled with many words of`

  it.live("never show in an error, even where the server repeats them", () =>
    Effect.gen(function* () {
      for (const steps of [
        json(401, error("authentication_error", echo), { "request-id": `req-${key}` }),
        RawServer.answer(500, "text/plain", echo),
        RawServer.answer(500, "text/plain", `can't fetch ${image} for ${args}`),
        RawServer.answer(500, "text/plain", `${prompt}${prompt} ${key}${"y".repeat(880)}${key}`),
        stream(error("overloaded_error", echo)),
        stream(
          start(),
          block(),
          stopped("refusal", null, { stop_details: { category: "a", explanation: echo } }),
          end
        ),
        RawServer.answer(200, "text/event-stream", `data: ${echo}\n\n`),
        RawServer.answer(200, "text/event-stream", `event: error\ndata: ${JSON.stringify(echo)}\n\n`),
        [RawServer.reset],
        [RawServer.send(RawServer.chunkedHead("text/event-stream") + RawServer.chunk(echo)), RawServer.reset],
        [RawServer.send("HTTP/1.1 nonsense\r\n\r\n")]
      ]) {
        clean(yield* asked(steps))
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("leave the rest of what the server said", () =>
    Effect.gen(function* () {
      const failed = yield* asked(json(401, error("authentication_error", echo)))
      assert.strictEqual(
        failed.description,
        "bad key <redacted> or <redacted> for [<redacted>] under [<redacted>…] after <redacted>, ok? <redacted>"
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
