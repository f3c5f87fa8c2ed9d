import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as AITask from "../../src/AITask.js"
import type * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

const { chunk, end, lastChunk, pause, send } = RawServer

const task = Either.getOrThrow(AITask.make({ prompt: "Say hi", mode: "streaming" }))

const wrongTypes = ["application/json", "text/html; charset=utf-8", "application/x-ndjson", "text/plain"]

const engineOf = {
  chat: (url: string) => chat.engine(url),
  messages: (url: string) => messages.engine(url)
}

const text = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) => attempts.text(events)

describe("an engine reads a body as what it is", () => {
  it.live("events under another content type, each when it comes", () =>
    Effect.gen(function* () {
      for (const contentType of wrongTypes) {
        for (const [wire, first, rest] of [
          ["chat", chat.hi, chat.stop + chat.usage + chat.done],
          ["messages", messages.hi, messages.rest]
        ] as const) {
          const server = yield* RawServer.make([
            send(RawServer.chunkedHead(contentType) + chunk(first)),
            pause(50),
            send(chunk(rest) + lastChunk),
            end
          ])
          const chunks = yield* attempts.chunks(yield* engineOf[wire](server.url), task)
          const texts = chunks.map(text)
          assert.strictEqual(texts.join(""), "Hi")
          assert.notStrictEqual(texts.at(-1), "Hi", `${wire} ${contentType}`)
        }
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.live("an answer in one piece where a stream is announced", () =>
    Effect.gen(function* () {
      const piece = { choices: [{ message: { content: "Hi" }, finish_reason: "stop" }] }
      for (const [wire, body] of [
        ["chat", JSON.stringify(piece)],
        ["chat", `${JSON.stringify(piece)}\n\ndata: [DONE]\n\n`],
        ["messages", JSON.stringify(messages.piece())]
      ] as const) {
        const server = yield* RawServer.make(RawServer.answer(200, "text/event-stream", body))
        assert.strictEqual(text(yield* attempts.events(yield* engineOf[wire](server.url), task)), "Hi")
      }
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.live("an error that is an event", () =>
    Effect.gen(function* () {
      const coded = JSON.stringify(chat.coded("rate_limit_exceeded", "Slow down"))
      for (const body of [
        `data: ${coded}\n\n`,
        `: ping\n\nevent: error\ndata: ${coded}\n\ndata: [DONE]\n\n`,
        `data:\n\ndata: ${coded}`,
        coded
      ]) {
        const server = yield* RawServer.make(RawServer.answer(429, "text/event-stream", body))
        const error = yield* Effect.flip(attempts.events(yield* chat.engine(server.url), task))
        assert.deepInclude(attempts.fields(error), {
          _tag: "RateLimitError",
          description: "Slow down",
          status: 429
        })
      }
      const empty = yield* RawServer.make(RawServer.answer(429, "text/event-stream", "data:\n\n"))
      const error = yield* Effect.flip(attempts.events(yield* chat.engine(empty.url), task))
      assert.deepInclude(attempts.fields(error), { _tag: "RateLimitError", status: 429 })
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )
})
