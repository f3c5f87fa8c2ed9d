/** Errors that come within a stream: handed on as they came, or told as the errors of another wire. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { dataOf, post } from "./harness.js"
import * as wired from "./wires.js"

const junk =
  ': a comment\n\ndata: {"model":"m","choices":[{"delta":{"content":"more"}}]}\n\nevent: ping\ndata: {}\n\n'

const wirings: Record<
  wired.Wire,
  {
    /** Before the first content, and up to it. */
    readonly opening: string
    readonly begun: string
    readonly rest: string
    readonly errors: ReadonlyArray<string>
  }
> = {
  messages: {
    begun: messages.hi,
    rest: messages.rest,
    opening: messages.wire(messages.start()),
    errors: [
      'event: error\ndata: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}\n\n',
      'event: error\r\ndata: {"type": "error", "error": {"type": "api_error", "message": "prompt is too long: 9 > 8"}}\r\n\r\n',
      'event: error\ndata: {"type":"error","error":{"type":"error_of_next_year","message":"?"}}\n\n'
    ]
  },
  chatCompletions: {
    begun: chat.hi,
    rest: chat.stop + chat.done,
    opening: `data: ${JSON.stringify(chat.delta({ role: "assistant", content: "" }))}\n\n`,
    errors: [
      'data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}\n\n',
      'data: {"error": {"code": 529, "message": "overloaded", "metadata": {"raw": "{}"}}, "choices": []}\r\n\r\n',
      'event: error\ndata: {"error":"quota"}\n\n'
    ]
  },
  responses: {
    begun: responses.wire(...responses.hi),
    rest: responses.wire(...responses.rest),
    opening: responses.wire(responses.created),
    errors: [
      responses.wire(responses.failed("server_is_overloaded", "Busy")),
      responses.wire(responses.failed("context_length_exceeded", "Too long", { metadata: { a: "b" } })),
      'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"Try again in 1.5s","param":null,"sequence_number":9}\n\n'
    ]
  }
}

const stream = (...pieces: ReadonlyArray<string>): ReadonlyArray<RawServer.Step> => [
  RawServer.send(RawServer.head(200, "text/event-stream")),
  ...pieces.flatMap((piece) => [RawServer.send(piece), RawServer.pause(3)]),
  RawServer.end
]

/** Nobody takes over. */
const alone = { "x-saga-fallback": "off" }

