import { assert, describe, it } from "@effect/vitest"
import { AIProvider, LimitStore, SharedState } from "arc-saga"
import { Behaviour } from "arc-saga/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createHash } from "node:crypto"
import { post, request, type Setup, start } from "./harness.js"

const { answer } = Behaviour

const chat = { model: "claude", messages: [{ role: "user", content: "Hello" }] }
const engines: Setup["engines"] = [{ provider: AIProvider.Claude, script: [answer({ text: "Hi" })] }]

const sha256 = createHash("sha256").update("test-key-web").digest("hex")
const web = { authorization: "Bearer test-key-web" }

/** What the layers of a context provide to a gateway that looks for it. */
const around = (layer: Layer.Layer<LimitStore.LimitStore | SharedState.SharedState>): Layer.Layer<never> =>
  layer

/** Two gateways over one store, each with the same key. */
const gateways = (limits: object, awaySince?: number) =>
  Effect.gen(function* () {
    const store = yield* LimitStore.makeMemory
    const shared = around(
      Layer.merge(
        Layer.succeed(LimitStore.LimitStore, store),
        Layer.succeed(SharedState.SharedState, { unsafeAwaySince: () => awaySince })
      )
    )
    const setup = {
      engines,
      gateway: { keys: [{ id: "web", sha256, observe: true, ...limits }] },
      around: shared
    }
    return { store, urls: [(yield* start(setup)).url, (yield* start(setup)).url] as const }
  })

const ask = (url: string) =>
  Effect.map(post(`${url}/v1/chat/completions`, chat, web), ({ headers, status, text }) => ({
    status,
    text,
    wait: Number(headers.get("retry-after"))
  }))

describe("gateways that share their state", () => {
  it.scopedLive("limit the calls of a key in a minute together", () =>
    Effect.gen(function* () {
      const {
        urls: [one, other]
      } = yield* gateways({ requestsPerMinute: 2 })
      assert.strictEqual((yield* ask(one)).status, 200)
      assert.strictEqual((yield* ask(other)).status, 200)
      const { status, text, wait } = yield* ask(one)
      assert.strictEqual(status, 429)
      assert.include(text, "2 calls in a minute")
      assert.isTrue(wait > 0 && wait <= 61, String(wait))
    })
  )

  it.scopedLive("limit the calls of a key at a time together, and count none that has ended", () =>
    Effect.gen(function* () {
      const {
        store,
        urls: [one, other]
      } = yield* gateways({ concurrent: 1 })
      assert.strictEqual((yield* ask(one)).status, 200)
      assert.strictEqual((yield* ask(other)).status, 200)
      yield* store.take("key web", {}, 0)
      const { status, text } = yield* ask(one)
      assert.strictEqual(status, 429)
      assert.include(text, "1 calls at a time")
    })
  )

  it.scopedLive("ask nothing of the store for a key without limits", () =>
    Effect.gen(function* () {
      const {
        store,
        urls: [one]
      } = yield* gateways({})
      assert.strictEqual((yield* ask(one)).status, 200)
      assert.strictEqual(store.unsafeReadyAt("key web", { requestsPerMinute: 1 }, 0), 0)
    })
  )

  it.scopedLive("tell whether it can be reached, and stay ready while it can't", () =>
    Effect.gen(function* () {
      for (const [awaySince, shared, told] of [
        [undefined, "reachable", null],
        [60_000, "away", "1970-01-01T00:01:00.000Z"]
      ] as const) {
        const {
          urls: [url]
        } = yield* gateways({}, awaySince)
        const ready = yield* request(`${url}/readyz`)
        assert.deepStrictEqual([ready.status, JSON.parse(ready.text)], [200, { status: "ready", shared }])
        const status = yield* request(`${url}/status.json`, { headers: web })
        assert.strictEqual(JSON.parse(status.text).sharedAwaySince, told)
      }
    })
  )
})
