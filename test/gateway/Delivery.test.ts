import { assert, describe, it } from "@effect/vitest"
import { AIProvider } from "arc-saga"
import { ApiKeys, Gateway } from "arc-saga/gateway"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { post, start } from "./harness.js"

const ok = Behaviour.answer({ text: "Light scatters." })
const engines = [
  { provider: AIProvider.Claude, script: [ok] },
  { provider: AIProvider.Gpt4, script: [ok] }
] as const

const body = (model: string) => ({ model, stream: true, messages: [{ role: "user", content: "Why?" }] })

/** How a gateway delivers a stream. */
const delivery = (url: string, model: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.map(post(`${url}/v1/chat/completions`, body(model), headers), ({ headers: told, status }) =>
    status === 200 ? told.get("x-saga-delivery") : status
  )

describe("The delivery of a stream", () => {
  it.scopedLive(
    "is that of its request, its key, its model, its strategy or the gateway, the first that is set",
    () =>
      Effect.gen(function* () {
        const key = (id: string) =>
          Effect.map(ApiKeys.hash(Redacted.make(`key-${id}`)), (sha256) => ({ id, sha256 }))
        const settings: Gateway.Settings = {
          keys: [{ ...(yield* key("careful")), delivery: "buffered" }, yield* key("plain")],
          deliveries: { claude: "buffered", "saga/cheapest": "buffered", "saga/auto": "streamed" }
        }
        const { url } = yield* start({ engines, gateway: settings })
        const of = (id: string, model: string, headers: Readonly<Record<string, string>> = {}) =>
          delivery(url, model, { authorization: `Bearer key-${id}`, ...headers })
        assert.strictEqual(yield* of("plain", "gpt4"), "streamed")
        assert.strictEqual(yield* of("plain", "claude"), "buffered")
        assert.strictEqual(yield* of("plain", "saga/cheapest"), "buffered")
        assert.strictEqual(yield* of("plain", "gpt4", { "x-saga-strategy": "cheapest" }), "buffered")
        assert.strictEqual(yield* of("plain", "saga/auto", { "x-saga-strategy": "cheapest" }), "streamed")
        assert.strictEqual(yield* of("plain", "saga/fastest"), "streamed")
        assert.strictEqual(yield* of("careful", "gpt4"), "buffered")
        assert.strictEqual(yield* of("careful", "gpt4", { "x-saga-delivery": "streamed" }), "streamed")
      })
  )

  it.scopedLive("is set by the strategy that the gateway has, where a call names none", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines, gateway: { deliveries: { "saga/balanced": "buffered" } } })
      assert.strictEqual(yield* delivery(url, "saga/auto"), "buffered")
      assert.strictEqual(yield* delivery(url, "claude"), "streamed")
    })
  )

  it.scopedLive("is also known by the words of before", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ engines })
      assert.strictEqual(yield* delivery(url, "claude", { "x-saga-delivery": "assured" }), "buffered")
      assert.strictEqual(yield* delivery(url, "claude", { "x-saga-delivery": "live" }), "streamed")
      assert.strictEqual(yield* delivery(url, "claude", { "x-saga-delivery": "later" }), 400)
      const decode = Schema.decodeUnknownSync(Gateway.Settings)
      assert.deepStrictEqual(decode({ delivery: "assured", deliveries: { claude: "live" } }), {
        delivery: "buffered",
        deliveries: { claude: "streamed" }
      })
      assert.throws(() => decode({ delivery: "later" }), /streamed/)
    })
  )

  it.scopedLive("isn't set for a strategy that there isn't", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        start({ engines, gateway: { deliveries: { "saga/cheepest": "buffered" } } })
      )
      assert(error._tag === "InvalidArgumentError")
      assert.strictEqual(error.field, "deliveries")
      assert.match(error.reason, /saga\/cheapest.*, actual "saga\/cheepest"$/)
    })
  )
})
