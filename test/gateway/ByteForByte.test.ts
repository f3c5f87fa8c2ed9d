/** Answers over the caller's own wire, whatever is in them and in whatever pieces they come: as they were written. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import { jsonValue } from "../utils/jsonValue.js"
import * as messages from "../utils/messages.js"
import { runs } from "../utils/property.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { post } from "./harness.js"
import { ask, over, paths, type Wire, wires } from "./wires.js"

type Json = Readonly<Record<string, unknown>>

/** What is random in an answer. */
const said = FastCheck.record({
  texts: FastCheck.array(FastCheck.string({ unit: "grapheme", minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 4
  }),
  /** Fields that no table knows, which are in every object. */
  unknown: FastCheck.dictionary(
    FastCheck.stringMatching(/^x_[a-z]{1,8}$/),
    jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
    { maxKeys: 2, noNullPrototype: true }
  ),
  /** Before which of the events one of a kind that is yet to come stands. */
  odd: FastCheck.nat(12),
  eol: FastCheck.constantFrom("\n", "\r\n"),
  space: FastCheck.constantFrom("", " "),
  indent: FastCheck.constantFrom(undefined, 1),
  cuts: FastCheck.array(FastCheck.integer({ min: 1, max: 200 }), { maxLength: 6 })
})

type Said = typeof said extends FastCheck.Arbitrary<infer A> ? A : never

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** JSON with fields in each of its objects. */
const within = (fields: Json, value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((each) => within(fields, each))
  if (!isObject(value)) return value
  const own = Object.entries(value).map(([name, each]) => [name, within(fields, each)] as const)
  return { ...Object.fromEntries(own), ...fields }
}

const chunk = (choices: ReadonlyArray<Json>, more: Json = {}): Json => ({
  id: "chatcmpl_1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m-1",
  choices,
  ...more
})

const usage = { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 }

/** The events of an answer with these texts. */
const eventsOf: Readonly<Record<Wire, (texts: ReadonlyArray<string>) => ReadonlyArray<Json>>> = {
  messages: (texts) => [
    messages.start(),
    messages.block(),
    ...texts.map((text) => messages.text(text)),
    messages.blockStop(),
    messages.stopped(),
    messages.end
  ],
  chatCompletions: (texts) => [
    chunk([{ index: 0, delta: { role: "assistant", content: "" } }]),
    ...texts.map((content) => chunk([{ index: 0, delta: { content } }])),
    chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
    chunk([], { usage })
  ],
  responses: (texts) => {
    const item = responses.message(texts.join(""))
    return [
      responses.created,
      responses.added({ ...item, content: [] }),
      responses.partAdded(),
      ...texts.map((text) => responses.text(text)),
      responses.done(item),
      responses.completed({ output: [item] })
    ]
  }
}

/** An answer in one piece with these texts. */
const wholeOf: Readonly<Record<Wire, (texts: ReadonlyArray<string>) => unknown>> = {
  messages: (texts) => messages.piece({ content: texts.map((text) => ({ type: "text", text })) }),
  chatCompletions: (texts) =>
    chunk([{ index: 0, message: { role: "assistant", content: texts.join("") }, finish_reason: "stop" }], {
      usage
    }),
  responses: (texts) => responses.response({ output: [responses.message(texts.join(""))] })
}

/** What a provider writes. */
const written = (wire: Wire, stream: boolean, { eol, indent, odd, space, texts, unknown }: Said): string => {
  if (!stream) return JSON.stringify(within(unknown, wholeOf[wire](texts)), null, indent)
  const events = eventsOf[wire](texts).map((event) => within(unknown, event))
  const next = wire === "chatCompletions" ? chunk([], { object: "chunk_of_2027" }) : { type: "event_of_2027" }
  const all = events.toSpliced(Math.min(odd, events.length - 1), 0, next)
  const lines = all.map((event) => {
    const named = isObject(event) && "type" in event ? `event:${space}${String(event["type"])}${eol}` : ""
    return `${named}data:${space}${JSON.stringify(event)}${eol}${eol}`
  })
  return lines.join("") + (wire === "chatCompletions" ? `data:${space}[DONE]${eol}${eol}` : "")
}

/** Its bytes in pieces, some of which end within a character. */
const inPieces = (text: string, type: string, cuts: ReadonlyArray<number>): ReadonlyArray<RawServer.Step> => {
  const bytes = new TextEncoder().encode(text)
  const ends = cuts.map((_, index) => cuts.slice(0, index + 1).reduce((sum, cut) => sum + cut, 0))
  const pieces = [0, ...ends].map((from, index) => bytes.slice(from, ends[index]))
  return [
    RawServer.send(RawServer.head(200, type)),
    ...pieces
      .filter(({ length }) => length > 0)
      .flatMap((piece) => [RawServer.send(piece), RawServer.pause(1)]),
    RawServer.end
  ]
}

describe("an answer over the wire of its call", () => {
  it.scopedLive.prop(
    "comes byte for byte, whole and as a stream, with fields and events that nobody knows",
    [said],
    ([said]) =>
      Effect.gen(function* () {
        const cases = wires.flatMap((wire) =>
          [false, true].map((stream) => ({ wire, stream, text: written(wire, stream, said) }))
        )
        const { activity, url } = yield* over(
          cases.map(({ stream, text }) =>
            inPieces(text, stream ? "text/event-stream" : "application/json", said.cuts)
          )
        )
        for (const { stream, text, wire } of cases) {
          const reply = yield* ask(url, wire, wire, stream)
          assert.strictEqual(reply.text, text, `${wire} ${stream}`)
          const [call] = (yield* activity.snapshot).calls
          // What it says is known all the same.
          assert.deepInclude(call?.ending, { _tag: "Answered" })
        }
      }),
    runs(40, 4)
  )
})

describe("a call over the wire of its provider", () => {
  it.scopedLive("is sent as it was written, and nothing but its model differs", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over(
        wires.map((wire) => inPieces(JSON.stringify(wholeOf[wire](["Hi"])), "application/json", []))
      )
      const asked = (wire: Wire, model: string): string =>
        `{ "x_id": 9007199254740993,\n"x_big":1e400, "x_one": 1.0,"x_zero":-0 , "model" : "${model}", "x_text":"\\u0061 \\"model\\": \\/",` +
        (wire === "responses"
          ? `"input":"Hi"`
          : `"messages":[ {"role":"user", "content":"H\\u0069"} ],"max_tokens":1e2`) +
        `, "seed":12345678901234567890}`
      for (const wire of wires) {
        yield* post(url + paths[wire], asked(wire, wire))
        assert.strictEqual(upstream.requests.at(-1)?.body, asked(wire, "m"), wire)
      }
    })
  )

  it.scopedLive("names no other model a second time, however its names are written", () =>
    Effect.gen(function* () {
      const { upstream, url } = yield* over(
        wires.map((wire) => inPieces(JSON.stringify(wholeOf[wire](["Hi"])), "application/json", []))
      )
      for (const wire of wires) {
        const said = wire === "responses" ? `"input":"Hi"` : `"messages":[{"role":"user","content":"Hi"}]`
        const bound = wire === "messages" ? `,"max_tokens":1000000,"max_tokens":9` : ""
        const body = `{"model":"other","mod\\u0065l":"other",${said}${bound},"x":[{"a":1.0,"a":2.0}],"model":"${wire}"}`
        yield* post(url + paths[wire], body)
        const kept = wire === "messages" ? `,"max_tokens":9` : ""
        const sent = `{${said}${kept},"x":[{"a":2.0}],"model":"m"}`
        assert.strictEqual(upstream.requests.at(-1)?.body, sent, wire)
      }
    })
  )
})
