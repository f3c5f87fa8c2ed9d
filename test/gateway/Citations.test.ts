/** What answers cite, for callers of other wires than their provider's. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { Claude, OpenAICompatible } from "arc-saga/engines"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import { dataOf, post, start } from "./harness.js"

type Json = Readonly<Record<string, unknown>>

const url = "https://example.org/a"

const chunk = (delta: Json, more: Json = {}): string =>
  `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, delta, ...more }] })}\n\n`

const annotation = {
  type: "url_citation",
  url_citation: { start_index: 3, end_index: 5, title: "A page", url, content: "the words" }
}

const chat = (...annotations: ReadonlyArray<Json>) =>
  chunk({ content: "So it is" }) +
  chunk({ annotations }) +
  chunk({}, { finish_reason: "stop" }) +
  "data: [DONE]\n\n"

const called =
  chunk({ content: "So it is", annotations: [annotation] }) +
  chunk({ tool_calls: [{ index: 0, id: "c", function: { name: "f", arguments: "{}" } }] }) +
  chunk({}, { finish_reason: "tool_calls" }) +
  "data: [DONE]\n\n"

const page = {
  type: "web_search_result_location",
  url,
  title: "A page",
  cited_text: "w",
  encrypted_index: "x"
}
const place = {
  type: "char_location",
  cited_text: "w",
  document_index: 0,
  start_char_index: 0,
  end_char_index: 1
}

const claude = (...citations: ReadonlyArray<Json>) =>
  messages.wire(
    messages.start(),
    messages.block(),
    messages.text("So it is"),
    ...citations.map((citation) => messages.delta({ type: "citations_delta", citation })),
    messages.blockStop(),
    messages.stopped(),
    messages.end
  )

/** A gateway over a provider of Chat Completions or Messages that answers so, and what that one is asked. */
const over = (wire: "chat" | "messages", said: string) =>
  Effect.gen(function* () {
    const upstream = yield* RawServer.make(RawServer.answer(200, "text/event-stream", said))
    const options = { provider: AIProvider.unsafeMake("house"), baseUrl: upstream.url, model: "m" }
    const engine = yield* Effect.orDie(
      wire === "chat"
        ? OpenAICompatible.make(options)
        : Claude.make({ ...options, apiKey: Redacted.make("sk-test-key") })
    ).pipe(Effect.provide(FetchHttpClient.layer))
    const gateway = yield* start({ engines: [], registered: [engine] })
    const hello = [{ role: "user", content: "Hi" }]
    const ask = (path: string, body: Json = {}, headers: Readonly<Record<string, string>> = {}) =>
      post(
        `${gateway.url}${path}`,
        path === "/v1/responses"
          ? { model: "house", input: "Hi", ...body }
          : { model: "house", max_tokens: 9, messages: hello, ...body },
        headers
      )
    return { ask, upstream }
  })

const events = (text: string): ReadonlyArray<Json> =>
  dataOf(text).flatMap((data): ReadonlyArray<Json> => (data === "[DONE]" ? [] : [JSON.parse(data)]))

const flat = { type: "url_citation", start_index: 3, end_index: 5, title: "A page", url }

const own = {
  type: "web_search_result_location",
  url,
  title: "A page",
  cited_text: "the words",
  encrypted_index: ""
}

