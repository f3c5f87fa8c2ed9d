/** Answers that a model refuses to give, or a filter ends: told as they came, or in the words of another wire. */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import OpenAI from "openai"
import * as chat from "../utils/chatCompletions.js"
import * as messages from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"
import * as responses from "../utils/responses.js"
import { eventually } from "./harness.js"
import * as wired from "./wires.js"

const { blockStop, end, start, stopped } = messages

/** Both are longer than what errors keep, and repeat what was asked. */
const words = `I can't help with "Hi". ${"Really not. ".repeat(40)}`
const said = { type: "text", text: "Light " }
const details = { stop_details: { type: "refusal", category: "cyber", explanation: words, odd: [1] } }
const refused = { type: "refusal", refusal: words }
const counts = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }

const sse = (...events: ReadonlyArray<unknown>): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") + chat.done

const item = (content: ReadonlyArray<unknown>) => ({ ...responses.message(""), content })

/** What refuses, by what it is called, as each wire has it: whole, and as its events. */
const refusals: ReadonlyArray<
  readonly [string, wired.Wire, { readonly whole: unknown; readonly stream: string }]
> = [
  [
    "a stop reason",
    "messages",
    {
      whole: messages.piece({ content: [said], stop_reason: "refusal", ...details }),
      stream: messages.wire(start(), messages.block(), blockStop(), stopped("refusal", {}, details), end)
    }
  ],
  [
    "a full window",
    "messages",
    {
      whole: messages.piece({ content: [said], stop_reason: "model_context_window_exceeded" }),
      stream: messages.wire(
        start(),
        messages.block(),
        messages.text("Light "),
        blockStop(),
        stopped("model_context_window_exceeded"),
        end
      )
    }
  ],
  [
    "a refusal in words",
    "chatCompletions",
    {
      whole: {
        ...chat.delta(undefined),
        choices: [
          { index: 0, message: { role: "assistant", content: null, refusal: words }, finish_reason: "stop" }
        ],
        usage: counts
      },
      stream: sse(
        chat.delta({ role: "assistant", content: null, refusal: words.slice(0, 9) }),
        chat.delta({ refusal: words.slice(9) }),
        chat.finish("stop"),
        { choices: [], usage: counts }
      )
    }
  ],
  [
    "a filter",
    "chatCompletions",
    {
      whole: {
        choices: [
          { index: 0, message: { role: "assistant", content: "Light " }, finish_reason: "content_filter" }
        ],
        usage: counts
      },
      stream: sse(chat.delta({ role: "assistant", content: "" }), chat.finish("content_filter"))
    }
  ],
  [
    "a part",
    "responses",
    {
      whole: responses.response({ output: [item([refused]) as never] }),
      stream: responses.wire(
        responses.created,
        responses.added({ ...responses.message(""), content: [] }),
        {
          type: "response.refusal.delta",
          item_id: "msg_1",
          output_index: 0,
          content_index: 0,
          delta: words
        } as never,
        {
          type: "response.refusal.done",
          item_id: "msg_1",
          output_index: 0,
          content_index: 0,
          refusal: words
        } as never,
        responses.done(item([refused])),
        responses.completed({ output: [item([refused]) as never] })
      )
    }
  ],
  [
    "an answer that is incomplete",
    "responses",
    {
      whole: responses.incomplete("content_filter").response,
      stream: responses.wire(responses.created, responses.incomplete("content_filter", { output: [] }))
    }
  ]
]

const steps = (body: unknown, stream: boolean) =>
  stream
    ? RawServer.answer(200, "text/event-stream", String(body))
    : RawServer.answer(200, "application/json", JSON.stringify(body))

const isContext = (what: string): boolean => what === "a full window"