describe("an error within a stream", () => {
  for (const wire of wired.wires) {
    const { begun, errors, opening, rest } = wirings[wire]

    it.scopedLive(`is handed on as it came to callers of its wire, and nothing behind it: ${wire}`, () =>
      Effect.gen(function* () {
        const cases = errors.flatMap(
          (error) =>
            [
              [stream(begun, error + junk), begun + error],
              [stream(begun + error, junk), begun + error],
              [stream(error + junk), error],
              [stream(opening, error + junk), opening + error],
              [stream(...(begun + error).split(/(?<=:)/), junk), begun + error]
            ] as const
        )
        const { activity, url } = yield* wired.over(cases.map(([steps]) => steps))
        for (const [, expected] of cases) {
          const { status, text } = yield* wired.ask(url, wire, wire, true, alone)
          assert.strictEqual(text, expected)
          assert.strictEqual(status, 200)
        }
        const { calls } = yield* activity.snapshot
        assert.isTrue(calls.every(({ ending }) => ending?._tag === "Failed"))
      })
    )

    it.scopedLive(`is one of their own to callers of another: from ${wire}`, () =>
      Effect.gen(function* () {
        const callers = wired.wires.filter((each) => each !== wire)
        const { url } = yield* wired.over(errors.map((error) => stream(begun, error)))
        for (const caller of callers) {
          const { text } = yield* wired.ask(url, caller, wire, true, alone)
          const last = JSON.parse(dataOf(text).at(-1) ?? "")
          if (caller === "messages") assert.strictEqual(last.type, "error")
          if (caller === "responses") assert.strictEqual(last.type, "response.failed")
          if (caller === "chatCompletions") assert.isString(last.error.message)
          assert.include(text, "Hi")
        }
      })
    )

    it.scopedLive(`comes behind signs of life as it came: ${wire}`, () =>
      Effect.gen(function* () {
        const [error = ""] = errors
        const said = {
          error: {
            type: "invalid_request_error",
            code: "c",
            message: "prompt is too long: 9 tokens > 8 maximum"
          }
        }
        const late = (steps: ReadonlyArray<RawServer.Step>) => [RawServer.pause(120), ...steps]
        const { url } = yield* wired.over(
          [
            late(stream(opening, error)),
            late(RawServer.answer(400, "application/json", JSON.stringify(said)))
          ],
          { gateway: { keepAliveMs: 20 } }
        )
        const first = yield* wired.ask(url, wire, wire, true, alone)
        assert.isTrue(first.text.endsWith(opening + error), first.text)
        assert.isAbove(first.text.length, (opening + error).length)
        // One that had a status is the wire's event, in the provider's words.
        const second = yield* wired.ask(url, wire, wire, true, alone)
        assert.strictEqual(second.status, 200)
        const last = JSON.parse(dataOf(second.text).at(-1) ?? "")
        assert.deepInclude((last.response ?? last).error, { code: "c", message: said.error.message })
      })
    )

    it.scopedLive(`has nothing handed on behind it, as an end has: ${wire}`, () =>
      Effect.gen(function* () {
        const { url } = yield* wired.over([stream(begun, rest + junk), stream(begun + rest, junk)])
        for (const _ of [1, 2]) {
          assert.strictEqual((yield* wired.ask(url, wire, wire, true)).text, begun + rest)
        }
      })
    )

    it.scopedLive(`tells no key: ${wire}`, () =>
      Effect.gen(function* () {
        const error = errors[0]?.replace(/Overloaded|The server had|Busy/, wired.upstreamKey) ?? ""
        const { url } = yield* wired.over([stream(begun, error)])
        const { text } = yield* wired.ask(url, wire, wire, true, alone)
        assert.notInclude(text, wired.upstreamKey)
        assert.include(text, "<redacted>")
      })
    )
  }

  for (const [what, error] of [
    ["another form", 'data: {"object":"error","message":"out of memory","code":500}\n\n'],
    ["no event", 'error: {"code":500,"message":"out of memory"}\n\n'],
    [
      "the middle of an event",
      'data: {"choices":[{"delta":{"content":"x{"error":{"message":"out of memory"}}\n\n'
    ]
  ] as const) {
    it.scopedLive(`that clients of its wire wouldn't see is told as they would: ${what}`, () =>
      Effect.gen(function* () {
        const { url } = yield* wired.over([stream(chat.hi, error)])
        const { text } = yield* wired.ask(url, "chatCompletions", "chatCompletions", true, alone)
        assert.notInclude(text, error)
        // Where both came at once nothing was delivered yet, and the error is the whole answer.
        assert.isString(JSON.parse(dataOf(text).at(-1) ?? text).error.message)
      })
    )
  }

  it.scopedLive("comes without the counts that weren't asked for", () =>
    Effect.gen(function* () {
      const [error = ""] = wirings.chatCompletions.errors
      const { url } = yield* wired.over([stream(chat.hi, chat.usage + error)])
      const body = { model: "chatCompletions", stream: true, messages: [{ role: "user", content: "Hi" }] }
      assert.strictEqual((yield* post(`${url}/v1/chat/completions`, body, alone)).text, chat.hi + error)
    })
  )

  it.scopedLive("in a whole answer is told by a status", () =>
    Effect.gen(function* () {
      const error = { error: { message: "no", type: "server_error" } }
      const { url } = yield* wired.over([RawServer.answer(200, "application/json", JSON.stringify(error))])
      assert.isAtLeast(
        (yield* wired.ask(url, "chatCompletions", "chatCompletions", false, alone)).status,
        500
      )
    })
  )
})
