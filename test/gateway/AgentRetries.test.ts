/** What a call of Responses is answered where its providers failed: its clients repeat it, and the router has done so. */
import { assert, describe, it } from "@effect/vitest"
import { AIProvider, EngineError } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as RawServer from "../utils/RawServer.js"
import { type Answer, post, start } from "./harness.js"
import * as wired from "./wires.js"

/** As Codex 0.171 repeats: a 5xx 5 times in each of 6 rounds; any other status isn't repeated. */
const repeating = (
  ask: Effect.Effect<Answer>,
  left = 30
): Effect.Effect<{ readonly requests: number; readonly last: Answer }> =>
  Effect.flatMap(ask, (last) =>
    last.status < 500 || left === 1 ? Effect.succeed({ requests: 31 - left, last }) : repeating(ask, left - 1)
  )

const body = { model: "claude", input: "Hi", stream: true }

const errors = Behaviour.errors(AIProvider.Claude)

describe("a call of Responses that no provider answers", () => {
  const { AuthenticationError, ModelNotFoundError, TimeoutError, TransientError } = errors
  for (const error of [
    TransientError,
    TimeoutError,
    ModelNotFoundError,
    AuthenticationError,
    new EngineError.TransientError({ provider: AIProvider.Claude, description: "no", reason: "server" })
  ]) {
    it.scopedLive(`isn't repeated by clients that repeat a 5xx: ${error.message}`, () =>
      Effect.gen(function* () {
        const { engines, url } = yield* start({
          engines: [{ provider: AIProvider.Claude, script: [Behaviour.fail(error)] }],
          policy: { rules: { TransientError: { _tag: "fail-over" } } }
        })
        const { last, requests } = yield* repeating(post(`${url}/v1/responses`, body))
        assert.strictEqual(requests, 1)
        assert.lengthOf(yield* engines[0]?.calls ?? Effect.succeed([]), 1)
        assert.strictEqual(last.status, 429)
        assert.strictEqual(last.headers.get("x-should-retry"), "false")
        // What it was is said all the same.
        const said = JSON.parse(last.text).error
        assert.strictEqual(said.type, "server_error")
        assert.include(said.message, "claude")
        // Clients of other wires are told the status.
        const chat = { model: "claude", messages: [{ role: "user", content: "Hi" }] }
        assert.isAtLeast((yield* post(`${url}/v1/chat/completions`, chat)).status, 502)
      })
    )
  }

  it.scopedLive("is told the provider's own error as it came, whatever its client does then", () =>
    Effect.gen(function* () {
      const said = JSON.stringify({
        error: { message: "down", type: "server_error", code: null, param: null }
      })
      const { url } = yield* wired.over([RawServer.answer(500, "application/json", said)])
      const reply = yield* wired.ask(url, "responses", "responses", true, { "x-saga-fallback": "off" })
      assert.deepStrictEqual([reply.status, reply.text], [500, said])
    })
  )

  it.scopedLive("is told of the gateway's own failures by their status", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines: [] })
      assert.strictEqual((yield* post(`${url}/v1/responses`, body)).status, 404)
      assert.strictEqual((yield* post(`${url}/v1/responses`, "{")).status, 400)
    })
  )
})
