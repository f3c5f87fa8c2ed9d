import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as AIProvider from "../../src/AIProvider.js"
import * as ReasoningEngine from "../../src/ReasoningEngine.js"
import * as attempts from "../utils/attempts.js"
import { task } from "../utils/chatCompletions.js"
import {
  block,
  counted,
  end,
  engine,
  error,
  failure,
  hi,
  json,
  piece,
  ping,
  start,
  stopped,
  stream,
  text,
  wire
} from "../utils/messages.js"
import * as RawServer from "../utils/RawServer.js"

describe.concurrent("Claude errors", () => {
  it.live("tell what the server said", () =>
    Effect.gen(function* () {
      const told = yield* failure(json(400, error("invalid_request_error", "plainly wrong")))
      assert.strictEqual(told.description, "plainly wrong")
      const page = yield* failure(RawServer.answer(502, "text/html", "<html><title>Bad gateway</title>"))
      assert.strictEqual(page.description, "it answers with a page instead of JSON: Bad gateway")
      const silent = yield* failure(RawServer.answer(500, "application/json", ""))
      assert.strictEqual(silent.description, "the server didn't say why")
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("bear the name of the provider that they are of", () =>
    Effect.gen(function* () {
      const haiku = AIProvider.unsafeMake("claude/haiku")
      for (const steps of [json(401, error("authentication_error")), stream(start()), [RawServer.reset]]) {
        assert.strictEqual((yield* failure(steps, { provider: haiku })).provider, "claude/haiku")
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})

describe.concurrent("Claude errors within an answer", () => {
  it.live("come in any form, also where one piece was asked for", () =>
    Effect.gen(function* () {
      const overloaded = { _tag: "TransientError", reason: "overloaded", description: "no" }
      const body = JSON.stringify(error("overloaded_error"))
      for (const bytes of [
        `event: error\ndata: ${body}\n\n`,
        `data: ${body}\n\n`,
        `event: error\ndata: ${JSON.stringify(error("overloaded_error").error)}\n\n`,
        `event: message_start\ndata: ${JSON.stringify({ error: error("overloaded_error").error })}\n\n`
      ]) {
        const failed = yield* failure(RawServer.answer(200, "text/event-stream", bytes))
        assert.deepInclude(attempts.fields(failed), overloaded, bytes)
      }
      const plain = yield* failure(
        RawServer.answer(200, "text/event-stream", "event: error\ndata: broken\n\n")
      )
      assert.deepInclude(attempts.fields(plain), { reason: "server", description: "broken" })
      const asJson = [{ completeOver: "json" }, { mode: "complete" }] as const
      for (const one of [error("overloaded_error"), { error: error("overloaded_error").error }]) {
        assert.deepInclude(attempts.fields(yield* failure(json(200, one), ...asJson)), overloaded)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("come after the text that came before them", () =>
    Effect.gen(function* () {
      const server = yield* RawServer.make(
        RawServer.answer(200, "text/event-stream", hi + wire(error("timeout_error", "gave up"), text("!")))
      )
      const made = yield* engine(server.url)
      const asked = yield* task()
      const pull = yield* made.attempt({ task: asked, mode: "streaming" })
      assert.deepStrictEqual(yield* pull, [ReasoningEngine.textDelta("Hi"), counted(3, 1)])
      assert.deepInclude(attempts.fields(yield* Effect.flip(pull)), {
        _tag: "TimeoutError",
        phase: "idle",
        description: "gave up"
      })
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are refusals where the model refuses, in its words where it has some", () =>
    Effect.gen(function* () {
      for (const [details, description] of [
        [undefined, "the model refused to answer"],
        [null, "the model refused to answer"],
        ["cyber", "the model refused to answer"],
        [{ type: "refusal", category: null }, "the model refused to answer"],
        [{ type: "refusal", category: "cyber" }, "cyber"],
        [{ category: "cyber", explanation: "No exploits." }, "cyber: No exploits."]
      ] as const) {
        const more = { stop_reason: "refusal", stop_details: details }
        const refused = { _tag: "ContentPolicyError", description }
        const streamed = yield* failure(
          stream(start(), block(), text("Hi"), stopped("refusal", { output_tokens: 1 }, more), end)
        )
        assert.deepInclude(attempts.fields(streamed), refused)
        const whole = yield* failure(json(200, piece(more)), { completeOver: "json" }, { mode: "complete" })
        assert.deepInclude(attempts.fields(whole), refused)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are overflows where the context window ended the answer", () =>
    Effect.gen(function* () {
      const reason = "model_context_window_exceeded"
      const streamed = yield* failure(stream(start(), block(), text("Hi"), stopped(reason), end))
      assert.strictEqual(streamed._tag, "ContextLengthError")
      const whole = yield* failure(
        json(200, piece({ stop_reason: reason })),
        { completeOver: "json" },
        { mode: "complete" }
      )
      assert.strictEqual(whole._tag, "ContextLengthError")
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are malformed where what came is the answer of another API, or lacks its parts", () =>
    Effect.gen(function* () {
      const malformed = { _tag: "TransientError", reason: "malformed" }
      for (const steps of [
        RawServer.answer(200, "text/event-stream", 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'),
        RawServer.answer(200, "application/json", '{"type":"message"}')
      ]) {
        assert.deepInclude(attempts.fields(yield* failure(steps)), malformed)
        const asJson = yield* failure(steps, { completeOver: "json" }, { mode: "complete" })
        assert.deepInclude(attempts.fields(asJson), malformed)
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.live("are cuts where the stream ends without message_stop, whatever came before", () =>
    Effect.gen(function* () {
      const cut = ReasoningEngine.cut(AIProvider.Claude)
      for (const steps of [
        stream(),
        stream(ping),
        stream(start()),
        stream(start(), end),
        stream(start(), block(), text("Hi")),
        stream(start(), block(), text("Hi"), stopped()),
        stream(end),
        RawServer.answer(200, "text/event-stream", `${hi}data: [DONE]\n\n`),
        RawServer.answer(200, "text/event-stream", `${hi}event: message_stop\ndata: {"type":"mess`),
        json(200, piece({ content: [], stop_reason: null }))
      ]) {
        assert.deepStrictEqual(attempts.fields(yield* failure(steps)), attempts.fields(cut))
      }
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )
})
