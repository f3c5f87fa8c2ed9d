/** What the contract's law of secrets doesn't know of: a whole conversation, its tools, images and prefill. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import * as AITask from "../../src/AITask.js"
import * as attempts from "../utils/attempts.js"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

const key = "sk-S3CRET-KEY-0123456789"
const header = "proxy-S3CRET-0123456789"
const prompt = "The merger of ACME and\nInitech is to be announced on Monday morning"
const system = "You are the assistant of the board; speak of nothing to nobody"
const short = "Zebra?"
const args = '{"share":"of ACME, 17.25 USD"}'
const image = "https://example.org/ACME/Initech.png?signature=0123456789"
const prefill = "prefilled with many words of before"
const secrets = [
  key,
  header,
  "ACME",
  "Initech",
  "assistant of the board",
  "Zebra",
  "S3CRET",
  "prefilled with many"
]

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

const echo = `bad key ${key} or ${header} for [${prompt}] under [${system.slice(0, 40)}…] after ${short}, ok? prefilled with many words of`

const changes = {
  apiKey: Redacted.make(key),
  headers: { "x-proxy": `Token ${header}`, "x-version": "a" }
}

const event = RawServer.chunkedHead("text/event-stream") + RawServer.chunk(echo)

/** An engine, how its provider tells a failure, and in which other ways it can repeat what it was told. */
const wires = [
  {
    name: "Claude",
    engine: (url: string) => messages.engine(url, changes),
    refuse: (said: string, headers = {}) =>
      messages.json(401, messages.error("authentication_error", said), headers),
    others: [
      messages.stream(messages.error("overloaded_error", echo)),
      messages.stream(
        messages.start(),
        messages.block(),
        messages.stopped("refusal", null, { stop_details: { category: "a", explanation: echo } }),
        messages.end
      ),
      RawServer.answer(200, "text/event-stream", `event: error\ndata: ${JSON.stringify(echo)}\n\n`)
    ]
  },
  {
    name: "OpenAICompatible",
    engine: (url: string) => chat.engine(url, changes),
    refuse: (said: string, headers = {}) => chat.json(401, chat.coded(null, said), headers),
    others: [
      chat.stream(JSON.stringify(chat.coded(null, echo))),
      chat.stream(JSON.stringify({ choices: [{ delta: { refusal: echo } }] }), "[DONE]")
    ]
  }
]

describe.each(wires)("The secrets of $name", ({ engine, others, refuse }) => {
  const asked = (steps: ReadonlyArray<RawServer.Step>) =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(steps)
      const made = yield* engine(server.url)
      return yield* Effect.flip(attempts.events(made, yield* AITask.make(options), prefill))
    }).pipe(Effect.scoped)

  it.live("never show in an error, even where the server repeats them", () =>
    Effect.gen(function* () {
      for (const steps of [
        refuse(echo, { "request-id": `req-${key}`, "x-request-id": `req-${key}` }),
        ...others,
        RawServer.answer(500, "text/plain", echo),
        RawServer.answer(500, "text/plain", `can't fetch ${image} for ${args}`),
        RawServer.answer(500, "text/plain", `${prompt}${prompt} ${key}${"y".repeat(880)}${key}`),
        RawServer.answer(200, "text/event-stream", `data: ${echo}\n\n`),
        [RawServer.reset],
        [RawServer.send(event), RawServer.reset],
        [RawServer.send("HTTP/1.1 nonsense\r\n\r\n")]
      ]) {
        const error = yield* asked(steps)
        const told = [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })]
        for (const secret of secrets) assert.notInclude(told.join("\n"), secret)
      }
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.live("leave the rest of what the server said", () =>
    Effect.gen(function* () {
      const error = yield* asked(refuse(echo))
      assert.strictEqual(
        error.description,
        "bad key <redacted> or <redacted> for [<redacted>] under [<redacted>…] after <redacted>, ok? <redacted>"
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