describe("a refusal", () => {
  for (const [what, wire, { stream, whole }] of refusals) {
    it.scopedLive(`that is ${what} of ${wire} comes back as it came`, () =>
      Effect.gen(function* () {
        // Where the window is full, one that may be larger would be asked.
        const { activity, engines, upstream, url } = yield* wired.over(
          [steps(whole, false), steps(stream, true), steps(stream, true)],
          isContext(what) ? { engines: [] } : {}
        )
        for (const [body, isStream, headers] of [
          [JSON.stringify(whole), false, {}],
          [stream, true, {}],
          [stream, true, { "x-saga-delivery": "buffered" }]
        ] as const) {
          const reply = yield* wired.ask(url, wire, wire, isStream, {
            ...headers,
            ...(isContext(what) ? { "x-saga-fallback": "off" } : {})
          })
          assert.strictEqual(reply.text, body)
          assert.strictEqual(reply.status, 200)
          assert.include(reply.headers.get("content-type") ?? "", isStream ? "event-stream" : "json")
        }
        // Accounts know what it was.
        for (const { ending } of (yield* activity.snapshot).calls) {
          if (ending?._tag !== "Failed") return assert.fail("it isn't known that it was refused")
          assert.match(ending.code, /content_policy_violation|context_length_exceeded|stream_interrupted/)
        }
        assert.lengthOf(upstream.requests, 3)
        for (const { calls } of engines) assert.lengthOf(yield* calls, 0)
      })
    )
  }

  for (const [what, wire, { stream, whole }] of refusals.filter(([what]) => !isContext(what))) {
    for (const caller of wired.wires.filter((each) => each !== wire)) {
      it.scopedLive(`that is ${what} of ${wire} is one of ${caller} to its callers`, () =>
        Effect.gen(function* () {
          const { activity, engines, url } = yield* wired.over([steps(whole, false), steps(stream, true)])
          const piece = yield* wired.ask(url, caller, wire, false)
          assert.strictEqual(piece.status, 200, piece.text)
          const streamed = yield* finalOf(caller, url, wire)
          for (const [told, said] of [
            [JSON.parse(piece.text), JSON.stringify(whole)],
            [streamed, stream]
          ] as const) {
            const refusal = refusalIn(caller, told)
            // All of it, unlike in errors.
            if (said.includes("Really not")) assert.strictEqual(refusal.replace("cyber: ", ""), words)
            else assert.notStrictEqual(refusal, "")
          }
          for (const { ending } of (yield* activity.snapshot).calls) {
            assert.deepInclude(ending, { _tag: "Failed", code: "content_policy_violation" })
          }
          for (const { calls } of engines) assert.lengthOf(yield* calls, 0)
        })
      )
    }
  }

  it.scopedLive("is counted as what it used", () =>
    Effect.gen(function* () {
      const [, , body] = refusals[2] ?? assert.fail()
      const { url } = yield* wired.over([steps(body.whole, false)])
      const { usage } = JSON.parse((yield* wired.ask(url, "messages", "chatCompletions", false)).text)
      assert.deepInclude(usage, { input_tokens: 7, output_tokens: 5 })
    })
  )

  for (const wire of wired.wires) {
    it.scopedLive(
      `after some text isn't gone on with by another provider, and ends the stream: ${wire}`,
      () =>
        Effect.gen(function* () {
          const beginning = {
            messages: messages.hi,
            chatCompletions: chat.hi,
            responses: responses.wire(...responses.hi)
          }
          const ending = {
            messages: messages.wire(blockStop(), stopped("refusal", {}, details), end),
            chatCompletions: sse(chat.finish("content_filter")),
            responses: responses.wire(responses.incomplete("content_filter", { output: [] }))
          }
          const body = [
            RawServer.send(RawServer.head(200, "text/event-stream") + beginning[wire]),
            RawServer.pause(20),
            RawServer.send(ending[wire]),
            RawServer.end
          ]
          for (const caller of wired.wires) {
            const { activity, engines, url } = yield* wired.over([body])
            if (caller === wire) {
              const { text } = yield* wired.ask(url, wire, wire, true)
              assert.strictEqual(text, beginning[wire] + ending[wire])
            } else {
              const told = yield* finalOf(caller, url, wire)
              assert.isString(refusalIn(caller, told))
              assert.include(JSON.stringify(told), "Hi")
            }
            for (const { calls } of engines) assert.lengthOf(yield* calls, 0)
            yield* eventually(
              Effect.map(activity.snapshot, ({ calls }) => calls[0]?.ending?._tag === "Failed")
            )
          }
        })
    )
  }

  it.scopedLive("in another word than its wire's is told in its wire's", () =>
    Effect.gen(function* () {
      const { url } = yield* wired.over([
        steps(sse(chat.delta({ role: "assistant", content: "" }), chat.finish("SAFETY")), true)
      ])
      const { text } = yield* wired.ask(url, "chatCompletions", "chatCompletions", true)
      assert.include(text, '"finish_reason":"content_filter"')
      assert.notInclude(text, "SAFETY")
    })
  )

  for (const [wire, cut] of [
    ["messages", messages.wire(start(), messages.block(), blockStop(), stopped("refusal", {}, details))],
    ["chatCompletions", `data: ${JSON.stringify(chat.delta({ refusal: words }))}\n\n`],
    [
      "responses",
      responses.wire(responses.created, {
        type: "response.refusal.delta",
        item_id: "msg_1",
        output_index: 0,
        content_index: 0,
        delta: words
      } as never)
    ]
  ] as const) {
    it.scopedLive(`that breaks off behind its words is a whole one: ${wire}`, () =>
      Effect.gen(function* () {
        const { url } = yield* wired.over([steps(cut, true)])
        assert.include(refusalIn(wire, yield* finalOf(wire, url, wire)), words)
      })
    )
  }
})

/** What a vendor's client reads of a stream. */
const finalOf = (caller: wired.Wire, url: string, model: string): Effect.Effect<unknown> =>
  Effect.promise(async (): Promise<unknown> => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "test", maxRetries: 0 })
    switch (caller) {
      case "messages":
        return new Anthropic({ baseURL: url, apiKey: "test", maxRetries: 0 }).messages
          .stream({ model, max_tokens: 9, messages: [{ role: "user", content: "Hi" }] })
          .finalMessage()
      case "chatCompletions":
        return openai.chat.completions
          .stream({ model, messages: [{ role: "user", content: "Hi" }] })
          .finalChatCompletion()
      case "responses":
        return openai.responses.stream({ model, input: "Hi" }).finalResponse()
    }
  })

/** What is at a path of JSON. */
const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((within, name) => {
    if (Array.isArray(within)) return within.at(Number(name))
    return Predicate.isRecord(within) ? within[name] : undefined
  }, value)

/** The refusal in what callers of a wire are told; fails where it isn't one. */
const refusalIn = (caller: wired.Wire, told: unknown): string => {
  const [says, words] = {
    messages: [at(told, "stop_reason") === "refusal", at(told, "stop_details", "explanation")],
    chatCompletions: [
      at(told, "choices", 0, "finish_reason") === "content_filter",
      at(told, "choices", 0, "message", "refusal")
    ],
    responses: [
      at(told, "status") === "incomplete" && at(told, "incomplete_details", "reason") === "content_filter",
      at(told, "output", -1, "content", -1, "refusal")
    ]
  }[caller]
  assert.isTrue(says, JSON.stringify(told))
  return String(words)
}
