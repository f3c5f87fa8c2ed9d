import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as AITask from "../../src/AITask.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { task } from "../utils/chatCompletions.js"
import { ending, engine, estimated, finish, prompt } from "../utils/graph.js"
import * as GraphServer from "../utils/GraphServer.js"
import * as RawServer from "../utils/RawServer.js"

const { compact, conversation, pretty, snapshots } = GraphServer

/** Snapshots that come apart. */
const apart = (...texts: ReadonlyArray<string>): GraphServer.Reply =>
  GraphServer.stream(...texts.map(RawServer.send), RawServer.end)

const answers = (...texts: ReadonlyArray<string>): GraphServer.Reply =>
  apart(pretty(conversation(prompt, undefined)), ...texts.map((text) => pretty(conversation(prompt, text))))

/** A client that brings each piece of a reply alone, as no socket does for sure. */
const client = ({ headers, status, steps }: GraphServer.Reply) =>
  HttpClient.make((request) => {
    const left = [...steps]
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const step = left.shift()
        if (step?._tag === "Send") controller.enqueue(step.bytes)
        else controller.close()
      }
    })
    const response = request.url.endsWith("/conversations")
      ? Response.json({ id: "a" }, { status: 201 })
      : new Response(body, { status, headers })
    return Effect.succeed(HttpClientResponse.fromWeb(request, response))
  })

const chunks = (reply: GraphServer.Reply, mode: AITask.Mode = "streaming") =>
  Effect.flatMap(Effect.all([engine("https://example.org"), task({ mode })]), ([made, asked]) =>
    attempts.chunks(made, asked)
  ).pipe(
    Effect.catchTag("InvalidArgumentError", Effect.die),
    Effect.provideService(HttpClient.HttpClient, client(reply))
  )

const given = (reply: GraphServer.Reply, mode?: AITask.Mode) =>
  Effect.map(chunks(reply, mode), (seen) => seen.flat())

const failed = (reply: GraphServer.Reply, mode?: AITask.Mode) =>
  Effect.map(Effect.flip(chunks(reply, mode)), attempts.fields)

const texts = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) =>
  events.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))

const warnings = (events: ReadonlyArray<ReasoningEngine.EngineEvent>) =>
  events.flatMap((event) => (event._tag === "Warning" ? [event.message] : []))

const rewrote = {
  _tag: "TransientError",
  reason: "malformed",
  description: "the provider rewrote words that had been delivered"
}

const changed = ["citation marks changed in text that had been delivered: it has those of before"]