describe("pages that Chat Completions cites", () => {
  it.scopedLive("are citations of the text in Messages", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("chat", chat(annotation))
      const whole = yield* ask("/v1/messages")
      assert.deepStrictEqual(JSON.parse(whole.text).content, [
        { type: "text", text: "So it is", citations: [own] }
      ])
      assert.isNull(whole.headers.get("x-saga-dropped"))
      const streamed = events((yield* ask("/v1/messages", { stream: true })).text)
      const at = streamed.findIndex(({ type }) => type === "content_block_stop")
      assert.deepStrictEqual(streamed[at - 1], {
        type: "content_block_delta",
        index: 0,
        delta: { type: "citations_delta", citation: own }
      })
    })
  )

  it.scopedLive("are annotations of the text in Responses", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("chat", chat(annotation))
      const whole = JSON.parse((yield* ask("/v1/responses")).text)
      assert.deepStrictEqual(whole.output[0].content[0].annotations, [flat])
      const streamed = events((yield* ask("/v1/responses", { stream: true })).text)
      const types = streamed.map(({ type }) => type)
      const added = types.indexOf("response.output_text.annotation.added")
      assert.isAbove(types.indexOf("response.output_text.done"), added)
      assert.deepInclude(streamed[added], {
        annotation: flat,
        annotation_index: 0,
        content_index: 0,
        output_index: 0
      })
      const end: { response?: { output: ReadonlyArray<{ content: ReadonlyArray<Json> }> } } =
        streamed.at(-1) ?? {}
      assert.deepStrictEqual(end.response?.output[0]?.content[0]?.["annotations"], [flat])
    })
  )

  it.scopedLive("are told as left out where the text is over before they are known", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("chat", called)
      const tools = [{ name: "f", input_schema: { type: "object" } }]
      const streamed = yield* ask("/v1/messages", { tools, stream: true })
      assert.notInclude(streamed.text, "citations_delta")
      const saga = events(streamed.text).find(({ type }) => type === "message_delta")?.["saga"]
      assert.deepInclude(saga, { dropped: ["citations"] })
      const whole = yield* ask("/v1/messages", { tools })
      assert.deepStrictEqual(JSON.parse(whole.text).content[0].citations, [own])
    })
  )

  it.scopedLive("don't go on to a provider of Messages when they come back", () =>
    Effect.gen(function* () {
      const { ask, upstream } = yield* over("messages", claude())
      const said = (citations: unknown) => ({ type: "text", text: "So it is", citations })
      const body = (...texts: ReadonlyArray<Json>) => ({
        messages: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: texts },
          { role: "user", content: [{ type: "text", text: "And?" }] }
        ]
      })
      yield* ask("/v1/messages", body(said([own]), said([page, own]), said([page]), said(null)))
      const asked = JSON.parse(upstream.requests[0]?.body ?? "")
      const expected = body(said(null), said([page]), said([page]), said(null))
      assert.deepStrictEqual(asked.messages, expected.messages)
    })
  )
})

describe("what Messages cites", () => {
  const nested = {
    type: "url_citation",
    url_citation: { start_index: 0, end_index: 8, title: "A page", url }
  }

  it.scopedLive("are annotations of the message in Chat Completions where it is a page", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("messages", claude(page, place))
      const whole = yield* ask("/v1/chat/completions")
      assert.deepStrictEqual(JSON.parse(whole.text).choices[0].message.annotations, [nested])
      assert.strictEqual(whole.headers.get("x-saga-dropped"), "citations")
      const streamed = events((yield* ask("/v1/chat/completions", { stream: true })).text)
      const deltas = streamed.map(({ choices }) => choices)
      assert.include(JSON.stringify(deltas), JSON.stringify({ annotations: [nested] }))
      assert.deepInclude(streamed.at(-1)?.["saga"], { dropped: ["citations"] })
    })
  )

  it.scopedLive("is nowhere where there is nothing", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("messages", claude())
      const whole = yield* ask("/v1/chat/completions")
      assert.notProperty(JSON.parse(whole.text).choices[0].message, "annotations")
      assert.isNull(whole.headers.get("x-saga-dropped"))
      const streamed = events((yield* ask("/v1/chat/completions", { stream: true })).text)
      assert.notProperty(streamed.at(-1)?.["saga"], "dropped")
    })
  )

  it.scopedLive("comes as it came to callers of Messages, and nothing is told", () =>
    Effect.gen(function* () {
      const { ask } = yield* over("messages", claude(page, place))
      const streamed = yield* ask("/v1/messages", { stream: true })
      assert.strictEqual(streamed.text, claude(page, place))
      const body = { type: "message", role: "assistant", model: "m", stop_reason: "end_turn" }
      const text = JSON.stringify({
        ...body,
        content: [{ type: "text", text: "So", citations: [place] }],
        usage: {}
      })
      const other = yield* over("messages", text)
      const whole = yield* other.ask("/v1/messages")
      assert.isNull(whole.headers.get("x-saga-dropped"))
      assert.strictEqual(whole.text, text)
      const translated = yield* other.ask("/v1/chat/completions")
      assert.strictEqual(translated.headers.get("x-saga-dropped"), "citations")
    })
  )
})
