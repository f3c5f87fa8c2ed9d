/** Answers that break off, or end otherwise than their wire has it: what the client reads is one valid message. */
import Anthropic from "@anthropic-ai/sdk"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import OpenAI from "openai"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { start } from "./harness.js"

const whole = "Light scatters from air."
const apiKey = Redacted.make("sk-test-key")
const said = [{ role: "user", content: "Hi" } as const]

const wires = ["chatCompletions", "responses"] as const

/** A gateway over one provider of each wire with this answer, and another that would say the whole text. */
const over = (steps: ReadonlyArray<RawServer.Step>) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(steps)
    const house = {
      provider: AIProvider.unsafeMake("house"),
      baseUrl: upstream.url,
      model: "m",
      apiKey,
      wires
    }
    const registered = yield* Effect.all([
      Claude.make({ baseUrl: upstream.url, model: "m", apiKey }),
      OpenAICompatible.make(house)
    ]).pipe(Effect.orDie, Effect.provide(FetchHttpClient.layer))
    const other = { provider: AIProvider.Gpt4, script: [Behaviour.answer({ text: whole })] } as const
    const { url } = yield* start({ engines: [other], registered })
    return url
  }).pipe(Effect.orDie)

const body = (events: string): ReadonlyArray<RawServer.Step> =>
  RawServer.answer(200, "text/event-stream", events)

/** What comes, a piece of the network each, and is cut then. */
const cut = (...pieces: ReadonlyArray<string>): ReadonlyArray<RawServer.Step> => [
  RawServer.send(RawServer.head(200, "text/event-stream")),
  ...pieces.flatMap((piece) => [RawServer.send(piece), RawServer.pause(20)]),
  RawServer.reset
]

/** What a client reads, or how it fails. */
const asked = <A>(ask: () => Promise<A>): Effect.Effect<A, string> =>
  Effect.tryPromise({ try: ask, catch: String })

/** What Anthropic's client reads. */
const message = (steps: ReadonlyArray<RawServer.Step>) =>
  Effect.flatMap(over(steps), (baseURL) =>
    asked(() =>
      new Anthropic({ baseURL, apiKey: "test", maxRetries: 0 }).messages
        .stream({ model: "claude", max_tokens: 9, messages: said })
        .finalMessage()
    )
  )

/** What OpenAI's client reads. */
const completion = (steps: ReadonlyArray<RawServer.Step>) =>
  Effect.flatMap(over(steps), (url) =>
    asked(() =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: "test", maxRetries: 0 }).chat.completions
        .stream({ model: "house", messages: said })
        .finalChatCompletion()
    )
  )

const chunk = (delta: unknown, more: object = {}): string =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`

const begun = messages.wire(messages.start(), messages.block(), messages.text("Light "))
const { blockStop, end, stopped } = messages

describe("an answer that is handed on as it comes", () => {
  for (const type of ["tool_use", "server_tool_use", "block_of_next_year"]) {
    it.scopedLive(`and is cut in a block of another kind isn't continued: ${type}`, () =>
      Effect.gen(function* () {
        const block = { type, id: "t", name: "look", input: {} }
        const half = messages.delta({ type: "input_json_delta", partial_json: '{"a":' }, 1)
        const steps = cut(begun, messages.wire(blockStop(), messages.block(block, 1), half))
        const error = yield* Effect.flip(message(steps))
        assert.include(error, "broke off")
      })
    )
  }

  for (const type of ["function_call", "custom_tool_call", "web_search_call", "item_of_next_year"]) {
    it.scopedLive(`and is cut in an item of another kind isn't continued: ${type}`, () =>
      Effect.gen(function* () {
        const events = (...all: ReadonlyArray<Readonly<Record<string, unknown>>>): string =>
          all.map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`).join("")
        const response = { id: "r", object: "response", status: "in_progress", output: [] }
        const text = { type: "message", id: "m", role: "assistant", status: "in_progress", content: [] }
        const at = { item_id: "m", output_index: 0, content_index: 0 }
        const url = yield* over(
          cut(
            events(
              { type: "response.created", response },
              { type: "response.output_item.added", output_index: 0, item: text },
              { type: "response.output_text.delta", ...at, delta: "Light " }
            ),
            events({
              type: "response.output_item.added",
              output_index: 1,
              item: { type, id: "i", call_id: "t", name: "look", arguments: "" }
            })
          )
        )
        const answer = yield* Effect.promise(async () => {
          const question = { model: "house", stream: true, input: "Hi" }
          const headers = { "content-type": "application/json" }
          const init = { method: "POST", headers, body: JSON.stringify(question) }
          return (await fetch(`${url}/v1/responses`, init)).text()
        })
        assert.include(answer, "response.failed")
        assert.notInclude(answer, "response.completed")
        assert.notInclude(answer, "scatters")
      })
    )
  }

  const first = chunk({ role: "assistant", content: "Light " })
  const half = { index: 0, id: "t", type: "function", function: { name: "look", arguments: '{"a"' } }
  for (const [what, second] of [
    ["a tool call", chunk({ tool_calls: [half] })],
    ["the second of two answers", chunk({ role: "assistant", content: "Other" }, { index: 1 })]
  ] as const) {
    it.scopedLive(`and is cut in ${what} isn't continued`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(completion(cut(first, second)))
        assert.include(error, "broke off")
      })
    )
  }

  it.scopedLive("and is cut between its stop reason and its end has one stop reason", () =>
    Effect.gen(function* () {
      const url = yield* over(cut(begun, messages.wire(blockStop(), stopped())))
      const text = yield* Effect.promise(async () => {
        const question = { model: "claude", max_tokens: 9, stream: true, messages: said }
        const headers = { "content-type": "application/json" }
        const init = { method: "POST", headers, body: JSON.stringify(question) }
        return (await fetch(`${url}/v1/messages`, init)).text()
      })
      assert.lengthOf(text.match(/^event: message_delta$/gm) ?? [], 1)
      assert.include(text, "event: message_stop")
    })
  )

  for (const lines of ["\n\n", "\n"]) {
    it.scopedLive(`has its end though the provider leaves out ${JSON.stringify(lines)} there`, () =>
      Effect.gen(function* () {
        const events = begun + messages.wire(blockStop(), stopped(), end)
        const { content } = yield* message(body(events.slice(0, -lines.length)))
        assert.deepInclude(content[0], { type: "text", text: "Light " })
      })
    )
  }

  for (const [what, events] of [
    ["names", (begun + messages.wire(blockStop(), stopped(), end)).replaceAll(/^event: .*\n/gm, "")],
    ["deltas", `data: ${JSON.stringify(messages.piece({ content: [{ type: "text", text: "Light " }] }))}\n\n`]
  ] as const) {
    it.scopedLive(`is written anew where its events have no ${what}, which clients read it by`, () =>
      Effect.gen(function* () {
        const { content } = yield* message(body(events))
        assert.deepInclude(content[0], { type: "text", text: "Light " })
      })
    )
  }
})