describe.concurrent("Copilot streams", () => {
  it.effect("give what each snapshot adds, or all of it at the end", () =>
    Effect.gen(function* () {
      const reply = answers("", "Grü", "Grüße aus", "Grüße aus", "Grüße aus Köln 🚀")
      assert.deepStrictEqual(yield* given(reply), [
        ...["Grü", "ße aus", " Köln 🚀"].map(ReasoningEngine.textDelta),
        ...ending("Grüße aus Köln 🚀")
      ])
      assert.deepStrictEqual(yield* given(reply, "complete"), [
        ReasoningEngine.textDelta("Grüße aus Köln 🚀"),
        ...ending("Grüße aus Köln 🚀")
      ])
    })
  )

  it.effect("never give the prompt for an answer, wherever it is alone", () =>
    Effect.gen(function* () {
      const cut = { _tag: "TransientError", reason: "network" }
      const alone = pretty(conversation(prompt, undefined))
      // Also where the service writes it in its own way.
      const edited = pretty({ messages: [{ id: "prompt-0", text: " Say hi. " }] })
      for (const mode of ["streaming", "complete"] as const) {
        for (const reply of [apart(alone), apart(edited, edited), apart(alone, edited)]) {
          assert.deepInclude(yield* failed(reply, mode), cut)
        }
      }
      assert.deepInclude(yield* failed(GraphServer.json(200, conversation(prompt, undefined))), {
        _tag: "TransientError",
        reason: "malformed"
      })
      const back = yield* given(apart(alone, pretty(conversation(prompt, "Hi")), alone))
      assert.deepStrictEqual(texts(back), ["Hi"])
    })
  )

  it.effect("find the answer in snapshots that have only what changed", () =>
    Effect.gen(function* () {
      const lone = (id: string | undefined, text: string) => pretty({ messages: [{ id, text }] })
      const first = apart(lone("prompt-0", prompt), lone("answer-0", "H"), lone("answer-0", "Hi"))
      assert.deepStrictEqual(texts(yield* given(first)), ["H", "i"])
      const later = apart(pretty(conversation(prompt, "H")), lone("answer-0", "Hi"), lone("prompt-0", prompt))
      assert.deepStrictEqual(texts(yield* given(later)), ["H", "i"])
      const nameless = apart(
        lone(undefined, prompt),
        pretty({ messages: [{ text: prompt }, { text: "Hi" }] })
      )
      assert.deepStrictEqual(texts(yield* given(nameless)), ["Hi"])
    })
  )

  it.effect(
    "tolerate one line and many, CRLF, comments, ids anywhere, [DONE], and what isn't a snapshot",
    () =>
      Effect.gen(function* () {
        const text =
          ": keep-alive\n\n" +
          pretty(conversation(prompt, "H")).replaceAll("\n", "\r\n") +
          `id: 7\nevent: message\n${compact({ unknown: true })}` +
          compact({ ...conversation(prompt, "Hi"), state: null, messages: null, error: "" }) +
          `data:${JSON.stringify(conversation(prompt, "Hi"))}\n\n` +
          "data: [DONE]\n\n"
        assert.deepStrictEqual(yield* given(GraphServer.sse(text)), [
          ReasoningEngine.textDelta("Hi"),
          ...ending("Hi")
        ])
        // The last event may lack the blank line behind it, if all of it is there.
        assert.deepStrictEqual(texts(yield* given(GraphServer.sse(snapshots(prompt, "Hi").trimEnd()))), [
          "Hi"
        ])
      })
  )

  it.effect("aren't whole where an event can't be read, or the last one ends in the middle", () =>
    Effect.gen(function* () {
      const malformed = { _tag: "TransientError", reason: "malformed" }
      for (const mode of ["streaming", "complete"] as const) {
        for (const broken of ["data: {broken\n\n", "data: 7\n\n", compact({ messages: "none" })]) {
          const unreadable = { ...malformed, description: "an event of the answer can't be read" }
          const among = apart(snapshots(prompt, "H"), broken, snapshots(prompt, "Hi"))
          assert.deepInclude(yield* failed(among, mode), unreadable)
          const last = GraphServer.sse(snapshots(prompt, "Hi") + broken)
          assert.deepInclude(yield* failed(last, mode), unreadable)
        }
        const torn = GraphServer.sse(snapshots(prompt, "Hi", "Hi there").slice(0, -40))
        assert.deepInclude(yield* failed(torn, mode), { _tag: "TransientError", reason: "network" })
      }
      assert.deepInclude(yield* failed(GraphServer.sse("data: {broken\n\n")), malformed)
      const plain = { ...GraphServer.sse("Hi\n\n"), headers: { "content-type": "text/plain" } }
      assert.deepInclude(yield* failed(plain), malformed)
      assert.deepInclude(yield* failed(GraphServer.sse("")), { _tag: "TransientError", reason: "network" })
      assert.deepInclude(yield* failed(apart(snapshots(prompt, "Hi", ""))), { reason: "network" })
    })
  )

  it.effect("may be JSON in one piece instead", () =>
    Effect.gen(function* () {
      const piece = GraphServer.json(200, conversation(prompt, "Hi <Person>Ann</Person>"))
      for (const mode of ["streaming", "complete"] as const) {
        assert.deepStrictEqual(yield* given(piece, mode), [
          ReasoningEngine.textDelta("Hi Ann"),
          ...ending("Hi Ann")
        ])
      }
      const page = { ...GraphServer.sse("<html>"), headers: { "content-type": "text/html" } }
      assert.deepInclude(yield* failed(page), { _tag: "TransientError", reason: "malformed" })
    })
  )

  it.effect("finish otherwise than with stop where the conversation isn't active any more", () =>
    Effect.gen(function* () {
      const reply = GraphServer.sse(compact(conversation(prompt, "Hi", "paused")))
      assert.deepStrictEqual(yield* given(reply), [
        ReasoningEngine.textDelta("Hi"),
        ReasoningEngine.warning('the conversation ended in the state "paused"'),
        estimated(prompt.length, 2),
        finish("other")
      ])
    })
  )

  it.effect("bring their usage at their end only", () =>
    Effect.gen(function* () {
      const seen = yield* chunks(answers("Hel", "Hello"))
      assert.deepStrictEqual(seen, [
        [ReasoningEngine.textDelta("Hel")],
        [ReasoningEngine.textDelta("lo")],
        ending("Hello")
      ])
    })
  )
})

describe.concurrent("Copilot's rewritten snapshots", () => {
  it.effect("go on behind citation marks that come late or go away, with one warning", () =>
    Effect.gen(function* () {
      for (const [first, second, last, streamed] of [
        ["Hello world", "Hello [1] world, and", "Hello [1] world, and you", "Hello world, and you"],
        ["Hello world.", "Hello[1] world[^2^].", "Hello[1] world[^2^]. Bye", "Hello world. Bye"],
        ["Hello [1] world", "Hello world, and", "Hello world, and [2] you", "Hello [1] world, and [2] you"],
        ["Hello [1]", "Hello you", "Hello you [1]", "Hello [1] you [1]"],
        ["Hello [1]", "Hello [2] you", "Hello [1][2] you [3]", "Hello [1] you [3]"],
        ["A b [1]", "A [2] b [1][3]", "A [2] b [1][3] c", "A b [1][3] c"],
        ["A\nB", "A [1]\nB", "A [1] [2]\nB [3]", "A\nB [3]"],
        ["See [a] b", "See [1] [a] b", "See [1] [a] b, c", "See [a] b, c"],
        ["See [1] [a] b", "See[1][a] b,", "See[1][a] b, c", "See [1] [a] b, c"],
        ["Hello [1]", "Hello", "Hello", "Hello [1]"]
      ] as const) {
        const reply = answers(first, second, last)
        const seen = yield* given(reply)
        assert.strictEqual(attempts.text(seen), streamed)
        assert.deepStrictEqual(warnings(seen), changed, last)
        const whole = yield* given(reply, "complete")
        assert.deepStrictEqual(texts(whole), [last])
        assert.deepStrictEqual(warnings(whole), [])
      }
    })
  )

  it.effect("are waited for where they have other words, and go on where they have the same again", () =>
    Effect.gen(function* () {
      const seen = yield* given(answers("Hello world", "Good", "Hello", "Hello world, again"))
      assert.deepStrictEqual(texts(seen), ["Hello world", ", again"])
      assert.deepStrictEqual(warnings(seen), [])
    })
  )

  it.effect("fail a streamed answer whose last words are others, and are what a whole one says", () =>
    Effect.gen(function* () {
      for (const [first, last] of [
        ["Hello world", "Good day"],
        ["Hello world", "Hello"],
        ["Hello world", "Helloworld"],
        ["Hello world", "Hello  world"],
        ["Hello world", "Hello [1] word"],
        ["See [a] b", "See [c] b"],
        ["See [", "See it"]
      ] as const) {
        const reply = answers(`${first}!`, last)
        assert.deepInclude(yield* failed(reply), rewrote, last)
        assert.deepStrictEqual(texts(yield* given(reply, "complete")), [last])
      }
    })
  )

  it.effect("give a citation mark whole or not at all", () =>
    Effect.gen(function* () {
      const seen = yield* given(
        answers("Hello [", "Hello [^1", "Hello world", "Hello world [1", "Hello world [1]!")
      )
      assert.deepStrictEqual(texts(seen), ["Hello", " world", " [1]!"])
      assert.deepStrictEqual(warnings(seen), [])
    })
  )

  it.effect("may lose white space at their end", () =>
    Effect.gen(function* () {
      const seen = yield* given(answers("Hello \n", "Hello", "Hello\n\nYou\n"))
      assert.deepStrictEqual(texts(seen), ["Hello", "\n\nYou", "\n"])
    })
  )

  it.effect("only count by the last of those that come together", () =>
    Effect.gen(function* () {
      const seen = yield* given(GraphServer.sse(snapshots(prompt, "Searching", "The answer")))
      assert.deepStrictEqual(texts(seen), ["The answer"])
    })
  )
})

describe.concurrent("Copilot's entities", () => {
  it.effect("are told as plain text, in both deliveries, wherever a snapshot ends", () =>
    Effect.gen(function* () {
      const text = "Ask <Person>Ann Lee</Person> for <File>Plan [1].docx</File> at <Event>Lunch</Event>. <P>"
      const plain = "Ask Ann Lee for Plan [1].docx at Lunch. <P>"
      const cuts = Array.from({ length: text.length }, (_, index) => text.slice(0, index + 1))
      for (const mode of ["streaming", "complete"] as const) {
        const seen = yield* given(answers(...cuts), mode)
        assert.strictEqual(attempts.text(seen), plain)
        assert.deepStrictEqual(warnings(seen), [])
      }
    })
  )

  it.effect("aren't seen in code that looks like them", () =>
    Effect.gen(function* () {
      const text = "List<Person> of <File>\n</File>, <Person><File>a</File>, <Event x>b</Event> and <Person"
      const seen = yield* given(answers("List<Person> of", text))
      assert.strictEqual(attempts.text(seen), text.replace("<File>a</File>", "a"))
    })
  )
})
